//! `poolsim check`: a scheduler held against its baseline.

#[cfg(feature = "live")]
mod live;

use super::args::{CheckFormat, RawCheck};
use super::checked::{self, Out, Repeat, Study};
use super::exit::{Answer, Failure};
use super::places::{Folder, Sink};
use super::progress::PointBar;
use super::{experiments, files, interrupt, printer, terminal};
use crate::experiment::check::{
    self, Asked, Baseline, BaselineError, Certainty, Checked, Measured, OwnRule, Verdict, Worse,
};
use crate::experiment::plan::Plan;
use crate::experiment::run::Progress;
use crate::model::{Replications, metrics};
use crate::report;
use crate::report::text::Look;
use std::path::{Path, PathBuf};

/// Runs of each point where neither file nor command line says how many.
const RUNS: u32 = 20;

/// `poolsim check`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The experiment or model.
    pub study: Study,
    /// The baseline.
    pub baseline: PathBuf,
    /// Whether it is written.
    pub save: bool,
    /// Power, if given.
    pub power: Option<f64>,
    /// Threshold, if given.
    pub threshold: Option<f64>,
    /// How the result is written.
    pub format: CheckFormat,
    /// The real scheduler, if one is checked.
    #[cfg(feature = "live")]
    live: Option<live::Live>,
}

/// Checks the arguments.
///
/// # Errors
/// The first fault, with a hint.
pub fn checked(raw: RawCheck) -> Result<Check, Failure> {
    let power = raw.power.as_deref().map(|text| checked::share_of("--power", text)).transpose()?;
    let threshold =
        raw.threshold.as_deref().map(|text| checked::share_of("--threshold", text)).transpose()?;
    let out = Out {
        format: super::args::Format::Text,
        sink: Sink::of(raw.out.as_deref())?,
        folder: Folder::Nowhere,
        report: false,
        quiet: raw.quiet,
    };
    let study = checked::study_of(
        "check",
        &raw.experiment,
        raw.seed,
        &raw.set,
        (raw.replications, raw.threads),
        out,
    )?;
    Ok(Check {
        study,
        #[cfg(feature = "live")]
        live: real(&raw)?,
        baseline: PathBuf::from(raw.baseline.unwrap_or_default()),
        save: raw.save,
        power,
        threshold,
        format: raw.format,
    })
}

/// What is said of a real scheduler.
#[cfg(feature = "live")]
fn real(raw: &RawCheck) -> Result<Option<live::Live>, Failure> {
    use super::targets::TargetName;
    if let Some(refused) = live::refuse(raw.target.is_some(), raw.against.is_some(), raw.worker.is_some()) {
        return Err(refused);
    }
    let speed = checked::speed(raw.speed)?;
    match (raw.target, &raw.worker) {
        (None, _) => Ok(None),
        (Some(TargetName::Pool), Some(_)) => {
            Err(Failure::new("target pool has no worker command", "write --target process"))
        }
        (Some(target @ (TargetName::Http | TargetName::Command)), Some(_)) => Err(Failure::new(
            format!("target {} has no worker command", target.word()),
            format!("write [target.{}] into the model", target.word()),
        )),
        (Some(target), worker) => Ok(Some(live::Live {
            target,
            worker: worker.clone(),
            against: raw.against.clone(),
            repeats: raw.repeats,
            speed,
        })),
    }
}

/// Writes a baseline, or compares with it.
///
/// # Errors
/// A [`Failure`].
pub fn check(args: &Check) -> Result<Answer, Failure> {
    interrupt::listen_gently();
    // A baseline that cannot be used is said before any work.
    let needed = !args.save && !args.takes_turns();
    let then = needed.then(|| Baseline::read(&args.baseline).map_err(unusable)).transpose()?;
    let mut loaded = match is_model(&args.study.experiment)? {
        true => experiments::of_model(&args.study)?,
        false => experiments::load(&args.study)?,
    };
    let mut plan = experiments::plan(&args.study, &mut loaded)?;
    settle_runs(&mut plan, &args.study);
    if let Some(then) = &then {
        fits(then, &plan, &args.baseline)?;
    }
    let asked = asked(args, &plan)?;
    #[cfg(feature = "live")]
    let asked = args.live.as_ref().map_or_else(|| asked.clone(), |live| live.asked(asked.clone()));
    #[cfg(feature = "live")]
    if let Some(live) = args.live.as_ref().filter(|_| args.takes_turns()) {
        return say(&live.compare(args, &plan, &asked)?, args);
    }
    let command = command(args);
    let measured =
        super::run::in_pool(args.study.threads, || simulate(args, &plan, &asked, then.as_ref(), command))??;
    match then {
        None => save(args, &measured.baseline),
        Some(then) => {
            let found = check::judge(&then, &measured.baseline, &asked, measured.differences);
            say(&found, args)
        }
    }
}

/// Prints what was found.
fn say(found: &Checked, args: &Check) -> Result<Answer, Failure> {
    printer::put(&write(found, args), &args.study.out.sink)?;
    Ok(Answer::Checked(found.verdict))
}

impl Check {
    /// Whether old and new run in turn, and no baseline is read.
    fn takes_turns(&self) -> bool {
        #[cfg(feature = "live")]
        return self.live.as_ref().is_some_and(|live| live.against.is_some());
        #[cfg(not(feature = "live"))]
        false
    }
}

fn simulate(
    args: &Check,
    plan: &Plan,
    asked: &Asked,
    then: Option<&Baseline>,
    command: String,
) -> Result<Measured, Failure> {
    #[cfg(feature = "live")]
    if let Some(live) = &args.live {
        return live.measure(plan, asked, then, command);
    }
    let bar = Bar { bar: PointBar::new(args.study.out.quiet) };
    let runs = check::simulate(plan, &bar)?;
    bar.bar.clear();
    Ok(check::measure(plan, &runs, asked, then, command)?)
}

struct Bar {
    bar: PointBar,
}

impl Progress for Bar {
    fn done(&self, requests: u64) {
        self.bar.requests(requests);
    }

    fn interrupted(&self) -> bool {
        interrupt::asked()
    }
}

fn unusable(error: BaselineError) -> Failure {
    Failure::new(error.to_string(), error.hint())
}

/// A baseline of another scheduler is no baseline.
fn fits(then: &Baseline, plan: &Plan, path: &Path) -> Result<(), Failure> {
    if then.name == plan.experiment.name {
        return Ok(());
    }
    Err(Failure::new(
        format!("{} is the baseline of {}, not of {}", path.display(), then.name, plan.experiment.name),
        "name the baseline of this experiment, or write one with --save",
    ))
}

/// A check needs a number of runs that does not depend on the data.
fn settle_runs(plan: &mut Plan, study: &Study) {
    if study.repeat == Repeat::AsModel
        && let Some(Replications::Precision { .. }) =
            plan.points.first().map(|point| point.model.run.replications)
    {
        plan.replicate(Replications::Fixed(RUNS));
    }
}

/// What the experiment and the command line ask.
fn asked(args: &Check, plan: &Plan) -> Result<Asked, Failure> {
    let settings = &plan.experiment.check;
    let usual = Certainty::default();
    let mut rules = Vec::new();
    for figure in &settings.figures {
        if metrics::find(&figure.name).is_none() && !check::is_behaviour(&figure.name) {
            let known: Vec<&str> = metrics::all().iter().map(|metric| metric.name.as_str()).collect();
            let near = known.iter().copied().chain(check::behaviour_names()).max_by(|a, b| {
                strsim::jaro_winkler(a, &figure.name).total_cmp(&strsim::jaro_winkler(b, &figure.name))
            });
            return Err(Failure::new(
                format!("[[check.metric]]: there is no figure `{}`", figure.name),
                near.map_or_else(String::new, |near| format!("did you mean {near}?")),
            ));
        }
        rules.push(OwnRule {
            name: figure.name.clone(),
            class: figure.class.clone(),
            relative: figure.threshold,
            floor: figure.floor,
            worse: figure.worse_upwards.map(|up| if up { Worse::Higher } else { Worse::Lower }),
        });
    }
    Ok(Asked {
        certainty: Certainty {
            confidence: settings.confidence.unwrap_or(usual.confidence),
            power: args.power.or(settings.power).unwrap_or(usual.power),
        },
        threshold: args.threshold.or(settings.threshold).unwrap_or(0.05),
        rules,
        decisions: settings.decisions.map_or(Asked::default().decisions, |n| n as usize),
        ..Asked::default()
    })
}

/// The command that repeats the check.
fn command(args: &Check) -> String {
    let save = if args.save { " --save" } else { "" };
    format!("{}{save} --baseline {}", args.study.command, checked::quoted(&args.baseline.to_string_lossy()))
}

fn save(args: &Check, baseline: &Baseline) -> Result<Answer, Failure> {
    let _guard = interrupt::hold();
    if let Some(folder) = args.baseline.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(format!("could not make {}: {error}", folder.display()), "name another file")
        })?;
    }
    baseline.write(&args.baseline).map_err(|error| {
        Failure::new(format!("could not write {error}"), "choose another file with --baseline FILE")
    })?;
    if !args.study.out.quiet {
        let runs = baseline.points.first().map_or(0, |point| point.runs.len());
        terminal::say(&format!(
            "wrote {}: {}, {} cases, fingerprint {}",
            args.baseline.display(),
            match baseline.points.len() {
                1 => format!("1 point of {runs} runs"),
                points => format!("{points} points of {runs} runs each"),
            },
            baseline.corpus.len(),
            baseline.fingerprint
        ));
    }
    Ok(Answer::Checked(Verdict::Unchanged))
}

fn write(found: &Checked, args: &Check) -> String {
    let plain = args.study.out.sink != Sink::Stdout;
    match args.format {
        CheckFormat::Text => {
            report::check::page(found, if plain { Look::PLAIN } else { terminal::stdout_look() })
        }
        CheckFormat::Json => found.to_json(),
        CheckFormat::Markdown => report::check::comment(found),
        CheckFormat::Junit => report::check::suite(found),
        CheckFormat::Github => report::check::annotations(found),
    }
}

/// Reads the file and says whether it is a model rather than an experiment.
fn is_model(path: &str) -> Result<bool, Failure> {
    let text = files::read_model(path)?;
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        // What is wrong with it is said where it is read in earnest.
        Err(_) => return Ok(false),
    };
    Ok(!table.contains_key("model") && (table.contains_key("pool") || table.contains_key("source")))
}
