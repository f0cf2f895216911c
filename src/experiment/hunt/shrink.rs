//! Makes a failing case small: fewer requests and blows, fewer settings, rounder numbers, until nothing more can go.
//!
//! Every step is kept only if the same law is still broken. The steps are tried in a fixed order, so a case shrinks to
//! the same small case wherever it is done.

use super::bench::Played;
use super::case::Settings;
use super::ground::{Ground, Workload};
use super::laws::{Law, Laws};
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use toml::{Table, Value};

/// Plays at most so many cases to shrink one.
const PLAYS_MAX: u32 = 4_000;

/// How a case is played: by the policy's own pool, or by a scheduler that is spoilt on purpose.
pub type Play<'p> = &'p dyn Fn(&Ground, &Workload) -> Played;

/// A failing case on its way down.
pub struct Shrinking<'p> {
    /// The settings that it has got to.
    pub settings: Settings,
    /// Their ground.
    pub ground: Ground,
    /// The workload that it has got to.
    pub work: Workload,
    law: Law,
    play: Play<'p>,
    plays: u32,
}

/// Shrinks a case that breaks `law`; settings that `keep` names (paths below the pool) stay.
///
/// # Errors
/// When the settings are no model.
pub fn shrink<'p>(
    settings: Settings,
    work: Workload,
    law: Law,
    keep: &dyn Fn(&str) -> bool,
    play: Play<'p>,
) -> Result<Shrinking<'p>, String> {
    let mut case = Shrinking::new(settings, work, law, play)?;
    loop {
        let before = (case.settings.clone(), case.work.clone());
        case.fewer_requests();
        case.fewer_blows();
        case.fewer_settings(keep);
        case.fewer_slots(keep);
        case.fewer_classes();
        case.simpler_requests();
        case.rounder_instants();
        if before == (case.settings.clone(), case.work.clone()) || case.plays >= PLAYS_MAX {
            return Ok(case);
        }
    }
}

/// The same where each play takes real time: one round, which begins with what makes plays short.
///
/// # Errors
/// When the settings are no model.
pub fn briefly<'p>(
    settings: Settings,
    work: Workload,
    law: Law,
    keep: &dyn Fn(&str) -> bool,
    play: Play<'p>,
) -> Result<Shrinking<'p>, String> {
    let mut case = Shrinking::new(settings, work, law, play)?;
    case.fewer_requests();
    case.fewer_blows();
    case.fewer_slots(keep);
    case.fewer_requests();
    case.fewer_settings(keep);
    case.fewer_classes();
    case.simpler_requests();
    case.fewer_requests();
    case.rounder_instants();
    Ok(case)
}

impl<'p> Shrinking<'p> {
    fn new(settings: Settings, work: Workload, law: Law, play: Play<'p>) -> Result<Shrinking<'p>, String> {
        let ground = settings.ground(Laws::of([law]))?;
        Ok(Shrinking { settings, ground, work, law, play, plays: 0 })
    }

    fn fails(&mut self, work: &Workload) -> bool {
        self.plays += 1;
        self.plays <= PLAYS_MAX
            && (self.play)(&self.ground, work).found.iter().any(|breach| breach.law == self.law)
    }

    /// Takes a smaller workload if it still fails.
    fn take(&mut self, work: Workload) -> bool {
        let better = work != self.work && self.fails(&work);
        if better {
            self.work = work;
        }
        better
    }

    /// Takes other settings if the case still fails under them.
    fn take_settings(&mut self, settings: Settings) -> bool {
        let Ok(ground) = settings.ground(Laws::of([self.law])) else { return false };
        let old = std::mem::replace(&mut self.ground, ground);
        let work = self.work.clone();
        if self.fails(&work) {
            self.settings = settings;
            return true;
        }
        self.ground = old;
        false
    }

    /// Takes requests away, many at a time first.
    fn fewer_requests(&mut self) {
        let mut chunk = self.work.requests.len();
        while chunk > 0 {
            let mut from = 0;
            while from < self.work.requests.len() {
                let mut work = self.work.clone();
                work.requests.drain(from..(from + chunk).min(self.work.requests.len()));
                if work.requests.is_empty() || !self.take(work) {
                    from += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn fewer_blows(&mut self) {
        for index in (0..self.work.blows.len()).rev() {
            let mut work = self.work.clone();
            work.blows.remove(index);
            self.take(work);
        }
        if self.work.deadline.is_some() {
            let work = Workload { deadline: None, ..self.work.clone() };
            self.take(work);
        }
    }

    /// Leaves settings out, one after the other.
    fn fewer_settings(&mut self, keep: &dyn Fn(&str) -> bool) {
        let mut settings = self.settings.clone();
        let paths = settings.pool_table().map(|pool| paths(pool, "")).unwrap_or_default();
        for path in paths.into_iter().filter(|path| path != "slots" && path != "preset" && !keep(path)) {
            let mut settings = self.settings.clone();
            if settings.pool_table().is_some_and(|pool| remove(pool, &path)) {
                self.take_settings(settings);
            }
        }
    }

    fn fewer_slots(&mut self, keep: &dyn Fn(&str) -> bool) {
        if keep("slots") {
            return;
        }
        for slots in 1..i64::from(self.ground.slots()) {
            let mut settings = self.settings.clone();
            let Some(pool) = settings.pool_table() else { return };
            pool.insert(String::from("slots"), Value::Integer(slots));
            if self.take_settings(settings) {
                return;
            }
        }
    }

    /// Leaves out what stands beside the pool and makes no difference: classes without requests, the seed.
    fn fewer_classes(&mut self) {
        let used = self.work.requests.iter().map(|request| usize::from(request.class)).max().unwrap_or(0);
        let mut settings = self.settings.clone();
        settings.0.remove("run");
        if settings != self.settings {
            self.take_settings(settings);
        }
        let classes = self.ground.classes.len();
        for class in (used + 1..classes).rev() {
            let mut settings = self.settings.clone();
            let name = self.ground.classes[class].0.clone();
            let Some(table) = settings.0.get_mut("class").and_then(Value::as_table_mut) else { return };
            table.remove(&name);
            if !self.take_settings(settings) {
                return;
            }
        }
    }

    /// Gives each request a good fate, a round demand and the first class, where that is possible.
    fn simpler_requests(&mut self) {
        for index in 0..self.work.requests.len() {
            let now = self.work.requests[index];
            let mut tries = vec![super::ground::Request { class: 0, ..now }];
            if now.fate != Fate::Ok {
                tries.push(super::ground::Request { fate: Fate::Ok, ..now });
            }
            for secs in [0, 1, 10, 100].map(Span::from_whole_secs).into_iter().chain(rounder(now.demand)) {
                if is_simpler(secs, now.demand) {
                    tries.push(super::ground::Request { demand: secs, ..now });
                }
            }
            for request in tries {
                let now = self.work.requests[index];
                let merged = super::ground::Request {
                    class: if request.class == 0 { 0 } else { now.class },
                    fate: if request.fate == Fate::Ok { Fate::Ok } else { now.fate },
                    demand: if is_simpler(request.demand, now.demand) { request.demand } else { now.demand },
                    ..now
                };
                let mut work = self.work.clone();
                work.requests[index] = merged;
                self.take(work);
            }
        }
    }

    /// Moves everything to the start, or to round instants.
    fn rounder_instants(&mut self) {
        for index in 0..self.work.requests.len() {
            let at = self.work.requests[index].at;
            let before = index.checked_sub(1).map_or(Time::ZERO, |before| self.work.requests[before].at);
            let round = rounder(at.since(Time::ZERO)).map(|span| Time::ZERO + span);
            for earlier in [Time::ZERO, before].into_iter().chain(round) {
                let now = self.work.requests[index].at;
                if is_simpler(earlier.since(Time::ZERO), now.since(Time::ZERO)) {
                    let mut work = self.work.clone();
                    work.requests[index].at = earlier;
                    work.requests.sort_by_key(|request| request.at);
                    self.take(work);
                }
            }
        }
        for index in 0..self.work.blows.len() {
            let at = self.work.blows[index].at;
            for rounder in rounder(at.since(Time::ZERO)) {
                let mut work = self.work.clone();
                work.blows[index].at = Time::ZERO + rounder;
                if is_simpler(rounder, self.work.blows[index].at.since(Time::ZERO)) {
                    self.take(work);
                }
            }
        }
    }
}

/// Spans near a span that take fewer digits, the roundest first.
fn rounder(span: Span) -> impl Iterator<Item = Span> {
    let units =
        [100_000_000_000u64, 10_000_000_000, 1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000];
    let nanos = span.nanos();
    units.into_iter().flat_map(move |unit| {
        let down = nanos / unit * unit;
        [down, down.saturating_add(unit)].map(Span::from_nanos)
    })
}

/// Whether a span takes fewer digits, or as many and is shorter: what every step makes smaller.
fn is_simpler(one: Span, other: Span) -> bool {
    let digits = |span: Span| span.nanos().to_string().trim_end_matches('0').len();
    (digits(one), one) < (digits(other), other)
}

/// Leaves out of a table whatever is not needed for it to fail.
pub fn table(mut table: Table, fails: &dyn Fn(&Table) -> bool) -> Table {
    loop {
        let before = table.clone();
        for path in paths(&before, "") {
            let mut smaller = table.clone();
            if remove(&mut smaller, &path) && fails(&smaller) {
                table = smaller;
            }
        }
        if table == before {
            return table;
        }
    }
}

/// The paths of all values below a table, and of the tables themselves, those first.
fn paths(table: &Table, above: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        found.push(path.clone());
        if let Value::Table(inner) = value {
            found.extend(paths(inner, &path));
        }
    }
    found
}

fn remove(table: &mut Table, path: &str) -> bool {
    match path.split_once('.') {
        None => table.remove(path).is_some(),
        Some((first, rest)) => {
            table.get_mut(first).and_then(Value::as_table_mut).is_some_and(|inner| remove(inner, rest))
        }
    }
}
