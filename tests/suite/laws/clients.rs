//! Clients and routers under random input: budgets are never overdrawn, circuits open and close as told, and a route
//! never chooses an instance that takes no requests.

use poolsim::outcome::{Outcome, OutcomeSet};
use poolsim::policy::client::{Attempt, Client, History};
use poolsim::policy::route::Router;
use poolsim::policy::{Backoff, CircuitBreaker, ClientRetry, ClientSettings, Jitter, RetryBudget, Routing};
use poolsim::random::{Purpose, Streams};
use poolsim::time::{Span, Time};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestCaseError;

/// What happens to a client next: time passes, a first attempt is sent, or one in flight ends so.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u16),
    Send,
    End { which: u8, outcome: Outcome },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        2 => Just(Outcome::Ok),
        2 => Just(Outcome::Error),
        1 => Just(Outcome::Timeout),
        1 => Just(Outcome::Crash),
    ];
    let end = (any::<u8>(), outcome).prop_map(|(which, outcome)| Step::End { which, outcome });
    prop::collection::vec(
        prop_oneof![1 => any::<u16>().prop_map(Step::Pass), 3 => Just(Step::Send), 5 => end],
        1..200,
    )
}

fn settings(budget: Option<RetryBudget>, breaker: Option<CircuitBreaker>) -> ClientSettings {
    ClientSettings {
        attempt_deadline: Span::NEVER,
        total_deadline: Span::NEVER,
        cancels: false,
        retry: Some(ClientRetry {
            max: 3,
            on: OutcomeSet::of(&[Outcome::Error, Outcome::Timeout]),
            persistence: 1.0,
            adaptive: false,
            backoff: Backoff::Constant,
            base: Span::from_millis(10),
            cap: Span::NEVER,
            jitter: Jitter::None,
            drawn: false,
            budget,
        }),
        hedge: None,
        breaker,
    }
}

/// An attempt in flight: how many its request has had, and after what it is a retry.
type Flight = (u32, Option<Outcome>);

/// What a book-keeper saw: first attempts and retries with their instants, attempts in flight at each retry.
#[derive(Debug, Default)]
struct Seen {
    firsts: Vec<Time>,
    retries: Vec<(Time, Outcome)>,
    at_retry: Vec<(u32, u32)>,
    ends: Vec<(Time, Outcome, Option<Outcome>)>,
    most_attempts: u32,
}

/// Drives a client through the steps; `look` is called after each.
fn drive(
    client: &mut Client,
    steps: &[Step],
    mut look: impl FnMut(&Seen, Time) -> Result<(), TestCaseError>,
) -> Result<Seen, TestCaseError> {
    let mut seen = Seen::default();
    let mut now = Time::ZERO;
    let mut flights: Vec<Flight> = Vec::new();
    let mut chance = Streams::new(1, 0).stream(Purpose::Backoff, 0);
    for &step in steps {
        match step {
            Step::Pass(ms) => now = now + Span::from_millis(u64::from(ms) / 8),
            Step::Send => {
                if client.may_send(now) {
                    client.sent(now, Attempt::First);
                    flights.push((1, None));
                    seen.firsts.push(now);
                }
            }
            Step::End { which, outcome } if !flights.is_empty() => {
                let (attempts, after) = flights.swap_remove(usize::from(which) % flights.len());
                let kind = after.map_or(Attempt::First, |after| Attempt::Retry { after });
                client.ended(now, outcome, kind);
                seen.ends.push((now, outcome, after));
                let history = History { attempts, last_delay: Span::ZERO, deadline: Time::NEVER };
                let in_flight = flights.len() as u32;
                let retrying = flights.iter().filter(|flight| flight.1.is_some()).count() as u32;
                if outcome != Outcome::Ok && client.retry(now, outcome, history, None, &mut chance).is_some()
                {
                    seen.at_retry.push((in_flight, retrying));
                    seen.retries.push((now, outcome));
                    seen.most_attempts = seen.most_attempts.max(attempts + 1);
                    // The back-off is left out: the retry is sent at once.
                    if client.may_send(now) {
                        client.sent(now, Attempt::Retry { after: outcome });
                        flights.push((attempts + 1, Some(outcome)));
                    } else {
                        client.retry_dropped();
                    }
                }
            }
            Step::End { .. } => {}
        }
        look(&seen, now)?;
    }
    Ok(seen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default() })]

    #[test]
    fn attempts_stay_within_their_limit_and_follow_the_outcomes_named(steps in steps()) {
        let seen = drive(&mut Client::new(settings(None, None)), &steps, |_, _| Ok(()))?;
        prop_assert!(seen.most_attempts <= 4);
        prop_assert!(seen.retries.iter().all(|(_, outcome)| matches!(outcome, Outcome::Error | Outcome::Timeout)));
    }

    #[test]
    fn the_grpc_bucket_is_above_half_at_every_retry(steps in steps()) {
        let mut client = Client::new(settings(Some(RetryBudget::Grpc { max_tokens: 10.0, ratio: 0.5 }), None));
        let seen = drive(&mut client, &steps, |_, _| Ok(()))?;
        // The bucket worked out anew: all ends up to the retry's own.
        let mut retries = seen.retries.iter().peekable();
        let mut tokens: f64 = 10.0;
        for (at, outcome, _) in &seen.ends {
            // Only failures that may be retried cost a token.
            let change = match outcome {
                Outcome::Ok => 0.5,
                Outcome::Error | Outcome::Timeout => -1.0,
                _ => 0.0,
            };
            tokens = (tokens + change).clamp(0.0, 10.0);
            let mine = retries.peek().is_some_and(|retry| retry.0 == *at && retry.1 == *outcome);
            if mine && matches!(outcome, Outcome::Error | Outcome::Timeout) && tokens > 5.0 {
                retries.next();
            }
        }
        prop_assert!(retries.next().is_none(), "a retry with {tokens} tokens or fewer: {seen:?}");
    }

    #[test]
    fn the_aws_bucket_is_never_overdrawn(steps in steps()) {
        let budget = RetryBudget::AwsStandard { capacity: 40.0, cost: 5.0, timeout_cost: 10.0, refill: 1.0 };
        let seen = drive(&mut Client::new(settings(Some(budget), None)), &steps, |_, _| Ok(()))?;
        let cost = |outcome: &Outcome| if *outcome == Outcome::Timeout { 10.0 } else { 5.0 };
        let spent: f64 = seen.retries.iter().map(|(_, outcome)| cost(outcome)).sum();
        let given: f64 = seen
            .ends
            .iter()
            .filter(|end| end.1 == Outcome::Ok)
            .map(|end| end.2.as_ref().map_or(1.0, &cost))
            .sum();
        prop_assert!(spent <= 40.0 + given, "spent {spent}, had 40 and got {given}");
    }

    #[test]
    fn envoy_retries_are_a_share_of_what_is_in_flight(steps in steps()) {
        let mut client = Client::new(settings(Some(RetryBudget::Envoy { percent: 20.0, min: 3 }), None));
        let seen = drive(&mut client, &steps, |_, _| Ok(()))?;
        for (in_flight, retrying) in &seen.at_retry {
            let allowed = (f64::from(*in_flight) * 0.2).max(3.0);
            prop_assert!(f64::from(*retrying) < allowed, "{retrying} of {in_flight}");
        }
    }

    #[test]
    fn finagle_retries_never_outrun_their_deposits(steps in steps()) {
        let budget = RetryBudget::Finagle { ttl: Span::from_whole_secs(10), min_per_second: 0.2, percent: 20.0 };
        let window = |at: Time, now: Time| now.since(at) < Span::from_whole_secs(10);
        drive(&mut Client::new(settings(Some(budget), None)), &steps, |seen, now| {
            // Deposits of a fifth of each first attempt within any window, and a reserve of 2.
            let deposits = seen.firsts.iter().filter(|at| now.since(**at) < Span::from_whole_secs(20)).count() as f64 * 0.2;
            let withdrawn = seen.retries.iter().filter(|(at, _)| window(*at, now)).count() as f64;
            prop_assert!(withdrawn <= deposits + 2.0 + 1e-9, "{withdrawn} retries, {deposits} deposited");
            Ok(())
        })?;
    }

    #[test]
    fn an_open_circuit_lets_nothing_through_and_a_half_open_one_only_its_probes(steps in steps()) {
        let rule = CircuitBreaker { failure_rate: 0.5, window: 4, open_for: Span::from_whole_secs(2), probes: 2 };
        let seen = drive(&mut Client::new(settings(None, Some(rule))), &steps, |_, _| Ok(()))?;
        // Four failures in a row open the circuit whatever was before: then at most the probes until a success.
        let mut run = 0;
        for end in &seen.ends {
            run = if end.1 == Outcome::Ok { 0 } else { run + 1 };
            if run == 4 {
                let sent = |from: &&Time| **from > end.0 && from.since(end.0) < Span::from_whole_secs(2);
                let through = seen.firsts.iter().filter(sent).count();
                prop_assert_eq!(through, 0, "sent beside an open circuit: {:?}", seen);
            }
            if run >= 4 {
                break;
            }
        }
    }

    #[test]
    fn a_route_chooses_who_takes_requests_and_the_least_loaded_where_it_says_so(
        loads in prop::collection::vec(prop::option::weighted(0.8, 0u32..6), 1..9),
        which in 0usize..6,
        keys in prop::collection::vec(any::<u64>(), 1..20),
    ) {
        let members = loads.len();
        let routing = match which {
            0 => Routing::Random(Vec::new()),
            1 => Routing::RoundRobin,
            2 => Routing::WeightedRoundRobin((1..=members).map(|weight| weight as f64).collect()),
            3 => Routing::LeastLoaded,
            4 => Routing::ShortestOf(2),
            _ => Routing::ConsistentHash { replicas: 20 },
        };
        let least = loads.iter().flatten().min();
        let worst = loads.iter().flatten().max();
        let alone = loads.iter().flatten().filter(|load| Some(*load) == worst).count() == 1;
        let mut router = Router::new(routing, members, Streams::new(3, 0).stream(Purpose::Routing, 0));
        for key in keys {
            let chosen = router.choose(key, members, |member| loads[member]);
            prop_assert_eq!(chosen.is_some(), least.is_some(), "someone is chosen where someone is up");
            let Some(load) = chosen.map(|member| loads[member]) else { continue };
            prop_assert!(load.is_some(), "the chosen one is up");
            prop_assert!(which != 3 || load == least.copied());
            // Of two that are up the only worst one is never taken; where all of both were down others stand in.
            if which == 4 && alone && loads.iter().all(Option::is_some) && members > 1 {
                prop_assert!(load != worst.copied());
            }
        }
    }
}
