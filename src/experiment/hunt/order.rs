//! Who is next: every discipline written down a second time, as a choice over the whole queue.
//!
//! It is slow and plain on purpose, so that the quick queue of the policy has something to be compared with.

use super::referee::{Book, Referee, Where};
use crate::policy::{Discipline, PoolSettings};
use crate::time::{Span, Time};
use std::cmp::Ordering;

/// The virtual clock of fair shares (start-time fair queueing).
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    finish: Vec<f64>,
    now: f64,
}

impl Shares {
    fn finish(&self, class: u16) -> f64 {
        self.finish.get(usize::from(class)).copied().unwrap_or(0.0)
    }

    fn begins(&self, class: u16) -> f64 {
        self.now.max(self.finish(class))
    }

    /// A job of a class starts.
    pub(super) fn charge(&mut self, settings: &PoolSettings, class: u16, size: Span) {
        if settings.discipline != Discipline::FairShare {
            return;
        }
        let index = usize::from(class);
        let weight = settings.class_weights.get(index).copied().unwrap_or(1.0);
        let begins = self.begins(class);
        if index >= self.finish.len() {
            self.finish.resize(index + 1, 0.0);
        }
        self.finish[index] = begins + size.secs().max(1e-9) / weight;
        self.now = begins;
    }

    fn compare(&self, a: u16, b: u16) -> Ordering {
        self.begins(a)
            .total_cmp(&self.begins(b))
            .then(self.finish(a).total_cmp(&self.finish(b)))
            .then(a.cmp(&b))
    }
}

/// The jobs that may start next with `idle` workers to choose from, and so many dying ones that are `offered`: one, or several where chance decides. `leaving` has
/// just been taken out of the queue and counts as still there; it may also be at the door of an empty one.
pub(super) fn next(
    referee: &Referee<'_>,
    now: Time,
    leaving: Option<u32>,
    idle: u32,
    offered: u32,
) -> Vec<u32> {
    let settings = &referee.rules.settings;
    let mut waiting: Vec<u32> = referee.line.clone();
    if let Some(job) = leaving.filter(|job| !waiting.contains(job)) {
        waiting.push(job);
    }
    let length = waiting.len();
    if settings.reserved.iter().any(|&kept| kept > 0) {
        waiting.retain(|&job| idle + offered > kept(referee, referee.jobs[job as usize].is.class));
    }
    let book = |job: &u32| &referee.jobs[*job as usize];
    if settings.discipline == Discipline::Lifo {
        return one(waiting.into_iter().max_by_key(|job| book(job).sequence));
    }
    if let Some(head) =
        waiting.iter().copied().filter(|job| book(job).at_head).max_by_key(|job| book(job).sequence)
    {
        return vec![head];
    }
    let key = |job: &u32, measure: fn(&Book) -> u64| (measure(book(job)), book(job).sequence);
    match settings.discipline {
        Discipline::Random => waiting,
        Discipline::Fifo | Discipline::Lifo => one(waiting.into_iter().min_by_key(|job| book(job).sequence)),
        Discipline::AdaptiveLifo { threshold } if length > threshold as usize => {
            one(waiting.into_iter().max_by_key(|job| book(job).sequence))
        }
        Discipline::AdaptiveLifo { .. } => one(waiting.into_iter().min_by_key(|job| book(job).sequence)),
        Discipline::ShortestJob => {
            one(waiting.into_iter().min_by_key(|job| key(job, |book| book.is.size.nanos())))
        }
        Discipline::EarliestDeadline => {
            one(waiting.into_iter().min_by_key(|job| key(job, |book| book.is.deadline.nanos())))
        }
        Discipline::FairShare => one(waiting.into_iter().min_by(|a, b| {
            let (a, b) = (book(a), book(b));
            referee.shares.compare(a.is.class, b.is.class).then(a.sequence.cmp(&b.sequence))
        })),
        Discipline::Priority { age_step } => one(most_urgent(referee, now, age_step, &waiting)),
    }
}

/// The first of each level, and of those the one whose level, less its waiting in steps, is least.
fn most_urgent(referee: &Referee<'_>, now: Time, age_step: Span, waiting: &[u32]) -> Option<u32> {
    let book = |job: u32| &referee.jobs[job as usize];
    let first = |job: &u32| {
        !waiting.iter().any(|&other| {
            book(other).is.priority == book(*job).is.priority && book(other).sequence < book(*job).sequence
        })
    };
    waiting.iter().copied().filter(first).min_by_key(|&job| {
        let level = book(job).is.priority;
        let waited = if age_step.is_never() { 0 } else { i128::from(now.since(book(job).arrived).nanos()) };
        let step = if age_step.is_never() { 1 } else { i128::from(age_step.nanos()) };
        (i128::from(level) * step - waited, level)
    })
}

fn one(job: Option<u32>) -> Vec<u32> {
    job.into_iter().collect()
}

/// Slots that others than `class` keep for themselves.
fn kept(referee: &Referee<'_>, class: u16) -> u32 {
    let running = |class: usize| {
        let of_class = |book: &&Book| {
            book.place == Where::Running && book.counted && usize::from(book.is.class) == class
        };
        referee.jobs.iter().filter(of_class).count() as u32
    };
    let reserved = referee.rules.settings.reserved.iter().enumerate();
    let others = reserved.filter(|&(other, &kept)| kept > 0 && other != usize::from(class));
    others.map(|(other, &kept)| kept.saturating_sub(running(other))).sum()
}
