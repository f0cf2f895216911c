//! Classes and sources: what arrives, when, and what it brings.

use super::super::document::{Node, Place, Value};
use super::super::grammar::{
    ARRIVALS, BATCH, CLASS, CLIENT, FATES, PROFILE, RATE_STAGE, SINUSOID, SOURCE, SPIKE, STAGE, TRACE, USERS,
};
use super::super::nearest::known_words;
use super::super::{Class, Fates, Load};
use super::Checker;
use super::client::{Client, patient};
use super::view::{self, View};
use crate::time::Span;
use crate::workload::{
    ArrivalProcess, BatchSize, Distribution, FirstAct, OpenArrivals, RateProfile, Stage, Users,
};

/// Where the requests of a source go.
pub(super) enum Target {
    /// To a pool.
    Pool(usize),
    /// Over a route, by its index among the named ones.
    Route(usize),
    /// To a process of their own on a host.
    Host(usize),
}

/// A source before its target has an index in the model.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) target: Option<Target>,
    pub(super) mix: Vec<(usize, f64)>,
    pub(super) load: Option<Load>,
    pub(super) client: Client,
    pub(super) client_name: Option<String>,
    pub(super) patience: Option<Distribution>,
}

impl Checker<'_> {
    /// The classes; demands may still be missing where only traces bring them.
    pub(super) fn classes(&mut self, root: View<'_>) -> Vec<(Class, Place, bool)> {
        let Some(named) = root.table.table("class") else { return Vec::new() };
        let mut classes = Vec::new();
        for entry in &named.entries {
            let Some(table) = entry.node.as_table() else { continue };
            let view = View { table, spec: &CLASS, place: entry.node.place };
            let demand = self.distribution(view, "demand");
            let class = Class {
                name: entry.key.clone(),
                demand: demand.unwrap_or(Distribution::Deterministic { value: 0.0 }),
                cpu_share: view.share("cpu_share").unwrap_or(1.0),
                redraw_demand: view.word("retry_demand") == Some("redrawn"),
                priority: view.whole("priority").unwrap_or(0).min(255) as u8,
                estimate_error: view.number("estimate_error").unwrap_or(0.0),
                fates: self.fates(view),
            };
            classes.push((class, entry.place, view.has("demand")));
        }
        if classes.len() > usize::from(u16::MAX) {
            self.faults.add(
                root.place("class"),
                "there are too many classes",
                "at most 65535",
                "join classes that behave alike",
            );
        }
        classes
    }

    fn fates(&mut self, class: View<'_>) -> Fates {
        let Some(view) = class.table("fates", &FATES) else { return Fates::default() };
        let share = |key| view.share(key).unwrap_or(0.0);
        let fates = Fates {
            error: share("error"),
            crash: share("crash"),
            hang: share("hang"),
            freeze: share("freeze"),
            sticky: view.flag("sticky").unwrap_or(false),
        };
        let sum = fates.error + fates.crash + fates.hang + fates.freeze;
        if sum > 1.0 + 1e-9 {
            let label = format!("together {sum}");
            self.faults.add(
                view.place,
                "the fates are more than certain",
                label,
                "the rest up to 1 is a good end",
            );
        }
        fates
    }

    /// The sources as written.
    pub(super) fn sources(&mut self, root: View<'_>, clients: &[(String, Client)]) -> Vec<Draft> {
        let mut drafts = Vec::new();
        if let Some(named) = root.table.table("source") {
            for entry in &named.entries {
                let Some(table) = entry.node.as_table() else { continue };
                let view = View { table, spec: &SOURCE, place: entry.node.place };
                drafts.push(self.source(&entry.key, entry.place, view, clients));
            }
        }
        let nothing =
            root.table.get("source").is_none_or(|node| node.as_table().is_some_and(|t| t.entries.is_empty()));
        if nothing {
            let hint =
                "add a source, such as [source.web] with pool, class and arrivals = { rate = \"12/s\" }";
            self.faults.add(root.place, "there is no source", "nothing would ever arrive", hint);
        }
        drafts
    }

    fn source(&mut self, name: &str, place: Place, view: View<'_>, clients: &[(String, Client)]) -> Draft {
        let target = self.target(view);
        let trace = view.table("trace", &TRACE);
        let by_column = trace.is_some_and(|trace| trace.has("class"));
        let one_by_one = view.has("requests");
        let mix = if by_column || one_by_one { self.mix_of_trace(view) } else { self.mix(view) };
        if trace.is_some() && !by_column && mix.len() > 1 {
            let hint = "give one `class`, or name the column with trace.class";
            self.faults.add(view.place("mix"), "a trace has no mix", "each row is of one class", hint);
        }
        let load = if let Some((kind, arrivals)) = view.tagged("arrivals", &ARRIVALS) {
            self.arrivals(kind, arrivals).map(Load::Open)
        } else if let Some(users) = view.table("users", &USERS) {
            self.users(users).map(Load::Closed)
        } else if one_by_one {
            self.requests(view).map(Load::Trace)
        } else {
            trace.and_then(|trace| self.trace(trace, mix.first().map(|(class, _)| *class))).map(Load::Trace)
        };
        let client_name = view.node("client").and_then(Node::as_text).map(String::from);
        let client = match (&client_name, view.table("client", &CLIENT)) {
            (_, Some(inline)) => self.client(inline),
            (Some(name), None) => clients
                .iter()
                .find(|(known, _)| known == name)
                .map_or_else(patient, |(_, client)| client.clone()),
            (None, None) => patient(),
        };
        let patience = if view.has("patience") { self.distribution(view, "patience") } else { None };
        Draft { name: String::from(name), place, target, mix, load, client, client_name, patience }
    }

    /// Where the requests go: as written, or to the only pool there is.
    fn target(&mut self, view: View<'_>) -> Option<Target> {
        let named = |key| view.node(key).and_then(Node::as_text);
        if view.has("pool") {
            return self.declared.pool(named("pool")?).map(Target::Pool);
        }
        if view.has("route") {
            return self.declared.route(named("route")?).map(Target::Route);
        }
        if view.has("host") {
            return self.declared.host(named("host")?).map(Target::Host);
        }
        if self.declared.pools.len() == 1 && self.declared.routes.is_empty() {
            return Some(Target::Pool(0));
        }
        let hint = if self.declared.pools.is_empty() {
            String::from("declare a pool, such as [pool.main] with slots = 6")
        } else {
            format!("give `pool`, `route` or `host`; pools {}", known_words(&self.declared.pools))
        };
        self.faults.add(view.place, "the source has no pool to go to", "its requests go nowhere", hint);
        None
    }

    /// Classes and shares: as written, or the only class there is.
    fn mix(&mut self, view: View<'_>) -> Vec<(usize, f64)> {
        if let Some(name) = view.node("class").and_then(Node::as_text) {
            return self.declared.class(name).map(|class| vec![(class, 1.0)]).unwrap_or_default();
        }
        if let Some(Value::Table(table)) = view.node("mix").map(|node| &node.value) {
            let shares: Option<Vec<(usize, f64)>> = table
                .entries
                .iter()
                .map(|entry| Some((self.declared.class(&entry.key)?, view::share(&entry.node.value)?)))
                .collect();
            let Some(shares) = shares.filter(|shares| !shares.is_empty()) else { return Vec::new() };
            let sum = shares.iter().map(|(_, share)| share).sum();
            return self.sums_to_one(sum, "mix", view.place("mix")).map(|()| shares).unwrap_or_default();
        }
        if self.declared.classes.len() == 1 {
            return vec![(0, 1.0)];
        }
        if !view.has("class") && !view.has("mix") {
            let hint = if self.declared.classes.is_empty() {
                String::from("declare a class, such as [class.short] with demand = \"2s\"")
            } else {
                format!("give `class` or `mix`; classes {}", known_words(&self.declared.classes))
            };
            self.faults.add(
                view.place,
                "the source has no class",
                "what its requests bring is not said",
                hint,
            );
        }
        Vec::new()
    }

    /// Requests that name their classes leave nothing to mix.
    fn mix_of_trace(&mut self, view: View<'_>) -> Vec<(usize, f64)> {
        let (other, label) = match view.has("requests") {
            true => ("requests", "each request names its class"),
            false => ("trace.class", "the rows of the trace name their classes"),
        };
        for key in ["class", "mix"] {
            if view.has(key) {
                let message = format!("`{key}` and `{other}` contradict each other");
                self.faults.add(view.place(key), message, label, "leave one of them out");
            }
        }
        let count = self.declared.classes.len();
        (0..count).map(|class| (class, 1.0 / count as f64)).collect()
    }

    fn arrivals(&mut self, kind: &str, view: View<'_>) -> Option<OpenArrivals> {
        let profile = view.table("profile", &PROFILE);
        let given = match profile {
            Some(profile) => Some(self.profile(profile)?),
            None => None,
        };
        let (process, own) = match kind {
            "deterministic" => (ArrivalProcess::Deterministic, view.rate("rate")),
            "renewal" => self.renewal(view)?,
            "markov_modulated" => self.modulated(view)?,
            _ => (ArrivalProcess::Poisson, view.rate("rate")),
        };
        let rate = match given {
            Some(profile) => profile,
            None => RateProfile::Constant(own.filter(|rate| *rate > 0.0)?),
        };
        let start = view.secs("start").unwrap_or(0.0);
        let stop = if view.has("stop") { view.secs("stop")? } else { f64::INFINITY };
        if stop <= start {
            self.faults.add(
                view.place("stop"),
                "the source stops before it starts",
                "not after `start`",
                "leave `stop` out for a source that goes on",
            );
            self.faults.relate(view.place("start"), "it starts here");
        }
        Some(OpenArrivals { process, rate, batch: self.batch(view)?, start, stop })
    }

    fn renewal(&mut self, view: View<'_>) -> Option<(ArrivalProcess, Option<f64>)> {
        let interval = self.distribution(view, "interval")?;
        let mean = interval.mean();
        if mean.is_finite() && mean > 0.0 {
            return Some((ArrivalProcess::Renewal(interval), Some(1.0 / mean)));
        }
        let label = if mean > 0.0 { "their mean is infinite" } else { "they take no time" };
        let hint = "the gaps between arrivals need a mean above zero";
        self.faults.add(view.place("interval"), "arrivals cannot come at such gaps", label, hint);
        None
    }

    fn modulated(&mut self, view: View<'_>) -> Option<(ArrivalProcess, Option<f64>)> {
        let rates: Vec<f64> =
            view.list("rates").iter().map(|node| view::rate(&node.value)).collect::<Option<_>>()?;
        let mean_stay = super::distribution::durations(view, "mean_stay")?;
        if rates.len() != mean_stay.len() {
            let message =
                format!("`rates` has {} entries and `mean_stay` has {}", rates.len(), mean_stay.len());
            self.faults.add(
                view.place("mean_stay"),
                message,
                "each state needs both",
                "give as many of the one as of the other",
            );
            self.faults.relate(view.place("rates"), "the rates are here");
            return None;
        }
        let work: f64 = rates.iter().zip(&mean_stay).map(|(rate, stay)| rate * stay).sum();
        let mean = work / mean_stay.iter().sum::<f64>();
        if mean <= 0.0 {
            self.faults.add(
                view.place("rates"),
                "nothing ever arrives",
                "every rate is 0",
                "give at least one rate above \"0/s\"",
            );
            return None;
        }
        Some((ArrivalProcess::MarkovModulated { rates, mean_stay }, Some(mean)))
    }

    fn batch(&mut self, view: View<'_>) -> Option<BatchSize> {
        if let Some(batch) = view.table("batch", &BATCH) {
            if batch.has("mean") {
                return Some(BatchSize::Geometric { mean: batch.number("mean")? });
            }
            let sizes: Vec<u32> = batch
                .list("sizes")
                .iter()
                .map(|node| view::number(&node.value).map(|size| size as u32))
                .collect::<Option<_>>()?;
            let probabilities = self.probabilities(batch, "probabilities", sizes.len(), "sizes")?;
            return Some(BatchSize::Discrete { sizes, probabilities });
        }
        view.count("batch").map(BatchSize::Fixed)
    }

    fn profile(&mut self, view: View<'_>) -> Option<RateProfile> {
        if view.has("start_rate") && !view.has("stages") {
            let hint = "`start_rate` is the rate before the first of `stages`";
            self.faults.add(
                view.place("start_rate"),
                "`start_rate` says nothing here",
                "there are no stages",
                hint,
            );
        }
        let (key, knots) = if view.has("steps") {
            let knots = self.knots(view, "steps")?;
            // Each step holds its rate, then jumps: two knots at one instant.
            let mut stairs: Vec<(f64, f64)> = Vec::with_capacity(2 * knots.len());
            for (at, rate) in knots {
                if let Some(&(_, before)) = stairs.last() {
                    stairs.push((at, before));
                }
                stairs.push((at, rate));
            }
            ("steps", stairs)
        } else if view.has("points") {
            ("points", self.knots(view, "points")?)
        } else if view.has("stages") {
            ("stages", rate_stages(view)?)
        } else if let Some(spike) = view.table("spike", &SPIKE) {
            ("spike", self.spike(spike)?)
        } else {
            let wave = view.table("sinusoid", &SINUSOID)?;
            return Some(RateProfile::Sinusoid {
                mean: wave.rate("mean")?,
                amplitude: wave.share("amplitude")?,
                period: wave.secs("period")?,
                phase: wave.share("phase")?,
            });
        };
        if knots.iter().all(|(_, rate)| *rate <= 0.0) {
            self.faults.add(
                view.place(key),
                "nothing ever arrives",
                "every rate is 0",
                "give at least one rate above \"0/s\"",
            );
            return None;
        }
        Some(RateProfile::PiecewiseLinear(knots))
    }

    /// Pairs of an instant and a rate, from 0 on and in order.
    fn knots(&mut self, view: View<'_>, key: &str) -> Option<Vec<(f64, f64)>> {
        let mut knots: Vec<(f64, f64)> = Vec::new();
        for node in view.list(key) {
            let Value::List(pair) = &node.value else { return None };
            let [at, rate] = pair.as_slice() else { return None };
            let (at_secs, rate) = (view::secs(&at.value)?, view::rate(&rate.value)?);
            match knots.last() {
                None if at_secs > 0.0 => {
                    self.faults.add(
                        at.place,
                        format!("`{key}` must begin at \"0s\""),
                        "a rate before it is missing",
                        "add an entry such as [\"0s\", \"0/s\"] in front",
                    );
                    return None;
                }
                Some((before, _)) if at_secs < *before => {
                    self.faults.add(
                        at.place,
                        format!("`{key}` must be in order of time"),
                        "earlier than the one before",
                        "sort the entries by their instants",
                    );
                    return None;
                }
                _ => knots.push((at_secs, rate)),
            }
        }
        (!knots.is_empty()).then_some(knots)
    }

    fn spike(&mut self, view: View<'_>) -> Option<Vec<(f64, f64)>> {
        let (base, peak) = (view.rate("base")?, view.rate("peak")?);
        let (at, duration, ramp) = (view.secs("at")?, view.secs("duration")?, view.secs("ramp")?);
        if ramp > at {
            let label = "longer than the time before the spike";
            self.faults.add(
                view.place("ramp"),
                "the ramp begins before the run",
                label,
                "shorten it, or move `at`",
            );
            return None;
        }
        let end = at + duration;
        Some(vec![(0.0, base), (at - ramp, base), (at, peak), (end, peak), (end + ramp, base)])
    }

    fn users(&mut self, view: View<'_>) -> Option<Users> {
        let think = self.distribution(view, "think");
        let (initial, stages) = if view.has("count") {
            (view.count("count")?, Vec::new())
        } else {
            let stages = view.list("stages").iter().map(user_stage).collect::<Option<Vec<Stage>>>()?;
            (view.count("initial")?, stages)
        };
        if initial == 0 && !stages.is_empty() && stages.iter().all(|stage| stage.target == 0) {
            self.faults.add(
                view.place("stages"),
                "there is never a user",
                "every target is 0",
                "give at least one stage a target above 0",
            );
        }
        Some(Users {
            initial,
            stages,
            start: view.span("start_after")?,
            think: think?,
            pacing: view.span("pacing")?,
            first: if view.word("first") == Some("think") { FirstAct::Think } else { FirstAct::Request },
            graceful_ramp_down: view.span("graceful_ramp_down")?,
        })
    }
}

fn user_stage(node: &Node) -> Option<Stage> {
    let view = View { table: node.as_table()?, spec: &STAGE, place: node.place };
    Some(Stage { duration: view.span("duration")?, target: view.count("target")? })
}

/// Linear to each target in turn.
fn rate_stages(view: View<'_>) -> Option<Vec<(f64, f64)>> {
    let mut at = 0.0;
    let mut knots = vec![(0.0, view.rate("start_rate")?)];
    for node in view.list("stages") {
        let stage = View { table: node.as_table()?, spec: &RATE_STAGE, place: node.place };
        at += stage.secs("duration")?;
        knots.push((at, stage.rate("target")?));
    }
    Some(knots)
}

/// When a load has run its course by itself: the end of its stages, profile or trace.
pub(super) fn natural_end(load: &Load) -> Option<Span> {
    match load {
        Load::Open(open) if open.stop.is_finite() => Some(Span::from_secs(open.stop)),
        Load::Open(OpenArrivals { rate: RateProfile::PiecewiseLinear(knots), start, .. }) => {
            // A profile that ends above zero goes on for ever.
            knots.last().filter(|(_, rate)| *rate <= 0.0).map(|(at, _)| Span::from_secs(at + start))
        }
        Load::Open(_) => None,
        Load::Closed(users) if users.stages.is_empty() => None,
        Load::Closed(users) => {
            let stages = users.stages.iter().fold(users.start, |sum, stage| sum + stage.duration);
            Some(stages + users.graceful_ramp_down)
        }
        Load::Trace(trace) => trace.rows.last().map(|row| Span::from_nanos(row.at.nanos().max(1))),
        Load::Script(_) => None,
    }
}

/// Whether a load is the same at all times.
pub(super) fn is_constant(load: &Load) -> bool {
    match load {
        Load::Open(open) => {
            matches!(open.rate, RateProfile::Constant(_)) && open.start == 0.0 && open.stop.is_infinite()
        }
        Load::Closed(users) => users.stages.is_empty() && users.start == Span::ZERO,
        Load::Trace(_) | Load::Script(_) => false,
    }
}
