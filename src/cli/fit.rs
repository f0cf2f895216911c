//! `poolsim fit`: a model from a recording.

use super::args::RawFit;
use super::exit::{Answer, Failure};
use super::places::Sink;
use super::{interrupt, printer, terminal};
use crate::experiment::fit::predict::{self, Predicted};
use crate::experiment::fit::read::{self, Columns};
use crate::experiment::fit::text::{self, About};
use crate::experiment::fit::workers::Told;
use crate::experiment::fit::{self, Recording};
use crate::report::figure;
use crate::workload::recording;
use std::fmt::Write as _;
use std::path::Path;

/// Writes the model of a recording.
///
/// # Errors
/// A [`Failure`].
pub fn fit(args: &RawFit) -> Result<Answer, Failure> {
    interrupt::listen();
    if args.uncertainty.is_some_and(|draws| draws < 20) {
        return Err(Failure::new("--uncertainty needs at least 20 draws", "their spread is the answer"));
    }
    let sink = Sink::of(args.out.as_deref())?;
    let path = Path::new(&args.file);
    let stem =
        path.file_stem().map_or_else(|| String::from("fit"), |stem| stem.to_string_lossy().into_owned());
    let mut about = About { name: stem, file: args.file.clone(), slots: args.slots, ..About::default() };
    let mut recording =
        if path.is_dir() { of_scenario(path, args, &mut about)? } else { of_file(path, args)? };
    args.slots.iter().for_each(|slots| recording.take_waiting_out(*slots));
    about.settings.clone_from(&recording.pool.settings);
    about.constants.clone_from(&recording.pool.constants);
    let fitted = fit::fit(&recording)
        .map_err(|error| Failure::new(format!("{}: {error}", args.file), "record for longer"))?;
    let mut model = text::model(&fitted, &about, None);
    if let Some(draws) = args.uncertainty {
        let predicted = predict::predict(&recording, &fitted, &about, draws)
            .map_err(|error| Failure::new(error, "please report it with the recording"))?;
        model.push_str(&prediction(&predicted, draws));
    }
    printer::put(&model, &sink)?;
    if let Sink::File(out) = sink
        && !args.quiet
    {
        let out = out.display();
        terminal::say(&format!("wrote {out}; run it with: poolsim run {out}"));
    }
    Ok(Answer::Done)
}

fn of_file(path: &Path, args: &RawFit) -> Result<Recording, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(
            format!("could not read {}: {error}", args.file),
            "name a trace, results of k6, a replay's requests.csv or journal.jsonl, or a recorded scenario",
        )
    })?;
    let columns = Columns {
        time: args.time.clone(),
        demand: args.demand.clone(),
        class: args.class.clone(),
        outcome: args.outcome.clone(),
    };
    read::read(&bytes, &columns).map_err(|(text, hint)| Failure::new(format!("{}: {text}", args.file), hint))
}

fn of_scenario(path: &Path, args: &RawFit, about: &mut About) -> Result<Recording, Failure> {
    if args.time.is_some() || args.demand.is_some() || args.class.is_some() || args.outcome.is_some() {
        return Err(Failure::new(
            "a recorded scenario has its own columns",
            "leave out --time, --demand, --class and --outcome",
        ));
    }
    let scenario = recording::read_scenario(|name| std::fs::read(path.join(name)).ok())
        .map_err(|error| Failure::new(format!("{}: {error}", args.file), "is it a recorded scenario?"))?;
    about.recorded = Some(Told::of(&scenario));
    Ok(read::scenario(&scenario))
}

/// The prediction as comments of the model.
fn prediction(predicted: &[Predicted], draws: u64) -> String {
    let mut text = format!(
        "\n# What this model predicts for one such stretch, over {draws} replications (95 % of them lie within):\n"
    );
    for one in predicted {
        let plain = |value: f64| figure::plain(one.unit, value);
        let _ = writeln!(
            text,
            "# {:<13} {}: {} to {} with the parameters as fitted, {} to {} with the uncertainty of the fit",
            one.metric,
            plain(one.value),
            plain(one.fixed.0),
            plain(one.fixed.1),
            plain(one.drawn.0),
            plain(one.drawn.1)
        );
    }
    text
}
