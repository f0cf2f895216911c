//! How the parts of a model come together: indices, implicit pools, what nothing uses.

use super::super::document::Place;
use super::super::grammar::{PRICES, RUN};
use super::super::{Load, Model, Pool, Prices, Route, Source};
use super::Checker;
use super::load::{Draft, Target};
use super::pool::implicit_pool;
use super::route::own_route;
use super::view::View;
use crate::policy::Slots;
use crate::time::Span;
use crate::workload::{Distribution, Users};

impl Checker<'_> {
    /// The model as meant. Where faults were found it is only good for finding more.
    pub(super) fn model(&mut self, root: View<'_>) -> Model {
        let name = self.name(root);
        let phases = self.phases(root);
        let classes = self.classes(root);
        let clients = self.clients(root);
        let hosts = self.hosts(root);
        let (mut pools, mut routes) = self.pools(root);
        let named = self.routes(root, &pools);
        let drafts = self.sources(root, &clients);
        for (class, place, has_demand) in &classes {
            self.class_use(class.name.as_str(), *place, *has_demand, &drafts);
        }
        self.unused(root, &drafts, &named);
        let place_of_run = root.table("run", &RUN);
        let run = self.run(place_of_run, root, &phases, &drafts);
        // Jobs of no pool get one each; named routes come after the pools' own, so they move up.
        let implicit: Vec<&Draft> =
            drafts.iter().filter(|d| matches!(d.target, Some(Target::Host(_)))).collect();
        for draft in &implicit {
            self.implicit(draft, &mut pools, &mut routes);
        }
        let first_named = routes.len();
        routes.extend(named);
        let mut next_implicit = first_named - implicit.len();
        let mut sources = Vec::new();
        for draft in drafts {
            self.time_passes(
                &draft,
                &classes.iter().map(|(class, ..)| class.demand.clone()).collect::<Vec<_>>(),
                &pools,
            );
            let route = match draft.target {
                Some(Target::Pool(pool)) => pool,
                Some(Target::Route(route)) => first_named + route,
                Some(Target::Host(_)) => {
                    next_implicit += 1;
                    next_implicit - 1
                }
                None => continue,
            };
            let Some(load) = draft.load else { continue };
            let (client, backoff, deadline) = draft.client;
            let (name, mix, patience) = (draft.name, draft.mix, draft.patience);
            sources.push(Source { name, route, mix, load, client, backoff, deadline, patience });
        }
        let faults = self.scripted(root, &pools);
        let objectives = self.objectives(root, run.confidence);
        let targets = self.targets(root);
        Model {
            name,
            description: root.word("description").unwrap_or("").into(),
            run,
            phases,
            classes: classes.into_iter().map(|(class, ..)| class).collect(),
            sources,
            pools,
            routes,
            hosts,
            faults,
            objectives,
            slowdown: false,
            prices: prices(root),
            targets,
            retold: None,
        }
    }

    /// The name as written, or the file's.
    fn name(&mut self, root: View<'_>) -> String {
        let Some(name) = root.word("name") else {
            let file = self.document.file_name();
            let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
            return String::from(stem.strip_suffix(".toml").unwrap_or(stem));
        };
        // It becomes the name of a folder.
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
        if !name.chars().all(plain) || name.starts_with('.') {
            let hint = "use letters, digits, `-`, `_`, `.` and blanks: a folder will have this name";
            self.faults.add(
                root.place("name"),
                "this cannot be the name of a model",
                "not a plain name",
                hint,
            );
        }
        String::from(name)
    }

    fn class_use(&mut self, name: &str, place: Place, has_demand: bool, drafts: &[Draft]) {
        let index = self.declared.class(name);
        let users: Vec<&Draft> =
            drafts.iter().filter(|d| d.mix.iter().any(|(class, _)| Some(*class) == index)).collect();
        let drawn = users.iter().find(|draft| !matches!(draft.load, Some(Load::Trace(_)) | None));
        if let (Some(draft), false) = (drawn, has_demand) {
            let label = format!("source `{}` needs it", draft.name);
            let hint = "for example: demand = { dist = \"lognormal\", p50 = \"8s\", p95 = \"20s\" }";
            self.faults.add(place, format!("class `{name}` has no `demand`"), label, hint);
        }
        if users.is_empty() && !drafts.iter().any(|draft| draft.mix.is_empty()) {
            self.faults.warn(
                place,
                format!("no source brings class `{name}`"),
                "unused",
                "name it in a source, or leave it out",
            );
        }
    }

    /// Warns of pools and clients that nothing uses.
    fn unused(&mut self, root: View<'_>, drafts: &[Draft], routes: &[Route]) {
        // A source without a known target may have been meant for any of them.
        if drafts.iter().any(|draft| draft.target.is_none()) {
            return;
        }
        let reached = |pool: usize| {
            drafts.iter().any(|draft| match draft.target {
                Some(Target::Pool(index)) => index == pool,
                Some(Target::Route(index)) => {
                    routes.get(index).is_some_and(|route| route.pools.contains(&pool))
                }
                _ => false,
            })
        };
        let spare: Vec<String> = (0..self.declared.pools.len())
            .filter(|pool| !reached(*pool))
            .map(|pool| String::from(self.declared.pools[pool]))
            .collect();
        for name in spare {
            if let Some(entry) = root.table.table("pool").and_then(|pools| pools.entry(&name)) {
                self.faults.warn(
                    entry.place,
                    format!("no source reaches pool `{name}`"),
                    "unused",
                    "name it in a source, or leave it out",
                );
            }
        }
        for entry in root.table.table("client").map_or(&[][..], |clients| &clients.entries) {
            if !drafts.iter().any(|draft| draft.client_name.as_ref() == Some(&entry.key)) {
                self.faults.warn(
                    entry.place,
                    format!("no source has client `{}`", entry.key),
                    "unused",
                    "name it in a source, or leave it out",
                );
            }
        }
    }

    fn implicit(&mut self, draft: &Draft, pools: &mut Vec<Pool>, routes: &mut Vec<Route>) {
        let Some(Target::Host(host)) = draft.target else { return };
        if self.declared.pools.contains(&draft.name.as_str()) {
            let message = format!("source `{}` has the name of a pool", draft.name);
            let hint = "a source on a host is reported as a pool of its own: choose another name";
            self.faults.add(draft.place, message, "this name is taken", hint);
        }
        routes.push(own_route(&draft.name, pools.len()));
        pools.push(implicit_pool(&draft.name, host));
    }

    /// Users who never think, in front of something that can answer in no time, would send for ever at one instant.
    fn time_passes(&mut self, draft: &Draft, demands: &[Distribution], pools: &[Pool]) {
        let Some(Load::Closed(Users { think: Distribution::Deterministic { value }, pacing, .. })) =
            &draft.load
        else {
            return;
        };
        if *value > 0.0 || *pacing > Span::ZERO || !draft.place_known() {
            return;
        }
        let nothing = |class: &usize| matches!(demands.get(*class), Some(Distribution::Deterministic { value }) if *value == 0.0);
        let free = draft.mix.iter().any(|(class, share)| *share > 0.0 && nothing(class));
        let refuses = pools.iter().any(|pool| {
            let full = pool.settings.queue_capacity.is_some() && pool.settings.slots != Slots::Unlimited;
            full || !pool.settings.admission.is_empty()
        });
        if free || refuses || draft.client.0.breaker.is_some() {
            let label = if free {
                "their requests may take no time"
            } else {
                "their requests may be refused at once"
            };
            let hint = "give the users some time to `think`, such as think = \"1s\", or a `pacing`";
            self.faults.add(draft.place, "these users could send for ever at one instant", label, hint);
        }
    }
}

impl Draft {
    /// Whether the classes of the source are known, so that a judgement on them is fair.
    fn place_known(&self) -> bool {
        !self.mix.is_empty() && self.target.is_some()
    }
}

fn prices(root: View<'_>) -> Prices {
    let Some(view) = root.table("prices", &PRICES) else { return Prices::default() };
    let price = |key| view.number(key).unwrap_or(0.0);
    Prices {
        slot_hour: price("slot_hour"),
        host_hour: price("host_hour"),
        request: price("request"),
        missed_objective: price("missed_objective"),
    }
}
