//! The lines: what is said to an adapter, and what it may say.

use super::Names;
use crate::live::clock::Clock;
use crate::live::target::{AttemptId, Capabilities, Job, WorkerEvent};
use crate::model::target::CommandSettings;
use crate::model::{Model, Pool};
use crate::outcome::Outcome;
use crate::policy::Slots;
use crate::time::Span;
use crate::workload::trace::Fate;
use serde_json::{Map, Value, json};

/// Version of the protocol.
pub(super) const VERSION: u64 = 1;

/// What an adapter is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hello {
    /// Name of its scheduler.
    pub(super) name: String,
    /// What it can do.
    pub(super) capabilities: Capabilities,
}

/// What an adapter says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    Hello(Hello),
    Sync {
        n: u64,
        t_ms: f64,
    },
    Ready,
    /// Something happened to a job.
    Job {
        id: AttemptId,
        event: JobEvent,
        t_ms: f64,
    },
    /// Something happened to a worker.
    Worker {
        pool: Option<String>,
        worker: u32,
        event: WorkerEvent,
        t_ms: f64,
    },
}

/// What happens to a job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum JobEvent {
    Queued,
    Started { worker: u32, dying: bool },
    Retried(Outcome),
    Ended { outcome: Outcome, detail: String },
}

impl JobEvent {
    /// Its type as the protocol has it.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            JobEvent::Queued => "queued",
            JobEvent::Started { .. } => "started",
            JobEvent::Retried(_) => "retried",
            JobEvent::Ended { outcome: Outcome::Ok, .. } => "finished",
            JobEvent::Ended { .. } => "failed",
        }
    }
}

/// The first line that is said: what is to be run, and the pools as the model has them.
pub(super) fn hello(model: &Model, settings: &CommandSettings, speed: f64) -> String {
    let classes: Vec<&str> = model.classes.iter().map(|class| class.name.as_str()).collect();
    let pools: Vec<Value> = model.pools.iter().map(|one| pool(one, speed)).collect();
    let line = json!({
        "type": "hello",
        "protocol": VERSION,
        "model": model.name,
        "speed": speed,
        "classes": classes,
        "pools": pools,
        "settings": settings.settings,
    });
    line.to_string()
}

/// A pool as the model has it, its times as they really pass.
fn pool(pool: &Pool, speed: f64) -> Value {
    let settings = &pool.settings;
    let ms = |span: Span| if span.is_never() { Value::Null } else { json!(span.secs() * 1e3 / speed) };
    let mean_ms = |mean: f64| json!(mean * 1e3 / speed);
    let slots = match settings.slots {
        Slots::Limited(slots) => json!(slots),
        Slots::Unlimited => Value::Null,
    };
    let retry_on: Vec<&str> =
        settings.retry.iter().flat_map(|retry| retry.on.iter().map(Outcome::name)).collect();
    json!({
        "name": pool.name,
        "slots": slots,
        "queue_capacity": settings.queue_capacity,
        "service_timeout_ms": settings.service_timeout.filter(|timeout| !timeout.span.is_never()).map_or(Value::Null, |timeout| ms(timeout.span)),
        "retries": settings.retry.as_ref().map_or(Some(0), |retry| Some(retry.max).filter(|max| *max != u32::MAX)),
        "retry_on": retry_on,
        "start_timeout_ms": ms(settings.worker.start_timeout),
        "heartbeat_interval_ms": ms(pool.life.heartbeat_interval),
        "heartbeat_timeout_ms": ms(settings.worker.heartbeat_timeout),
        "restart_delay_ms": mean_ms(pool.life.restart_delay.mean()),
        "recycle_after": settings.worker.recycle_after,
    })
}

/// A job.
pub(super) fn job(job: &Job, names: &Names, clock: &Clock) -> String {
    let fate = Fate::NAMES.iter().find(|(_, fate)| *fate == job.fate).map_or("ok", |(name, _)| name);
    let line = json!({
        "type": "job",
        "id": job.id,
        "request": job.request,
        "attempt": job.attempt,
        "class": names.classes[usize::from(job.class)],
        "pool": names.pools[usize::from(job.pool)],
        "demand_ms": clock.real(job.demand).as_secs_f64() * 1e3,
        "cpu_share": job.cpu_share,
        "fate": fate,
        "priority": job.priority,
    });
    line.to_string()
}

/// A job is withdrawn.
pub(super) fn cancel(id: AttemptId) -> String {
    json!({ "type": "cancel", "id": id }).to_string()
}

/// The time is asked for.
pub(super) fn sync(n: u64) -> String {
    json!({ "type": "sync", "n": n }).to_string()
}

/// There will be no more jobs.
pub(super) fn close() -> String {
    json!({ "type": "close" }).to_string()
}

/// Reads a line.
///
/// # Errors
/// Why it is none of the protocol's.
pub(super) fn read(line: &str) -> Result<Message, String> {
    let Ok(Value::Object(line)) = serde_json::from_str::<Value>(line) else {
        return Err(String::from("a line is no JSON object"));
    };
    let Some(kind) = line.get("type").and_then(Value::as_str) else {
        return Err(String::from("a line has no `type`"));
    };
    match kind {
        "hello" => said_hello(&line).map(Message::Hello),
        "sync" => Ok(Message::Sync { n: whole(&line, "n")?, t_ms: instant(&line)? }),
        "ready" => Ok(Message::Ready),
        "queued" => of_job(&line, JobEvent::Queued),
        "started" => {
            let dying = line.get("dying").and_then(Value::as_bool).unwrap_or(false);
            of_job(&line, JobEvent::Started { worker: worker(&line)?, dying })
        }
        "retried" => of_job(&line, JobEvent::Retried(outcome(&line)?)),
        "finished" => of_job(&line, JobEvent::Ended { outcome: Outcome::Ok, detail: detail(&line) }),
        "failed" => of_job(&line, JobEvent::Ended { outcome: outcome(&line)?, detail: detail(&line) }),
        "worker_spawned" => of_worker(&line, WorkerEvent::Spawned),
        "worker_ready" => of_worker(&line, WorkerEvent::Ready),
        "worker_killed" => of_worker(&line, WorkerEvent::Killed),
        "worker_exited" => of_worker(&line, WorkerEvent::Exited),
        "worker_lost" => of_worker(&line, WorkerEvent::Lost),
        other => Err(format!("`{other}` is no type of the protocol")),
    }
}

fn said_hello(line: &Map<String, Value>) -> Result<Hello, String> {
    let version = whole(line, "protocol")?;
    if version != VERSION {
        return Err(format!("it speaks protocol {version}, and this is {VERSION}"));
    }
    let can = line.get("capabilities").and_then(Value::as_object);
    let can = |word: &str| can.and_then(|can| can.get(word)).and_then(Value::as_bool).unwrap_or(false);
    Ok(Hello {
        name: line.get("name").and_then(Value::as_str).unwrap_or("unnamed").to_owned(),
        capabilities: Capabilities {
            takes_demands: can("takes_demands"),
            takes_fates: can("takes_fates"),
            reports_starts: can("reports_starts"),
            cancels: can("cancels"),
            kills: can("kills"),
            disturbs: false,
            redraws: false,
        },
    })
}

fn of_job(line: &Map<String, Value>, event: JobEvent) -> Result<Message, String> {
    Ok(Message::Job { id: whole(line, "id")?, event, t_ms: instant(line)? })
}

fn of_worker(line: &Map<String, Value>, event: WorkerEvent) -> Result<Message, String> {
    let pool = line.get("pool").and_then(Value::as_str).map(String::from);
    Ok(Message::Worker { pool, worker: worker(line)?, event, t_ms: instant(line)? })
}

fn whole(line: &Map<String, Value>, key: &str) -> Result<u64, String> {
    line.get(key).and_then(Value::as_u64).ok_or_else(|| format!("`{key}` is missing or no whole number"))
}

fn worker(line: &Map<String, Value>) -> Result<u32, String> {
    u32::try_from(whole(line, "worker")?).map_err(|_| String::from("`worker` is too large"))
}

fn instant(line: &Map<String, Value>) -> Result<f64, String> {
    line.get("t_ms").and_then(Value::as_f64).ok_or_else(|| String::from("`t_ms` is missing or no number"))
}

fn detail(line: &Map<String, Value>) -> String {
    line.get("detail").and_then(Value::as_str).unwrap_or("").chars().take(200).collect()
}

fn outcome(line: &Map<String, Value>) -> Result<Outcome, String> {
    let word = line.get("outcome").and_then(Value::as_str).ok_or("`outcome` is missing")?;
    let known =
        Outcome::from_name(word).filter(|outcome| !matches!(outcome, Outcome::Ok | Outcome::Unfinished));
    known.ok_or_else(|| format!("`{word}` is no way to fail"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_or_refused_with_the_reason() {
        let event = |line: &str| match read(line) {
            Ok(Message::Job { id: 7, event, t_ms: 1.5 }) => event,
            other => panic!("{other:?}"),
        };
        assert_eq!(event(r#"{"type":"queued","id":7,"t_ms":1.5}"#), JobEvent::Queued);
        let started = event(r#"{"type":"started","id":7,"worker":2,"t_ms":1.5,"more":0}"#);
        assert_eq!(started, JobEvent::Started { worker: 2, dying: false });
        let failed = event(r#"{"type":"failed","id":7,"outcome":"timeout","t_ms":1.5,"detail":"late"}"#);
        assert_eq!(failed, JobEvent::Ended { outcome: Outcome::Timeout, detail: "late".into() });
        for (line, why) in [
            ("hello", "no JSON object"),
            ("[1]", "no JSON object"),
            (r#"{"id":7}"#, "no `type`"),
            (r#"{"type":"done","id":7,"t_ms":1}"#, "no type of the protocol"),
            (r#"{"type":"queued","id":-1,"t_ms":1}"#, "`id`"),
            (r#"{"type":"queued","id":1}"#, "`t_ms`"),
            (r#"{"type":"failed","id":1,"t_ms":1,"outcome":"ok"}"#, "no way to fail"),
            (r#"{"type":"hello","protocol":2}"#, "speaks protocol 2"),
            (r#"{"type":"started","id":1,"t_ms":1,"worker":5000000000}"#, "too large"),
        ] {
            let found = read(line).unwrap_err();
            assert!(found.contains(why), "{line}: {found}");
        }
    }
}
