//! `poolsim hunt`: random cases against a scheduler, until a law is broken.

mod scene;

use super::args::{Format, RawHunt};
use super::exit::{Answer, Failure};
use super::files::{self, Beside};
use super::places::{Folder, Sink};
use super::progress::HuntBar;
use super::{interrupt, printer, terminal};
use crate::experiment::Judgement;
use crate::experiment::hunt::case::{Case, Settings};
use crate::experiment::hunt::laws::{Law, Laws};
use crate::experiment::hunt::record::{Finding, HuntRecord, Hunted, Kept, SCHEMA, State};
use crate::experiment::hunt::{Bag, Hunt, Quarry, Small, generate};
use crate::experiment::record::write_whole;
use crate::model::{self, Document, Model, Override, presets, suggestion};
use crate::quantity;
use crate::report;
use scene::{Real, Scene};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Cases of each quarry where neither a number nor a time is given.
const CASES: u64 = 100_000;

/// The command line as meant.
struct Orders {
    laws: Option<Laws>,
    except: Laws,
    time: Option<f64>,
    cases: u64,
    seed: u64,
    from_start: bool,
    folder: Folder,
    quiet: bool,
    command: String,
    /// A real target; the policy on virtual time without one.
    real: Option<Real>,
}

/// A quarry before it is hunted.
struct Named {
    name: String,
    settings: Option<Settings>,
    /// Settings that were given, and stay when a case is made small.
    keep: Vec<String>,
}

/// Hunts, prints what was found, keeps it.
///
/// # Errors
/// A [`Failure`].
pub fn hunt(args: &RawHunt) -> Result<Answer, Failure> {
    if args.format == Format::Csv {
        return Err(Failure::new("a hunt has no CSV", "choose --format text, json or markdown"));
    }
    let orders = orders(args)?;
    let sink = Sink::of(args.out.as_deref())?;
    if let Some(file) = &args.repeat {
        return repeat(file, &orders, &sink);
    }
    let mut quarries = quarries(args)?;
    interrupt::listen_gently();
    if let Some(real) = &orders.real {
        quarries.iter_mut().filter_map(|named| named.settings.as_mut()).for_each(|one| real.put_adapter(one));
    }
    let hunted = super::run::in_pool(args.threads, || all(&quarries, &orders))??;
    if hunted.is_empty() && interrupt::asked() {
        return Err(Failure::Interrupted);
    }
    let laws =
        orders.laws.unwrap_or_else(|| laws_for(quarries.iter().all(|quarry| quarry.settings.is_none())));
    let record = HuntRecord {
        schema: String::from(SCHEMA),
        version: String::from(env!("CARGO_PKG_VERSION")),
        command: orders.command.clone(),
        seed: orders.seed,
        laws: laws.without(orders.except.iter()).iter().collect(),
        quarries: hunted,
    };
    let text = match args.format {
        Format::Json => record.to_json(),
        Format::Markdown => report::hunt::markdown(&record),
        _ => report::hunt::text(&record),
    };
    printer::put(&text, &sink)?;
    if interrupt::asked() {
        return Err(Failure::Interrupted);
    }
    Ok(if record.found() { Answer::Judged(Judgement::Missed) } else { Answer::Done })
}

/// Hunts one quarry after the other, until someone asks to stop: of those that were begun, what was found by then stands.
fn all(quarries: &[Named], orders: &Orders) -> Result<Vec<Hunted>, Failure> {
    let share = orders.time.map(|time| time / quarries.len() as f64);
    let mut hunted = Vec::new();
    for quarry in quarries {
        match one(quarry, orders, share, quarries.len() > 1) {
            Err(Failure::Interrupted) => break,
            done => hunted.push(done?),
        }
        if interrupt::asked() {
            break;
        }
    }
    Ok(hunted)
}

fn laws_for(random: bool) -> Laws {
    if random { Laws::of_every_scheduler() } else { Laws::ALL }
}

fn orders(args: &RawHunt) -> Result<Orders, Failure> {
    let laws = |words: &[String]| -> Result<Vec<Law>, Failure> {
        words
            .iter()
            .map(|word| {
                let names: Vec<&str> = Law::ALL.iter().map(|law| law.name()).collect();
                Law::from_name(word).ok_or_else(|| {
                    let hint = suggestion(word, &names);
                    Failure::new(format!("there is no law `{word}`"), hint)
                })
            })
            .collect()
    };
    let time = match args.time.as_deref().map(quantity::parse_duration) {
        Some(Err(error)) => {
            return Err(Failure::new(format!("--for: {error}"), "write a time, such as --for 60s"));
        }
        Some(Ok(time)) => Some(time),
        None => None,
    };
    let chosen = laws(&args.law)?;
    let real = Real::of(args)?;
    let most = if real.is_some() { scene::CASES } else { CASES };
    Ok(Orders {
        laws: (!chosen.is_empty()).then(|| Laws::of(chosen)),
        except: Laws::of(laws(&args.except)?),
        time,
        cases: args.cases.unwrap_or(if time.is_some() { u64::MAX } else { most }),
        seed: args.seed,
        from_start: args.from_start,
        folder: Folder::of(args.output.as_deref())?,
        quiet: args.quiet,
        command: command(args),
        real,
    })
}

/// The command that repeats a hunt.
fn command(args: &RawHunt) -> String {
    let mut words = vec![String::from("poolsim hunt")];
    words.extend(args.quarries.iter().cloned());
    words.extend(Real::flags(args));
    words.extend(args.set.iter().map(|set| format!("--set {set}")));
    words.extend(args.law.iter().map(|law| format!("--law {law}")));
    words.extend(args.except.iter().map(|law| format!("--except {law}")));
    words.extend(args.time.iter().map(|time| format!("--for {time}")));
    words.extend(args.cases.iter().map(|cases| format!("--cases {cases}")));
    words.push(format!("--seed {}", args.seed));
    if args.from_start {
        words.push(String::from("--from-start"));
    }
    words.join(" ")
}

// ---- quarries -------------------------------------------------------------------------------------------

fn quarries(args: &RawHunt) -> Result<Vec<Named>, Failure> {
    if args.quarries.is_empty() {
        if !args.set.is_empty() {
            return Err(Failure::new(
                "--set changes a model, and there is none",
                "name a model file or a preset",
            ));
        }
        return Ok(vec![Named { name: String::from("random"), settings: None, keep: Vec::new() }]);
    }
    let mut all = Vec::new();
    for word in &args.quarries {
        if presets::POOLS.iter().any(|preset| preset.name == word) {
            let mut pool = Table::new();
            pool.insert(String::from("preset"), Value::String(word.clone()));
            pool.insert(String::from("slots"), Value::Integer(1));
            let document = document(word, &generate::bare("main", pool), &args.set)?;
            all.extend(pools(
                word,
                &document,
                args.set.iter().any(|set| set.starts_with("pool.main.slots")),
            )?);
        } else {
            all.extend(pools_of_file(word, args)?);
        }
    }
    Ok(all)
}

/// The pools of a model file, each a quarry.
fn pools_of_file(path: &str, args: &RawHunt) -> Result<Vec<Named>, Failure> {
    if !Path::new(path).exists() && path != "-" {
        let names: Vec<&str> = presets::POOLS.iter().map(|preset| preset.name).collect();
        let hint = suggestion(path, &names);
        return Err(Failure::new(format!("{path} is neither a file nor a preset of a pool"), hint));
    }
    let text = files::read_model(path)?;
    let rendered = |faults: model::Diagnostics| Failure::Rendered(faults.render(terminal::stderr_color()));
    let set: Vec<Override> = overrides(&args.set)?;
    // The whole model must be in order, whatever of it is hunted.
    let loaded =
        model::load(&files::named(path), &text, &Beside::model(path, None), &set).map_err(rendered)?;
    pools(&loaded.model.name, &loaded.document, true)
}

fn document(name: &str, settings: &Settings, set: &[String]) -> Result<Document, Failure> {
    let rendered = |faults: model::Diagnostics| Failure::Rendered(faults.render(terminal::stderr_color()));
    let text = toml::to_string(&settings.0).unwrap_or_default();
    let set = overrides(set)?;
    Document::parse(name, &text).and_then(|document| document.with(&set)).map_err(rendered)
}

fn overrides(set: &[String]) -> Result<Vec<Override>, Failure> {
    let one = |text: &String| {
        Override::parse(text).ok_or_else(|| {
            Failure::new(format!("--set {text}: not PATH=VALUE"), "such as --set pool.main.slots=8")
        })
    };
    set.iter().map(one).collect()
}

/// Each pool of a document with the classes: its load, its hosts, routes and scaling are left out.
fn pools(name: &str, document: &Document, slots_are_given: bool) -> Result<Vec<Named>, Failure> {
    let table = |key: &str| document.find(key).and_then(|node| Table::try_from(node.value.to_json()).ok());
    let mut classes = table("class").unwrap_or_default();
    for (_, class) in classes.iter_mut() {
        if let Some(class) = class.as_table_mut() {
            class.retain(|key, _| key == "priority");
        }
    }
    // How an adapter is reached goes with the pool: the file of a case names it.
    let command = table("target").and_then(|mut target| target.remove("command")).map(|command| {
        let mut target = Table::new();
        target.insert(String::from("command"), command);
        (String::from("target"), Value::Table(target))
    });
    let pools = table("pool").unwrap_or_default();
    let several = pools.len() > 1;
    let named = pools.into_iter().filter_map(|(pool, mut table)| {
        let settings = table.as_table_mut()?;
        for left_out in ["host", "hosts", "instances", "routing", "autoscaler", "breakdown"] {
            settings.remove(left_out);
        }
        let mut keep: Vec<String> = keys(settings, "");
        if !slots_are_given {
            settings.remove("slots");
            keep.retain(|path| path != "slots");
        }
        let name = if several { format!("{name}.{pool}") } else { String::from(name) };
        let mut root = Table::new();
        root.insert(String::from("class"), Value::Table(classes.clone()));
        let mut one = Table::new();
        one.insert(pool, table);
        root.insert(String::from("pool"), Value::Table(one));
        root.extend(command.clone());
        Some(Named { name, settings: Some(Settings(root)), keep })
    });
    Ok(named.collect())
}

/// The paths of all that a table says.
fn keys(table: &Table, above: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (key, value) in table {
        let path = format!("{above}{key}");
        if let Value::Table(inner) = value {
            all.extend(keys(inner, &format!("{path}.")));
        }
        all.push(path);
    }
    all
}

// ---- one hunt -------------------------------------------------------------------------------------------

fn one(named: &Named, orders: &Orders, time: Option<f64>, several: bool) -> Result<Hunted, Failure> {
    let laws =
        orders.laws.unwrap_or_else(|| laws_for(named.settings.is_none())).without(orders.except.iter());
    let make = |model: &Model| Real::make(orders.real.as_ref(), model);
    let scene = Scene::of(orders, &make, &|| first_model(named, orders, laws))?;
    let quarry = match &named.settings {
        None => Quarry::Random,
        Some(settings) => scene.quarry(settings, laws)?,
    };
    let folder = match &orders.folder {
        Folder::Given(folder) if several => Some(folder.join(report::files::folder_name(&named.name))),
        folder => {
            let target = if orders.real.is_some() { format!("-{}", scene.name()) } else { String::new() };
            folder.path(&format!("hunt-{}{target}", named.name))
        }
    };
    let mut state = state(named, orders, folder.as_deref());
    let corpus = match folder.as_deref() {
        Some(folder) => replay_corpus(folder, laws, &scene)?,
        None => Vec::new(),
    };
    let hunt = Hunt { quarry, laws, seed: orders.seed, keep: named.keep.clone() };
    let bar = HuntBar::new(orders.quiet);
    let first = state.next_case;
    let bag = scene.hunt(&hunt, (first, orders.cases.min(u64::MAX - first)), &mut |bag: &Bag| {
        bar.show(bag.cases, bag.events, bag.found.len());
        !interrupt::asked() && time.is_none_or(|time| bar.elapsed() < time)
    })?;
    let seconds = bar.elapsed();
    bar.clear();
    if !orders.quiet {
        let rate = quantity::format_rate(bag.events as f64 / seconds.max(1e-9));
        terminal::say(&format!("{}: {} cases, {} events, {rate}", named.name, bag.cases, bag.events));
    }
    if bag.unconfirmed > 0 && !orders.quiet {
        terminal::say(&format!(
            "{} times something came late, and was in time when it was looked for again: a busy machine",
            bag.unconfirmed
        ));
    }
    state.next_case = first + bag.cases;
    state.events += bag.events;
    let by = format!("case NUMBER of `{}`", orders.command);
    let mut findings = Vec::new();
    for (&law, (count, cases)) in &bag.found {
        *state.found.entry(law).or_default() += count;
        let Some(small) = scene.smallest(&hunt, law, cases, &by) else { continue };
        let file = folder.as_deref().map(|folder| keep(folder, law, &small, &scene)).transpose()?;
        findings.push(Finding {
            law,
            what: small.what,
            count: *count,
            case: small.case,
            requests: small.requests as u64,
            file: file.map(|file| file.display().to_string()),
            model: small.text,
        });
    }
    if let Some(folder) = &folder {
        write(&folder.join("state.json"), &state.to_json())?;
    }
    Ok(Hunted {
        name: named.name.clone(),
        target: String::from(scene.name()),
        first_case: first,
        cases: bag.cases,
        events: bag.events,
        corpus,
        findings,
    })
}

/// The model of a quarry's first case: what a real target is made for.
fn first_model(named: &Named, orders: &Orders, laws: Laws) -> Result<Model, Failure> {
    let quarry = match &named.settings {
        Some(settings) => Quarry::real(settings, laws).map_err(Failure::Rendered)?,
        None => Quarry::Random,
    };
    let (settings, _) = Hunt { quarry, laws, seed: orders.seed, keep: Vec::new() }.case(0);
    Ok(settings.ground(laws).map_err(Failure::Rendered)?.model)
}

fn state(named: &Named, orders: &Orders, folder: Option<&Path>) -> State {
    let mut settings = named.settings.as_ref().map_or(String::new(), |settings| settings.0.to_string());
    settings.extend(orders.real.as_ref().map(Real::word));
    let digest = Sha256::digest(settings.as_bytes());
    let fresh = State::new(orders.seed, digest.iter().map(|byte| format!("{byte:02x}")).collect());
    let old = folder
        .filter(|_| !orders.from_start)
        .and_then(|folder| std::fs::read_to_string(folder.join("state.json")).ok());
    old.map_or(fresh.clone(), |text| State::resumed(&text, fresh))
}

/// The files of a corpus, in the order of their names.
fn corpus_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("corpus")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    files.sort();
    files
}

/// Plays what was found earlier. A file that is no case any more is said and left out.
fn replay_corpus(folder: &Path, laws: Laws, scene: &Scene<'_>) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    for path in corpus_files(folder) {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(law) = Law::from_name(&stem).filter(|&law| laws.has(law)) else { continue };
        let case = std::fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| Case::read(&text, laws));
        match case {
            Ok(case) => {
                let found = match scene.retell(&case.ground, &case.work) {
                    Err(Failure::Interrupted) => break,
                    told => told?.0.found,
                };
                let still = found.into_iter().find(|breach| breach.law == law).map(|breach| breach.what);
                kept.push(Kept { file: path.display().to_string(), law, still });
            }
            Err(why) => terminal::say(&format!("{} is no case: {why}", path.display())),
        }
    }
    Ok(kept)
}

/// Writes a case to the corpus, unless a smaller one that still fails is there, or cannot be looked at any more.
fn keep(folder: &Path, law: Law, small: &Small, scene: &Scene<'_>) -> Result<PathBuf, Failure> {
    let path = folder.join("corpus").join(format!("{}.toml", law.name()));
    let old = std::fs::read_to_string(&path).ok().and_then(|text| Case::read(&text, Laws::of([law])).ok());
    let fails = |case: &Case| -> Result<bool, Failure> {
        let (played, _) = match scene.retell(&case.ground, &case.work) {
            Err(Failure::Interrupted) => return Ok(true),
            told => told?,
        };
        Ok(played.found.iter().any(|breach| breach.law == law))
    };
    let smaller = match old.filter(|case| case.work.requests.len() <= small.requests) {
        Some(case) => fails(&case)?,
        None => false,
    };
    if !smaller {
        write(&path, &small.text)?;
    }
    Ok(path)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let _guard = interrupt::hold();
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(
            format!("could not make {}: {error}", folder.display()),
            "choose another folder with --output DIR",
        )
    })?;
    Ok(write_whole(path, text.as_bytes())?)
}

// ---- one case -------------------------------------------------------------------------------------------

/// Plays one case from a file and tells it.
fn repeat(file: &str, orders: &Orders, sink: &Sink) -> Result<Answer, Failure> {
    let laws = orders.laws.unwrap_or(Laws::ALL).without(orders.except.iter());
    let text = files::read_model(file)?;
    let case = Case::read(&text, laws)
        .map_err(|why| Failure::new(format!("{} is no case of a hunt: {why}", files::named(file)), ""))?;
    interrupt::listen_gently();
    let make = |model: &Model| Real::make(orders.real.as_ref(), model);
    let scene = Scene::of(orders, &make, &|| Ok(case.ground.model.clone()))?;
    let (played, story) = scene.retell(&case.ground, &case.work)?;
    let mut out: String = story.into_iter().map(|line| line + "\n").collect();
    for breach in &played.found {
        out.push_str(&format!("BROKEN  {} at {} s: {}\n", breach.law.name(), breach.at.secs(), breach.what));
    }
    if played.found.is_empty() {
        out.push_str("no law is broken\n");
    }
    printer::put(&out, sink)?;
    Ok(if played.found.is_empty() { Answer::Done } else { Answer::Judged(Judgement::Missed) })
}
