//! `poolsim calibrate`: the constants of a live target, in the form of a model.

use super::args::{Format, RawOut};
use super::checked;
use super::exit::{Answer, Failure};
use super::places::Sink;
use super::replay::load_model;
use super::targets::{RawTarget, TargetName};
use super::{interrupt, printer, terminal};
use crate::experiment::calibrate::{Calibration, calibration};
use crate::live::calibrate::{Probed, Settings, calm, probe};
use crate::model::{self, Model, NoFiles, Override};
use crate::quantity;
use crate::time::Span;
use clap::{Args, ValueEnum};
use std::cell::Cell;

/// `poolsim calibrate`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = HELP)]
pub struct RawCalibrate {
    /// Model or experiment that says how the target is reached, and whose pool it is [default: a pool of one slot]
    #[arg(value_name = "MODEL|EXPERIMENT")]
    pub model: Option<String>,

    /// What is measured.
    #[command(flatten)]
    pub to: RawTarget,
    /// Pool of the model [default: the first]
    #[arg(long, value_name = "NAME", requires = "model", help_heading = "Target")]
    pub pool: Option<String>,
    /// Class of the probes; to a worker process it is their action [default: the first, or probe]
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub class: Option<String>,

    /// Probes without work, and as many with 50 ms of it
    #[arg(long, value_name = "N", default_value_t = 50, help_heading = "Probes")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub probes: u32,
    /// Workers that are made to end
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Probes")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub ends: u32,
    /// Time-out that ends those that hang
    #[arg(long, value_name = "TIME", default_value = "250ms", help_heading = "Probes")]
    pub timeout: String,
    /// Longest wait for the end of a probe, or for a new worker
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Probes")]
    pub patience: String,
    /// Change a value of the model (repeatable)
    #[arg(long, value_name = "PATH=VALUE", requires = "model", help_heading = "Probes")]
    pub set: Vec<String>,

    /// How the result is written: text (tables of a model) or json
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub format: CalibrationFormat,
    /// Write the result to FILE instead of standard output (`-`)
    #[arg(short, long = "out", value_name = "FILE", help_heading = "Output")]
    pub out: Option<String>,
    /// Say nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// How a calibration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CalibrationFormat {
    /// Tables of a model.
    Text,
    /// A document.
    Json,
}

const HELP: &str = "\
Examples:
  poolsim calibrate --target process --worker \"python3 examples/worker.py\"
      how long workers take to start, to get a job, to answer, to go when they are killed
  poolsim calibrate --target pool
      what poolsim's own pool on threads adds on this machine
  poolsim calibrate experiments/orchestrator-http.toml --target http
      the way there and back of an HTTP service, where it is told how long to work
  poolsim calibrate --target command --adapter \"python3 examples/adapters/process_pool.py\" --format json
      any scheduler behind an adapter

The answer is written as `poolsim fit` writes constants: tables [pool.NAME.worker] and [pool.NAME.transport] to put into a
model, each number a median with its count, its 95 % interval and its spread. Probes are sent one after another to a
target that must have nothing else to do. What it cannot show is named, with the reason.

Exit codes: 0 done, 2 could not (nothing could be measured), 130 interrupted (what was measured so far is written).";

/// Measures a live target.
///
/// # Errors
/// A [`Failure`].
pub fn calibrate(raw: &RawCalibrate) -> Result<Answer, Failure> {
    interrupt::listen_gently();
    let sink = Sink::of(raw.out.as_deref())?;
    let limit = span("--timeout", &raw.timeout)?;
    let patience = span("--patience", &raw.patience)?;
    let mut model = load(raw)?;
    let pool = place("pool", raw.pool.as_deref(), model.pools.iter().map(|pool| pool.name.as_str()))?;
    let class = place("class", raw.class.as_deref(), model.classes.iter().map(|class| class.name.as_str()))?;
    let stands = calm(&mut model, pool, limit, patience, raw.to.target.is_own());
    let settings = Settings {
        pool,
        class,
        probes: raw.probes,
        ends: raw.ends,
        limit: stands.unwrap_or(Span::NEVER),
        patience,
        plays: raw.to.target == TargetName::Pool,
    };
    let mut target = raw.to.target(&model, 0, 1.0, None)?;
    let begun = Cell::new(raw.quiet);
    let stop = || {
        if !begun.replace(true) {
            let (probes, ends) = (2 * raw.probes, raw.ends);
            terminal::say(&format!("sending {probes} probes one after another, then ending {ends} workers"));
        }
        interrupt::asked()
    };
    let probed = probe(target.as_mut(), &settings, &stop)?;
    drop(target);
    let name = model.pools[usize::from(pool)].name.clone();
    deliver(raw, &sink, &probed, &calibration(&probed, described(raw), command_of(raw), name))
}

fn deliver(raw: &RawCalibrate, sink: &Sink, probed: &Probed, found: &Calibration) -> Result<Answer, Failure> {
    let text = match raw.format {
        CalibrationFormat::Text => found.text(),
        CalibrationFormat::Json => found.json(),
    };
    printer::put(&text, sink)?;
    if let Sink::File(out) = sink
        && !raw.quiet
    {
        terminal::say(&format!("wrote {}", out.display()));
    }
    if probed.interrupted {
        return Err(Failure::Interrupted);
    }
    if found.constants.is_empty() {
        return Err(Failure::new(
            "nothing could be measured of this target",
            "the reasons are in the result",
        ));
    }
    Ok(Answer::Done)
}

/// The model, or one pool of one slot where none is given.
fn load(raw: &RawCalibrate) -> Result<Model, Failure> {
    if let Some(path) = &raw.model {
        let out = RawOut {
            format: Format::Text,
            out: None,
            output: Some(String::from("none")),
            no_report: true,
            quiet: raw.quiet,
        };
        return Ok(load_model(path, &raw.to.settings(&raw.set)?, None, 0, &out)?.0);
    }
    let class = toml::Value::from(raw.class.as_deref().unwrap_or("probe")).to_string();
    let text = format!(
        "name = \"calibration\"\nrun = {{ requests = 1 }}\nclass.{class} = {{ demand = \"10ms\" }}\n\
         pool.main = {{ slots = 1 }}\n\
         source.probes = {{ pool = \"main\", class = {class}, arrivals = {{ rate = \"1/s\" }} }}\n"
    );
    let settings = checked::settings(&raw.to.settings(&[])?)?;
    let overrides: Vec<Override> =
        settings.into_iter().map(|(path, value)| Override::new(path, value)).collect();
    let loaded = model::load("the command line", &text, &NoFiles, &overrides);
    Ok(loaded.map_err(|faults| Failure::Rendered(faults.render(terminal::stderr_color())))?.model)
}

/// The index of a name; of the first without one.
fn place<'n>(
    kind: &str,
    wanted: Option<&str>,
    mut names: impl Iterator<Item = &'n str> + Clone,
) -> Result<u16, Failure> {
    let all = names.clone();
    let Some(wanted) = wanted else { return Ok(0) };
    names.position(|name| name == wanted).map(|index| index as u16).ok_or_else(|| {
        let all: Vec<&str> = all.collect();
        Failure::new(
            format!("--{kind} {wanted}: the model has none of this name"),
            format!("it has {}", all.join(", ")),
        )
    })
}

fn span(flag: &str, text: &str) -> Result<Span, Failure> {
    let span = quantity::parse_span(text)
        .map_err(|error| Failure::new(format!("{flag} {text}: {}", error.message), error.hint))?;
    if span == Span::ZERO {
        return Err(Failure::new(format!("{flag} {text}: it must be longer than nothing"), "write 250ms"));
    }
    Ok(span)
}

/// The target as a reader of the result knows it.
fn described(raw: &RawCalibrate) -> String {
    let how =
        raw.to.worker.as_ref().or(raw.to.url.as_ref()).or(raw.to.adapter.as_ref()).or(raw.model.as_ref());
    let word = raw.to.target.word();
    how.map_or_else(|| format!("target {word}"), |how| format!("target {word}, {how}"))
}

fn command_of(raw: &RawCalibrate) -> String {
    let mut words = vec![String::from("poolsim"), String::from("calibrate")];
    words.extend(raw.model.clone());
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
    };
    for (name, value) in raw.to.flags() {
        flag(name, value);
    }
    flag("pool", raw.pool.clone());
    flag("class", raw.class.clone());
    flag("probes", Some(raw.probes.to_string()));
    flag("ends", Some(raw.ends.to_string()));
    flag("timeout", Some(raw.timeout.clone()));
    for set in &raw.set {
        flag("set", Some(set.clone()));
    }
    words.iter().map(|word| checked::quoted(word)).collect::<Vec<_>>().join(" ")
}
