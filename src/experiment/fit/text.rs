//! The fitted model as TOML, every number with its evidence beside it.

use super::Fitted;
use super::arrivals::Process;
use super::predict::Draw;
use super::workers::Constant;
use crate::outcome::Outcome;
use crate::stats::{Level, interval};
use crate::workload::Distribution;
use crate::workload::recording::RecordedPool;
use std::fmt::Write;

/// What the model is written for.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its name.
    pub name: String,
    /// The recording, as the user named it.
    pub file: String,
    /// Slots, where the user or the recording says.
    pub slots: Option<u32>,
    /// Settings of a recorded pool.
    pub pool: Option<RecordedPool>,
    /// Measured delays of its workers.
    pub constants: Vec<Constant>,
}

/// Utilisation at which an unknown pool is laid out.
const UTILIZATION: f64 = 0.7;

/// The model. A draw puts other parameters in place of the fitted ones.
pub fn model(fitted: &Fitted, about: &About, draw: Option<&Draw>) -> String {
    let mut text = format!(
        "# Fitted by poolsim {} to {}: {} requests over {}.\n",
        env!("CARGO_PKG_VERSION"),
        one_line(&about.file),
        fitted.n,
        span(fitted.span)
    );
    for note in &fitted.notes {
        let _ = writeln!(text, "# Note: {}.", one_line(note));
    }
    let length = span(fitted.span.max(1.0));
    let _ =
        write!(text, "name = {:?}\n\n[run]\nhorizon = \"{length}\"\nregime = \"terminating\"\n", about.name);
    for (index, class) in fitted.classes.iter().enumerate() {
        let demand = &class.demand;
        let _ = write!(
            text,
            "\n# {} requests; demand of mean {}, cv {:.3}.\n",
            class.n,
            span(demand.mean),
            demand.cv
        );
        if demand.candidates.len() > 1 {
            let best = demand.candidates[0].aic;
            let list: Vec<String> = demand
                .candidates
                .iter()
                .map(|one| format!("{} {:+.1}", one.family, one.aic - best))
                .collect();
            let _ = writeln!(text, "# By AIC, beside the first: {}.", list.join(", "));
        }
        if let Some(p) = demand.p_value {
            let verdict = match (&demand.law, p < 0.05) {
                (Distribution::Empirical { .. }, _) => "no law fits, so the sample stands for itself",
                (_, true) => "the fit is doubtful",
                (_, false) => "nothing speaks against it",
            };
            let family = demand.candidates[0].family;
            let _ = writeln!(
                text,
                "# Anderson-Darling distance from the {family} law {:.3}, p = {p:.2}: {verdict}.",
                demand.distance
            );
        }
        let law = draw.and_then(|draw| draw.demands.get(index)).unwrap_or(&demand.law);
        let _ = writeln!(text, "[class.{:?}]\ndemand = {}", class.name, distribution(law));
        text.push_str(&fates(class, draw.and_then(|draw| draw.failures.get(index))));
    }
    arrivals(&mut text, fitted, draw);
    pool(&mut text, fitted, about);
    text
}

fn fates(class: &super::ClassFit, draw: Option<&Vec<(Outcome, f64)>>) -> String {
    let level = Level::new(0.95);
    let mut parts = Vec::new();
    let mut text = String::new();
    for (outcome, count) in &class.failures {
        let Some(share) = interval::wilson(*count, class.n as u64, &level) else { continue };
        let _ = writeln!(
            text,
            "# {count} of {} ended with {}: {:.3} %, 95 % interval {:.3} % to {:.3} %.",
            class.n,
            outcome.name(),
            share.value * 100.0,
            share.low * 100.0,
            share.high * 100.0
        );
        let drawn = draw.and_then(|draw| draw.iter().find(|one| one.0 == *outcome)).map(|one| one.1);
        parts.push(format!("{} = {:.6}", outcome.name(), drawn.unwrap_or(share.value)));
    }
    if !parts.is_empty() {
        let _ = writeln!(text, "fates = {{ {} }}", parts.join(", "));
    }
    text
}

fn arrivals(text: &mut String, fitted: &Fitted, draw: Option<&Draw>) {
    let found = &fitted.arrivals;
    let best = found.candidates[0].aic;
    let list: Vec<String> =
        found.candidates.iter().map(|one| format!("{} {:+.1}", one.name, one.aic - best)).collect();
    let verdict = if found.p_shape < 0.01 || found.p_order < 0.01 {
        "the best of these does not fit: play the recording itself as a trace"
    } else {
        "nothing speaks against the best"
    };
    let _ = write!(
        text,
        "\n# Arrivals: {} per second, cv of gaps {:.3}. By AIC, beside the first: {}.\n\
         # Residuals: distribution p = {:.3}, order p = {:.3}: {verdict}.\n[source.requests]\npool = \"pool\"\n",
        number(found.rate),
        found.gap_cv,
        list.join(", "),
        found.p_shape,
        found.p_order
    );
    match fitted.classes.as_slice() {
        [only] => drop(writeln!(text, "class = {:?}", only.name)),
        several => {
            // Shares have to sum to 1, so the last takes what rounding leaves.
            let total: usize = several.iter().map(|class| class.n).sum();
            let mut left = 1_000_000i64;
            let mut parts = Vec::new();
            for (index, class) in several.iter().enumerate() {
                let share = (class.n as f64 / total as f64 * 1e6 + 0.5) as i64;
                let share = if index + 1 == several.len() { left } else { share };
                left -= share;
                parts.push(format!("{:?} = {}", class.name, share as f64 / 1e6));
            }
            let _ = writeln!(text, "mix = {{ {} }}", parts.join(", "));
        }
    }
    let factor = draw.map_or(1.0, |draw| draw.rate);
    let rate = |rate: f64| format!("\"{}/s\"", number(rate * factor));
    let line = match found.best() {
        Process::Poisson(mean) => format!("{{ process = \"poisson\", rate = {} }}", rate(*mean)),
        Process::Steps(steps) => {
            let knot = |(at, level): &(f64, f64)| format!("[\"{}\", {}]", span(*at), rate(*level));
            let knots: Vec<String> = steps.iter().map(knot).collect();
            format!("{{ process = \"poisson\", profile = {{ steps = [{}] }} }}", knots.join(", "))
        }
        Process::Renewal(law) => {
            format!("{{ process = \"renewal\", interval = {} }}", distribution(&scaled(law, 1.0 / factor)))
        }
        Process::Modulated(rates, stays) => format!(
            "{{ process = \"markov_modulated\", rates = [{}, {}], mean_stay = [\"{}\", \"{}\"] }}",
            rate(rates[0]),
            rate(rates[1]),
            span(stays[0]),
            span(stays[1])
        ),
    };
    let _ = writeln!(text, "arrivals = {line}");
}

/// The same law on another scale.
fn scaled(law: &Distribution, by: f64) -> Distribution {
    match law {
        Distribution::Gamma { shape, scale } => Distribution::Gamma { shape: *shape, scale: scale * by },
        Distribution::Weibull { shape, scale } => Distribution::Weibull { shape: *shape, scale: scale * by },
        Distribution::Lognormal { mu, sigma } => {
            Distribution::Lognormal { mu: mu + libm::log(by), sigma: *sigma }
        }
        Distribution::Hyperexponential { probabilities, means } => Distribution::Hyperexponential {
            probabilities: probabilities.clone(),
            means: means.iter().map(|mean| mean * by).collect(),
        },
        other => other.clone(),
    }
}

fn pool(text: &mut String, fitted: &Fitted, about: &About) {
    let work: f64 = fitted.classes.iter().map(|class| class.n as f64 * class.demand.mean).sum();
    let load = if fitted.span > 0.0 { work / fitted.span } else { 1.0 };
    let slots = about.slots.unwrap_or_else(|| libm::ceil(load / UTILIZATION).max(1.0) as u32);
    let why = if about.slots.is_some() {
        String::new()
    } else {
        format!(
            "# The recording does not say how many slots: so many are busy {:.0} % of the time.\n",
            load / f64::from(slots) * 100.0
        )
    };
    let _ = write!(text, "\n# Offered load: {} slots' worth of work.\n{why}[pool.pool]\n", number(load));
    if let Some(pool) = &about.pool {
        let _ = write!(
            text,
            "preset = \"orchestrator-bridge\"\nslots = {slots}\nservice_timeout = \"{}ms\"\n",
            pool.request_timeout_ms
        );
    } else {
        let _ = writeln!(text, "slots = {slots}");
    }
    constants(text, "pool", &about.constants);
}

/// Measured delays of a pool's workers, as tables of a model.
pub(in crate::experiment) fn constants(text: &mut String, pool: &str, measured: &[Constant]) {
    let bare = !pool.is_empty() && pool.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let name = if bare { pool.to_owned() } else { format!("{pool:?}") };
    for table in ["worker", "transport"] {
        let own: Vec<&Constant> = measured.iter().filter(|one| one.path.starts_with(table)).collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(text, "\n[pool.{name}.{table}]\n");
        for one in own {
            let key = one.path.rsplit('.').next().unwrap_or(one.path);
            let interval = one
                .interval
                .map_or(String::new(), |(low, high)| format!(", 95 % interval {low:.3} to {high:.3}"));
            let _ = writeln!(
                text,
                "{key} = \"{}ms\" # median of {}{interval}; 10 % below {:.3}, 90 % below {:.3}",
                number(one.median.max(0.0)),
                one.n,
                one.spread.0,
                one.spread.1
            );
        }
    }
}

/// A law as a model has it.
fn distribution(law: &Distribution) -> String {
    match law {
        Distribution::Deterministic { value } => format!("\"{}\"", span(*value)),
        Distribution::Exponential { mean } => {
            format!("{{ dist = \"exponential\", mean = \"{}\" }}", span(*mean))
        }
        Distribution::Gamma { shape, scale } => {
            format!("{{ dist = \"gamma\", shape = {}, scale = \"{}\" }}", number(*shape), span(*scale))
        }
        Distribution::Weibull { shape, scale } => {
            format!("{{ dist = \"weibull\", shape = {}, scale = \"{}\" }}", number(*shape), span(*scale))
        }
        Distribution::Lognormal { mu, sigma } => {
            format!("{{ dist = \"lognormal\", mu = {}, sigma = {} }}", number(*mu), number(*sigma))
        }
        Distribution::Hyperexponential { probabilities, means } => {
            // The second probability is what the first leaves, to the same digits.
            let first = (probabilities[0] * 1e6 + 0.5) as u64;
            format!(
                "{{ dist = \"hyperexponential\", probabilities = [{}, {}], means = [\"{}\", \"{}\"] }}",
                first as f64 / 1e6,
                (1_000_000 - first) as f64 / 1e6,
                span(means[0]),
                span(means[1])
            )
        }
        Distribution::Empirical { values } => {
            let list: Vec<String> = values.iter().map(|value| format!("\"{}\"", span(*value))).collect();
            format!("{{ dist = \"empirical\", values = [{}] }}", list.join(", "))
        }
        other => format!("\"{}\"", span(other.mean())),
    }
}

/// Seconds with six significant digits and a unit that reads well.
fn span(secs: f64) -> String {
    match secs {
        x if x >= 1.0 || x == 0.0 => format!("{}s", number(x)),
        x if x >= 1e-3 => format!("{}ms", number(x * 1e3)),
        x => format!("{}us", number(x * 1e6)),
    }
}

/// Six significant digits, no exponent.
pub(in crate::experiment) fn number(x: f64) -> String {
    let digits = if x == 0.0 { 0 } else { libm::floor(libm::log10(x.abs())) as i32 };
    let places = (5 - digits).clamp(0, 9) as usize;
    let text = format!("{x:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Names go into comments, which end with their line.
pub(in crate::experiment) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
