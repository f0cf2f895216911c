//! The corpus: small workloads through every preset of a pool and every discipline, by whose decisions two versions
//! of the policy are told apart.
//!
//! Each case is one load, busy enough that jobs wait, with crashes, errors and hangs among them, before a pool that
//! differs from the others in one rule. A run is a few hundred decisions long, and the same on every machine.

use crate::model::{self, Files, Model};

/// The load of every case: two classes of unlike urgency and size, faults among them, in 30 requests.
const LOAD: &str = r#"
run = { requests = 30, regime = "terminating", seed = 11 }
class.short = { demand = { dist = "exponential", mean = "2s" }, priority = 1, fates = { crash = 0.05, error = 0.05 } }
class.long = { demand = { dist = "uniform", low = "4s", high = "12s" }, priority = 0, fates = { hang = 0.02, crash = 0.02 } }
client.patient = { deadline = "90s", cancels = true }
client.hasty = { deadline = "25s", cancels = true }
source.short = { pool = "main", class = "short", client = "hasty", arrivals = { rate = "0.55/s" } }
source.long = { pool = "main", class = "long", client = "patient", arrivals = { rate = "0.25/s" } }
"#;

/// The pools: name, and the body of `[pool.main]`.
const POOLS: [(&str, &str); 26] = [
    ("fifo", "slots = 3"),
    ("lifo", "slots = 3\ndiscipline = 'lifo'"),
    ("random", "slots = 3\ndiscipline = 'random'\nidle_order = 'random'"),
    ("priority", "slots = 2\ndiscipline = { kind = 'priority', age_step = '10s' }"),
    ("shortest-job", "slots = 2\ndiscipline = 'shortest_job'"),
    ("earliest-deadline", "slots = 2\ndiscipline = 'earliest_deadline'"),
    ("fair-share", "slots = 2\ndiscipline = 'fair_share'\nweights = { short = 2.0, long = 1.0 }"),
    ("adaptive-lifo", "slots = 2\ndiscipline = { kind = 'adaptive_lifo', threshold = 4 }"),
    ("most-recent", "slots = 5\nidle_order = 'most_recent'"),
    ("longest-idle", "slots = 5\nidle_order = 'longest_idle'"),
    ("full-queue", "slots = 2\nqueue_capacity = 3"),
    ("drop-oldest", "slots = 2\nqueue_capacity = 3\nwhen_full = 'drop_oldest'"),
    ("waiting-limit", "slots = 2\nwaiting_limit = '6s'"),
    ("retry-head", "slots = 2\nservice_timeout = '9s'\nretry = { max = 2, on = ['timeout', 'crash'] }"),
    (
        "retry-tail",
        "slots = 2\nservice_timeout = '9s'\nretry = { max = 2, on = ['timeout', 'crash'], place = 'tail', delay = '1s' }",
    ),
    (
        "cancel",
        "slots = 2\nservice_timeout = '6s'\non_timeout = 'cancel'\ncancel_grace = '500ms'\n\
         worker = { recycle_after = 5, restart_delay = '1s', start_up = '300ms' }",
    ),
    ("abandon", "slots = 2\nservice_timeout = '6s'\non_timeout = 'abandon'\ntimeout_from = 'arrival'"),
    ("reserved", "slots = 3\nreserved = { short = 1 }"),
    ("admission", "slots = 3\nadmission = [{ kind = 'token_bucket', rate = '0.6/s', burst = 4 }]"),
    ("orchestrator-bridge", "preset = 'orchestrator-bridge'\nslots = 3\nservice_timeout = '9s'"),
    ("orchestrator-bridge-fixed", "preset = 'orchestrator-bridge-fixed'\nslots = 3\nservice_timeout = '9s'"),
    ("workerpool", "preset = 'workerpool'\nslots = 3\nservice_timeout = '9s'"),
    ("piscina", "preset = 'piscina'\nslots = 3\nservice_timeout = '9s'"),
    ("python-process-pool", "preset = 'python-process-pool'\nslots = 3"),
    ("celery-redis", "preset = 'celery-redis'\nslots = 3\nservice_timeout = '9s'"),
    ("k8s-job", "preset = 'k8s-job'\nslots = 3"),
];

/// Cases need no files.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("the corpus has no file {path}"))
    }
}

/// The cases that this version can play, by name. A case that it refuses is left out, and so is seen as vanished.
pub fn corpus() -> Vec<(&'static str, Model)> {
    let load = |&(name, pool): &(&'static str, &str)| {
        let text = format!("name = \"{name}\"\n{LOAD}\n[pool.main]\n{pool}\n");
        Some((name, model::load(name, &text, &NoFiles, &[]).ok()?.model))
    };
    POOLS.iter().filter_map(load).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_loads_and_decides_differently() {
        for (name, pool) in POOLS {
            let text = format!("name = \"{name}\"\n{LOAD}\n[pool.main]\n{pool}\n");
            if let Err(faults) = model::load(name, &text, &NoFiles, &[]) {
                panic!("{name}: {}", faults.render(false));
            }
        }
        let all = corpus();
        assert_eq!(all.len(), POOLS.len());
        let mut prints = std::collections::BTreeMap::new();
        for (name, model) in &all {
            let (_, log) = crate::engine::prepare(model).decisions(0, 10_000).unwrap();
            assert!(log.count > 60 && log.count < 600, "{name}: {} decisions", log.count);
            let twin = prints.insert(log.fingerprint(), name);
            assert!(twin.is_none(), "{name} decides as {twin:?}");
        }
    }
}
