//! The life of workers, their transport, and breakdowns of slots.

use super::super::grammar::{TRANSPORT, WORKER};
use super::super::{Breakdown, BrokenJob, Transport, WorkerLife};
use super::Checker;
use super::pool::AT_ONCE;
use super::view::{self, EMPTY, View};
use crate::policy::{CrashRadius, WorkerSettings};
use crate::time::Span;

impl Checker<'_> {
    pub(super) fn worker_settings(&mut self, pool: View<'_>) -> WorkerSettings {
        let view =
            pool.table("worker", &WORKER).unwrap_or(View { spec: &WORKER, table: &EMPTY, place: pool.place });
        let (interval, timeout) =
            (view.span("heartbeat_interval").unwrap_or(Span::ZERO), view.limit("heartbeat_timeout"));
        if timeout <= interval {
            let hint = "the time-out must be longer than the interval, three times is usual";
            let label = "every worker would be killed between two beats";
            self.faults.add(view.place("heartbeat_timeout"), "heartbeats can never be in time", label, hint);
            if view.has("heartbeat_interval") {
                self.faults.relate(view.place("heartbeat_interval"), "the interval is here");
            }
        }
        WorkerSettings {
            dying_window: view.flag("dying_window").unwrap_or(false),
            start_timeout: view.limit("start_timeout"),
            heartbeat_timeout: timeout,
            recycle_after: view.count("recycle_after").unwrap_or(0),
            crash_radius: match view.word("crash_radius") {
                Some("job") => CrashRadius::Job,
                Some("pool") => CrashRadius::Pool,
                _ => CrashRadius::Worker,
            },
            idle_shutdown: view.limit("idle_shutdown"),
        }
    }

    pub(super) fn life(&mut self, pool: View<'_>) -> WorkerLife {
        let view =
            pool.table("worker", &WORKER).unwrap_or(View { spec: &WORKER, table: &EMPTY, place: pool.place });
        let spans = |key| {
            view.list(key).iter().filter_map(|node| view::secs(&node.value)).map(Span::from_secs).collect()
        };
        WorkerLife {
            start_up: self.distribution(view, "start_up").unwrap_or(AT_ONCE),
            start_up_cpu: view.share("start_up_cpu").unwrap_or(0.0),
            first_start_up: spans("first_start_up"),
            restart_delay: self.distribution(view, "restart_delay").unwrap_or(AT_ONCE),
            kill_exit: self.distribution(view, "kill_exit").unwrap_or(AT_ONCE),
            crash_exit: self.distribution(view, "crash_exit").unwrap_or(AT_ONCE),
            heartbeat_interval: view.span("heartbeat_interval").unwrap_or(Span::ZERO),
            spawn_failure: view.share("spawn_failure").unwrap_or(0.0),
            never_ready: view.share("never_ready").unwrap_or(0.0),
            warm_start: view.flag("warm_start").unwrap_or(true),
            ready_before: spans("ready_before"),
            write_error: view.share("write_error").unwrap_or(0.0),
        }
    }

    pub(super) fn transport(&mut self, pool: View<'_>) -> Transport {
        let none = View { spec: &TRANSPORT, table: &EMPTY, place: pool.place };
        let view = pool.table("transport", &TRANSPORT).unwrap_or(none);
        Transport {
            dispatch: self.distribution(view, "dispatch").unwrap_or(AT_ONCE),
            late: self.distribution(view, "late").unwrap_or(AT_ONCE),
            reply: self.distribution(view, "reply").unwrap_or(AT_ONCE),
            timer_late: self.distribution(view, "timer_late").unwrap_or(AT_ONCE),
        }
    }

    pub(super) fn breakdown(&mut self, view: View<'_>) -> Option<Breakdown> {
        let (up, down) = (self.distribution(view, "up"), self.distribution(view, "down"));
        let (up, down) = (up?, down?);
        if up.mean() <= 0.0 {
            let label = "they take no time";
            self.faults.add(
                view.place("up"),
                "slots would fail without end",
                label,
                "give `up` a mean above zero",
            );
        }
        let job = match view.word("job") {
            Some("restart") => BrokenJob::RestartAtHead,
            Some("crash") => BrokenJob::Crash,
            _ => BrokenJob::ResumeAtHead,
        };
        Some(Breakdown { up, down, while_idle: view.flag("while_idle").unwrap_or(true), job })
    }
}
