//! `poolsim replay`: a workload in real time against a real scheduler, beside its simulation.

pub mod args;

use super::args::{Format, RawOut};
use super::checked::{self, Out};
use super::exit::{Answer, Failure};
use super::files::{self, Beside};
use super::places::Sink;
use super::progress::Bar;
use super::targets::TargetName;
use super::{experiments, interrupt, printer, terminal};
use crate::experiment::agreement::{Terms, explain, whole};
use crate::experiment::record::{GivenModel, Record, Warning, World, write_whole};
use crate::experiment::replay as beside;
use crate::experiment::verdict::{Judgement, overall};
use crate::experiment::{Given, RunError};
use crate::live::journal::redrive::{Redriven, redrive};
use crate::live::replay::{Replayed, Settings, admit, replay};
use crate::model::{self, Diagnostic, Loaded, Model, Override};
use crate::quantity;
use crate::report::{self, requests};
use crate::time::Span;
use args::RawReplay;
use std::cell::Cell;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the journal in its folder.
const JOURNAL: &str = "journal.jsonl";
/// The name of the table of requests in its folder.
const REQUESTS: &str = "requests.csv";

/// Replays a workload, or tells a journal again.
///
/// # Errors
/// A [`Failure`].
pub fn run(raw: &RawReplay) -> Result<Answer, Failure> {
    if let Some(journal) = &raw.redrive {
        refuse_beside_redrive(raw)?;
        return tell_again(journal);
    }
    let settings = settings(raw)?;
    let mut asked = asked(raw)?;
    let out = checked::out(&raw.out)?;
    let (model, given) = load(raw)?;
    // Before this nothing is started or written, and whoever waits for a model on standard input may be stopped at once.
    interrupt::listen_gently();
    asked.terms.confidence = model.run.confidence;
    let folder = out.folder.path(&model.name);
    let journal = folder.as_ref().map(|folder| folder.join(JOURNAL));
    let mut target = raw.to.target(&model, raw.replication, raw.speed, journal.clone())?;
    // What is refused leaves nothing behind, not even a folder.
    admit(&model, target.as_ref())?;
    let made = folder.as_deref().map_or(Ok(Vec::new()), make)?;
    let begun = Cell::new(out.quiet);
    let stop = || {
        // The first question comes once the target is ready: before that it may still be refused, and asks by itself.
        if !begun.replace(true) {
            terminal::say(&announcement(raw, &model));
        }
        interrupt::asked()
    };
    let replayed = replay(&model, target.as_mut(), &settings, &stop);
    drop(target);
    let replayed = replayed.inspect_err(|_| unmake(&made))?;
    if replayed.interrupted {
        // The replay has stopped; the simulation beside it can be asked to as well, as soon as anyone is told so.
        interrupt::heeded();
    }
    if !out.quiet {
        terminal::say(&lateness(&replayed, raw.speed));
    }
    // Only a question for causes looks at it; where none was written, delays are not measured.
    let journal = journal.filter(|_| raw.explain).and_then(|journal| std::fs::read(journal).ok());
    asked.journal = journal.unwrap_or_default();
    let replay = Arc::new((model, replayed));
    let compared = compare(&replay, given.clone(), asked, out.quiet)?;
    let (model, replayed) = replay.as_ref();
    let interrupted = replayed.interrupted || compared.is_none();
    let record = compared.unwrap_or_else(|| beside::alone(model, given, replayed));
    // Only own pools keep a journal; it has been written by now.
    let kept: &[&str] = if raw.to.target.is_own() { &[JOURNAL] } else { &[] };
    let saved = folder.map_or(Ok(()), |folder| save(&record, replay.as_ref(), &out, &folder, kept));
    // A disk that is full keeps nobody from seeing the result.
    printer::print(&record, out.format, &out.sink)?;
    saved?;
    if interrupted {
        return Err(Failure::Interrupted);
    }
    Ok(answer(raw, &record))
}

/// Simulates what was replayed and compares both; `None` where someone asked to stop before the end of that. A replay
/// cannot be made again like a simulation, so it does not wait for one.
fn compare(
    replay: &Arc<(Model, Replayed)>,
    given: Given,
    asked: beside::Asked,
    quiet: bool,
) -> Result<Option<Record>, Failure> {
    let (replay, bar) = (Arc::clone(replay), Arc::new(Bar::new(quiet)));
    let watch = Arc::clone(&bar);
    let work = move || {
        let (model, replayed) = replay.as_ref();
        beside::beside(model, given, replayed, &asked, watch.as_ref())
    };
    let done = interrupt::unless_asked(work).map_err(|error| {
        Failure::new(format!("could not start a thread: {error}"), "is there room for one?")
    })?;
    bar.clear();
    match done {
        None | Some(Err(RunError::Interrupted)) => Ok(None),
        Some(done) => Ok(Some(done?)),
    }
}

/// The worse of the objectives of the real run and, where a margin was set, of what was compared.
fn answer(raw: &RawReplay, record: &Record) -> Answer {
    let real = record.points.iter().filter(|point| point.world == World::Real);
    let objectives = overall(real.flat_map(|point| &point.verdicts));
    let agreed = whole::judgement(&record.study.agreements).filter(|_| raw.margin.is_some());
    let both = [objectives, agreed].into_iter().flatten();
    let worst = [Judgement::Missed, Judgement::Undecided, Judgement::Met]
        .into_iter()
        .find(|wanted| both.clone().any(|one| one == *wanted));
    worst.map_or(Answer::Done, Answer::Judged)
}

/// What is asked of the comparison. What never matters in time is of real time, and a replay may be faster.
fn asked(raw: &RawReplay) -> Result<beside::Asked, Failure> {
    let usual = Terms::default();
    let share = |flag: &str, text: &Option<String>, usual: f64| {
        text.as_ref().map_or(Ok(usual), |text| checked::share(flag, text))
    };
    let terms = Terms {
        margin: share("--margin", &raw.margin, usual.margin)?,
        floor_share: share("--margin-of-shares", &raw.margin_of_shares, usual.floor_share)?,
        floor_time: usual.floor_time * raw.speed,
        ..usual
    };
    let explain = raw.explain.then(|| raw.seeds.unwrap_or(explain::SEEDS));
    Ok(beside::Asked { terms, explain, journal: Vec::new() })
}

fn settings(raw: &RawReplay) -> Result<Settings, Failure> {
    Ok(Settings {
        speed: checked::speed(raw.speed)?,
        replication: raw.replication,
        silence: span("--silence", &raw.silence)?,
        grace: span("--grace", &raw.grace)?,
    })
}

fn span(flag: &str, text: &str) -> Result<Span, Failure> {
    quantity::parse_span(text)
        .map_err(|error| Failure::new(format!("{flag} {text}: {}", error.message), error.hint))
}

fn load(raw: &RawReplay) -> Result<(Model, Given), Failure> {
    let path = raw.model.as_deref().unwrap_or("-");
    let set = raw.to.settings(&raw.set)?;
    let (mut model, mut given) = load_model(path, &set, raw.seed, raw.point, &raw.out)?;
    (given.overrides, given.command) = (raw.set.clone(), command_of(raw));
    super::run::shorten(&mut model, checked::length(raw.horizon.as_deref(), raw.requests)?);
    Ok((model, given))
}

/// The model of a file, or of a point of an experiment, with values set.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_model(
    path: &str,
    set: &[String],
    seed: Option<u64>,
    point: usize,
    out: &RawOut,
) -> Result<(Model, Given), Failure> {
    let text = files::read_model(path)?;
    if files::is_experiment(&text) {
        return of_experiment(path, set, seed, point, out);
    }
    if point != 0 {
        let hint = "leave it out, or give an experiment with axes";
        return Err(Failure::new(format!("--point {point}: a model is one point"), hint));
    }
    let name = files::named(path);
    let settings = checked::settings(set)?;
    let mut overrides: Vec<Override> =
        settings.iter().map(|(path, value)| Override::new(path.clone(), value.clone())).collect();
    if let Some(seed) = seed {
        overrides.push(Override::new("run.seed", seed.to_string()));
    }
    let loaded = model::load(&name, &text, &Beside::model(path, None), &overrides);
    let Loaded { model, warnings, document } =
        loaded.map_err(|faults| Failure::Rendered(faults.render(terminal::stderr_color())))?;
    let given = Given {
        model: GivenModel { file: name, text: document.meant(&[]) },
        overrides: set.to_vec(),
        command: String::new(),
        warnings: warnings.into_iter().map(warning).collect(),
    };
    Ok((model, given))
}

fn warning(one: Diagnostic) -> Warning {
    Warning { code: String::from("model"), text: one.message, advice: one.hint.unwrap_or_default() }
}

fn of_experiment(
    path: &str,
    set: &[String],
    seed: Option<u64>,
    point: usize,
    out: &RawOut,
) -> Result<(Model, Given), Failure> {
    let study = checked::study(path, seed, set, out)?;
    let mut loaded = experiments::load(&study)?;
    let plan = experiments::plan(&study, &mut loaded)?;
    let count = plan.points.len();
    let document = (point < count).then(|| plan.document_at(point)).transpose();
    let document = document.map_err(experiments::rendered)?;
    let Some(chosen) = plan.points.into_iter().nth(point) else {
        let hint = format!("count from 0 to {}", count.saturating_sub(1));
        return Err(Failure::new(format!("--point {point}: the experiment has {count} points"), hint));
    };
    // The files of a replay stand under the experiment's name, not over those of its model.
    let mut model = chosen.model;
    model.name = loaded.experiment.name;
    if !loaded.experiment.description.is_empty() {
        model.description = loaded.experiment.description;
    }
    if let Some(document) = document {
        loaded.given.model.text = document.meant(&[]);
    }
    Ok((model, loaded.given))
}

fn command_of(raw: &RawReplay) -> String {
    let mut words = vec![String::from("poolsim"), String::from("replay")];
    words.extend(raw.model.clone());
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
    };
    for (name, value) in raw.to.flags() {
        flag(name, value);
    }
    flag("speed", (raw.speed != 1.0).then(|| raw.speed.to_string()));
    flag("seed", raw.seed.map(|seed| seed.to_string()));
    flag("replication", (raw.replication > 0).then(|| raw.replication.to_string()));
    flag("point", (raw.point > 0).then(|| raw.point.to_string()));
    flag("horizon", raw.horizon.clone());
    flag("requests", raw.requests.map(|n| n.to_string()));
    flag("margin", raw.margin.clone());
    flag("margin-of-shares", raw.margin_of_shares.clone());
    flag("seeds", raw.seeds.map(|n| n.to_string()));
    for set in &raw.set {
        flag("set", Some(set.clone()));
    }
    if raw.explain {
        words.push(String::from("--explain"));
    }
    words.iter().map(|word| checked::quoted(word)).collect::<Vec<_>>().join(" ")
}

fn announcement(raw: &RawReplay, model: &Model) -> String {
    let length = match model.run.length {
        model::RunLength::Horizon(end) => format!("{:.0} s", end.secs() / raw.speed),
        model::RunLength::Requests(n) => format!("{n} requests"),
    };
    format!("replaying {length} in real time; Ctrl-C ends with what is recorded so far")
}

/// How exactly requests were sent.
fn lateness(replayed: &Replayed, speed: f64) -> String {
    let late = replayed.lateness.quantile(0.99).map_or(0.0, |late| late.secs() / speed);
    format!("sent {} requests; 99 in 100 were at most {:.3} ms late", replayed.requests.len(), late * 1e3)
}

/// Makes a folder; those that had to be made, the innermost first.
fn make(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let missing = folder.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists());
    let missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(format!("could not make {}: {error}", folder.display()), "choose another with --output")
    })?;
    Ok(missing)
}

/// Removes folders that were made for a replay that did not start. One that holds something stays.
fn unmake(made: &[PathBuf]) {
    for folder in made {
        let _ = fs::remove_dir(folder);
    }
}

/// Writes the record and what belongs to it; files of an earlier one go, but for those that are `kept`.
fn save(
    record: &Record,
    (model, replayed): &(Model, Replayed),
    out: &Out,
    folder: &Path,
    kept: &[&str],
) -> Result<(), Failure> {
    let paths: Vec<PathBuf> = {
        let _guard = interrupt::hold();
        report::files::forget(folder, kept)?;
        let path = folder.join(REQUESTS);
        write_whole(&path, requests::table(model, &replayed.requests).as_bytes())?;
        // A replay cannot be made again like a simulation: the record does not wait for pictures that may fail.
        let mut paths = report::files::write(record, folder)?;
        let drawn = if out.report { super::run::draw(record, folder)? } else { Vec::new() };
        paths.push(path);
        paths.extend(drawn.into_iter().next_back());
        paths
    };
    if !out.quiet {
        terminal::say_written(folder, &paths);
    }
    Ok(())
}

/// Refuses what says how a replay is made where none is.
fn refuse_beside_redrive(raw: &RawReplay) -> Result<(), Failure> {
    let usual = Settings::default();
    let flags = [
        ("target", raw.to.target != TargetName::Pool),
        ("url", raw.to.url.is_some()),
        ("adapter", raw.to.adapter.is_some()),
        ("speed", raw.speed != usual.speed),
        ("replication", raw.replication != usual.replication),
        ("point", raw.point != 0),
        ("silence", raw.silence != args::SILENCE),
        ("grace", raw.grace != args::GRACE),
        ("seeds", raw.seeds.is_some()),
        ("output", raw.out.output.is_some()),
        ("out", raw.out.out.is_some()),
        ("format", raw.out.format != Format::Text),
        ("no-report", raw.out.no_report),
    ];
    match flags.into_iter().find(|&(_, given)| given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::new(
            format!("--{flag} is about a replay, and --redrive makes none"),
            format!("leave --{flag} out: the answer is a text on standard output, and no file is written"),
        )),
    }
}

/// Tells a journal to a fresh policy.
fn tell_again(path: &str) -> Result<Answer, Failure> {
    let file = fs::File::open(path).map_err(|error| {
        Failure::new(format!("could not read {path}: {error}"), "a replay writes output/NAME/journal.jsonl")
    })?;
    let redriven = redrive(BufReader::new(file), |_, _| {});
    let redriven = redriven.map_err(|error| Failure::new(format!("{path}, {error}"), error.hint))?;
    let (text, answer) = match redriven {
        Redriven::Same { inputs, effects, cut_off, by } => {
            let end = if cut_off { "; its last line is cut off" } else { "" };
            let own = env!("CARGO_PKG_VERSION");
            let by =
                if by == own { String::new() } else { format!("; written by poolsim {by}, read by {own}") };
            (format!("the same: {inputs} inputs, {effects} effects, bit for bit{end}{by}\n"), Answer::Done)
        }
        Redriven::Differs(first) => {
            (format!("a decision differs\n{first}\n"), Answer::Judged(Judgement::Missed))
        }
    };
    printer::put(&text, &Sink::Stdout)?;
    Ok(answer)
}
