//! The top level: how the model is run and judged, and how its parts come together.

use super::super::document::{Node, Place, Value};
use super::super::grammar::{FAULT, OBJECTIVE, PHASE, PRICES, RUN};
use super::super::metrics::{self, Of, Unit};
use super::super::{
    Bound, Fault, FaultKind, Load, Model, Objective, Phase, Pool, Prices, Regime, Replications, RunLength,
    RunSettings, Source, WarmUp,
};
use super::Checker;
use super::load::{Draft, Target, is_constant, natural_end};
use super::pool::{implicit_pool, own_route};
use super::view::{self, View};
use crate::policy::Slots;
use crate::quantity;
use crate::time::{Span, Time};
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
            let (client, backoff) = draft.client;
            let (name, mix, patience) = (draft.name, draft.mix, draft.patience);
            sources.push(Source { name, route, mix, load, client, backoff, patience });
        }
        let faults = self.scripted(root, &pools);
        let objectives = self.objectives(root, run.confidence);
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
            prices: prices(root),
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

    fn phases(&mut self, root: View<'_>) -> Vec<Phase> {
        let mut phases: Vec<Phase> = Vec::new();
        for node in root.list("phase") {
            let Some(table) = node.as_table() else { continue };
            let view = View { table, spec: &PHASE, place: node.place };
            let before = phases.last().map_or(Time::ZERO, |phase| phase.end);
            let Some(name) = view.word("name") else { continue };
            let start = view.span("start").map_or(before, |start| Time::ZERO + start);
            let end = match (view.span("duration"), view.span("end")) {
                (Some(duration), _) => start + duration,
                (None, Some(end)) => Time::ZERO + end,
                (None, None) => continue,
            };
            if phases.iter().any(|phase| phase.name == name) {
                let hint = "give each phase a name of its own";
                self.faults.add(
                    view.place("name"),
                    format!("there are two phases `{name}`"),
                    "named before",
                    hint,
                );
            }
            if start < before {
                let hint = "phases come one after another";
                self.faults.add(
                    view.place("start"),
                    format!("phase `{name}` overlaps the one before"),
                    "too early",
                    hint,
                );
            }
            if end <= start {
                let hint = "its end must come after its start";
                self.faults.add(
                    view.place("end"),
                    format!("phase `{name}` has no length"),
                    "not after the start",
                    hint,
                );
            }
            if end > Time::HORIZON_MAX {
                let hint = "the longest run is about 1667d (four and a half years)";
                self.faults.add(
                    view.place,
                    format!("phase `{name}` ends beyond the longest run"),
                    "too late",
                    hint,
                );
            }
            phases.push(Phase { name: String::from(name), start, end });
        }
        phases
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
    fn unused(&mut self, root: View<'_>, drafts: &[Draft], routes: &[super::super::Route]) {
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

    fn implicit(&mut self, draft: &Draft, pools: &mut Vec<Pool>, routes: &mut Vec<super::super::Route>) {
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

    fn run(
        &mut self,
        view: Option<View<'_>>,
        root: View<'_>,
        phases: &[Phase],
        drafts: &[Draft],
    ) -> RunSettings {
        let absent = View { table: &NOTHING, spec: &RUN, place: root.place };
        let run = view.unwrap_or(absent);
        let constant = phases.is_empty() && drafts.iter().filter_map(|d| d.load.as_ref()).all(is_constant);
        let regime = match run.word("regime") {
            Some("steady") => Regime::Steady,
            Some("terminating") => Regime::Terminating,
            _ if constant => Regime::Steady,
            _ => Regime::Terminating,
        };
        if regime == Regime::Steady && !constant {
            let hint = "a load that changes has no long run: write regime = \"terminating\"";
            self.faults.warn(
                run.place("regime"),
                "a steady run under a load that changes",
                "not constant",
                hint,
            );
        }
        let length = self.length(run, phases, drafts);
        let from_trace = !run.has("horizon")
            && !run.has("requests")
            && phases.is_empty()
            && drafts.iter().any(|draft| matches!(draft.load, Some(Load::Trace(_))));
        let warm_up = match run.node("warm_up") {
            Some(node) => {
                view::secs(&node.value).map_or(WarmUp::Auto, |secs| WarmUp::Fixed(Span::from_secs(secs)))
            }
            None => WarmUp::Auto,
        };
        self.warm_up(run, warm_up, regime, length);
        let replications = match run.whole("replications") {
            Some(count) => Replications::Fixed(count.min(u64::from(u32::MAX)) as u32),
            None => self.precision(run),
        };
        RunSettings {
            length,
            regime,
            warm_up,
            replications,
            confidence: run.number("confidence").unwrap_or(0.95),
            seed: run.whole("seed").unwrap_or(1),
            bin: run.span("bin"),
            drain: run.flag("drain").unwrap_or(from_trace),
        }
    }

    fn warm_up(&mut self, run: View<'_>, warm_up: WarmUp, regime: Regime, length: RunLength) {
        if !run.has("warm_up") {
            return;
        }
        if regime == Regime::Terminating {
            let hint = "everything counts in a terminating run; a phase can tell its beginning apart";
            self.faults.warn(run.place("warm_up"), "`warm_up` has no effect", "the run is not steady", hint);
        }
        if let (WarmUp::Fixed(span), RunLength::Horizon(horizon)) = (warm_up, length)
            && Time::ZERO + span >= horizon
        {
            self.faults.add(
                run.place("warm_up"),
                "the warm-up is as long as the run",
                "nothing would be left",
                "shorten it, or lengthen `horizon`",
            );
        }
    }

    fn precision(&mut self, run: View<'_>) -> Replications {
        let relative = run.share("precision").unwrap_or(0.02);
        let (min, max) =
            (run.count("min_replications").unwrap_or(10), run.count("max_replications").unwrap_or(200));
        if relative <= 0.0 {
            let hint = "usual precisions lie between \"1%\" and \"10%\"";
            self.faults.add(run.place("precision"), "no number of replications is exact", "this is 0", hint);
        }
        if min > max {
            let message = "`min_replications` is above `max_replications`";
            self.faults.add(
                run.place("min_replications"),
                message,
                format!("{min} > {max}"),
                "exchange them",
            );
        }
        Replications::Precision { relative, min, max }
    }

    /// As written, or the end of the phases, or of the loads.
    fn length(&mut self, run: View<'_>, phases: &[Phase], drafts: &[Draft]) -> RunLength {
        if let Some(requests) = run.whole("requests") {
            return RunLength::Requests(requests);
        }
        if let Some(horizon) = run.span("horizon") {
            let horizon = Time::ZERO + horizon;
            for phase in phases.iter().filter(|phase| phase.start >= horizon) {
                let message = format!("phase `{}` begins after the end of the run", phase.name);
                self.faults.add(
                    run.place("horizon"),
                    message,
                    "too short",
                    "lengthen the horizon, or leave it out",
                );
            }
            return RunLength::Horizon(horizon);
        }
        if let Some(phase) = phases.last() {
            return RunLength::Horizon(phase.end);
        }
        let end = drafts.iter().filter_map(|draft| draft.load.as_ref()).filter_map(natural_end).max();
        let unknown = drafts.is_empty() || drafts.iter().any(|draft| draft.load.is_none());
        if end.is_none() && !unknown && !run.has("horizon") && !run.has("requests") {
            let hint = "give run.horizon = \"10m\" or run.requests = 100000";
            self.faults.add(run.place, "the run has no end", "its length is not said", hint);
        }
        let end = Time::ZERO + end.unwrap_or(Span::from_whole_secs(1));
        if end > Time::HORIZON_MAX {
            let hint = "the longest run is about 1667d (four and a half years)";
            self.faults.add(run.place, "the load ends beyond the longest run", "too late", hint);
        }
        RunLength::Horizon(end)
    }

    fn scripted(&mut self, root: View<'_>, pools: &[Pool]) -> Vec<Fault> {
        root.list("fault").iter().filter_map(|node| self.fault(node, pools)).collect()
    }

    fn fault(&mut self, node: &Node, pools: &[Pool]) -> Option<Fault> {
        let (kind, view) = view::tagged(node, &FAULT)?;
        if !view.has("at") && !view.has("rate") {
            let hint = "give `at`, `rate`, or both";
            self.faults.add(node.place, "the fault never happens", "when is not said", hint);
        }
        let named = |key: &str| view.node(key).and_then(Node::as_text);
        let pool = |checker: &Self| named("pool").and_then(|name| checker.declared.pool(name));
        let kind = match kind {
            "kill_worker" => {
                let pool = pool(self)?;
                let (instance, slot) = (self.instance(view, &pools[pool]), view.count("slot"));
                if let (Some(slot), Slots::Limited(slots)) = (slot, pools[pool].settings.slots)
                    && slot >= slots
                {
                    let label = format!("the pool has slots 0 to {}", slots - 1);
                    self.faults.add(
                        view.place("slot"),
                        format!("there is no slot {slot}"),
                        label,
                        "leave `slot` out for one at random",
                    );
                }
                FaultKind::KillWorker { pool, instance, slot }
            }
            "kill_instance" => {
                let pool = pool(self)?;
                let instance = self.instance(view, &pools[pool]);
                FaultKind::KillInstance { pool, instance, down: view.span("duration")? }
            }
            "slow_host" => {
                let host = named("host").and_then(|name| self.declared.host(name))?;
                FaultKind::SlowHost { host, factor: view.share("factor")?, duration: view.span("duration")? }
            }
            _ => FaultKind::PausePool { pool: pool(self)?, duration: view.span("duration")? },
        };
        let mut at: Vec<Time> = match view.node("at").map(|node| &node.value) {
            Some(Value::List(list)) => {
                list.iter().filter_map(|item| view::secs(&item.value)).map(instant).collect()
            }
            Some(value) => view::secs(value).map(instant).into_iter().collect(),
            None => Vec::new(),
        };
        at.sort();
        Some(Fault { kind, at, rate: view.rate("rate").unwrap_or(0.0) })
    }

    fn instance(&mut self, view: View<'_>, pool: &Pool) -> Option<u32> {
        let instance = view.count("instance")?;
        let most = pool.autoscaler.map_or(pool.instances, |scaler| scaler.max.max(pool.instances));
        if instance >= most {
            let label = format!("the pool has instances 0 to {}", most - 1);
            self.faults.add(
                view.place("instance"),
                format!("there is no instance {instance}"),
                label,
                "leave `instance` out for one at random",
            );
        }
        Some(instance)
    }

    fn objectives(&mut self, root: View<'_>, confidence: f64) -> Vec<Objective> {
        let mut objectives = Vec::new();
        for node in root.list("objective") {
            let Some(table) = node.as_table() else { continue };
            let view = View { table, spec: &OBJECTIVE, place: node.place };
            objectives.extend(self.objective(view, confidence));
        }
        objectives
    }

    fn objective(&mut self, view: View<'_>, confidence: f64) -> Option<Objective> {
        let metric = metrics::find(view.word("metric")?)?;
        for (key, fits) in [
            ("class", matches!(metric.of, Of::Requests | Of::Jobs)),
            ("pool", metric.of != Of::Host && metric.of != Of::Requests),
        ] {
            if view.has(key) && !fits {
                let what = match metric.of {
                    Of::Requests => "requests: ask for a `class`",
                    Of::Jobs => "jobs at a pool",
                    Of::Pool => "a pool: ask for a `pool`",
                    Of::Host => "hosts",
                };
                let message = format!("`{}` cannot be asked of a {key}", metric.name);
                self.faults.add(view.place(key), message, "not of this", format!("it is a figure of {what}"));
            }
        }
        let (bound, key) =
            if view.has("at_most") { (Bound::AtMost, "at_most") } else { (Bound::AtLeast, "at_least") };
        let value = self.bound(view.node(key)?, metric.name.as_str(), metric.unit)?;
        let text = |key| view.word(key).map(String::from);
        Some(Objective {
            metric: metric.name.clone(),
            class: text("class"),
            phase: text("phase"),
            pool: text("pool"),
            bound,
            value,
            confidence: view.number("confidence").unwrap_or(confidence),
        })
    }

    /// The bound in the unit of its metric.
    fn bound(&mut self, node: &Node, metric: &str, unit: Unit) -> Option<f64> {
        let (value, what, hint) = match unit {
            Unit::Seconds => (view::secs(&node.value), "a duration", quantity::DURATION_HINT),
            Unit::PerSecond => (view::rate(&node.value), "a rate", quantity::RATE_HINT),
            Unit::Ratio => (view::share(&node.value), "a share", quantity::SHARE_HINT),
            Unit::Count | Unit::Number => {
                (view::number(&node.value), "a number", "write a number such as 12")
            }
        };
        // A text that is no quantity of any kind has been reported before.
        let sound = match &node.value {
            Value::Text(text) => {
                quantity::parse_duration(text).is_ok()
                    || quantity::parse_rate(text).is_ok()
                    || quantity::parse_percent(text).is_ok()
            }
            other => view::number(other).is_some_and(|number| number >= 0.0),
        };
        if value.is_none() && sound {
            self.faults.add(node.place, format!("`{metric}` is {what}"), "another unit", hint);
        }
        value
    }
}

impl Draft {
    /// Whether the classes of the source are known, so that a judgement on them is fair.
    fn place_known(&self) -> bool {
        !self.mix.is_empty() && self.target.is_some()
    }
}

fn instant(secs: f64) -> Time {
    Time::ZERO + Span::from_secs(secs)
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

static NOTHING: super::super::document::Table = super::super::document::Table { entries: Vec::new() };
