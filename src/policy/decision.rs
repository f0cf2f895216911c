//! What a pool decided, one line a decision: the form in which two policies are told apart.
//!
//! A [`Decision`] names its job by request and attempt and its worker by slot, never by an index of some driver's
//! table, so that the lists of two versions, or of simulator and real pool, can be laid side by side. Beside the
//! effects stand three facts about workers (gone, spawned, ready), because with them the state of queue and slots
//! follows from the list alone. A [`Log`] takes them down: the first ones whole, all of them as hashes of chunks.
//!
//! A line reads `12.5 0 start 0.17#2 3`: instant in seconds, pool instance, verb, request (source and number, with
//! the attempt behind `#` from the second on), slot.

use crate::outcome::Outcome;
use crate::time::Time;
use std::fmt;
use std::str::FromStr;

/// Decisions in one hashed chunk.
pub const CHUNK: usize = 256;

/// A job in words that every driver shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobName {
    /// Key of its request, as in [`crate::stats::RequestSeen`].
    pub request: u64,
    /// Attempt of its client, from 1.
    pub attempt: u32,
}

/// What a pool did, or what became of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A job enters the queue; `again` after a failed attempt at the pool.
    Queue {
        /// Which.
        job: JobName,
        /// Whether it was there before.
        again: bool,
    },
    /// A job is handed to a worker.
    Start {
        /// Which.
        job: JobName,
        /// To whom.
        slot: u32,
        /// The worker was being killed.
        dying: bool,
    },
    /// An attempt has failed and the pool will try the job again.
    Retry {
        /// Which.
        job: JobName,
        /// How the attempt ended.
        outcome: Outcome,
    },
    /// The pool is done with a job.
    End {
        /// Which.
        job: JobName,
        /// How it ended.
        outcome: Outcome,
    },
    /// A job is taken from its worker, which lives on.
    Withdraw {
        /// Which.
        job: JobName,
        /// From whom.
        slot: u32,
    },
    /// A worker is killed.
    Kill {
        /// Which.
        slot: u32,
    },
    /// A worker is asked to leave.
    Retire {
        /// Which.
        slot: u32,
    },
    /// A worker is to be started, after the restart delay.
    Respawn {
        /// Which.
        slot: u32,
    },
    /// Fact: the exit of a worker was noticed.
    Gone {
        /// Which.
        slot: u32,
    },
    /// Fact: a worker's process runs.
    Spawned {
        /// Which.
        slot: u32,
    },
    /// Fact: a worker takes jobs.
    Ready {
        /// Which.
        slot: u32,
    },
}

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Time,
    /// Whose: number of the pool instance.
    pub pool: u32,
    /// What.
    pub choice: Choice,
}

/// Decisions as they come: the first `keep` whole, and a hash of every chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    keep: usize,
    /// The first decisions.
    pub kept: Vec<Decision>,
    /// Hash of each chunk of [`CHUNK`] decisions; the last may be shorter.
    pub chunks: Vec<u64>,
    /// How many there were.
    pub count: u64,
}

impl Log {
    /// An empty log that keeps so many decisions whole.
    pub fn new(keep: usize) -> Log {
        Log { keep, kept: Vec::new(), chunks: Vec::new(), count: 0 }
    }

    /// Takes a decision down.
    pub fn push(&mut self, decision: Decision) {
        if self.count.is_multiple_of(CHUNK as u64) {
            self.chunks.push(OFFSET);
        }
        self.count += 1;
        if let Some(hash) = self.chunks.last_mut() {
            *hash = decision.words().into_iter().fold(*hash, mix);
        }
        if self.kept.len() < self.keep {
            self.kept.push(decision);
        }
    }

    /// One hash over everything.
    pub fn fingerprint(&self) -> u64 {
        self.chunks.iter().fold(mix(OFFSET, self.count), |hash, &chunk| mix(hash, chunk))
    }
}

/// Fowler-Noll-Vo's offset basis and prime, over words with a rotation between them.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

const fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29)
}

impl Choice {
    /// Its verb in lists.
    pub const fn verb(&self) -> &'static str {
        match self {
            Choice::Queue { again: false, .. } => "queue",
            Choice::Queue { again: true, .. } => "requeue",
            Choice::Start { dying: false, .. } => "start",
            Choice::Start { dying: true, .. } => "start-dying",
            Choice::Retry { .. } => "retry",
            Choice::End { .. } => "end",
            Choice::Withdraw { .. } => "withdraw",
            Choice::Kill { .. } => "kill",
            Choice::Retire { .. } => "retire",
            Choice::Respawn { .. } => "respawn",
            Choice::Gone { .. } => "gone",
            Choice::Spawned { .. } => "spawned",
            Choice::Ready { .. } => "ready",
        }
    }

    /// The job that it is about, if any.
    pub const fn job(&self) -> Option<JobName> {
        match *self {
            Choice::Queue { job, .. }
            | Choice::Start { job, .. }
            | Choice::Retry { job, .. }
            | Choice::End { job, .. }
            | Choice::Withdraw { job, .. } => Some(job),
            _ => None,
        }
    }

    /// The slot that it is about, if any.
    pub const fn slot(&self) -> Option<u32> {
        match *self {
            Choice::Start { slot, .. }
            | Choice::Withdraw { slot, .. }
            | Choice::Kill { slot }
            | Choice::Retire { slot }
            | Choice::Respawn { slot }
            | Choice::Gone { slot }
            | Choice::Spawned { slot }
            | Choice::Ready { slot } => Some(slot),
            _ => None,
        }
    }

    const fn outcome(&self) -> Option<Outcome> {
        match *self {
            Choice::Retry { outcome, .. } | Choice::End { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

impl Decision {
    /// The decision as four words, for hashing.
    fn words(&self) -> [u64; 4] {
        let job = self.choice.job().unwrap_or(JobName { request: u64::MAX, attempt: 0 });
        let verb = self.choice.verb().bytes().fold(0u64, |sum, byte| sum * 31 + u64::from(byte));
        let outcome = self.choice.outcome().map_or(99, |outcome| outcome as u64);
        let slot = self.choice.slot().unwrap_or(u32::MAX);
        let who = u64::from(self.pool) << 32 | u64::from(slot);
        [self.at.nanos(), who, job.request, mix(u64::from(job.attempt) << 8 | outcome, verb)]
    }
}

/// Bits of a request's key: source, then user or number.
const SOURCE: u32 = 48;
const USERS: u64 = 1 << 47;
const USER: u32 = 24;

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, rest) = (self.request >> SOURCE, self.request & ((1 << SOURCE) - 1));
        if rest & USERS == 0 {
            write!(f, "{source}.{rest}")?;
        } else {
            let rest = rest & !USERS;
            write!(f, "{source}.{}.{}", rest >> USER, rest & ((1 << USER) - 1))?;
        }
        if self.attempt == 1 { Ok(()) } else { write!(f, "#{}", self.attempt) }
    }
}

impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<JobName, String> {
        let refused = || format!("`{text}` names no job");
        let number = |text: &str| text.parse::<u64>().map_err(|_| refused());
        let (name, attempt) = match text.split_once('#') {
            Some((name, attempt)) => (name, attempt.parse().map_err(|_| refused())?),
            None => (text, 1),
        };
        let parts: Vec<u64> = name.split('.').map(number).collect::<Result<_, _>>()?;
        let within = |value: u64, bits: u32| (value < 1 << bits).then_some(value).ok_or_else(refused);
        let request = match parts[..] {
            [source, number] => within(source, 16)? << SOURCE | within(number, 47)?,
            [source, user, number] => {
                within(source, 16)? << SOURCE | USERS | within(user, 23)? << USER | within(number, USER)?
            }
            _ => return Err(refused()),
        };
        Ok(JobName { request, attempt })
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.at.nanos();
        let (whole, part) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        if part == 0 {
            write!(f, "{whole}")?;
        } else {
            write!(f, "{whole}.{}", format!("{part:09}").trim_end_matches('0'))?;
        }
        write!(f, " {} {}", self.pool, self.choice.verb())?;
        if let Some(job) = self.choice.job() {
            write!(f, " {job}")?;
        }
        if let Some(slot) = self.choice.slot() {
            write!(f, " {slot}")?;
        }
        self.choice.outcome().map_or(Ok(()), |outcome| write!(f, " {}", outcome.name()))
    }
}

impl FromStr for Decision {
    type Err = String;

    fn from_str(line: &str) -> Result<Decision, String> {
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or_else(|| format!("`{line}` is cut off"));
        let at = instant(next()?).ok_or_else(|| format!("`{line}` begins with no instant"))?;
        let pool = next()?.parse().map_err(|_| format!("`{line}` has no number of a pool"))?;
        let verb = next()?;
        let slot = |word: &str| word.parse::<u32>().map_err(|_| format!("`{line}` has no number of a slot"));
        let outcome = |word: &str| Outcome::from_name(word).ok_or_else(|| format!("`{line}` has no outcome"));
        let choice = match verb {
            "queue" | "requeue" => Choice::Queue { job: next()?.parse()?, again: verb == "requeue" },
            "start" | "start-dying" => {
                Choice::Start { job: next()?.parse()?, slot: slot(next()?)?, dying: verb == "start-dying" }
            }
            "retry" => Choice::Retry { job: next()?.parse()?, outcome: outcome(next()?)? },
            "end" => Choice::End { job: next()?.parse()?, outcome: outcome(next()?)? },
            "withdraw" => Choice::Withdraw { job: next()?.parse()?, slot: slot(next()?)? },
            "kill" => Choice::Kill { slot: slot(next()?)? },
            "retire" => Choice::Retire { slot: slot(next()?)? },
            "respawn" => Choice::Respawn { slot: slot(next()?)? },
            "gone" => Choice::Gone { slot: slot(next()?)? },
            "spawned" => Choice::Spawned { slot: slot(next()?)? },
            "ready" => Choice::Ready { slot: slot(next()?)? },
            other => return Err(format!("`{other}` is no decision")),
        };
        match words.next() {
            None => Ok(Decision { at, pool, choice }),
            Some(more) => Err(format!("`{line}` goes on with `{more}`")),
        }
    }
}

/// Seconds with at most nine decimals, exactly.
fn instant(text: &str) -> Option<Time> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 9 {
        return None;
    }
    let part: u64 = if part.is_empty() { 0 } else { format!("{part:0<9}").parse().ok()? };
    let nanos = whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(part)?;
    Some(Time::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back() {
        let user = 3 << 48 | 1 << 47 | 17 << 24 | 5;
        for line in [
            "0 0 spawned 0",
            "0 0 ready 0",
            "1.5 0 queue 0.0",
            "1.500000001 2 start 1.12345 7",
            "2 0 start-dying 0.1#2 3",
            "2.25 0 retry 0.1 timeout",
            "2.25 0 requeue 0.1",
            "3 0 end 3.17.5 write_error",
            "4 0 withdraw 0.9 1",
            "4 0 kill 1",
            "4 0 retire 1",
            "5 0 gone 1",
            "5 0 respawn 1",
        ] {
            let decision: Decision = line.parse().unwrap();
            assert_eq!(decision.to_string(), line);
        }
        assert_eq!(JobName { request: user, attempt: 1 }.to_string(), "3.17.5");
        for (line, words) in [
            ("", "no instant"),
            ("1", "cut off"),
            ("1 x kill 1", "pool"),
            ("1 0 kill", "cut off"),
            ("1 0 kill 1 2", "goes on"),
            ("1 0 sing 1", "no decision"),
            ("1 0 end 0.1 well", "outcome"),
            ("1 0 end 0 ok", "no job"),
            ("1.0000000001 0 kill 1", "no instant"),
        ] {
            let error = line.parse::<Decision>().unwrap_err();
            assert!(error.contains(words), "{line:?}: {error}");
        }
    }

    #[test]
    fn every_part_of_a_decision_is_in_the_fingerprint() {
        let print = |lines: &[&str]| {
            let mut log = Log::new(2);
            lines.iter().for_each(|line| log.push(line.parse().unwrap()));
            log.fingerprint()
        };
        let base = print(&["1 0 start 0.1 2", "2 0 end 0.1 ok"]);
        assert_eq!(base, print(&["1 0 start 0.1 2", "2 0 end 0.1 ok"]));
        for other in [
            ["1.000000001 0 start 0.1 2", "2 0 end 0.1 ok"],
            ["1 1 start 0.1 2", "2 0 end 0.1 ok"],
            ["1 0 start 0.2 2", "2 0 end 0.1 ok"],
            ["1 0 start 0.1#2 2", "2 0 end 0.1 ok"],
            ["1 0 start 0.1 3", "2 0 end 0.1 ok"],
            ["1 0 start-dying 0.1 2", "2 0 end 0.1 ok"],
            ["1 0 start 0.1 2", "2 0 end 0.1 error"],
            ["2 0 end 0.1 ok", "1 0 start 0.1 2"],
        ] {
            assert_ne!(base, print(&other), "{other:?}");
        }
        assert_ne!(base, print(&["1 0 start 0.1 2"]));
    }

    #[test]
    fn a_log_keeps_the_first_and_hashes_all() {
        let mut log = Log::new(3);
        for n in 0..600u64 {
            log.push(Decision { at: Time::from_nanos(n), pool: 0, choice: Choice::Kill { slot: 0 } });
        }
        assert_eq!((log.kept.len(), log.chunks.len(), log.count), (3, 3, 600));
    }
}
