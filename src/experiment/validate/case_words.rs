//! Words of a case in the words of a model file: distributions, batches, outcomes, spans and rates.
//!
//! The grammar of cases has been held against the case before, so that what is looked for here is there.

use super::exact::{number, numbers};
use toml::Value;

/// What an attempt may be tried again after.
pub(super) fn outcomes(retry: &Value) -> Vec<&'static str> {
    let on = retry.get("on").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    on.iter().filter_map(Value::as_str).map(outcome).collect()
}

fn outcome(word: &str) -> &'static str {
    match word {
        "failure" => "error",
        "blocked" => "rejected",
        "abandon" | "queue_timeout" => "reneged",
        _ => "timeout",
    }
}

/// The size of batches.
///
/// # Errors
/// A size that is no whole number.
pub(super) fn batch(size: &Value) -> Result<String, String> {
    if let Some(size) = number(Some(size)) {
        return whole(size);
    }
    match size.get("dist").and_then(Value::as_str) {
        Some("deterministic") => whole(at(size, "value")),
        Some("discrete") => {
            let sizes: Result<Vec<String>, String> =
                numbers(size.get("values")).into_iter().map(whole).collect();
            let (sizes, shares) = (sizes?.join(", "), plain(size, "p"));
            Ok(format!("{{ sizes = [{sizes}], probabilities = [{shares}] }}"))
        }
        _ => {
            let mean = number(size.get("mean")).unwrap_or_else(|| at(size, "p").recip());
            Ok(format!("{{ mean = {mean} }}"))
        }
    }
}

fn whole(size: f64) -> Result<String, String> {
    if size.fract() == 0.0 {
        Ok(size.to_string())
    } else {
        Err(format!("a batch of {size} is no whole number"))
    }
}

/// A distribution of the case file in the words of a model file.
pub(super) fn distribution(table: &Value) -> String {
    let kind = table.get("dist").and_then(Value::as_str).unwrap_or_default();
    let get = |key: &str| at(table, key);
    let spans = |key: &str| numbers(table.get(key)).into_iter().map(span).collect::<Vec<_>>().join(", ");
    let inner = match kind {
        "deterministic" => format!("value = {}", span(get("value"))),
        "exponential" => format!("mean = {}", span(get("mean"))),
        "erlang" => format!("stages = {}, mean = {}", get("stages"), span(get("mean"))),
        "lognormal" => format!("mu = {}, sigma = {}", get("mu"), get("sigma")),
        "uniform" => format!("low = {}, high = {}", span(get("low")), span(get("high"))),
        "hyperexponential" => {
            format!("probabilities = [{}], means = [{}]", plain(table, "p"), spans("mean"))
        }
        "discrete" => format!("values = [{}], probabilities = [{}]", spans("values"), plain(table, "p")),
        _ => format!("shape = {}, scale = {}", get("shape"), span(get("scale"))),
    };
    format!("{{ dist = {kind:?}, {inner} }}")
}

/// The value of a deterministic distribution.
pub(super) fn constant(table: &Value) -> Option<f64> {
    let same = table.get("dist").and_then(Value::as_str) == Some("deterministic");
    number(table.get("value")).filter(|_| same)
}

/// The value under a key that the grammar asks for.
pub(super) fn part<'v>(table: &'v Value, key: &str) -> &'v Value {
    static NOTHING: Value = Value::Boolean(false);
    table.get(key).unwrap_or(&NOTHING)
}

fn at(table: &Value, key: &str) -> f64 {
    number(table.get(key)).unwrap_or(f64::NAN)
}

/// Numbers of a list, as TOML.
pub(super) fn plain(table: &Value, key: &str) -> String {
    numbers(table.get(key)).iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

/// Seconds as a duration of a model file.
pub(super) fn span(secs: f64) -> String {
    format!("\"{secs}s\"")
}

/// Per second as a rate of a model file.
pub(super) fn rate(rate: f64) -> String {
    format!("\"{rate}/s\"")
}
