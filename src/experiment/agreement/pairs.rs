//! Runs that belong together two by two, asked request by request: all that a live replay has.
//!
//! Requests that one world has not ended have no latency to compare; they count in the shares of outcomes.

use super::figures::{self, Figure};
use super::{RequestsAgree, Terms, World};
use crate::experiment::metric::Unit;
use crate::outcome::Outcome;
use crate::stats::blocks::Blocks;
use crate::stats::proportions::PairedShares;
use crate::stats::shape::ShapeJudged;
use crate::stats::{Contrast, Judged, Level, RequestSeen, dependence, interval};
use std::collections::BTreeMap;

/// A request of both worlds.
pub(super) type Pair<'a> = (&'a RequestSeen, &'a RequestSeen);

/// The requests that both worlds saw, run by run in order of sending.
pub(super) struct Pairs<'a> {
    runs: Vec<Vec<Pair<'a>>>,
    alone: u64,
}

impl<'a> Pairs<'a> {
    /// Pairs runs in their order and requests by their keys.
    pub(super) fn of(first: &World<'a>, second: &World<'a>) -> Pairs<'a> {
        let mut alone = 0;
        let both = first.runs.iter().zip(second.runs);
        let runs = both.map(|(one, two)| {
            let by_key: BTreeMap<u64, &RequestSeen> =
                two.iter().map(|request| (request.key, request)).collect();
            let pair = |request: &'a RequestSeen| Some((request, *by_key.get(&request.key)?));
            let mut pairs: Vec<Pair<'a>> = one.iter().filter_map(pair).collect();
            pairs.sort_by_key(|(a, _)| (a.sent, a.key));
            alone += (one.len() + two.len() - 2 * pairs.len()) as u64;
            pairs
        });
        let runs = runs.collect();
        Pairs { runs, alone }
    }

    /// The values of a figure, by run.
    fn values(&self, figure: &Figure) -> Vec<Vec<(f64, f64)>> {
        let told = |pair: &&Pair<'_>| {
            let ended = pair.0.outcome != Outcome::Unfinished && pair.1.outcome != Outcome::Unfinished;
            figure.holds(pair.0) && (figure.is_share() || ended)
        };
        let value = |pair: &Pair<'_>| (figure.of_one(pair.0), figure.of_one(pair.1));
        self.runs.iter().map(|run| run.iter().filter(told).map(value).collect()).collect()
    }

    /// How many requests differ in a share, and which way.
    pub(super) fn shares(&self, figure: &Figure) -> PairedShares {
        let mut pairs = PairedShares::default();
        for (a, b) in self.runs.iter().flatten().filter(|(a, _)| figure.holds(a)) {
            let (a, b) = (figure.hit(a), figure.hit(b));
            pairs.pairs += 1;
            pairs.first_only += u64::from(a && !b);
            pairs.second_only += u64::from(b && !a);
        }
        pairs
    }

    /// A mean: the differences of single requests in batches, as many as their dependence leaves them worth. `None`
    /// where that is too few.
    pub(super) fn mean(&self, figure: &Figure, margin: f64, terms: &Terms) -> Option<Judged> {
        /// Batches of a run: more say no more.
        const BATCHES: usize = 20;
        let mut means = Vec::new();
        for run in self.values(figure) {
            let apart: Vec<f64> = run.iter().map(|(one, two)| two - one).collect();
            let batches = (dependence::effective_size(&apart) as usize).clamp(1, BATCHES);
            means.extend(dependence::batch_means(&apart, batches));
        }
        let contrast = Contrast::paired(&vec![0.0; means.len()], &means).filter(|_| means.len() >= 8)?;
        Some(contrast.judge(margin, terms.confidence))
    }

    /// A quantile of latency. `None` where the pairs are too few to bound it.
    pub(super) fn quantile(&self, figure: &Figure, p: f64, margin: f64, terms: &Terms) -> Option<Judged> {
        let blocks = Blocks::new(&self.values(figure))?;
        Some(blocks.quantile(p)?.judge(margin, terms.confidence))
    }

    /// The whole distribution of a figure. `None` where the pairs are too few.
    pub(super) fn shape(&self, figure: &Figure, margin: f64, terms: &Terms) -> Option<ShapeJudged> {
        Some(Blocks::new(&self.values(figure))?.distance(margin, terms.confidence))
    }

    /// Whether both worlds tell when work begins.
    fn tells_starts(&self) -> bool {
        let all = || self.runs.iter().flatten();
        super::tells_starts(all().map(|pair| pair.0)) && super::tells_starts(all().map(|pair| pair.1))
    }

    /// How single requests agree; `None` without any that both worlds ended.
    pub(super) fn requests(&self, terms: &Terms) -> Option<RequestsAgree> {
        let (mut outcome, mut hand_overs, mut near, mut ended) = (0, 0, 0, 0u64);
        let mut distances = Vec::new();
        for (a, b) in self.runs.iter().flatten() {
            outcome += u64::from(a.outcome == b.outcome);
            hand_overs += u64::from(a.hand_overs == b.hand_overs);
            if a.outcome == Outcome::Unfinished || b.outcome == Outcome::Unfinished {
                continue;
            }
            let (x, y) = (a.latency().secs(), b.latency().secs());
            ended += 1;
            near += u64::from((x - y).abs() <= terms.around(Unit::Seconds, x));
            distances.push((x - y).abs());
        }
        let pairs = self.runs.iter().map(|run| run.len() as u64).sum();
        let level = Level::new(terms.confidence);
        distances.sort_by(f64::total_cmp);
        Some(RequestsAgree {
            pairs,
            alone: self.alone,
            same_outcome: interval::wilson(outcome, pairs, &level)?,
            same_hand_overs: self
                .tells_starts()
                .then(|| interval::wilson(hand_overs, pairs, &level))
                .flatten(),
            within_margin: interval::wilson(near, ended, &level)?,
            distance_p50: figures::quantile(&distances, 0.5)?,
            distance_p95: figures::quantile(&distances, 0.95)?,
        })
    }
}
