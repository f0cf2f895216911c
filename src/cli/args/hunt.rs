//! `poolsim hunt` as written.

use super::Format;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

/// `poolsim hunt`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = HUNT_HELP)]
pub struct RawHunt {
    /// Model files or names of presets; none for schedulers drawn at random
    #[arg(value_name = "MODEL|PRESET")]
    pub quarries: Vec<String>,

    /// Hunt for so long, such as 60s
    #[arg(long = "for", value_name = "TIME", help_heading = "Hunt")]
    pub time: Option<String>,
    /// Play at most N cases of each quarry [default: 100000, or no limit with --for]
    #[arg(long, value_name = "N", help_heading = "Hunt")]
    pub cases: Option<u64>,
    /// Seed of all cases
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Hunt")]
    pub seed: u64,
    /// Hold to this law alone (repeatable) [default: all; for random schedulers those that no setting may break]
    #[arg(long, value_name = "LAW", help_heading = "Hunt")]
    pub law: Vec<String>,
    /// Do not hold to this law (repeatable)
    #[arg(long, value_name = "LAW", help_heading = "Hunt")]
    pub except: Vec<String>,
    /// Change a value of the models, such as pool.main.slots=8 (repeatable)
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Hunt")]
    pub set: Vec<String>,
    /// Begin with the first case, even where an earlier hunt got further
    #[arg(long, help_heading = "Hunt")]
    pub from_start: bool,
    /// Play one case from a file and tell its story
    #[arg(long, value_name = "FILE", help_heading = "Hunt", conflicts_with_all = ["quarries", "time", "cases", "from_start"])]
    pub repeat: Option<String>,
    /// Threads [default: RAYON_NUM_THREADS, or one per core]; of a real target, cases side by side [default: 16, or 4
    /// where a case starts processes]
    #[arg(long, value_name = "N", help_heading = "Hunt")]
    pub threads: Option<usize>,

    /// What is hunted: policy (the scheduler's rules on virtual time), pool (threads of this process), process (worker
    /// processes) or command (a scheduler behind an adapter) [default: policy]
    #[arg(long, value_name = "TARGET", default_value = "policy", help_heading = "Target")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub target: HuntTarget,
    /// Command of a worker process, such as "python3 worker.py", in place of the model's target.process.run
    #[arg(long, value_name = "COMMAND", help_heading = "Target")]
    pub worker: Option<String>,
    /// Command of the adapter, such as "python3 adapter.py", in place of the model's target.command.run
    #[arg(long, value_name = "COMMAND", help_heading = "Target")]
    pub adapter: Option<String>,
    /// Model seconds per real second of a real target [default: 20]
    #[arg(long, value_name = "X", help_heading = "Target")]
    pub speed: Option<f64>,
    /// What a busy machine may be late by before a real target has broken a law [default: 100ms]
    #[arg(long, value_name = "TIME", help_heading = "Target")]
    pub grace: Option<String>,

    /// How the result is written: text, json or markdown
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub format: Format,
    /// Write the result to FILE instead of standard output (`-`)
    #[arg(short, long = "out", value_name = "FILE", help_heading = "Output")]
    pub out: Option<String>,
    /// Folder for corpus and state, or `none` [default: output/hunt-NAME]
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new(), help_heading = "Output")]
    pub output: Option<String>,
    /// Say nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// What is hunted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HuntTarget {
    /// The policy core on virtual time.
    Policy,
    /// poolsim's own pool on threads.
    Pool,
    /// poolsim's own pool over worker processes.
    Process,
    /// A scheduler behind an adapter.
    Command,
}

const HUNT_HELP: &str = "\
Random workloads, faults and races against a scheduler, until it breaks a law. What is found is made as small as it
gets and written as a model file, which tells its story in its head, can be run, and is played first next time.

Examples:
  poolsim hunt orchestrator-bridge --for 60s
      what a preset gets wrong: models in output/hunt-orchestrator-bridge/corpus/
  poolsim hunt models/orchestrator.toml --set pool.generation.worker.dying_window=false
      the pools of a model, with a value changed; its load is replaced by the hunt's
  poolsim hunt --for 10m
      schedulers drawn at random, against the laws that no setting may break: a breach is a defect of poolsim
  poolsim hunt --repeat output/hunt-orchestrator-bridge/corpus/innocent-failure.toml
      one case again, step by step
  poolsim hunt --target pool --for 60s
      random schedulers on real threads and a real clock, many cases side by side
  poolsim hunt models/mmc.toml --target process --worker \"python3 examples/worker.py\" --cases 100
      a model's pool over worker processes, which are also killed from outside
  poolsim hunt models/mmc.toml --target command --adapter \"python3 examples/adapters/process_pool.py\" --cases 50
      a scheduler behind an adapter, held to what the model says of it (docs/adapter-protocol.md)

Laws that every scheduler keeps: request-lost, ended-twice, double-start, order, idle-worker, attempts, time-out,
limits, outlives-shutdown. Laws that tell its character: innocent-failure (no request fails for what others did),
lost-slot (every slot is of use again), waiting-without-bound (no request waits longer than its own time-outs).

A real target is judged by what it reports, and may be late by the grace; what rests on time alone must be seen twice,
the second time with four times the grace. Its model time runs faster than the wall's (--speed).

Case N of a seed is the same on any number of threads. A hunt goes on where the last one in its folder stopped.

Exit codes: 0 no law is broken, 1 a law is broken, 2 could not, 130 interrupted (state is kept).";
