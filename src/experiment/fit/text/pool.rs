//! The pool of a fitted model: what it was told, what was seen of its retries, and how long its workers take.

use super::super::Fitted;
use super::super::failures::RetrySeen;
use super::super::workers::{Constant, Told};
use super::{About, UTILIZATION, number, span};
use crate::policy::{DelayGrowth, Discipline, OnTimeout, PoolSettings, RetryPlace, Slots, TimeoutOrigin};
use crate::time::Span;
use std::fmt::Write;

/// The pool's tables.
pub(super) fn pool(text: &mut String, fitted: &Fitted, about: &About) {
    let work: f64 = fitted.classes.iter().map(|class| class.n as f64 * class.demand.mean).sum();
    let load = if fitted.span > 0.0 { work / fitted.span } else { 1.0 };
    let (slots, why) = match slots_of(about) {
        Some(Slots::Unlimited) => (String::from("\"unlimited\""), String::new()),
        Some(Slots::Limited(slots)) => (slots.to_string(), String::new()),
        None => {
            let slots = libm::ceil(load / UTILIZATION).max(1.0);
            let busy = load / slots * 100.0;
            let why = format!(
                "# The recording does not say how many slots: so many are busy {busy:.0} % of the time.\n"
            );
            (format!("{slots:.0}"), why)
        }
    };
    let _ = write!(text, "\n# Offered load: {} slots' worth of work.\n{why}[pool.pool]\n", number(load));
    if let Some(told) = &about.recorded {
        let _ = write!(
            text,
            "preset = \"orchestrator-bridge\"\nslots = {slots}\nservice_timeout = \"{}ms\"\nretry.max = {}\n",
            told.pool.request_timeout_ms, told.pool.max_task_retries
        );
    } else {
        let _ = writeln!(text, "slots = {slots}");
        match (&about.settings, &fitted.retry) {
            (Some(known), _) => settings(text, known),
            (None, Some(seen)) => text.push_str(&retries_seen(seen)),
            (None, None) => {}
        }
    }
    match &about.recorded {
        Some(told) => tables(text, "pool", &about.constants, &|_| worker_told(told)),
        None => constants(text, "pool", &about.constants, about.settings.as_ref()),
    }
}

/// What the workers of a recorded pool were told.
fn worker_told(told: &Told) -> String {
    let pool = &told.pool;
    let mut text = format!(
        "heartbeat_interval = \"{}ms\"\nheartbeat_timeout = \"{}ms\"\nwarm_start = {}\n",
        pool.heartbeat_interval_ms, pool.heartbeat_timeout_ms, told.warm_start
    );
    let _ = writeln!(text, "start_timeout = \"{}ms\"", pool.finite_start_timeout_ms());
    if !told.first_start_up.is_empty() {
        let each: Vec<String> =
            told.first_start_up.iter().map(|ms| format!("\"{}ms\"", number(*ms))).collect();
        let _ = writeln!(text, "first_start_up = [{}]", each.join(", "));
    }
    let (failed, all) = told.write_errors;
    if all > 0 {
        let share = failed as f64 / all as f64;
        let _ = writeln!(
            text,
            "write_error = {} # {failed} of {all} first writes to killed workers; 0 on an idle host",
            number(share)
        );
    }
    text
}

/// Retries that were seen, as the rule that makes them.
fn retries_seen(seen: &RetrySeen) -> String {
    let on: Vec<String> = seen.on.iter().map(|outcome| format!("{:?}", outcome.name())).collect();
    let most =
        if seen.given_up { "and no request had more" } else { "none was given up, so there may be more" };
    let (place, why) = match seen.place {
        Some(RetryPlace::Head) => ("head", "before those that waited"),
        Some(RetryPlace::Tail) => ("tail", "behind those that waited"),
        None => ("head", "nothing tells where in the queue, so at its head"),
    };
    format!(
        "# The pool tried again: {} times, at most {} of one request ({most}), {why}.\n\
         retry = {{ max = {}, on = [{}], place = \"{place}\" }}\n",
        seen.n,
        seen.max,
        seen.max,
        on.join(", ")
    )
}

/// Measured delays of a pool's workers, as tables of a model, with what is known of their settings.
pub(in crate::experiment) fn constants(
    text: &mut String,
    pool: &str,
    measured: &[Constant],
    known: Option<&PoolSettings>,
) {
    let possible: Vec<Constant> = measured.iter().filter(|one| is_possible(one, known)).cloned().collect();
    tables(text, pool, &possible, &|own| known.map(|known| worker(known, own)).unwrap_or_default());
}

/// The tables of measured delays; `told` is what the workers were told, beside what was measured of them.
fn tables(text: &mut String, pool: &str, measured: &[Constant], told: &dyn Fn(&[&Constant]) -> String) {
    let bare = !pool.is_empty() && pool.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let name = if bare { pool.to_owned() } else { format!("{pool:?}") };
    for table in ["worker", "transport"] {
        let own: Vec<&Constant> = measured.iter().filter(|one| one.path.starts_with(table)).collect();
        let told = if table == "worker" { told(&own) } else { String::new() };
        if own.is_empty() && told.is_empty() {
            continue;
        }
        let _ = write!(text, "\n[pool.{name}.{table}]\n{told}");
        for one in own {
            let key = one.path.rsplit('.').next().unwrap_or(one.path);
            let interval = one
                .interval
                .map_or(String::new(), |(low, high)| format!(", 95 % interval {low:.3} to {high:.3}"));
            let _ = writeln!(
                text,
                "{key} = \"{}ms\" # median of {}{interval}; 10 % below {:.3}, 90 % below {:.3}",
                number(one.median.max(0.0)),
                one.n,
                one.spread.0,
                one.spread.1
            );
        }
    }
}

/// What a live pool's scheduler was told, as a model has it; the rest is named.
fn settings(text: &mut String, known: &PoolSettings) {
    let plain = |span: Span| format!("\"{}s\"", span.secs());
    if let Some(timeout) = known.service_timeout.filter(|timeout| timeout.span != Span::NEVER) {
        let from = match timeout.origin {
            TimeoutOrigin::Dispatch => "dispatch",
            TimeoutOrigin::Arrival => "arrival",
            TimeoutOrigin::TotalService => "total_service",
        };
        let then = match timeout.then {
            OnTimeout::Kill => "kill",
            OnTimeout::Cancel { .. } => "cancel",
            OnTimeout::Abandon => "abandon",
        };
        let after = plain(timeout.span);
        let _ =
            writeln!(text, "service_timeout = {after}\ntimeout_from = \"{from}\"\non_timeout = \"{then}\"");
    }
    if let Some(retry) = &known.retry {
        let on: Vec<String> = retry.on.iter().map(|outcome| format!("{:?}", outcome.name())).collect();
        let place = if retry.place == RetryPlace::Head { "head" } else { "tail" };
        let max = if retry.max == u32::MAX { String::from("\"unlimited\"") } else { retry.max.to_string() };
        let _ = writeln!(
            text,
            "retry = {{ max = {max}, on = [{}], place = \"{place}\", delay = {}, turn = {}{} }}",
            on.join(", "),
            plain(retry.delay),
            plain(retry.turn),
            growth(&retry.growth)
        );
    }
    if let Some(capacity) = known.queue_capacity {
        let _ = writeln!(text, "queue_capacity = {capacity}");
    }
    match known.discipline {
        Discipline::Fifo => {}
        Discipline::Lifo => text.push_str("discipline = \"lifo\"\n"),
        Discipline::Random => text.push_str("discipline = \"random\"\n"),
        Discipline::ShortestJob => text.push_str("discipline = \"shortest_job\"\n"),
        other => drop(writeln!(text, "# Not taken over: the discipline is {other:?}.")),
    }
    if !known.admission.is_empty() || !known.reserved.is_empty() {
        text.push_str("# Not taken over: admission checks and reserved slots.\n");
    }
}

/// How the delay before a retry grows, where it does.
fn growth(growth: &DelayGrowth) -> String {
    if *growth == DelayGrowth::NONE {
        return String::new();
    }
    let plain = |span: Span| format!("\"{}s\"", span.secs());
    let cap = if growth.cap.is_never() { String::new() } else { format!(", cap = {}", plain(growth.cap)) };
    format!(
        ", factor = {}, step = {}, exponent = {}, spread = {}{cap}",
        growth.factor,
        plain(growth.step),
        growth.exponent,
        plain(growth.spread)
    )
}

/// A constant by this name.
const BEATS: &str = "worker.heartbeat_interval";

/// Beats that were seen farther apart than may be are no model's: workers were too busy to send them.
fn is_possible(one: &Constant, known: Option<&PoolSettings>) -> bool {
    let limit = known.map_or(Span::NEVER, |known| known.worker.heartbeat_timeout);
    one.path != BEATS || (one.median > 0.0 && (limit.is_never() || one.median < limit.secs() * 1e3))
}

/// Of a live pool's settings those of its workers. What waits for beats needs beats in time, measured or not.
fn worker(known: &PoolSettings, measured: &[&Constant]) -> String {
    let mut text = String::new();
    let limit = known.worker.heartbeat_timeout;
    if !limit.is_never() && measured.iter().all(|one| one.path != BEATS) {
        let third = span(limit.secs() / 3.0);
        let _ = writeln!(text, "heartbeat_interval = \"{third}\" # not measured: a third of the time-out");
    }
    for (key, span) in [
        ("start_timeout", known.worker.start_timeout),
        ("heartbeat_timeout", known.worker.heartbeat_timeout),
        ("idle_shutdown", known.worker.idle_shutdown),
    ] {
        if span != Span::NEVER {
            let _ = writeln!(text, "{key} = \"{}s\"", span.secs());
        }
    }
    if known.worker.dying_window {
        text.push_str("dying_window = true\n");
    }
    if known.worker.recycle_after > 0 {
        let _ = writeln!(text, "recycle_after = {}", known.worker.recycle_after);
    }
    text
}

/// Slots as the user says, or else the recording.
fn slots_of(about: &About) -> Option<Slots> {
    let known = about.settings.as_ref().map(|settings| settings.slots);
    let told = about.recorded.as_ref().map(|told| Slots::Limited(told.pool.pool_size));
    about.slots.map(Slots::Limited).or(known).or(told)
}
