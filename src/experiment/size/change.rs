//! Changes of a model as a planner might make them: more load, a spike, a stop, one setting at a time.

use crate::model::{Contention, Fault, FaultKind, Load, Model};
use crate::policy::Slots;
use crate::time::{Span, Time};
use crate::workload::{ArrivalProcess, Stage, Trace, TraceRow, Users};

/// The model under `factor` times its load: rates, users and the speed of traces. Recorded users cannot be scaled.
pub fn loaded(model: &Model, factor: f64) -> Model {
    let mut model = model.clone();
    for source in &mut model.sources {
        match &mut source.load {
            Load::Open(open) => {
                open.rate = open.rate.scaled(factor);
                if let ArrivalProcess::MarkovModulated { rates, .. } = &mut open.process {
                    rates.iter_mut().for_each(|rate| *rate *= factor);
                }
            }
            Load::Closed(users) => scale_users(users, factor),
            Load::Trace(trace) => {
                let faster = |row: &TraceRow| TraceRow {
                    at: Time::ZERO + Span::from_secs(row.at.secs() / factor),
                    ..*row
                };
                *trace = Trace { rows: trace.rows.iter().map(faster).collect() };
            }
            Load::Script(_) => {}
        }
    }
    model
}

fn scale_users(users: &mut Users, factor: f64) {
    let scaled = |count: u32| (f64::from(count) * factor).round() as u32;
    users.initial = scaled(users.initial);
    users.stages.iter_mut().for_each(|stage: &mut Stage| stage.target = scaled(stage.target));
}

/// The model with twice its load for a while.
pub fn spiked(model: &Model, at: Time, duration: Span) -> Model {
    let mut spiked = model.clone();
    for source in &model.sources {
        let mut more = source.clone();
        more.name = format!("{} (spike)", source.name);
        match &mut more.load {
            Load::Open(open) => {
                (open.start, open.stop) = (at.secs(), at.secs() + duration.secs());
            }
            Load::Closed(users) => {
                let most = users.stages.iter().map(|stage| stage.target).fold(users.initial, u32::max);
                users.initial = 0;
                users.start = at.since(Time::ZERO);
                users.stages = vec![
                    Stage { duration: Span::ZERO, target: most },
                    Stage { duration, target: most },
                    Stage { duration: Span::ZERO, target: 0 },
                ];
            }
            // A recording is what it is.
            Load::Trace(_) | Load::Script(_) => continue,
        }
        spiked.sources.push(more);
    }
    spiked
}

/// The model whose pools dispatch nothing for a while.
pub fn stopped(model: &Model, at: Time, duration: Span) -> Model {
    let mut stopped = model.clone();
    let pools = model.pools.iter().enumerate().filter(|(_, pool)| !pool.implicit);
    let pause = |(pool, _)| Fault { kind: FaultKind::PausePool { pool, duration }, at: vec![at], rate: 0.0 };
    stopped.faults.extend(pools.map(pause));
    stopped
}

/// One setting changed, in a planner's words.
pub struct Change {
    /// What is done.
    pub what: String,
    /// The model after it.
    pub model: Model,
}

/// The changes that a planner might try in place of more capacity, where the model has what they change.
pub fn changes(model: &Model) -> Vec<Change> {
    let mut list = Vec::new();
    let mut put = |what: String, model: Model| list.push(Change { what, model });
    for (index, pool) in model.pools.iter().enumerate().filter(|(_, pool)| !pool.implicit) {
        let with = |change: &dyn Fn(&mut crate::model::Pool)| {
            let mut model = model.clone();
            change(&mut model.pools[index]);
            model
        };
        let name = &pool.name;
        if let Slots::Limited(slots) = pool.settings.slots {
            let more = with(&|pool| pool.settings.slots = Slots::Limited(slots + 1));
            put(format!("one more slot in {name}"), more);
        }
        if let Some(timeout) = pool.settings.service_timeout.filter(|timeout| !timeout.span.is_never()) {
            for (word, factor) in [("shorter", 0.75), ("longer", 1.5)] {
                let span = Span::from_secs(timeout.span.secs() * factor);
                let text = crate::quantity::format_duration(span.secs());
                let changed = with(&|pool| {
                    pool.settings.service_timeout = Some(crate::policy::ServiceTimeout { span, ..timeout });
                });
                put(format!("a {word} time-out in {name} ({text})"), changed);
            }
        }
        if pool.settings.retry.is_some() {
            put(format!("no retries by {name}"), with(&|pool| pool.settings.retry = None));
        }
        if pool.settings.worker.dying_window {
            let fixed = with(&|pool| pool.settings.worker.dying_window = false);
            put(format!("no jobs for dying workers in {name}"), fixed);
        }
    }
    for (index, host) in model.hosts.iter().enumerate() {
        if let Contention::Cores(cores) = host.contention {
            let mut changed = model.clone();
            changed.hosts[index].contention = Contention::Cores(cores * 1.5);
            put(format!("half as many cores again on {}", host.name), changed);
        }
    }
    for (index, source) in model.sources.iter().enumerate() {
        if source.client.retry.is_some() {
            let mut changed = model.clone();
            changed.sources[index].client.retry = None;
            put(format!("no retries by {}", source.name), changed);
        }
        if !source.client.cancels && !source.client.attempt_deadline.is_never() {
            let mut changed = model.clone();
            changed.sources[index].client.cancels = true;
            put(format!("clients of {} cancel what they give up", source.name), changed);
        }
    }
    list
}
