//! The hunt for real: the same cases against a scheduler on a real clock, judged by what it reports.
//!
//! ```text
//!   generate ──case──▶ stage ──steps──▶ live::direct ──▶ Target (threads, processes, an adapter)
//!                        │                    │reports
//!                        ▼                    ▼
//!                    patience              witness ──breach──▶ confirm ──▶ shrink ──▶ case (a model file)
//! ```
//!
//! Cases are short: model time runs faster than the wall's, and many cases run side by side, since they mostly wait. Case
//! `n` of a seed is the same requests and blows each time; what a real scheduler makes of them need not be. So a breach that
//! rests on time must be seen a second time with four times the grace, and a case that is made small must fail each time.

mod stage;
mod witness;

use super::bench::Played;
use super::case::{self, Settings};
use super::generate;
use super::ground::{BlowKind, Ground, Workload};
use super::laws::{Breach, Law};
use super::{Bag, Hunt, Small, shrink};
use crate::live::direct::suits;
use crate::live::target::{Capabilities, Stop, Target, TargetError};
use crate::model::Model;
use crate::policy::OnTimeout;
use crate::time::Span;
use crate::workload::trace::Fate;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use toml::Value;

/// Makes a target that behaves as a model's pool is believed to.
pub type MakeTarget<'a> = &'a (dyn Fn(&Model) -> Result<Box<dyn Target>, TargetError> + Sync);

/// How many times a breach that rests on time is looked for again, and with how much more grace.
const AGAIN: (u32, u64) = (2, 4);
/// A case is played so often to make it small, at most.
const PLAYS_MAX: u32 = 250;
/// A case that is repeated is played so often until it fails.
pub const TRIES: u32 = 5;

/// A real scheduler, and how it is hunted.
pub struct Live<'a> {
    make: MakeTarget<'a>,
    /// Name of the target.
    pub name: &'static str,
    can: Capabilities,
    /// Model seconds per real second.
    speed: f64,
    /// What a busy machine may be late by, in model time.
    grace: Span,
    /// How long a worker may take to start, in model time, where no rule says so.
    start: Span,
    /// Whom to ask whether someone wants it to stop.
    stop: Stop,
    /// By law: the first case that broke it, and what was seen. Of a hunt that is stopped nothing more may be played.
    seen: Mutex<BTreeMap<Law, (u64, Told)>>,
}

/// How a case went, and the story of it.
type Told = (Played, Vec<String>);

/// A real process may take so long to start on a busy machine.
const START: Span = Span::from_whole_secs(5);

impl<'a> Live<'a> {
    /// Looks at a target made for a model. `grace` is real time.
    ///
    /// # Errors
    /// When it cannot be made, or cannot do what the model asks for.
    pub fn new(
        make: MakeTarget<'a>,
        model: &Model,
        speed: f64,
        grace: Span,
    ) -> Result<Live<'a>, TargetError> {
        let target = make(model)?;
        let (name, can) = (target.name(), target.capabilities());
        // Threads start as a model says.
        let start = if name == "pool" { Span::ZERO } else { START };
        let (grace, start) = (grace.scaled(speed), start.scaled(speed));
        Ok(Live { make, name, can, speed, grace, start, stop: Arc::new(|| false), seen: Mutex::default() })
    }

    /// Plays no more once someone asks to stop; a case that is under way then is given up.
    #[must_use]
    pub fn heed(mut self, stop: Stop) -> Live<'a> {
        self.stop = stop;
        self
    }

    /// Whether the target's reports come in the order of its decisions, and its workers can be struck.
    fn is_own(&self) -> bool {
        matches!(self.name, "pool" | "process")
    }

    /// Whether the target can do what settings ask for.
    ///
    /// # Errors
    /// What it cannot do.
    pub fn suits(&self, ground: &Ground) -> Result<(), TargetError> {
        suits(&ground.model, self.name, self.can)
    }

    /// A case as the target can play it.
    fn fitted(&self, mut settings: Settings, mut work: Workload, ground: &Ground) -> (Settings, Workload) {
        let then = ground.rules.settings.service_timeout.map(|limit| limit.then);
        if !self.can.cancels
            && matches!(then, Some(OnTimeout::Cancel { .. }))
            && let Some(pool) = settings.pool_table()
        {
            generate::put(pool, "on_timeout", Value::from("kill"));
        }
        let withdraws =
            self.can.cancels || self.is_own() && matches!(then, Some(OnTimeout::Kill | OnTimeout::Abandon));
        work.deadline = work.deadline.filter(|_| withdraws);
        work.blows.retain(|blow| self.can.disturbs && !matches!(blow.kind, BlowKind::Down { .. }));
        for request in &mut work.requests {
            request.fate = if self.can.takes_fates { request.fate } else { Fate::Ok };
        }
        (settings, work)
    }

    /// Plays a case.
    ///
    /// # Errors
    /// When the target cannot be made or opened.
    pub fn play(&self, ground: &Ground, work: &Workload) -> Result<Played, TargetError> {
        self.tell(ground, work, 1).map(|(played, _)| played)
    }

    /// Plays a case, with so many times the grace, and tells what happens.
    ///
    /// # Errors
    /// When the target cannot be made or opened, and when someone asks to stop.
    pub fn tell(&self, ground: &Ground, work: &Workload, more: u64) -> Result<Told, TargetError> {
        if work.blows.iter().any(|blow| matches!(blow.kind, BlowKind::Down { .. })) {
            return Err(TargetError {
                text: String::from("a real pool cannot be told to go down and come back"),
                hint: String::from("leave that fault out of the case"),
            });
        }
        let mut target = (self.make)(&ground.model)?;
        target.heed(Arc::clone(&self.stop));
        let spans = (self.grace.scaled(more as f64), self.start);
        stage::play(target, self.speed, (ground, work), spans, self.is_own(), &self.stop)
    }

    /// Plays a case up to a few times, until it breaks one of the laws.
    ///
    /// # Errors
    /// When the target cannot be made or opened.
    pub fn retell(&self, ground: &Ground, work: &Workload) -> Result<Told, TargetError> {
        let mut told = self.tell(ground, work, 1)?;
        for _ in 1..TRIES {
            if !told.0.found.is_empty() {
                break;
            }
            told = self.tell(ground, work, 1)?;
        }
        Ok(told)
    }

    /// Whether a breach is more than a late moment of a busy machine.
    fn confirms(&self, ground: &Ground, work: &Workload, breach: &Breach) -> Result<bool, TargetError> {
        if !rests_on_time(breach.law) {
            return Ok(true);
        }
        for _ in 0..AGAIN.0 {
            let (played, _) = self.tell(ground, work, AGAIN.1)?;
            if played.found.iter().any(|other| other.law == breach.law) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Plays a case of a hunt; what is found is confirmed.
    fn case(&self, hunt: &Hunt, case: u64) -> Result<(Played, u64), TargetError> {
        let Some((_, ground, work)) = self.fitted_case(hunt, case) else {
            return Ok((nothing(), 0));
        };
        let (mut played, story) = self.tell(&ground, &work, 1)?;
        let mut kept: Vec<Breach> = Vec::new();
        let mut unconfirmed = 0;
        for breach in std::mem::take(&mut played.found) {
            if kept.iter().any(|other| other.law == breach.law) {
                continue;
            }
            match self.confirms(&ground, &work, &breach)? {
                true => kept.push(breach),
                false => unconfirmed += 1,
            }
        }
        played.found = kept;
        self.remember(case, &played, &story);
        Ok((played, unconfirmed))
    }

    fn remember(&self, case: u64, played: &Played, story: &[String]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for breach in &played.found {
            if seen.get(&breach.law).is_none_or(|&(first, _)| case < first) {
                seen.insert(breach.law, (case, (played.clone(), story.to_vec())));
            }
        }
    }

    fn remembered(&self, law: Law, case: u64) -> Option<Told> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&law).filter(|&&(first, _)| first == case).map(|(_, told)| told.clone())
    }

    fn fitted_case(&self, hunt: &Hunt, case: u64) -> Option<(Settings, Ground, Workload)> {
        // Each case has a scheduler of its own: a hunt for real has few.
        let (settings, work) = hunt.case_in(case, case);
        let ground = settings.ground(hunt.laws).ok()?;
        let (settings, work) = self.fitted(settings, work, &ground);
        let ground = settings.ground(hunt.laws).ok()?;
        Some((settings, ground, work))
    }

    /// Plays cases from number `first` on, at most `most`, `beside` of them at a time, for as long as `goes_on` says so.
    /// Where someone asks to stop, the cases up to the first that is given up count; what later ones broke is found too.
    ///
    /// # Errors
    /// The first failure of a target.
    pub fn hunt(
        &self,
        hunt: &Hunt,
        (first, most): (u64, u64),
        beside: usize,
        goes_on: &mut dyn FnMut(&Bag) -> bool,
    ) -> Result<Bag, TargetError> {
        let (next, stop) = (AtomicU64::new(0), AtomicBool::new(most == 0));
        let mut bag = Bag::default();
        let (mut failed, mut given_up) = (None, None);
        let (sender, results) = channel();
        std::thread::scope(|scope| {
            for _ in 0..beside.max(1) {
                let sender = sender.clone();
                let (next, stop) = (&next, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        // Numbers are handed out in order, so those played are the first so many.
                        if number >= most
                            || sender.send((first + number, self.case(hunt, first + number))).is_err()
                        {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for (case, played) in results {
                match played {
                    Ok((played, unconfirmed)) => {
                        bag.unconfirmed += unconfirmed;
                        bag.add(one(case, &played));
                    }
                    Err(error) if error.is_interrupted() => {
                        given_up = Some(given_up.map_or(case, |first: u64| first.min(case)));
                    }
                    Err(error) => failed = failed.take().or(Some(error)),
                }
                if failed.is_some() || given_up.is_some() || !goes_on(&bag) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        });
        bag.cases = given_up.map_or(bag.cases, |case| case - first);
        failed.map_or(Ok(bag), Err)
    }

    /// The smallest case of a law, of those that broke it: see [`Hunt::smallest`]. Once someone asks to stop, the case is
    /// what it has got to by then.
    pub fn smallest(&self, hunt: &Hunt, law: Law, cases: &[u64], by: &str) -> Option<Small> {
        let &case = cases.first()?;
        let (settings, _, work) = self.fitted_case(hunt, case)?;
        let keep = |path: &str| hunt.keep.iter().any(|kept| kept == path);
        let plays = AtomicU32::new(0);
        // What was seen when it last failed: every case that fails is kept.
        let seen = RefCell::new(self.remembered(law, case));
        let fails = |ground: &Ground, work: &Workload| {
            if (self.stop)() || plays.fetch_add(1, Ordering::Relaxed) >= PLAYS_MAX {
                return nothing();
            }
            let told = self.fails_twice(ground, work, law);
            told.map_or_else(nothing, |told| seen.borrow_mut().insert(told).0.clone())
        };
        let small = shrink::briefly(settings, work, law, &keep, &fails).ok()?;
        let (played, story) = seen.take().or_else(|| self.retell(&small.ground, &small.work).ok())?;
        let what = played.found.iter().find(|breach| breach.law == law)?.what.clone();
        let repeat = format!("poolsim hunt --repeat FILE --target {}", self.name);
        let by = by.replace("NUMBER", &case.to_string());
        let whole = (&small.settings, &small.ground, &small.work);
        let text = case::told(whole, (&played, &story), law, &by, &repeat);
        Some(Small { case, law, requests: small.work.requests.len(), what, text })
    }

    /// A case counts as failing if it fails twice running; one that cannot be played does not.
    fn fails_twice(&self, ground: &Ground, work: &Workload, law: Law) -> Option<Told> {
        let broken = |told: &Told| told.0.found.iter().any(|breach| breach.law == law);
        let fails = || self.tell(ground, work, 1).ok().filter(broken);
        fails().and_then(|_| fails())
    }
}

/// A case in which nothing happens.
fn nothing() -> Played {
    Played { found: Vec::new(), ends: Vec::new(), events: 0, last: crate::time::Time::ZERO }
}

/// The bag of one case.
fn one(case: u64, played: &Played) -> Bag {
    let mut found = BTreeMap::new();
    for breach in &played.found {
        found.entry(breach.law).or_insert((1, vec![case]));
    }
    Bag { cases: 1, events: played.events, found, unconfirmed: 0 }
}

/// Whether a breach of a law is seen by something that does not come: then a machine that stood still looks like one.
fn rests_on_time(law: Law) -> bool {
    !matches!(
        law,
        Law::EndedTwice | Law::DoubleStart | Law::Order | Law::Attempts | Law::Limits | Law::InnocentFailure
    )
}
