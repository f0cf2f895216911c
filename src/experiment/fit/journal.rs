//! The journal of a live pool as a recording: what arrived when, how long workers had it, how they live.
//!
//! A journal has what a pool was told, so it knows nothing of what happened before: a client's retry is an arrival like
//! any other, and users who wait for their answers are not told from those who do not.

use super::failures::Tries;
use super::workers::{Constant, constant};
use super::{PoolSeen, Recording, Row, read};
use crate::live::journal::{Entry, Head, Schema, check_schema};
use crate::outcome::Outcome;
use crate::policy::driver::SlotTimer;
use crate::policy::{Effect, Input};
use crate::time::Time;
use crate::workload::trace::Fate;
use std::collections::BTreeMap;

/// A fault in words, and what may help.
type Fault = (String, String);

/// Reads a journal: of several pools the one with the most arrivals.
pub(super) fn read(bytes: &[u8]) -> Result<Recording, Fault> {
    let Watching { head, mut pools, mut notes } = watch(bytes)?;
    let busiest = (0..pools.len()).max_by_key(|&place| (pools[place].rows.len(), pools.len() - place));
    let place = busiest.ok_or_else(|| fault(1, "the journal is of no pool"))?;
    if pools.len() > 1 {
        notes.push(format!(
            "of {} pools this is `{}`, the one with the most arrivals",
            pools.len(),
            head.pools[place].name
        ));
    }
    notes.push(String::from(
        "a journal has arrivals at the pool: retries of clients are among them, and users who wait are not told apart",
    ));
    let watched = pools.swap_remove(place);
    let classes = watched.rows.iter().map(|row| row.class).max().map_or(0, |most| most + 1);
    let name = |class: usize| head.classes.get(class).cloned().unwrap_or_else(|| format!("class-{class}"));
    let settings = Some(head.pools[place].settings.clone());
    let pool = PoolSeen { settings, constants: watched.constants(), retry: None };
    let mut recording = Recording {
        rows: watched.rows,
        tries: watched.tries,
        classes: (0..classes).map(name).collect(),
        notes,
        pool,
        ..Recording::default()
    };
    read::shift(&mut recording.rows);
    Ok(recording)
}

/// The delays of a pool's workers as a journal has them; none of a journal that cannot be read.
pub fn constants(bytes: &[u8], pool: &str) -> Vec<Constant> {
    let Ok(Watching { head, pools, .. }) = watch(bytes) else { return Vec::new() };
    let place = head.pools.iter().position(|one| one.name == pool);
    place.and_then(|place| pools.get(place)).map_or_else(Vec::new, Watched::constants)
}

/// A journal, read through.
struct Watching {
    head: Head,
    pools: Vec<Watched>,
    notes: Vec<String>,
}

fn fault(line: u64, why: &str) -> Fault {
    (format!("line {line}: {why}"), String::from("is it a whole journal.jsonl of a replay?"))
}

fn watch(bytes: &[u8]) -> Result<Watching, Fault> {
    let mut lines = bytes.split(|b| *b == b'\n').zip(1u64..).filter(|(line, _)| !line.is_empty()).peekable();
    let (first, _) = lines.next().ok_or_else(|| fault(1, "the file is empty"))?;
    let Schema { schema } = serde_json::from_slice(first).map_err(|error| fault(1, &error.to_string()))?;
    check_schema(&schema).map_err(|why| fault(1, &why))?;
    let head: Head = serde_json::from_slice(first).map_err(|error| fault(1, &error.to_string()))?;
    let mut pools: Vec<Watched> = head.pools.iter().map(|_| Watched::default()).collect();
    let mut notes = Vec::new();
    while let Some((line, number)) = lines.next() {
        let entry: Entry = match serde_json::from_slice(line) {
            Ok(entry) => entry,
            Err(_) if lines.peek().is_none() => {
                notes.push(String::from("the journal's last line is cut off"));
                break;
            }
            Err(error) => return Err(fault(number, &error.to_string())),
        };
        let pool = pools.get_mut(usize::from(entry.pool));
        pool.ok_or_else(|| fault(number, "there is no such pool"))?.take(&entry);
    }
    Ok(Watching { head, pools, notes })
}

/// What one pool's entries say.
#[derive(Default)]
struct Watched {
    rows: Vec<Row>,
    /// By row.
    tries: Vec<Tries>,
    /// By number in the driver's table, which is used again: the row.
    jobs: BTreeMap<u32, usize>,
    /// By slot: the row in service, and since when.
    serving: BTreeMap<u32, (usize, Time)>,
    /// By slot: when the service timer is due.
    due: BTreeMap<u32, Time>,
    /// By slot: since when it starts, dies, or is gone.
    since: BTreeMap<(u32, Step), Time>,
    start_up: Vec<f64>,
    kill_exit: Vec<f64>,
    restart: Vec<f64>,
    beats: Vec<f64>,
    /// By slot: its last sign of life.
    beat: BTreeMap<u32, Time>,
    late: Vec<f64>,
}

/// A stage of a worker's life that takes time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Starts,
    Dies,
    Gone,
}

impl Watched {
    fn take(&mut self, entry: &Entry) {
        let at = entry.t;
        match &entry.input {
            Input::Arrive { job, class, size, .. } => {
                self.jobs.insert(*job, self.rows.len());
                self.tries.push(Tries { class: usize::from(*class), ends: Vec::new() });
                self.rows.push(Row {
                    at: at.secs(),
                    demand: size.secs(),
                    class: usize::from(*class),
                    outcome: None,
                    fate: None,
                });
            }
            Input::Answer { slot, outcome } => {
                let fate = if *outcome == Outcome::Ok { Fate::Ok } else { Fate::Error };
                self.served(*slot, at, *outcome, Some(fate));
            }
            Input::Exited { slot, crashed } => {
                // Killed from outside, or by what another job did: that says nothing of the job's own end.
                let outcome = if *crashed { Outcome::Crash } else { Outcome::Timeout };
                self.served(*slot, at, outcome, crashed.then_some(Fate::Crash));
                let took = self.ended(*slot, Step::Dies, at);
                self.kill_exit.extend(took);
                self.since.insert((*slot, Step::Gone), at);
            }
            Input::Beat { slot } => {
                let before = self.beat.insert(*slot, at);
                self.beats.extend(before.map(|before| at.since(before).secs() * 1e3));
            }
            Input::Spawned { slot } => {
                self.beat.remove(slot);
                let took = self.ended(*slot, Step::Gone, at);
                self.restart.extend(took);
                self.since.insert((*slot, Step::Starts), at);
            }
            Input::Ready { slot } => {
                let took = self.ended(*slot, Step::Starts, at);
                self.start_up.extend(took);
            }
            Input::Timer { slot, timer: SlotTimer::Service } => {
                // A timer of an earlier service fires, too, and means nothing.
                if let Some(due) = self.due.get(slot).copied().filter(|due| *due <= at) {
                    self.due.remove(slot);
                    self.late.push(at.since(due).secs() * 1e3);
                    self.served(*slot, at, Outcome::Timeout, None);
                }
            }
            // A timer that a beat has put off fires, too; a silent worker is killed.
            Input::Timer { slot, timer: SlotTimer::Heartbeat }
                if entry.effects.iter().any(|effect| matches!(effect, Effect::Kill { .. })) =>
            {
                self.served(*slot, at, Outcome::Timeout, Some(Fate::Freeze));
            }
            _ => {}
        }
        for effect in &entry.effects {
            match effect {
                Effect::Start { slot, job, .. } => {
                    if let Some(&row) = self.jobs.get(job) {
                        self.serving.insert(*slot, (row, at));
                    }
                }
                Effect::Arm { slot, timer: SlotTimer::Service, at } => drop(self.due.insert(*slot, *at)),
                Effect::Kill { slot } => drop(self.since.insert((*slot, Step::Dies), at)),
                Effect::Ended { job, outcome } => {
                    if let Some(row) = self.jobs.get(job).and_then(|&row| self.rows.get_mut(row)) {
                        row.outcome = Some(*outcome);
                    }
                }
                _ => {}
            }
        }
    }

    /// A service ended so, and told this of its job. One that was cut short was at least as long.
    fn served(&mut self, slot: u32, at: Time, outcome: Outcome, fate: Option<Fate>) {
        let Some((row, since)) = self.serving.remove(&slot) else { return };
        self.due.remove(&slot);
        self.tries.get_mut(row).into_iter().for_each(|tries| tries.ends.push(fate));
        let took = at.since(since).secs();
        // How long a silent worker had been at work before it fell silent is not known.
        if let Some(row) = self.rows.get_mut(row).filter(|_| fate != Some(Fate::Freeze)) {
            row.demand = if outcome == Outcome::Timeout { took.max(row.demand) } else { took };
        }
    }

    /// How long a stage took, milliseconds.
    fn ended(&mut self, slot: u32, step: Step, at: Time) -> Option<f64> {
        Some(at.since(self.since.remove(&(slot, step))?).secs() * 1e3)
    }

    fn constants(&self) -> Vec<Constant> {
        let all = [
            ("worker.start_up", &self.start_up),
            ("worker.restart_delay", &self.restart),
            ("worker.kill_exit", &self.kill_exit),
            ("worker.heartbeat_interval", &self.beats),
            ("transport.timer_late", &self.late),
        ];
        all.into_iter().filter_map(|(path, values)| constant(path, values.clone())).collect()
    }
}
