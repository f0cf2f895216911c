//! The command line as meant: every text read, every contradiction refused before any work begins.

use super::args::{Format, RawOut, RawRun, RawSize, RawSweep};
use super::exit::Failure;
use super::places::{Folder, Sink};
use crate::quantity;
use crate::time::{Span, Time};
use std::path::PathBuf;

/// How many replications were asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Repeat {
    /// As the model says.
    AsModel,
    /// So many.
    Fixed(u32),
    /// Until this relative half-width.
    Precision(f64),
}

/// When a replication was asked to end on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// As the model says.
    AsModel,
    /// At this instant.
    Horizon(Time),
    /// After so many requests.
    Requests(u64),
}

/// `poolsim run`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Model file; `-` for standard input.
    pub model: String,
    /// Seed, if given.
    pub seed: Option<u64>,
    /// Replications.
    pub repeat: Repeat,
    /// Length.
    pub length: Length,
    /// Values to change: path and value.
    pub set: Vec<(String, String)>,
    /// Trace in place of the model's.
    pub trace: Option<String>,
    /// Threads, if given.
    pub threads: Option<usize>,
    /// How the result is written.
    pub format: Format,
    /// Where to.
    pub sink: Sink,
    /// Where files go.
    pub folder: Folder,
    /// Whether to draw the report.
    pub report: bool,
    /// Whether to keep silent.
    pub quiet: bool,
    /// The command that repeats the figures, without its seed.
    command: Vec<String>,
}

impl Run {
    /// The command that repeats the figures: what shapes them, and nothing about threads, format or folders.
    pub fn command(&self, seed: u64) -> String {
        let mut words = self.command.clone();
        words.extend([String::from("--seed"), seed.to_string()]);
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// Checks the arguments of `poolsim run`.
///
/// # Errors
/// The first fault, with a hint.
pub fn run(raw: RawRun) -> Result<Run, Failure> {
    let command = command_of(&raw);
    let repeat = match (raw.replications, &raw.precision) {
        (Some(0), _) => return Err(at_least_one("--replications")),
        (Some(n), _) => Repeat::Fixed(n),
        (None, Some(text)) => Repeat::Precision(precision(text)?),
        (None, None) => Repeat::AsModel,
    };
    let length = length(raw.horizon.as_deref(), raw.requests)?;
    Ok(Run {
        repeat,
        length,
        set: settings(&raw.set)?,
        sink: Sink::of(raw.out.as_deref())?,
        folder: Folder::of(raw.output.as_deref())?,
        model: raw.model,
        seed: raw.seed,
        trace: raw.trace,
        threads: threads(raw.threads)?,
        format: raw.format,
        report: !raw.no_report,
        quiet: raw.quiet,
        command,
    })
}

/// How and where results are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Out {
    /// How the result is written.
    pub format: Format,
    /// Where to.
    pub sink: Sink,
    /// Where files go.
    pub folder: Folder,
    /// Whether to draw the report.
    pub report: bool,
    /// Whether to keep silent.
    pub quiet: bool,
}

/// The output flags as meant.
///
/// # Errors
/// A place where nothing can be written.
pub fn out(raw: &RawOut) -> Result<Out, Failure> {
    Ok(Out {
        format: raw.format,
        sink: Sink::of(raw.out.as_deref())?,
        folder: Folder::of(raw.output.as_deref())?,
        report: !raw.no_report,
        quiet: raw.quiet,
    })
}

/// Model seconds per real second.
///
/// # Errors
/// A speed that no clock has.
#[cfg(feature = "live")]
pub fn speed(speed: f64) -> Result<f64, Failure> {
    if speed.is_finite() && speed > 0.0 && speed <= 1e6 {
        return Ok(speed);
    }
    Err(Failure::new(format!("--speed {speed}: not above 0 and at most 1000000"), "write 1 or 10"))
}

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 0.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

/// What an experiment is run with, whichever command runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Experiment file.
    pub experiment: String,
    /// Seed, if given.
    pub seed: Option<u64>,
    /// Replications.
    pub repeat: Repeat,
    /// Values to change at every point.
    pub set: Vec<(String, String)>,
    /// Threads, if given.
    pub threads: Option<usize>,
    /// How and where results are written.
    pub out: Out,
    /// The command that repeats the figures.
    pub command: String,
}

/// `poolsim sweep`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The experiment.
    pub study: Study,
    /// Whether to continue.
    pub resume: bool,
    /// The part to do.
    pub shard: Option<Shard>,
    /// Folder for results of parts.
    pub store: Option<PathBuf>,
}

/// More threads than this are a slip of the keyboard: no machine has so many cores, and starting them takes minutes.
const THREADS_MOST: usize = 1024;

fn threads(asked: Option<usize>) -> Result<Option<usize>, Failure> {
    match asked {
        Some(0) => Err(at_least_one("--threads")),
        Some(n) if n > THREADS_MOST => Err(Failure::new(
            format!("--threads {n} are more than any machine has cores for"),
            format!("leave it out for one for each core, or give at most {THREADS_MOST}"),
        )),
        asked => Ok(asked),
    }
}

/// Checks the arguments of `poolsim sweep`.
///
/// # Errors
/// The first fault, with a hint.
pub fn sweep(raw: RawSweep) -> Result<Sweep, Failure> {
    let repeat = repeat(raw.replications, raw.precision.as_deref())?;
    let command = study_command(
        "sweep",
        &raw.experiment,
        raw.seed,
        &raw.set,
        raw.replications,
        raw.precision.as_deref(),
    );
    Ok(Sweep {
        study: Study {
            experiment: raw.experiment,
            seed: raw.seed,
            repeat,
            set: raw.set.iter().map(|text| setting(text)).collect::<Result<_, _>>()?,
            threads: threads(raw.threads)?,
            out: out(&raw.out)?,
            command,
        },
        resume: raw.resume,
        shard: raw.shard.as_deref().map(|text| shard(text, &|name| std::env::var(name).ok())).transpose()?,
        store: raw.store.map(PathBuf::from),
    })
}

/// Checks the arguments of `poolsim size`.
///
/// # Errors
/// The first fault, with a hint.
pub fn size(raw: RawSize) -> Result<Study, Failure> {
    let repeat = repeat(raw.replications, None)?;
    let command = study_command("size", &raw.experiment, raw.seed, &raw.set, raw.replications, None);
    Ok(Study {
        experiment: raw.experiment,
        seed: raw.seed,
        repeat,
        set: raw.set.iter().map(|text| setting(text)).collect::<Result<_, _>>()?,
        threads: threads(raw.threads)?,
        out: out(&raw.out)?,
        command,
    })
}

fn repeat(replications: Option<u32>, relative: Option<&str>) -> Result<Repeat, Failure> {
    match (replications, relative) {
        (Some(0), _) => Err(at_least_one("--replications")),
        (Some(n), _) => Ok(Repeat::Fixed(n)),
        (None, Some(text)) => Ok(Repeat::Precision(precision(text)?)),
        (None, None) => Ok(Repeat::AsModel),
    }
}

/// Variables that say which part of an array of jobs a process is, and the number that they start from.
const SHARD_VARIABLES: [(&str, usize); 6] = [
    ("SLURM_ARRAY_TASK_ID", 0),
    ("JOB_COMPLETION_INDEX", 0),
    ("OMPI_COMM_WORLD_RANK", 0),
    ("PBS_ARRAY_INDEX", 0),
    ("SGE_TASK_ID", 1),
    ("AWS_BATCH_JOB_ARRAY_INDEX", 0),
];

/// Reads `I/N` or `env/N`.
fn shard(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, Failure> {
    let hint = "write I/N with I from 0 to N - 1, such as 3/16, or env/16 within an array of jobs";
    let refused = |why: &str| Failure::new(format!("--shard {text}: {why}"), hint);
    let (index, of) = text.split_once('/').ok_or_else(|| refused("not a part of a whole"))?;
    let of: usize = of.trim().parse().map_err(|_| refused("the number of parts is no number"))?;
    let index: usize = match index.trim() {
        "env" => part_of_array(variable).map_err(|why| refused(&why))?,
        index => index.parse().map_err(|_| refused("the part is no number"))?,
    };
    if index >= of {
        return Err(refused(&format!("there is no part {index} of {of}")));
    }
    Ok(Shard { index, of })
}

/// The part that the first variable of a cluster names.
fn part_of_array(variable: &dyn Fn(&str) -> Option<String>) -> Result<usize, String> {
    // Grid Engine sets its variable to this outside of arrays.
    let set = |name: &str| variable(name).filter(|value| value.trim() != "undefined");
    let found = SHARD_VARIABLES.iter().find_map(|&(name, first)| Some((name, first, set(name)?)));
    let (name, first, value) = found.ok_or("no variable of a cluster says which part this is")?;
    let number = value.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(first));
    number.ok_or_else(|| format!("{name} is {value:?}, which is no part's number"))
}

fn study_command(
    verb: &str,
    experiment: &str,
    seed: Option<u64>,
    set: &[String],
    replications: Option<u32>,
    precision: Option<&str>,
) -> String {
    let mut words = vec![String::from("poolsim"), verb.to_owned(), experiment.to_owned()];
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
    };
    for one in set {
        flag("set", Some(one.clone()));
    }
    flag("replications", replications.map(|n| n.to_string()));
    flag("precision", precision.map(str::to_owned));
    flag("seed", seed.map(|n| n.to_string()));
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// What `poolsim check` is run with.
pub(super) fn study_of(
    verb: &str,
    experiment: &str,
    seed: Option<u64>,
    set: &[String],
    (replications, threads): (Option<u32>, Option<usize>),
    out: Out,
) -> Result<Study, Failure> {
    let threads = self::threads(threads)?;
    Ok(Study {
        experiment: experiment.to_owned(),
        seed,
        repeat: repeat(replications, None)?,
        set: set.iter().map(|text| setting(text)).collect::<Result<_, _>>()?,
        threads,
        out,
        command: study_command(verb, experiment, seed, set, replications, None),
    })
}

/// A share between 0 and 1, as `5%` or `0.05`.
pub(super) fn share_of(flag: &str, text: &str) -> Result<f64, Failure> {
    let share = if text.contains('%') { quantity::parse_percent(text).ok() } else { text.parse().ok() };
    share.filter(|share: &f64| *share > 0.0 && *share < 1.0).ok_or_else(|| {
        Failure::new(format!("{flag} {text}: not a share between 0 and 1"), "write 5% or 0.05")
    })
}

fn at_least_one(flag: &str) -> Failure {
    Failure::new(format!("{flag} must be at least 1"), "")
}

/// A share in (0, 1), as `2%` or `0.02`.
pub(super) fn share(flag: &str, text: &str) -> Result<f64, Failure> {
    let share = if text.contains('%') { quantity::parse_percent(text).ok() } else { text.parse().ok() };
    share.filter(|share: &f64| *share > 0.0 && *share < 1.0).ok_or_else(|| {
        Failure::new(format!("{flag} {text}: not a share between 0 and 1"), "write 5% or 0.05")
    })
}

fn precision(text: &str) -> Result<f64, Failure> {
    let share = if text.contains('%') { quantity::parse_percent(text).ok() } else { text.parse().ok() };
    share.filter(|share: &f64| *share > 0.0 && *share < 1.0).ok_or_else(|| {
        Failure::new(
            format!("--precision {text}: not a share between 0 and 1"),
            "write 2% or 0.02 for intervals of ±2 % of the value",
        )
    })
}

fn horizon(text: &str) -> Result<Time, Failure> {
    let failed = |error: quantity::QuantityError| {
        Failure::new(format!("--horizon {text}: {}", error.message), error.hint)
    };
    let span = quantity::parse_span(text).map_err(failed)?;
    if span == Span::ZERO {
        return Err(Failure::new(format!("--horizon {text}: a run needs some time"), "write 40m or 2h"));
    }
    Ok(Time::ZERO + span)
}

/// When a run is to end, as written.
///
/// # Errors
/// The first fault, with a hint.
pub fn length(end: Option<&str>, requests: Option<u64>) -> Result<Length, Failure> {
    Ok(match (end, requests) {
        (Some(text), _) => Length::Horizon(horizon(text)?),
        (None, Some(0)) => return Err(at_least_one("--requests")),
        (None, Some(n)) => Length::Requests(n),
        (None, None) => Length::AsModel,
    })
}

/// Values to change, as written.
///
/// # Errors
/// The first that is no `path=value`.
pub fn settings(texts: &[String]) -> Result<Vec<(String, String)>, Failure> {
    texts.iter().map(|text| setting(text)).collect()
}

/// An experiment of which one point is wanted.
///
/// # Errors
/// The first fault of `set`.
pub fn study(path: &str, seed: Option<u64>, set: &[String], raw: &RawOut) -> Result<Study, Failure> {
    Ok(Study {
        experiment: path.to_owned(),
        seed,
        repeat: Repeat::AsModel,
        set: settings(set)?,
        threads: None,
        out: out(raw)?,
        command: String::new(),
    })
}

pub(super) fn setting(text: &str) -> Result<(String, String), Failure> {
    let hint = "write a path of the model, `=`, and a value: --set pool.main.slots=8 or --set pool.main.service_timeout=60s";
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => {
            Ok((path.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(Failure::new(format!("--set {text}: no path=value"), hint)),
    }
}

fn command_of(raw: &RawRun) -> Vec<String> {
    let mut words = vec![String::from("poolsim"), String::from("run"), raw.model.clone()];
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
    };
    for set in &raw.set {
        flag("set", Some(set.clone()));
    }
    flag("trace", raw.trace.clone());
    flag("horizon", raw.horizon.clone());
    flag("requests", raw.requests.map(|n| n.to_string()));
    flag("replications", raw.replications.map(|n| n.to_string()));
    flag("precision", raw.precision.clone());
    words
}

/// A word as a POSIX shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        let rows = [("models/a.toml", "models/a.toml"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''")];
        for (word, shell) in rows {
            assert_eq!(quoted(word), shell);
        }
    }

    #[test]
    fn precision_is_a_share() {
        assert_eq!(precision("2%").ok(), Some(0.02));
        assert_eq!(precision("0.05").ok(), Some(0.05));
        for text in ["0", "2", "200%", "-1%", "x", "NaN"] {
            assert!(precision(text).is_err(), "{text}");
        }
    }
}
