//! `poolsim replay` as written.

use crate::cli::args::RawOut;
use crate::cli::targets::RawTarget;
use clap::Args;

/// Silence after which a replay ends, where none is given.
pub const SILENCE: &str = "300s";
/// Time at the end for what the target has, where none is given.
pub const GRACE: &str = "0s";

/// `poolsim replay`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = HELP)]
pub struct RawReplay {
    /// Model or experiment file
    #[arg(value_name = "MODEL|EXPERIMENT", required_unless_present = "redrive")]
    pub model: Option<String>,

    /// What is driven.
    #[command(flatten)]
    pub to: RawTarget,

    /// Model seconds per real second
    #[arg(long, value_name = "X", default_value_t = 1.0, help_heading = "Run")]
    pub speed: f64,
    /// Seed of all random numbers [default: the model's]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,
    /// Send the requests of this replication
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Run")]
    pub replication: u64,
    /// Point of an experiment, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Run")]
    pub point: usize,
    /// End at this time, such as 30s
    #[arg(long, value_name = "TIME", help_heading = "Run", conflicts_with = "requests")]
    pub horizon: Option<String>,
    /// End after N requests
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub requests: Option<u64>,
    /// Change a value of the model (repeatable)
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Run")]
    pub set: Vec<String>,
    /// Give up when nothing has been heard of any request for so long after the last send
    #[arg(long, value_name = "TIME", default_value = SILENCE, help_heading = "Run")]
    pub silence: String,
    /// At the end, let the target finish what it has for so long
    #[arg(long, value_name = "TIME", default_value = GRACE, help_heading = "Run")]
    pub grace: String,

    /// A difference of this share does not matter [default: 5%]
    ///
    /// Given, it also asks for a verdict on real against simulated: the exit code is then 0, 1 or 3. It is that of the
    /// simulator under what was measured, and different too where the prediction from the model is.
    #[arg(long, value_name = "SHARE", help_heading = "Simulated against real")]
    pub margin: Option<String>,
    /// A difference of so many of all requests does not matter in a share [default: 2%]
    #[arg(long, value_name = "SHARE", help_heading = "Simulated against real")]
    pub margin_of_shares: Option<String>,
    /// Switch each semantic off or on, and rank them by how much of the gap each closes
    #[arg(long, help_heading = "Simulated against real")]
    pub explain: bool,
    /// Seeds of --explain [default: 60]
    #[arg(long, value_name = "N", help_heading = "Simulated against real", requires = "explain")]
    #[arg(value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pub seeds: Option<u64>,

    /// Tell a journal to a fresh policy instead: are its decisions the same, bit for bit?
    #[arg(long, value_name = "JOURNAL", help_heading = "Journal")]
    #[arg(conflicts_with_all = ["model", "worker", "seed", "horizon", "requests", "set", "margin", "margin_of_shares", "explain"])]
    pub redrive: Option<String>,

    /// How and where results are written.
    #[command(flatten)]
    pub out: RawOut,
}

const HELP: &str = "\
Examples:
  poolsim replay models/mmc.toml --horizon 30s
      the model's requests in real time against poolsim's own pool, beside their simulation
  poolsim replay models/mmc.toml --horizon 5m --speed 10
      five minutes in half a minute
  poolsim replay models/mmc.toml --horizon 30s --target process --worker \"python3 examples/worker.py\"
      the same against worker processes
  poolsim replay experiments/orchestrator-http.toml --target http --speed 20
      against an HTTP service; examples/orchestrator_service.py is one to try
  poolsim replay models/mmc.toml --horizon 30s --target command --adapter \"python3 examples/adapters/process_pool.py\"
      against any scheduler behind an adapter (docs/adapter-protocol.md)
  poolsim replay models/mmc.toml --horizon 60s --margin 5% --explain
      is the real pool within 5 % of its simulation, and if not, what would close the gap?
  poolsim replay --redrive output/mmc/journal.jsonl
      tells the pool's inputs to a fresh policy; exit code 1 when a decision differs

Files: output/NAME/record.json, metrics.csv, timeline.csv, requests.csv (one row for each request), journal.jsonl
(every input and decision of an own pool), report.html, charts/*.svg.

Exit codes: 0 done or all objectives met, 1 an objective is missed, a decision differs or (with --margin) real and
simulated differ, 2 could not, 3 undecided, 130 interrupted (143 by SIGTERM; what was recorded so far is written).";
