//! Two records held against each other: what changed in the input, and what that did to the output.
//!
//! Two simulations under one seed share their luck: where both records hold a figure by replication, the error of the
//! difference is that of its pairs. Other figures come with their intervals and nothing else, and are compared as if they
//! were independent, so that such claims err towards "undecided". Figures are ranked by effect: how many of its own half-widths and how many margins a difference
//! is, whichever is less, so that neither a large uncertain change nor a sure tiny one comes first.

use super::super::RegimeFound;
use super::super::metric::{Metric, Scope, Unit};
use super::super::record::{self, Kind, Point, Record, SCHEMA, Settings, Warning};
use super::super::study::Study;
use super::{Agreed, Agreement, Terms};
use crate::random::RNG_CONTRACT;
use crate::stats::{Contrast, Equivalence, Estimate, Level, multiple};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A value of the input that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputChange {
    /// Its path, such as `pool.main.slots`; `seed`, `version` for what is no part of a model.
    pub path: String,
    /// In the first; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// In the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
}

/// What differs in the inputs of two records: the models value by value, then how they were run.
pub fn inputs(one: &Record, two: &Record) -> Vec<InputChange> {
    let (first, second) = (values(one), values(two));
    let mut paths: Vec<&String> = first.keys().chain(second.keys()).collect();
    paths.sort();
    paths.dedup();
    let change = |path: &String| {
        let (first, second) = (first.get(path).cloned(), second.get(path).cloned());
        (first != second).then(|| InputChange { path: path.clone(), first, second })
    };
    paths.into_iter().filter_map(change).collect()
}

/// Values of a model that a record has among its own settings.
const TOLD_BY_SETTINGS: [&str; 6] =
    ["run.seed", "run.confidence", "run.replications", "run.precision", "run.horizon", "run.requests"];

/// Every value that shaped a record, by path.
fn values(record: &Record) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    flatten("", &record.model.text, &mut values);
    // What the record says of itself below is told once, in its words.
    values.retain(|path, _| !TOLD_BY_SETTINGS.contains(&path.as_str()));
    if let Some(experiment) = &record.study.experiment {
        let mut own = BTreeMap::new();
        flatten("", &experiment.text, &mut own);
        // What an experiment sets in its model is told once, as the model's.
        own.retain(|path, value| {
            path.strip_prefix("set.").is_none_or(|path| values.get(path) != Some(value))
        });
        values.extend(own.into_iter().map(|(path, value)| (format!("experiment.{path}"), value)));
    }
    let model = record.model.text.parse::<toml::Table>().unwrap_or_default();
    let mut add = |path: &str, value: String| values.insert(path.to_owned(), value);
    add("seed", record.seed.to_string());
    add("version", record.poolsim.clone());
    add("rng_contract", record.rng_contract.to_string());
    let settings = &record.settings;
    add("settings.confidence", settings.confidence.to_string());
    add("settings.replications", settings.replications.to_string());
    for change in &settings.overrides {
        if let Some((path, value)) = change.split_once('=') {
            // A text may be written with quotes or without.
            let value = value.parse::<toml::Value>().map_or_else(
                |_| toml::Value::from(value.trim().trim_matches('"')).to_string(),
                |value| value.to_string(),
            );
            // A text that is the model as meant has it in place.
            if at(&model, path.trim()).is_none_or(|there| there.to_string() != value) {
                add(path.trim(), value);
            }
        }
    }
    for (path, value) in [
        ("settings.precision", settings.precision.map(|x| x.to_string())),
        ("settings.horizon", settings.horizon.map(|x| format!("{x} s"))),
        ("settings.requests", settings.requests.map(|x| x.to_string())),
    ] {
        if let Some(value) = value {
            values.insert(path.to_owned(), value);
        }
    }
    values
}

/// The value at a path of keys, where elements of lists go by name or number.
fn at<'t>(table: &'t toml::Table, path: &str) -> Option<&'t toml::Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let mut found = table.get(first)?;
    for key in rest.into_iter().flat_map(|rest| rest.split('.')) {
        found = match found {
            toml::Value::Table(table) => table.get(key)?,
            toml::Value::Array(items) => {
                let named = |item: &&toml::Value| item.get("name").and_then(toml::Value::as_str) == Some(key);
                let numbered = || key.parse().ok().and_then(|index: usize| items.get(index));
                items.iter().find(named).or_else(numbered)?
            }
            _ => return None,
        };
    }
    Some(found)
}

/// The values of a TOML text by path; a text that is no TOML stands for itself.
fn flatten(prefix: &str, text: &str, values: &mut BTreeMap<String, String>) {
    match text.parse::<toml::Table>() {
        Ok(table) => leaves(prefix.trim_end_matches('.'), &toml::Value::Table(table), values),
        Err(_) => drop(values.insert(format!("{prefix}text"), text.to_owned())),
    }
}

fn leaves(path: &str, value: &toml::Value, values: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(table) => {
            table.iter().for_each(|(key, value)| leaves(&below(key), value, values));
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| leaves(&below(&index.to_string()), item, values));
        }
        value => drop(values.insert(path.to_owned(), value.to_string())),
    }
}

/// Compares two records figure by figure, point by point.
///
/// # Errors
/// A text with a hint: records whose points have nothing in common.
pub fn compare(
    (first_name, one): (&str, &Record),
    (second_name, two): (&str, &Record),
    terms: &Terms,
) -> Result<Vec<Agreement>, (String, String)> {
    let mut agreements = Vec::new();
    let one_luck = one.seed == two.seed && one.rng_contract == two.rng_contract;
    for (a, b) in matched(one, two)? {
        let paired = one_luck && a.replications == b.replications;
        let how = if one.points.len() > 1 && two.points.len() > 1 {
            b.label.clone()
        } else if paired && !a.each.is_empty() && !b.each.is_empty() {
            String::from("records under one seed")
        } else {
            String::from("records")
        };
        let figures = figures(a, b, terms, paired);
        let verdict = Equivalence::of_all(figures.iter().map(|figure| figure.verdict));
        agreements.extend(verdict.map(|verdict| Agreement {
            how,
            first: first_name.to_owned(),
            second: second_name.to_owned(),
            verdict,
            terms: *terms,
            figures,
            requests: None,
        }));
    }
    if agreements.is_empty() {
        let hint = "compare runs of models with the same classes, phases and pools";
        return Err((String::from("the two records have no figure in common"), hint.to_owned()));
    }
    Ok(agreements)
}

/// Whether points stand in one place: cells of a grid by what was set and called so, worlds of replays by their kind,
/// because a real one is called by its target.
fn same_place(a: &Point, b: &Point) -> bool {
    a.settings == b.settings && a.world == b.world && (a.label == b.label || !a.world.is_simulated())
}

/// Points that belong together: the only ones, the chosen one of several, or those with the same label.
fn matched<'a>(one: &'a Record, two: &'a Record) -> Result<Vec<(&'a Point, &'a Point)>, (String, String)> {
    let single = |record: &'a Record| match record.points.as_slice() {
        [only] => Some(only),
        points => record.chosen.and_then(|chosen| points.iter().find(|point| point.index == chosen)),
    };
    match (one.points.as_slice(), two.points.as_slice()) {
        ([], _) | (_, []) => {
            Err((String::from("a record has no points"), String::from("run its model again")))
        }
        ([_, _, ..], [_, _, ..]) => {
            let pairs: Vec<_> = one
                .points
                .iter()
                .filter_map(|a| Some((a, two.points.iter().find(|b| same_place(a, b))?)))
                .collect();
            match (pairs.is_empty(), single(one), single(two)) {
                (false, _, _) => Ok(pairs),
                (true, Some(a), Some(b)) => Ok(vec![(a, b)]),
                _ => Err((
                    format!("the points of {} and {} have nothing in common", one.name, two.name),
                    String::from("compare sweeps over the same axes, or single runs"),
                )),
            }
        }
        _ => match (single(one), single(two)) {
            (Some(a), Some(b)) => Ok(vec![(a, b)]),
            _ => Err((
                format!("one of {} and {} has several points and none is chosen", one.name, two.name),
                String::from("compare a run with a run, or two sweeps over the same axes"),
            )),
        },
    }
}

/// The figures that both points have, by effect.
fn figures(one: &Point, two: &Point, terms: &Terms, paired: bool) -> Vec<Agreed> {
    let mut judged: Vec<(Agreed, f64)> = Vec::new();
    for a in one.metrics.iter().filter(|metric| headline(metric, one)) {
        let Some(b) = two.metric(&a.name, &a.scope).filter(|b| b.unit == a.unit) else { continue };
        let by = |point: &'_ Point| point.by_replication(&a.name, &a.scope).map(<[_]>::to_vec);
        let pairs = by(one).zip(by(two)).filter(|_| paired).and_then(|(a, b)| contrast_of_pairs(&a, &b));
        judged.extend(figure(a, b, pairs, terms));
    }
    if one.fingerprint == two.fingerprint {
        // The same runs, event by event: their figures are not two estimates but one.
        judged.iter_mut().filter(|(agreed, _)| agreed.first == agreed.second).for_each(|(agreed, _)| {
            agreed.verdict = Equivalence::Equivalent;
            (agreed.difference.low, agreed.difference.high) = (0.0, 0.0);
        });
    }
    let corrected = multiple::holm(&judged.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    let mut figures: Vec<Agreed> = judged
        .into_iter()
        .zip(corrected)
        .map(|((mut agreed, _), p)| {
            if agreed.verdict == Equivalence::Different && p > 1.0 - terms.confidence {
                agreed.verdict = Equivalence::Undecided;
            }
            agreed
        })
        .collect();
    // A stable sort: figures of equal effect stay in the order of reports.
    figures.sort_by(|a, b| effect(b).total_cmp(&effect(a)));
    figures
}

/// Whether a figure is one that people ask for: no variance, no quantile between the usual ones, not what a single
/// class or pool repeats of the whole, and no count of a stretch whose length depends on the warm-up that was cut off.
fn headline(metric: &Metric, point: &Point) -> bool {
    const LESS_ASKED: [&str; 6] = ["_p75", "_p90", "_p98", "_p995", "_p999", "_p9999"];
    let name = &metric.name;
    let usual = !name.starts_with("var_")
        && !name.contains("_served")
        && (!name.starts_with("count_") || point.regime == RegimeFound::Terminating)
        && !LESS_ASKED.iter().any(|ending| name.ends_with(ending));
    let whole = Scope { phase: metric.scope.phase.clone(), ..Scope::default() };
    let repeats = metric.scope != whole
        && point.metric(name, &whole).is_some_and(|other| other.estimate.value == metric.estimate.value);
    usual && !repeats
}

/// How many half-widths and how many margins a difference is: the less.
pub fn effect(agreed: &Agreed) -> f64 {
    effect_of(&agreed.difference, agreed.margin)
}

/// The same of a difference beside its margin.
pub fn effect_of(difference: &Estimate, margin: f64) -> f64 {
    let size = difference.value.abs();
    let times = |part: f64| {
        if part > 0.0 {
            size / part
        } else if size > 0.0 {
            f64::INFINITY
        } else {
            0.0
        }
    };
    let effect = times(difference.half_width()).min(times(margin));
    if effect.is_nan() { 0.0 } else { effect }
}

/// What the pairs of replications say of a difference.
fn contrast_of_pairs(a: &[Option<f64>], b: &[Option<f64>]) -> Option<Contrast> {
    let pairs = a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
    Contrast::paired(&a, &b)
}

/// `pairs`: the contrast of the replications, where they share their luck; it gives the error, and the estimates of all
/// replications together the difference.
fn figure(a: &Metric, b: &Metric, pairs: Option<Contrast>, terms: &Terms) -> Option<(Agreed, f64)> {
    let (x, y) = (&a.estimate, &b.estimate);
    // Nothing happened in either, or there is no value: no figure to speak of.
    if !x.value.is_finite() || !y.value.is_finite() || (x.value == 0.0 && y.value == 0.0) {
        return None;
    }
    let margin = terms.around(a.unit, x.value);
    let (p, q) = (error_of(x), error_of(y));
    let judged = match (pairs, p, q) {
        (Some(pairs), ..) => {
            let difference = y.value - x.value;
            let contrast = Contrast { first: x.value, second: y.value, difference, ..pairs };
            contrast.judge(margin, terms.confidence)
        }
        (None, Some(p), Some(q)) => {
            let squares = (p.0 * p.0, q.0 * q.0);
            let spread = squares.0 * squares.0 / p.1 + squares.1 * squares.1 / q.1;
            let sum = squares.0 + squares.1;
            let contrast = Contrast {
                first: x.value,
                second: y.value,
                difference: y.value - x.value,
                error: sum.sqrt(),
                freedom: if spread > 0.0 { sum * sum / spread } else { p.1 + q.1 },
                n: x.n + y.n,
            };
            contrast.judge(margin, terms.confidence)
        }
        _ => crate::stats::Judged::undecided(y.value - x.value, 1, margin, terms.confidence),
    };
    let agreed = Agreed {
        metric: a.name.clone(),
        scope: a.scope.clone(),
        unit: a.unit,
        first: Some(x.value),
        second: Some(y.value),
        difference: judged.difference,
        margin,
        verdict: judged.verdict,
        p_value: judged.p_any,
    };
    Some((agreed, judged.p_beyond))
}

/// The standard error behind an interval, and its degrees of freedom; of an uneven one the longer side's.
fn error_of(estimate: &Estimate) -> Option<(f64, f64)> {
    if estimate.n < 2 || !estimate.is_finite() {
        return None;
    }
    let half = (estimate.high - estimate.value).max(estimate.value - estimate.low);
    let critical = Level::new(estimate.confidence).t(estimate.n as usize);
    Some((half / critical, estimate.n as f64 - 1.0))
}

/// The record of a comparison of two records.
pub fn record(
    (first_name, one): (&str, &Record),
    (second_name, two): (&str, &Record),
    agreements: Vec<Agreement>,
    terms: &Terms,
    command: String,
) -> Record {
    let mut warnings = Vec::new();
    if one.poolsim != two.poolsim || one.rng_contract != two.rng_contract {
        warnings.push(Warning {
            code: String::from("versions"),
            text: String::from("the two records were made by different versions of poolsim"),
            advice: String::from(
                "run both models again with one version to see the change of the input alone",
            ),
        });
    }
    if one.kind != two.kind {
        warnings.push(Warning {
            code: String::from("kinds"),
            text: format!("the first record is of a {:?}, the second of a {:?}", one.kind, two.kind)
                .to_lowercase(),
            advice: String::from("what they have in common is compared"),
        });
    }
    let mut points: Vec<Point> = Vec::new();
    for (label, record) in [(first_name, one), (second_name, two)] {
        if let [only] = record.points.as_slice() {
            let index = points.len() as u64;
            points.push(Point { index, label: label.to_owned(), ..only.clone() });
        }
    }
    let differences = agreements.iter().flat_map(Agreement::differences);
    let differences = differences.filter(|one| one.unit != Unit::SecondsSquared).take(24).collect();
    Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Check,
        name: format!("{} against {}", two.name, one.name),
        description: format!("{second_name} held against {first_name}"),
        poolsim: env!("CARGO_PKG_VERSION").to_owned(),
        rng_contract: RNG_CONTRACT,
        seed: two.seed,
        fingerprint: record::combined_fingerprint(&points),
        command,
        model: two.model.clone(),
        settings: Settings { confidence: terms.confidence, ..Settings::default() },
        points,
        chosen: None,
        differences,
        warnings,
        study: Study { inputs: inputs(one, two), ..Study::compared(agreements) },
    }
}
