//! Ten small workloads in real time on poolsim's own pool, beside their simulation: a table of p50, p95 and p99.
//!
//! `cargo run --release --example replays [NAME]` takes some forty seconds on an otherwise idle machine; on a busy one the
//! built example may be run under `chrt -f 5`, which lets its threads go first.

#![allow(
    clippy::print_stdout,
    dead_code,
    reason = "an example prints its table; the tests use more of the module"
)]

#[path = "../tests/suite/live/ten.rs"]
mod ten;

use std::path::Path;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/live");
    let wanted = std::env::args().nth(1).unwrap_or_default();
    println!(
        "workload     requests  other outcome    p50 sim/real ms    p95 sim/real ms    p99 sim/real ms  late p99"
    );
    for path in ten::models(&folder).iter().filter(|path| path.to_string_lossy().contains(&wanted)) {
        let row = ten::play(path, None);
        let ms = |&(_, simulated, real): &(f64, f64, f64)| {
            format!("{:>8.2} {:>8.2}", simulated * 1000.0, real * 1000.0)
        };
        let cells: Vec<String> = row.quantiles.iter().map(ms).collect();
        println!(
            "{:<12} {:>8} {:>14} {:>18} {:>18} {:>18} {:>6.2} ms{}",
            row.name,
            row.requests,
            row.other_outcome,
            cells[0],
            cells[1],
            cells[2],
            row.late * 1000.0,
            if row.agrees() { "" } else { "  apart" }
        );
    }
}
