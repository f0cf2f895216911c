//! Closed arrivals: virtual users who think, send, and wait for the end.
//!
//! Users come and go as under k6's `ramping-vus` (`getRawExecutionSteps` in its `lib/executor/ramping_vus.go`):
//! within a stage of length d from a to b users, the j-th change (j = 1 … |b - a|) happens at d * j / |b - a|
//! after the stage's start, so the last one happens at its end; a stage of no length changes the number at once.
//! The user who came last leaves first.

use super::Distribution;
use crate::time::{Span, Time};

/// A stretch of time over which the number of users goes linearly to a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Its length.
    pub duration: Span,
    /// The number of users at its end.
    pub target: u32,
}

/// What a user does first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAct {
    /// Thinks, then sends.
    Think,
    /// Sends at once.
    Request,
}

/// A closed source of requests. The number of users follows the stages as k6's `ramping-vus` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Users {
    /// Users at the start.
    pub initial: u32,
    /// Stages one after another; the last target holds until the horizon.
    pub stages: Vec<Stage>,
    /// When the first stage begins.
    pub start: Span,
    /// Time between the end of a request and the next.
    pub think: Distribution,
    /// Least time from one send to the next of the same user; the think time is prolonged to reach it.
    pub pacing: Span,
    /// What a new user does first.
    pub first: FirstAct,
    /// How long a user who is to leave may wait for the request in flight before dropping it.
    pub graceful_ramp_down: Span,
}

/// When one virtual user comes and goes: derived from stages, or given by a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPlan {
    /// The user begins.
    pub start: Time,
    /// The user begins no new request at or after this instant.
    pub stop: Time,
}

/// The most users that a source may plan over a run: each takes memory.
pub const USERS_MAX: u64 = 10_000_000;

impl Users {
    /// A fixed number of users from the start to the end of the run, without pacing.
    pub fn constant(users: u32, think: Distribution) -> Users {
        Users {
            initial: users,
            stages: Vec::new(),
            start: Span::ZERO,
            think,
            pacing: Span::ZERO,
            first: FirstAct::Think,
            graceful_ramp_down: Span::from_whole_secs(30),
        }
    }

    /// When each user comes and goes, in order of coming, up to the end of the run: users who would come at or
    /// after `horizon` are left out, and all leave there at the latest. Someone who comes after a ramp down is a
    /// new user with a plan of their own; users who would leave the instant they come have none.
    pub fn plans(&self, horizon: Time) -> Vec<UserPlan> {
        let mut plans = Vec::new();
        let mut present = Vec::new();
        let mut begin = Time::ZERO + self.start;
        let come = |at: Time, present: &mut Vec<usize>, plans: &mut Vec<UserPlan>| {
            present.push(plans.len());
            plans.push(UserPlan { start: at, stop: horizon });
        };
        for _ in 0..self.initial {
            come(begin, &mut present, &mut plans);
        }
        for stage in &self.stages {
            if begin >= horizon {
                break;
            }
            let from = present.len() as u64;
            let changes = from.abs_diff(u64::from(stage.target));
            for j in 1..=changes {
                let at = begin + change(stage.duration, j, changes);
                if at >= horizon {
                    // Nobody comes or goes any more, in this stage or a later one.
                    break;
                }
                if u64::from(stage.target) > from {
                    come(at, &mut present, &mut plans);
                } else if let Some(last) = present.pop() {
                    plans[last].stop = at;
                }
            }
            begin = begin + stage.duration;
        }
        plans.retain(|plan| plan.start < plan.stop);
        plans
    }

    /// The most users present at once, over all stages.
    pub fn peak(&self) -> u32 {
        self.stages.iter().map(|stage| stage.target).fold(self.initial, u32::max)
    }

    /// When the last stage ends.
    pub fn stages_end(&self) -> Time {
        self.stages.iter().fold(Time::ZERO + self.start, |at, stage| at + stage.duration)
    }

    /// Whether the same users stay from the start of the run for ever.
    pub fn is_constant(&self) -> bool {
        self.start == Span::ZERO && self.stages.iter().all(|stage| stage.target == self.initial)
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// What is wrong with the first faulty parameter, as text for the user.
    pub fn validate(&self) -> Result<(), String> {
        self.think.validate()?;
        if self.peak() == 0 {
            return Err(String::from("there is never a user: give initial users or a stage with a target"));
        }
        let mut planned = u64::from(self.initial);
        let mut from = self.initial;
        for stage in &self.stages {
            planned += u64::from(stage.target.saturating_sub(from));
            from = stage.target;
        }
        if planned > USERS_MAX {
            return Err(format!("{planned} users come over the run; at most {USERS_MAX} are possible"));
        }
        if self.stages_end() > Time::HORIZON_MAX {
            return Err(String::from("the stages end after the longest possible run"));
        }
        Ok(())
    }
}

/// How long after a stage's start its change number `j` of `changes` happens. k6 counts whole nanoseconds back
/// from the stage's end and drops fractions; so do we.
fn change(duration: Span, j: u64, changes: u64) -> Span {
    let back = u128::from(duration.nanos()) * u128::from(changes - j) / u128::from(changes);
    // At most `duration`, which fits.
    Span::from_nanos(duration.nanos() - back as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(initial: u32, stages: &[(u64, u32)]) -> Users {
        let stages =
            stages.iter().map(|&(secs, target)| Stage { duration: Span::from_whole_secs(secs), target });
        Users {
            initial,
            stages: stages.collect(),
            ..Users::constant(0, Distribution::Deterministic { value: 1.0 })
        }
    }

    fn seconds(plans: &[UserPlan]) -> Vec<(f64, f64)> {
        plans.iter().map(|plan| (plan.start.secs(), plan.stop.secs())).collect()
    }

    const HOUR: Time = Time::from_nanos(3_600_000_000_000);

    #[test]
    fn the_load_plan_of_the_orchestrator_ramps_as_k6_does() {
        // 0 -> 4 in 1 min, -> 10 in 2 min, -> 12 in 2 min, -> 0 in 1 min.
        let users = staged(0, &[(60, 4), (120, 10), (120, 12), (60, 0)]);
        users.validate().unwrap();
        let plans = seconds(&users.plans(HOUR));
        let starts = [15., 30., 45., 60., 80., 100., 120., 140., 160., 180., 240., 300.];
        let expected: Vec<(f64, f64)> = starts
            .iter()
            .zip((1..=12).rev())
            .map(|(&start, k)| (start, 300.0 + 5.0 * f64::from(k)))
            .collect();
        assert_eq!(plans, expected, "the last to come is the first to leave, the first stays to the end");
        assert_eq!((users.peak(), users.stages_end().secs()), (12, 360.0));
    }

    #[test]
    fn who_comes_back_is_a_new_user() {
        let users = staged(2, &[(10, 1), (10, 3), (0, 0), (5, 1)]);
        // One leaves at 10 s, two come at 15 and 20 s; all leave at 20 s, one of them the instant of coming.
        assert_eq!(seconds(&users.plans(HOUR)), [(0.0, 20.0), (0.0, 10.0), (15.0, 20.0), (25.0, 3600.0)]);
    }

    #[test]
    fn constant_users_stay_to_the_end() {
        let users = Users::constant(3, Distribution::Exponential { mean: 1.0 });
        assert!(users.is_constant());
        assert_eq!(seconds(&users.plans(HOUR)), [(0.0, 3600.0); 3]);
        assert_eq!(users.plans(Time::NEVER)[0].stop, Time::NEVER);
        let mut late = users.clone();
        late.start = Span::from_whole_secs(5);
        assert!(!late.is_constant());
        assert_eq!(seconds(&late.plans(HOUR))[0], (5.0, 3600.0));
    }

    #[test]
    fn the_horizon_cuts_plans() {
        let users = staged(0, &[(100, 10), (100, 0)]);
        let horizon = Time::ZERO + Span::from_whole_secs(35);
        assert_eq!(seconds(&users.plans(horizon)), [(10.0, 35.0), (20.0, 35.0), (30.0, 35.0)]);
        assert!(users.plans(Time::ZERO).is_empty());
    }

    #[test]
    fn uneven_steps_end_on_the_stage() {
        // Thirds of a second have no whole nanoseconds; k6 rounds towards the later one.
        let users = staged(0, &[(1, 3)]);
        let starts: Vec<u64> = users.plans(HOUR).iter().map(|plan| plan.start.nanos()).collect();
        assert_eq!(starts, [333_333_334, 666_666_667, 1_000_000_000]);
    }

    #[test]
    fn impossible_crowds_are_refused() {
        assert!(staged(0, &[(10, 0)]).validate().unwrap_err().contains("never a user"));
        assert!(staged(u32::MAX, &[]).validate().unwrap_err().contains("at most"));
        assert!(staged(1, &[(1 << 28, 2)]).validate().unwrap_err().contains("longest possible"));
    }
}
