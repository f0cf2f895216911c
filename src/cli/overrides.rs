//! Flags that change the model's document before it is checked: `--set`, `--trace`, and the length of a run where the
//! file gives none.
//!
//! The file is only looked at here; whatever is wrong with it is for the loader to say.

use super::checked::{Length, Run};
use super::exit::Failure;
use crate::model::Override;
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
