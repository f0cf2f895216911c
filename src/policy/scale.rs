//! How many instances there should be.

use super::settings::Autoscaler;
use crate::time::Time;

/// The state of one autoscaler: target tracking on the share of busy slots, as Kubernetes' horizontal pod
/// autoscaler computes it: `desired = ceil(current * utilization / target)`.
#[derive(Clone, Debug)]
pub struct Scaler {
    settings: Autoscaler,
    last_change: Time,
}

impl Scaler {
    /// A scaler that has changed nothing yet.
    pub fn new(settings: Autoscaler) -> Scaler {
        Scaler { settings, last_change: Time::ZERO }
    }

    /// What it is told.
    pub fn settings(&self) -> &Autoscaler {
        &self.settings
    }

    /// How many instances are wanted, with `current` (up or booting) and the utilization seen.
    pub fn decide(&mut self, now: Time, current: u32, utilization: f64) -> u32 {
        let ratio = utilization / self.settings.target_utilization;
        // A tenth around the target is not worth a change (the tolerance of Kubernetes).
        if (ratio - 1.0).abs() <= 0.1 {
            return current;
        }
        let wanted = (f64::from(current) * ratio).ceil() as u32;
        let wanted = wanted.clamp(self.settings.min, self.settings.max);
        let cooling = now.since(self.last_change) < self.settings.cool_down;
        if wanted == current || (wanted < current && cooling) {
            return current;
        }
        self.last_change = now;
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn it_grows_at_once_and_shrinks_after_its_cool_down() {
        let settings = Autoscaler {
            min: 1,
            max: 10,
            target_utilization: 0.5,
            interval: Span::from_whole_secs(15),
            metric_lag: Span::ZERO,
            boot: Span::ZERO,
            cool_down: Span::from_whole_secs(300),
        };
        let at = |secs| Time::ZERO + Span::from_whole_secs(secs);
        let mut scaler = Scaler::new(settings);
        assert_eq!(scaler.decide(at(1), 2, 1.0), 4);
        assert_eq!(scaler.decide(at(2), 4, 0.52), 4, "within the tolerance");
        assert_eq!(scaler.decide(at(100), 4, 0.1), 4, "still cooling");
        assert_eq!(scaler.decide(at(301), 4, 0.1), 1);
        assert_eq!(scaler.decide(at(302), 4, 9.0), 10);
    }
}
