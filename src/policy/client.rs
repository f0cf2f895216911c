//! The client's mind: whether to send, whether and when to try again, what a budget allows.
//!
//! One [`Client`] stands for all requests of a source: budgets and circuits are shared by them, as they are in a
//! client process. Sources of the rules: gRPC A6 "client retries" (throttling); AWS SDK retry behaviour,
//! standard mode; Envoy retry budgets (its documentation, `CircuitBreakers.Thresholds.RetryBudget`, and
//! `source/common/upstream/resource_manager_impl.h`); Finagle `RetryBudget`; back-off and jitter after Brooker, "Exponential
//! backoff and jitter" (AWS architecture blog, 2015).

use super::pace::Pace;
use super::settings::{Backoff, CircuitBreaker, ClientRetry, ClientSettings, Jitter, RetryBudget};
use crate::outcome::Outcome;
use crate::random::Stream;
use crate::time::{Span, Time};
use std::collections::VecDeque;

/// What a request's history means for its next retry.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Attempts sent so far, hedges not counted; at least 1.
    pub attempts: u32,
    /// The last back-off; zero before the first.
    pub last_delay: Span,
    /// When the client gives the request up altogether.
    pub deadline: Time,
}

/// What an attempt is to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The first of its request.
    First,
    /// One beside another that has not been answered.
    Hedge,
    /// One after another that ended so.
    Retry {
        /// The outcome that was not accepted.
        after: Outcome,
    },
}

impl Attempt {
    fn is_retry(self) -> bool {
        matches!(self, Attempt::Retry { .. })
    }
}

/// The state that all requests of one source share.
#[derive(Clone, Debug)]
pub struct Client {
    settings: ClientSettings,
    budget: Budget,
    circuit: Option<Circuit>,
    /// The rate of sending of a client that heeds refusals.
    pace: Option<Pace>,
    /// Attempts that have not ended.
    active: u32,
    /// Retries among them, and those that wait for their back-off; only where the budget asks.
    active_retries: u32,
}

#[derive(Clone, Debug)]
enum Budget {
    None,
    Tokens(f64),
    Active,
    /// Deposits and withdrawals of the window with their expiry, in thousandths so that sums are exact.
    Window {
        events: VecDeque<(Time, i64)>,
        balance: i64,
    },
}

#[derive(Clone, Debug)]
struct Circuit {
    rule: CircuitBreaker,
    /// The last attempts: true for a failure.
    last: VecDeque<bool>,
    failures: u32,
    state: CircuitState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CircuitState {
    Closed,
    Open { until: Time },
    HalfOpen { sent: u32, ok: u32 },
}

/// Tokens of a window are counted in thousandths, as Finagle does.
const THOUSANDTHS: f64 = 1000.0;
const ONE: i64 = 1000;

impl Client {
    /// A client that has sent nothing yet.
    pub fn new(settings: ClientSettings) -> Client {
        let budget = match settings.retry.as_ref().and_then(|retry| retry.budget) {
            None => Budget::None,
            Some(RetryBudget::Grpc { max_tokens, .. }) => Budget::Tokens(max_tokens),
            Some(RetryBudget::AwsStandard { capacity, .. }) => Budget::Tokens(capacity),
            Some(RetryBudget::Envoy { .. }) => Budget::Active,
            Some(RetryBudget::Finagle { ttl, min_per_second, .. }) => {
                let reserve = (min_per_second * ttl.secs() * THOUSANDTHS).round() as i64;
                Budget::Window { events: VecDeque::new(), balance: reserve }
            }
        };
        let circuit = settings.breaker.map(|rule| Circuit {
            rule,
            last: VecDeque::with_capacity(rule.window as usize),
            failures: 0,
            state: CircuitState::Closed,
        });
        let adaptive = settings.retry.as_ref().is_some_and(|retry| retry.adaptive);
        Client { budget, circuit, pace: adaptive.then(Pace::new), active: 0, active_retries: 0, settings }
    }

    /// What the client is told.
    #[inline(always)]
    pub fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// Whether the client keeps any state at all: if not, `sent` and `ended` need not be called.
    pub fn is_stateless(&self) -> bool {
        self.circuit.is_none() && self.pace.is_none() && matches!(self.budget, Budget::None)
    }

    /// Whether an attempt may be sent now: false while the circuit is open.
    pub fn may_send(&mut self, now: Time) -> bool {
        let Some(circuit) = &mut self.circuit else { return true };
        if let CircuitState::Open { until } = circuit.state
            && now >= until
        {
            circuit.state = CircuitState::HalfOpen { sent: 0, ok: 0 };
        }
        match &mut circuit.state {
            CircuitState::Closed => true,
            CircuitState::Open { .. } => false,
            CircuitState::HalfOpen { sent, .. } => {
                *sent += 1;
                *sent <= circuit.rule.probes
            }
        }
    }

    /// How long an attempt must wait before it is sent, because the client has been refused too often.
    pub fn hold(&mut self, now: Time, attempt: Attempt) -> Span {
        match &mut self.pace {
            Some(pace) if attempt != Attempt::Hedge => pace.wait(now),
            _ => Span::ZERO,
        }
    }

    /// Notes that an attempt was sent.
    pub fn sent(&mut self, now: Time, attempt: Attempt) {
        self.active += 1;
        if let (Budget::Window { events, balance }, Some(RetryBudget::Finagle { percent, ttl, .. })) =
            (&mut self.budget, self.settings.retry.as_ref().and_then(|r| r.budget))
            && attempt == Attempt::First
        {
            let deposit = (percent / 100.0 * THOUSANDTHS).round() as i64;
            *balance += deposit;
            events.push_back((now + ttl, deposit));
        }
    }

    /// Notes that a retry that [`Client::retry`] allowed has ended, or was not sent after all.
    pub fn retry_dropped(&mut self) {
        if matches!(self.budget, Budget::Active) {
            self.active_retries -= 1;
        }
    }

    /// Notes that an attempt has ended.
    pub fn ended(&mut self, now: Time, outcome: Outcome, attempt: Attempt) {
        self.active -= 1;
        if attempt.is_retry() {
            self.retry_dropped();
        }
        let ok = outcome == Outcome::Ok;
        if let (Budget::Tokens(tokens), Some(budget)) =
            (&mut self.budget, self.settings.retry.as_ref().and_then(|r| r.budget))
        {
            match budget {
                RetryBudget::Grpc { max_tokens, ratio } => {
                    // Failures that are not retried say nothing of the server's health.
                    let retried = |retry: &ClientRetry| retry.on.contains(outcome);
                    let failed = !ok && self.settings.retry.as_ref().is_some_and(retried);
                    let change = if failed { -1.0 } else { f64::from(u8::from(ok)) * ratio };
                    *tokens = (*tokens + change).clamp(0.0, max_tokens);
                }
                RetryBudget::AwsStandard { capacity, cost, timeout_cost, refill } if ok => {
                    let given = match attempt {
                        Attempt::Retry { after: Outcome::Timeout } => timeout_cost,
                        Attempt::Retry { .. } => cost,
                        Attempt::First | Attempt::Hedge => refill,
                    };
                    *tokens = (*tokens + given).min(capacity);
                }
                _ => {}
            }
        }
        if let Some(circuit) = &mut self.circuit {
            circuit.ended(now, ok);
        }
        if let Some(pace) = &mut self.pace {
            pace.answered(now, outcome == Outcome::Rejected);
        }
    }

    /// Whether, and after how long, a request whose attempt ended with `outcome` is tried again. `drawn` is the
    /// delay that the driver drew where the model gives delays as distributions.
    pub fn retry(
        &mut self,
        now: Time,
        outcome: Outcome,
        history: History,
        drawn: Option<Span>,
        chance: &mut Stream,
    ) -> Option<Span> {
        let retry = self.settings.retry.as_ref()?;
        if !retry.on.contains(outcome) || (retry.max != u32::MAX && history.attempts > retry.max) {
            return None;
        }
        if retry.persistence < 1.0 && chance.unit() >= retry.persistence {
            return None;
        }
        let delay = match drawn {
            Some(delay) => delay.min(retry.cap),
            None => backoff(retry, history, chance),
        };
        if now + delay >= history.deadline {
            return None;
        }
        let budget = retry.budget;
        self.pay(now, outcome, budget).then_some(delay)
    }

    fn pay(&mut self, now: Time, outcome: Outcome, rule: Option<RetryBudget>) -> bool {
        match (&mut self.budget, rule) {
            (Budget::Tokens(tokens), Some(RetryBudget::Grpc { max_tokens, .. })) => {
                *tokens > max_tokens / 2.0
            }
            (Budget::Tokens(tokens), Some(RetryBudget::AwsStandard { cost, timeout_cost, .. })) => {
                let cost = if outcome == Outcome::Timeout { timeout_cost } else { cost };
                let affordable = *tokens >= cost;
                if affordable {
                    *tokens -= cost;
                }
                affordable
            }
            (Budget::Active, Some(RetryBudget::Envoy { percent, min })) => {
                let allowed = envoy_retries(self.active, percent, min);
                let affordable = self.active_retries < allowed;
                self.active_retries += u32::from(affordable);
                affordable
            }
            (Budget::Window { events, balance }, Some(RetryBudget::Finagle { ttl, .. })) => {
                while events.front().is_some_and(|&(until, _)| until <= now) {
                    *balance -= events.pop_front().map_or(0, |(_, amount)| amount);
                }
                let affordable = *balance >= ONE;
                if affordable {
                    *balance -= ONE;
                    events.push_back((now + ttl, -ONE));
                }
                affordable
            }
            _ => true,
        }
    }
}

/// Retries that Envoy allows side by side: a share of the active and the pending requests, in whole retries, and never
/// less than the floor. An attempt that waits in a pool is one of them, and so is a retry that was sent; one that still
/// waits for its back-off is counted among the retries alone.
fn envoy_retries(active: u32, percent: f64, min: u32) -> u32 {
    ((percent / 100.0 * f64::from(active)) as u32).max(min)
}

impl Circuit {
    fn ended(&mut self, now: Time, ok: bool) {
        match &mut self.state {
            CircuitState::Closed => {
                if self.last.len() == self.rule.window as usize {
                    self.failures -= u32::from(self.last.pop_front() == Some(true));
                }
                self.last.push_back(!ok);
                self.failures += u32::from(!ok);
                let full = self.last.len() == self.rule.window as usize;
                if full && f64::from(self.failures) >= self.rule.failure_rate * f64::from(self.rule.window) {
                    self.open(now);
                }
            }
            CircuitState::HalfOpen { .. } if !ok => self.open(now),
            CircuitState::HalfOpen { ok: successes, .. } => {
                *successes += 1;
                if *successes >= self.rule.probes {
                    self.state = CircuitState::Closed;
                }
            }
            CircuitState::Open { .. } => {}
        }
    }

    fn open(&mut self, now: Time) {
        self.state = CircuitState::Open { until: now + self.rule.open_for };
        self.last.clear();
        self.failures = 0;
    }
}

/// The delay before retry number `history.attempts`.
fn backoff(retry: &ClientRetry, history: History, chance: &mut Stream) -> Span {
    let base = retry.base.secs();
    let cap = if retry.cap.is_never() { f64::INFINITY } else { retry.cap.secs() };
    if retry.jitter == Jitter::Decorrelated {
        let last = if history.last_delay == Span::ZERO { base } else { history.last_delay.secs() };
        return Span::from_secs((base + chance.unit() * (3.0 * last - base).max(0.0)).min(cap));
    }
    let number = f64::from(history.attempts);
    let full = match retry.backoff {
        Backoff::Constant => base,
        Backoff::Linear => base * number,
        Backoff::Exponential { factor } => base * libm::pow(factor, number - 1.0),
        Backoff::Polynomial { exponent } => base * libm::pow(number, exponent),
    }
    .min(cap);
    Span::from_secs(match retry.jitter {
        Jitter::Full => full * chance.unit(),
        Jitter::Equal => full / 2.0 * (1.0 + chance.unit()),
        Jitter::None | Jitter::Decorrelated => full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::OutcomeSet;
    use crate::random::{Purpose, Streams};

    fn settings(budget: Option<RetryBudget>) -> ClientSettings {
        ClientSettings {
            attempt_deadline: Span::NEVER,
            total_deadline: Span::NEVER,
            cancels: false,
            retry: Some(ClientRetry {
                max: 3,
                on: OutcomeSet::of(&[Outcome::Error, Outcome::Timeout]),
                backoff: Backoff::Exponential { factor: 2.0 },
                base: Span::from_whole_secs(1),
                cap: Span::from_whole_secs(3),
                jitter: Jitter::None,
                drawn: false,
                budget,
                persistence: 1.0,
                adaptive: false,
            }),
            hedge: None,
            breaker: None,
        }
    }

    const AFTER_ERROR: Attempt = Attempt::Retry { after: Outcome::Error };

    fn history(attempts: u32) -> History {
        History { attempts, last_delay: Span::ZERO, deadline: Time::NEVER }
    }

    fn retry(client: &mut Client, secs: u64, attempts: u32) -> Option<Span> {
        let mut chance = Streams::new(1, 0).stream(Purpose::Backoff, 0);
        let now = Time::ZERO + Span::from_whole_secs(secs);
        client.retry(now, Outcome::Error, history(attempts), None, &mut chance)
    }

    #[test]
    fn delays_grow_to_their_cap_and_end_with_the_attempts() {
        let mut client = Client::new(settings(None));
        let delays: Vec<_> =
            (1..=4).map(|attempts| retry(&mut client, 0, attempts).map(Span::secs)).collect();
        assert_eq!(delays, [Some(1.0), Some(2.0), Some(3.0), None]);
    }

    #[test]
    fn no_retry_after_the_deadline_or_for_other_outcomes() {
        let mut client = Client::new(settings(None));
        let mut chance = Streams::new(1, 0).stream(Purpose::Backoff, 0);
        let soon = History { deadline: Time::ZERO + Span::from_millis(900), ..history(1) };
        assert_eq!(client.retry(Time::ZERO, Outcome::Error, soon, None, &mut chance), None);
        assert_eq!(client.retry(Time::ZERO, Outcome::Crash, history(1), None, &mut chance), None);
    }

    #[test]
    fn jitter_stays_in_its_range() {
        let mut chance = Streams::new(1, 0).stream(Purpose::Backoff, 0);
        let mut rule = settings(None).retry.expect("has retries");
        for (jitter, low, high) in [(Jitter::Full, 0.0, 2.0), (Jitter::Equal, 1.0, 2.0)] {
            rule.jitter = jitter;
            let delays: Vec<f64> = (0..500).map(|_| backoff(&rule, history(2), &mut chance).secs()).collect();
            let least = delays.iter().copied().fold(f64::INFINITY, f64::min);
            let most = delays.iter().copied().fold(0.0, f64::max);
            assert!(least >= low && most < high && most - least > 0.9 * (high - low), "{jitter:?}");
        }
        rule.jitter = Jitter::Decorrelated;
        let after = History { last_delay: Span::from_whole_secs(2), ..history(2) };
        assert!(
            (0..100).map(|_| backoff(&rule, after, &mut chance).secs()).all(|d| (1.0..=3.0).contains(&d))
        );
    }

    #[test]
    fn grpc_stops_at_half_of_its_tokens() {
        let mut client = Client::new(settings(Some(RetryBudget::Grpc { max_tokens: 10.0, ratio: 0.5 })));
        for failure in 0..8 {
            client.sent(Time::ZERO, Attempt::First);
            client.ended(Time::ZERO, Outcome::Error, Attempt::First);
            assert_eq!(retry(&mut client, 0, 1).is_some(), failure < 4, "after {} failures", failure + 1);
        }
        (0..4).for_each(|_| {
            client.sent(Time::ZERO, Attempt::First);
            client.ended(Time::ZERO, Outcome::Ok, Attempt::First);
        });
        assert_eq!(retry(&mut client, 0, 1), None, "2 + 4 * 0.5 = 4 tokens are not above 5");
    }

    #[test]
    fn aws_pays_for_retries_and_is_paid_back() {
        let rule = RetryBudget::AwsStandard { capacity: 12.0, cost: 5.0, timeout_cost: 10.0, refill: 1.0 };
        let mut client = Client::new(settings(Some(rule)));
        assert!(retry(&mut client, 0, 1).is_some() && retry(&mut client, 0, 1).is_some());
        assert_eq!(retry(&mut client, 0, 1), None);
        client.sent(Time::ZERO, AFTER_ERROR);
        client.ended(Time::ZERO, Outcome::Ok, AFTER_ERROR);
        assert!(retry(&mut client, 0, 1).is_some());
    }

    #[test]
    fn aws_gives_back_what_the_retry_cost() {
        let rule = RetryBudget::AwsStandard { capacity: 12.0, cost: 5.0, timeout_cost: 10.0, refill: 1.0 };
        let mut client = Client::new(settings(Some(rule)));
        let mut chance = Streams::new(1, 0).stream(Purpose::Backoff, 0);
        let mut after_timeout =
            |client: &mut Client| client.retry(Time::ZERO, Outcome::Timeout, history(1), None, &mut chance);
        assert!(after_timeout(&mut client).is_some() && after_timeout(&mut client).is_none());
        let attempt = Attempt::Retry { after: Outcome::Timeout };
        client.sent(Time::ZERO, attempt);
        client.ended(Time::ZERO, Outcome::Ok, attempt);
        assert!(after_timeout(&mut client).is_some(), "ten of twelve tokens were given back");
    }

    #[test]
    fn envoy_counts_what_is_in_flight() {
        let mut client = Client::new(settings(Some(RetryBudget::Envoy { percent: 20.0, min: 1 })));
        (0..10).for_each(|_| client.sent(Time::ZERO, Attempt::First));
        // 20 % of 10 and of 11 active attempts allow a first and a second retry; of 12 no third.
        (0..2).for_each(|_| {
            assert!(retry(&mut client, 0, 1).is_some());
            client.sent(Time::ZERO, AFTER_ERROR);
        });
        assert_eq!(retry(&mut client, 0, 1), None);
        // Retries in flight are active too: with three more attempts there are 15.
        (0..3).for_each(|_| client.sent(Time::ZERO, Attempt::First));
        assert!(retry(&mut client, 0, 1).is_some());
    }

    #[test]
    fn envoy_allows_whole_retries_and_never_less_than_its_floor() {
        assert_eq!([0, 4, 5, 9, 10, 19].map(|active| envoy_retries(active, 20.0, 0)), [0, 0, 1, 1, 2, 3]);
        assert_eq!([0, 15, 19, 20, 25].map(|active| envoy_retries(active, 20.0, 3)), [3, 3, 3, 4, 5]);
        assert_eq!(envoy_retries(19, 100.0, 3), 19);
    }

    #[test]
    fn envoy_counts_retries_that_wait_for_their_back_off() {
        let mut client = Client::new(settings(Some(RetryBudget::Envoy { percent: 20.0, min: 1 })));
        (0..10).for_each(|_| client.sent(Time::ZERO, Attempt::First));
        assert!(retry(&mut client, 0, 1).is_some() && retry(&mut client, 0, 1).is_some());
        assert_eq!(retry(&mut client, 0, 1), None, "two of ten are under way, though not sent yet");
        client.retry_dropped();
        assert!(retry(&mut client, 0, 1).is_some());
    }

    #[test]
    fn finagle_forgets_after_its_window() {
        let ttl = Span::from_whole_secs(10);
        let rule = RetryBudget::Finagle { ttl, min_per_second: 0.0, percent: 20.0 };
        let mut client = Client::new(settings(Some(rule)));
        (0..10).for_each(|_| client.sent(Time::ZERO, Attempt::First));
        assert!(retry(&mut client, 0, 1).is_some() && retry(&mut client, 0, 1).is_some());
        assert_eq!(retry(&mut client, 0, 1), None);
        (0..10).for_each(|_| client.sent(Time::ZERO + Span::from_whole_secs(5), Attempt::First));
        assert!(retry(&mut client, 12, 1).is_some() && retry(&mut client, 12, 1).is_some());
        assert_eq!(retry(&mut client, 16, 1), None);
    }

    #[test]
    fn a_circuit_opens_waits_and_tries() {
        let breaker =
            CircuitBreaker { failure_rate: 0.5, window: 4, open_for: Span::from_whole_secs(10), probes: 2 };
        let mut client = Client::new(ClientSettings { breaker: Some(breaker), ..settings(None) });
        let mut attempt = |secs: u64, outcome: Outcome| {
            let now = Time::ZERO + Span::from_whole_secs(secs);
            let sent = client.may_send(now);
            if sent {
                client.sent(now, Attempt::First);
                client.ended(now, outcome, Attempt::First);
            }
            sent
        };
        use Outcome::{Error, Ok};
        assert!([Ok, Error, Ok, Error].into_iter().all(|outcome| attempt(0, outcome)));
        assert!(!attempt(1, Ok) && !attempt(9, Ok), "open");
        assert!(attempt(10, Error) && !attempt(11, Ok), "a failed probe opens it again");
        assert!(attempt(20, Ok) && attempt(20, Ok) && attempt(20, Error), "two good probes close it");
    }
}
