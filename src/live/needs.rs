//! What a model asks of a target: refused by name where the target cannot give it, and said where it gives less.

use super::replay::Note;
use super::target::{Capabilities, TargetError};
use crate::model::{Contention, FaultKind, Model, Source};
use crate::policy::{OnTimeout, Slots};
use crate::workload::Distribution;

/// Something that a target cannot do.
struct Refusal {
    /// Where the model asks for it.
    place: String,
    what: &'static str,
    hint: &'static str,
}

/// Holds a model against what a target can do.
///
/// # Errors
/// Everything that the target cannot do: where the model asks for it, and what helps.
pub(super) fn check(model: &Model, target: &str, can: Capabilities) -> Result<Vec<Note>, TargetError> {
    let mut refused = of_all(model);
    refused.extend(of_faults(model, can));
    if can.takes_demands || can.redraws {
        refused.extend(of_own(model, can));
    }
    if !can.takes_fates {
        let fails = |class: &&crate::model::Class| class.fates != crate::model::Fates::default();
        refused.extend(model.classes.iter().filter(fails).map(|class| Refusal {
            place: format!("class.{}.fates", class.name),
            what: "jobs that go wrong as they are told",
            hint: "tell it: {fate} in the body of a service or the payload of a worker, takes_fates in an adapter; or \
                   remove the fates",
        }));
    }
    if refused.is_empty() {
        return Ok(notes(model, can));
    }
    let places: Vec<String> = refused.iter().map(|one| format!("{}: {}", one.place, one.what)).collect();
    let mut hints: Vec<&str> = Vec::new();
    for one in &refused {
        if !hints.contains(&one.hint) {
            hints.push(one.hint);
        }
    }
    Err(TargetError {
        text: format!("target {target} cannot do what the model asks for: {}", places.join("; ")),
        hint: hints.join("; "),
    })
}

/// What no target can do.
fn of_all(model: &Model) -> Vec<Refusal> {
    let mut refused = Vec::new();
    for pool in &model.pools {
        let place = |key: &str| format!("pool.{}.{key}", pool.name);
        if pool.instances > 1 {
            refused.push(Refusal {
                place: place("instances"),
                what: "several instances",
                hint: "a replay drives one scheduler a pool: set instances = 1, or write a pool for each and a route over \
                       them",
            });
        }
        if pool.timeout.is_some() {
            refused.push(Refusal {
                place: place("service_timeout"),
                what: "a time-out that is drawn for each attempt",
                hint: "a scheduler is told one time-out: write it as a duration",
            });
        }
        if pool.autoscaler.is_some() {
            refused.push(Refusal {
                place: place("autoscaler"),
                what: "instances that come and go",
                hint: "remove the autoscaler, and replay each number of slots by itself",
            });
        }
        if pool.breakdown.is_some() {
            refused.push(Refusal {
                place: place("breakdown"),
                what: "slots that break down by themselves",
                hint: "write [[fault]] kind = \"kill_worker\" with a rate in place of breakdowns",
            });
        }
    }
    refused
}

/// Faults that this target cannot be made to show.
fn of_faults(model: &Model, can: Capabilities) -> Vec<Refusal> {
    let refuse = |(number, fault): (usize, &crate::model::Fault)| {
        let (what, hint) = match fault.kind {
            FaultKind::KillWorker { .. } | FaultKind::PausePool { .. } if can.disturbs => return None,
            FaultKind::KillWorker { .. } => {
                ("killing a worker", "kill it by hand, or take target pool or process")
            }
            FaultKind::PausePool { .. } => ("pausing a pool", "take target pool or process"),
            FaultKind::KillInstance { .. } => (
                "killing a whole instance",
                "kill_worker and pause_pool can be done to target pool and process",
            ),
            FaultKind::SlowHost { .. } => {
                ("slowing a host", "kill_worker and pause_pool can be done to target pool and process")
            }
        };
        Some(Refusal { place: format!("fault {}", number + 1), what, hint })
    };
    model.faults.iter().enumerate().filter_map(refuse).collect()
}

/// What a pool of our own would have to do and cannot.
fn of_own(model: &Model, can: Capabilities) -> Vec<Refusal> {
    let mut refused = Vec::new();
    for pool in &model.pools {
        let then = pool.settings.service_timeout.map(|timeout| timeout.then);
        let place = |key: &str| format!("pool.{}.{key}", pool.name);
        if then == Some(OnTimeout::Kill) && !can.kills {
            refused.push(Refusal {
                place: place("service_timeout"),
                what: "killing workers",
                hint: "set on_timeout = \"cancel\" or \"abandon\"",
            });
        }
        if matches!(then, Some(OnTimeout::Cancel { .. })) && !can.cancels {
            refused.push(Refusal {
                place: place("on_timeout"),
                what: "cancelling work that runs",
                hint: if can.redraws {
                    "a process can only be killed: set on_timeout = \"kill\" or \"abandon\""
                } else {
                    "let the adapter say `cancels`, or set on_timeout = \"kill\" or \"abandon\""
                },
            });
        }
        if pool.settings.slots == Slots::Unlimited && !can.cancels {
            refused.push(Refusal {
                place: place("slots"),
                what: "a worker process for every job at once",
                hint: "give it slots = N, as many as it ever needs",
            });
        }
        if pool.processor_sharing {
            refused.push(Refusal {
                place: place("discipline"),
                what: "processor sharing without a queue",
                hint: "give it slots and a host with cores: threads and processes share those",
            });
        }
    }
    for host in &model.hosts {
        if matches!(host.contention, Contention::Table(_)) {
            refused.push(Refusal {
                place: format!("host.{}", host.name),
                what: "a table of speeds",
                hint: "the cores are this machine's: give the host cores = N",
            });
        }
    }
    if !can.cancels {
        refused.extend(withdrawals(model, can));
    }
    refused
}

/// Whether clients of a source withdraw what they give up.
fn withdraws(source: &Source) -> bool {
    let client = &source.client;
    let gives_up =
        !client.attempt_deadline.is_never() || !client.total_deadline.is_never() || client.hedge.is_some();
    client.cancels && gives_up
}

/// Clients that withdraw work which runs, from workers that can only be killed and whose pool does not.
fn withdrawals(model: &Model, can: Capabilities) -> Vec<Refusal> {
    let mut refused = Vec::new();
    for source in &model.sources {
        let pools = &model.routes[source.route].pools;
        let spares = |&&pool: &&usize| {
            let timeout = model.pools[pool].settings.service_timeout;
            !timeout.is_some_and(|timeout| matches!(timeout.then, OnTimeout::Kill | OnTimeout::Abandon))
        };
        if withdraws(source) && pools.iter().any(|pool| spares(&pool)) {
            refused.push(Refusal {
                place: format!("source.{}", source.name),
                what: "a client that withdraws running work",
                hint: if can.redraws {
                    "a process can only be killed: set the pool's on_timeout = \"kill\" or \"abandon\", or \
                     cancels = false of its client"
                } else {
                    "let the adapter say `cancels`, or set cancels = false of the client"
                },
            });
        }
    }
    refused
}

fn retries(pool: &crate::model::Pool) -> bool {
    pool.settings.retry.is_some_and(|retry| retry.max > 0)
}

/// Whether its demands differ from request to request.
fn varies(class: &crate::model::Class) -> bool {
    !matches!(class.demand, Distribution::Deterministic { .. })
}

fn notes(model: &Model, can: Capabilities) -> Vec<Note> {
    let mut notes = Vec::new();
    if can.takes_demands && !can.redraws && model.pools.iter().any(retries) {
        notes.extend(model.classes.iter().filter(|class| class.redraw_demand && varies(class)).map(
            |class| Note {
                code: "retries_repeat",
                text: format!(
                    "a retry by the scheduler repeats the work of {}, which the model draws anew",
                    class.name
                ),
                advice: format!("write retry_demand = \"same\" into class.{}", class.name),
            },
        ));
    }
    if !can.cancels && !can.redraws {
        notes.extend(model.sources.iter().filter(|source| withdraws(source)).map(|source| Note {
            code: "not_withdrawn",
            text: format!(
                "what clients of source.{} withdraw goes on at the target, which cannot withdraw jobs",
                source.name
            ),
            advice: String::from("let the adapter say `cancels`, or set cancels = false of the client"),
        }));
    }
    if can.redraws && !model.hosts.is_empty() {
        let names: Vec<&str> = model.hosts.iter().map(|host| host.name.as_str()).collect();
        notes.push(Note {
            code: "host_cores",
            text: format!("the cores of {} are those of this machine", names.join(", ")),
            advice: String::from("set the model's cores to this machine's before comparing"),
        });
    }
    notes
}
