//! Distributions: from what is written to parameters in seconds.

use super::super::document::{Node, Place, Value};
use super::super::grammar::{DIST, EMPIRICAL_COLUMN};
use super::Checker;
use super::view::{self, View};
use crate::time::{Span, Time};
use crate::workload::Distribution;

impl Checker<'_> {
    /// The distribution under a key; what is missing is as the grammar's default says.
    pub(super) fn distribution(&mut self, of: View<'_>, key: &str) -> Option<Distribution> {
        match of.node(key) {
            Some(node) => self.distribution_node(node),
            None => of.secs(key).map(|value| Distribution::Deterministic { value }),
        }
    }

    /// A limit that may be drawn: the constant (`NEVER` if there is none), or the distribution.
    pub(super) fn time_limit(&mut self, of: View<'_>, key: &str) -> (Span, Option<Distribution>) {
        let Some(node) = of.node(key).filter(|node| node.as_table().is_some()) else {
            return (of.limit(key), None);
        };
        match self.distribution_node(node) {
            Some(Distribution::Deterministic { value }) => (Span::from_secs(value), None),
            drawn => (Span::NEVER, drawn),
        }
    }

    /// A distribution as written.
    pub(super) fn distribution_node(&mut self, node: &Node) -> Option<Distribution> {
        if let Value::Text(_) = node.value {
            return view::secs(&node.value).map(|value| Distribution::Deterministic { value });
        }
        let (word, view) = view::tagged(node, &DIST)?;
        let made = match word {
            "deterministic" => Ok(Distribution::Deterministic { value: view.secs("value")? }),
            "exponential" => Ok(Distribution::Exponential { mean: exponential_mean(view)? }),
            "erlang" => Ok(Distribution::Erlang { stages: view.count("stages")?, mean: view.secs("mean")? }),
            "gamma" => gamma(view)?,
            "lognormal" => lognormal(view)?,
            "weibull" => weibull(view)?,
            "pareto" => pareto(view)?,
            "uniform" => uniform(view)?,
            "hyperexponential" => return self.hyperexponential(view),
            "mixture" => return self.mixture(view),
            "discrete" => return self.discrete(view),
            "empirical" => return self.empirical(view),
            other => unreachable!("the grammar knows no distribution {other}"),
        };
        self.made(made, node.place)
    }

    /// Passes a distribution on if it can be made and stays within a run's reach.
    fn made(&mut self, made: Result<Distribution, String>, place: Place) -> Option<Distribution> {
        let checked = made.and_then(|distribution| match typical(&distribution) {
            value if value <= Time::HORIZON_MAX.secs() => Ok(distribution),
            _ => Err(String::from("its values are longer than the longest run")),
        });
        checked
            .map_err(|why| {
                self.faults.add(place, "there is no such distribution", why, "check its parameters");
            })
            .ok()
    }

    fn hyperexponential(&mut self, view: View<'_>) -> Option<Distribution> {
        if view.has("mean") {
            let made = Distribution::hyperexponential_from_mean_cv(view.secs("mean")?, view.number("cv")?);
            return self.made(made, view.place("cv"));
        }
        let means = durations(view, "means")?;
        let probabilities = self.probabilities(view, "probabilities", means.len(), "means")?;
        Some(Distribution::Hyperexponential { probabilities, means })
    }

    fn mixture(&mut self, view: View<'_>) -> Option<Distribution> {
        let nodes = view.list("parts");
        let parts: Vec<Option<Distribution>> =
            nodes.iter().map(|node| self.distribution_node(node)).collect();
        let probabilities = self.probabilities(view, "probabilities", nodes.len(), "parts")?;
        Some(Distribution::Mixture { probabilities, parts: parts.into_iter().collect::<Option<_>>()? })
    }

    fn discrete(&mut self, view: View<'_>) -> Option<Distribution> {
        let values = durations(view, "values")?;
        let probabilities = self.probabilities(view, "probabilities", values.len(), "values")?;
        Some(Distribution::Discrete { values, probabilities })
    }

    fn empirical(&mut self, view: View<'_>) -> Option<Distribution> {
        let values = if view.has("values") {
            let mut values = durations(view, "values")?;
            values.sort_by(f64::total_cmp);
            values.into()
        } else {
            let unit = seconds_per(view.word("unit")?);
            let (file, column) = (view.word("file")?, view.word(EMPIRICAL_COLUMN)?);
            self.sample_file(file, column, unit, view.place("file"))?
        };
        Some(Distribution::Empirical { values })
    }

    /// A list of probabilities: as many as there are things to choose from, and 1 together.
    pub(super) fn probabilities(
        &mut self,
        view: View<'_>,
        key: &str,
        count: usize,
        of: &str,
    ) -> Option<Vec<f64>> {
        let nodes = view.list(key);
        if nodes.is_empty() || count == 0 {
            return None;
        }
        let values: Vec<f64> = nodes.iter().map(|node| view::share(&node.value)).collect::<Option<_>>()?;
        if values.len() != count {
            let message = format!("`{key}` has {} entries and `{of}` has {count}", values.len());
            self.faults.add(
                view.place(key),
                message,
                "each needs its own",
                "give as many of the one as of the other",
            );
            self.faults.relate(view.place(of), "the others are here");
            return None;
        }
        self.sums_to_one(values.iter().sum(), key, view.place(key))?;
        Some(values)
    }

    /// Whether shares are the whole, but for the last digits that people leave out.
    pub(super) fn sums_to_one(&mut self, sum: f64, key: &str, place: Place) -> Option<()> {
        if (sum - 1.0).abs() <= 1e-6 {
            return Some(());
        }
        let message = format!("`{key}` must sum to 1");
        let label = format!("these sum to {}", (sum * 1e9).round() / 1e9);
        self.faults.add(place, message, label, "probabilities of all that can happen sum to 1, or to 100 %");
        None
    }
}

/// Seconds in a unit of the grammar.
pub(super) fn seconds_per(unit: &str) -> f64 {
    match unit {
        "ms" => 1e-3,
        "us" => 1e-6,
        _ => 1.0,
    }
}

/// The durations of a list.
pub(super) fn durations(view: View<'_>, key: &str) -> Option<Vec<f64>> {
    let values: Option<Vec<f64>> = view.list(key).iter().map(|node| view::secs(&node.value)).collect();
    values.filter(|values| !values.is_empty())
}

type Made = Option<Result<Distribution, String>>;

fn exponential_mean(view: View<'_>) -> Option<f64> {
    if view.has("mean") {
        return view.secs("mean");
    }
    // Quantile p is -mean ln(1 - p).
    if view.has("p50") {
        return Some(view.secs("p50")? / std::f64::consts::LN_2);
    }
    Some(view.secs("p95")? / libm::log(20.0))
}

fn gamma(view: View<'_>) -> Made {
    if view.has("shape") {
        return Some(Ok(Distribution::Gamma { shape: view.number("shape")?, scale: view.secs("scale")? }));
    }
    Some(Distribution::gamma_from_mean_cv(view.secs("mean")?, view.number("cv")?))
}

fn lognormal(view: View<'_>) -> Made {
    Some(if view.has("mu") {
        Ok(Distribution::Lognormal { mu: view.number("mu")?, sigma: view.number("sigma")? })
    } else if view.has("p50") {
        Distribution::lognormal_from_quantiles(view.secs("p50")?, view.secs("p95")?)
    } else {
        Distribution::lognormal_from_mean_cv(view.secs("mean")?, view.number("cv")?)
    })
}

fn weibull(view: View<'_>) -> Made {
    Some(if view.has("shape") {
        Ok(Distribution::Weibull { shape: view.number("shape")?, scale: view.secs("scale")? })
    } else if view.has("p50") {
        Distribution::weibull_from_quantiles(view.secs("p50")?, view.secs("p95")?)
    } else {
        Distribution::weibull_from_mean_cv(view.secs("mean")?, view.number("cv")?)
    })
}

fn pareto(view: View<'_>) -> Made {
    let made = if view.has("shape") {
        Ok(Distribution::Pareto { shape: view.number("shape")?, scale: view.secs("scale")?, high: None })
    } else if view.has("p50") {
        Distribution::pareto_from_quantiles(view.secs("p50")?, view.secs("p95")?)
    } else {
        pareto_from_mean_cv(view.secs("mean")?, view.number("cv")?)
    };
    if !view.has("high") {
        return Some(made);
    }
    let cut = view.secs("high")?;
    Some(made.and_then(|distribution| match distribution {
        Distribution::Pareto { scale, .. } if cut <= scale => {
            Err(format!("`high` is not above the smallest value, {scale} s"))
        }
        Distribution::Pareto { shape, scale, .. } => {
            Ok(Distribution::Pareto { shape, scale, high: Some(cut) })
        }
        other => Ok(other),
    }))
}

/// Mean a s / (a - 1) and squared cv 1 / (a (a - 2)) for shape a and scale s.
fn pareto_from_mean_cv(mean: f64, cv: f64) -> Result<Distribution, String> {
    if cv <= 0.0 {
        return Err(String::from("a Pareto distribution has a cv above 0"));
    }
    let shape = 1.0 + (1.0 + 1.0 / (cv * cv)).sqrt();
    Ok(Distribution::Pareto { shape, scale: mean * (shape - 1.0) / shape, high: None })
}

fn uniform(view: View<'_>) -> Made {
    let (low, high) = if view.has("low") {
        (view.secs("low")?, view.secs("high")?)
    } else if view.has("p50") {
        // p95 lies 0.45 of the width above p50.
        let (p50, p95) = (view.secs("p50")?, view.secs("p95")?);
        let half = (p95 - p50) / 0.9;
        (p50 - half, p50 + half)
    } else {
        let half = view.secs("mean")? * view.number("cv")? * 3f64.sqrt();
        (view.secs("mean")? - half, view.secs("mean")? + half)
    };
    Some(if low < -1e-12 {
        Err(String::from("it would begin below 0"))
    } else if high <= low {
        Err(String::from("its upper end is not above its lower end"))
    } else {
        Ok(Distribution::Uniform { low: low.max(0.0), high })
    })
}

/// A duration in the middle of the distribution, to tell whether it is beyond all runs.
fn typical(distribution: &Distribution) -> f64 {
    match distribution {
        Distribution::Lognormal { mu, sigma } => libm::exp(mu + sigma * sigma / 2.0),
        Distribution::Gamma { shape, scale } => shape * scale,
        Distribution::Weibull { scale, .. } | Distribution::Pareto { scale, .. } => *scale,
        Distribution::Exponential { mean } | Distribution::Erlang { mean, .. } => *mean,
        Distribution::Hyperexponential { means, .. } => means.iter().copied().fold(0.0, f64::max),
        // The rest is made of durations that have been bounded one by one.
        _ => 0.0,
    }
}
