//! Arguments of the commands that hold a simulation against the world: `compare` and `fit`. Nothing is checked here.

use super::RawOut;
use clap::Args;

/// `poolsim fit`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = FIT_HELP)]
pub struct RawFit {
    /// Trace (CSV or JSON objects), results of k6 (JSON or CSV), a replay's requests.csv or journal.jsonl, or the folder of
    /// a recorded scenario
    #[arg(value_name = "FILE|DIR")]
    pub file: String,
    /// Column with the time of arrival, or its unit and the column, such as 1ms*time [default: by its name]
    #[arg(long, value_name = "COLUMN", help_heading = "Recording")]
    pub time: Option<String>,
    /// Column with the demand, or a formula such as 0.25ms*ContextTokens+30ms*GeneratedTokens
    #[arg(long, value_name = "FORMULA", help_heading = "Recording")]
    pub demand: Option<String>,
    /// Column with the class
    #[arg(long, value_name = "COLUMN", help_heading = "Recording")]
    pub class: Option<String>,
    /// Column with the outcome
    #[arg(long, value_name = "COLUMN", help_heading = "Recording")]
    pub outcome: Option<String>,
    /// Slots of the pool [default: the recording's, or such as are 70 % busy]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Model")]
    pub slots: Option<u32>,
    /// Carry the uncertainty of the fit into a prediction, over N draws of the parameters
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "100", help_heading = "Model")]
    pub uncertainty: Option<u64>,
    /// Write the model to FILE instead of standard output (`-`)
    #[arg(short, long = "out", value_name = "FILE", help_heading = "Output")]
    pub out: Option<String>,
    /// Say nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

const FIT_HELP: &str = "\
Examples:
  poolsim fit requests.csv -o fitted.toml
      columns found by their names (arrival_ms, duration_ms, class, outcome and the like); times are numbers, or dates
      such as 2024-03-01T12:00:05.123Z, 2024/03/01 12:00:05 and 01/Mar/2024:12:00:05 +0000; JSON is one object a line,
      or an array of them
  poolsim fit azure_llm_code_2023.csv --demand '0.25ms*ContextTokens+30ms*GeneratedTokens' --uncertainty
      demands by a formula; the prediction with the uncertainty of the fit stands in the model's last lines
  poolsim fit results.json
      what k6 --out json=results.json wrote (its times are those of ends; its durations hold waiting); virtual users that
      wait for their answers are fitted as such
  poolsim fit tests/data/orchestrator/scenarios/grid_p6_short
      with the constants of the recorded workers; of a closed loop the users and their thinking
  poolsim fit output/mmc/journal.jsonl
      what a live pool was told, with its settings and the lives of its workers

Every number of the model has its evidence beside it as a comment: how many, how well it fits, what else was tried.

Exit codes: 0 done, 2 could not.";

/// `poolsim compare`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = COMPARE_HELP)]
pub struct RawCompare {
    /// Record or its folder, model or experiment file, or recorded scenario (a folder with settings.toml, or of such)
    #[arg(value_name = "A")]
    pub first: String,
    /// What to hold against it: a record, a model or experiment file, or a recorded scenario
    #[arg(value_name = "B")]
    pub second: Option<String>,
    /// Change a value of the second, such as pool.main.slots=8 (repeatable); without B, A is held against itself so
    #[arg(long, value_name = "PATH=VALUE")]
    pub with: Vec<String>,

    /// A difference of this share does not matter [default: 5%]
    ///
    /// With two records it also asks for a verdict: the exit code is then 0, 1 or 3.
    #[arg(long, value_name = "SHARE", help_heading = "Verdict")]
    pub margin: Option<String>,
    /// Of a share a difference of so many of all requests never matters, whatever the margin [default: 2%]
    #[arg(long, value_name = "SHARE", help_heading = "Verdict")]
    pub margin_of_shares: Option<String>,
    /// Confidence of every claim [default: 0.95]
    #[arg(long, value_name = "SHARE", help_heading = "Verdict")]
    pub confidence: Option<String>,

    /// Switch each semantic off or on, and rank them by how much of the gap each closes
    #[arg(long, help_heading = "Recording")]
    pub explain: bool,
    /// Seeds where chance decides [default: 30, and 60 of --explain]
    #[arg(long, value_name = "N", help_heading = "Recording")]
    pub seeds: Option<u64>,
    /// What the scheduler is believed to be: a preset of pools [default: orchestrator-bridge]
    #[arg(long, value_name = "NAME", help_heading = "Recording")]
    pub preset: Option<String>,
    /// Change a value of the believed model, such as pool.workers.worker.kill_exit=5ms (repeatable)
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Recording")]
    pub set: Vec<String>,
    /// Measured delays [default: constants.toml of the folder, or of one above]
    #[arg(long, value_name = "FILE", help_heading = "Recording")]
    pub constants: Option<String>,
    /// Only scenarios whose name contains this
    #[arg(long, value_name = "TEXT", help_heading = "Recording")]
    pub only: Option<String>,

    /// How and where results are written.
    #[command(flatten)]
    pub out: RawOut,
}

const COMPARE_HELP: &str = "\
Examples:
  poolsim compare output/before output/after
      what changed in the input, what changed in the output, by effect
  poolsim compare output/before output/after --margin 5%
      the same with a verdict: are they equivalent within 5 %?
  poolsim compare models/a.toml models/b.toml --format markdown
      runs both and compares; two experiment files point by point
  poolsim compare models/orchestrator.toml --with pool.generation.preset=orchestrator-bridge-fixed
      a model against itself with another preset, or any other value changed
  poolsim compare tests/data/orchestrator
      every recorded scenario of a folder, or of its scenarios/, against its simulation
  poolsim compare tests/data/orchestrator/scenarios/grid_p6_short --preset orchestrator-bridge-fixed --explain
      what the model without the dying window lacks

Equivalent means: within the margin, by two one-sided tests. What the data cannot tell is undecided.
The verdict of a comparison is that of all requests together, and different as soon as any
figure is. A recording is judged under the arrivals, demands, start-ups and races that were
measured in it (trace-driven); what the model predicts from its plan (model-driven) has a verdict
of its own, which makes the whole different but never undecided.

Files: output/compare-NAME/record.json, points.csv, tables.md, report.html.

Exit codes: 0 compared (where a verdict is asked: equivalent), 1 different, 2 could not, 3 undecided. A verdict is asked
with a recording, and of two records with --margin.";
