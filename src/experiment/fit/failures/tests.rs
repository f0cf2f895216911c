//! Failures and retries that are known, counted again.

use super::*;

fn tries(ends: &[Option<Fate>]) -> Tries {
    Tries { class: 0, ends: ends.to_vec() }
}

fn counted(all: &[Tries]) -> Failures {
    count(&[], &all.iter().collect::<Vec<_>>())
}

#[test]
fn failures_are_counted_by_execution_and_not_by_how_requests_end() {
    let (ok, crash) = (Some(Fate::Ok), Some(Fate::Crash));
    let mut all = vec![tries(&[ok]); 90];
    all.extend(vec![tries(&[crash, ok]); 8]);
    all.extend(vec![tries(&[crash, crash, ok]); 2]);
    let found = counted(&all);
    assert_eq!((found.counts["crash"], found.of, found.sticky), (12, 112, false));
    assert_eq!(found.again, (10, 2));
}

#[test]
fn what_fails_again_whenever_it_is_tried_again_is_sticky_and_counted_by_request() {
    let (ok, error) = (Some(Fate::Ok), Some(Fate::Error));
    let mut all = vec![tries(&[ok]); 95];
    all.extend(vec![tries(&[error, error]); 5]);
    let found = counted(&all);
    assert_eq!((found.counts["error"], found.of, found.sticky), (5, 100, true));
}

#[test]
fn failing_often_is_not_failing_always() {
    // Four of five fail, so most of what is tried again fails again by chance.
    let (ok, error) = (Some(Fate::Ok), Some(Fate::Error));
    let mut all = vec![tries(&[ok]); 20];
    all.extend(vec![tries(&[error, error]); 64]);
    all.extend(vec![tries(&[error, ok]); 16]);
    let found = counted(&all);
    assert!(!found.sticky && found.of == 180, "{found:?}");
}

#[test]
fn what_was_cut_short_is_neither_good_nor_bad() {
    let found = counted(&[tries(&[None, Some(Fate::Ok)]), tries(&[None]), tries(&[Some(Fate::Error)])]);
    assert_eq!((found.of, found.counts.len(), found.again), (2, 1, (0, 0)));
}

fn request(fate: Fate, outcome: Outcome, hand_overs: u32) -> Replayed {
    Replayed {
        class: 0,
        fate: Some(fate),
        outcome: Some(outcome),
        attempts: 1,
        hand_overs,
        sent: 0.0,
        started: Some(0.0),
        end: 0.03,
        demand: 0.03,
    }
}

#[test]
fn the_rule_of_retries_is_what_they_followed_and_how_many_there_were() {
    let good = [request(Fate::Ok, Outcome::Ok, 1), request(Fate::Crash, Outcome::Ok, 3)];
    let seen = retries(&good).unwrap();
    assert_eq!((seen.n, seen.max, seen.given_up), (2, 2, false));
    assert_eq!(seen.on, [Outcome::Crash]);
    let spent = [request(Fate::Hang, Outcome::Timeout, 2), request(Fate::Ok, Outcome::Ok, 2)];
    let seen = retries(&spent).unwrap();
    assert!(seen.given_up && seen.on == [Outcome::Timeout], "{seen:?}");
    // A time-out that nobody planned cuts short what would have been.
    assert_eq!(super::tries(&spent)[1].ends, [None, Some(Fate::Ok)]);
    assert_eq!(retries(&[request(Fate::Crash, Outcome::Crash, 1)]), None);
    // A client that sends again is no pool that tries again.
    assert_eq!(retries(&[Replayed { attempts: 2, ..request(Fate::Crash, Outcome::Ok, 2) }]), None);
}

#[test]
fn the_place_of_retries_is_told_by_those_that_waited() {
    // One slot: it fails at 30 ms, when another has waited for 20 ms; both take 30 ms.
    let retried = |end| Replayed { end, ..request(Fate::Crash, Outcome::Ok, 2) };
    let waited =
        |started| Replayed { sent: 0.01, started: Some(started), ..request(Fate::Ok, Outcome::Ok, 1) };
    assert_eq!(place(&[retried(0.06), waited(0.06)]), Some(RetryPlace::Head));
    assert_eq!(place(&[retried(0.09), waited(0.031 + 0.002)]), Some(RetryPlace::Tail));
    assert_eq!(place(&[retried(0.06), waited(0.01)]), None);
}
