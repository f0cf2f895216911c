//! `poolsim replay`: a workload in real time against a real scheduler, beside its simulation.

pub mod args;

use super::checked::{self, Folder, Out};
use super::exit::{Answer, Failure};
use super::files::{self, Beside};
use super::progress::Bar;
use super::{experiments, interrupt, printer, terminal};
use crate::experiment::Given;
use crate::experiment::record::{GivenModel, Record, Warning, write_whole};
use crate::experiment::replay as beside;
use crate::experiment::verdict::{Judgement, overall};
use crate::live::command::CommandTarget;
use crate::live::http::HttpTarget;
use crate::live::journal::redrive::{Redriven, redrive};
use crate::live::own::OwnPools;
use crate::live::replay::{Replayed, Settings, replay};
use crate::live::target::{Target, TargetError};
use crate::model::{self, Diagnostic, Loaded, Model, Override};
use crate::quantity;
use crate::report::{self, requests};
use crate::time::Span;
use args::{RawReplay, TargetName};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The name of the journal in its folder.
const JOURNAL: &str = "journal.jsonl";
/// The name of the table of requests in its folder.
const REQUESTS: &str = "requests.csv";

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Failure {
        Failure::new(error.text, error.hint)
    }
}

/// Replays a workload, or tells a journal again.
///
/// # Errors
/// A [`Failure`].
pub fn run(raw: &RawReplay) -> Result<Answer, Failure> {
    if let Some(journal) = &raw.redrive {
        return tell_again(journal);
    }
    interrupt::listen_gently();
    let settings = settings(raw)?;
    let out = checked::out(&raw.out);
    let (model, given) = load(raw)?;
    let folder = match &out.folder {
        Folder::Nowhere => None,
        Folder::Given(path) => Some(path.clone()),
        Folder::ByName => Some(Path::new("output").join(report::files::folder_name(&model.name))),
    };
    if let Some(folder) = &folder {
        make(folder)?;
    }
    let mut target = target(raw, &model, folder.as_deref())?;
    if !out.quiet {
        terminal::say(&announcement(raw, &model));
    }
    let replayed = replay(&model, target.as_mut(), &settings, &interrupt::asked)?;
    drop(target);
    let bar = Bar::new(out.quiet);
    let record = beside::beside(&model, given, &replayed, &bar)?.record;
    deliver(&record, &model, &replayed, &out, folder.as_deref())?;
    if replayed.interrupted {
        return Err(Failure::Interrupted);
    }
    let real = record.points.iter().filter(|point| !point.world.is_simulated());
    let worst = overall(real.flat_map(|point| &point.verdicts));
    Ok(worst.map_or(Answer::Done, Answer::Judged))
}

fn settings(raw: &RawReplay) -> Result<Settings, Failure> {
    if !(raw.speed.is_finite() && raw.speed > 0.0 && raw.speed <= 1e6) {
        return Err(Failure::new(format!("--speed {}: not a positive number", raw.speed), "write 1 or 10"));
    }
    Ok(Settings {
        speed: raw.speed,
        replication: raw.replication,
        silence: span("--silence", &raw.silence)?,
        grace: span("--grace", &raw.grace)?,
    })
}

fn span(flag: &str, text: &str) -> Result<Span, Failure> {
    quantity::parse_span(text)
        .map_err(|error| Failure::new(format!("{flag} {text}: {}", error.message), error.hint))
}

/// Whether a file is an experiment: it names a model.
pub(in crate::cli) fn is_experiment(text: &str) -> bool {
    text.lines()
        .map(str::trim_start)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.strip_prefix("model").is_some_and(|rest| rest.trim_start().starts_with('=')))
}

fn load(raw: &RawReplay) -> Result<(Model, Given), Failure> {
    let path = raw.model.as_deref().unwrap_or("-");
    let text = files::read_model(path)?;
    let command = command_of(raw);
    let (mut model, mut given) = if is_experiment(&text) {
        of_experiment(raw, path)?
    } else {
        let name = files::named(path);
        let settings = checked::settings(&target_settings(raw)?)?;
        let mut overrides: Vec<Override> =
            settings.iter().map(|(path, value)| Override::new(path.clone(), value.clone())).collect();
        if let Some(seed) = raw.seed {
            overrides.push(Override::new("run.seed", seed.to_string()));
        }
        let loaded = model::load(&name, &text, &Beside::model(path, None), &overrides);
        let Loaded { model, warnings, document } =
            loaded.map_err(|faults| Failure::Rendered(faults.render(terminal::stderr_color())))?;
        let given = Given {
            model: GivenModel { file: name, text: document.text().to_owned() },
            overrides: raw.set.clone(),
            command: String::new(),
            warnings: warnings.into_iter().map(warning).collect(),
        };
        (model, given)
    };
    given.command = command;
    super::run::shorten(&mut model, checked::length(raw.horizon.as_deref(), raw.requests)?);
    Ok((model, given))
}

fn warning(one: Diagnostic) -> Warning {
    Warning { code: String::from("model"), text: one.message, advice: one.hint.unwrap_or_default() }
}

fn of_experiment(raw: &RawReplay, path: &str) -> Result<(Model, Given), Failure> {
    let study = checked::study(path, raw.seed, &target_settings(raw)?, &raw.out)?;
    let mut loaded = experiments::load(&study)?;
    let plan = experiments::plan(&study, &mut loaded)?;
    let count = plan.points.len();
    let Some(point) = plan.points.into_iter().nth(raw.point) else {
        let hint = format!("count from 0 to {}", count.saturating_sub(1));
        return Err(Failure::new(format!("--point {}: the experiment has {count} points", raw.point), hint));
    };
    Ok((point.model, loaded.given))
}

fn command_of(raw: &RawReplay) -> String {
    let mut words = vec![String::from("poolsim"), String::from("replay")];
    words.extend(raw.model.clone());
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
    };
    let target = match raw.target {
        TargetName::Pool => "pool",
        TargetName::Process => "process",
        TargetName::Http => "http",
        TargetName::Command => "command",
    };
    flag("target", Some(target.to_owned()));
    flag("worker", raw.worker.clone());
    flag("url", raw.url.clone());
    flag("adapter", raw.adapter.clone());
    flag("speed", (raw.speed != 1.0).then(|| raw.speed.to_string()));
    flag("seed", raw.seed.map(|seed| seed.to_string()));
    flag("replication", (raw.replication > 0).then(|| raw.replication.to_string()));
    flag("point", (raw.point > 0).then(|| raw.point.to_string()));
    flag("horizon", raw.horizon.clone());
    flag("requests", raw.requests.map(|n| n.to_string()));
    for set in &raw.set {
        flag("set", Some(set.clone()));
    }
    words.iter().map(|word| checked::quoted(word)).collect::<Vec<_>>().join(" ")
}

/// What the flags say of targets, as values of the model.
fn target_settings(raw: &RawReplay) -> Result<Vec<String>, Failure> {
    let flags = [
        ("url", raw.url.is_some(), TargetName::Http),
        ("adapter", raw.adapter.is_some(), TargetName::Command),
        ("worker", raw.worker.is_some(), TargetName::Process),
    ];
    for (flag, given, wanted) in flags {
        if given && raw.target != wanted {
            let word = format!("{wanted:?}").to_lowercase();
            return Err(Failure::new(
                format!("--{flag} is for another target"),
                format!("add --target {word}"),
            ));
        }
    }
    let mut settings = raw.set.clone();
    settings.extend(raw.url.iter().map(|url| format!("target.http.url={}", toml_text(url))));
    if let Some(adapter) = &raw.adapter {
        let words: Vec<String> = words("--adapter", adapter)?.iter().map(|word| toml_text(word)).collect();
        settings.push(format!("target.command.run=[{}]", words.join(", ")));
    }
    Ok(settings)
}

/// A text as TOML writes it.
fn toml_text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn target(raw: &RawReplay, model: &Model, folder: Option<&Path>) -> Result<Box<dyn Target>, Failure> {
    let missing = |table: &str, flag: &str| {
        let hint = format!("write [target.{table}] into the model or the experiment, or give {flag}");
        Failure::new(format!("the model does not say how target {table} is reached"), hint)
    };
    let own = match raw.target {
        TargetName::Http => {
            let settings = model.targets.http.as_ref();
            let settings = settings.ok_or_else(|| missing("http", "--url http://127.0.0.1:8080"))?;
            return Ok(Box::new(HttpTarget::new(model, settings)));
        }
        TargetName::Command => {
            let settings = model.targets.command.as_ref();
            let settings = settings.ok_or_else(|| missing("command", "--adapter \"python3 adapter.py\""))?;
            return Ok(Box::new(CommandTarget::start(model, settings, raw.speed)?));
        }
        TargetName::Pool => OwnPools::threads(model, raw.replication),
        TargetName::Process => {
            let Some(worker) = &raw.worker else {
                let hint = "give the command of a worker: --worker \"python3 examples/worker.py\"";
                return Err(Failure::new("target process needs a worker", hint));
            };
            OwnPools::processes(model, raw.replication, words("--worker", worker)?)
        }
    };
    Ok(Box::new(match folder {
        Some(folder) => own.with_journal(folder.join(JOURNAL)),
        None => own,
    }))
}

/// A command split into words: at blanks outside quotes.
pub(in crate::cli) fn words(flag: &str, text: &str) -> Result<Vec<String>, Failure> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Failure::new(format!("{flag} {text}: a quote is not closed"), ""));
    }
    words.extend(word);
    if words.is_empty() {
        return Err(Failure::new(format!("{flag} is empty"), "write \"python3 examples/worker.py\""));
    }
    Ok(words)
}

fn announcement(raw: &RawReplay, model: &Model) -> String {
    let length = match model.run.length {
        model::RunLength::Horizon(end) => format!("{:.0} s", end.secs() / raw.speed),
        model::RunLength::Requests(n) => format!("{n} requests"),
    };
    format!("replaying {length} in real time; Ctrl-C ends with what is recorded so far")
}

fn make(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(format!("could not make {}: {error}", folder.display()), "choose another with --output")
    })
}

/// Prints the result and writes its files. A disk that is full keeps nobody from seeing the result.
fn deliver(
    record: &Record,
    model: &Model,
    replayed: &Replayed,
    out: &Out,
    folder: Option<&Path>,
) -> Result<(), Failure> {
    let saved = folder.map_or(Ok(()), |folder| save(record, model, replayed, out, folder));
    printer::print(record, out.format, &out.sink)?;
    saved
}

fn save(
    record: &Record,
    model: &Model,
    replayed: &Replayed,
    out: &Out,
    folder: &Path,
) -> Result<(), Failure> {
    let paths: Vec<PathBuf> = {
        let _guard = interrupt::hold();
        let path = folder.join(REQUESTS);
        write_whole(&path, requests::table(model, &replayed.requests).as_bytes())?;
        let drawn = if out.report { super::run::draw(record, folder)? } else { Vec::new() };
        let mut paths = report::files::write(record, folder)?;
        paths.push(path);
        paths.extend(drawn.into_iter().next_back());
        paths
    };
    if !out.quiet {
        let names: Vec<String> =
            paths.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
        terminal::say(&format!("wrote {}: {}", folder.display(), names.join(", ")));
    }
    Ok(())
}

/// Tells a journal to a fresh policy.
fn tell_again(path: &str) -> Result<Answer, Failure> {
    let file = fs::File::open(path).map_err(|error| {
        Failure::new(format!("could not read {path}: {error}"), "a replay writes output/NAME/journal.jsonl")
    })?;
    let redriven = redrive(BufReader::new(file), |_, _| {});
    let redriven = redriven.map_err(|error| Failure::new(format!("{path}, {error}"), "is it a journal?"))?;
    let (text, answer) = match redriven {
        Redriven::Same { inputs, effects, cut_off } => {
            let end = if cut_off { "; its last line is cut off" } else { "" };
            (format!("the same: {inputs} inputs, {effects} effects, bit for bit{end}\n"), Answer::Done)
        }
        Redriven::Differs(first) => {
            (format!("a decision differs\n{first}\n"), Answer::Judged(Judgement::Missed))
        }
    };
    printer::put(&text, &checked::Sink::Stdout)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_would() {
        assert_eq!(
            words("--worker", "python3 'my worker.py' --a \"b c\"").ok().unwrap(),
            ["python3", "my worker.py", "--a", "b c"]
        );
        assert!(words("--worker", "a 'b").is_err() && words("--worker", "  ").is_err());
        assert_eq!(words("--worker", "a ''").ok().unwrap(), ["a", ""]);
    }

    #[test]
    fn an_experiment_names_a_model() {
        assert!(is_experiment("# x\nname = \"a\"\nmodel = \"b.toml\"\n[[axis]]\n"));
        assert!(!is_experiment("name = \"model\"\n[run]\nmodel = 1\n"));
    }
}
