//! Exit codes: a contract with scripts, shown in `--help`.

use super::interrupt;
use crate::experiment::check::Verdict;
use crate::experiment::record::RecordError;
use crate::experiment::{Judgement, RunError};

/// Done; where there are objectives, all are met.
pub const DONE: u8 = 0;
/// The answer is no: an objective is missed, or a regression found.
pub const MISSED: u8 = 1;
/// It could not be done: usage, file, input or output, a defect.
pub const COULD_NOT: u8 = 2;
/// Undecided: no objective is missed, but the data do not show that all are met.
pub const UNDECIDED: u8 = 3;
/// Interrupted by Ctrl-C: 128 + SIGINT, as shells have it. SIGTERM and SIGHUP have their own: 143 and 129.
pub const INTERRUPTED: u8 = 130;

/// The table that `--help` shows.
pub const HELP: &str = "\
Exit codes:
  0    done; where there are objectives, all are met
  1    an objective is missed, or something is worse than its baseline
  2    could not: usage, file, input or output
  3    undecided: not enough data to say whether an objective is met
  130  interrupted (143 by SIGTERM, 129 by SIGHUP)";

/// The same in a line, for the short help.
pub const HELP_SHORT: &str =
    "Exit codes: 0 done, 1 the answer is no, 2 could not, 3 undecided, 130 interrupted (SIGTERM 143).";

/// What a command that could do its work answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, nothing to judge.
    Done,
    /// Objectives judged.
    Judged(Judgement),
    /// Held against a baseline.
    Checked(Verdict),
}

impl Answer {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Answer::Done | Answer::Judged(Judgement::Met) => DONE,
            Answer::Judged(Judgement::Missed) => MISSED,
            Answer::Judged(Judgement::Undecided) => UNDECIDED,
            Answer::Checked(Verdict::Unchanged | Verdict::Better | Verdict::New) => DONE,
            Answer::Checked(Verdict::Worse) => MISSED,
            Answer::Checked(Verdict::Undecided | Verdict::Vanished) => UNDECIDED,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong, and what may help.
    Said {
        /// What.
        text: String,
        /// What may help; may be empty.
        hint: String,
    },
    /// A text that is complete in itself, such as the faults of a model file.
    Rendered(String),
    /// Someone asked to stop.
    Interrupted,
    /// Nobody reads the output any more.
    BrokenPipe,
}

impl Failure {
    /// A failure with a hint.
    pub fn new(text: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Said { text: text.into(), hint: hint.into() }
    }

    /// A failure with a hint, unless its text is one of faults in a model: that has its own.
    pub fn of_model(text: String, hint: &str) -> Failure {
        if text.starts_with("error") { Failure::Rendered(text) } else { Failure::new(text, hint) }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Said { .. } | Failure::Rendered(_) => COULD_NOT,
            Failure::Interrupted => interrupt::code(),
            Failure::BrokenPipe => DONE,
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        match error {
            RunError::Interrupted => Failure::Interrupted,
            breach => Failure::new(breach.to_string(), "please report it with the model file"),
        }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Failure {
        match &error {
            RecordError::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe => {
                Failure::BrokenPipe
            }
            RecordError::Io { .. } => Failure::new(
                format!("could not write {error}"),
                "choose another folder with --output DIR, or write none with --output none",
            ),
            _ => Failure::new(error.to_string(), ""),
        }
    }
}
