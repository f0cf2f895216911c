//! The command line as written: every flag with its help, nothing checked against anything else.

mod check;
#[cfg(feature = "live")]
mod hunt;
mod worlds;

pub use check::{CheckFormat, RawCheck};

use super::exit;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
#[cfg(feature = "live")]
pub use hunt::{HuntTarget, RawHunt};
pub use worlds::{RawCompare, RawFit};

const ABOUT: &str = "Simulate worker pools under load, and say what they can carry";

const LONG_ABOUT: &str = "\
Simulate worker pools under load, and say what they can carry.

A model file (TOML) describes the load, the pools with their slots, time-outs and retries, and what is asked of
them. poolsim plays it out, many times and always the same for the same seed, and answers with figures that carry
their interval, and with a verdict on every objective.";

const EXAMPLES: &str = "\
Examples:
  poolsim run models/orchestrator.toml
      table and verdicts; record and CSV in output/orchestrator/
  poolsim run models/orchestrator.toml --set pool.generation.slots=8
      the same with one value changed
  poolsim run models/orchestrator.toml --format json --output none
      the record itself on standard output, no files";

/// Everything on the command line.
#[derive(Clone, Debug, Parser)]
#[command(name = "poolsim", version, about = ABOUT, long_about = LONG_ABOUT)]
#[command(after_help = exit::HELP_SHORT, after_long_help = format!("{EXAMPLES}\n\n{}", exit::HELP))]
#[command(disable_help_subcommand = true, max_term_width = 110)]
pub struct RawArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RawCommand,
    /// Colours [default: auto]
    ///
    /// With `auto` only on a terminal, and not when NO_COLOR is set or TERM is dumb.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub color: ColorChoice,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum RawCommand {
    /// Run a model and judge its objectives
    Run(Box<RawRun>),
    /// Run a model over a grid of settings and compare the points
    Sweep(Box<RawSweep>),
    /// Find the smallest capacity that meets every objective
    Size(Box<RawSize>),
    /// Play a workload in real time against a real scheduler, beside its simulation
    #[cfg(feature = "live")]
    Replay(Box<super::replay::args::RawReplay>),
    /// Measure what a live target itself costs: hand-over, timers, start and end of workers
    #[cfg(feature = "live")]
    Calibrate(Box<super::calibrate::RawCalibrate>),
    /// Put the results of shards together
    Merge(RawMerge),
    /// Write a model that fits a recording: a trace, results of k6, a recorded scenario
    Fit(Box<RawFit>),
    /// Hold two records against each other, or a recording of a real scheduler against its simulation
    Compare(Box<RawCompare>),
    /// Search for workloads that make a scheduler break its laws
    #[cfg(feature = "live")]
    Hunt(Box<RawHunt>),
    /// Hold a scheduler against its baseline: unchanged, better, worse or undecided
    Check(Box<RawCheck>),
    /// Compare the simulator with exact queueing results or recorded runs
    Validate(RawValidate),
    /// Draw a record: a page to read, or its charts
    #[cfg(feature = "chart")]
    Report(RawReport),
    /// Print a JSON Schema, for editors that complete and check
    Schema(RawSchema),
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a terminal.
    Text,
    /// The record itself.
    Json,
    /// One row per figure.
    Csv,
    /// A document.
    Markdown,
}

/// `poolsim run`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = RUN_HELP)]
pub struct RawRun {
    /// Model file, or `-` for standard input
    #[arg(value_name = "MODEL")]
    pub model: String,

    /// Seed of all random numbers [default: the model's]
    ///
    /// The same seed, model and version give the same bytes on any machine and any number of threads.
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,
    /// Make exactly N replications
    #[arg(long, value_name = "N", help_heading = "Run", conflicts_with = "precision")]
    pub replications: Option<u32>,
    /// Replicate until intervals are ± this share of the value [default: 2%]
    ///
    /// It applies to the metrics of the objectives, or without objectives to mean and p95 of each class's latency.
    #[arg(long, value_name = "SHARE", help_heading = "Run")]
    pub precision: Option<String>,
    /// End each replication at this time, such as 40m
    #[arg(long, value_name = "TIME", help_heading = "Run", conflicts_with = "requests")]
    pub horizon: Option<String>,
    /// End each replication after N requests
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub requests: Option<u64>,
    /// Change a value of the model, such as pool.main.slots=8 (repeatable)
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Run")]
    pub set: Vec<String>,
    /// Use this file in place of the model's trace
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub trace: Option<String>,
    /// Threads [default: RAYON_NUM_THREADS, or one per core]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub threads: Option<usize>,

    /// How the result is written: text, json, csv or markdown
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub format: Format,
    /// Write the result to FILE instead of standard output (`-`)
    #[arg(short, long = "out", value_name = "FILE", help_heading = "Output")]
    pub out: Option<String>,
    /// Folder for record and tables, or `none` [default: output/NAME]
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new(), help_heading = "Output")]
    pub output: Option<String>,
    /// Write neither report.html nor charts
    #[arg(long, help_heading = "Output")]
    pub no_report: bool,
    /// Say nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

const RUN_HELP: &str = "\
Examples:
  poolsim run models/orchestrator.toml
      replicate until the figures are precise; exit code 1 when an objective is missed
  poolsim run models/orchestrator.toml --set pool.generation.slots=8 --set pool.generation.service_timeout=60s
      change two values; the same random numbers are used, so the difference is the change's own
  poolsim run models/orchestrator.toml --replications 30 --seed 7
      a fixed number of replications under another seed
  poolsim run models/llm-trace.toml --trace my-requests.csv
      the model's pool under another recording
  poolsim run models/orchestrator.toml --format csv -o figures.csv --output none
      one row per figure, with interval, for a spreadsheet

Files: output/NAME/record.json (everything, the input of all other commands), metrics.csv, timeline.csv,
report.html (one page that needs nothing else), charts/*.svg.

Exit codes: 0 done or all objectives met, 1 an objective is missed, 2 could not, 3 undecided, 130 interrupted.";

/// `poolsim sweep`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = SWEEP_HELP)]
pub struct RawSweep {
    /// Experiment file
    #[arg(value_name = "EXPERIMENT")]
    pub experiment: String,

    /// Seed of all random numbers [default: the experiment's, or the model's]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,
    /// Make exactly N replications of each point
    #[arg(long, value_name = "N", help_heading = "Run", conflicts_with = "precision")]
    pub replications: Option<u32>,
    /// Replicate each point until intervals are ± this share of the value
    #[arg(long, value_name = "SHARE", help_heading = "Run")]
    pub precision: Option<String>,
    /// Change a value of the model at every point (repeatable)
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Run")]
    pub set: Vec<String>,
    /// Threads [default: RAYON_NUM_THREADS, or one per core]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub threads: Option<usize>,
    /// Continue an interrupted sweep; it ends at the same bytes
    #[arg(long, help_heading = "Run", conflicts_with = "shard")]
    pub resume: bool,
    /// Do only part I of N of the work (from 0); `env/N` takes I from the cluster's environment
    #[arg(long, value_name = "I/N", help_heading = "Run", requires = "store")]
    pub shard: Option<String>,
    /// Folder for results of parts, to be put together with `poolsim merge`
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    pub store: Option<String>,

    /// How and where results are written.
    #[command(flatten)]
    pub out: RawOut,
}

/// How and where results are written.
#[derive(Clone, Debug, Args)]
pub struct RawOut {
    /// How the result is written: text, json, csv or markdown
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub format: Format,
    /// Write the result to FILE instead of standard output (`-`)
    #[arg(short, long = "out", value_name = "FILE", help_heading = "Output")]
    pub out: Option<String>,
    /// Folder for record and tables, or `none` [default: output/NAME]
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new(), help_heading = "Output")]
    pub output: Option<String>,
    /// Write no report page
    #[arg(long, help_heading = "Output")]
    pub no_report: bool,
    /// Say nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

const SWEEP_HELP: &str = "\
Examples:
  poolsim sweep experiments/orchestrator.toml
      every point of the grid; tables in output/orchestrator/
  poolsim sweep experiments/orchestrator.toml --resume
      go on where Ctrl-C stopped it
  poolsim sweep experiments/orchestrator.toml --shard 3/16 --store /shared/orchestrator
      one of sixteen workers; sweep as many as you like, anywhere
  poolsim merge /shared/orchestrator
      the record of all of them: the same bytes as from one process

With `--shard env/N` the index comes from SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, OMPI_COMM_WORLD_RANK,
PBS_ARRAY_INDEX, SGE_TASK_ID (which counts from 1) or AWS_BATCH_JOB_ARRAY_INDEX.

Files: output/NAME/record.json (everything), points.csv (a row for each point, class, phase and metric),
tables.md.

Exit codes: 0 done (a point may miss its objectives), 2 could not, 130 interrupted.";

/// `poolsim merge`.
#[derive(Clone, Debug, Args)]
pub struct RawMerge {
    /// Folder that the workers filled
    #[arg(value_name = "DIR")]
    pub store: String,
    /// How and where results are written.
    #[command(flatten)]
    pub out: RawOut,
}

/// `poolsim size`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = SIZE_HELP)]
pub struct RawSize {
    /// Experiment file with a `size` table
    #[arg(value_name = "EXPERIMENT")]
    pub experiment: String,

    /// Seed of all random numbers [default: the experiment's, or the model's]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,
    /// Make at most N replications of a candidate
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub replications: Option<u32>,
    /// Change a value of the model (repeatable)
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Run")]
    pub set: Vec<String>,
    /// Threads [default: RAYON_NUM_THREADS, or one per core]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub threads: Option<usize>,

    /// How and where results are written.
    #[command(flatten)]
    pub out: RawOut,
}

const SIZE_HELP: &str = "\
Examples:
  poolsim size experiments/orchestrator-size.toml
      the smallest pool that meets every objective, why the next smaller one does not, and what would tip it over
  poolsim size experiments/orchestrator-size.toml --set run.confidence=0.99
      the same, surer

Exit codes: 0 a size was found, 1 no candidate is large enough, 2 could not, 3 undecided (the answer says how many
replications would settle it), 130 interrupted.";

const VALIDATE_HELP: &str = "\
Files: a file of exact cases is described at the head of tests/data/exact.toml, a folder of recordings in
tests/data/orchestrator/README.md. Figures named in the folder's exceptions.toml are shown with their reason and do not
count as OFF.

Exit codes: 0 every figure holds or is excepted, 1 a figure is OFF, 2 could not: a file cannot be read, or a case or
scenario has no model (the others are in the table).";

/// `poolsim validate`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = VALIDATE_HELP)]
pub struct RawValidate {
    /// A file of exact cases (`[[case]]`), or a folder with constants.toml and scenarios/
    #[arg(value_name = "PATH")]
    pub path: std::path::PathBuf,
    /// Only cases or scenarios whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Share of the requests that narrow intervals need
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub effort: f64,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `poolsim report`.
#[cfg(feature = "chart")]
#[derive(Clone, Debug, Args)]
#[command(after_long_help = REPORT_HELP)]
pub struct RawReport {
    /// Record, or the folder that has one
    #[arg(value_name = "RECORD|DIR")]
    pub record: String,
    /// What to draw: html (one page), svg or png (a folder of charts)
    #[arg(long, value_name = "FORMAT", default_value = "html", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub format: ReportFormat,
    /// Paper: light or dark [default: light; a page follows its reader]
    #[arg(long, value_name = "THEME", hide_possible_values = true)]
    pub theme: Option<ReportTheme>,
    /// Size of charts in points [default: 960x540]
    #[arg(long, value_name = "WxH")]
    pub size: Option<String>,
    /// Page to write, `-` for standard output, or folder of charts [default: beside the record]
    #[arg(short, long = "out", value_name = "FILE|DIR")]
    pub out: Option<String>,
    /// Open the page in the browser
    #[arg(long)]
    pub open: bool,
    /// Say nothing on standard error but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// What a report is.
#[cfg(feature = "chart")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One page.
    Html,
    /// Charts as lines.
    Svg,
    /// Charts as pixels.
    Png,
}

/// Paper.
#[cfg(feature = "chart")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportTheme {
    /// Dark on white.
    Light,
    /// Light on near black.
    Dark,
}

#[cfg(feature = "chart")]
const REPORT_HELP: &str = "\
Examples:
  poolsim report output/orchestrator --open
      draw the page anew and open it
  poolsim report output/orchestrator --format png --theme dark --size 1280x720
      charts for slides, two pixels a point, in output/orchestrator/charts/
  poolsim report output/orchestrator/record.json -o review.html
      the page under another name; it needs no other file and no network

The same record and version give the same bytes.";

/// `poolsim schema`.
#[derive(Clone, Debug, Args)]
pub struct RawSchema {
    /// Of what
    #[arg(value_name = "WHAT")]
    pub what: SchemaOf,
}

/// Documents that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// A model file.
    Model,
    /// An experiment file.
    Experiment,
}
