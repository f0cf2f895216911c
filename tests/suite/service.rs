//! What tests of live targets share: jobs, their ends, and the example service as a process that is gone when the test is.

#![allow(clippy::disallowed_methods, reason = "another process is waited for")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use poolsim::live::target::{AttemptId, Job, Report, What};
use poolsim::outcome::Outcome;
use poolsim::time::{Span, Time};
use poolsim::workload::trace::Fate;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Longest wait for what must come: long, as the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An attempt at a request of its own.
pub(crate) fn job(id: AttemptId, class: u16, demand: Span, fate: Fate) -> Job {
    Job {
        id,
        request: id,
        attempt: 1,
        class,
        pool: 0,
        demand,
        size: demand,
        executions: 0,
        scripted: false,
        cpu_share: 0.0,
        fate,
        priority: 0,
        deadline: Time::NEVER,
        leave_by: Time::NEVER,
    }
}

/// The ends of so many jobs; panics if a job has two, or too few come.
pub(crate) fn ends(reports: &Receiver<Report>, count: usize) -> BTreeMap<AttemptId, (Outcome, String, Time)> {
    let mut ends = BTreeMap::new();
    while ends.len() < count {
        let report = reports.recv_timeout(PATIENCE);
        let report = report.unwrap_or_else(|_| panic!("only {} of {count} ended: {ends:?}", ends.len()));
        let What::Ended { id, outcome, detail } = report.what else { continue };
        assert!(ends.insert(id, (outcome, detail, report.at)).is_none(), "job {id} ended twice");
    }
    ends
}

/// A running service.
pub(crate) struct Service {
    child: Child,
    address: String,
    tls: bool,
}

/// A file of the tests' data.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A file of the examples.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Whether a program can be run; says so if it cannot.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        skip(&format!("there is no {program} here"));
    }
    found
}

/// Says that a test is skipped, and why.
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Waits until something holds; the machine may be busy, so long.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it never came to be");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Service {
    /// Starts it on a free port, or says that there is no Python.
    pub(crate) fn start(options: &[&str]) -> Option<Service> {
        if !has("python3") {
            return None;
        }
        let mut child = Command::new("python3")
            .arg(example("orchestrator_service.py"))
            .args(["--port", "0", "--until-stdin-closes"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        let address = address.to_owned();
        Some(Service { child, address, tls: options.contains(&"--cert") })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// One of its counts.
    pub(crate) fn count(&self, name: &str) -> u64 {
        assert!(!self.tls);
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"GET /stats HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let body = text.split("\r\n\r\n").nth(1).unwrap();
        serde_json::from_str::<serde_json::Value>(body).unwrap()[name].as_u64().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
