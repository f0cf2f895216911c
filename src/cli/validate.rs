//! `poolsim validate`: the simulator against exact cases and recorded runs.

use super::args::RawValidate;
use super::exit::{Answer, Failure};
use super::places::Sink;
use super::printer;
use crate::experiment::Judgement;
use crate::experiment::validate;
use crate::experiment::validate::exact::{self, Case, Check};
use crate::experiment::validate::recorded::{self, Comparison};
use crate::model::Diagnostic;
use crate::report::figure;
use crate::workload::recording::{self, RecordedConstants, RecordedException, RecordedExceptions};
use std::path::{Path, PathBuf};

/// Prints a table of what was compared; the answer is no where anything is off. What cannot be compared stands in
/// the table too, and makes a failure of the whole after all others have been compared.
///
/// # Errors
/// A [`Failure`] for files that cannot be read or understood, and for cases or scenarios without a model.
pub fn run(args: &RawValidate) -> Result<Answer, Failure> {
    let table = if args.path.is_dir() { against_recordings(args)? } else { against_cases(args)? };
    printer::put(&table.text, &Sink::Stdout)?;
    table.answer()
}

/// What was compared, row by row.
#[derive(Default)]
struct Table {
    text: String,
    figures: u32,
    off: u32,
    /// Cases or scenarios that were not compared.
    refused: u32,
    /// What they are called.
    of: &'static str,
}

impl Table {
    fn row(&mut self, row: &str) {
        self.text.push_str(row.trim_end());
        self.text.push('\n');
    }

    /// Notes that something has no model: its name and a line for each cause.
    fn refuse(&mut self, name: &str, causes: &[String]) {
        self.refused += 1;
        for cause in causes {
            self.row(&format!("{name:<26} no model: {cause}"));
        }
    }

    fn count(&mut self, off: bool) {
        self.figures += 1;
        self.off += u32::from(off);
    }

    fn answer(&self) -> Result<Answer, Failure> {
        if self.refused > 0 {
            let refused = figure::counted(u64::from(self.refused), self.of);
            let text = format!("{refused} could not be compared; see \"no model\" above");
            return Err(Failure::new(text, "the figures of all others are in the table"));
        }
        if self.figures == 0 {
            let hint = "look at --only, which is a part of a name";
            return Err(Failure::new(format!("there is no {} to compare", self.of), hint));
        }
        Ok(if self.off == 0 { Answer::Done } else { Answer::Judged(Judgement::Missed) })
    }
}

fn chosen(args: &RawValidate, name: &str) -> bool {
    args.only.as_deref().is_none_or(|only| name.contains(only))
}

// ---- exact cases ----------------------------------------------------------------------------------------------

fn against_cases(args: &RawValidate) -> Result<Table, Failure> {
    let text =
        std::fs::read_to_string(&args.path).map_err(|error| unreadable(&args.path, &error.to_string()))?;
    let cases = exact::cases(&args.path.to_string_lossy(), &text).map_err(|error| match error {
        exact::Failure::File(faults) => Failure::Rendered(faults.render(super::terminal::stderr_color())),
        other => unreadable(&args.path, &other.to_string()),
    })?;
    let mut table = Table { of: "case", ..Table::default() };
    table.row(&format!(
        "{:<26} {:<24} {:>14} {:>14} {:>30}  {}",
        "case", "metric", "exact", "simulated", "99.9 % interval", "verdict"
    ));
    for case in cases.iter().filter(|case| chosen(args, &case.id)) {
        match exact::check(case, args.effort, args.seed) {
            Ok(checks) => checks.iter().for_each(|check| exact_row(&mut table, case, check)),
            Err(error) => table.refuse(&case.id, &causes(&error)),
        }
    }
    let (held, all) = (table.figures - table.off, table.figures);
    table.row(&format!("{held} of {all} values inside their interval"));
    Ok(table)
}

fn exact_row(table: &mut Table, case: &Case, check: &Check) {
    let verdict = match (check.holds(), check.is_narrow()) {
        (true, true) => "holds",
        (true, false) => "holds, wide",
        (false, _) => "OFF",
    };
    table.count(!check.holds());
    let estimate = check.estimate;
    let interval = format!("[{:.6}, {:.6}]", estimate.low, estimate.high);
    table.row(&format!(
        "{:<26} {:<24} {:>14.6} {:>14.6} {interval:>30}  {verdict}",
        case.id, check.metric, check.exact, estimate.value
    ));
}

/// A line for each cause.
fn causes(error: &validate::Failure) -> Vec<String> {
    match error {
        validate::Failure::File(faults) | validate::Failure::Case(faults) => {
            faults.list.iter().map(Diagnostic::in_line).collect()
        }
        validate::Failure::Run(breach) => vec![breach.to_string()],
    }
}

// ---- recorded runs --------------------------------------------------------------------------------------------

/// What a folder of recordings says of all its scenarios.
struct Folder {
    constants: RecordedConstants,
    exceptions: RecordedExceptions,
}

fn against_recordings(args: &RawValidate) -> Result<Table, Failure> {
    let folder = Folder { constants: constants(&args.path)?, exceptions: exceptions(&args.path)? };
    let mut table = Table { of: "scenario", ..Table::default() };
    table.row(&format!(
        "{:<20} {:<18} {:<44} {:>10} {:>10} {:>9}  {}",
        "scenario", "how", "figure", "recorded", "simulated", "accepted", "verdict"
    ));
    let mut seen = Vec::new();
    let paths = scenarios(&args.path.join("scenarios"))?;
    for path in paths.iter().filter(|path| chosen(args, &name_of(path))) {
        match compared(path, &folder.constants) {
            Ok(found) => {
                found.iter().for_each(|one| recorded_rows(&mut table, one, &folder.exceptions));
                seen.extend(found);
            }
            Err(causes) => {
                let placed = causes.iter().map(|cause| format!("{}: {cause}", path.display()));
                table.refuse(&name_of(path), &placed.collect::<Vec<_>>());
            }
        }
    }
    // With --only, what an exception names may not have been compared.
    if args.only.is_none() {
        for one in folder.exceptions.exception.iter().filter(|one| !is_about_any(one, &seen)) {
            let cause = format!("no figure \"{}\" of \"{}\" is compared", one.figure, one.check);
            table.refuse(
                &one.scenario,
                &[format!("{}: {cause}", args.path.join("exceptions.toml").display())],
            );
        }
    }
    let (held, all) = (table.figures - table.off, table.figures);
    table.row(&format!("{held} of {all} figures as close as accepted, or excepted"));
    Ok(table)
}

fn constants(folder: &Path) -> Result<RecordedConstants, Failure> {
    let path = folder.join("constants.toml");
    let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error.to_string()))?;
    recording::read_constants(&bytes).map_err(|error| unreadable(&path, &error.to_string()))
}

fn exceptions(folder: &Path) -> Result<RecordedExceptions, Failure> {
    let path = folder.join("exceptions.toml");
    match std::fs::read(&path) {
        Ok(bytes) => {
            recording::read_exceptions(&bytes).map_err(|error| unreadable(&path, &error.to_string()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(RecordedExceptions::default()),
        Err(error) => Err(unreadable(&path, &error.to_string())),
    }
}

fn scenarios(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| unreadable(folder, &error.to_string()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// What was compared of a scenario, or why nothing could be.
fn compared(path: &Path, constants: &RecordedConstants) -> Result<Vec<Comparison>, Vec<String>> {
    let scenario = recording::read_scenario(|name| std::fs::read(path.join(name)).ok())
        .map_err(|error| vec![error.to_string()])?;
    recorded::compare(&scenario, constants).map_err(|error| causes(&error))
}

fn is_about_any(exception: &RecordedException, seen: &[Comparison]) -> bool {
    seen.iter().any(|one| {
        let same = one.scenario == exception.scenario && one.how == exception.check;
        same && one.figures.iter().any(|figure| figure.name == exception.figure)
    })
}

fn recorded_rows(table: &mut Table, comparison: &Comparison, exceptions: &RecordedExceptions) {
    for figure in &comparison.figures {
        let reason = exceptions.reason(&comparison.scenario, comparison.how, &figure.name);
        let verdict = match (figure.holds(), reason) {
            (true, _) => String::from("holds"),
            (false, Some(reason)) => format!("excepted: {reason}"),
            (false, None) => String::from("OFF"),
        };
        table.count(verdict == "OFF");
        table.row(&format!(
            "{:<20} {:<18} {:<44} {:>10.2} {:>10.2} {:>9.2}  {verdict}",
            comparison.scenario, comparison.how, figure.name, figure.real, figure.simulated, figure.tolerance
        ));
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::new(
        format!("could not read {}: {why}", path.display()),
        "give a case file, or a folder with constants.toml and scenarios/",
    )
}
