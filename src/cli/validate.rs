//! `poolsim validate`: the simulator against exact cases and recorded runs.

use super::args::RawValidate;
use super::checked::Sink;
use super::exit::{Answer, Failure};
use super::printer;
use crate::experiment::Judgement;
use crate::experiment::validate::{exact, recorded};
use crate::workload::recording;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Prints a table of what was compared; the answer is no where anything is off.
///
/// # Errors
/// A [`Failure`] for files that cannot be read or understood.
pub fn run(args: &RawValidate) -> Result<Answer, Failure> {
    let (text, good) = if args.path.is_dir() { against_recordings(args)? } else { against_cases(args)? };
    printer::put(&text, &Sink::Stdout)?;
    Ok(if good { Answer::Done } else { Answer::Judged(Judgement::Missed) })
}

fn chosen(args: &RawValidate, name: &str) -> bool {
    args.only.as_deref().is_none_or(|only| name.contains(only))
}

fn against_cases(args: &RawValidate) -> Result<(String, bool), Failure> {
    let text =
        std::fs::read_to_string(&args.path).map_err(|error| unreadable(&args.path, &error.to_string()))?;
    let cases = exact::cases(&text).map_err(|error| unreadable(&args.path, &error.to_string()))?;
    let mut out = format!(
        "{:<26} {:<24} {:>14} {:>14} {:>30}  {}\n",
        "case", "metric", "exact", "simulated", "99.9 % interval", "verdict"
    );
    let (mut all, mut off) = (0, 0);
    for case in cases.iter().filter(|case| chosen(args, &case.id)) {
        let checks = exact::check(case, args.effort, args.seed).map_err(|error| {
            Failure::new(error.to_string(), "see the head of the case file for its format")
        })?;
        for check in checks {
            let verdict = match (check.holds(), check.is_narrow()) {
                (true, true) => "holds",
                (true, false) => "holds, wide",
                (false, _) => "OFF",
            };
            all += 1;
            off += u32::from(!check.holds());
            let estimate = check.estimate;
            let interval = format!("[{:.6}, {:.6}]", estimate.low, estimate.high);
            let _ = writeln!(
                out,
                "{:<26} {:<24} {:>14.6} {:>14.6} {interval:>30}  {verdict}",
                case.id, check.metric, check.exact, estimate.value
            );
        }
    }
    let _ = writeln!(out, "{} of {all} values inside their interval", all - off);
    Ok((out, off == 0 && all > 0))
}

fn against_recordings(args: &RawValidate) -> Result<(String, bool), Failure> {
    let bytes = |name: &str| {
        std::fs::read(args.path.join(name))
            .map_err(|error| unreadable(&args.path.join(name), &error.to_string()))
    };
    let constants = recording::read_constants(&bytes("constants.toml")?)
        .map_err(|error| unreadable(&args.path.join("constants.toml"), &error.to_string()))?;
    let folder = args.path.join("scenarios");
    let mut names: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|error| unreadable(&folder, &error.to_string()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    names.sort();
    let mut out = format!(
        "{:<20} {:<18} {:<44} {:>10} {:>10} {:>9}  {}\n",
        "scenario", "how", "figure", "recorded", "simulated", "accepted", "verdict"
    );
    let mut good = true;
    for path in names.iter().filter(|path| chosen(args, &path.to_string_lossy())) {
        let scenario = recording::read_scenario(|name| std::fs::read(path.join(name)).ok())
            .map_err(|error| unreadable(path, &error.to_string()))?;
        let comparisons = recorded::compare(&scenario, &constants)
            .map_err(|error| Failure::of_model(error, "no model was made of the scenario's settings"))?;
        for comparison in comparisons {
            good &= comparison.holds();
            for figure in &comparison.figures {
                let verdict = if figure.holds() { "holds" } else { "OFF" };
                let _ = writeln!(
                    out,
                    "{:<20} {:<18} {:<44} {:>10.2} {:>10.2} {:>9.2}  {verdict}",
                    comparison.scenario,
                    comparison.how,
                    figure.name,
                    figure.real,
                    figure.simulated,
                    figure.tolerance
                );
            }
        }
    }
    Ok((out, good))
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::new(
        format!("could not read {}: {why}", path.display()),
        "give a case file, or a folder with constants.toml and scenarios/",
    )
}
