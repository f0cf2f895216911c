//! Flags that change the model's document before it is checked: `--set`, `--trace`, and the length of a run where the
//! file gives none.
//!
//! The file is only looked at here; whatever is wrong with it is for the loader to say.

use super::checked::{Length, Repeat, Run};
use super::exit::Failure;
use crate::model::{Document, Override};
use crate::quantity;
use toml::{Table, Value};

/// The values to put into the model written as `text`.
///
/// # Errors
/// When `--trace` has no place in the model, or several.
pub fn of(args: &Run, text: &str) -> Result<Vec<Override>, Failure> {
    let set = args.set.iter().map(|(path, value)| value_at(path, value.clone()));
    let mut overrides: Vec<Override> = set.collect();
    let Ok(file) = text.parse::<Table>() else { return Ok(overrides) };
    overrides.extend(length(args, &file));
    if let Some(trace) = &args.trace {
        overrides.push(value_at(&place_of_trace(&file)?, Value::from(trace.as_str()).to_string()));
    }
    Ok(overrides)
}

fn value_at(path: &str, value: String) -> Override {
    Override { path: path.to_owned(), value }
}

/// The length asked for, where the file states none and could not be loaded without.
fn length(args: &Run, file: &Table) -> Option<Override> {
    let run = file.get("run").and_then(Value::as_table);
    let states = |key: &str| run.is_some_and(|run| run.contains_key(key));
    if states("horizon") || states("requests") {
        return None;
    }
    match args.length {
        Length::AsModel => None,
        Length::Horizon(end) => Some(value_at("run.horizon", format!("\"{}ns\"", end.nanos()))),
        Length::Requests(n) => Some(value_at("run.requests", n.to_string())),
    }
}

/// The document with what flags of their own say about the run, for records: the model itself is changed after its
/// check.
pub fn with_flags(document: &Document, seed: Option<u64>, repeat: Repeat, length: Length) -> Document {
    let mut document = document.clone();
    let mut put = |instead_of: &[&str], path: &str, value: String| {
        let mut changed = document.clone();
        for key in instead_of {
            changed = changed.without(&["run", key]);
        }
        // A path of tables alone leads somewhere, unless the file makes `run` no table: that has been refused.
        document = changed.with(&[value_at(path, value)]).unwrap_or(changed);
    };
    if let Some(seed) = seed {
        put(&[], "run.seed", seed.to_string());
    }
    match repeat {
        Repeat::AsModel => {}
        Repeat::Fixed(n) => {
            put(&["precision", "min_replications", "max_replications"], "run.replications", n.to_string());
        }
        Repeat::Precision(relative) => {
            let share = format!("\"{}%\"", quantity::significant(100.0 * relative));
            put(&["replications"], "run.precision", share);
        }
    }
    match length {
        Length::AsModel => {}
        Length::Horizon(end) => put(&["requests"], "run.horizon", format!("\"{}\"", seconds(end.secs()))),
        Length::Requests(n) => put(&["horizon"], "run.requests", n.to_string()),
    }
    document
}

/// A duration as a model file writes it, exact for whole seconds.
fn seconds(secs: f64) -> String {
    format!("{secs}s")
}

/// The path of the only trace's file.
fn place_of_trace(file: &Table) -> Result<String, Failure> {
    let sources = file.get("source").and_then(Value::as_table);
    let traced = |(name, source): (&String, &Value)| source.get("trace").map(|_| path(name));
    let places: Vec<String> = sources.into_iter().flatten().filter_map(traced).collect();
    match places.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::new(
            "--trace: no source of this model reads a trace",
            "give a source `trace = { file = … }`",
        )),
        several => {
            let flags: Vec<String> = several.iter().map(|place| format!("--set {place}=FILE")).collect();
            let hint = format!("choose with {}", flags.join(" or "));
            Err(Failure::new("--trace: several sources read a trace", hint))
        }
    }
}

fn path(source: &str) -> String {
    format!("source.{source}.trace.file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_where_the_only_trace_is() {
        let place = |text: &str| place_of_trace(&text.parse().unwrap());
        let one = place("[source.a.trace]\nfile = 'x'\n[source.b]\n");
        assert_eq!(one.ok().as_deref(), Some("source.a.trace.file"));
        let said = |text: &str| format!("{:?}", place(text).unwrap_err());
        assert!(said("[source.b]\n").contains("no source"));
        let two = said("[source.a.trace]\n[source.b.trace]\n");
        assert!(two.contains("source.a.trace.file=FILE or --set source.b.trace.file"), "{two}");
    }
}
