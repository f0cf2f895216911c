//! Sentences that every face shares: the answer, the regime, a verdict, a scope.

use super::figure;
use crate::experiment::record::{Point, Record, Warning, World};
use crate::experiment::size::SizeAnswer;
use crate::experiment::sweep;
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

/// What tells a point from others: "pool size 6, time-out 90s", or its settings by their paths.
pub fn called(point: &Point) -> String {
    if !point.label.is_empty() {
        return point.label.clone();
    }
    let setting = |(path, value): &crate::experiment::record::Setting| {
        format!("{path} = {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let settings: Vec<String> = point.settings.iter().map(setting).collect();
    if settings.is_empty() { format!("point {}", point.index) } else { settings.join(", ") }
}

/// The answer in one sentence.
pub fn answer(record: &Record) -> String {
    if let Some(answer) = super::agreement::answer(record) {
        return answer;
    }
    if let Some(answer) = &record.study.size {
        return format!("{}: {}", record.name, sized(answer));
    }
    match record.points.as_slice() {
        [point] => answer_of(&record.name, point),
        _ => worlds(record).unwrap_or_else(|| points(record)),
    }
}

/// What a replay measured beside what its simulation says.
fn worlds(record: &Record) -> Option<String> {
    let find = |world: World| record.points.iter().find(|point| point.world == world);
    let (real, simulated) = (find(World::Real)?, find(World::Simulated)?);
    let p95 = |point: &Point| {
        let metric = point.metric("latency_p95", &Scope::default())?;
        Some(figure::with_interval(metric.unit, &metric.estimate))
    };
    let (measured, said) = (p95(real)?, p95(simulated)?);
    let judged = overall(&real.verdicts)
        .map_or_else(String::new, |found| format!("; objectives {} in the real world", judgement(found)));
    Some(format!("{}: 95 % of requests within {measured} really, {said} as simulated{judged}", record.name))
}

/// What a search found.
fn sized(answer: &SizeAnswer) -> String {
    let row = &answer.rows[answer.chosen];
    let sure = format!("at {} confidence", figure::plain(Unit::Ratio, answer.confidence));
    let at = if answer.rows.len() > 1 { format!(" (at {})", row.label) } else { String::new() };
    let capacity = &answer.capacity;
    match (row.judgement, row.smallest) {
        (Judgement::Met, Some(size)) => {
            format!("{capacity} = {size}{at} is the smallest that meets every objective, {sure}")
        }
        (Judgement::Undecided, Some(size)) => {
            format!(
                "{capacity} = {size}{at} meets every objective, {sure}; whether less would do is undecided"
            )
        }
        (Judgement::Missed, _) => format!("no {capacity} that was considered meets every objective, {sure}"),
        (_, None) => format!("whether any {capacity} meets every objective is undecided"),
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
            let met = point.verdicts.iter().filter(|one| one.judgement == Judgement::Met).count();
            let others = match (met, point.verdicts.len() - count) {
                (0, _) => "",
                (met, others) if met < others => "",
                (1, _) => "; the other one is met",
                _ => "; the others are met",
            };
            let count = objectives(count, point.verdicts.len());
            format!("{}: {count} {}{first}{others}", name, judgement(worst))
        }
    }
}

/// How many points are good, and the best of them.
fn points(record: &Record) -> String {
    let all = record.points.len();
    let count = |wanted: Judgement| {
        record.points.iter().filter(|point| overall(&point.verdicts) == Some(wanted)).count()
    };
    if record.points.iter().all(|point| point.verdicts.is_empty()) {
        return format!("{}: {all} points", record.name);
    }
    let (met, open) = (count(Judgement::Met), count(Judgement::Undecided));
    let open = match open {
        0 => String::new(),
        1 => String::from("; 1 is undecided"),
        open => format!("; {open} are undecided"),
    };
    let chosen = record.chosen.and_then(|chosen| record.points.iter().find(|point| point.index == chosen));
    let found = match (met, chosen) {
        (0, _) => format!("none of {all} points meets every objective"),
        (1, Some(point)) => {
            format!("{}: the only one of {all} points that meets every objective", called(point))
        }
        (_, Some(point)) => {
            let best = best_by(record);
            format!(
                "{}: the {best} of the {met} points, out of {all}, that meet every objective",
                called(point)
            )
        }
        (_, None) => format!("{met} of {all} points meet every objective"),
    };
    format!("{}: {found}{open}", record.name)
}

/// By what a point is chosen among those that meet every objective.
pub fn best_by(record: &Record) -> &'static str {
    let settings = || record.points.iter().flat_map(|point| &point.settings);
    if !record.study.frontier.is_empty() {
        "cheapest"
    } else if settings().any(|(path, _)| sweep::is_capacity(path)) {
        "smallest"
    } else if record.points.iter().any(|point| sweep::offered(point) != sweep::offered(&record.points[0])) {
        "most loaded"
    } else {
        "first"
    }
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
    // What was recorded has no events.
    let events = (point.events > 0).then(|| format!(", {}", figure::counted(point.events, "event")));
    format!(
        "{}, {}{}; intervals at {confidence}",
        figure::counted(point.replications, "replication"),
        figure::counted(point.requests, "request"),
        events.unwrap_or_default(),
    )
}

/// What a report warns of: of worlds side by side also what each of them warns of, under its name.
pub fn warnings(record: &Record) -> Vec<Warning> {
    let worlds = record.points.iter().any(|point| point.world == World::Real);
    let own = record.points.iter().filter(|_| worlds).flat_map(|point| {
        let told =
            |one: &Warning| Warning { text: format!("{}: {}", called(point), one.text), ..one.clone() };
        point.warnings.iter().map(told)
    });
    record.warnings.iter().cloned().chain(own).collect()
}
