//! How the model is run: length, regime, replications, phases.

use super::super::grammar::{PHASE, RUN};
use super::super::{Load, Phase, Regime, Replications, RunLength, RunSettings, WarmUp};
use super::Checker;
use super::load::{Draft, is_constant, natural_end};
use super::view::{self, EMPTY, View};
use crate::time::{Span, Time};

impl Checker<'_> {
    pub(super) fn phases(&mut self, root: View<'_>) -> Vec<Phase> {
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

    pub(super) fn run(
        &mut self,
        view: Option<View<'_>>,
        root: View<'_>,
        phases: &[Phase],
        drafts: &[Draft],
    ) -> RunSettings {
        let absent = View { table: &EMPTY, spec: &RUN, place: root.place };
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
}
