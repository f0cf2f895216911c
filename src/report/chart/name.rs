//! Names of metrics as titles write them, and of files.

use crate::experiment::Scope;
use crate::report::words;

/// Words of a metric: "latency p95 of generation in spike".
pub(super) fn of(metric: &str, scope: &Scope) -> String {
    format!("{}{}", metric_words(metric), words::scope(scope))
}

/// "time-out share" and the like for names that are not words already.
fn metric_words(metric: &str) -> String {
    let known = match metric {
        "prob_timeout" => "share timed out",
        "prob_block" => "share rejected",
        "prob_abandon" => "share that gave up",
        "prob_fail" => "share failed",
        "prob_ok" => "share successful",
        "prob_wait" => "share that had to wait",
        "prob_retry" => "retries per request",
        "prob_unfinished" => "share unfinished",
        "prob_error" => "share with an error",
        "prob_crash" => "share crashed",
        "prob_write_error" => "share that could not be written",
        "prob_rejected" => "share rejected",
        "prob_reneged" => "share that gave up",
        "prob_abandoned" => "share abandoned",
        "prob_cancelled" => "share cancelled",
        "prob_retried" => "share retried",
        "utilization" => "slots busy",
        "cost" => "cost",
        _ => return quantile_words(metric),
    };
    known.to_owned()
}

fn quantile_words(metric: &str) -> String {
    let text = metric.replace('_', " ");
    match text.rsplit_once(" p") {
        Some((what, "999")) => format!("{what} p99.9"),
        Some((what, "9999")) => format!("{what} p99.99"),
        _ => text,
    }
}

/// The text with a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A file name: small letters, digits and dashes.
pub(super) fn file(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_like_words() {
        let scope = Scope { class: Some("generation".into()), ..Scope::default() };
        assert_eq!(of("latency_p999", &scope), "latency p99.9 of generation");
        assert_eq!(of("prob_timeout", &Scope::default()), "share timed out");
        assert_eq!(capital("latency"), "Latency");
        assert_eq!(file("Latency p95 of a/b: (log)"), "latency-p95-of-a-b-log");
    }
}
