//! The charts of the shipped experiments and of a run are as reviewed: `tests/data/shipped.txt` names each with a hash
//! of its SVG, so that a change is seen by name. `POOLSIM_BLESS=1 cargo test shipped` rewrites the list; look at the
//! charts that it names first.
//!
//! Two replications (a search: at most four of a candidate) are enough for the drawing; the figures are not the point.

use super::records::Folder;
use poolsim::experiment::Record;
use poolsim::report::chart::{self, Style, Theme};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Command, file and replications.
const SHIPPED: [(&str, &str, &str); 8] = [
    ("run", "models/orchestrator.toml", "2"),
    ("sweep", "experiments/cores.toml", "2"),
    ("sweep", "experiments/knee.toml", "2"),
    ("sweep", "experiments/llm-trace.toml", "2"),
    ("sweep", "experiments/orchestrator.toml", "2"),
    ("sweep", "experiments/retry-storm.toml", "2"),
    ("sweep", "experiments/scale-out.toml", "2"),
    ("size", "experiments/orchestrator-size.toml", "4"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program where the shipped files are; what it answers is not the question, that it does is.
#[track_caller]
fn poolsim(args: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built for this test");
    assert_ne!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn make((command, file, replications): (&str, &str, &str), threads: &str, folder: &Path) {
    let folder = folder.to_str().unwrap();
    poolsim(&[command, file, "--replications", replications, "--threads", threads, "-q", "--output", folder]);
}

/// The pictures and the page in a folder.
fn drawn(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let charts = fs::read_dir(folder.join("charts")).unwrap().map(|entry| entry.unwrap().path());
    let all = charts.chain([folder.join("report.html")]);
    all.map(|path| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

/// What is drawn without the font, which is the same in all.
fn hash(svg: &str) -> String {
    let (before, after) = svg.split_once("<style>").unwrap();
    let picture = format!("{before}{}", after.split_once("</style>").unwrap().1);
    Sha256::digest(picture.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_charts_of_the_shipped_experiments_are_as_reviewed() {
    let mut list = String::new();
    for shipped in SHIPPED {
        let folder = Folder::new("shipped");
        make(shipped, "2", &folder.0);
        let record = Record::read(&folder.0.join("record.json")).unwrap();
        let _ = writeln!(list, "{} {} ({} replications)", shipped.0, shipped.1, shipped.2);
        let charts = chart::all(&record, &Style::default());
        for chart in &charts {
            let _ = writeln!(
                list,
                "  {} {}: {}",
                hash(&chart.svg(Theme::Light).unwrap()),
                chart.file,
                chart.title
            );
        }
        // Every one of them was written, by default, beside a page that a mailbox takes.
        let written = drawn(&folder.0);
        assert_eq!(written.len(), charts.len() + 1, "{shipped:?}");
        assert!(written[Path::new("report.html")].len() < 2_000_000, "{shipped:?}");
    }
    let path = root().join("tests/data/shipped.txt");
    if std::env::var_os("POOLSIM_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &list).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<&str> = list.lines().filter(|line| !expected.contains(line)).collect();
    assert!(
        expected == list,
        "look at these charts, then rewrite the list with POOLSIM_BLESS=1:\n{}",
        changed.join("\n")
    );
}

#[test]
fn a_record_alone_brings_every_picture_back_whatever_the_threads() {
    for shipped in [SHIPPED[0], SHIPPED[4], SHIPPED[7]] {
        let folder = Folder::new("redrawn");
        make(shipped, "1", &folder.0);
        let before = drawn(&folder.0);
        let record = fs::read(folder.0.join("record.json")).unwrap();
        fs::remove_dir_all(&folder.0).unwrap();
        fs::create_dir(&folder.0).unwrap();
        fs::write(folder.0.join("record.json"), &record).unwrap();
        let path = folder.0.to_str().unwrap();
        let charts = folder.0.join("charts");
        poolsim(&["report", path]);
        poolsim(&["report", path, "--format", "svg", "-o", charts.to_str().unwrap()]);
        let after = drawn(&folder.0);
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{shipped:?}");
        for (name, bytes) in &before {
            assert!(after[name] == *bytes, "{shipped:?}: {}", name.display());
        }
        let other = Folder::new("threads");
        make(shipped, "3", &other.0);
        assert!(fs::read(other.0.join("record.json")).unwrap() == record, "{shipped:?}");
    }
}
