//! Who is let in beyond the queue's capacity: token bucket, controlled delay, adaptive concurrency limits.

use super::settings::{Admission, ConcurrencyLimit};
use crate::time::{Span, Time};

/// The admission checks of one pool.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    checks: Vec<Check>,
}

#[derive(Clone, Debug)]
enum Check {
    Bucket { rate: f64, burst: f64, tokens: f64, filled: Time },
    CoDel(CoDel),
    Limit(Limiter),
}

/// Controlled delay after RFC 8289, section 5, whose names these are: state of one queue. The RFC looks at the job behind
/// one that it drops before it counts the drop; here that job is the next that asks.
#[derive(Clone, Debug)]
struct CoDel {
    target: Span,
    interval: Span,
    first_above: Option<Time>,
    dropping: bool,
    drop_next: Time,
    count: u32,
    last_count: u32,
    /// A job was dropped in the dropping state, and the drop is not counted yet.
    uncounted: bool,
}

/// A limit on jobs in the pool that follows what it sees.
#[derive(Clone, Debug)]
struct Limiter {
    rule: ConcurrencyLimit,
    limit: f64,
    fastest: f64,
    long_term: f64,
    successes: f64,
}

impl Gate {
    /// The gate with the given checks.
    pub fn new(admission: &[Admission]) -> Gate {
        Gate { checks: admission.iter().map(Check::new).collect() }
    }

    /// Whether there is any check.
    #[inline(always)]
    pub fn is_open(&self) -> bool {
        self.checks.is_empty()
    }

    /// Whether a job that arrives now may come in, with `in_pool` jobs there already.
    pub fn admits(&mut self, now: Time, in_pool: u32) -> bool {
        self.checks.iter_mut().all(|check| match check {
            Check::Bucket { rate, burst, tokens, filled } => {
                *tokens = (*tokens + now.since(*filled).secs() * *rate).min(*burst);
                *filled = now;
                let admitted = *tokens >= 1.0;
                if admitted {
                    *tokens -= 1.0;
                }
                admitted
            }
            Check::CoDel(_) => true,
            Check::Limit(limiter) => f64::from(in_pool) < limiter.limit.floor(),
        })
    }

    /// Whether the job that is about to start after `waited` is dropped instead; `left` jobs wait behind it.
    pub fn drops(&mut self, now: Time, waited: Span, left: u32) -> bool {
        self.checks.iter_mut().any(|check| match check {
            Check::CoDel(codel) => codel.drops(now, waited, left),
            _ => false,
        })
    }

    /// Notes that a job left after `sojourn`, well or not.
    pub fn left(&mut self, sojourn: Span, ok: bool, in_pool: u32) {
        for check in &mut self.checks {
            if let Check::Limit(limiter) = check {
                limiter.observe(sojourn.secs(), ok, in_pool);
            }
        }
    }
}

impl Check {
    fn new(admission: &Admission) -> Check {
        match *admission {
            Admission::TokenBucket { rate, burst } => {
                Check::Bucket { rate, burst, tokens: burst, filled: Time::ZERO }
            }
            Admission::CoDel { target, interval } => Check::CoDel(CoDel {
                target,
                interval,
                first_above: None,
                dropping: false,
                drop_next: Time::ZERO,
                count: 0,
                last_count: 0,
                uncounted: false,
            }),
            Admission::Concurrency(rule) => Check::Limit(Limiter::new(rule)),
        }
    }
}

impl CoDel {
    fn drops(&mut self, now: Time, waited: Span, left: u32) -> bool {
        let above = self.stands_above(now, waited, left);
        let uncounted = std::mem::take(&mut self.uncounted);
        if !self.dropping {
            if above {
                self.begin(now);
            }
            return above;
        }
        if !above {
            self.dropping = false;
            return false;
        }
        if uncounted {
            self.count += 1;
            self.drop_next = self.drop_next + self.spacing();
        }
        self.uncounted = now >= self.drop_next;
        self.uncounted
    }

    /// Enters the dropping state: where the last one was left not long ago, at the rate that it had come to.
    fn begin(&mut self, now: Time) {
        self.dropping = true;
        let gained = self.count - self.last_count;
        let recent = now.since(self.drop_next) < self.interval.scaled(16.0);
        self.count = if gained > 1 && recent { gained } else { 1 };
        self.drop_next = now + self.spacing();
        self.last_count = self.count;
    }

    fn stands_above(&mut self, now: Time, waited: Span, left: u32) -> bool {
        if waited < self.target || left == 0 {
            self.first_above = None;
            return false;
        }
        match self.first_above {
            None => {
                self.first_above = Some(now + self.interval);
                false
            }
            Some(instant) => now >= instant,
        }
    }

    fn spacing(&self) -> Span {
        self.interval.scaled(1.0 / f64::from(self.count).sqrt())
    }
}

impl Limiter {
    fn new(rule: ConcurrencyLimit) -> Limiter {
        let limit = match rule {
            ConcurrencyLimit::Fixed { limit } => limit,
            ConcurrencyLimit::Aimd { initial, .. }
            | ConcurrencyLimit::Vegas { initial, .. }
            | ConcurrencyLimit::Gradient { initial, .. } => initial,
        };
        Limiter { rule, limit: f64::from(limit), fastest: f64::INFINITY, long_term: 0.0, successes: 0.0 }
    }

    fn observe(&mut self, sojourn: f64, ok: bool, in_pool: u32) {
        // A limit that is far from used says nothing about congestion.
        let used = 2.0 * f64::from(in_pool) >= self.limit;
        match self.rule {
            ConcurrencyLimit::Fixed { .. } => {}
            ConcurrencyLimit::Aimd { bounds, backoff, target, .. } => {
                if !ok || sojourn > target.secs() {
                    self.set(self.limit * backoff, bounds);
                } else if used {
                    self.successes += 1.0;
                    if self.successes >= self.limit {
                        self.successes = 0.0;
                        self.set(self.limit + 1.0, bounds);
                    }
                }
            }
            ConcurrencyLimit::Vegas { bounds, alpha, beta, .. } => {
                self.fastest = self.fastest.min(sojourn);
                let queue = self.limit * (1.0 - self.fastest / sojourn.max(1e-12));
                if !ok || queue > beta {
                    self.set(self.limit - 1.0, bounds);
                } else if queue < alpha && used {
                    self.set(self.limit + 1.0, bounds);
                }
            }
            ConcurrencyLimit::Gradient { bounds, tolerance, smoothing, .. } => {
                self.long_term = if self.long_term == 0.0 {
                    sojourn
                } else {
                    self.long_term + (sojourn - self.long_term) / 600.0
                };
                let gradient = (tolerance * self.long_term / sojourn.max(1e-12)).clamp(0.5, 1.0);
                let goal = self.limit * gradient + self.limit.sqrt();
                if used || goal < self.limit {
                    self.set(self.limit + smoothing * (goal - self.limit), bounds);
                }
            }
        }
    }

    fn set(&mut self, limit: f64, bounds: (u32, u32)) {
        self.limit = limit.clamp(f64::from(bounds.0), f64::from(bounds.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_lets_a_burst_through_and_then_its_rate() {
        let mut gate = Gate::new(&[Admission::TokenBucket { rate: 2.0, burst: 3.0 }]);
        let admitted = |gate: &mut Gate, at: u64| gate.admits(Time::from_nanos(at), 0);
        assert_eq!((0..5).filter(|_| admitted(&mut gate, 0)).count(), 3);
        assert!(admitted(&mut gate, SECOND / 2));
        assert!(!admitted(&mut gate, SECOND / 2));
        assert_eq!((0..9).filter(|_| admitted(&mut gate, 60 * SECOND)).count(), 3);
    }

    #[test]
    fn codel_drops_only_a_standing_queue() {
        let settings = Admission::CoDel { target: Span::from_millis(5), interval: Span::from_millis(100) };
        let mut gate = Gate::new(&[settings]);
        let mut drops = |ms: u64, waited: u64| {
            gate.drops(Time::from_nanos(ms * 1_000_000), Span::from_millis(waited), 10)
        };
        assert!(!drops(0, 4) && !drops(10, 50), "a burst is no standing queue");
        assert!(!drops(60, 50) && drops(111, 50), "after an interval above the target it drops");
        assert!(!drops(150, 50) && drops(212, 50), "and again after another interval");
        assert!(!drops(220, 1) && !drops(400, 50), "until the wait falls below the target");
    }

    /// The pseudocode of RFC 8289, sections 5.5 and 5.6, step by step, on the arrivals of the jobs of a queue.
    struct Rfc {
        queue: VecDeque<u64>,
        first_above: u64,
        drop_next: u64,
        count: u32,
        last_count: u32,
        dropping: bool,
    }

    const TARGET: u64 = 5_000_000;
    const INTERVAL: u64 = 100_000_000;

    impl Rfc {
        fn dodequeue(&mut self, now: u64) -> (Option<u64>, bool) {
            let Some(arrived) = self.queue.pop_front() else {
                self.first_above = 0;
                return (None, false);
            };
            let mut ok_to_drop = false;
            if now - arrived < TARGET || self.queue.is_empty() {
                self.first_above = 0;
            } else if self.first_above == 0 {
                self.first_above = now + INTERVAL;
            } else {
                ok_to_drop = now >= self.first_above;
            }
            (Some(arrived), ok_to_drop)
        }

        fn control_law(&self, from: u64) -> u64 {
            from + Span::from_nanos(INTERVAL).scaled(1.0 / f64::from(self.count).sqrt()).nanos()
        }

        /// The arrival of the job that is served, and how many were dropped before it.
        fn dequeue(&mut self, now: u64) -> (Option<u64>, u32) {
            let mut drops = 0;
            let (mut job, mut ok_to_drop) = self.dodequeue(now);
            if self.dropping {
                if !ok_to_drop {
                    self.dropping = false;
                }
                while now >= self.drop_next && self.dropping {
                    drops += 1;
                    (job, ok_to_drop) = self.dodequeue(now);
                    if !ok_to_drop {
                        self.dropping = false;
                    } else {
                        self.count += 1;
                        self.drop_next = self.control_law(self.drop_next);
                    }
                }
            } else if ok_to_drop {
                drops += 1;
                (job, _) = self.dodequeue(now);
                self.dropping = true;
                let delta = self.count - self.last_count;
                self.count = 1;
                if delta > 1 && (now as i64 - self.drop_next as i64) < 16 * INTERVAL as i64 {
                    self.count = delta;
                }
                self.drop_next = self.control_law(now);
                self.last_count = self.count;
            }
            (job, drops)
        }
    }

    #[test]
    fn codel_does_what_its_rfc_says_over_busy_times_and_pauses() {
        let mut rfc = Rfc {
            queue: VecDeque::new(),
            first_above: 0,
            drop_next: 0,
            count: 0,
            last_count: 0,
            dropping: false,
        };
        let settings =
            Admission::CoDel { target: Span::from_nanos(TARGET), interval: Span::from_nanos(INTERVAL) };
        let mut gate = Gate::new(&[settings]);
        let mut queue = VecDeque::new();
        let (mut now, mut arrived, mut dropped, mut resumed) = (0, 0, 0, 0);
        for step in 0..60_000_u64 {
            // Ten milliseconds of service each; overload of changing strength, with pauses short and long.
            now += 10_000_000;
            let gap = [4, 9, 9, 40, 7, 12, 300][(step / 700 % 7) as usize] * 1_000_000 + step % 13;
            while arrived <= now {
                queue.push_back(arrived);
                rfc.queue.push_back(arrived);
                arrived += gap;
            }
            let expected = rfc.dequeue(now);
            let mut drops = 0;
            let served = loop {
                let Some(job) = queue.pop_front() else { break None };
                let waited = Span::from_nanos(now - job);
                if !gate.drops(Time::from_nanos(now), waited, queue.len() as u32) {
                    break Some(job);
                }
                drops += 1;
            };
            assert_eq!((served, drops), expected, "step {step}");
            dropped += drops;
            resumed += u32::from(drops > 0 && rfc.count == rfc.last_count && rfc.count > 1);
        }
        assert!(dropped > 1000 && resumed > 3, "{dropped} drops, resumed {resumed} times");
    }

    #[test]
    fn limits_follow_the_latency() {
        let bounds = (1, 100);
        let rules = [
            ConcurrencyLimit::Aimd { initial: 10, bounds, backoff: 0.5, target: Span::from_whole_secs(1) },
            ConcurrencyLimit::Vegas { initial: 10, bounds, alpha: 2.0, beta: 4.0 },
            ConcurrencyLimit::Gradient { initial: 10, bounds, tolerance: 1.5, smoothing: 0.2 },
        ];
        for rule in rules {
            let mut limiter = Limiter::new(rule);
            (0..200).for_each(|_| limiter.observe(0.1, true, limiter.limit as u32));
            let grown = limiter.limit;
            (0..20).for_each(|_| limiter.observe(5.0, true, limiter.limit as u32));
            assert!(grown > 10.0 && limiter.limit < grown, "{rule:?}: {grown} then {}", limiter.limit);
        }
    }
}
