//! Does a long life leak? Rounds of ten thousand jobs through 64 worker processes; after each, what this process holds.
//!
//! `cargo run --release --example soak [ROUNDS]` prints a line for each round and ends with exit code 1 where the last
//! holds more descriptors, threads or children than the first, or noticeably more memory than the first three, which warmed
//! everything up. It runs itself again with one arena of the C library, because threads that come and go spread what is
//! freed over many, which grow for a while and hide what a leak would add.

#![allow(clippy::print_stdout, reason = "an example prints its table")]

use poolsim::live::own::OwnPools;
use poolsim::live::replay::{Settings, replay};
use poolsim::model::{self, NoFiles};
use poolsim::outcome::Outcome;
use std::process::{Command, ExitCode};

/// A shell's loop answers as fast as any worker needs to, and starts at once.
const WORKER: &str = "echo '{\"type\":\"ready\"}'; while IFS= read -r l; do i=${l#*task-}; \
    echo \"{\\\"type\\\":\\\"response\\\",\\\"id\\\":\\\"task-${i%%\\\"*}\\\",\\\"status\\\":\\\"ok\\\"}\"; done";

const MODEL: &str = "name = \"soak\"\nrun = { requests = 10000 }\nclass.job = { demand = \"1ms\" }\n\
    source.web = { pool = \"main\", class = \"job\", arrivals = { rate = \"2500/s\" } }\n\
    pool.main = { slots = 64, idle_order = \"longest_idle\" }\n";

/// What this process holds.
struct Held {
    descriptors: usize,
    threads: u64,
    memory_kib: u64,
    children: usize,
}

fn held() -> Held {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    Held {
        descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
        threads: field("Threads:"),
        memory_kib: field("VmRSS:"),
        children: children.split_whitespace().count(),
    }
}

/// The C library's setting for the number of its arenas.
const ARENAS: &str = "MALLOC_ARENA_MAX";

fn main() -> ExitCode {
    if std::env::var_os(ARENAS).is_none() {
        let own = std::env::current_exe().expect("the example knows where it is");
        let status = Command::new(own).args(std::env::args().skip(1)).env(ARENAS, "1").status();
        return if status.is_ok_and(|status| status.success()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(6);
    let loaded = model::load("soak.toml", MODEL, &NoFiles, &[]).expect("a sound model");
    let mut after = Vec::new();
    for round in 1..=rounds {
        let command = ["sh", "-c", WORKER].map(String::from).to_vec();
        let mut pools = OwnPools::processes(&loaded.model, round, command);
        let settings = Settings { replication: round, ..Settings::default() };
        let replayed = replay(&loaded.model, &mut pools, &settings, &|| false).expect("workers start");
        let ok = replayed.requests.iter().filter(|one| one.seen.outcome == Outcome::Ok).count();
        drop((replayed, pools));
        let now = held();
        println!(
            "round {round}: {ok} of 10000 ok; {} descriptors, {} threads, {} children, {} KiB",
            now.descriptors, now.threads, now.children, now.memory_kib
        );
        after.push((ok, now));
    }
    let (Some((_, first)), Some((_, last))) = (after.first(), after.last()) else { return ExitCode::SUCCESS };
    let warm = after.iter().take(3).map(|(_, held)| held.memory_kib).max().unwrap_or(0);
    let leaks = last.descriptors > first.descriptors
        || last.threads > first.threads
        || last.children > 0
        || last.memory_kib > warm * 5 / 4;
    let whole = after.iter().all(|(ok, _)| *ok == 10_000);
    println!("{}", if leaks { "it leaks" } else { "nothing is left behind" });
    if leaks || !whole { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
