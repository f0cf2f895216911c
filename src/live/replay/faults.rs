//! The model's faults in real time: workers are killed and pools paused from outside, at the simulation's instants and
//! by its draws. Faults that no target can show are refused before the run ([`crate::live::needs`]).

use super::watch::Count;
use super::{Due, Replay};
use crate::live::target::{Disturbance, WorkerEvent};
use crate::model::FaultKind;
use crate::time::{Span, Time};

impl Replay<'_> {
    /// Sets the first coming of each fault.
    pub(super) fn open_faults(&mut self) {
        for fault in 0..self.model.faults.len() {
            for &at in &self.model.faults[fault].at {
                self.arm(at, Due::Fault { fault: fault as u32, random: false });
            }
            self.next_random_fault(fault, Time::ZERO);
        }
    }

    fn next_random_fault(&mut self, fault: usize, now: Time) {
        let rate = self.model.faults[fault].rate;
        if rate > 0.0 {
            let at = now + Span::from_secs(self.fault_chance[fault].exp1() / rate);
            self.arm(at, Due::Fault { fault: fault as u32, random: true });
        }
    }

    /// A fault comes.
    pub(super) fn fault_due(&mut self, fault: u32, random: bool, at: Time) {
        let number = fault as usize;
        if random {
            self.next_random_fault(number, at);
        }
        match self.model.faults[number].kind {
            FaultKind::KillWorker { pool, instance, slot } => {
                if instance.is_none() {
                    // The simulation draws an instance first; a live pool has one.
                    let _ = self.fault_chance[number].below(1);
                }
                let alive = self.target.alive(pool as u16);
                let chosen = match slot {
                    Some(slot) => alive.contains(&slot).then_some(slot),
                    None if alive.is_empty() => None,
                    None => Some(alive[self.fault_chance[number].below(alive.len() as u64) as usize]),
                };
                if let Some(slot) = chosen {
                    // The pool does not know of it and reports no kill; a simulation counts it as one.
                    self.watch.count(at, pool as u16, Count::Worker(WorkerEvent::Killed));
                    self.target.disturb(pool as u16, Disturbance::KillWorker { slot });
                }
            }
            FaultKind::PausePool { pool, duration } => {
                self.pause(pool, true);
                self.arm(at + duration, Due::FaultEnd { fault });
            }
            FaultKind::KillInstance { .. } | FaultKind::SlowHost { .. } => {}
        }
    }

    /// A fault is over.
    pub(super) fn fault_over(&mut self, fault: u32) {
        if let FaultKind::PausePool { pool, .. } = self.model.faults[fault as usize].kind {
            self.pause(pool, false);
        }
    }

    /// Pauses may overlap.
    fn pause(&mut self, pool: usize, paused: bool) {
        let before = self.pauses[pool];
        self.pauses[pool] = if paused { before + 1 } else { before.saturating_sub(1) };
        if (before > 0) != (self.pauses[pool] > 0) {
            self.target.disturb(pool as u16, Disturbance::Pause { paused });
        }
    }
}
