//! The uncertainty of a fit carried into a prediction: the model is run under many draws of its parameters, each fitted to
//! a resample of the recording, and the spread of the answers is what is not known.
//!
//! Demands are resampled within their class and refitted. The arrival rate is resampled by stretches of time (twenty
//! blocks), so that bursts count as bursts. Classes and failures are drawn as often as they were seen. All draws and the fitted model
//! itself use the same seeds, so what their answers differ by is the parameters' own.
//!
//! Source: Barton, Nelson & Xie, "Quantifying input uncertainty via simulation confidence intervals" (2014).

use super::failures::Failures;
use super::text::{self, About};
use super::{Fitted, LoadFit, Recording, UsersFit, demand};
use crate::engine;
use crate::experiment::estimate::{self, EstimateSettings};
use crate::experiment::metric::Unit;
use crate::model::{self, Model};
use crate::random::{Purpose, Stream, Streams};
use crate::stats::Replication;
use crate::workload::{Distribution, Sampler};
use rayon::prelude::*;

/// Parameters in place of the fitted ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Factor of every rate.
    pub rate: f64,
    /// By class: how many requests.
    pub mix: Vec<f64>,
    /// By class.
    pub demands: Vec<Distribution>,
    /// By class: probability of each failure.
    pub failures: Vec<Vec<(&'static str, f64)>>,
    /// How long users think, where there are any.
    pub think: Option<Distribution>,
}

/// One figure predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// Its name.
    pub metric: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Of the fitted model.
    pub value: f64,
    /// What replications of the fitted model alone scatter within (95 %).
    pub fixed: (f64, f64),
    /// What replications under drawn parameters scatter within.
    pub drawn: (f64, f64),
}

/// The figures that are predicted.
const METRICS: [(&str, Unit); 5] = [
    ("mean_latency", Unit::Seconds),
    ("latency_p95", Unit::Seconds),
    ("mean_wait", Unit::Seconds),
    ("utilization", Unit::Ratio),
    ("throughput", Unit::PerSecond),
];

/// Blocks of time that are resampled.
const BLOCKS: usize = 20;

/// Most demands of a class that are resampled: the uncertainty of more is that of so many, scaled.
const RESAMPLED_MAX: usize = 5000;

/// A draw of all parameters.
pub fn draw(recording: &Recording, fitted: &Fitted, index: u64) -> Draw {
    let mut stream = Streams::new(0, index + 1).stream(Purpose::Bootstrap, 4);
    let rate = rate(recording, &mut stream);
    let mix = mix(fitted, &mut stream);
    let (mut demands, mut failures) = (Vec::new(), Vec::new());
    for class in &fitted.classes {
        let place = recording.classes.iter().position(|name| *name == class.name);
        let own = place.map_or_else(Vec::new, |place| super::demands(recording, place));
        let n = own.len().min(RESAMPLED_MAX);
        let again: Vec<f64> = (0..n).map(|_| own[stream.below(own.len() as u64) as usize]).collect();
        demands.push(demand::refit(&class.demand, &again).unwrap_or_else(|| class.demand.law.clone()));
        failures.push(shares_of_failures(&class.failures, &mut stream));
    }
    let think = match &fitted.load {
        LoadFit::Users(UsersFit { think: Some(think), .. }) => {
            let own = recording.users.as_ref().map_or(&[][..], |users| &users.thinks);
            let n = own.len().min(RESAMPLED_MAX);
            let again: Vec<f64> = (0..n).map(|_| own[stream.below(own.len() as u64) as usize]).collect();
            demand::refit(think, &again).or_else(|| Some(think.law.clone()))
        }
        _ => None,
    };
    Draw { rate, mix, demands, failures, think }
}

/// How many requests of each class there are among as many that are drawn anew; of very many the classes of some are, and
/// their distance is scaled.
fn mix(fitted: &Fitted, stream: &mut Stream) -> Vec<f64> {
    let seen: Vec<f64> = fitted.classes.iter().map(|class| class.n as f64).collect();
    let of_request: Vec<usize> =
        fitted.classes.iter().enumerate().flat_map(|(index, class)| vec![index; class.n]).collect();
    let drawn = of_request.len().min(RESAMPLED_MAX);
    let mut counts = vec![0.0; seen.len()];
    (0..drawn).for_each(|_| counts[of_request[stream.below(of_request.len() as u64) as usize]] += 1.0);
    let whole = of_request.len() as f64;
    let scale = (drawn as f64 / whole).sqrt();
    let one = |(count, seen): (&f64, &f64)| seen + (count / drawn as f64 * whole - seen) * scale;
    // A class that happens not to be drawn is still there.
    counts.iter().zip(&seen).map(|pair| one(pair).max(0.5)).collect()
}

/// A draw of the probabilities of failures: Dirichlet, with half a hit more of each (Jeffreys' prior).
fn shares_of_failures(seen: &Failures, stream: &mut Stream) -> Vec<(&'static str, f64)> {
    let gone: u64 = seen.counts.values().sum();
    let mut gamma = |count: u64| {
        Sampler::new(&Distribution::Gamma { shape: count as f64 + 0.5, scale: 1.0 }).draw_secs(stream)
    };
    let drawn: Vec<(&'static str, f64)> =
        seen.counts.iter().map(|(word, count)| (*word, gamma(*count))).collect();
    let well = gamma(seen.of.saturating_sub(gone));
    let whole = well + drawn.iter().map(|one| one.1).sum::<f64>();
    drawn.into_iter().map(|(word, share)| (word, share / whole)).collect()
}

/// The rate of resampled blocks over the rate.
fn rate(recording: &Recording, stream: &mut Stream) -> f64 {
    let end = recording.rows.last().map_or(0.0, |row| row.at);
    let mut counts = [0u32; BLOCKS];
    for row in &recording.rows {
        counts[((row.at / end.max(1e-9) * BLOCKS as f64) as usize).min(BLOCKS - 1)] += 1;
    }
    let again: u32 = (0..BLOCKS).map(|_| counts[stream.below(BLOCKS as u64) as usize]).sum();
    (f64::from(again) / recording.rows.len().max(1) as f64).max(0.01)
}

struct NoFiles;

impl model::Files for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("a fitted model names no files, but asks for {path}"))
    }
}

/// Predicts with and without the uncertainty of the fit, over so many draws.
///
/// # Errors
/// A draw that is no model, or a broken law of the simulator.
pub fn predict(
    recording: &Recording,
    fitted: &Fitted,
    about: &About,
    draws: u64,
) -> Result<Vec<Predicted>, String> {
    let load = |draw: Option<&Draw>| -> Result<Model, String> {
        let text = text::model(fitted, about, draw);
        let loaded = model::load(&about.name, &text, &NoFiles, &[]);
        Ok(loaded.map_err(|faults| faults.render(false))?.model)
    };
    let fixed = load(None)?;
    let values = |model: &Model, index: u64| -> Result<Vec<f64>, String> {
        let run = engine::prepare(model).run(index).map_err(|breach| breach.to_string())?;
        Ok(figures(model, &run))
    };
    let plain: Vec<Vec<f64>> =
        (0..draws).into_par_iter().map(|index| values(&fixed, index)).collect::<Result<_, String>>()?;
    let drawn: Vec<Vec<f64>> = (0..draws)
        .into_par_iter()
        .map(|index| values(&load(Some(&draw(recording, fitted, index)))?, index))
        .collect::<Result<_, String>>()?;
    let one = |(place, (metric, unit)): (usize, &(&'static str, Unit))| {
        // A figure that a replication is too short for is none: those that were long by luck say nothing of it.
        let column = |rows: &[Vec<f64>]| {
            let mut values: Vec<f64> = rows.iter().map(|row| row[place]).collect();
            let all = values.iter().all(|x| x.is_finite());
            values.sort_by(f64::total_cmp);
            if all { values } else { Vec::new() }
        };
        let (own, other) = (column(&plain), column(&drawn));
        let value = own.iter().sum::<f64>() / own.len() as f64;
        Predicted { metric, unit: *unit, value, fixed: range(&own), drawn: range(&other) }
    };
    Ok(METRICS.iter().enumerate().map(one).collect())
}

/// The middle 95 % of ascending values.
fn range(sorted: &[f64]) -> (f64, f64) {
    let last = sorted.len().saturating_sub(1);
    let at = |p: f64| sorted.get((p * last as f64 + 0.5) as usize).copied().unwrap_or(f64::NAN);
    (at(0.025), at(0.975))
}

fn figures(model: &Model, run: &Replication) -> Vec<f64> {
    let settings = EstimateSettings { timelines: false, curves: false, ..EstimateSettings::new(0.95) };
    let own = estimate::metrics(model, std::slice::from_ref(run), &settings);
    let value = |name: &str| {
        own.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.estimate.value)
    };
    METRICS.iter().map(|(name, _)| value(name).unwrap_or(f64::NAN)).collect()
}
