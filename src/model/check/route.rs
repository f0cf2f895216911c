//! Routes: how an instance is chosen, by a pool of its own or over several.

use super::super::grammar::{ROUTE, ROUTING};
use super::super::{Pool, Route};
use super::Checker;
use super::view::{self, View};
use crate::policy::{RouteSettings, Routing};
use crate::time::Span;

impl Checker<'_> {
    /// The named routes.
    pub(super) fn routes(&mut self, root: View<'_>, pools: &[Pool]) -> Vec<Route> {
        let Some(named) = root.table.table("route") else { return Vec::new() };
        let mut routes = Vec::new();
        for entry in &named.entries {
            let Some(table) = entry.node.as_table() else { continue };
            let view = View { table, spec: &ROUTE, place: entry.node.place };
            let mut members: Vec<usize> = Vec::new();
            for node in view.list("pools") {
                let Some(index) = node.as_text().and_then(|name| self.declared.pool(name)) else { continue };
                if members.contains(&index) {
                    let label = "named before";
                    self.faults.add(
                        node.place,
                        "a route names a pool twice",
                        label,
                        "use weights to prefer a pool",
                    );
                }
                members.push(index);
            }
            if self.declared.pool(&entry.key).is_some() {
                let message = format!("`{}` is the name of a pool and of a route", entry.key);
                let hint = "choose another name: each pool has a route of its own already";
                self.faults.add(entry.place, message, "this name is taken", hint);
            }
            let sizes: Vec<u32> =
                members.iter().filter_map(|index| pools.get(*index)).map(|p| p.instances).collect();
            let settings = self.routing(view, &sizes);
            routes.push(Route { name: entry.key.clone(), pools: members, settings });
        }
        routes
    }

    /// How instances are chosen; `sizes` are the numbers of instances of the pools.
    pub(super) fn routing(&mut self, of: View<'_>, sizes: &[u32]) -> RouteSettings {
        let Some((kind, view)) = of.tagged("routing", &ROUTING) else { return RouteSettings::IN_TURN };
        let total: u32 = sizes.iter().sum();
        let routing = match kind {
            "random" if view.has("probabilities") => {
                let shares = self.per_instance(view, "probabilities", sizes, true);
                if let Some(shares) = &shares {
                    let _ =
                        self.sums_to_one(shares.iter().sum(), "probabilities", view.place("probabilities"));
                }
                Routing::Random(shares.unwrap_or_default())
            }
            "random" => Routing::Random(Vec::new()),
            "weighted" => Routing::WeightedRoundRobin(
                self.per_instance(view, "weights", sizes, false).unwrap_or_default(),
            ),
            "least_loaded" => Routing::LeastLoaded,
            "shortest_of" => Routing::ShortestOf(self.drawn(view, total.max(1))),
            "hash" => Routing::ConsistentHash { replicas: view.count("replicas").unwrap_or(100) },
            _ => Routing::RoundRobin,
        };
        let delay = view.spec.key("signal_delay").and_then(|_| view.span("signal_delay"));
        let signal_delay = delay.unwrap_or(Span::ZERO);
        if delay == Some(Span::ZERO) {
            self.unheeded(view, "counts_own", "signal_delay", "it sees the truth, its own sends too");
        }
        let counts_own = signal_delay > Span::ZERO && view.flag("counts_own").unwrap_or(false);
        RouteSettings { routing, signal_delay, counts_own }
    }

    /// How many instances are drawn. More cannot be than there are, and a sweep over instances should not stumble over
    /// it.
    fn drawn(&mut self, view: View<'_>, instances: u32) -> u32 {
        let wanted = view.count("d").unwrap_or(2);
        if wanted > instances && view.writes("d") {
            let hint = "as many are drawn as there are: this is `least_loaded`";
            let label = format!("of {instances} in all");
            self.faults.warn(view.place("d"), "`d` is above the number of instances", label, hint);
        }
        wanted.min(instances)
    }

    /// Values by instance, from values by instance or by pool; `split` shares a pool's value among its instances.
    fn per_instance(&mut self, view: View<'_>, key: &str, sizes: &[u32], split: bool) -> Option<Vec<f64>> {
        let read = if split { view::share } else { view::number };
        let values: Vec<f64> = view.list(key).iter().map(|node| read(&node.value)).collect::<Option<_>>()?;
        let total: usize = sizes.iter().map(|size| *size as usize).sum();
        if values.len() == total {
            return Some(values);
        }
        if values.len() == sizes.len() {
            let spread = |(value, size): (&f64, &u32)| {
                let each = if split { value / f64::from(*size) } else { *value };
                vec![each; *size as usize]
            };
            return Some(values.iter().zip(sizes).flat_map(spread).collect());
        }
        if total > 0 {
            let message = format!("`{key}` has {} entries", values.len());
            let label = format!("there are {} pools and {total} instances", sizes.len());
            self.faults.add(
                view.place(key),
                message,
                label,
                "give one for each instance, or one for each pool",
            );
        }
        None
    }
}

/// The route of a pool by itself.
pub(super) fn own_route(name: &str, pool: usize) -> Route {
    Route { name: String::from(name), pools: vec![pool], settings: RouteSettings::IN_TURN }
}
