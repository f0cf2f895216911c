//! From replications to metrics: regime first, then every figure with its interval.
//!
//! 1. *Regime*. A terminating run counts whole. A steady run loses its warm-up (`groups`); if the model or the
//!    data say that load exceeds capacity, it is unstable and gets a growth rate in place of times.
//! 2. *Groups*. The independent observations are replications; a steady run of one replication is cut into
//!    batches instead. `sums` adds the tallies of each group up, by phase and class, as integers.
//! 3. *Figures*. Each metric is a function of the groups' sums: a ratio, a pooled quantile, a rare event
//!    (`figures`), for requests (`requests`) and for pools and hosts (`resources`). `course` makes the
//!    bands over time and the quantile curves.
//!
//! Names and meanings follow the reference cases: `mean_wait` is over accepted jobs, those that give up
//! included; `*_served` over jobs that reach service; `prob_*` over requests sent; `latency` is the client's.

mod course;
mod ended;
mod figures;
mod focus;
mod groups;
mod requests;
mod resources;
mod sums;

use self::ended::Ended;
use self::figures::Figures;
use self::focus::Focus;
pub use self::focus::Wanted;
use self::groups::Groups;
use self::requests::Scoped;
use self::sums::{Requests, Shape, Stretch};
use super::metric::{Metric, Scope, Unit};
use crate::model::{Model, stretches};
use crate::stats::{Estimate, Level, Replication};
use crate::time::NANOS;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What the statistics are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EstimateSettings {
    /// Confidence of intervals, such as 0.95.
    pub confidence: f64,
    /// Whether the model's offered load is known to be at or above its capacity.
    pub overloaded: bool,
    /// Whether bands over time are made.
    pub timelines: bool,
    /// Whether quantile curves are made.
    pub curves: bool,
    /// Whether nothing was left to chance: figures are what they are, without intervals.
    pub exact: bool,
}

impl EstimateSettings {
    /// Everything, at this confidence, for a load that is not known to exceed capacity.
    pub const fn new(confidence: f64) -> EstimateSettings {
        EstimateSettings { confidence, overloaded: false, timelines: true, curves: true, exact: false }
    }
}

impl Default for EstimateSettings {
    fn default() -> Self {
        EstimateSettings::new(0.95)
    }
}

/// What kind of stretch the replications turned out to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RegimeFound {
    /// A stretch with a beginning and an end; everything in it counts.
    Terminating,
    /// Long-run behaviour, warm-up removed.
    Steady {
        /// The longest warm-up that was cut off any replication, seconds.
        warm_up_seconds: f64,
        /// Replications whose warm-up was refused because the cut passed half of the run.
        refused: u32,
    },
    /// Work comes in faster than it can be done.
    Unstable {
        /// Growth of the number of requests in flight, per second.
        growth_per_second: Estimate,
    },
}

/// One quantity over time: quantiles over replications, by bin. `None` where a bin saw nothing to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// What, such as `queue_length`.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the values.
    pub unit: Unit,
    /// Beginning of the first bin, seconds.
    pub start: f64,
    /// Width of a bin, seconds.
    pub width: f64,
    /// Median over replications.
    pub median: Vec<Option<f64>>,
    /// 5 % quantile over replications.
    pub low: Vec<Option<f64>>,
    /// 95 % quantile over replications.
    pub high: Vec<Option<f64>>,
}

/// A distribution as a list of quantiles, closer together towards 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What, such as `latency`.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the values.
    pub unit: Unit,
    /// How many observations it rests on.
    pub count: u64,
    /// Probabilities, ascending.
    pub p: Vec<f64>,
    /// The quantiles.
    pub value: Vec<f64>,
}

impl Curve {
    /// A value so many times its forerunner is a leap where no other lies between.
    pub const LEAP: f64 = 1.1;

    /// Whether no value lies between those of points `at` and the next, and they are far apart.
    pub fn leaps_after(&self, at: usize) -> bool {
        let next = at + 1;
        let (Some(&p), Some(&q)) = (self.p.get(at), self.p.get(next)) else { return false };
        // Neighbours by rank are one value apart, or less where points are closer together than values.
        let neighbours = (q - p) * self.count as f64 <= 1.001;
        neighbours && self.value[next] > self.value[at] * Curve::LEAP
    }

    /// The distribution function as a line, value and probability: level over a leap, straight elsewhere.
    pub fn line(&self) -> Vec<(f64, f64)> {
        let point = |at: usize| {
            let corner = self.leaps_after(at).then(|| (self.value[at + 1], self.p[at]));
            std::iter::once((self.value[at], self.p[at])).chain(corner)
        };
        (0..self.value.len()).flat_map(point).collect()
    }
}

/// Everything that replications say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimated {
    /// Figures, in a fixed order: all, classes, phases, classes by phase, pools, hosts.
    pub metrics: Vec<Metric>,
    /// Regime.
    pub regime: RegimeFound,
    /// Warm-up cut off each replication, seconds; `None` where it was refused. Empty unless steady.
    pub warm_up: Vec<Option<f64>>,
    /// Courses over time.
    pub timelines: Vec<Band>,
    /// Distributions.
    pub curves: Vec<Curve>,
}

/// Estimates every metric of a model from its replications, which must be those of one point.
pub fn metrics(model: &Model, replications: &[Replication], settings: &EstimateSettings) -> Estimated {
    focused(model, replications, settings, &Focus::everything())
}

/// Estimates some metrics only, for a fraction of the time: a search looks at many points and needs few figures of
/// each. The figures are those that [`metrics`] would give.
pub fn chosen(
    model: &Model,
    replications: &[Replication],
    settings: &EstimateSettings,
    wanted: &[Wanted],
) -> Estimated {
    focused(model, replications, settings, &Focus::on(wanted, model))
}

fn focused(
    model: &Model,
    replications: &[Replication],
    settings: &EstimateSettings,
    focus: &Focus<'_>,
) -> Estimated {
    let level = Level::new(settings.confidence);
    let Groups { regime, warm_up, groups, part } =
        groups::find(model, replications, settings.overloaded, &level);
    let shape = Shape {
        phases: stretches::parts(model),
        classes: model.classes.len(),
        pools: model.pools.len(),
        hosts: model.hosts.len(),
    };
    let ended = ended::by_group(&groups, replications);
    let groups: Vec<Vec<Stretch>> = groups.iter().map(|group| sums::by_phase(group, shape, focus)).collect();
    let mut reduction = Reduction {
        model,
        level: &level,
        shape,
        focus,
        part,
        exact: settings.exact,
        unstable: None,
        metrics: Vec::new(),
    };
    if let RegimeFound::Unstable { growth_per_second } = regime {
        reduction.unstable = Some(growth_per_second);
    }
    let pooled = sums::pooled(&groups, shape);
    let tables = Tables::new(&groups, &pooled, shape, focus);
    reduction.requests(&groups, &tables);
    if reduction.unstable.is_some() {
        reduction.ends(&ended);
    }
    reduction.resources(&groups);
    let curves =
        if settings.curves && reduction.unstable.is_none() { reduction.curves(&tables) } else { Vec::new() };
    let timelines = if settings.timelines { course::bands(replications) } else { Vec::new() };
    if settings.exact {
        reduction.metrics.iter_mut().for_each(Metric::without_interval);
    }
    Estimated { metrics: reduction.metrics, regime, warm_up, timelines, curves }
}

/// A row of requests: one entry a group, and last all groups together.
type Row<'a> = Vec<Cow<'a, Requests>>;

/// The requests of every scope, each summed once.
struct Tables<'a> {
    all: Row<'a>,
    by_class: Vec<Row<'a>>,
    by_phase: Vec<Row<'a>>,
    by_phase_and_class: Vec<Vec<Row<'a>>>,
}

impl<'a> Tables<'a> {
    fn new(groups: &'a [Vec<Stretch>], pooled: &'a [Stretch], shape: Shape, focus: &Focus<'_>) -> Tables<'a> {
        let everything = || groups.iter().map(Vec::as_slice).chain([pooled]);
        let cell = |phase: usize, class: usize| -> Row<'a> {
            everything().map(|stretches| Cow::Borrowed(&stretches[phase].requests[class])).collect()
        };
        let by_phase_and_class: Vec<Vec<Row>> = (0..shape.phases)
            .map(|phase| (0..shape.classes).map(|class| cell(phase, class)).collect())
            .collect();
        let width = groups.len() + 1;
        let by_class: Vec<Row> = (0..shape.classes)
            .map(|class| match focus.row(Some(class), None) || focus.row(None, None) {
                true => total(by_phase_and_class.iter().map(|phase| &phase[class]), width),
                false => Row::new(),
            })
            .collect();
        let by_phase: Vec<Row> = by_phase_and_class
            .iter()
            .enumerate()
            .map(|(phase, classes)| match focus.row(None, Some(phase)) || shape.phases == 1 {
                true => total(classes.iter(), width),
                false => Row::new(),
            })
            .collect();
        // A single phase is everything already.
        let all = match shape.phases {
            1 => by_phase[0].clone(),
            _ if focus.row(None, None) => total(by_class.iter(), width),
            _ => Row::new(),
        };
        Tables { all, by_class, by_phase, by_phase_and_class }
    }
}

/// The sum of rows, entry by entry; a single row is passed on.
fn total<'a, 'r>(mut rows: impl Iterator<Item = &'r Row<'a>>, width: usize) -> Row<'a>
where
    'a: 'r,
{
    let Some(first) = rows.next() else { return vec![Cow::Owned(Requests::default()); width] };
    let mut sum = first.clone();
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, more)| *sum = Cow::Owned(sum.joined(more)));
    }
    sum
}

/// Makes metrics scope by scope.
struct Reduction<'a> {
    model: &'a Model,
    level: &'a Level,
    shape: Shape,
    focus: &'a Focus<'a>,
    part: f64,
    exact: bool,
    unstable: Option<Estimate>,
    metrics: Vec<Metric>,
}

impl Reduction<'_> {
    fn figures(&mut self, scope: Scope) -> Figures<'_> {
        Figures {
            level: self.level,
            scope,
            focus: self.focus,
            part: self.part,
            exact: self.exact,
            out: &mut self.metrics,
        }
    }

    fn class(&self, class: usize) -> Scope {
        Scope { class: Some(self.model.classes[class].name.clone()), ..Scope::default() }
    }

    /// Phases have names to report under only where the model gives them.
    fn phases(&self) -> std::ops::Range<usize> {
        0..self.model.phases.len()
    }

    fn in_phase(&self, scope: Scope, phase: usize) -> Scope {
        Scope { phase: Some(self.model.phases[phase].name.clone()), ..scope }
    }

    fn row(&mut self, row: &Row, seconds: &[f64], scope: Scope) {
        let Some((pooled, groups)) = row.split_last().filter(|_| self.focus.scope(&scope)) else { return };
        let one_class = scope.class.is_some();
        let unstable = self.unstable.is_some();
        let scoped = Scoped { groups, pooled, seconds, one_class, unstable };
        requests::all(&scoped, &mut self.figures(scope));
    }

    fn requests(&mut self, groups: &[Vec<Stretch>], tables: &Tables) {
        let whole: Vec<f64> =
            groups.iter().map(|phases| phases.iter().map(|p| p.nanos).sum::<u128>() as f64 / NANOS).collect();
        self.row(&tables.all, &whole, Scope::default());
        for class in 0..self.shape.classes {
            self.row(&tables.by_class[class], &whole, self.class(class));
        }
        for phase in self.phases() {
            let seconds: Vec<f64> = groups.iter().map(|phases| phases[phase].seconds()).collect();
            self.row(&tables.by_phase[phase], &seconds, self.in_phase(Scope::default(), phase));
            for class in 0..self.shape.classes {
                let scope = self.in_phase(self.class(class), phase);
                self.row(&tables.by_phase_and_class[phase][class], &seconds, scope);
            }
        }
    }

    /// What ends in an unstable system: of all requests, and so of the only class.
    fn ends(&mut self, ended: &[Ended]) {
        let only = (self.shape.classes == 1).then(|| self.class(0));
        for scope in [Scope::default()].into_iter().chain(only) {
            if self.focus.scope(&scope) {
                ended::rates(ended, &mut self.figures(scope));
            }
        }
    }

    fn resources(&mut self, groups: &[Vec<Stretch>]) {
        let sum = |phases: &Vec<Stretch>| {
            let mut whole = Stretch::default();
            phases.iter().for_each(|phase| whole.add_resources(phase));
            whole
        };
        let whole: Vec<Stretch> = groups.iter().map(sum).collect();
        if let Some(growth) = self.unstable {
            let mut out = self.figures(Scope::default());
            out.put("in_flight_growth", Unit::PerSecond, Some(growth));
        }
        self.stretch(&whole, &Scope::default());
        for phase in self.phases().filter(|&phase| self.focus.phase(phase)).collect::<Vec<_>>() {
            let stretches: Vec<Stretch> = groups
                .iter()
                .map(|phases| {
                    let mut only = Stretch::default();
                    only.add_resources(&phases[phase]);
                    only
                })
                .collect();
            self.stretch(&stretches, &self.in_phase(Scope::default(), phase));
        }
    }

    /// All pools, each pool and each host of one stretch of time.
    fn stretch(&mut self, stretches: &[Stretch], scope: &Scope) {
        if !self.focus.resources() {
            return;
        }
        let (model, unstable) = (self.model, self.unstable.is_some());
        let mut out = self.figures(scope.clone());
        resources::in_flight(stretches, unstable, &mut out);
        resources::pools(model, stretches, |_| true, unstable, &mut out);
        resources::hosts(stretches, |_| true, &mut out);
        for (index, pool) in model.pools.iter().enumerate() {
            let mut out = self.figures(Scope { pool: Some(pool.name.clone()), ..scope.clone() });
            resources::pools(model, stretches, |one| one == index, unstable, &mut out);
            resources::jobs(index, stretches, &mut out);
        }
        for (index, host) in model.hosts.iter().enumerate() {
            let mut out = self.figures(Scope { host: Some(host.name.clone()), ..scope.clone() });
            resources::hosts(stretches, |one| one == index, &mut out);
        }
    }

    fn curves(&self, tables: &Tables) -> Vec<Curve> {
        let mut curves = Vec::new();
        let rows = [(&tables.all, Scope::default())].into_iter();
        let classes = tables.by_class.iter().enumerate().map(|(class, row)| (row, self.class(class)));
        for (row, scope) in rows.chain(classes) {
            if let Some(pooled) = row.last() {
                course::curves(pooled, &scope, &mut curves);
            }
        }
        curves
    }
}

#[cfg(test)]
mod tests;
