//! Results of k6 as requests.
//!
//! k6 writes one point for each request and metric; `time` of `http_req_duration` is when the request *ended*, so
//! the duration is taken off to find when it was sent. Its CSV has whole seconds: requests of one second are spread
//! evenly over it, which says nothing of gaps below a second (k6 documentation, "Results output": JSON, CSV).

use super::{Recording, Row, read};
use crate::outcome::Outcome;
use crate::workload::trace;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn json(bytes: &[u8]) -> Result<Recording, (String, String)> {
    /// A request: its end in nanoseconds, its duration in seconds, its class, its outcome.
    type Ended = (i128, f64, String, Option<Outcome>);
    let mut ended: Vec<Ended> = Vec::new();
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let failed = |why: String| {
            (format!("line {}: {why}", number + 1), String::from("is it a whole output of k6 --out json?"))
        };
        let value: Value = serde_json::from_slice(line).map_err(|error| failed(error.to_string()))?;
        if value["type"] != "Point" || value["metric"] != "http_req_duration" {
            continue;
        }
        let data = &value["data"];
        let (Some(time), Some(ms)) = (data["time"].as_str(), data["value"].as_f64()) else {
            return Err(failed(String::from("a point without time or value")));
        };
        let tags = &data["tags"];
        let expected = tags["expected_response"].as_str().map(|text| text == "true");
        let outcome = expected.map(|good| if good { Outcome::Ok } else { Outcome::Error });
        let end = trace::instant(time).map_err(failed)?;
        ended.push((end, ms / 1e3, tags["name"].as_str().unwrap_or("request").to_owned(), outcome));
    }
    let Some(first) = ended.iter().map(|one| one.0).min() else {
        let hint = "k6 writes one for each request; was it stopped before any?";
        return Err((String::from("no http_req_duration in it"), hint.to_owned()));
    };
    let sent = |(end, secs, name, outcome): Ended| ((end - first) as f64 / 1e9 - secs, secs, name, outcome);
    Ok(of_k6(ended.into_iter().map(sent).collect(), vec![read::latency_note("http_req_duration")]))
}

pub(super) fn csv(bytes: &[u8]) -> Result<Recording, (String, String)> {
    let (_, table) = read::rows(bytes)?;
    let mut by_second: BTreeMap<u64, Vec<(f64, String, Option<Outcome>)>> = BTreeMap::new();
    for (number, row) in table.iter().enumerate() {
        if row.get("metric_name").map(String::as_str) != Some("http_req_duration") {
            continue;
        }
        let number_of = |column: &str| row.get(column).and_then(|text| text.parse::<f64>().ok());
        let (Some(second), Some(ms)) = (number_of("timestamp"), number_of("metric_value")) else {
            let text = format!("line {}: no number in timestamp or metric_value", number + 2);
            return Err((text, String::from("is it a whole output of k6 --out csv?")));
        };
        let expected = row.get("expected_response").map(String::as_str);
        let outcome = match expected {
            Some("true") => Some(Outcome::Ok),
            Some("false") => Some(Outcome::Error),
            _ => None,
        };
        let name = row
            .get("name")
            .filter(|name| !name.is_empty())
            .cloned()
            .unwrap_or_else(|| String::from("request"));
        by_second.entry(second as u64).or_default().push((ms / 1e3, name, outcome));
    }
    let Some(first) = by_second.keys().next().copied() else {
        return Err((
            String::from("no http_req_duration in it"),
            String::from("is it a whole output of k6 --out csv?"),
        ));
    };
    let mut list = Vec::new();
    for (second, points) in by_second {
        let n = points.len() as f64;
        for (place, (duration, name, outcome)) in points.into_iter().enumerate() {
            let end = (second - first) as f64 + (place as f64 + 0.5) / n;
            list.push((end - duration, duration, name, outcome));
        }
    }
    let whole = "times are whole seconds, spread evenly within each: gaps below a second are not known; k6 --out json has them";
    Ok(of_k6(list, vec![read::latency_note("http_req_duration"), whole.to_owned()]))
}

fn of_k6(list: Vec<(f64, f64, String, Option<Outcome>)>, notes: Vec<String>) -> Recording {
    let mut classes: Vec<String> = Vec::new();
    let mut rows = Vec::with_capacity(list.len());
    for (at, demand, name, outcome) in list {
        let class = classes.iter().position(|one| *one == name).unwrap_or_else(|| {
            classes.push(name);
            classes.len() - 1
        });
        rows.push(Row { at, demand, class, outcome, fate: None });
    }
    read::shift(&mut rows);
    Recording { rows, classes, notes, latencies: true, ..Recording::default() }
}
