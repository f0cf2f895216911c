//! The rules of schedulers, one by one, on models so small that every instant can be computed by hand.
//!
//! A test gives the body of `[pool.main]`, whatever else the model needs, and requests as `at class demand fate`
//! (seconds), and states how each request ended and when, such as `ok 5` or `timeout 3`.

mod accounting;
mod client;
mod disciplines;
mod faults;
mod fleet;
mod life;
mod presets;
mod retries;
mod timeouts;

use poolsim::engine::{self, RequestSeen};
use poolsim::model::{self, Files};
use poolsim::stats::{ClassTally, PoolTally, Replication};

/// The traces of sources, as CSV.
struct Traces(Vec<(String, String)>);

impl Files for Traces {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let found = self.0.iter().find(|(name, _)| name == path);
        found.map(|(_, text)| text.clone().into_bytes()).ok_or_else(|| format!("no trace {path}"))
    }
}

/// A replication whose requests are known one by one.
pub(crate) struct Played {
    pub(crate) report: Replication,
    pub(crate) ends: Vec<RequestSeen>,
}

impl Played {
    /// How each request ended, in order of sources and sending: `ok 5, crash 6.5`.
    pub(crate) fn story(&self) -> String {
        let word = |end: &RequestSeen| {
            let (name, at) = (end.outcome.name(), (end.end.secs() * 1e6).round() / 1e6);
            format!("{name} {at}")
        };
        self.ends.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// The sum over classes and segments of a count.
    pub(crate) fn sum(&self, count: impl Fn(&ClassTally) -> u64) -> u64 {
        self.report.segments.iter().flat_map(|segment| &segment.classes).map(count).sum()
    }

    /// The sum over segments of a count of the first pool.
    pub(crate) fn of_pool(&self, count: impl Fn(&PoolTally) -> u128) -> u128 {
        self.report.segments.iter().map(|segment| count(&segment.pools[0])).sum()
    }

    /// Slot time of the first pool in seconds.
    pub(crate) fn slot_secs(&self, part: impl Fn(&poolsim::stats::SlotUse) -> u128) -> f64 {
        self.of_pool(|pool| part(&pool.slots)) as f64 / 1e9
    }
}

/// `0 a 5; 1 b 2 crash` as CSV.
fn trace(requests: &str) -> String {
    let row = |request: &str| {
        let words: Vec<&str> = request.split_whitespace().collect();
        let fate = words.get(3).unwrap_or(&"ok");
        format!("{},{},{},{fate}\n", words[0], words[1], words[2])
    };
    let rows: String = requests.split(';').filter(|row| !row.trim().is_empty()).map(row).collect();
    format!("at,kind,work,fate\n{rows}")
}

/// A model of one source and one pool. `more` may say more of the classes `a` and `b`, of `[client.c]`, which the
/// source then has, and of all else; a line `source: …` goes into `[source.s]`, and `b: …` into `[class.b]`.
pub(crate) fn model_text(pool: &str, more: &str) -> String {
    let lines = |mark: &str| {
        let lines = more.lines().filter_map(|line| line.trim().strip_prefix(mark));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let rest: String = more
        .lines()
        .filter(|line| !["source:", "b:", "run:"].iter().any(|mark| line.trim().starts_with(mark)))
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    let client = if rest.contains("[client.c]") { "client = \"c\"\n" } else { "" };
    let route = if lines("source:").contains("route") { "" } else { "pool = \"main\"\n" };
    let (source, b, run) = (lines("source:"), lines("b:"), lines("run:"));
    format!(
        "[run]\nhorizon = \"1000s\"\nregime = \"terminating\"\ndrain = true\nreplications = 1\n{run}\
         [class.a]\n[class.b]\n{b}\
         [source.s]\n{route}{client}{source}trace = {{ file = \"s.csv\", time = \"at\", demand = {{ column = \"work\" }}, \
         class = \"kind\", fate = \"fate\" }}\n\
         [pool.main]\n{pool}\n{rest}"
    )
}

/// Plays a model of text with a trace for each of its sources.
pub(crate) fn play_text(text: &str, traces: &[(&str, &str)]) -> Played {
    let files = Traces(traces.iter().map(|(name, rows)| (format!("{name}.csv"), trace(rows))).collect());
    let loaded = model::load("m.toml", text, &files, &[]);
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}\n{text}", faults.render(false)));
    let played = engine::prepare(&loaded.model).follow(0, None);
    let (report, mut ends) = played.unwrap_or_else(|breach| panic!("{breach}\n{text}"));
    ends.sort_by_key(|end| end.key);
    balances(&report);
    Played { report, ends }
}

/// What the slots of each pool did adds up to what they could have done.
pub(crate) fn balances(report: &Replication) {
    for segment in &report.segments {
        for pool in &segment.pools {
            let slots = &pool.slots;
            let sum = slots.useful
                + slots.in_vain()
                + slots.zombie
                + slots.starting
                + slots.restarting
                + slots.lost
                + slots.idle;
            assert!(slots.capacity == 0 || sum == slots.capacity, "{slots:?}");
        }
    }
}

pub(crate) fn play(pool: &str, more: &str, requests: &str) -> Played {
    play_text(&model_text(pool, more), &[("s", requests)])
}

/// The story of a model.
pub(crate) fn check(pool: &str, more: &str, requests: &str, expected: &str) {
    let played = play(pool, more, requests);
    assert_eq!(played.story(), expected, "\n{}\n{requests}", model_text(pool, more));
}
