//! Model files: the shipped ones load, the faulty ones tell what is wrong, and nothing makes the reader panic.
//!
//! Each `tests/data/faulty/NAME.toml` shows one kind of fault; `NAME.txt` beside it holds what the user reads, to the
//! byte. `POOLSIM_BLESS=1` writes these anew.

use poolsim::model::{self, Files, Override};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of a folder.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(path)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => String::from("no such file"),
            kind => kind.to_string(),
        })
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder with this ending, in order.
fn files_in(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    list.sort();
    list
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_string()
}

#[test]
fn each_faulty_file_says_what_is_wrong_where_and_what_helps() {
    let folder = folder("tests/data/faulty");
    let bless = std::env::var_os("POOLSIM_BLESS").is_some();
    let files = files_in(&folder, "toml");
    assert!(files.len() >= 45, "only {} faulty files", files.len());
    let mut wrong = Vec::new();
    for path in &files {
        let name = file_name(path);
        let text = fs::read_to_string(path).unwrap();
        let found = match model::load(&name, &text, &Folder(folder.clone()), &[]) {
            Err(diagnostics) => diagnostics.render(false),
            Ok(loaded) => {
                // Only warnings: they are what the file is about.
                assert!(name.starts_with("warn-"), "{name} was accepted");
                loaded.warnings.iter().map(|one| one.render(false) + "\n").collect()
            }
        };
        assert!(found.contains("help: "), "{name} has no hint:\n{found}");
        assert!(found.contains("--> ") && found.contains('^'), "{name} has no place:\n{found}");
        let expected = path.with_extension("txt");
        if bless {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("=== {name}\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{} files read differently now:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn shipped_models_load_without_faults_and_without_warnings() {
    let folder = folder("models");
    let files = files_in(&folder, "toml");
    assert!(files.len() >= 6);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let loaded = model::load(&file_name(&path), &text, &Folder(folder.clone()), &[])
            .unwrap_or_else(|error| panic!("{}", error.render(false)));
        assert!(loaded.warnings.is_empty(), "{}: {:?}", path.display(), loaded.warnings);
        assert_eq!(loaded.model.name, path.file_stem().unwrap().to_str().unwrap());
        assert!(!loaded.model.objectives.is_empty(), "{}", path.display());
        assert!(text.contains("# What one learns: "), "{}", path.display());
    }
}

#[test]
fn the_real_trace_takes_the_place_of_the_sample_by_an_override() {
    let path = folder("../shared/reference/traces/azure_llm_code_2023.csv");
    if !path.exists() {
        return;
    }
    let models = folder("models");
    let text = fs::read_to_string(models.join("llm-trace.toml")).unwrap();
    let trace = Override::new("source.completions.trace.file", format!("{:?}", path.to_str().unwrap()));
    let loaded = model::load("llm-trace.toml", &text, &Folder(models), &[trace]).unwrap();
    let model::Load::Trace(trace) = &loaded.model.sources[0].load else { panic!("not a trace") };
    assert_eq!(trace.rows.len(), 8819);
}

#[test]
fn shipped_models_conform_to_the_printed_schema() {
    let schema = model::schema();
    for path in files_in(&folder("models"), "toml") {
        let text = fs::read_to_string(&path).unwrap();
        let value: toml::Value = toml::from_str(&text).unwrap();
        let value = serde_json::to_value(value).unwrap();
        if let Err(why) = conforms(&value, &schema, &schema) {
            panic!("{}: {why}", path.display());
        }
    }
}

#[test]
fn the_schema_refuses_what_the_check_refuses() {
    let rows = [
        ("[pool.main]\n", "a pool without slots"),
        ("[pool.main]\nslots = \"many\"\n", "a word that is not known"),
        ("[pool.main]\nslots = 6\nslotz = 6\n", "an unknown key"),
        ("[run]\nhorizon = 90\n", "a duration without a unit"),
        ("[run]\nhorizon = \"1m\"\nrequests = 5\n", "two keys that contradict each other"),
        ("[class.a]\ndemand = { dist = \"lognormal\", p50 = \"1s\" }\n", "half of a pair"),
        (
            "[class.a]\ndemand = { dist = \"lognormall\", p50 = \"1s\", p95 = \"2s\" }\n",
            "an unknown distribution",
        ),
    ];
    let schema = model::schema();
    for (text, what) in rows {
        let value = serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap();
        assert!(conforms(&value, &schema, &schema).is_err(), "{what}");
    }
}

/// A small checker for the parts of JSON Schema that the printed schema uses.
fn conforms(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Ok(()) };
    let fail = |why: String| Err(format!("{value}: {why}"));
    for (rule, with) in rules {
        match (rule.as_str(), value) {
            ("$ref", _) => {
                let name = with.as_str().unwrap().trim_start_matches("#/definitions/");
                conforms(value, &root["definitions"][name], root)?;
            }
            ("type", _) if !has_type(value, with.as_str().unwrap()) => return fail(format!("is no {with}")),
            ("const", _) if value != with => return fail(format!("is not {with}")),
            ("pattern", Value::String(text)) if !matches(text, with.as_str().unwrap()) => {
                return fail(format!("does not match {with}"));
            }
            ("minLength", Value::String(text)) if (text.len() as u64) < with.as_u64().unwrap() => {
                return fail(String::from("is too short"));
            }
            ("minimum", Value::Number(number)) if number.as_f64() < with.as_f64() => {
                return fail(format!("< {with}"));
            }
            ("maximum", Value::Number(number)) if number.as_f64() > with.as_f64() => {
                return fail(format!("> {with}"));
            }
            ("exclusiveMinimum", Value::Number(number)) if number.as_f64() <= with.as_f64() => {
                return fail(format!("<= {with}"));
            }
            ("minItems", Value::Array(list)) if (list.len() as u64) < with.as_u64().unwrap() => {
                return fail(String::from("has too few items"));
            }
            ("maxItems", Value::Array(list)) if (list.len() as u64) > with.as_u64().unwrap() => {
                return fail(String::from("has too many items"));
            }
            ("items", Value::Array(list)) => {
                for (index, item) in list.iter().enumerate() {
                    conforms(item, with.get(index).unwrap_or(with), root)?;
                }
            }
            ("required", Value::Object(fields)) => {
                if let Some(key) =
                    with.as_array().unwrap().iter().find(|key| !fields.contains_key(key.as_str().unwrap()))
                {
                    return fail(format!("lacks {key}"));
                }
            }
            ("properties", Value::Object(fields)) => {
                for (key, property) in with.as_object().unwrap() {
                    if let Some(field) = fields.get(key) {
                        conforms(field, property, root)?;
                    }
                }
            }
            ("additionalProperties", Value::Object(fields)) => {
                let known = rules.get("properties").and_then(Value::as_object);
                for (key, field) in
                    fields.iter().filter(|(key, _)| known.is_none_or(|k| !k.contains_key(*key)))
                {
                    match with {
                        Value::Bool(false) => return fail(format!("has an unknown key {key}")),
                        other => conforms(field, other, root)?,
                    }
                }
            }
            ("allOf", _) => {
                for branch in with.as_array().unwrap() {
                    conforms(value, branch, root)?;
                }
            }
            ("anyOf" | "oneOf", _) => {
                let tries: Vec<_> =
                    with.as_array().unwrap().iter().map(|one| conforms(value, one, root)).collect();
                let fit = tries.iter().filter(|one| one.is_ok()).count();
                if fit == 0 || (rule == "oneOf" && fit > 1) {
                    return fail(format!("fits {fit} of {} branches: {tries:?}", tries.len()));
                }
            }
            ("not", _) if conforms(value, with, root).is_ok() => return fail(format!("must not be {with}")),
            _ => {}
        }
    }
    Ok(())
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("unknown type {other}"),
    }
}

/// The three patterns of the schema mean what the library reads, but for bounds.
fn matches(text: &str, pattern: &str) -> bool {
    use poolsim::quantity::{parse_duration, parse_percent, parse_rate};
    if pattern.contains("ns|us|ms") {
        parse_duration(text).is_ok()
    } else if pattern.contains('%') {
        parse_percent(text).is_ok()
    } else {
        parse_rate(text).is_ok()
    }
}

/// Texts of the shipped models.
fn shipped() -> Vec<String> {
    files_in(&folder("models"), "toml").iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Pieces that mean something to the reader, to be put in where they do not belong.
const SCRAPS: [&str; 24] = [
    "\"",
    "'",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    "#",
    "-1",
    "nan",
    "inf",
    "1e400",
    "99999999999999999999",
    "\"0s\"",
    "\"5%\"",
    "\"1/s\"",
    "true",
    "1979-05-27",
    "\u{0}",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_model_makes_the_reader_panic(
        which in 0_usize..100,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..60, 0_usize..SCRAPS.len(), any::<bool>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let models = shipped();
        let mut text: Vec<char> = models[which % models.len()].chars().collect();
        for (at, length, scrap, keep) in edits {
            let start = at.index(text.len().max(1)).min(text.len());
            let end = (start + if keep { 0 } else { length }).min(text.len());
            text.splice(start..end, SCRAPS[scrap].chars());
        }
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len().max(1)));
        }
        let text: String = text.into_iter().collect();
        match model::load("mutant.toml", &text, &Folder(folder("models")), &[]) {
            Ok(loaded) => prop_assert!(loaded.warnings.iter().all(|one| !one.render(false).is_empty())),
            Err(diagnostics) => {
                prop_assert!(!diagnostics.list.is_empty());
                prop_assert!(!diagnostics.render(true).is_empty());
            }
        }
    }

    #[test]
    fn no_override_makes_the_reader_panic(path in "[a-z.\"0-9_]{0,24}", key in 0_usize..8, value in "\\PC{0,12}") {
        const PATHS: [&str; 8] = [
            "pool.generation.slots", "pool.generation", "class.generation.demand", "source.generation.users.stages.0.target",
            "phase.spike.duration", "objective.0.at_most", "run", "host.machine.cores",
        ];
        let text = fs::read_to_string(folder("models/orchestrator.toml")).unwrap();
        let overrides = [Override::new(PATHS[key], value.clone()), Override::new(path, value)];
        for one in &overrides {
            let found = model::load("orchestrator.toml", &text, &Folder(folder("models")), std::slice::from_ref(one));
            if let Err(diagnostics) = found {
                prop_assert!(!diagnostics.render(false).is_empty());
            }
        }
    }
}
