//! A case told line by line, in the words of an engineer: for the head of a model file.

use super::ground::{Ground, Request};
use super::input::Input;
use crate::outcome::Outcome;
use crate::policy::{PoolTimer, SlotTimer, WorkerState};
use crate::time::Time;
use crate::workload::trace::Fate;

/// A story is told up to here.
const LINES_MAX: usize = 60;

/// What has been told so far.
#[derive(Clone, Debug)]
pub(super) struct Story {
    on: bool,
    pub(super) lines: Vec<String>,
}

impl Story {
    pub(super) fn off() -> Story {
        Story { on: false, lines: Vec::new() }
    }

    pub(super) fn on() -> Story {
        Story { on: true, lines: Vec::new() }
    }

    fn say(&mut self, now: Time, what: impl FnOnce() -> String) {
        if !self.on || self.lines.len() > LINES_MAX {
            return;
        }
        let line = match self.lines.len() {
            LINES_MAX => String::from("(and so on)"),
            _ => format!("{:>14}  {}", seconds(now), what()),
        };
        self.lines.push(line);
    }

    pub(super) fn arrival(&mut self, now: Time, job: u32, request: &Request, ground: &Ground) {
        self.say(now, || {
            let class = match ground.classes.len() {
                1 => String::new(),
                _ => ground
                    .classes
                    .get(usize::from(request.class))
                    .map_or(String::new(), |c| format!(" ({})", c.0)),
            };
            let bent = match request.fate {
                Fate::Ok => format!("needs {}", seconds(Time::ZERO + request.demand)),
                Fate::Hang => String::from("will hang"),
                fate => format!("will end as {} after {}", fate.name(), seconds(Time::ZERO + request.demand)),
            };
            format!("request {}{class} arrives; it {bent}", job + 1)
        });
    }

    pub(super) fn input(&mut self, now: Time, input: Input) {
        match input {
            Input::Answer { slot, outcome: Outcome::Ok } => {
                self.say(now, || format!("worker {slot} answers"))
            }
            Input::Answer { slot, outcome } => {
                self.say(now, || format!("worker {slot} answers: {}", outcome.name()))
            }
            Input::Exited { slot, .. } => self.say(now, || format!("the exit of worker {slot} is noticed")),
            Input::SpawnFailed(slot) => self.say(now, || format!("worker {slot} cannot be started")),
            Input::Ready(slot) if now > Time::ZERO => self.say(now, || format!("worker {slot} is ready")),
            Input::Timer { slot, timer: SlotTimer::Heartbeat } => {
                self.say(now, || format!("worker {slot} has been silent for too long"));
            }
            Input::PoolTimer(PoolTimer::Turn) => {
                self.say(now, || String::from("the pool looks for a worker again"))
            }
            Input::Beat { slot, .. } => self.say(now, || format!("worker {slot} freezes")),
            Input::Pause(true) => self.say(now, || String::from("the pool is paused")),
            Input::Pause(false) => self.say(now, || String::from("the pool goes on")),
            Input::Collapse => self.say(now, || String::from("the pool goes down")),
            Input::Close(false) => self.say(now, || String::from("the pool comes back")),
            Input::Cancel(job) => self.say(now, || format!("the client of request {} gives up", job + 1)),
            _ => {}
        }
    }

    pub(super) fn started(&mut self, now: Time, job: u32, slot: u32, dying: bool) {
        let worker = if dying { format!("worker {slot}, which is dying") } else { format!("worker {slot}") };
        self.say(now, || format!("request {} is handed to {worker}", job + 1));
    }

    pub(super) fn queued(&mut self, now: Time, job: u32, again: bool) {
        let again = if again { " again" } else { "" };
        self.say(now, || format!("request {} waits{again}", job + 1));
    }

    pub(super) fn retried(&mut self, now: Time, job: u32, outcome: Outcome) {
        self.say(now, || {
            format!("a try of request {} ends as {}; it will be tried again", job + 1, outcome.name())
        });
    }

    pub(super) fn ended(&mut self, now: Time, job: u32, outcome: Outcome) {
        self.say(now, || format!("request {} ends: {}", job + 1, outcome.name()));
    }

    pub(super) fn killed(&mut self, now: Time, slot: u32) {
        self.say(now, || format!("worker {slot} is killed"));
    }

    pub(super) fn worker(&mut self, now: Time, slot: u32, what: &str) {
        self.say(now, || format!("worker {slot} {what}"));
    }

    pub(super) fn blow(&mut self, now: Time, slot: u32) {
        self.say(now, || format!("something kills worker {slot}; the pool does not know yet"));
    }

    pub(super) fn write_failed(&mut self, now: Time, slot: u32) {
        self.say(now, || format!("the write to worker {slot} fails"));
    }

    pub(super) fn moved(&mut self, now: Time, slot: u32, to: WorkerState) {
        match to {
            WorkerState::Starting if now > Time::ZERO => {
                self.say(now, || format!("worker {slot} is started"))
            }
            WorkerState::Zombie => self.say(now, || format!("worker {slot} works on for nobody")),
            WorkerState::Lost => self.say(now, || format!("slot {slot} is lost for good")),
            WorkerState::Cancelling => self.say(now, || format!("worker {slot} is asked to stop")),
            _ => {}
        }
    }
}

/// `120.00077 s`: as many decimals as it takes.
pub(super) fn seconds(at: Time) -> String {
    format!("{} s", plain_seconds(at))
}

/// `120.00077`.
pub(super) fn plain_seconds(at: Time) -> String {
    let (whole, rest) = (at.nanos() / 1_000_000_000, at.nanos() % 1_000_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{}", format!("{rest:09}").trim_end_matches('0'))
}
