//! The lines that a pool and its worker processes exchange.

use super::Brief;
use crate::live::desk::{Desk, Order};
use crate::live::told::json;
use crate::outcome::Outcome;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// Lines of workers that were passed over.
#[derive(Debug, Default)]
pub(in crate::live) struct Strays {
    /// No JSON, no line of the protocol, or a second word that it is ready.
    pub(in crate::live) garbage: AtomicU64,
    /// Answers to requests that the worker does not have: a wrong number, a second answer, one that comes too late.
    pub(in crate::live) answers: AtomicU64,
}

/// The line that hands a job over.
pub(super) fn request(order: &Order, brief: &Brief) -> String {
    let (job, demand) = (&order.job, order.job.demand.secs() / brief.speed);
    let spec = &brief.requests[usize::from(job.class)];
    let value = |field| brief.names.value(field, job, demand, fate_now(order));
    let payload = spec.payload.as_ref().map(|payload| payload.fill(|field| json(&value(field))));
    let line = json!({
        "type": "request",
        "id": format!("task-{}", order.serial),
        "action": spec.action.fill(value),
        "payload": payload.map_or_else(|| usual_payload(order, demand), |text| written(&text)),
    });
    format!("{line}\n")
}

/// What poolsim's own workers read: all that the model says of the job.
fn usual_payload(order: &Order, demand: f64) -> Value {
    let job = &order.job;
    json!({
        "request": job.request,
        "attempt": job.attempt,
        "demand_ms": demand * 1000.0,
        "cpu_share": job.cpu_share,
        "fate": fate_now(order),
    })
}

/// A payload as JSON on one line. It was found to be JSON when the model was read, with other values in its places.
fn written(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// What the present execution is to come to: a crash that comes once is over after the first.
fn fate_now(order: &Order) -> &'static str {
    use crate::live::desk::End;
    match order.course.end {
        End::Answer(Outcome::Ok) => "ok",
        End::Answer(Outcome::Crash) | End::Exit => "crash",
        End::Answer(_) => "error",
        End::Hang => "hang",
        End::Freeze => "freeze",
    }
}

#[derive(Deserialize)]
struct Spoken {
    #[serde(rename = "type")]
    what: String,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    code: Value,
}

/// Passes on what a line says.
pub(super) fn hear(line: &[u8], desk: &Desk, slot: u32, generation: u64, strays: &Strays) {
    let Ok(spoken) = serde_json::from_slice::<Spoken>(line) else {
        if !line.iter().all(u8::is_ascii_whitespace) {
            strays.garbage.fetch_add(1, Ordering::Relaxed);
        }
        return;
    };
    match spoken.what.as_str() {
        "ready" => {
            if !desk.ready(slot, generation) {
                strays.garbage.fetch_add(1, Ordering::Relaxed);
            }
        }
        "heartbeat" => desk.beat(slot, generation),
        "response" => {
            let serial = spoken.id.as_str().and_then(|id| id.strip_prefix("task-")?.parse().ok());
            let ok = spoken.status.as_str() == Some("ok");
            let (outcome, detail) =
                if ok { (Outcome::Ok, String::new()) } else { (Outcome::Error, complaint(&spoken)) };
            let wanted =
                serial.is_some_and(|serial| desk.answered(slot, generation, serial, outcome, detail));
            if !wanted {
                strays.answers.fetch_add(1, Ordering::Relaxed);
            }
        }
        _ => {
            strays.garbage.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What an answer says that went wrong.
fn complaint(spoken: &Spoken) -> String {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (code, error) = (text(&spoken.code), text(&spoken.error));
    let whole = match (code.is_empty(), error.is_empty()) {
        (false, false) => format!("{code}: {error}"),
        _ => code + &error,
    };
    whole.chars().take(COMPLAINT_MOST).collect()
}

/// So many letters of a complaint are kept.
const COMPLAINT_MOST: usize = 200;
