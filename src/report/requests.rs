//! The requests of a replay, one row each: the input of comparisons request by request.
//!
//! Times are in seconds of the model's clock with nine decimals; an absent one is an empty cell, as is the wait where the
//! target does not tell when work begins. `request` reads
//! `source.number`, or `source.user.number` for a virtual user, counted from 0 as everywhere.

use crate::experiment::agreement;
use crate::live::replay::Sent;
use crate::model::Model;
use crate::time::Time;

/// The columns.
const HEADER: [&str; 18] = [
    "key",
    "request",
    "source",
    "class",
    "demand",
    "fate",
    "sent",
    "late",
    "started",
    "end",
    "outcome",
    "attempts",
    "hand_overs",
    "waiting",
    "worker",
    "detail",
    "hedges",
    "starts",
];

/// One row per request, in order of key.
pub fn table(model: &Model, requests: &[Sent]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| writer.write_record(row).expect("rows of one table are equally long");
    write(&HEADER.map(str::to_owned));
    let mut order: Vec<&Sent> = requests.iter().collect();
    order.sort_by_key(|sent| sent.seen.key);
    let tells_starts = agreement::tells_starts(requests.iter().map(|sent| &sent.seen));
    for sent in order {
        let seen = &sent.seen;
        let waiting = if tells_starts { seconds(seen.waiting.nanos()) } else { String::new() };
        let started = if sent.started == Time::NEVER { String::new() } else { seconds(sent.started.nanos()) };
        write(&[
            seen.key.to_string(),
            name_of(seen.key),
            model.sources.get(usize::from(sent.source)).map_or_else(String::new, |s| s.name.clone()),
            model.classes.get(usize::from(seen.class)).map_or_else(String::new, |c| c.name.clone()),
            seconds(seen.demand.nanos()),
            sent.fate.name().to_owned(),
            seconds(seen.sent.nanos()),
            seconds(sent.late.nanos()),
            started,
            seconds(seen.end.nanos()),
            seen.outcome.name().to_owned(),
            seen.attempts.to_string(),
            seen.hand_overs.to_string(),
            waiting,
            sent.worker.map_or_else(String::new, |worker| worker.to_string()),
            sent.detail.clone(),
            sent.hedges.to_string(),
            sent.starts.to_string(),
        ]);
    }
    let bytes = writer.into_inner().expect("a vector takes every byte");
    String::from_utf8(bytes).expect("names and numbers are text")
}

fn seconds(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// A request's name in words.
fn name_of(key: u64) -> String {
    let (source, rest) = (key >> 48, key & ((1 << 48) - 1));
    if rest & 1 << 47 == 0 {
        return format!("{source}.{rest}");
    }
    let rest = rest & !(1 << 47);
    format!("{source}.{}.{}", rest >> 24, rest & ((1 << 24) - 1))
}
