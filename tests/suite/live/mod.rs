//! Real pools against what the simulator and the journal say of them.
//!
//! Real time needs a machine that has it: where sends of a run were late, its times are not judged, and that is said.
//! Counts, outcomes and decisions hold on any machine.

#![allow(clippy::print_stderr, reason = "a test that leaves something out says so")]

mod accounts;
mod calibrating;
mod ending;
mod front;
mod heeding;
mod journals;
mod library;
mod processes;
mod sending;
mod ten;

use super::records::Folder;
use poolsim::experiment::fit::fit;
use poolsim::experiment::fit::read::{Columns, read};
use poolsim::experiment::fit::text::{self, About};
use poolsim::live::journal::redrive::{Redriven, redrive};
use poolsim::live::own::OwnPools;
use poolsim::live::replay::{Settings, replay};
use poolsim::model::{self, NoFiles};
use poolsim::outcome::Outcome;
use poolsim::policy::{Discipline, PoolSettings};
use poolsim::stats::Replication;
use std::io::BufReader;
use std::path::Path;
use ten::Row;

/// Sends later than this at p99 (seconds): the machine has no time for real time.
const BUSY: f64 = 0.000_5;
/// A run is made so often before it is judged.
const TRIES: u32 = 3;

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/live")
}

/// Told again: what came of it.
pub(super) fn told_again(journal: &Path, change: impl Fn(usize, &mut PoolSettings)) -> Redriven {
    let file = std::fs::File::open(journal).expect("a journal was written");
    redrive(BufReader::new(file), change).expect("it is a journal")
}

#[test]
fn ten_workloads_end_as_simulated_and_their_journals_are_told_again_bit_for_bit() {
    let folder = Folder::new("ten");
    let models = ten::models(&data());
    assert_eq!(models.len(), 10);
    // They mostly sleep, so they may run side by side.
    std::thread::scope(|scope| {
        for path in &models {
            let journal = folder.0.join(path.file_stem().unwrap()).with_extension("jsonl");
            scope.spawn(move || judge(path, &journal));
        }
    });
}

#[test]
fn a_pool_without_a_limit_serves_every_request_of_a_replay_at_once() {
    // Five are served side by side, by workers that are made as they are needed.
    for share in ["0.0", "0.5"] {
        let model = processes::model(&format!(
            "name = \"unlimited\"\nrun = {{ requests = 20 }}\nhost.machine = {{ cores = 2 }}\n\
             class.job = {{ demand = \"50ms\", cpu_share = {share} }}\n\
             pool.main = {{ slots = \"unlimited\", host = \"machine\" }}\n\
             source.web = {{ pool = \"main\", class = \"job\", \
             arrivals = {{ process = \"deterministic\", rate = \"100/s\" }} }}\n"
        ));
        let mut pools = OwnPools::threads(&model, 0);
        let played = replay(&model, &mut pools, &Settings::default(), &|| false).unwrap();
        assert!(played.requests.iter().all(|sent| sent.seen.outcome == Outcome::Ok), "{:?}", played.requests);
        assert_eq!(played.requests.len(), 20);
    }
}

#[test]
fn jobs_that_a_policy_queues_and_hands_over_in_one_step_have_not_waited() {
    for pool in ["discipline = \"fair_share\"", "reserved = { job = 1 }"] {
        let model = processes::model(&format!(
            "name = \"prompt\"\nrun = {{ requests = 20 }}\nclass.job = {{ demand = \"1ms\", cpu_share = 0.0 }}\n\
             pool.main = {{ slots = 20, {pool} }}\nsource.web = {{ pool = \"main\", class = \"job\", \
             arrivals = {{ process = \"deterministic\", rate = \"200/s\" }} }}\n"
        ));
        let mut pools = OwnPools::threads(&model, 0);
        let played = replay(&model, &mut pools, &Settings::default(), &|| false).unwrap();
        // Twenty slots for twenty requests: nobody can wait, however busy the machine.
        let cells = played.replication.segments.iter().flat_map(|segment| &segment.classes);
        let counts = cells.fold((0, 0), |(all, late), cell| (all + cell.accepted, late + cell.delayed));
        assert_eq!(counts, (20, 0), "{pool}");
    }
}

fn judge(path: &Path, journal: &Path) {
    let mut last: Option<Row> = None;
    for _ in 0..TRIES {
        let row = ten::play(path, Some(journal.to_owned()));
        whole(&row);
        assert!(
            matches!(told_again(journal, |_, _| {}), Redriven::Same { inputs: 100.., cut_off: false, .. }),
            "{}: {:?}",
            row.name,
            told_again(journal, |_, _| {})
        );
        let good = row.agrees() && is_same(&row);
        last = Some(row);
        if good {
            break;
        }
    }
    let row = last.expect("it was played");
    if row.late > BUSY {
        eprintln!("{}: sends were {:.1} ms late, times are not judged", row.name, row.late * 1000.0);
        return;
    }
    let zombies = |replication: &Replication| {
        let pools = replication.segments.iter().flat_map(|segment| &segment.pools);
        pools.map(|pool| pool.slots.zombie as f64 / pool.slots.capacity as f64).sum::<f64>()
    };
    let (real, simulated) = (zombies(&row.replayed.replication), zombies(&row.simulated));
    assert!((real - simulated).abs() < 0.02, "{}: zombies {real} and {simulated}", row.name);
    assert!(is_same(&row), "{}: {} of {} outcomes differ", row.name, row.other_outcome, row.requests);
    assert!(row.agrees(), "{}: (p, simulated, real) {:?}, late {}", row.name, row.quantiles, row.late);
}

/// Where a waiting limit or the number of places decides, a millisecond may.
fn is_same(row: &Row) -> bool {
    let close = matches!(row.name.as_str(), "limits" | "abandon" | "users");
    row.other_outcome <= if close { row.requests / 20 } else { 0 }
}

/// A journal is a recording: its arrivals, its services and its settings become a model.
fn is_fitted(journal: &str) {
    let recording = read(journal.as_bytes(), &Columns::default()).unwrap_or_else(|error| panic!("{error:?}"));
    let arrivals = journal.lines().filter(|line| line.contains("{\"arrive\"")).count();
    assert!(arrivals > 20 && recording.rows.len() == arrivals, "{arrivals}");
    assert!(recording.rows.iter().all(|row| row.outcome.is_some() && row.demand > 0.0), "{recording:?}");
    let about = About {
        name: String::from("journal"),
        settings: recording.pool.settings.clone(),
        constants: recording.pool.constants.clone(),
        ..About::default()
    };
    let text = text::model(&fit(&recording).unwrap(), &about, None);
    let loaded = model::load("journal", &text, &NoFiles, &[]);
    let loaded = loaded.unwrap_or_else(|faults| panic!("{text}\n{}", faults.render(false)));
    assert!(loaded.warnings.is_empty(), "{text}");
    assert_eq!(Some(&loaded.model.pools[0].settings), recording.pool.settings.as_ref(), "{text}");
}

/// Every request has exactly one outcome, and the tallies say the same.
fn whole(row: &Row) {
    let replication = &row.replayed.replication;
    let classes = || replication.segments.iter().flat_map(|segment| &segment.classes);
    let sent: u64 = classes().map(|class| class.sent).sum();
    assert_eq!(sent, row.requests as u64, "{}", row.name);
    for outcome in Outcome::ALL {
        let counted: u64 = classes().map(|class| class.outcomes[outcome as usize]).sum();
        let seen = row.replayed.requests.iter().filter(|one| one.seen.outcome == outcome).count();
        assert_eq!(counted, seen as u64, "{}: {}", row.name, outcome.name());
    }
    let mut keys: Vec<u64> = row.replayed.requests.iter().map(|one| one.seen.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), row.requests, "{}: each once", row.name);
    for class in classes() {
        let latency = class.latency_ok.sum + class.latency_failed.sum;
        let spent = class.spent_waiting + class.spent_failed + class.spent_final + class.spent_backoff;
        assert_eq!(latency, spent, "{}: every nanosecond is explained", row.name);
    }
    for pool in replication.segments.iter().flat_map(|segment| &segment.pools) {
        let slots = &pool.slots;
        let served = slots.served();
        // Where time-outs abandon, workers are busy for nobody beside what the pool calls busy.
        let explained = if row.name == "abandon" { served > pool.busy } else { served == pool.busy };
        assert!(explained, "{}: {slots:?}, busy {}", row.name, pool.busy);
    }
}

#[test]
fn a_changed_setting_is_found_in_a_journal() {
    let folder = Folder::new("changed");
    let journal = folder.0.join("journal.jsonl");
    ten::play(&data().join("06-spike.toml"), Some(journal.clone()));
    assert!(matches!(told_again(&journal, |_, _| {}), Redriven::Same { .. }));
    let lifo = told_again(&journal, |_, settings| settings.discipline = Discipline::Lifo);
    let Redriven::Differs(first) = lifo else { panic!("a queue turned round is told apart: {lifo:?}") };
    assert!(first.state.0 > 1, "with one waiting both take the same: {first}");
    assert!(first.to_string().contains("recorded:") && first.recorded != first.now, "{first}");
    let text = std::fs::read_to_string(&journal).unwrap();
    is_fitted(&text);
    // A journal whose writer was killed ends within a line.
    let cut = &text[..text.len() - 7];
    let again = redrive(cut.as_bytes(), |_, _| {}).unwrap();
    assert!(matches!(again, Redriven::Same { cut_off: true, .. }), "{again:?}");
    // A line that was altered by hand is found as a difference of its own.
    let line = text.lines().position(|line| line.contains("\"start\"")).unwrap();
    let altered: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(n, l)| if n == line { l.replacen("\"slot\":", "\"slot\":1", 1) } else { l.to_owned() })
        .collect();
    let found = redrive(altered.join("\n").as_bytes(), |_, _| {}).unwrap();
    assert!(matches!(&found, Redriven::Differs(first) if first.line == line as u64 + 1), "{found:?}");
    let error = redrive("{\"schema\":\"other/1\"}\n".as_bytes(), |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}
