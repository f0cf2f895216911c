//! What a model asks of a target: refused by name where the target cannot give it, and said where it gives less.

use super::replay::Note;
use super::target::{Capabilities, TargetError};
use crate::model::{Contention, Model};
use crate::policy::{OnTimeout, Slots};

/// Holds a model against what a target can do.
///
/// # Errors
/// Everything that the target cannot do, by name.
pub(super) fn check(model: &Model, target: &str, can: Capabilities) -> Result<Vec<Note>, TargetError> {
    let mut refused = Vec::new();
    for pool in &model.pools {
        if pool.instances > 1 || pool.autoscaler.is_some() {
            refused.push(format!("pool.{}: several instances or an autoscaler", pool.name));
        }
        if pool.breakdown.is_some() {
            refused.push(format!("pool.{}: breakdowns", pool.name));
        }
    }
    if !model.faults.is_empty() {
        refused.push(String::from("faults at stated instants"));
    }
    if can.takes_demands {
        refused.extend(refused_of_own(model, can));
    }
    if !can.takes_fates {
        let fails = |class: &&crate::model::Class| class.fates != crate::model::Fates::default();
        refused
            .extend(model.classes.iter().filter(fails).map(|class| format!("class.{}: fates", class.name)));
    }
    if refused.is_empty() {
        return Ok(notes(model, can));
    }
    Err(TargetError {
        text: format!("target {target} cannot do what the model asks for: {}", refused.join("; ")),
        hint: String::from("leave it out with --set, or take another target"),
    })
}

/// What a pool of our own would have to do and cannot.
fn refused_of_own(model: &Model, can: Capabilities) -> Vec<String> {
    let mut refused = Vec::new();
    for pool in &model.pools {
        let then = pool.settings.service_timeout.map(|timeout| timeout.then);
        if then == Some(OnTimeout::Kill) && !can.kills {
            refused.push(format!("pool.{}: killing workers", pool.name));
        }
        if matches!(then, Some(OnTimeout::Cancel { .. })) && !can.cancels {
            refused.push(format!("pool.{}: cancelling work that runs", pool.name));
        }
        if pool.settings.slots == Slots::Unlimited && !can.cancels {
            refused.push(format!("pool.{}: slots without a limit", pool.name));
        }
        if pool.processor_sharing {
            refused.push(format!("pool.{}: processor sharing", pool.name));
        }
    }
    for host in &model.hosts {
        if matches!(host.contention, Contention::Table(_)) {
            refused.push(format!("host.{}: a table of speeds", host.name));
        }
    }
    if !can.cancels {
        for source in &model.sources {
            let client = &source.client;
            let gives_up = !client.attempt_deadline.is_never()
                || !client.total_deadline.is_never()
                || client.hedge.is_some();
            let pools = &model.routes[source.route].pools;
            let spares = |&&pool: &&usize| {
                let timeout = model.pools[pool].settings.service_timeout;
                !timeout.is_some_and(|timeout| matches!(timeout.then, OnTimeout::Kill | OnTimeout::Abandon))
            };
            if client.cancels && gives_up && pools.iter().any(|pool| spares(&pool)) {
                refused.push(format!("source.{}: a client that withdraws running work", source.name));
            }
        }
    }
    refused
}

fn notes(model: &Model, can: Capabilities) -> Vec<Note> {
    let mut notes = Vec::new();
    if can.takes_demands && !model.hosts.is_empty() {
        let names: Vec<&str> = model.hosts.iter().map(|host| host.name.as_str()).collect();
        notes.push(Note {
            code: "host_cores",
            text: format!("the cores of {} are those of this machine", names.join(", ")),
            advice: String::from("set the model's cores to this machine's before comparing"),
        });
    }
    notes
}
