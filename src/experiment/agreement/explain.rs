//! Why the simulation is off: each semantic switched off or on by itself, ranked by how much of the gap it closes.
//!
//! The *gap* of a variant is the mean over figures (latency quantiles and waits of all requests, shares by outcome,
//! retries) of the distance between its mean over seeds and the recorded mean, in units of what does not matter there
//! (the margin, or where real runs scatter more, their standard deviation). The mean over seeds is what is compared, so
//! that a variant is not blamed for leaving things to chance. Variants run under the same seeds: what one closes is
//! a paired difference of jackknife pseudo-values (Tukey 1958), with its interval, which also allows for how else the few
//! real runs might have come out. A cause is claimed only where some figure is farther off than what does not matter, and
//! as one claim of many (Holm).
//!
//! A semantic is a change of the model, made without knowing what the real scheduler does: one that is on is switched
//! off, one that is off is switched on. What it cannot do: find a semantic that is not in the list, or tell apart two that
//! move the same figures by the same amount.

mod semantics;

use super::Terms;
use super::figures::{self, Figure};
use crate::experiment::fit::workers::Constant;
use crate::experiment::record::Parts;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::stats::{Contrast, Estimate, Level, RequestSeen, interval, multiple};
use semantics::{Delays, Try};
use serde::{Deserialize, Serialize};

/// What one change does to the gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closing {
    /// The semantic, such as "dying window".
    pub semantic: String,
    /// What was done to it, such as "switched on".
    pub change: String,
    /// How much of the gap it closes (negative: it widens it), in the gap's unit.
    pub closes: Estimate,
    /// The same as a share of the gap.
    pub share: f64,
    /// How much it closes where the best change has been made already; absent for that one, and where none is sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<Estimate>,
    /// Whether it is a cause: there is a gap that matters, and as one claim of many it surely closes at least half of it,
    /// or some of what the best change leaves.
    pub sure: bool,
}

/// Changes ranked by how much of the gap they close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// Seeds that every variant was run under.
    pub seeds: u64,
    /// The gap before any change: mean distance over figures, 1 being what does not matter.
    pub gap: Estimate,
    /// The largest distance of a single figure: at most 1 where there is nothing to explain.
    #[serde(default)]
    pub worst: f64,
    /// Which figure that is.
    #[serde(default)]
    pub worst_of: String,
    /// The changes, the best first.
    pub closings: Vec<Closing>,
}

impl Explained {
    /// Whether any figure is farther off than what does not matter.
    pub fn matters(&self) -> bool {
        self.worst > 1.0
    }
}

/// How a change is made to a model.
pub type Change<'a> = &'a (dyn Fn(&mut Model) + Sync);

/// Something real that can be simulated as often as wanted.
pub trait Played {
    /// Its classes and phases.
    fn parts(&self) -> Parts;

    /// What really happened, run by run.
    fn real(&self) -> Vec<Vec<RequestSeen>>;

    /// What is believed of it.
    ///
    /// # Errors
    /// Settings that have no model.
    fn believed(&self) -> Result<Model, String>;

    /// The delays of a pool's workers that were measured.
    fn constants(&self, pool: &str) -> Vec<Constant>;

    /// The same load under seeds 1 to `seeds`, what is believed being changed first.
    ///
    /// # Errors
    /// Settings that have no model, or a broken law.
    fn again(&self, seeds: u64, change: Change<'_>) -> Result<Vec<Vec<RequestSeen>>, String>;
}

/// What closes less than half of the gap leaves more unexplained than it explains: it may stand in for something that is
/// not tried. Of what is left then, another cause closes a tenth of the whole at least.
const FIRST_MIN: f64 = 0.5;
/// See above.
const FURTHER_MIN: f64 = 0.1;

/// Tries every semantic on what is believed; where one is sure, the others once more on top of it, because what hides
/// the same fault in another way closes nothing beyond it.
///
/// # Errors
/// Settings that have no model, or a broken law.
pub fn explain(played: &dyn Played, terms: &Terms, seeds: u64) -> Result<Explained, String> {
    let yardstick = Yardstick::new(played, terms);
    let run = |change: Change<'_>| Ok::<_, String>(yardstick.rows(&played.again(seeds, change)?));
    let base = run(&|_| {})?;
    let gap = interval::mean(&yardstick.pseudo_gaps(&base), &Level::new(terms.confidence));
    let gap = gap.ok_or("there are no seeds to run")?;
    let (worst, worst_of) = yardstick.worst(&base);
    let believed = played.believed()?;
    let delays: Vec<Delays> =
        believed.pools.iter().map(|pool| Delays(played.constants(&pool.name))).collect();
    let tries = Try::all(&believed, &delays);
    let mut first: Vec<Contrast> = Vec::new();
    for (one, _, _) in &tries {
        let rows = run(&|model: &mut Model| one.make(model))?;
        first.push(yardstick.closes(&base, &rows).ok_or("two seeds are the least")?);
    }
    let matters = |contrast: &Contrast, share: f64| worst > 1.0 && contrast.difference >= share * gap.value;
    let sure = claims(&first, terms);
    // What closes most is the cause or nothing is claimed: a surer change that closes less may only hide the fault.
    let best = (0..tries.len()).max_by(|&a, &b| first[a].difference.total_cmp(&first[b].difference));
    let best = best.filter(|&at| sure[at] && matters(&first[at], FIRST_MIN));
    let mut then: Vec<Option<Contrast>> = vec![None; tries.len()];
    if let Some(best) = best {
        let after = run(&|model: &mut Model| tries[best].0.make(model))?;
        for (at, (one, _, _)) in tries.iter().enumerate().filter(|(at, _)| *at != best) {
            let rows = run(&|model: &mut Model| {
                tries[best].0.make(model);
                one.make(model);
            })?;
            then[at] = yardstick.closes(&after, &rows);
        }
    }
    let known: Vec<Contrast> = then.iter().map(|one| one.unwrap_or(NOTHING)).collect();
    let sure_then = claims(&known, terms);
    let closing = |(at, (_, semantic, change)): (usize, &(Try<'_>, String, String))| {
        let closes = first[at].interval(terms.confidence);
        Closing {
            semantic: semantic.clone(),
            change: change.clone(),
            closes,
            share: if gap.value > 0.0 { closes.value / gap.value } else { 0.0 },
            beyond: then[at].map(|contrast| contrast.interval(terms.confidence)),
            sure: best == Some(at) || (best.is_some() && sure_then[at] && matters(&known[at], FURTHER_MIN)),
        }
    };
    let mut closings: Vec<Closing> = tries.iter().enumerate().map(closing).collect();
    // What closes most comes first; names tell equals apart, so that the order never depends on chance.
    closings.sort_by(|a, b| b.closes.value.total_cmp(&a.closes.value).then(a.semantic.cmp(&b.semantic)));
    Ok(Explained { seeds, gap, worst, worst_of, closings })
}

/// Closes nothing, for sure.
const NOTHING: Contrast =
    Contrast { first: 0.0, second: 0.0, difference: 0.0, error: 0.0, freedom: f64::INFINITY, n: 0 };

/// Which of a family of changes surely close something: one side of the two, corrected for their number.
fn claims(contrasts: &[Contrast], terms: &Terms) -> Vec<bool> {
    let p = |one: &Contrast| if one.difference > 0.0 { one.judge(0.0, terms.confidence).p_any } else { 1.0 };
    let corrected = multiple::holm(&contrasts.iter().map(p).collect::<Vec<_>>());
    corrected.into_iter().map(|p| p <= 1.0 - terms.confidence).collect()
}

/// Seeds that every change is tried under, where nobody says.
pub const SEEDS: u64 = 60;

/// The real figures, each with the distance that counts as one.
struct Yardstick {
    figures: Vec<Measured>,
    /// The figures of the real runs, one row each.
    real: Vec<Vec<f64>>,
}

/// A real figure.
struct Measured {
    figure: Figure,
    real: f64,
    scale: f64,
}

impl Yardstick {
    fn new(played: &dyn Played, terms: &Terms) -> Yardstick {
        let (parts, real) = (played.parts(), played.real());
        // Outcomes that never were count too: a variant may bring them.
        let mut all = figures::all(&parts, real.iter());
        let missing = [Outcome::Timeout, Outcome::Crash, Outcome::Error, Outcome::WriteError];
        for outcome in missing {
            let name = figures::share_of(outcome);
            if !all.iter().any(|figure| figure.name == name) {
                all.push(Figure::share(outcome, &parts));
            }
        }
        let whole = all.into_iter().filter(|one| one.scope.class.is_none() && one.scope.phase.is_none());
        let one = |figure: Figure| {
            let values: Vec<f64> = real.iter().filter_map(|run| figure.value(run)).collect();
            let (real, variance) = interval::mean_and_variance(&values)?;
            let scale = terms.around(figure.unit, real).max(variance.sqrt());
            (scale > 0.0).then_some(Measured { figure, real, scale })
        };
        let mut yardstick = Yardstick { figures: whole.filter_map(one).collect(), real: Vec::new() };
        yardstick.real = yardstick.rows(&real);
        yardstick
    }

    /// The figures of simulated runs, one row each. A run without a value is as far as can be told: by the whole figure.
    fn rows(&self, runs: &[Vec<RequestSeen>]) -> Vec<Vec<f64>> {
        let row = |run: &Vec<RequestSeen>| {
            self.figures.iter().map(|one| one.figure.value(run).unwrap_or(0.0)).collect()
        };
        runs.iter().map(row).collect()
    }

    /// Distances of figures from the real ones, these being moved by `off`.
    fn gap(&self, figures: &[f64], off: &[f64]) -> f64 {
        let far = self.figures.iter().zip(figures.iter().zip(off));
        let sum: f64 = far.map(|(one, (value, off))| (value - one.real - off).abs() / one.scale).sum();
        sum / self.figures.len().max(1) as f64
    }

    fn means(rows: &[Vec<f64>]) -> Vec<f64> {
        let width = rows.first().map_or(0, Vec::len);
        (0..width).map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / rows.len() as f64).collect()
    }

    /// The figure that is farthest off, and by how much.
    fn worst(&self, rows: &[Vec<f64>]) -> (f64, String) {
        let far = self.figures.iter().zip(Self::means(rows));
        let far = far.map(|(one, mean)| ((mean - one.real).abs() / one.scale, &one.figure.name));
        far.fold(
            (0.0, String::new()),
            |worst, one| if one.0 > worst.0 { (one.0, one.1.clone()) } else { worst },
        )
    }

    /// Pseudo-values of the gap, one for each run: their mean is the gap less its bias.
    fn pseudo_gaps(&self, rows: &[Vec<f64>]) -> Vec<f64> {
        let n = rows.len() as f64;
        let (means, none) = (Self::means(rows), vec![0.0; self.figures.len()]);
        let whole = self.gap(&means, &none);
        let without = |row: &Vec<f64>| {
            let rest: Vec<f64> =
                means.iter().zip(row).map(|(mean, value)| (n * mean - value) / (n - 1.0)).collect();
            self.gap(&rest, &none)
        };
        rows.iter().map(|row| n * whole - (n - 1.0) * without(row)).collect()
    }

    /// How much of the gap a variant closes. Its error has two parts: the seeds', by the pseudo-values of pairs; and that
    /// of the few real runs, which might have come out otherwise: as far from their mean as they do from each other, or
    /// as simulated runs do from theirs, whichever scatter more.
    fn closes(&self, base: &[Vec<f64>], changed: &[Vec<f64>]) -> Option<Contrast> {
        let seeds = Contrast::paired(&self.pseudo_gaps(changed), &self.pseudo_gaps(base))?;
        let (one, two) = (Self::means(base), Self::means(changed));
        let spread = |rows: &[Vec<f64>], means: &[f64]| {
            let closes = |row: &Vec<f64>| {
                let runs = (self.real.len() as f64).sqrt();
                let apart = row.iter().zip(means).map(|(value, mean)| (value - mean) / runs);
                let off: Vec<f64> = apart.collect();
                self.gap(&one, &off) - self.gap(&two, &off)
            };
            let closes: Vec<f64> = rows.iter().map(closes).collect();
            interval::mean_and_variance(&closes).map_or(0.0, |(_, variance)| variance)
        };
        let own = spread(&self.real, &Self::means(&self.real));
        let real = own.max(spread(base, &one)).max(spread(changed, &two));
        Some(Contrast { error: (seeds.error * seeds.error + real).sqrt(), ..seeds })
    }
}
