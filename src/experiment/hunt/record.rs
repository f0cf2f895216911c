//! What a hunt found, as a document, and how far it got, so that the next one goes on from there.

use super::laws::Law;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema of both documents.
pub const SCHEMA: &str = "poolsim-hunt/1";

/// The result of a hunt. It holds no clock reading: the same command gives the same bytes, where cases are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HuntRecord {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of poolsim.
    pub version: String,
    /// The command that repeats it.
    pub command: String,
    /// Seed.
    pub seed: u64,
    /// The laws asked for.
    pub laws: Vec<Law>,
    /// What was hunted.
    pub quarries: Vec<Hunted>,
}

/// One quarry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hunted {
    /// Its name.
    pub name: String,
    /// What played: `policy`, or a live target.
    pub target: String,
    /// Number of the first case of this hunt.
    pub first_case: u64,
    /// Cases played in this hunt.
    pub cases: u64,
    /// Events played in this hunt.
    pub events: u64,
    /// Cases of the corpus, which were played first.
    pub corpus: Vec<Kept>,
    /// What was found, by law.
    pub findings: Vec<Finding>,
}

/// A case of the corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its file.
    pub file: String,
    /// The law that it broke when it was kept.
    pub law: Law,
    /// What is seen now; `None` if it keeps the law now.
    pub still: Option<String>,
}

/// A broken law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub law: Law,
    /// What is seen in the smallest case.
    pub what: String,
    /// How many of the cases broke it.
    pub count: u64,
    /// Number of the case that was made small.
    pub case: u64,
    /// Requests of the smallest case.
    pub requests: u64,
    /// Where the smallest case was written; `None` if nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The smallest case itself: a model file.
    pub model: String,
}

impl HuntRecord {
    /// Whether any law is broken.
    pub fn found(&self) -> bool {
        self.quarries.iter().any(Hunted::found)
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Hunted {
    /// Whether any law is broken.
    pub fn found(&self) -> bool {
        !self.findings.is_empty() || self.corpus.iter().any(|kept| kept.still.is_some())
    }
}

/// How far the hunts in a folder have got.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of poolsim: another version starts again.
    pub version: String,
    /// Seed: another seed starts again.
    pub seed: u64,
    /// The settings that were hunted: other settings start again.
    pub quarry: String,
    /// Number of the next case.
    pub next_case: u64,
    /// Events so far.
    pub events: u64,
    /// Cases that broke a law so far.
    pub found: BTreeMap<Law, u64>,
}

impl State {
    /// A state before the first case.
    pub fn new(seed: u64, quarry: String) -> State {
        State {
            schema: String::from(SCHEMA),
            version: String::from(env!("CARGO_PKG_VERSION")),
            seed,
            quarry,
            ..State::default()
        }
    }

    /// The state that a file holds, if it is one of the same hunt; else a fresh one.
    pub fn resumed(text: &str, fresh: State) -> State {
        let same = |old: &State| {
            (&old.schema, &old.version, old.seed, &old.quarry)
                == (&fresh.schema, &fresh.version, fresh.seed, &fresh.quarry)
        };
        serde_json::from_str(text).ok().filter(same).unwrap_or(fresh)
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hunt_goes_on_only_where_seed_and_settings_are_the_same() {
        let mut old = State::new(7, String::from("abc"));
        old.next_case = 4096;
        old.found.insert(Law::LostSlot, 3);
        let text = old.to_json();
        assert_eq!(State::resumed(&text, State::new(7, String::from("abc"))), old);
        assert_eq!(State::resumed(&text, State::new(8, String::from("abc"))).next_case, 0);
        assert_eq!(State::resumed(&text, State::new(7, String::from("abd"))).next_case, 0);
        assert_eq!(State::resumed("not JSON", State::new(7, String::from("abc"))).next_case, 0);
    }
}
