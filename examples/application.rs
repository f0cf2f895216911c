//! An application's own tasks on poolsim's pool: four threads, a queue of eight, a time-out, metrics, an end in
//! peace.
//!
//! `cargo run --example application`

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example works and prints")]

use poolsim::live::pool::{GivenUp, Pool, Request};
use poolsim::outcome::Outcome;
use poolsim::policy::{OnTimeout, PoolSettings, ServiceTimeout, Slots, TimeoutOrigin};
use poolsim::time::Span;
use std::thread::sleep;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = PoolSettings::fifo(Slots::Limited(4));
    settings.queue_capacity = Some(8);
    settings.service_timeout = Some(ServiceTimeout {
        span: Span::from_millis(200),
        origin: TimeoutOrigin::Dispatch,
        then: OnTimeout::Cancel { grace: Span::from_millis(50) },
    });
    let pool = Pool::new(settings, None)?;

    // Twelve fit in: four run, eight wait. The rest is refused at once.
    let work = |_: GivenUp<'_>| {
        sleep(Duration::from_millis(30));
        Ok::<_, String>(())
    };
    let crowd: Vec<_> = (0..16).map(|_| pool.submit(Request::default(), work)).collect();
    let refused = crowd.into_iter().map(|task| task.wait().outcome);
    let refused = refused.filter(|outcome| *outcome == Outcome::Rejected).count();
    println!("of 16 tasks at once {refused} were refused");

    // One that takes too long is told so by its flag.
    let slow = pool.submit(Request::default(), |given_up| {
        while !given_up.is_raised() {
            sleep(Duration::from_millis(1));
        }
        Ok::<_, String>(())
    });
    println!("the slow one: {}", slow.wait().outcome.name());

    let metrics = pool.shutdown(Duration::from_secs(1))?;
    let ms = |p| metrics.sojourn.quantile(p).map_or(0.0, |span| span.secs() * 1000.0);
    println!("{} tasks; sojourn p50 {:.0} ms, p95 {:.0} ms", metrics.submitted, ms(0.5), ms(0.95));
    for outcome in Outcome::ALL {
        let count = metrics.outcomes[outcome as usize];
        if count > 0 {
            println!("  {:<10} {count}", outcome.name());
        }
    }
    Ok(())
}
