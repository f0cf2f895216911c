//! Ten small workloads on poolsim's own pool in real time, each beside its simulation of the same requests.

use poolsim::engine;
use poolsim::live::own::OwnPools;
use poolsim::live::replay::{Replayed, Settings, replay};
use poolsim::model::{self, Model, NoFiles};
use poolsim::outcome::Outcome;
use poolsim::stats::{Replication, RequestSeen};
use std::path::{Path, PathBuf};

/// One workload, played.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) requests: usize,
    /// Requests whose outcome is not the simulation's, or that one side alone has.
    pub(crate) other_outcome: usize,
    /// (p, simulated, real) in seconds, over all requests.
    pub(crate) quantiles: Vec<(f64, f64, f64)>,
    /// Lateness at p99 of sends, or of the ends of services that do nothing but sleep, seconds: how idle the machine was.
    pub(crate) late: f64,
    pub(crate) replayed: Replayed,
    /// The simulation's counts.
    pub(crate) simulated: Replication,
}

impl Row {
    /// Whether p50, p95 and p99 are within 2 % or 1 ms of the simulation's.
    pub(crate) fn agrees(&self) -> bool {
        self.quantiles.iter().all(|&(_, simulated, real)| {
            let off = (real - simulated).abs();
            off <= 0.001 || off <= 0.02 * simulated
        })
    }
}

/// The models, in order.
pub(crate) fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of models is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    paths
}

/// Plays one in real time and in the simulator. `journal`: a file for the pool's decisions.
pub(crate) fn play(path: &Path, journal: Option<PathBuf>) -> Row {
    let text = std::fs::read_to_string(path).expect("a model");
    let loaded = model::load(&path.to_string_lossy(), &text, &NoFiles, &[]);
    let model = loaded.unwrap_or_else(|faults| panic!("{}", faults.render(false))).model;
    let mut pools = OwnPools::threads(&model, 0);
    if let Some(journal) = journal {
        pools = pools.with_journal(journal);
    }
    let replayed = replay(&model, &mut pools, &Settings::default(), &|| false).expect("the pool does it all");
    let (counts, simulated) = engine::prepare(&model).follow(0, None).expect("a sound simulation");
    let real: Vec<RequestSeen> = replayed.requests.iter().map(|sent| sent.seen).collect();
    Row {
        name: model.name.clone(),
        requests: real.len(),
        other_outcome: differing(&simulated, &real),
        quantiles: [0.5, 0.95, 0.99].map(|p| (p, quantile(&simulated, p), quantile(&real, p))).to_vec(),
        late: replayed
            .lateness
            .quantile(0.99)
            .map_or(0.0, |late| late.secs())
            .max(overslept(&model, &replayed)),
        replayed,
        simulated: counts,
    }
}

/// By how much more at p99 than at the median services take longer than their work: a machine that is busy shows so, a
/// pool that is always late does not. Nothing where cores are shared or transport takes its time.
fn overslept(model: &Model, replayed: &Replayed) -> f64 {
    let plain = |pool: &model::Pool| {
        let delays = [&pool.transport.dispatch, &pool.transport.late, &pool.transport.reply];
        pool.hosts.is_empty() && delays.iter().all(|delay| delay.mean() == 0.0)
    };
    if !model.pools.iter().all(plain) {
        return 0.0;
    }
    let once = replayed.requests.iter().filter(|one| {
        let seen = &one.seen;
        seen.outcome == Outcome::Ok && seen.hand_overs == 1 && seen.attempts == 1
    });
    let over = once.map(|one| one.seen.end.since(one.started).secs() - one.seen.demand.secs());
    let mut over: Vec<f64> = over.collect();
    over.sort_by(f64::total_cmp);
    let at = |percent: usize| over.get(over.len() * percent / 100).copied().unwrap_or(0.0);
    at(99) - at(50)
}

fn differing(simulated: &[RequestSeen], real: &[RequestSeen]) -> usize {
    let of = |side: &[RequestSeen]| -> std::collections::BTreeMap<u64, &'static str> {
        side.iter().map(|one| (one.key, one.outcome.name())).collect()
    };
    let (simulated, real) = (of(simulated), of(real));
    let missing = real.keys().filter(|key| !simulated.contains_key(key)).count();
    missing + simulated.iter().filter(|(key, outcome)| real.get(key) != Some(outcome)).count()
}

fn quantile(side: &[RequestSeen], p: f64) -> f64 {
    let mut all: Vec<f64> = side.iter().map(|one| one.latency().secs()).collect();
    all.sort_by(f64::total_cmp);
    let rank = ((p * all.len() as f64).ceil() as usize).clamp(1, all.len().max(1));
    all.get(rank - 1).copied().unwrap_or(0.0)
}
