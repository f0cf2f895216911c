//! The fitted model as TOML, every number with its evidence beside it.

mod pool;

#[cfg(feature = "live")]
pub(in crate::experiment) use pool::constants;

use super::arrivals::{ArrivalFit, P_MIN, Process};
use super::demand::DemandFit;
use super::predict::Draw;
use super::workers::{Constant, Told};
use super::{ClassFit, Fitted, LoadFit, UsersFit};
use crate::policy::PoolSettings;
use crate::stats::{Level, interval};
use crate::workload::Distribution;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What the model is written for.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its name.
    pub name: String,
    /// The recording, as the user named it.
    pub file: String,
    /// Slots, where the user says; they go before what the recording says.
    pub slots: Option<u32>,
    /// What a recorded pool was told.
    pub recorded: Option<Told>,
    /// Settings of a live pool.
    pub settings: Option<PoolSettings>,
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
    let length = span(fitted.span);
    let _ = write!(
        text,
        "name = {}\n\n[run]\nhorizon = \"{length}\"\nregime = \"terminating\"\ndrain = true\n",
        quoted(&about.name)
    );
    let names = names(fitted);
    for (index, class) in fitted.classes.iter().enumerate() {
        text.push_str(&evidence(&class.demand, &format!("{} requests; demand", class.n)));
        let law = draw.and_then(|draw| draw.demands.get(index)).unwrap_or(&class.demand.law);
        let _ = writeln!(text, "[class.{}]\ndemand = {}", names[index], distribution(law));
        text.push_str(&fates(class, draw.and_then(|draw| draw.failures.get(index))));
    }
    source(&mut text, fitted, &names, draw);
    pool::pool(&mut text, fitted, about);
    text
}

/// How well a law fits, as comments.
fn evidence(fit: &DemandFit, what: &str) -> String {
    let mut text = format!("\n# {what} of mean {}, cv {:.3}.\n", span(fit.mean), fit.cv);
    if fit.candidates.len() > 1 {
        let best = fit.candidates[0].aic;
        let one = |one: &super::demand::Candidate| format!("{} {:+.1}", one.family, one.aic - best);
        let list: Vec<String> = fit.candidates.iter().map(one).collect();
        let _ = writeln!(text, "# By AIC, beside the first: {}.", list.join(", "));
    }
    if !fit.left_out.is_empty() {
        let _ =
            writeln!(text, "# Left out, for their mean is not the sample's: {}.", fit.left_out.join(", "));
    }
    if let Some(p) = fit.p_value {
        let verdict = match (fit.is_sample(), p < 0.05) {
            (true, _) => "no law fits, so the sample stands for itself",
            (_, true) => "the fit is doubtful",
            (_, false) => "nothing speaks against it",
        };
        let family = fit.candidates[0].family;
        let _ = writeln!(
            text,
            "# Anderson-Darling distance from the {family} law {:.3}, p = {p:.2}; its largest value, {}, p = {:.3}: \
             {verdict}.",
            fit.distance,
            span(fit.largest.0),
            fit.largest.1
        );
    }
    text
}

fn fates(class: &ClassFit, draw: Option<&Vec<(&'static str, f64)>>) -> String {
    let (level, failures) = (Level::new(0.95), &class.failures);
    let what = if failures.by_execution && !failures.sticky { "executions" } else { "requests" };
    let mut parts = Vec::new();
    let mut text = String::new();
    for (word, count) in &failures.counts {
        let Some(share) = interval::wilson(*count, failures.of, &level) else { continue };
        let _ = writeln!(
            text,
            "# {count} of {} {what} went wrong by {word}: {:.3} %, 95 % interval {:.3} % to {:.3} %.",
            failures.of,
            share.value * 100.0,
            share.low * 100.0,
            share.high * 100.0
        );
        let drawn = draw.and_then(|draw| draw.iter().find(|one| one.0 == *word)).map(|one| one.1);
        // Cut off, not rounded: several that make up the whole must not be more than it.
        let share = libm::floor(drawn.unwrap_or(share.value) * 1e6 + 1e-6) / 1e6;
        parts.push(format!("{word} = {share:.6}"));
    }
    if parts.is_empty() {
        return text;
    }
    if failures.again.0 > 0 {
        let _ = writeln!(
            text,
            "# Of {} that failed and were tried again {} failed again: {}.",
            failures.again.0,
            failures.again.1,
            if failures.sticky { "what fails once fails always" } else { "every try is a chance of its own" }
        );
    }
    if failures.sticky {
        parts.push(String::from("sticky = true"));
    }
    let _ = writeln!(text, "fates = {{ {} }}", parts.join(", "));
    text
}

fn source(text: &mut String, fitted: &Fitted, names: &[String], draw: Option<&Draw>) {
    let head = match &fitted.load {
        LoadFit::Open(found) => arrivals_evidence(found),
        LoadFit::Users(found) => users_evidence(found),
    };
    let _ = write!(text, "{head}[source.requests]\npool = \"pool\"\n");
    match names {
        [only] => drop(writeln!(text, "class = {only}")),
        several => {
            let seen = || fitted.classes.iter().map(|class| class.n as f64).collect();
            let shares = shares(&draw.map_or_else(seen, |draw| draw.mix.clone()));
            let part = |(name, share): (&String, &String)| format!("{name} = {share}");
            let parts: Vec<String> = several.iter().zip(&shares).map(part).collect();
            let _ = writeln!(text, "mix = {{ {} }}", parts.join(", "));
        }
    }
    match &fitted.load {
        LoadFit::Open(found) => arrivals(text, found, draw.map_or(1.0, |draw| draw.rate)),
        LoadFit::Users(found) => users(text, found, draw),
    }
}

fn arrivals_evidence(found: &ArrivalFit) -> String {
    let best = found.candidates[0].aic;
    let list: Vec<String> =
        found.candidates.iter().map(|one| format!("{} {:+.1}", one.name, one.aic - best)).collect();
    let verdict = match (&found.sample, found.p_shape < P_MIN || found.p_order < P_MIN) {
        (Some(Process::Renewal(_)), _) => {
            "no law fits, so the gaps stand for themselves, for none follows from the one before"
        }
        (Some(Process::Scheduled(..)), _) => {
            "no law fits, so the rate as seen stands for itself, in steps, and so do the gaps under it"
        }
        (Some(_), _) => {
            "no law fits and gaps follow from each other, so the rate as seen stands for itself, in steps; play the \
             recording itself as a trace where bursts within a step count"
        }
        (None, true) => "the best of these does not fit: play the recording itself as a trace",
        (None, false) => "nothing speaks against the best",
    };
    let mut text = format!(
        "\n# Arrivals: {} per second, cv of gaps {:.3}. By AIC, beside the first: {}.\n\
         # Residuals: distribution p = {:.3}, order p = {:.3}: {verdict}.\n",
        number(found.rate),
        found.gap_cv,
        list.join(", "),
        found.p_shape,
        found.p_order
    );
    if let (Some(least), Some(most)) = (found.batches.iter().min(), found.batches.iter().max()) {
        let mean = found.batches.iter().sum::<usize>() as f64 / found.batches.len() as f64;
        let _ = writeln!(
            text,
            "# They come together: {} batches of {least} to {most}, {} on average; laws and gaps are of batches.",
            found.batches.len(),
            number(mean)
        );
    }
    if let Some(unit) = found.unit {
        let _ = writeln!(
            text,
            "# Instants are multiples of {}, and many are the same: requests of one are spread evenly over it.",
            span(unit)
        );
    }
    if !found.left_out.is_empty() {
        let _ = writeln!(
            text,
            "# Left out, for their mean rate is more than 10 % off: {}.",
            found.left_out.join(", ")
        );
    }
    text
}

fn arrivals(text: &mut String, found: &ArrivalFit, factor: f64) {
    let rate = |rate: f64| format!("\"{}/s\"", number(rate * factor));
    let profile = |steps: &[(f64, f64)]| {
        let knot = |(at, level): &(f64, f64)| format!("[\"{}\", {}]", span(*at), rate(*level));
        format!("profile = {{ steps = [{}] }}", steps.iter().map(knot).collect::<Vec<_>>().join(", "))
    };
    let process = match found.best() {
        Process::Poisson(mean) => format!("process = \"poisson\", rate = {}", rate(*mean)),
        Process::Steps(steps) => format!("process = \"poisson\", {}", profile(steps)),
        Process::Renewal(Distribution::Deterministic { value }) => {
            format!("process = \"deterministic\", rate = {}", rate(1.0 / value))
        }
        Process::Renewal(law) => {
            format!("process = \"renewal\", interval = {}", distribution(&scaled(law, 1.0 / factor)))
        }
        // The profile says how fast, the law how unevenly.
        Process::Scheduled(law, steps) => {
            format!("process = \"renewal\", interval = {}, {}", distribution(law), profile(steps))
        }
        Process::Modulated(rates, stays) => format!(
            "process = \"markov_modulated\", rates = [{}, {}], mean_stay = [\"{}\", \"{}\"]",
            rate(rates[0]),
            rate(rates[1]),
            span(stays[0]),
            span(stays[1])
        ),
    };
    let _ = writeln!(text, "arrivals = {{ {process}{} }}", batch(&found.batches));
}

/// How many come together, as often as it was seen.
fn batch(sizes: &[usize]) -> String {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    sizes.iter().for_each(|size| *counts.entry(*size).or_default() += 1.0);
    let sizes: Vec<String> = counts.keys().map(usize::to_string).collect();
    match sizes.as_slice() {
        [] => String::new(),
        [only] => format!(", batch = {only}"),
        several => {
            let shares = shares(&counts.into_values().collect::<Vec<_>>());
            format!(
                ", batch = {{ sizes = [{}], probabilities = [{}] }}",
                several.join(", "),
                shares.join(", ")
            )
        }
    }
}

/// Shares of weights with six digits, none of them 0, which sum to 1: what rounding leaves goes to those that it cut most
/// (the method of largest remainders).
fn shares(weights: &[f64]) -> Vec<String> {
    const WHOLE: f64 = 1e6;
    let total: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|weight| weight / total * WHOLE).collect();
    let mut units: Vec<i64> = exact.iter().map(|share| (*share as i64).max(1)).collect();
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by(|a, b| (exact[*b] - units[*b] as f64).total_cmp(&(exact[*a] - units[*a] as f64)));
    let left = WHOLE as i64 - units.iter().sum::<i64>();
    if left >= 0 {
        order.iter().cycle().take(left as usize).for_each(|place| units[*place] += 1);
    } else if let Some(largest) = (0..units.len()).max_by_key(|place| units[*place]) {
        units[largest] += left;
    }
    units.into_iter().map(|units| format!("{}", units as f64 / WHOLE)).collect()
}

fn users_evidence(found: &UsersFit) -> String {
    let users = format!("\n# {} users wait for their answers, so arrivals follow from them.", found.n);
    match &found.think {
        Some(think) if think.n == 1 => {
            format!("{users}\n# They think for {} on average, as Little's law has it.\n", span(think.mean))
        }
        Some(think) => users + &evidence(think, &format!("{} pauses of users; thinking", think.n)),
        None => users + " Nobody came twice.\n",
    }
}

fn users(text: &mut String, found: &UsersFit, draw: Option<&Draw>) {
    let law = draw.and_then(|draw| draw.think.as_ref()).or(found.think.as_ref().map(|think| &think.law));
    let think = law.map_or_else(|| String::from("\"0s\""), distribution);
    let count = match found.present.as_slice() {
        [] => String::from("count = 1"),
        [(_, only)] => format!("count = {}", (*only).max(1)),
        [(_, first), ..] => {
            let stage = |pair: &[(f64, u32)]| {
                format!("{{ duration = \"{}\", target = {} }}", span(pair[1].0 - pair[0].0), pair[1].1)
            };
            let stages: Vec<String> = found.present.windows(2).map(stage).collect();
            format!("initial = {first}, stages = [{}]", stages.join(", "))
        }
    };
    let _ = writeln!(text, "users = {{ think = {think}, {count} }}");
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
        Distribution::Empirical { values } => {
            Distribution::Empirical { values: values.iter().map(|value| value * by).collect() }
        }
        Distribution::Mixture { probabilities, parts } => Distribution::Mixture {
            probabilities: probabilities.clone(),
            parts: parts.iter().map(|part| scaled(part, by)).collect(),
        },
        Distribution::Deterministic { value } => Distribution::Deterministic { value: value * by },
        other => other.clone(),
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
            format!(
                "{{ dist = \"hyperexponential\", probabilities = [{}], means = [\"{}\", \"{}\"] }}",
                shares(probabilities).join(", "),
                span(means[0]),
                span(means[1])
            )
        }
        Distribution::Empirical { values } => {
            let list: Vec<String> = values.iter().map(|value| format!("\"{}\"", span(*value))).collect();
            format!("{{ dist = \"empirical\", values = [{}] }}", list.join(", "))
        }
        Distribution::Mixture { probabilities, parts } => format!(
            "{{ dist = \"mixture\", probabilities = [{}], parts = [{}] }}",
            shares(probabilities).join(", "),
            parts.iter().map(distribution).collect::<Vec<_>>().join(", ")
        ),
        other => format!("\"{}\"", span(other.mean())),
    }
}

/// Seconds with six significant digits and a unit that reads well.
pub(in crate::experiment) fn span(secs: f64) -> String {
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

/// The names of classes as a model takes them, each once: some may differ in what cannot be written plainly.
fn names(fitted: &Fitted) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let unique = |class: &ClassFit| {
        let name = plain(&class.name);
        let others = (2..).map(|number| format!("{name} ({number})"));
        let free = std::iter::once(name.clone()).chain(others).find(|one| taken.insert(one.clone()));
        quoted(&free.unwrap_or(name))
    };
    fitted.classes.iter().map(unique).collect()
}

/// A name without what cannot be written plainly; recordings may leave it out.
fn plain(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if plain.trim().is_empty() { String::from("unnamed") } else { plain }
}

/// A name as a model takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", plain(name).replace('\\', "\\\\").replace('"', "\\\""))
}

/// Names go into comments, which end with their line.
pub(in crate::experiment) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
