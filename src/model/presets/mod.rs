//! Presets: known schedulers and clients as fragments of TOML, laid under what a file says.
//!
//! Each fragment cites where its facts come from. A fragment never sets the capacity: slots are the planner's.

use super::diagnostic::SourceText;
use super::document::{Origin, Table, parse_table};
use std::sync::{Arc, OnceLock};

/// A preset.
#[derive(Debug)]
pub struct Preset {
    /// The word that names it.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// The fragment.
    pub text: &'static str,
}

macro_rules! preset {
    ($name:literal, $doc:literal) => {
        Preset { name: $name, doc: $doc, text: include_str!(concat!($name, ".toml")) }
    };
}

/// Presets of pools.
pub static POOLS: [Preset; 9] = [
    preset!("orchestrator-bridge", "the generation orchestrator as it is, with its dying window"),
    preset!("orchestrator-bridge-fixed", "the generation orchestrator without the dying window"),
    preset!("workerpool", "workerpool (npm): workers on demand, a time-out kills the worker"),
    preset!("piscina", "piscina (npm): worker threads on demand, an abort kills the thread"),
    preset!("python-process-pool", "concurrent.futures.ProcessPoolExecutor: a crash breaks the whole pool"),
    preset!(
        "celery-redis",
        "Celery with Redis, prefork: early acknowledgement, a lost worker loses its task"
    ),
    preset!("sidekiq", "Sidekiq: threads, 25 retries with polynomial back-off"),
    preset!("bullmq", "BullMQ: a stalled job returns once after its lock has expired"),
    preset!("k8s-job", "Kubernetes Jobs: a pod per job, up to 6 retries with a delay"),
];

/// Presets of clients.
pub static CLIENTS: [Preset; 4] = [
    preset!("grpc", "gRPC with a retry policy and retry throttling (A6)"),
    preset!("aws-standard", "AWS SDK, standard retry mode"),
    preset!("envoy", "Envoy retries under its default retry budget"),
    preset!("finagle", "Finagle with its default retry budget"),
];

/// All presets, pools first; the index is that of [`Origin::Preset`].
fn all() -> impl Iterator<Item = &'static Preset> {
    POOLS.iter().chain(&CLIENTS)
}

/// Fragments read once.
struct Ready {
    source: Arc<SourceText>,
    table: Table,
}

fn ready() -> &'static [Ready] {
    static READY: OnceLock<Vec<Ready>> = OnceLock::new();
    READY.get_or_init(|| {
        all()
            .enumerate()
            .map(|(index, preset)| {
                let name = format!("preset {}", preset.name);
                let source = Arc::new(SourceText { name, text: String::from(preset.text) });
                Ready { source, table: parse_table(preset.text, Origin::Preset(index as u16), 0).0 }
            })
            .collect()
    })
}

/// The fragment of a pool's preset.
pub(super) fn pool(name: &str) -> Option<&'static Table> {
    let index = POOLS.iter().position(|preset| preset.name == name)?;
    Some(&ready()[index].table)
}

/// The fragment of a client's preset.
pub(super) fn client(name: &str) -> Option<&'static Table> {
    let index = CLIENTS.iter().position(|preset| preset.name == name)?;
    Some(&ready()[POOLS.len() + index].table)
}

/// The text of the preset of an index.
pub(super) fn source(index: u16) -> Arc<SourceText> {
    ready()[index as usize].source.clone()
}

#[cfg(test)]
mod tests {
    use super::super::check::walk_one;
    use super::super::document::{Node, Place, Value};
    use super::super::grammar::{CLIENT, Kind, POOL};
    use super::*;

    #[test]
    fn every_fragment_fits_the_grammar_and_cites_a_source() {
        for (index, preset) in all().enumerate() {
            assert!(preset.text.contains("# Source: "), "{}", preset.name);
            let (mut table, errors) = parse_table(preset.text, Origin::Preset(index as u16), 0);
            assert!(errors.is_empty(), "{}: {errors:?}", preset.name);
            static KINDS: [Kind; 2] = [Kind::Table(&POOL), Kind::Table(&CLIENT)];
            let kind = &KINDS[usize::from(index >= POOLS.len())];
            if index < POOLS.len() {
                assert!(table.get("slots").is_none(), "{} sets the capacity", preset.name);
                table.merge_under(&parse_table("slots = 1", Origin::File, 0).0);
            }
            let place = Place { origin: Origin::Preset(index as u16), start: 0, end: 0 };
            let faults = walk_one(&Node { value: Value::Table(table), place }, kind);
            assert!(faults.is_empty(), "{}: {faults:?}", preset.name);
        }
    }

    #[test]
    fn the_fixed_orchestrator_differs_in_the_dying_window_alone() {
        // Comments aside, the two fragments are the same text but for one word.
        let lines = |name: &str| -> Vec<String> {
            let preset = POOLS.iter().find(|preset| preset.name == name).unwrap();
            let facts = preset.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
            facts.map(String::from).collect()
        };
        let (real, fixed) = (lines("orchestrator-bridge"), lines("orchestrator-bridge-fixed"));
        assert_eq!(real.len(), fixed.len());
        let different: Vec<_> = real.iter().zip(&fixed).filter(|(a, b)| a != b).collect();
        assert_eq!(
            different,
            [(&String::from("dying_window = true"), &String::from("dying_window = false"))]
        );
    }
}
