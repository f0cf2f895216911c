//! Sentences that every face shares: the answer, the regime, a verdict, a scope.

use super::figure;
use crate::experiment::record::{Point, Record};
use crate::experiment::verdict::{Side, Verdict, overall};
use crate::experiment::{Judgement, RegimeFound, Scope, Unit};

/// The word for a judgement.
pub const fn judgement(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Met => "met",
        Judgement::Missed => "missed",
        Judgement::Undecided => "undecided",
    }
}

/// "of generation in spike at workers", or nothing for the whole system.
pub fn scope(scope: &Scope) -> String {
    let part = |word: &str, name: &Option<String>| name.as_ref().map(|name| format!(" {word} {name}"));
    [part("of", &scope.class), part("in", &scope.phase), part("at", &scope.pool), part("on", &scope.host)]
        .into_iter()
        .flatten()
        .collect()
}

/// "latency_p95 of generation ≤ 75 s".
pub fn objective(verdict: &Verdict) -> String {
    format!("{}{} {}", verdict.metric, scope(&verdict.scope), bound(verdict))
}

/// "≤ 75 s".
pub fn bound(verdict: &Verdict) -> String {
    let side = match verdict.side {
        Side::AtMost => "≤",
        Side::AtLeast => "≥",
    };
    format!("{side} {}", figure::plain(verdict.unit, verdict.bound))
}

/// The estimate of a verdict with its interval.
pub fn found(verdict: &Verdict) -> String {
    match &verdict.estimate {
        Some(estimate) => figure::with_interval(verdict.unit, estimate),
        None => String::from("no figure"),
    }
}

/// The answer in one sentence.
pub fn answer(record: &Record) -> String {
    if let Some(answer) = super::agreement::answer(record) {
        return answer;
    }
    if let Some(answer) = &record.study.size {
        let row = &answer.rows[answer.chosen];
        let size = row
            .smallest
            .map_or_else(|| String::from("no size found"), |size| format!("{} = {size}", answer.capacity));
        return format!("{}: {size}: {}", record.name, judgement(row.judgement));
    }
    let chosen = record.chosen.and_then(|chosen| record.points.iter().find(|point| point.index == chosen));
    match (chosen, record.points.as_slice()) {
        (Some(point), [_, _, ..]) => {
            let setting = |(path, value): &crate::experiment::record::Setting| {
                format!("{path} = {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            };
            let settings: Vec<String> = point.settings.iter().map(setting).collect();
            answer_of(&format!("{} at {}", record.name, settings.join(", ")), point)
        }
        (_, [point]) => answer_of(&record.name, point),
        _ => points(record),
    }
}

/// The answer of one point, under its name.
fn answer_of(name: &str, point: &Point) -> String {
    if let RegimeFound::Unstable { growth_per_second } = &point.regime {
        let growth = figure::with_interval(Unit::PerSecond, growth_per_second);
        return format!(
            "{}: unstable: work comes in faster than it can be done; the number in flight grows by {growth}",
            name
        );
    }
    match overall(&point.verdicts) {
        None => without_objectives(name, point),
        Some(Judgement::Met) => {
            format!("{}: {} met", name, objectives(point.verdicts.len(), point.verdicts.len()))
        }
        Some(worst) => {
            let which = |verdict: &&Verdict| verdict.judgement == worst;
            let count = point.verdicts.iter().filter(which).count();
            let first = point.verdicts.iter().find(which);
            let first =
                first.map_or_else(String::new, |one| format!(": {} is {}", objective(one), found(one)));
            let count = objectives(count, point.verdicts.len());
            format!("{}: {count} {}{first}", name, judgement(worst))
        }
    }
}

/// How many points are good, and the cheapest of them.
fn points(record: &Record) -> String {
    let all = record.points.len();
    let count = |wanted: Judgement| {
        record.points.iter().filter(|point| overall(&point.verdicts) == Some(wanted)).count()
    };
    if record.points.iter().all(|point| point.verdicts.is_empty()) {
        return format!("{}: {all} points", record.name);
    }
    let (met, open) = (count(Judgement::Met), count(Judgement::Undecided));
    let open = if open > 0 { format!(", {open} are undecided") } else { String::new() };
    let good = record.study.frontier.iter().filter(|one| one.meets);
    let cheapest = good.min_by(|a, b| a.cost.total_cmp(&b.cost));
    let cheapest = cheapest.map_or_else(String::new, |one| {
        format!("; the cheapest is {}", record.points[one.point as usize].label)
    });
    format!("{}: {met} of {all} points meet every objective{open}{cheapest}", record.name)
}

fn objectives(count: usize, of: usize) -> String {
    match (count, of) {
        (1, 1) => String::from("the objective is"),
        (count, of) if count == of => format!("all {of} objectives are"),
        (1, of) => format!("1 of {of} objectives is"),
        (count, of) => format!("{count} of {of} objectives are"),
    }
}

fn without_objectives(name: &str, point: &Point) -> String {
    let all = Scope::default();
    let figure = |name: &str, words: &str| {
        let metric = point.metric(name, &all)?;
        Some(format!("{words} {}", figure::with_interval(metric.unit, &metric.estimate)))
    };
    let parts: Vec<String> = [
        figure("mean_latency", "mean latency"),
        figure("latency_p95", "95 % of requests within"),
        figure("throughput", "throughput"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { name.to_owned() } else { format!("{}: {}", name, parts.join(", ")) }
}

/// What the figures are valid for.
pub fn regime(point: &Point) -> String {
    match &point.regime {
        RegimeFound::Terminating => String::from("terminating: everything from start to end counts"),
        RegimeFound::Steady { warm_up_seconds, refused } => {
            let cut = figure::plain(Unit::Seconds, *warm_up_seconds);
            let refused = match refused {
                0 => String::new(),
                n => format!("; in {n} replications no end of the warm-up was found"),
            };
            format!("steady: long-run figures, warm-up of at most {cut} removed{refused}")
        }
        RegimeFound::Unstable { growth_per_second } => {
            let growth = figure::with_interval(Unit::PerSecond, growth_per_second);
            format!("unstable: the number in flight grows by {growth}, so times have no limit")
        }
    }
}

/// "34 replications, 12 345 requests, 45 678 events; intervals at 95 %".
pub fn effort(record: &Record, point: &Point) -> String {
    let confidence = figure::plain(Unit::Ratio, record.settings.confidence);
    let s = if point.replications == 1 { "" } else { "s" };
    format!(
        "{} replication{s}, {} requests, {} events; intervals at {confidence}",
        figure::grouped(point.replications),
        figure::grouped(point.requests),
        figure::grouped(point.events),
    )
}
