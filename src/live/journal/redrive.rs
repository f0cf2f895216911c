//! A journal told to a fresh policy: are its decisions the same, bit for bit?

use super::{Entry, Head, Schema, check_schema};
use crate::policy::{Effect, Input, PoolSettings, Rerun, WorkerState};
use crate::random::{Purpose, Streams};
use crate::time::Time;
use std::fmt;
use std::io::{self, BufRead};

/// What a re-drive found.
#[derive(Clone, Debug, PartialEq)]
pub enum Redriven {
    /// Every decision is the same.
    Same {
        /// Inputs told again.
        inputs: u64,
        /// Effects compared.
        effects: u64,
        /// The file ends within a line: what came before was told again.
        cut_off: bool,
        /// Version of poolsim that wrote it.
        by: String,
    },
    /// The first decision that differs.
    Differs(Box<Divergence>),
}

/// The first difference between a journal and a fresh policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Line of the journal.
    pub line: u64,
    /// When.
    pub at: Time,
    /// Name of the pool.
    pub pool: String,
    /// What it was told.
    pub input: Input,
    /// How many of the effects agree before the first that does not.
    pub agreed: usize,
    /// What the journal says it did then.
    pub recorded: Option<Effect>,
    /// What the fresh policy did.
    pub now: Option<Effect>,
    /// Before it was told: jobs waiting, jobs in the pool, and the state of every worker.
    pub state: (u32, u32, Vec<WorkerState>),
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = |effect: &Option<Effect>| match effect {
            Some(effect) => format!("{effect:?}"),
            None => String::from("nothing more"),
        };
        let (waiting, inside, workers) = &self.state;
        writeln!(
            f,
            "line {}, {:.6} s, pool {}: told {:?}",
            self.line,
            self.at.secs(),
            self.pool,
            self.input
        )?;
        writeln!(f, "  state: {waiting} waiting, {inside} in the pool, workers {workers:?}")?;
        writeln!(f, "  recorded: {}", say(&self.recorded))?;
        write!(f, "  now:      {}", say(&self.now))
    }
}

/// Why a journal could not be read.
#[derive(Debug)]
pub struct JournalError {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for JournalError {}

/// Tells a journal to fresh policies. `change` may alter a pool's settings first, to see what that would have done.
///
/// # Errors
/// A [`JournalError`] when the text is no journal.
pub fn redrive(
    journal: impl BufRead,
    change: impl Fn(usize, &mut PoolSettings),
) -> Result<Redriven, JournalError> {
    let failed = |line: u64, text: String| JournalError { line, text };
    let mut lines = journal.split(b'\n');
    let first = lines.next().ok_or_else(|| failed(1, String::from("the file is empty")))?;
    let first = first.map_err(|error| failed(1, error.to_string()))?;
    // Another major may have another head, so its name comes first.
    let Schema { schema } = parse(Ok(first.clone()), 1)?;
    check_schema(&schema).map_err(|why| failed(1, why))?;
    let head: Head = parse(Ok(first), 1)?;
    let streams = Streams::new(head.seed, head.replication);
    let mut pools: Vec<Rerun> = Vec::new();
    for (number, pool) in head.pools.iter().enumerate() {
        let mut settings = pool.settings.clone();
        change(number, &mut settings);
        pools.push(Rerun::new(number as u32, settings, streams.stream(Purpose::Policy, number as u64)));
    }
    let (mut inputs, mut effects) = (0, 0);
    let mut lines = lines.zip(2u64..).peekable();
    while let Some((text, line)) = lines.next() {
        let entry: Entry = match parse(text, line) {
            Ok(entry) => entry,
            // The last line of a journal whose writer was killed.
            Err(_) if lines.peek().is_none() && line > 2 => {
                return Ok(Redriven::Same { inputs, effects, cut_off: true, by: head.poolsim });
            }
            Err(error) => return Err(error),
        };
        let pool = usize::from(entry.pool);
        let rerun = pools.get_mut(pool).ok_or_else(|| failed(line, format!("there is no pool {pool}")))?;
        if let Some(divergence) = retell(rerun, &entry, line, &head.pools[pool].name) {
            return Ok(Redriven::Differs(Box::new(divergence)));
        }
        inputs += 1;
        effects += entry.effects.len() as u64;
    }
    Ok(Redriven::Same { inputs, effects, cut_off: false, by: head.poolsim })
}

fn parse<T: serde::de::DeserializeOwned>(text: io::Result<Vec<u8>>, line: u64) -> Result<T, JournalError> {
    let failed = |text: String| JournalError { line, text };
    let text = text.map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failed(format!("not a line of a journal: {error}")))
}

fn retell(rerun: &mut Rerun, entry: &Entry, line: u64, pool: &str) -> Option<Divergence> {
    let state = rerun.state();
    let effects = rerun.take(entry.t, &entry.input);
    let agreed = entry.effects.iter().zip(&effects).take_while(|(recorded, now)| recorded == now).count();
    if agreed == entry.effects.len() && agreed == effects.len() {
        return None;
    }
    Some(Divergence {
        line,
        at: entry.t,
        pool: pool.to_owned(),
        input: entry.input.clone(),
        agreed,
        recorded: entry.effects.get(agreed).cloned(),
        now: effects.get(agreed).cloned(),
        state,
    })
}
