//! Admission checks.

use super::super::document::Node;
use super::super::grammar::ADMISSION;
use super::Checker;
use super::view::{self, View};
use crate::policy::{Admission, ConcurrencyLimit};

impl Checker<'_> {
    pub(super) fn admission(&mut self, pool: View<'_>) -> Vec<Admission> {
        pool.list("admission").iter().filter_map(|node| self.admission_check(node)).collect()
    }

    fn admission_check(&mut self, node: &Node) -> Option<Admission> {
        let (kind, view) = view::tagged(node, &ADMISSION)?;
        let bounds = |checker: &mut Self| {
            let (initial, min, max) = (view.count("initial")?, view.count("min")?, view.count("max")?);
            if min > initial || initial > max {
                let message = "`initial` must lie between `min` and `max`";
                checker.faults.add(
                    node.place,
                    message,
                    format!("{min}, {initial}, {max}"),
                    "move one of the three",
                );
                return None;
            }
            Some((initial, (min, max)))
        };
        Some(match kind {
            "token_bucket" => {
                Admission::TokenBucket { rate: view.rate("rate")?, burst: view.number("burst")? }
            }
            "codel" => Admission::CoDel { target: view.span("target")?, interval: view.span("interval")? },
            "concurrency" => Admission::Concurrency(ConcurrencyLimit::Fixed { limit: view.count("limit")? }),
            "aimd" => {
                let (initial, bounds) = bounds(self)?;
                let (backoff, target) = (view.number("backoff")?, view.span("target")?);
                Admission::Concurrency(ConcurrencyLimit::Aimd { initial, bounds, backoff, target })
            }
            "vegas" => {
                let (initial, bounds) = bounds(self)?;
                let (alpha, beta) = (view.number("alpha")?, view.number("beta")?);
                if alpha > beta {
                    self.faults.add(
                        view.place("alpha"),
                        "`alpha` is above `beta`",
                        "the limit would shake",
                        "the limit grows below `alpha` and shrinks above `beta`",
                    );
                }
                Admission::Concurrency(ConcurrencyLimit::Vegas { initial, bounds, alpha, beta })
            }
            "gradient" => {
                let (initial, bounds) = bounds(self)?;
                let (tolerance, smoothing) = (view.number("tolerance")?, view.number("smoothing")?);
                Admission::Concurrency(ConcurrencyLimit::Gradient { initial, bounds, tolerance, smoothing })
            }
            other => unreachable!("the grammar knows no admission {other}"),
        })
    }
}
