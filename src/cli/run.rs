//! `poolsim run`: one model, many replications, one answer.

use super::checked::{Length, Repeat, Run};
use super::exit::{Answer, Failure};
use super::files::{self, Beside};
use super::progress::Bar;
use super::{interrupt, overrides, printer, terminal};
use crate::experiment::record::{GivenModel, Record, Warning};
use crate::experiment::verdict::overall;
use crate::experiment::{self, Given};
use crate::model::{self, Diagnostic, Loaded, Model, Replications, RunLength};
use crate::report;
use std::path::{Path, PathBuf};

/// Runs a model, prints its result, writes its files.
///
/// # Errors
/// A [`Failure`].
pub fn run(args: &Run) -> Result<Answer, Failure> {
    interrupt::listen();
    let (model, given) = load(args)?;
    let record = in_pool(args.threads, || {
        let bar = Bar::new(args.quiet);
        experiment::run::run(&model, given, &bar)
    })??;
    // A disk that is full keeps nobody from seeing the result.
    let saved = args.folder.path(&record.name).map_or(Ok(()), |folder| save(&record, &folder, args));
    printer::print(&record, args.format, &args.sink)?;
    saved?;
    let worst = overall(record.points.iter().flat_map(|point| &point.verdicts));
    Ok(worst.map_or(Answer::Done, Answer::Judged))
}

/// Loads the model, applies the command line to it, and says the loader's warnings.
pub(super) fn load(args: &Run) -> Result<(Model, Given), Failure> {
    let text = files::read_model(&args.model)?;
    let name = files::named(&args.model);
    if files::is_experiment(&text) {
        return Err(Failure::new(
            format!("{name} is an experiment, and a model is asked for"),
            format!(
                "poolsim sweep {name} runs its points, poolsim size looks for a size; or run the model it names"
            ),
        ));
    }
    let overrides = overrides::of(args, &text)?;
    let files = Beside::model(&args.model, args.trace.as_deref());
    let loaded = model::load(&name, &text, &files, &overrides);
    let Loaded { mut model, warnings, document } =
        loaded.map_err(|faults| Failure::Rendered(faults.render(terminal::stderr_color())))?;
    apply(&mut model, args);
    let shown = overrides::with_flags(&document, args.seed, args.repeat, args.length);
    let given = Given {
        model: GivenModel { file: name, text: shown.meant(&[]) },
        overrides: args.set.iter().map(|(path, value)| format!("{path}={value}")).collect(),
        command: args.command(model.run.seed),
        warnings: warnings.into_iter().map(model_warning).collect(),
    };
    Ok((model, given))
}

fn model_warning(warning: Diagnostic) -> Warning {
    Warning { code: String::from("model"), text: warning.message, advice: warning.hint.unwrap_or_default() }
}

/// Puts what the command line says about the run in place of what the model says.
fn apply(model: &mut Model, args: &Run) {
    model.run.seed = args.seed.unwrap_or(model.run.seed);
    match args.repeat {
        Repeat::AsModel => {}
        Repeat::Fixed(n) => model.run.replications = Replications::Fixed(n),
        Repeat::Precision(relative) => {
            let (min, max) = match model.run.replications {
                Replications::Precision { min, max, .. } => (min, max),
                Replications::Fixed(_) => (10, 200),
            };
            model.run.replications = Replications::Precision { relative, min, max };
        }
    }
    shorten(model, args.length);
}

/// Puts another end in place of the model's.
pub(super) fn shorten(model: &mut Model, length: Length) {
    match length {
        Length::AsModel => {}
        Length::Requests(n) => model.run.length = RunLength::Requests(n),
        Length::Horizon(end) => {
            model.run.length = RunLength::Horizon(end);
            // Phases end with the run.
            model.phases.retain(|phase| phase.start < end);
            for phase in &mut model.phases {
                phase.end = phase.end.min(end);
            }
        }
    }
}

/// Works on so many threads.
pub(super) fn in_pool<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, Failure> {
    let Some(threads) = threads else { return Ok(work()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| {
        Failure::new(format!("could not start {threads} threads: {error}"), "ask for fewer with --threads N")
    })?;
    Ok(pool.install(work))
}

fn save(record: &Record, folder: &Path, args: &Run) -> Result<(), Failure> {
    let paths: Vec<PathBuf> = {
        let _guard = interrupt::hold();
        report::files::forget(folder, &[])?;
        let drawn = if args.report { draw(record, folder)? } else { Vec::new() };
        let mut paths = report::files::write(record, folder)?;
        // Of the pictures one needs to know the page only.
        paths.extend(drawn.into_iter().next_back());
        paths
    };
    if !args.quiet {
        terminal::say_written(folder, &paths);
    }
    Ok(())
}

#[cfg(feature = "chart")]
pub(super) fn draw(record: &Record, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let style = report::chart::Style::default();
    Ok(report::files::write_report(record, folder, &style)?)
}

#[cfg(not(feature = "chart"))]
pub(super) fn draw(_: &Record, _: &Path) -> Result<Vec<PathBuf>, Failure> {
    Ok(Vec::new())
}
