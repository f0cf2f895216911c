//! `poolsim compare`: two records, two models, or a recording and what simulates it, side by side.

use super::args::{Format, RawCompare, RawRun};
use super::checked::{self, Out};
use super::exit::{Answer, Failure};
use super::progress::Bar;
use super::{files, interrupt, sweep, terminal};
use crate::experiment;
use crate::experiment::agreement::recording::{self, Believed, Made};
use crate::experiment::agreement::{Terms, explain, records, whole};
use crate::experiment::record::{GivenModel, Record};
use crate::experiment::validate::recorded;
use crate::model::{Model, Override};
use crate::report;
use crate::workload::recording::{self as recordings, RecordedConstants, RecordedScenario};
use std::path::{Path, PathBuf};

/// Compares, prints, writes files; answers with the verdict where one was asked for.
///
/// # Errors
/// A [`Failure`].
pub fn compare(args: &RawCompare) -> Result<Answer, Failure> {
    interrupt::listen();
    let asked = Asked::of(args)?;
    let first = Input::of(&args.first, &[], args)?;
    // A model is held against itself where only values of it are changed.
    let second = args.second.as_deref().or_else(|| (!args.with.is_empty()).then_some(args.first.as_str()));
    let second = second.map(|path| Input::of(path, &args.with, args)).transpose()?;
    let refused = first.refused().or(second.as_ref().and_then(Input::refused));
    let (record, judged) = match (first, second) {
        (Input::Recordings { all, .. }, None) => (asked.recordings(args, &all)?, true),
        (Input::Recordings { all, .. }, Some(Input::Model(model)))
        | (Input::Model(model), Some(Input::Recordings { all, .. })) => {
            (asked.model(args, &all, &model)?, true)
        }
        (Input::Recordings { .. }, Some(_)) | (_, Some(Input::Recordings { .. })) => {
            let hint = "give the model file, or the recording alone";
            return Err(Failure::new("a recording is compared with a model, not with a record", hint));
        }
        (_, None) => {
            let hint = "name two records, two models, or one recorded scenario";
            return Err(Failure::new(format!("{} has nothing to be compared with", args.first), hint));
        }
        (one, Some(two)) => {
            let ((one, first), (two, second)) = (one.record(args)?, two.record(args)?);
            let (first, second) = short_names(args, first, second);
            (asked.records(args, (one, first), (two, second))?, args.margin.is_some())
        }
    };
    let folder = asked.out.folder.path(&format!("compare-{}", record.name));
    sweep::deliver(&record, &asked.out, folder.as_deref())?;
    if let Some(text) = refused {
        return Err(Failure::new(text, "all others were compared; mend it, or choose with --only"));
    }
    let judgement = whole::judgement(&record.study.agreements).filter(|_| judged);
    Ok(judgement.map_or(Answer::Done, Answer::Judged))
}

/// The names of the two, as short as they stay apart: they head the columns of tables.
fn short_names(args: &RawCompare, first: String, second: String) -> (String, String) {
    if args.second.is_none() {
        return (String::from("as it is"), args.with.join(", "));
    }
    let last = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    match (last(&first), last(&second)) {
        (Some(one), Some(two)) if one != two && args.with.is_empty() => (one, two),
        _ => (first, second),
    }
}

/// What stands at a path.
enum Input {
    Record(Box<Record>, String),
    Model(String),
    /// A model or an experiment, with values that are changed.
    ToRun {
        path: String,
        with: Vec<String>,
        experiment: bool,
    },
    /// Recorded scenarios that could be read, and why others could not.
    Recordings {
        all: Vec<Recording>,
        refused: Vec<String>,
    },
}

/// A recorded scenario with the delays measured beside it.
struct Recording {
    folder: PathBuf,
    scenario: RecordedScenario,
    constants: RecordedConstants,
}

impl Input {
    fn of(path: &str, with: &[String], args: &RawCompare) -> Result<Input, Failure> {
        let found = Input::at(path, args)?;
        match (with.is_empty(), found) {
            (_, Input::ToRun { path, experiment, .. }) => {
                Ok(Input::ToRun { path, with: with.to_vec(), experiment })
            }
            (true, found) => Ok(found),
            (false, Input::Model(path)) => Ok(Input::ToRun { path, with: with.to_vec(), experiment: false }),
            (false, _) => Err(Failure::new(
                format!("--with changes values of a model, and {path} is none"),
                "name a model or experiment file; with one file alone it is held against itself",
            )),
        }
    }

    fn at(path: &str, args: &RawCompare) -> Result<Input, Failure> {
        let place = Path::new(path);
        if !place.exists() {
            return Err(Failure::new(
                format!("could not read {path}: there is no such file or folder"),
                "name a record.json, its folder, a model file, a recorded scenario or a folder of them",
            ));
        }
        if place.join("settings.toml").is_file() {
            let unreadable = |text| Failure::new(text, WHOLE);
            let all = vec![Recording::read(place, args)?.map_err(unreadable)?];
            return Ok(Input::Recordings { all, refused: Vec::new() });
        }
        if place.join("scenarios").is_dir() {
            return Recording::all(&place.join("scenarios"), args);
        }
        if place.extension().is_some_and(|ending| ending == "toml") {
            if files::is_experiment(&files::read_model(path)?) {
                return Ok(Input::ToRun { path: path.to_owned(), with: Vec::new(), experiment: true });
            }
            return Ok(Input::Model(path.to_owned()));
        }
        let file = if place.is_dir() { place.join(report::files::RECORD) } else { place.to_owned() };
        if place.is_dir() && !file.exists() {
            return Input::recordings(place, args);
        }
        let record = Record::read(&file).map_err(|error| files::unreadable(&error, &file))?;
        Ok(Input::Record(Box::new(record), path.to_owned()))
    }

    /// A folder that holds no record: recorded scenarios, or nothing that can be compared.
    fn recordings(folder: &Path, args: &RawCompare) -> Result<Input, Failure> {
        if subfolders(folder)?.iter().any(|path| is_scenario(path)) {
            return Recording::all(folder, args);
        }
        Err(Failure::new(
            format!(
                "{} holds nothing to compare: no record.json, no settings.toml of a recorded scenario, no scenarios/, \
                 and no folder with a settings.toml",
                folder.display()
            ),
            "name a record.json, its folder, a model file, a recorded scenario or a folder of them",
        ))
    }

    /// The record, made by a run where a model was named.
    fn record(self, args: &RawCompare) -> Result<(Record, String), Failure> {
        match self {
            Input::Record(record, name) => Ok((*record, name)),
            Input::Model(path) => {
                let (model, given) = load(&path, &[])?;
                let bar = Bar::new(args.out.quiet);
                Ok((experiment::run::run(&model, given, &bar)?, path))
            }
            Input::ToRun { path, with, experiment } => {
                let name = match with.as_slice() {
                    [] => path.clone(),
                    with => format!("{path} with {}", with.join(", ")),
                };
                if experiment {
                    let study = checked::study(&path, None, &with, &args.out)?;
                    return Ok((sweep::whole(&study)?, name));
                }
                let (model, given) = load(&path, &with)?;
                let bar = Bar::new(args.out.quiet);
                Ok((experiment::run::run(&model, given, &bar)?, name))
            }
            Input::Recordings { .. } => Err(Failure::new("a recording is no record", "")),
        }
    }

    /// Of scenarios that could not be read: how many, and why.
    fn refused(&self) -> Option<String> {
        let Input::Recordings { all, refused } = self else { return None };
        let of = all.len() + refused.len();
        (!refused.is_empty()).then(|| {
            format!("{} of {of} scenarios could not be compared:\n  {}", refused.len(), refused.join("\n  "))
        })
    }
}

/// Loads a model as `poolsim run` does.
fn load(path: &str, with: &[String]) -> Result<(Model, experiment::Given), Failure> {
    let raw = RawRun {
        model: path.to_owned(),
        seed: None,
        replications: None,
        precision: None,
        horizon: None,
        requests: None,
        set: with.to_vec(),
        trace: None,
        threads: None,
        format: Format::Text,
        out: None,
        output: None,
        no_report: true,
        quiet: true,
    };
    super::run::load(&checked::run(raw)?)
}

/// What to ask of a scenario that cannot be read.
const WHOLE: &str = "is it a whole recording?";

impl Recording {
    /// The recording, or why it cannot be read.
    fn read(folder: &Path, args: &RawCompare) -> Result<Result<Recording, String>, Failure> {
        let constants = constants(folder, args)?;
        let scenario = recordings::read_scenario(|name| std::fs::read(folder.join(name)).ok());
        Ok(scenario
            .map(|scenario| Recording { folder: folder.to_owned(), scenario, constants })
            .map_err(|error| format!("{}: {error}", folder.display())))
    }

    /// All scenarios of a folder: one that cannot be read keeps none of the others from being compared.
    fn all(folder: &Path, args: &RawCompare) -> Result<Input, Failure> {
        let mut folders = subfolders(folder)?;
        let name = |path: &Path| {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        folders.retain(|path| args.only.as_ref().is_none_or(|only| name(path).contains(only.as_str())));
        let (scenarios, others): (Vec<PathBuf>, Vec<PathBuf>) =
            folders.into_iter().partition(|path| is_scenario(path));
        if scenarios.is_empty() {
            let hint = match args.only {
                Some(_) => "leave out --only to see all",
                None => "a recorded scenario is a folder with a settings.toml",
            };
            return Err(Failure::new(format!("no such scenario in {}", folder.display()), hint));
        }
        for other in others.iter().filter(|_| !args.out.quiet) {
            terminal::say(&format!(
                "{}: no settings.toml, so no recorded scenario; left out",
                other.display()
            ));
        }
        let (mut all, mut refused) = (Vec::new(), Vec::new());
        for folder in &scenarios {
            match Recording::read(folder, args)? {
                Ok(recording) => all.push(recording),
                Err(why) => refused.push(why),
            }
        }
        if all.is_empty() {
            return Err(Failure::new(refused.join("\n  "), WHOLE));
        }
        Ok(Input::Recordings { all, refused })
    }
}

fn is_scenario(folder: &Path) -> bool {
    folder.join("settings.toml").is_file()
}

/// The folders in a folder, by name.
fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("could not read {}: {error}", folder.display()), "is it a folder?")
    };
    let entries: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut folders = entries.map_err(failed)?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

/// The delays measured with a recording: the file named, or the nearest above; none are nought.
fn constants(folder: &Path, args: &RawCompare) -> Result<RecordedConstants, Failure> {
    // Of a relative path the folders above are not all in its text.
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let near =
        || whole.ancestors().take(3).map(|above| above.join("constants.toml")).find(|path| path.is_file());
    let Some(path) = args.constants.as_ref().map(PathBuf::from).or_else(near) else {
        if !args.out.quiet {
            terminal::say(&format!("{}: no constants.toml; delays are taken for none", folder.display()));
        }
        let none = recordings::read_constants(b"[constants]\n");
        return none.map_err(|error| Failure::new(error.to_string(), ""));
    };
    let bytes = std::fs::read(&path)
        .map_err(|error| Failure::new(format!("could not read {}: {error}", path.display()), ""))?;
    recordings::read_constants(&bytes).map_err(|error| {
        Failure::new(format!("{}: {error}", path.display()), "see tests/data/orchestrator/constants.toml")
    })
}

/// What was asked for.
struct Asked {
    terms: Terms,
    seeds: u64,
    preset: String,
    overrides: Vec<Override>,
    out: Out,
    command: String,
}

impl Asked {
    fn of(args: &RawCompare) -> Result<Asked, Failure> {
        let share = |flag: &str, text: &Option<String>, usual: f64| {
            text.as_ref().map_or(Ok(usual), |text| checked::share(flag, text))
        };
        let usual = Terms::default();
        let terms = Terms {
            margin: share("--margin", &args.margin, usual.margin)?,
            floor_share: share("--margin-of-shares", &args.margin_of_shares, usual.floor_share)?,
            confidence: share("--confidence", &args.confidence, usual.confidence)?,
            ..usual
        };
        let seeds = args.seeds.unwrap_or(recording::SEEDS);
        if seeds < 2 {
            return Err(Failure::new("--seeds must be at least 2", "one run says nothing of chance"));
        }
        let set = |text: &String| checked::setting(text).map(|(path, value)| Override { path, value });
        Ok(Asked {
            terms,
            seeds,
            preset: args.preset.clone().unwrap_or_else(|| String::from(recorded::PRESET)),
            overrides: args.set.iter().map(set).collect::<Result<_, _>>()?,
            out: checked::out(&args.out)?,
            command: command(args),
        })
    }

    fn believed<'a>(&'a self, recording: &'a Recording) -> Believed<'a> {
        Believed {
            scenario: &recording.scenario,
            constants: &recording.constants,
            preset: &self.preset,
            overrides: &self.overrides,
        }
    }

    fn made(&self, name: String, folder: &Path) -> Made {
        Made {
            name,
            model: GivenModel { file: folder.display().to_string(), text: String::new() },
            seed: 1,
            overrides: self.overrides.iter().map(|one| format!("{}={}", one.path, one.value)).collect(),
            command: self.command.clone(),
            ..Made::default()
        }
    }

    /// Recordings against what simulates them.
    fn recordings(&self, args: &RawCompare, all: &[Recording]) -> Result<Record, Failure> {
        let failed = |error: String| {
            Failure::of_model(
                error,
                "no model was made of the scenario's settings, or of what is believed of it",
            )
        };
        if let [one] = all {
            let believed = self.believed(one);
            let compared = recording::compare(&believed, &self.terms, self.seeds).map_err(failed)?;
            let explained = args
                .explain
                .then(|| explain::explain(&believed, &self.terms, args.seeds.unwrap_or(explain::SEEDS)))
                .transpose()
                .map_err(failed)?;
            let text = recorded::text(&one.scenario, &one.constants, &self.preset);
            let made = self.made(one.scenario.settings.name.clone(), &one.folder);
            let model = GivenModel { text, ..made.model };
            let made = Made { model, explained, parts: believed.parts(), ..made };
            return Ok(recording::record(compared, &self.terms, made));
        }
        if args.explain {
            let hint = "name one scenario's folder, or choose with --only";
            return Err(Failure::new("--explain asks about one scenario", hint));
        }
        let compared = |one: &Recording| {
            let compared =
                recording::compare(&self.believed(one), &self.terms, self.seeds).map_err(failed)?;
            Ok((one.scenario.settings.name.clone(), compared))
        };
        let compared = all.iter().map(compared).collect::<Result<Vec<_>, Failure>>()?;
        let made = self.made(String::from("recordings"), Path::new(&args.first));
        Ok(recording::record_of_all(compared, &self.terms, made))
    }

    /// A model that someone wrote against a recording.
    fn model(&self, args: &RawCompare, all: &[Recording], path: &str) -> Result<Record, Failure> {
        let [one] = all else {
            return Err(Failure::new(
                "a model is compared with one scenario",
                "name its folder, or use --only",
            ));
        };
        if args.explain || args.preset.is_some() || !args.set.is_empty() {
            let hint = "change the model file, or compare the recording alone";
            return Err(Failure::new(
                "--explain, --preset and --set are about the recording's own model",
                hint,
            ));
        }
        let (model, given) = load(path, &[])?;
        let compared = recording::against(&one.scenario, &model, &self.terms, self.seeds)
            .map_err(|error| Failure::new(error, "give both the same classes"))?;
        let made = self.made(format!("{} against {}", model.name, one.scenario.settings.name), &one.folder);
        let classes = one.scenario.workload.classes();
        let parts = experiment::record::Parts { classes, ..Default::default() };
        let made = Made { model: given.model, seed: model.run.seed, parts, ..made };
        Ok(recording::record(compared, &self.terms, made))
    }

    fn records(
        &self,
        args: &RawCompare,
        (one, first): (Record, String),
        (two, second): (Record, String),
    ) -> Result<Record, Failure> {
        if args.explain || args.preset.is_some() || !args.set.is_empty() || args.seeds.is_some() {
            let hint = "name a recorded scenario, or leave them out";
            return Err(Failure::new("--explain, --preset, --set and --seeds are about recordings", hint));
        }
        let (first, second) =
            if first == second { (format!("{first} (1)"), format!("{second} (2)")) } else { (first, second) };
        let pair = ((first.as_str(), &one), (second.as_str(), &two));
        let agreements =
            records::compare(pair.0, pair.1, &self.terms).map_err(|(text, hint)| Failure::new(text, hint))?;
        Ok(records::record(pair.0, pair.1, agreements, &self.terms, self.command.clone()))
    }
}

/// The command that repeats the comparison.
fn command(args: &RawCompare) -> String {
    let mut words = vec![String::from("poolsim"), String::from("compare"), args.first.clone()];
    words.extend(args.second.clone());
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
    };
    args.with.iter().for_each(|one| flag("with", Some(one.clone())));
    flag("margin", args.margin.clone());
    flag("margin-of-shares", args.margin_of_shares.clone());
    flag("confidence", args.confidence.clone());
    flag("seeds", args.seeds.map(|n| n.to_string()));
    flag("preset", args.preset.clone());
    args.set.iter().for_each(|one| flag("set", Some(one.clone())));
    flag("constants", args.constants.clone());
    flag("only", args.only.clone());
    if args.explain {
        words.push(String::from("--explain"));
    }
    words.iter().map(|word| checked::quoted(word)).collect::<Vec<_>>().join(" ")
}
