//! The front door: what the user asked for, and what the process answers.
//!
//! Raw arguments ([`args`]) become checked ones ([`checked`]), which a command turns into work and a printer into
//! text. Results go to standard output, everything else to standard error. Nothing here computes a figure.

pub mod args;
#[cfg(feature = "live")]
pub mod calibrate;
pub mod check;
pub mod checked;
pub mod compare;
pub mod exit;
pub mod experiments;
pub mod files;
pub mod fit;
#[cfg(feature = "live")]
pub mod hunt;
pub mod interrupt;
pub mod merge;
pub mod overrides;
pub mod places;
pub mod printer;
pub mod progress;
#[cfg(feature = "live")]
pub mod replay;
#[cfg(feature = "chart")]
pub mod report;
pub mod run;
pub mod schema;
pub mod size;
pub mod sweep;
#[cfg(feature = "live")]
pub mod targets;
pub mod terminal;
pub mod validate;

use args::{RawArgs, RawCommand};
use clap::Parser;
use exit::{Answer, Failure};
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

/// Runs the command line and answers with an exit code; never panics.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    panic::set_hook(Box::new(say_defect));
    interrupt::outlive_full_files();
    let args: Vec<OsString> = args.into_iter().collect();
    let answer = panic::catch_unwind(AssertUnwindSafe(|| answer(args)));
    // The hook has said what happened.
    ExitCode::from(answer.unwrap_or(exit::COULD_NOT))
}

fn answer(args: Vec<OsString>) -> u8 {
    let raw = match RawArgs::try_parse_from(args) {
        Ok(raw) => raw,
        // Help and version arrive here too, with exit code 0. A closed pipe is no reason to complain.
        Err(error) => {
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(exit::COULD_NOT);
        }
    };
    terminal::set_color(raw.color);
    let result = match raw.command {
        RawCommand::Run(run) => checked::run(*run).and_then(|run| run::run(&run)),
        RawCommand::Sweep(raw) => checked::sweep(*raw).and_then(|sweep| sweep::sweep(&sweep)),
        RawCommand::Size(raw) => checked::size(*raw).and_then(|size| size::size(&size)),
        #[cfg(feature = "live")]
        RawCommand::Replay(raw) => replay::run(&raw),
        #[cfg(feature = "live")]
        RawCommand::Calibrate(raw) => calibrate::calibrate(&raw),
        RawCommand::Merge(raw) => merge::merge(&raw),
        RawCommand::Fit(raw) => fit::fit(&raw),
        RawCommand::Compare(raw) => compare::compare(&raw),
        #[cfg(feature = "live")]
        RawCommand::Hunt(raw) => hunt::hunt(&raw),
        RawCommand::Check(raw) => check::checked(*raw).and_then(|args| check::check(&args)),
        RawCommand::Validate(args) => validate::run(&args),
        #[cfg(feature = "chart")]
        RawCommand::Report(report) => report::report(&report),
        RawCommand::Schema(schema) => schema::schema(&schema),
    };
    match result {
        Ok(answer) => answer.code(),
        Err(Failure::BrokenPipe) => Answer::Done.code(),
        Err(failure) => {
            terminal::complain(&failure);
            failure.code()
        }
    }
}

/// Says that a panic is a defect of poolsim, with what repeats it.
fn say_defect(info: &panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let place = info.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    terminal::say(&format!(
        "poolsim {} has a defect: {text}{place}\n  please report it with the command and the model file",
        env!("CARGO_PKG_VERSION")
    ));
}
