//! Figures that cost something and are therefore counted only where something asks for them.

use super::Model;

/// A job's sojourn over its demand.
const SLOWDOWN: &str = "mean_slowdown";

impl Model {
    /// Asks for figures besides those of the objectives, by name.
    pub fn ask<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        // Others are counted anyway, and a model that asks for nothing is the same as before.
        self.slowdown |= names.into_iter().any(|name| name == SLOWDOWN);
    }

    /// Whether slowdowns are counted: where jobs slow each other down, or something asks for it.
    pub fn counts_slowdown(&self) -> bool {
        let judged = self.objectives.iter().any(|objective| objective.metric == SLOWDOWN);
        self.slowdown || judged || !self.hosts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{self, Model, NoFiles};

    fn model(more: &str) -> Model {
        let text = format!(
            "[run]\nrequests = 100\n[class.a]\ndemand = \"1s\"\n[source.s]\npool = \"main\"\narrivals = {{ rate = \"0.5/s\" }}\n\
             [pool.main]\nslots = 1\n{more}"
        );
        model::load("m", &text, &NoFiles, &[]).unwrap().model
    }

    #[test]
    fn slowdowns_are_counted_where_asked_for() {
        assert!(!model("").counts_slowdown());
        assert!(model("host = \"h\"\n[host.h]\ncores = 1\n").counts_slowdown());
        assert!(model("[[objective]]\nmetric = \"mean_slowdown\"\nat_most = 5\n").counts_slowdown());
        assert!(!model("[[objective]]\nmetric = \"mean_wait\"\nat_most = \"5s\"\n").counts_slowdown());
        let mut asked = model("");
        asked.ask(["mean_wait"]);
        assert!(!asked.counts_slowdown());
        asked.ask(["mean_wait", "mean_slowdown"]);
        assert!(asked.counts_slowdown());
    }
}
