//! `poolsim check` as written.

use clap::{Args, ValueEnum};

/// How the result of a check is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Tables for a terminal.
    Text,
    /// The document of the check.
    Json,
    /// A comment on a pull request.
    Markdown,
    /// JUnit XML.
    Junit,
    /// Annotations of a GitHub workflow.
    Github,
}

/// `poolsim check`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = CHECK_HELP)]
pub struct RawCheck {
    /// Experiment or model file
    #[arg(value_name = "EXPERIMENT")]
    pub experiment: String,

    /// The baseline to compare with, or to write with --save
    #[arg(long, value_name = "FILE", help_heading = "Check")]
    #[cfg_attr(feature = "live", arg(required_unless_present = "against"))]
    #[cfg_attr(not(feature = "live"), arg(required = true))]
    pub baseline: Option<String>,
    /// Write the baseline instead of comparing with it
    #[arg(long, help_heading = "Check")]
    pub save: bool,
    /// Power at which the smallest visible regression is stated [default: 95%]
    #[arg(long, value_name = "SHARE", help_heading = "Check")]
    pub power: Option<String>,
    /// Change of a figure that does not matter [default: 5%]
    #[arg(long, value_name = "SHARE", help_heading = "Check")]
    pub threshold: Option<String>,

    /// Seed of all random numbers [default: the experiment's, or the model's]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,
    /// Make exactly N runs of each point
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub replications: Option<u32>,
    /// Change a value of the model (repeatable)
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Run")]
    pub set: Vec<String>,
    /// Threads [default: RAYON_NUM_THREADS, or one per core]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub threads: Option<usize>,

    /// Run a real scheduler instead of the simulator: pool (threads), process, http or command (as the model's [target.http]
    /// and [target.command] say)
    #[cfg(feature = "live")]
    #[arg(long, value_name = "NAME", help_heading = "Live")]
    pub target: Option<crate::cli::targets::TargetName>,
    /// Command of a worker process
    #[cfg(feature = "live")]
    #[arg(long, value_name = "CMD", help_heading = "Live")]
    pub worker: Option<String>,
    /// Command of the old worker: old and new run in turn, no baseline is needed
    #[cfg(feature = "live")]
    #[arg(long, value_name = "CMD", help_heading = "Live", conflicts_with_all = ["baseline", "save"])]
    pub against: Option<String>,
    /// Make exactly N runs of each side [default: by their spread and the power]
    #[cfg(feature = "live")]
    #[arg(long, value_name = "N", help_heading = "Live")]
    pub repeats: Option<u64>,
    /// Model seconds per real second
    #[cfg(feature = "live")]
    #[arg(long, value_name = "X", help_heading = "Live", default_value_t = 1.0)]
    pub speed: f64,

    /// How the result is written: text, json, markdown, junit or github
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub format: CheckFormat,
    /// Write the result to FILE instead of standard output (`-`)
    #[arg(short, long = "out", value_name = "FILE", help_heading = "Output")]
    pub out: Option<String>,
    /// Say nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

const CHECK_HELP: &str = "\
Examples:
  poolsim check experiments/regression.toml --save --baseline baselines/orchestrator.json
      write down what the scheduler does now: small text, to be kept beside the code
  poolsim check experiments/regression.toml --baseline baselines/orchestrator.json
      compare: exit code 0 unchanged or better, 1 worse, 3 undecided, 2 could not
  poolsim check experiments/regression.toml --baseline baselines/orchestrator.json --format markdown -o comment.md
      the same as a comment for a pull request; junit and github are for CI servers
  poolsim check models/small.toml --target process --worker \"python3 new.py\" --against \"python3 old.py\"
      two real workers in turn under the same requests, as often as their spread asks for

Runs share their random numbers with the baseline's, so a change is seen pair by pair; where every decision is the
same, the verdict is exact. \"Unchanged\" is said only where the change is shown to lie within the threshold.";
