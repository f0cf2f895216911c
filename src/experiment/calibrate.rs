//! Constants of a live target, in the form in which `fit` writes those of a recorded one.
//!
//! Decides which delay of a model each measured span is. Sends no probe (that is `live::calibrate`).

use super::fit::text::{constants, number, one_line};
use super::fit::workers::{Constant, constant};
use crate::live::calibrate::{Probed, Shown};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;

/// The schema of the document: name and major.
pub const SCHEMA: &str = "poolsim.calibration/1";

/// What was measured of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The target, as the user named it.
    pub target: String,
    /// The command that repeats it.
    pub command: String,
    /// Name of the model's pool.
    pub pool: String,
    /// What each constant is, and itself.
    pub constants: Vec<Measured>,
    /// What could not be measured: its path and why.
    pub left_out: Vec<(&'static str, String)>,
    /// How late poolsim's own waits ended.
    pub grain: Option<Constant>,
    /// What to know.
    pub notes: Vec<String>,
}

/// A constant and from where to where it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The constant.
    pub constant: Constant,
    /// What it is.
    pub what: &'static str,
}

/// Makes constants of what probes found.
pub fn calibration(probed: &Probed, target: String, command: String, pool: String) -> Calibration {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    // Without hand-overs there is one delay from submission to the end, which stands as the hand-over's.
    let told = |shown: &Shown| probed.reports_starts || *shown != Shown::HandOver;
    for shown in Shown::ALL.into_iter().filter(told) {
        let (path, what) = place(shown, probed.reports_starts);
        let values = probed.samples.get(&shown).cloned().unwrap_or_default();
        match (constant(path, values), probed.left_out.get(&shown)) {
            (Some(constant), _) => found.push(Measured { constant, what }),
            (None, Some(why)) => left_out.push((path, why.clone())),
            (None, None) => left_out.push((path, String::from("probing ended before"))),
        }
    }
    Calibration {
        target,
        command,
        pool,
        constants: found,
        left_out,
        grain: constant("timer", probed.grain.clone()),
        notes: probed.notes.iter().map(|note| note.text.clone()).collect(),
    }
}

/// The place of a span in a model, and what it is.
fn place(shown: Shown, reports_starts: bool) -> (&'static str, &'static str) {
    match shown {
        Shown::HandOver => ("transport.dispatch", "from submission to the hand-over, to an idle worker"),
        Shown::Answer if reports_starts => {
            ("transport.reply", "from the hand-over to the end of a job without work: there and back")
        }
        Shown::Answer => {
            ("transport.dispatch", "from submission to the end of a job without work: there and back")
        }
        Shown::Late => ("transport.late", "what a job of 50 ms takes longer than these and 50 ms"),
        Shown::TimerLate => ("transport.timer_late", "how late the time-out fires"),
        Shown::KillExit => ("worker.kill_exit", "from the signal to the notice of the exit"),
        Shown::RestartDelay => {
            ("worker.restart_delay", "from the notice of an exit to the next worker's start")
        }
        Shown::StartUp => ("worker.start_up", "from a worker's start to its word that it is ready"),
    }
}

impl Calibration {
    /// The constants as tables of a model, every number with its evidence.
    pub fn text(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let mut text = format!("# Calibrated by poolsim {version}: {}.\n", one_line(&self.target));
        if let Some(grain) = &self.grain {
            let _ = writeln!(
                text,
                "# Grain of poolsim's own timer here: waits of 1 ms end {} ms late (median of {}; 90 % below {:.3}).",
                number(grain.median),
                grain.n,
                grain.spread.1
            );
        }
        for one in &self.constants {
            let _ = writeln!(text, "# {}: {}.", one.constant.path, one.what);
        }
        for (path, why) in &self.left_out {
            let _ = writeln!(text, "# Not measured: {path}; {}.", one_line(why));
        }
        for note in &self.notes {
            let _ = writeln!(text, "# Note: {}.", one_line(note));
        }
        if self.constants.is_empty() {
            text.push_str("# Nothing could be measured.\n");
        }
        let measured: Vec<Constant> = self.constants.iter().map(|one| one.constant.clone()).collect();
        constants(&mut text, &self.pool, &measured, None);
        text
    }

    /// The same as a document.
    pub fn json(&self) -> String {
        let number = |one: &Constant| {
            json!({
                "n": one.n,
                "median_ms": one.median,
                "interval_ms": one.interval.map(|(low, high)| [low, high]),
                "confidence": 0.95,
                "p10_ms": one.spread.0,
                "p90_ms": one.spread.1,
            })
        };
        let row = |one: &Measured| {
            let mut row = json!({ "path": one.constant.path, "what": one.what });
            if let (Value::Object(row), Value::Object(more)) = (&mut row, number(&one.constant)) {
                row.extend(more);
            }
            row
        };
        let left = |(path, why): &(&str, String)| json!({ "path": path, "why": why });
        let document = Document {
            schema: SCHEMA,
            poolsim: env!("CARGO_PKG_VERSION"),
            target: &self.target,
            command: &self.command,
            pool: &self.pool,
            constants: self.constants.iter().map(row).collect(),
            not_measured: self.left_out.iter().map(left).collect(),
            own_timer: self.grain.as_ref().map(number),
            notes: &self.notes,
        };
        // Plain data: there is nothing in it that cannot be written.
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'a str,
    poolsim: &'a str,
    target: &'a str,
    command: &'a str,
    pool: &'a str,
    constants: Vec<Value>,
    not_measured: Vec<Value>,
    own_timer: Option<Value>,
    notes: &'a [String],
}
