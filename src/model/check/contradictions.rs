//! What contradicts itself: options that nothing heeds, and parts of a model that can never come to pass together.

use super::super::document::{Place, Table, Value};
use super::super::{Model, Pool, RunLength, Source};
use super::Checker;
use super::view::View;
use crate::policy::Discipline;
use crate::time::{Span, Time};
use crate::workload::Distribution;

impl Checker<'_> {
    /// A key that nothing heeds without another. It is refused; where the other is written, and off, it is a warning: a
    /// sweep may turn that on and off and leave this one alone. What a preset says of its own accord is no news.
    pub(super) fn unheeded(&mut self, view: View<'_>, key: &str, needs: &str, label: &str) {
        if !view.writes(key) {
            return;
        }
        let message = format!("`{key}` has no effect");
        let hint = format!("give `{needs}`, or leave it out");
        if view.writes(needs) {
            self.faults.warn(view.place(key), message, label, hint);
            self.faults.relate(view.place(needs), "switched off here");
        } else {
            self.faults.add(view.place(key), message, label, hint);
        }
    }

    /// Warns of what a sound model can still not mean.
    pub(super) fn contradictions(&mut self, root: &Table, model: &Model) {
        for (number, pool) in model.pools.iter().enumerate() {
            let sources: Vec<&Source> = model
                .sources
                .iter()
                .filter(|source| model.routes[source.route].pools.contains(&number))
                .collect();
            self.start_in_time(root, pool);
            self.deadlines_to_order_by(root, pool, &sources);
        }
        for class in 0..model.classes.len() {
            self.unnoticed_fates(root, model, class);
        }
        self.faults_in_time(root, model);
    }

    /// A worker whose start-up is always longer than it may be.
    fn start_in_time(&mut self, root: &Table, pool: &Pool) {
        let limit = pool.settings.worker.start_timeout;
        let Distribution::Deterministic { value } = pool.life.start_up else { return };
        if Span::from_secs(value) <= limit {
            return;
        }
        let worker = ["pool", &pool.name, "worker"];
        if let Some(place) = find(root, &[&worker[..], &["start_timeout"]].concat()) {
            let hint = "make it longer than `start_up`";
            self.faults.warn(place, "no worker is ever ready", "killed before its start-up ends", hint);
            if let Some(start_up) = find(root, &[&worker[..], &["start_up"]].concat()) {
                self.faults.relate(start_up, "it takes this long");
            }
        }
    }

    /// Jobs that are served by their deadlines, and have none.
    fn deadlines_to_order_by(&mut self, root: &Table, pool: &Pool, sources: &[&Source]) {
        let ordered = pool.settings.discipline == Discipline::EarliestDeadline;
        if !ordered || sources.is_empty() || sources.iter().any(|source| has_deadline(source)) {
            return;
        }
        if let Some(place) = find(root, &["pool", &pool.name, "discipline"]) {
            let hint =
                "give a client `deadline` or `attempt_deadline`: without, this is first come first served";
            self.faults.warn(place, "no job has a deadline", "nothing to order by", hint);
        }
    }

    /// Jobs that are never answered, and nobody who notices.
    fn unnoticed_fates(&mut self, root: &Table, model: &Model, class: usize) {
        let fates = model.classes[class].fates;
        let bring = |source: &&Source| {
            !has_deadline(source) && source.mix.iter().any(|&(of, share)| of == class && share > 0.0)
        };
        for (fate, share, beats) in [("hang", fates.hang, true), ("freeze", fates.freeze, false)] {
            let unwatched = |pool: &&usize| {
                let settings = &model.pools[**pool].settings;
                let timed = settings.service_timeout.is_some_and(|limit| !limit.span.is_never());
                !timed && (beats || settings.worker.heartbeat_timeout.is_never())
            };
            let mut pools = model.sources.iter().filter(bring).flat_map(|s| &model.routes[s.route].pools);
            let (true, Some(&pool)) = (share > 0.0, pools.find(unwatched)) else { continue };
            let path = ["class", &model.classes[class].name, "fates", fate];
            let Some(place) = find(root, &path) else { continue };
            let beat = if beats { "" } else { " or `worker.heartbeat_timeout`" };
            let hint = format!(
                "give pool `{}` a `service_timeout`{beat}, or the client a deadline",
                model.pools[pool].name
            );
            let message = format!("a {fate} would hold its worker for ever");
            self.faults.warn(place, message, "nothing ever ends it", hint);
        }
    }

    /// Faults whose time never comes.
    fn faults_in_time(&mut self, root: &Table, model: &Model) {
        let RunLength::Horizon(horizon) = model.run.length else { return };
        let Some(Value::List(list)) = root.get("fault").map(|node| &node.value) else { return };
        // Faults go on while a run drains.
        for (fault, node) in model.faults.iter().zip(list).filter(|_| !model.run.drain) {
            let late = fault.at.iter().any(|&at| at > horizon);
            if let (true, Some(at)) = (late, node.as_table().and_then(|table| table.get("at"))) {
                let label = format!("the run ends at {}s", horizon.since(Time::ZERO).secs());
                let hint = "lengthen run.horizon, or let it happen earlier";
                self.faults.warn(at.place, "this fault never happens", label, hint);
            }
        }
    }
}

fn has_deadline(source: &Source) -> bool {
    !source.client.attempt_deadline.is_never() || !source.client.total_deadline.is_never()
}

/// Where the value under a path of keys stands.
fn find(root: &Table, path: &[&str]) -> Option<Place> {
    let (last, tables) = path.split_last()?;
    let table = tables.iter().try_fold(root, |table, key| table.table(key))?;
    table.get(last).map(|node| node.place)
}
