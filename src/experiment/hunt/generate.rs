//! Random cases: schedulers of every setting, and workloads that aim at the instants where schedulers go wrong.
//!
//! A workload's instants and demands are sums of the scheduler's own spans (time-outs, delays, start-ups), give or take
//! a moment: a uniform draw would almost never hit the few milliseconds between a kill and its exit.

use super::case::{Settings, span};
use super::ground::{Blow, BlowKind, Ground, Request, Workload};
use crate::policy::OnTimeout;
use crate::random::Stream;
use crate::time::{Span, Time};
use crate::workload::Distribution;
use crate::workload::trace::Fate;
use toml::{Table, Value};

/// A case has at most so many requests.
const REQUESTS_MAX: u64 = 24;

/// Spans of a scheduler at which something may happen, and the measure of its time.
pub struct Landmarks {
    spans: Vec<Span>,
    unit: Span,
}

impl Landmarks {
    /// The landmarks of a ground.
    pub fn of(ground: &Ground) -> Landmarks {
        let settings = &ground.pool.settings;
        let (life, transport) = (&ground.pool.life, &ground.pool.transport);
        let mean = |distribution: &Distribution| Span::from_secs(distribution.mean().min(1e6));
        let mut spans = vec![
            mean(&life.start_up),
            mean(&life.restart_delay),
            mean(&life.kill_exit),
            mean(&life.crash_exit),
            mean(&transport.timer_late),
            settings.worker.start_timeout,
            settings.worker.heartbeat_timeout,
            settings.worker.idle_shutdown,
        ];
        spans.extend(ground.pool.waiting_limit.as_ref().map(mean));
        if let Some(limit) = settings.service_timeout {
            spans.push(limit.span);
            if let OnTimeout::Cancel { grace } = limit.then {
                spans.push(grace);
            }
        }
        if let Some(retry) = settings.retry {
            spans.extend([retry.delay, retry.turn]);
        }
        spans.retain(|span| *span > Span::ZERO && !span.is_never());
        let longest = ground.pool.waiting_limit.as_ref().map(mean);
        let limit = settings.service_timeout.map(|limit| limit.span).filter(|span| !span.is_never());
        let unit = limit.or(longest).unwrap_or(Span::from_whole_secs(1));
        if spans.is_empty() {
            spans.push(unit);
        }
        Landmarks { spans, unit }
    }

    /// All of them together.
    pub(super) fn sum(&self) -> Span {
        self.spans.iter().fold(Span::ZERO, |sum, &span| sum + span)
    }

    fn any(&self, stream: &mut Stream) -> Span {
        self.spans[stream.below(self.spans.len() as u64) as usize]
    }

    /// A span near the scheduler's own, to the hundredth of a millisecond.
    fn near(&self, stream: &mut Stream) -> Span {
        let span = match stream.below(6) {
            0 => self.any(stream),
            1 => self.any(stream) + self.any(stream),
            2 => self.any(stream) + Span::from_nanos(stream.below(200) * 10_000),
            3 => self.any(stream) - Span::from_nanos(stream.below(200) * 10_000),
            _ => self.unit.scaled(stream.unit() * 1.2),
        };
        Span::from_nanos(span.nanos() / 10_000 * 10_000)
    }
}

/// A random workload.
pub fn workload(ground: &Ground, marks: &Landmarks, stream: &mut Stream) -> Workload {
    let count = 1 + stream.below(REQUESTS_MAX).min(stream.below(REQUESTS_MAX));
    let bad = stream.unit() * 0.6;
    let crowd = stream.unit();
    let mut at = Time::ZERO;
    let requests = (0..count).map(|_| {
        if !stream.chance(crowd) {
            let gap =
                if stream.chance(0.5) { marks.near(stream) } else { marks.unit.scaled(0.2 * stream.unit()) };
            at = at + Span::from_nanos(gap.nanos() / 10_000 * 10_000);
        }
        let class = stream.below(ground.classes.len().max(1) as u64) as u16;
        Request { at, class, demand: demand(marks, stream), fate: fate(bad, stream) }
    });
    let requests = requests.collect();
    let blows = stream.below(8).saturating_sub(4);
    let mut blows: Vec<Blow> = (0..blows).map(|_| blow(ground, marks, at, stream)).collect();
    blows.sort_by_key(|blow| blow.at);
    let deadline = stream.chance(0.15).then(|| marks.near(stream)).filter(|deadline| *deadline > Span::ZERO);
    Workload { requests, blows, deadline }
}

fn demand(marks: &Landmarks, stream: &mut Stream) -> Span {
    match stream.below(4) {
        0 => marks.near(stream),
        1 => Span::from_nanos(stream.below(100) * 1_000_000),
        _ => Span::from_nanos(marks.unit.scaled(0.5 * stream.unit()).nanos() / 10_000 * 10_000),
    }
}

fn fate(bad: f64, stream: &mut Stream) -> Fate {
    if !stream.chance(bad) {
        return Fate::Ok;
    }
    match stream.below(8) {
        0 => Fate::Error,
        1 | 2 => Fate::Crash,
        3 => Fate::CrashOnce,
        4 => Fate::Freeze,
        _ => Fate::Hang,
    }
}

fn blow(ground: &Ground, marks: &Landmarks, last: Time, stream: &mut Stream) -> Blow {
    let at = match stream.below(3) {
        0 => last.since(Time::ZERO).scaled(stream.unit()),
        1 => last.since(Time::ZERO).scaled(stream.unit()) + marks.near(stream),
        _ => marks.near(stream),
    };
    let at = Time::from_nanos(at.nanos() / 10_000 * 10_000);
    let lasting = |stream: &mut Stream| marks.near(stream).max(Span::from_millis(1));
    let kind = match stream.below(8) {
        0 => BlowKind::Pause { duration: lasting(stream) },
        1 => BlowKind::Down { duration: lasting(stream) },
        _ => BlowKind::Kill { slot: stream.below(u64::from(ground.slots())) as u32 },
    };
    Blow { at, kind }
}

/// The environments in which given settings are hunted: how many slots, and what the machines do that no setting rules.
/// Each is a list of paths below the pool and values. Without `odd` machines there are only slots to choose.
pub fn environments(slots_are_given: bool, odd: bool) -> Vec<Vec<(&'static str, Value)>> {
    let mut all = Vec::new();
    let slots: &[i64] = if slots_are_given { &[0] } else { &[1, 2, 3] };
    for &slots in slots {
        let odds: &[_] = &[None, Some("spawn_failure"), Some("write_error"), Some("never_ready")];
        for &odd in &odds[..if odd { odds.len() } else { 1 }] {
            let mut one = Vec::new();
            if slots > 0 {
                one.push(("slots", Value::Integer(slots)));
            }
            if let Some(odd) = odd {
                let path = match odd {
                    "spawn_failure" => "worker.spawn_failure",
                    "write_error" => "worker.write_error",
                    _ => "worker.never_ready",
                };
                one.push((path, Value::Float(1.0)));
            }
            all.push(one);
        }
    }
    all
}

/// Puts a value at a path of a table, making tables on the way.
pub fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(String::from(path), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(String::from(first)).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Settings with one pool and nothing else said.
pub fn bare(pool: &str, table: Table) -> Settings {
    let mut root = Table::new();
    root.insert(String::from("class"), Value::Table(classes(&["a"])));
    let mut pools = Table::new();
    pools.insert(String::from(pool), Value::Table(table));
    root.insert(String::from("pool"), Value::Table(pools));
    Settings(root)
}

fn classes(names: &[&str]) -> Table {
    let mut table = Table::new();
    for (priority, name) in names.iter().enumerate() {
        let mut class = Table::new();
        if priority > 0 {
            class.insert(String::from("priority"), Value::Integer(priority as i64));
        }
        table.insert(String::from(*name), Value::Table(class));
    }
    table
}

/// Draws one of the words.
fn word(stream: &mut Stream, words: &[&str]) -> Value {
    Value::String(String::from(words[stream.below(words.len() as u64) as usize]))
}

/// Draws one of these numbers of milliseconds.
fn millis(stream: &mut Stream, choices: &[u64]) -> Value {
    let chosen = Span::from_millis(choices[stream.below(choices.len() as u64) as usize]);
    Value::String(span(chosen).trim_matches('"').to_owned())
}

/// A random scheduler.
pub fn settings(stream: &mut Stream) -> Settings {
    let mut pool = Table::new();
    let s = stream;
    put(&mut pool, "slots", Value::Integer(1 + s.below(4) as i64));
    queueing(&mut pool, s);
    limits(&mut pool, s);
    life(&mut pool, s);
    admission(&mut pool, s);
    let mut settings = bare("main", pool);
    settings.0.insert(String::from("class"), Value::Table(classes(&["a", "b", "c"])));
    settings
}

fn queueing(pool: &mut Table, s: &mut Stream) {
    let discipline = word(
        s,
        &[
            "fifo",
            "fifo",
            "lifo",
            "random",
            "priority",
            "shortest_job",
            "earliest_deadline",
            "fair_share",
            "adaptive_lifo",
            "aged",
        ],
    );
    let with = |kind: &str, key: &str, value: Value| {
        let mut table = Table::new();
        table.insert(String::from("kind"), Value::String(String::from(kind)));
        table.insert(String::from(key), value);
        Value::Table(table)
    };
    let discipline = match discipline.as_str() {
        Some("aged") => with("priority", "age_step", millis(s, &[100, 1000, 3000])),
        Some("adaptive_lifo") => with("adaptive_lifo", "threshold", Value::Integer(s.below(5) as i64)),
        Some("fair_share") => {
            if s.chance(0.6) {
                put(pool, "weights.b", Value::Float(1.0 + s.below(4) as f64));
            }
            discipline
        }
        _ => discipline,
    };
    put(pool, "discipline", discipline);
    if s.chance(0.35) {
        put(pool, "queue_capacity", Value::Integer(s.below(5) as i64));
        put(pool, "when_full", word(s, &["reject", "drop_oldest"]));
    }
    if s.chance(0.3) {
        put(pool, "waiting_limit", millis(s, &[0, 1, 500, 2000, 7000]));
    }
    put(pool, "idle_order", word(s, &["lowest_index", "most_recent", "longest_idle", "random"]));
    if s.chance(0.2) {
        put(pool, "reserved.c", Value::Integer(1));
    }
}

fn limits(pool: &mut Table, s: &mut Stream) {
    if s.chance(0.65) {
        put(pool, "service_timeout", millis(s, &[500, 1000, 2000, 5000]));
        put(pool, "timeout_from", word(s, &["dispatch", "dispatch", "arrival", "total_service"]));
        put(pool, "on_timeout", word(s, &["kill", "kill", "cancel", "abandon"]));
        if s.chance(0.4) {
            put(pool, "cancel_grace", millis(s, &[1, 100, 1500]));
        }
    }
    if s.chance(0.55) {
        put(pool, "retry.max", Value::Integer(s.below(4) as i64));
        let on: Vec<Value> = ["crash", "error", "timeout", "write_error"]
            .into_iter()
            .filter(|&outcome| s.chance(if outcome == "crash" { 0.9 } else { 0.4 }))
            .map(|outcome| Value::String(String::from(outcome)))
            .collect();
        if !on.is_empty() {
            put(pool, "retry.on", Value::Array(on));
        }
        put(pool, "retry.place", word(s, &["head", "tail"]));
        if s.chance(0.5) {
            put(pool, "retry.delay", millis(s, &[1, 250, 1000]));
            put(pool, "retry.factor", Value::Float(1.0 + s.below(2) as f64));
        }
        if s.chance(0.3) {
            put(pool, "retry.turn", millis(s, &[1, 20]));
        }
    }
}

fn life(pool: &mut Table, s: &mut Stream) {
    let mut sometimes = |s: &mut Stream, chance: f64, path: &str, choices: &[u64]| {
        if s.chance(chance) {
            put(pool, path, millis(s, choices));
        }
    };
    sometimes(s, 0.5, "worker.start_up", &[1, 160, 900]);
    sometimes(s, 0.3, "worker.start_timeout", &[100, 2000]);
    sometimes(s, 0.6, "worker.restart_delay", &[1, 250, 1000]);
    sometimes(s, 0.6, "worker.kill_exit", &[1, 2, 100]);
    sometimes(s, 0.5, "worker.crash_exit", &[1, 2, 100]);
    sometimes(s, 0.4, "worker.heartbeat_timeout", &[1500, 3000]);
    sometimes(s, 0.15, "worker.idle_shutdown", &[100, 2000]);
    sometimes(s, 0.4, "transport.dispatch", &[1, 5]);
    sometimes(s, 0.3, "transport.reply", &[1, 5]);
    sometimes(s, 0.3, "transport.timer_late", &[1, 3]);
    put(pool, "worker.heartbeat_interval", millis(s, &[500, 1000]));
    put(pool, "worker.crash_radius", word(s, &["worker", "worker", "job", "running", "pool"]));
    if s.chance(0.2) {
        put(pool, "worker.recycle_after", Value::Integer(1 + s.below(3) as i64));
    }
    if s.chance(0.25) {
        put(pool, "worker.dying_window", Value::Boolean(true));
    }
    if s.chance(0.3) {
        put(pool, "worker.warm_start", Value::Boolean(false));
    }
    for odd in ["worker.write_error", "worker.spawn_failure", "worker.never_ready"] {
        if s.chance(0.1) {
            put(pool, odd, Value::Float([0.3, 1.0][s.below(2) as usize]));
        }
    }
}

fn admission(pool: &mut Table, s: &mut Stream) {
    let check = |kind: &str, values: &[(&str, Value)]| {
        let mut table = Table::new();
        table.insert(String::from("kind"), Value::String(String::from(kind)));
        for (key, value) in values {
            table.insert(String::from(*key), value.clone());
        }
        Value::Table(table)
    };
    let second = || Value::String(String::from("1s"));
    let mut checks = Vec::new();
    if s.chance(0.12) {
        let burst = Value::Float(1.0 + s.below(3) as f64);
        checks.push(check("token_bucket", &[("rate", Value::String(String::from("2/s"))), ("burst", burst)]));
    }
    if s.chance(0.1) {
        checks.push(check(
            "codel",
            &[("target", Value::String(String::from("100ms"))), ("interval", second())],
        ));
    }
    if s.chance(0.15) {
        let limit = ("limit", Value::Integer(1 + s.below(5) as i64));
        let (initial, max) = (("initial", Value::Integer(3)), ("max", Value::Integer(8)));
        checks.push(match s.below(4) {
            0 => check("aimd", &[initial, max, ("target", second())]),
            1 => check("vegas", &[initial, max]),
            2 => check("gradient", &[initial, max]),
            _ => check("concurrency", &[limit]),
        });
    }
    if !checks.is_empty() {
        put(pool, "admission", Value::Array(checks));
    }
}
