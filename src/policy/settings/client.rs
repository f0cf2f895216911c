//! What clients are told: deadlines, retries and their budgets, hedges, circuit breakers.

use crate::outcome::OutcomeSet;
use crate::time::Span;

/// Back-off before a client's retry.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    /// `base` each time.
    Constant,
    /// `base * k` before retry k = 1, 2, …
    Linear,
    /// `base * factor^(k-1)`.
    Exponential {
        /// Growth per retry.
        factor: f64,
    },
    /// `base * k^exponent`.
    Polynomial {
        /// The exponent.
        exponent: f64,
    },
}

/// How a back-off is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all.
    None,
    /// Uniform on [0, b).
    Full,
    /// b/2 plus uniform on [0, b/2).
    Equal,
    /// Uniform on [base, 3 * the last delay), capped.
    Decorrelated,
}

/// What limits retries over all requests of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryBudget {
    /// gRPC retry throttling (A6): a failure costs 1 token, a success gives `ratio`; retries while tokens are
    /// above half of `max_tokens`.
    Grpc {
        /// Size of the bucket, at most 1000.
        max_tokens: f64,
        /// Tokens per success.
        ratio: f64,
    },
    /// AWS SDK standard mode: a bucket of `capacity`; a retry costs `cost` (time-outs `timeout_cost`), which is
    /// given back when the retry succeeds; a first-try success gives `refill`.
    AwsStandard {
        /// Size of the bucket (500).
        capacity: f64,
        /// Cost of a retry (5).
        cost: f64,
        /// Cost of a retry after a time-out (10).
        timeout_cost: f64,
        /// Given per success without retry (1).
        refill: f64,
    },
    /// Envoy: retries in flight at most `percent` of requests in flight, rounded down, but at least `min`.
    Envoy {
        /// Share of active requests, in percent.
        percent: f64,
        /// Retries always allowed.
        min: u32,
    },
    /// Finagle: over a window `ttl`, retries at most `percent` of requests plus `min_per_second`.
    Finagle {
        /// Window.
        ttl: Span,
        /// Retries per second always allowed.
        min_per_second: f64,
        /// Share of requests.
        percent: f64,
    },
}

/// Retries made by the client.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRetry {
    /// How many; `u32::MAX` for no limit.
    pub max: u32,
    /// After which outcomes.
    pub on: OutcomeSet,
    /// Probability that a failed attempt that may be retried is.
    pub persistence: f64,
    /// Length of the back-off before jitter.
    pub backoff: Backoff,
    /// Its unit.
    pub base: Span,
    /// Its largest value.
    pub cap: Span,
    /// Its spread.
    pub jitter: Jitter,
    /// Delays drawn by the driver instead of `backoff`: true when the model gives distributions.
    pub drawn: bool,
    /// Budget.
    pub budget: Option<RetryBudget>,
    /// Whether the client slows its sending down when attempts are refused (AWS SDK, adaptive mode).
    pub adaptive: bool,
}

/// A second attempt sent before the first has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// After this time without an answer.
    pub after: Span,
    /// At most so many extra attempts.
    pub max: u32,
}

/// A client that stops sending for a while when too much fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CircuitBreaker {
    /// Share of failures that opens it.
    pub failure_rate: f64,
    /// Over the last so many attempts.
    pub window: u32,
    /// How long it stays open.
    pub open_for: Span,
    /// Attempts let through to try whether it may close.
    pub probes: u32,
}

/// How a client behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSettings {
    /// Gives up an attempt after this time from its send.
    pub attempt_deadline: Span,
    /// Gives up the request after this time from its first send. Where the driver draws it, this is only its mean, and
    /// says that there is one.
    pub total_deadline: Span,
    /// Whether giving up withdraws the job from the pool.
    pub cancels: bool,
    /// Retries.
    pub retry: Option<ClientRetry>,
    /// Hedging.
    pub hedge: Option<Hedge>,
    /// Circuit breaker.
    pub breaker: Option<CircuitBreaker>,
}
