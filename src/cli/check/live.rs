//! A check of a real scheduler: its runs now against those of its baseline, or old and new in turn.

use super::{Check, interrupt, terminal};
use crate::cli::exit::Failure;
use crate::cli::targets::{RawTarget, TargetName, words};
use crate::experiment::check::live::{MakeTarget, alternate, run};
use crate::experiment::check::{self, Asked, Baseline, Checked, Measured, Played};
use crate::experiment::plan::Plan;
use crate::live::own::OwnPools;
use crate::live::target::{Target, TargetError};
use crate::model::Model;
use std::sync::Arc;

/// Blocks of the pilot, from whose spread the number of all is found.
const PILOT: u64 = 4;
/// Most blocks.
const MOST: u64 = 30;
/// Real times below this are noise of the machine, seconds.
const GRAIN: f64 = 2e-3;

/// What a live check is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Live {
    /// What is driven.
    pub(super) target: TargetName,
    /// Command of a worker; threads without one.
    pub(super) worker: Option<String>,
    /// Command of the old worker, to run in turn.
    pub(super) against: Option<String>,
    /// Blocks or runs, if given.
    pub(super) repeats: Option<u64>,
    /// Model seconds per real second.
    pub(super) speed: f64,
}

type Made = Result<Box<dyn Target>, TargetError>;

fn maker(model: &Model, worker: Option<&String>) -> Result<impl Fn(u64) -> Made + use<>, Failure> {
    let (model, command) = (model.clone(), worker.map(|text| words("--worker", text)).transpose()?);
    Ok(move |run: u64| -> Made {
        let mut pools = match &command {
            None => OwnPools::threads(&model, run),
            Some(command) => OwnPools::processes(&model, run, command.clone()),
        };
        pools.heed(Arc::new(interrupt::asked));
        Ok(Box::new(pools))
    })
}

impl Live {
    /// What verdicts are told of a live scheduler.
    pub(super) fn asked(&self, asked: Asked) -> Asked {
        Asked { live: true, grain: GRAIN * self.speed, pairs: self.against.is_some(), ..asked }
    }

    fn model<'p>(&self, plan: &'p Plan) -> Result<&'p Model, Failure> {
        match &plan.points[..] {
            [only] => Ok(&only.model),
            _ => Err(Failure::new(
                "a live check runs one point, and the experiment has several",
                "check its model file, or an experiment without axes",
            )),
        }
    }

    /// Runs of the scheduler as it is.
    ///
    /// # Errors
    /// A [`Failure`] of the target.
    pub(super) fn measure(
        &self,
        plan: &Plan,
        asked: &Asked,
        then: Option<&Baseline>,
        command: String,
    ) -> Result<Measured, Failure> {
        let model = self.model(plan)?;
        let named = RawTarget { target: self.target, worker: self.worker.clone(), url: None, adapter: None };
        // What is missing to reach it is said before anything runs.
        drop(named.target(model, 0, self.speed, None)?);
        let make = |run: u64| -> Made {
            named.target(model, run, self.speed, None).map_err(|failure| match failure {
                Failure::Said { text, hint } => TargetError { text, hint },
                Failure::Interrupted => TargetError::interrupted(),
                _ => TargetError { text: String::from("the target could not be made"), hint: String::new() },
            })
        };
        let stored = then.and_then(|then| then.points.first()).map(|point| point.runs.len() as u64);
        let runs = self.repeats.or(stored).unwrap_or(2 * PILOT).max(2);
        let one = |index| run(model, &make, index, self.speed, &interrupt::asked);
        let played: Result<Vec<Played>, TargetError> = (0..runs).map(one).collect();
        let mut measured = check::measure(plan, &[played?], asked, then, command)?;
        measured.baseline.target = Some(self.target.word().to_owned());
        Ok(measured)
    }

    /// Old and new in turn: as many blocks as told, or as the spread of a pilot asks for. The pilot's means are not
    /// looked at, so the number of blocks does not lean on what they say.
    ///
    /// # Errors
    /// A [`Failure`] of either target.
    pub(super) fn compare(&self, args: &Check, plan: &Plan, asked: &Asked) -> Result<Checked, Failure> {
        let model = self.model(plan)?;
        let (old, new) = (maker(model, self.against.as_ref())?, maker(model, self.worker.as_ref())?);
        let (old, new): (MakeTarget<'_>, MakeTarget<'_>) = (&old, &new);
        let blocks = |from: u64, to: u64| {
            alternate((model, old), (model, new), from..to, self.speed, &interrupt::asked)
        };
        let first = self.repeats.unwrap_or(PILOT).max(2);
        let mut both = blocks(0, first)?;
        if self.repeats.is_none() {
            let pilot = judged(plan, asked, both.old.clone(), both.new.clone())?;
            let all = needed(&pilot, first);
            if !args.study.out.quiet {
                terminal::say(&format!("{all} blocks of an old and a new run, by the spread of {first}"));
            }
            let more = blocks(first, all)?;
            both.old.extend(more.old);
            both.new.extend(more.new);
        }
        judged(plan, asked, both.old, both.new)
    }
}

fn judged(plan: &Plan, asked: &Asked, old: Vec<Played>, new: Vec<Played>) -> Result<Checked, Failure> {
    let then = check::measure(plan, &[old], asked, None, String::new())?.baseline;
    let now = check::measure(plan, &[new], asked, Some(&then), String::new())?.baseline;
    Ok(check::judge(&then, &now, asked, Vec::new()))
}

/// Blocks with which a change of twice the threshold is seen with the power asked for, for most figures: the spread
/// shrinks with the root of their number.
fn needed(pilot: &Checked, made: u64) -> u64 {
    let mut wanted: Vec<f64> = pilot
        .rows
        .iter()
        .filter_map(|row| {
            let beyond = row.smallest? - row.threshold;
            (row.threshold > 0.0).then(|| beyond / row.threshold)
        })
        .map(|ratio| (made as f64 * ratio * ratio).ceil())
        .collect();
    wanted.sort_by(f64::total_cmp);
    let at = wanted.len() * 3 / 4;
    wanted.get(at).map_or(made, |&n| (n as u64).clamp(made, MOST))
}

/// The failure of a target that cannot be checked so.
pub(super) fn refuse(raw_target: bool, against: bool, worker: bool) -> Option<Failure> {
    if against && !worker {
        return Some(Failure::new(
            "--against needs the new worker too",
            "write --target process --worker NEW --against OLD",
        ));
    }
    (!raw_target && (against || worker))
        .then(|| Failure::new("--worker and --against need a target", "write --target process"))
}
