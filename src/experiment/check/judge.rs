//! Then against now: every figure gets a verdict that knows its error, its threshold and its power.
//!
//! A change is *worse* or *better* when it lies beyond the threshold with confidence, corrected for the number of
//! figures (Holm); *unchanged* when both one-sided tests place it within the threshold, never because nothing was
//! found; else *undecided*. The claim "all unchanged" needs no correction: to be wrong about all one must be wrong
//! about the worst (intersection-union).

use super::baseline::{Baseline, Portion, Sampled, Shape};
use super::decided::{Difference, Effect};
use super::measure::Asked;
use super::{CHECK_SCHEMA, Certainty, Checked, Row, Rule, Section, Verdict, Worse, behaviour};
use crate::experiment::metric::{Scope, Unit};
use crate::stats::Estimate;
use crate::stats::equivalence::{Contrast, Equivalence, Judged, student_quantile};
use crate::stats::multiple::holm;

/// A distance between distribution functions that does not matter.
const SHAPE_THRESHOLD: f64 = 0.05;

/// A row with what its verdict needs.
struct Open {
    row: Row,
    contrast: Option<Contrast>,
    /// Contrasts of which this one lies furthest from nothing: all must be equivalent, and its probability counts
    /// once for each.
    among: Vec<Contrast>,
}

/// Holds a measurement of now against a baseline. `found` are the decisions that differ.
pub fn judge(then: &Baseline, now: &Baseline, asked: &Asked, found: Vec<Difference>) -> Checked {
    let paired = then.seed == now.seed && then.rng_contract == now.rng_contract && asked.pairs;
    let mut open = Vec::new();
    for point in &now.points {
        match then.points.iter().find(|one| one.label == point.label) {
            Some(before) => {
                let label = if now.points.len() > 1 { point.label.clone() } else { String::new() };
                Side { before, point, label, paired, asked }.rows(&mut open);
            }
            None => open.push(alone(&point.label, Verdict::New)),
        }
    }
    let gone = then.points.iter().filter(|one| now.points.iter().all(|point| point.label != one.label));
    open.extend(gone.map(|point| alone(&point.label, Verdict::Vanished)));
    let family = settle(&mut open, asked.certainty);
    let rows: Vec<Row> = open.into_iter().map(|open| open.row).collect();
    let runs = |baseline: &Baseline| baseline.points.iter().map(|point| point.runs.len()).max().unwrap_or(0);
    let worst = rows.iter().map(|row| row.verdict).max().unwrap_or(Verdict::Unchanged);
    Checked {
        schema: CHECK_SCHEMA.to_owned(),
        name: now.name.clone(),
        verdict: worst,
        baseline_version: then.poolsim.clone(),
        baseline_fingerprint: then.fingerprint.clone(),
        fingerprint: now.fingerprint.clone(),
        runs: runs(then).min(runs(now)) as u64,
        paired,
        confidence: asked.certainty.confidence,
        power: asked.certainty.power,
        family: family as u64,
        notes: notes(then, now, paired),
        rows,
        decisions: found,
        sequences: (now.corpus.len() + now.points.iter().filter(|p| p.decisions.is_some()).count()) as u64,
    }
}

/// What to know about two sides that were not made alike.
fn notes(then: &Baseline, now: &Baseline, paired: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if then.seed != now.seed {
        notes.push(format!(
            "the baseline was made under seed {} and this is seed {}: runs are compared as independent ones",
            then.seed, now.seed
        ));
    } else if then.rng_contract != now.rng_contract {
        notes.push(String::from(
            "the random numbers of this version are not those of the baseline's: runs are compared as \
             independent ones",
        ));
    }
    let runs = |baseline: &Baseline| baseline.points.first().map_or(0, |point| point.runs.len());
    if runs(then) != runs(now) {
        let how = if paired { "; those that both have are compared" } else { "" };
        notes.push(format!("the baseline has {} runs and this check {}{how}", runs(then), runs(now)));
    }
    if then.target != now.target {
        let name = |side: &Baseline| side.target.clone().unwrap_or_else(|| String::from("the simulator"));
        notes.push(format!("the baseline is of {}, this is {}", name(then), name(now)));
    }
    notes
}

fn alone(label: &str, verdict: Verdict) -> Open {
    let row = Row {
        section: Section::Metric,
        point: label.to_owned(),
        name: String::from("point"),
        scope: Scope::default(),
        unit: Unit::Number,
        before: None,
        after: None,
        change: None,
        threshold: 0.0,
        smallest: None,
        p: None,
        worse: Worse::Higher,
        verdict,
        exact: false,
    };
    Open::done(row)
}

/// One point, then and now.
struct Side<'a> {
    before: &'a Portion,
    point: &'a Portion,
    label: String,
    paired: bool,
    asked: &'a Asked,
}

impl Side<'_> {
    /// Whether every run that both have is the same to the last decision.
    fn exact(&self) -> bool {
        let both = self.before.runs.len().min(self.point.runs.len());
        self.paired && both > 0 && self.before.runs[..both] == self.point.runs[..both]
    }

    fn rows(&self, open: &mut Vec<Open>) {
        let metrics = (&self.before.metrics[..], &self.point.metrics[..]);
        self.figures(Section::Metric, metrics, &|one| self.asked.rule(one), open);
        let behaviours = (&self.before.behaviours[..], &self.point.behaviours[..]);
        self.figures(Section::Behaviour, behaviours, &|one| self.asked.behaviour(&one.name), open);
        for shape in &self.point.shapes {
            let before = self.before.shapes.iter().find(|one| one.scope == shape.scope);
            open.extend(before.and_then(|before| self.shape(before, shape)));
        }
    }

    fn figures(
        &self,
        section: Section,
        (before, now): (&[Sampled], &[Sampled]),
        rule: &dyn Fn(&Sampled) -> Rule,
        open: &mut Vec<Open>,
    ) {
        let has = |one: &Sampled| one.values.iter().any(Option::is_some);
        let same = |one: &Sampled, other: &Sampled| one.name == other.name && one.scope == other.scope;
        for one in now.iter().filter(|one| has(one)) {
            let then = before.iter().find(|then| same(then, one) && has(then));
            open.push(match then {
                Some(then) => self.figure(section, then, one, rule(one)),
                None => self.lone(section, one, rule(one), Verdict::New),
            });
        }
        let there = |then: &&Sampled| now.iter().any(|one| same(then, one) && has(one));
        for then in before.iter().filter(|then| has(then) && !there(then)) {
            open.push(self.lone(section, then, rule(then), Verdict::Vanished));
        }
    }

    fn row(&self, section: Section, one: &Sampled, rule: Rule) -> Row {
        Row {
            section,
            point: self.label.clone(),
            name: one.name.clone(),
            scope: one.scope.clone(),
            unit: one.unit,
            threshold: rule.floor,
            worse: rule.worse,
            ..alone("", Verdict::Undecided).row
        }
    }

    fn lone(&self, section: Section, one: &Sampled, rule: Rule, verdict: Verdict) -> Open {
        let mean = Some(mean(&one.values));
        let (before, after) = if verdict == Verdict::New { (None, mean) } else { (mean, None) };
        Open::done(Row { before, after, verdict, ..self.row(section, one, rule) })
    }

    fn figure(&self, section: Section, then: &Sampled, now: &Sampled, rule: Rule) -> Open {
        let mut row = self.row(section, now, rule);
        let (contrast, before, after) = contrast(&then.values, &now.values, self.paired);
        (row.before, row.after) = (Some(before), Some(after));
        row.threshold = (rule.relative * before.abs()).max(rule.floor);
        if self.exact() {
            (row.verdict, row.exact) = (Verdict::Unchanged, true);
            return Open::done(row);
        }
        Open { row, contrast, among: Vec::new() }
    }

    /// The bin edge at which the distribution functions lie furthest apart.
    fn shape(&self, before: &Shape, now: &Shape) -> Option<Open> {
        let share = |counts: &Vec<u64>, edge: usize| {
            let all: u64 = counts.iter().sum();
            let below: u64 = counts[..=edge].iter().sum();
            (all > 0).then(|| below as f64 / all as f64)
        };
        let side = |shape: &Shape, edge| shape.counts.iter().map(|run| share(run, edge)).collect::<Vec<_>>();
        let at = |edge| contrast(&side(before, edge), &side(now, edge), self.paired).0;
        let among: Vec<Contrast> = (0..before.edges.len()).filter_map(at).collect();
        let contrast =
            among.iter().copied().max_by(|a, b| a.difference.abs().total_cmp(&b.difference.abs()))?;
        let one = Sampled {
            name: String::from("latency_shape"),
            scope: now.scope.clone(),
            unit: Unit::Ratio,
            values: Vec::new(),
        };
        let rule = Rule { relative: 0.0, floor: SHAPE_THRESHOLD, worse: Worse::Lower };
        let mut row = self.row(Section::Shape, &one, rule);
        (row.before, row.after) = (Some(contrast.first), Some(contrast.second));
        if self.exact() {
            (row.verdict, row.exact) = (Verdict::Unchanged, true);
            return Some(Open::done(row));
        }
        Some(Open { row, contrast: Some(contrast), among })
    }
}

fn mean(values: &[Option<f64>]) -> f64 {
    let there: Vec<f64> = values.iter().flatten().copied().collect();
    there.iter().sum::<f64>() / there.len().max(1) as f64
}

/// The contrast of two lists of runs, and their means.
fn contrast(then: &[Option<f64>], now: &[Option<f64>], paired: bool) -> (Option<Contrast>, f64, f64) {
    if paired {
        let both = then.iter().zip(now).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
        let (a, b): (Vec<f64>, Vec<f64>) = both.unzip();
        let found = Contrast::paired(&a, &b);
        let means = found.map_or_else(|| (mean(then), mean(now)), |found| (found.first, found.second));
        return (found, means.0, means.1);
    }
    let there = |values: &[Option<f64>]| values.iter().flatten().copied().collect::<Vec<f64>>();
    (Contrast::independent(&there(then), &there(now)), mean(then), mean(now))
}

impl Open {
    const fn done(row: Row) -> Open {
        Open { row, contrast: None, among: Vec::new() }
    }

    /// The tests of the row's contrast against its threshold.
    fn judged(&self, confidence: f64) -> Option<Judged> {
        let judge = |contrast: &Contrast| contrast.judge(self.row.threshold, confidence);
        let mut judged = judge(self.contrast.as_ref()?);
        let p_beyond = (judged.p_beyond * self.among.len().max(1) as f64).min(1.0);
        let all_equivalent = self.among.iter().all(|one| judge(one).verdict == Equivalence::Equivalent);
        if judged.verdict == Equivalence::Equivalent && !all_equivalent {
            judged.verdict = Equivalence::Undecided;
        }
        judged.p_beyond = p_beyond;
        Some(judged)
    }
}

/// Gives every open row its verdict; returns how many were judged together.
fn settle(open: &mut [Open], certainty: Certainty) -> usize {
    let level = 1.0 - certainty.confidence;
    let judged: Vec<Option<Judged>> = open.iter().map(|one| one.judged(certainty.confidence)).collect();
    let p_values: Vec<f64> = judged.iter().flatten().map(|found| found.p_beyond).collect();
    let levels = holm_levels(&p_values, level);
    let corrected = holm(&p_values);
    let family = p_values.len();
    let mut place = 0;
    for (Open { row, contrast, among }, found) in open.iter_mut().zip(judged) {
        let (Some(contrast), Some(found)) = (contrast, found) else { continue };
        let harm = match row.worse {
            Worse::Higher => contrast.difference,
            Worse::Lower => -contrast.difference,
        };
        row.verdict = match found.verdict {
            Equivalence::Equivalent => Verdict::Unchanged,
            Equivalence::Different if corrected[place] <= level && harm > 0.0 => Verdict::Worse,
            Equivalence::Different if corrected[place] <= level => Verdict::Better,
            Equivalence::Different | Equivalence::Undecided => Verdict::Undecided,
        };
        let tries = among.len().max(1) as f64;
        row.p = Some(corrected[place]);
        row.smallest =
            Some(smallest(contrast, row.threshold, level / (family as f64 * tries), certainty.power));
        row.change = Some(shown(contrast, row.verdict, levels[place] / tries, certainty.confidence));
        place += 1;
    }
    family
}

fn shown(contrast: &Contrast, verdict: Verdict, level: f64, confidence: f64) -> Estimate {
    match verdict {
        Verdict::Unchanged => contrast.interval(2.0 * confidence - 1.0),
        _ => contrast.interval(1.0 - level),
    }
}

/// The smallest true change that would have been called worse with this power.
fn smallest(contrast: &Contrast, threshold: f64, level: f64, power: f64) -> f64 {
    let critical = |p: f64| student_quantile(p, contrast.freedom);
    threshold + (critical(1.0 - level / 2.0) + critical(power)) * contrast.error
}

/// The level at which Holm's procedure tests each figure, so that the interval shown tells what the verdict says: from
/// the first that is not rejected on, the level at which the procedure stopped.
fn holm_levels(p_values: &[f64], level: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let mut levels = vec![level; p_values.len()];
    let mut stopped = None;
    for (rank, &index) in order.iter().enumerate() {
        let own = level / (p_values.len() - rank) as f64;
        if stopped.is_none() && p_values[index] > own {
            stopped = Some(own);
        }
        levels[index] = stopped.unwrap_or(own);
    }
    levels
}

impl Asked {
    /// When a change of a metric matters: by the experiment's word, the more precise one first.
    fn rule(&self, one: &Sampled) -> Rule {
        let mut rule = super::default_rule(&one.name, one.unit);
        rule.relative = self.threshold;
        if self.live && one.unit == Unit::Seconds {
            rule.floor = self.grain;
        }
        let fits = |own: &&super::measure::OwnRule| {
            own.name == one.name
                && own.class.as_ref().is_none_or(|class| one.scope.class.as_ref() == Some(class))
        };
        for own in self.rules.iter().filter(fits) {
            rule.relative = own.relative.unwrap_or(rule.relative);
            rule.floor = own.floor.unwrap_or(rule.floor);
            rule.worse = own.worse.unwrap_or(rule.worse);
        }
        rule
    }

    fn behaviour(&self, name: &str) -> Rule {
        let known = behaviour::BEHAVIOURS.iter().find(|one| one.name == name);
        let mut rule = known.map_or_else(|| super::default_rule(name, Unit::Number), |one| one.rule);
        if self.live && known.is_some_and(|one| one.unit == Unit::Seconds) {
            rule.floor = self.grain * if name == behaviour::LIVE_ONLY { behaviour::LIVE_GRAIN } else { 1.0 };
        }
        let own = self.rules.iter().find(|own| own.name == name);
        if let Some(own) = own {
            rule.relative = own.relative.unwrap_or(rule.relative);
            rule.floor = own.floor.unwrap_or(rule.floor);
        }
        rule
    }
}

/// What a difference of decisions does to the figures of its case or point.
pub(super) fn effects(before: &[Sampled], after: &[Sampled]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for one in after {
        let Some(then) = before.iter().find(|then| then.name == one.name && then.scope == one.scope) else {
            continue;
        };
        let (before, after) = (mean(&then.values), mean(&one.values));
        if before != after {
            let part =
                |word: &str, name: &Option<String>| name.as_ref().map(|name| format!(" {word} {name}"));
            let Scope { class, phase, pool, .. } = &one.scope;
            let of = [part("of", class), part("in", phase), part("at", pool)].into_iter().flatten();
            let name = format!("{}{}", one.name, of.collect::<String>());
            effects.push(Effect { name, unit: one.unit, before, after });
        }
    }
    effects
}

#[cfg(test)]
mod tests;
