//! A journal told to a fresh policy: are its decisions the same, bit for bit?

use super::{Entry, Head, Schema, check_schema};
use crate::policy::{Effect, Input, PoolSettings, Rerun, Slots, WorkerState};
use crate::random::{Purpose, Streams};
use crate::time::Time;
use serde::de::DeserializeOwned;
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
    /// What may help.
    pub hint: &'static str,
}

/// What helps where the file is something else.
const NO_JOURNAL: &str = "is it a journal? A replay writes output/NAME/journal.jsonl";
/// What helps where a line cannot be what was written.
const DAMAGED: &str = "the file was damaged or changed: take a whole copy, or cut it off before this line";
/// Most slots that a model may ask for.
const SLOTS_MAX: u32 = 1_000_000;

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
    let mut lines = Lines { journal, number: 0 };
    let first = lines.next()?.ok_or_else(|| failed(1, "the file is empty", NO_JOURNAL))?;
    let head = head(&first)?;
    let streams = Streams::new(head.seed, head.replication);
    let mut pools: Vec<Rerun> = Vec::new();
    for (number, pool) in head.pools.iter().enumerate() {
        let mut settings = pool.settings.clone();
        change(number, &mut settings);
        pools.push(Rerun::new(number as u32, settings, streams.stream(Purpose::Policy, number as u64)));
    }
    let (mut inputs, mut effects) = (0, 0);
    while let Some(Line { number: line, text, whole }) = lines.next()? {
        if text.trim_ascii().is_empty() && lines.ends()? {
            break;
        }
        let entry: Entry = match parse(&text, line, DAMAGED) {
            Ok(entry) => entry,
            // The last line of a journal whose writer was killed.
            Err(_) if !whole && line > 2 => {
                return Ok(Redriven::Same { inputs, effects, cut_off: true, by: head.poolsim });
            }
            Err(error) => return Err(error),
        };
        let pool = usize::from(entry.pool);
        let none = || failed(line, format!("there is no pool {pool}"), DAMAGED);
        let rerun = pools.get_mut(pool).ok_or_else(none)?;
        rerun.check(entry.t, &entry.input).map_err(|why| failed(line, why, DAMAGED))?;
        if let Some(divergence) = retell(rerun, &entry, line, &head.pools[pool].name) {
            return Ok(Redriven::Differs(Box::new(divergence)));
        }
        inputs += 1;
        effects += entry.effects.len() as u64;
    }
    Ok(Redriven::Same { inputs, effects, cut_off: false, by: head.poolsim })
}

fn failed(line: u64, text: impl Into<String>, hint: &'static str) -> JournalError {
    JournalError { line, text: text.into(), hint }
}

/// A line of a journal.
struct Line {
    /// Counted from 1.
    number: u64,
    text: Vec<u8>,
    /// It ends, as every line that was written whole.
    whole: bool,
}

/// The lines of a journal.
struct Lines<R> {
    journal: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Line>, JournalError> {
        let mut text = Vec::new();
        self.number += 1;
        let read = self.journal.read_until(b'\n', &mut text);
        let read = read.map_err(|error| self.unread(&error))?;
        let whole = text.pop_if(|last| *last == b'\n').is_some();
        Ok((read > 0).then_some(Line { number: self.number, text, whole }))
    }

    /// Whether there is nothing more than blanks.
    fn ends(&mut self) -> Result<bool, JournalError> {
        while let Some(line) = self.next()? {
            if !line.text.trim_ascii().is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn unread(&self, error: &io::Error) -> JournalError {
        failed(self.number, error.to_string(), "can the file be read?")
    }
}

/// The first line, with pools that can be made.
fn head(first: &Line) -> Result<Head, JournalError> {
    // Another major may have another head, so its name comes first.
    let Schema { schema } = parse(&first.text, 1, NO_JOURNAL)?;
    check_schema(&schema).map_err(|why| failed(1, why, "read it with the version that wrote it"))?;
    let head: Head = parse(&first.text, 1, DAMAGED)?;
    for pool in &head.pools {
        if let Slots::Limited(slots) = pool.settings.slots
            && slots > SLOTS_MAX
        {
            let text = format!("pool `{}` has {slots} slots, and {SLOTS_MAX} are the most", pool.name);
            return Err(failed(1, text, DAMAGED));
        }
    }
    Ok(head)
}

fn parse<T: DeserializeOwned>(text: &[u8], line: u64, hint: &'static str) -> Result<T, JournalError> {
    serde_json::from_slice(text)
        .map_err(|error| failed(line, format!("not a line of a journal: {error}"), hint))
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
