//! Objectives, and faults that are scripted.

use super::super::document::{Node, Value};
use super::super::grammar::{FAULT, OBJECTIVE};
use super::super::metrics::{self, Of, Unit};
use super::super::{Bound, Fault, FaultKind, Objective, Pool};
use super::Checker;
use super::view::{self, View};
use crate::policy::Slots;
use crate::quantity;
use crate::time::{Span, Time};

impl Checker<'_> {
    pub(super) fn objectives(&mut self, root: View<'_>, confidence: f64) -> Vec<Objective> {
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
            ("pool", matches!(metric.of, Of::Jobs | Of::Pool | Of::OnePool)),
        ] {
            if view.has(key) && !fits {
                let what = match metric.of {
                    Of::System => "the whole system",
                    Of::Requests => "requests: ask for a `class`",
                    Of::Jobs => "requests of a class, or of jobs at a pool",
                    Of::Pool | Of::OnePool => "a pool: ask for a `pool`",
                    Of::Host => "hosts",
                };
                let message = format!("`{}` cannot be asked of a {key}", metric.name);
                self.faults.add(view.place(key), message, "not of this", format!("it is a figure of {what}"));
            }
        }
        if view.has("class") && view.has("pool") {
            let hint = "take one of the two out";
            self.faults.add(view.place("pool"), "a figure of a class and of a pool", "one too many", hint);
        }
        if metric.of == Of::OnePool && !view.has("pool") && self.declared.pools.len() > 1 {
            let hint = format!("name one: {}", self.declared.pools.join(", "));
            let message = format!("`{}` is a figure of one pool, and there are several", metric.name);
            self.faults.add(view.place("metric"), message, "of which pool?", hint);
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
            // What counts per request may be written as a share of the requests.
            Unit::Number => {
                let number = view::number(&node.value).or_else(|| view::share(&node.value));
                (number, "a number", "write a number such as 12")
            }
            Unit::Count | Unit::SecondsSquared => {
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
            let hint = match (&node.value, unit) {
                (Value::Integer(number), Unit::Seconds) => format!("write \"{number}s\" for seconds"),
                (Value::Integer(number), Unit::PerSecond) => {
                    format!("write \"{number}/s\" for so many per second")
                }
                (Value::Integer(number), Unit::Ratio) => format!("write \"{number}%\" for percent"),
                _ => String::from(hint),
            };
            self.faults.add(node.place, format!("`{metric}` is {what}"), "not in its unit", hint);
        }
        value
    }

    pub(super) fn scripted(&mut self, root: View<'_>, pools: &[Pool]) -> Vec<Fault> {
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
}

fn instant(secs: f64) -> Time {
    Time::ZERO + Span::from_secs(secs)
}
