//! Delays that scatter as they were measured to, in place of their medians. A pool whose delays are constants is the same
//! in every run, and where a fraction of a millisecond decides it would be sure of what a real one leaves to chance.

use crate::model::Model;
use crate::workload::Distribution;
use crate::workload::recording::{RecordedConstants, RecordedSpread, millis};

/// Gives a scenario's model the spreads that were measured. What was set otherwise than measured stays as it is.
/// `way`: of what hand-over and answer take, too, which services that were measured have in them.
pub(super) fn put_in(model: &mut Model, constants: &RecordedConstants, way: bool) {
    let pool = &mut model.pools[0];
    let (life, transport) = (&mut pool.life, &mut pool.transport);
    let put = |at: &mut Distribution, spread: &str, constant: &str| {
        let measured = Distribution::Deterministic { value: millis(constants.of(constant)).secs() };
        if let Some(spread) = constants.distribution.get(spread).filter(|one| one.n > 0 && *at == measured) {
            *at = law(spread);
        }
    };
    if way {
        put(&mut transport.dispatch, "dispatch", "dispatch_ms");
        put(&mut transport.late, "sleep_late", "sleep_late_ms");
        put(&mut transport.reply, "reply", "reply_ms");
    }
    put(&mut transport.timer_late, "timer_late", "timer_late_ms");
    put(&mut life.kill_exit, "kill_exit", "kill_exit_ms");
    put(&mut life.crash_exit, "crash_exit", "crash_exit_ms");
    put(&mut life.start_up, "start", "start_ms");
}

/// A distribution with the quantiles of a spread, even between them; above the 99th percentile as far as the mean asks for.
fn law(spread: &RecordedSpread) -> Distribution {
    let ends = [spread.min, spread.p10, spread.p50, spread.p90, spread.p99].map(|ms| (ms / 1e3).max(0.0));
    let shares = [0.1, 0.4, 0.4, 0.09, 0.01];
    let below: f64 = ends.windows(2).zip(shares).map(|(pair, share)| share * (pair[0] + pair[1]) / 2.0).sum();
    let mean_above = (spread.mean / 1e3 - below) / shares[4];
    let top = (2.0 * mean_above - ends[4]).clamp(ends[4], (spread.max / 1e3).max(ends[4]));
    let bounds: Vec<f64> = ends.into_iter().chain([top]).collect();
    let part = |pair: &[f64]| match pair[0] < pair[1] {
        true => Distribution::Uniform { low: pair[0], high: pair[1] },
        false => Distribution::Deterministic { value: pair[0] },
    };
    Distribution::Mixture { probabilities: shares.to_vec(), parts: bounds.windows(2).map(part).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::workload::Sampler;

    #[test]
    fn the_law_has_the_quantiles_of_the_spread() {
        // Dispatch as recorded in tests/data/orchestrator/constants.toml.
        let spread = RecordedSpread {
            n: 6838,
            min: 0.06,
            p10: 0.12,
            p50: 0.19,
            mean: 0.264,
            p90: 0.33,
            p99: 2.67,
            max: 5.74,
        };
        let law = law(&spread);
        // Values bunch towards the lower of two quantiles far apart, so a law that is even between them has a larger mean.
        assert!((0.264..0.35).contains(&(law.mean() * 1e3)), "{}", law.mean());
        let (sampler, mut stream) = (Sampler::new(&law), Streams::new(1, 0).stream(Purpose::Search, 0));
        let mut drawn: Vec<f64> = (0..40_000).map(|_| sampler.draw(&mut stream).secs() * 1e3).collect();
        drawn.sort_by(f64::total_cmp);
        for (p, wanted) in [(0.1, 0.12), (0.5, 0.19), (0.9, 0.33)] {
            let got = drawn[(p * 40_000.0) as usize];
            assert!((got - wanted).abs() < 0.01, "{p}: {got}");
        }
        assert!(drawn[0] >= 0.06 && drawn[39_999] <= 5.74);
    }

    #[test]
    fn timers_that_were_early_are_not_late() {
        let spread = RecordedSpread { n: 9, min: -0.7, p10: -0.1, p50: 0.8, ..RecordedSpread::default() };
        let law = law(&RecordedSpread { p90: 2.0, p99: 3.0, max: 4.0, mean: 0.9, ..spread });
        let Distribution::Mixture { parts, .. } = &law else { panic!("{law:?}") };
        assert_eq!(parts[0], Distribution::Deterministic { value: 0.0 });
    }
}
