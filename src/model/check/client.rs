//! Clients.

use super::super::document::Value;
use super::super::grammar::{BREAKER, BUDGET, CLIENT, CLIENT_RETRY, HEDGE};
use super::Checker;
use super::view::View;
use crate::outcome::{Outcome, OutcomeSet};
use crate::policy::{Backoff, CircuitBreaker, ClientRetry, ClientSettings, Hedge, Jitter, RetryBudget};
use crate::time::Span;
use crate::workload::Distribution;

/// A client, the distributions of its back-offs, and that of its deadline where it is no constant.
pub(super) type Client = (ClientSettings, Vec<Distribution>, Option<Distribution>);

/// Largest mean of a drawn deadline that is shown, in seconds.
const DEADLINE_MEAN_MOST: f64 = 1e9;

/// A client that waits for ever and asks once.
pub(super) fn patient() -> Client {
    let settings = ClientSettings {
        attempt_deadline: Span::NEVER,
        total_deadline: Span::NEVER,
        cancels: false,
        retry: None,
        hedge: None,
        breaker: None,
    };
    (settings, Vec::new(), None)
}

impl Checker<'_> {
    /// The named clients, in the order of the file.
    pub(super) fn clients(&mut self, root: View<'_>) -> Vec<(String, Client)> {
        let Some(named) = root.table.table("client") else { return Vec::new() };
        let mut clients = Vec::new();
        for entry in &named.entries {
            if let Some(table) = entry.node.as_table() {
                let view = View { table, spec: &CLIENT, place: entry.node.place };
                clients.push((entry.key.clone(), self.client(view)));
            }
        }
        clients
    }

    /// A client as written.
    pub(super) fn client(&mut self, view: View<'_>) -> Client {
        let budget = self.budget(view);
        let retry = view.table("retry", &CLIENT_RETRY);
        let backoff: Vec<Distribution> = retry
            .map_or(&[][..], |retry| retry.list("delays"))
            .iter()
            .filter_map(|node| self.distribution_node(node))
            .collect();
        if budget.is_some() && !view.has("retry") {
            let hint = "give `retry` too, such as retry = { max = 3 }";
            self.faults.add(view.place("budget"), "a retry budget without retries", "nothing to limit", hint);
        }
        let adaptive = view.tagged("budget", &BUDGET).is_some_and(|(kind, _)| kind == "aws_adaptive");
        let (total_deadline, deadline) = self.time_limit(view, "deadline");
        // The mean of a drawn one says that there is one; a mean without bound must not say that there is none.
        let mean = |drawn: &Distribution| Span::from_secs(drawn.mean().min(DEADLINE_MEAN_MOST));
        let settings = ClientSettings {
            attempt_deadline: view.limit("attempt_deadline"),
            total_deadline: deadline.as_ref().map_or(total_deadline, mean),
            cancels: view.flag("cancels").unwrap_or(false),
            retry: retry.map(|retry| ClientRetry { adaptive, ..self.client_retry(retry, budget) }),
            hedge: view.table("hedge", &HEDGE).and_then(hedge),
            breaker: view.table("breaker", &BREAKER).and_then(|table| self.breaker(table)),
        };
        if view.has("attempt_deadline")
            && view.has("deadline")
            && deadline.is_none()
            && settings.attempt_deadline > settings.total_deadline
        {
            let hint = "the deadline of an attempt should be shorter than that of the request";
            self.faults.warn(
                view.place("attempt_deadline"),
                "`attempt_deadline` never fires",
                "longer than `deadline`",
                hint,
            );
            self.faults.relate(view.place("deadline"), "this one fires first");
        }
        self.hedge_in_time(view, &settings);
        (settings, backoff, deadline)
    }

    fn hedge_in_time(&mut self, view: View<'_>, settings: &ClientSettings) {
        let deadline = settings.attempt_deadline.min(settings.total_deadline);
        let (Some(hedge), Some(table)) = (settings.hedge, view.table("hedge", &HEDGE)) else { return };
        if hedge.after < deadline {
            return;
        }
        let key = if settings.attempt_deadline <= settings.total_deadline {
            "attempt_deadline"
        } else {
            "deadline"
        };
        let hint = "hedge well before the deadline, at the time by which most answers are there";
        self.faults.warn(
            table.place("after"),
            "`hedge` never sends",
            "the client has given up by then",
            hint,
        );
        self.faults.relate(view.place(key), "this one fires first");
    }

    fn client_retry(&mut self, view: View<'_>, budget: Option<RetryBudget>) -> ClientRetry {
        let unlimited = matches!(view.node("max").map(|node| &node.value), Some(Value::Text(_)));
        let base = view.span("base").unwrap_or(Span::ZERO);
        // Delays given as distributions have no cap but their own.
        let cap = if view.has("delays") { Span::NEVER } else { view.limit("cap") };
        if base > cap && !view.has("delays") {
            self.faults.add(
                view.place("base"),
                "`base` is longer than `cap`",
                "no back-off can be this long",
                "raise `cap`",
            );
            self.faults.relate(view.place("cap"), "the cap is here");
        }
        self.backoff_keys(view);
        let backoff = match view.word("backoff") {
            Some("constant") => Backoff::Constant,
            Some("linear") => Backoff::Linear,
            Some("polynomial") => Backoff::Polynomial { exponent: view.number("exponent").unwrap_or(2.0) },
            _ => Backoff::Exponential { factor: view.number("factor").unwrap_or(2.0) },
        };
        let jitter = match view.word("jitter") {
            Some("full") => Jitter::Full,
            Some("equal") => Jitter::Equal,
            Some("decorrelated") => Jitter::Decorrelated,
            _ => Jitter::None,
        };
        ClientRetry {
            max: if unlimited { u32::MAX } else { view.count("max").unwrap_or(0) },
            on: outcomes(view, "on"),
            backoff,
            base,
            cap,
            jitter,
            drawn: view.has("delays"),
            budget,
            persistence: view.share("persistence").unwrap_or(1.0),
            adaptive: false,
        }
    }

    /// What only another kind of back-off would use.
    fn backoff_keys(&mut self, view: View<'_>) {
        let kind = match (view.has("delays"), view.word("jitter")) {
            (true, _) => Some("delays"),
            (_, Some("decorrelated")) => Some("decorrelated"),
            _ => view.word("backoff"),
        };
        for (key, of) in [("factor", "exponential"), ("exponent", "polynomial")] {
            if view.writes(key) && kind != Some(of) {
                let message = format!("`{key}` has no effect");
                let label = format!("the back-off is not {of}");
                let hint = format!(
                    "write backoff = \"{of}\", without `delays` or decorrelated jitter, or leave it out"
                );
                self.faults.add(view.place(key), message, label, hint);
            }
        }
    }

    fn breaker(&mut self, view: View<'_>) -> Option<CircuitBreaker> {
        let failure_rate = view.share("failure_rate")?;
        if failure_rate <= 0.0 {
            let hint = "usual rates lie between \"10%\" and \"50%\"";
            self.faults.add(
                view.place("failure_rate"),
                "the circuit would open without a failure",
                "this is 0",
                hint,
            );
        }
        Some(CircuitBreaker {
            failure_rate,
            window: view.count("window")?,
            open_for: view.span("open_for")?,
            probes: view.count("probes")?,
        })
    }

    fn budget(&mut self, client: View<'_>) -> Option<RetryBudget> {
        let (kind, view) = client.tagged("budget", &BUDGET)?;
        Some(match kind {
            "grpc" => {
                RetryBudget::Grpc { max_tokens: view.number("max_tokens")?, ratio: view.number("ratio")? }
            }
            "aws_standard" | "aws_adaptive" => RetryBudget::AwsStandard {
                capacity: view.number("capacity")?,
                cost: view.number("cost")?,
                timeout_cost: view.number("timeout_cost")?,
                refill: view.number("refill")?,
            },
            // The policy counts shares in percent, as the originals do.
            "envoy" => RetryBudget::Envoy { percent: view.share("share")? * 100.0, min: view.count("min")? },
            "finagle" => RetryBudget::Finagle {
                ttl: view.span("ttl")?,
                min_per_second: view.rate("min_rate")?,
                percent: view.share("share")? * 100.0,
            },
            other => unreachable!("the grammar knows no budget {other}"),
        })
    }
}

/// The outcomes of a list of words.
pub(super) fn outcomes(view: View<'_>, key: &str) -> OutcomeSet {
    view.words(key)
        .iter()
        .filter_map(|word| Outcome::from_name(word))
        .fold(OutcomeSet::NONE, OutcomeSet::with)
}

fn hedge(view: View<'_>) -> Option<Hedge> {
    Some(Hedge { after: view.span("after")?, max: view.count("max")? })
}
