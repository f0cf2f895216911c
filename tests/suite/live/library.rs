//! The pool as an application's own.

use super::told_again;
use crate::records::Folder;
use poolsim::live::journal::redrive::Redriven;
use poolsim::live::pool::{Pool, Request};
use poolsim::outcome::{Outcome, OutcomeSet};
use poolsim::policy::{
    DelayGrowth, OnTimeout, PoolRetry, PoolSettings, RetryPlace, ServiceTimeout, Slots, TimeoutOrigin,
};
use poolsim::time::Span;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

#[test]
fn results_errors_and_panics_find_their_handles() {
    let pool = Pool::fifo(3).unwrap();
    let handles: Vec<_> =
        (0..200u64).map(|n| pool.submit(Request::default(), move |_| Ok::<_, String>(n * n))).collect();
    let failing = pool.submit(Request::default(), |_| Err::<(), _>("no such thing"));
    let panicking = pool.submit(Request::default(), |_| -> Result<(), String> { panic!("on purpose") });
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.wait().value, Some((n * n) as u64));
    }
    let failed = failing.wait();
    assert_eq!((failed.outcome, failed.error.as_deref()), (Outcome::Error, Some("no such thing")));
    assert_eq!(panicking.wait().outcome, Outcome::Crash);
    let metrics = pool.shutdown(Duration::from_secs(5)).unwrap();
    assert_eq!((metrics.submitted, metrics.outcomes.iter().sum()), (202, 202u64));
    assert_eq!(metrics.outcomes[Outcome::Ok as usize], 200);
    assert_eq!(metrics.sojourn.count(), 202);
}

#[test]
fn a_pool_without_a_limit_has_a_worker_for_every_task() {
    let pool = Pool::new(PoolSettings::fifo(Slots::Unlimited), None).unwrap();
    // Each waits for all the others: fewer workers would never end.
    let meeting = Arc::new(std::sync::Barrier::new(6));
    let meet = |_| {
        let meeting = meeting.clone();
        pool.submit(Request::default(), move |_| {
            meeting.wait();
            Ok::<_, String>(())
        })
    };
    let handles: Vec<_> = (0..6).map(meet).collect();
    assert!(handles.into_iter().all(|handle| handle.wait().outcome == Outcome::Ok));
    pool.shutdown(Duration::from_secs(5)).unwrap();
}

#[test]
fn a_full_queue_refuses_a_time_out_gives_up_and_errors_are_tried_again() {
    let mut settings = PoolSettings::fifo(Slots::Limited(1));
    settings.queue_capacity = Some(2);
    settings.service_timeout = Some(ServiceTimeout {
        span: Span::from_millis(50),
        origin: TimeoutOrigin::Dispatch,
        then: OnTimeout::Cancel { grace: Span::from_millis(5) },
    });
    settings.retry = Some(PoolRetry {
        max: 2,
        on: OutcomeSet::of(&[Outcome::Error]),
        place: RetryPlace::Head,
        delay: Span::ZERO,
        growth: DelayGrowth::NONE,
        turn: Span::ZERO,
    });
    let folder = Folder::new("library");
    let journal = folder.0.join("journal.jsonl");
    let pool = Pool::new(settings, Some(&journal)).unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let slow = pool.submit(Request::default(), move |given_up| {
        while !given_up.is_raised() {
            let _ = gate.lock().unwrap().recv_timeout(Duration::from_millis(1));
        }
        Err::<(), _>("given up")
    });
    let tries = Arc::new(AtomicU32::new(0));
    let own = tries.clone();
    let flaky = pool.submit(Request::default(), move |_| match own.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Err("not yet"),
        n => Ok(n),
    });
    let second = pool.submit(Request::default(), |_| Ok::<_, String>(()));
    let refused = pool.submit(Request::default(), |_| Ok::<_, String>(()));
    assert_eq!(refused.wait().outcome, Outcome::Rejected);
    assert_eq!(slow.wait().outcome, Outcome::Timeout);
    assert_eq!(flaky.wait().value, Some(2), "the third try");
    assert_eq!(second.wait().outcome, Outcome::Ok);
    drop(open);
    let metrics = pool.shutdown(Duration::from_secs(5)).unwrap();
    assert_eq!((metrics.retries, metrics.submitted), (2, 4));
    assert!(matches!(told_again(&journal, |_, _| {}), Redriven::Same { .. }));
    let wider = told_again(&journal, |_, settings| settings.queue_capacity = Some(3));
    assert!(matches!(wider, Redriven::Differs(_)), "{wider:?}");
}

#[test]
fn a_shutdown_ends_every_task() {
    let pool = Pool::fifo(2).unwrap();
    let wait = |given_up: poolsim::live::pool::GivenUp<'_>| {
        while !given_up.is_raised() {
            std::thread::yield_now();
        }
        Ok::<_, String>(())
    };
    let handles: Vec<_> = (0..5).map(|_| pool.submit(Request::default(), wait)).collect();
    let metrics = pool.shutdown(Duration::from_millis(20)).unwrap();
    assert_eq!(metrics.outcomes[Outcome::Cancelled as usize], 5);
    assert!(handles.into_iter().all(|handle| handle.wait().outcome == Outcome::Cancelled));
}

#[test]
fn what_threads_cannot_do_is_refused_by_name() {
    let mut settings = PoolSettings::fifo(Slots::Limited(1));
    settings.worker.heartbeat_timeout = Span::from_whole_secs(1);
    assert!(Pool::new(settings, None).unwrap_err().text.contains("heartbeats"));
    let mut settings = PoolSettings::fifo(Slots::Limited(1));
    let (span, origin, then) = (Span::from_whole_secs(1), TimeoutOrigin::Dispatch, OnTimeout::Kill);
    settings.service_timeout = Some(ServiceTimeout { span, origin, then });
    assert!(Pool::new(settings, None).unwrap_err().text.contains("kills"));
}
