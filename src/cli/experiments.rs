//! Loading an experiment with its model, for the commands that run one.

use super::checked::{Length, Repeat, Study};
use super::exit::Failure;
use super::files::{self, Beside};
use super::{overrides, terminal};
use crate::experiment::Given;
use crate::experiment::plan::{self, Plan};
use crate::experiment::record::{GivenModel, Warning};
use crate::model::check::experiment::{self, Experiment};
use crate::model::{Diagnostics, Document, Override};
use std::path::Path;

/// An experiment with its model's document.
pub struct Loaded {
    /// The experiment.
    pub experiment: Experiment,
    /// The experiment's text, for the record.
    pub text: GivenModel,
    /// The model's document.
    pub model: Document,
    /// The files beside the model.
    pub files: Beside,
    /// Values from the command line.
    pub overrides: Vec<Override>,
    /// Where the model came from.
    pub given: Given,
}

pub(super) fn rendered(faults: Diagnostics) -> Failure {
    Failure::Rendered(faults.render(terminal::stderr_color()))
}

/// Reads an experiment file and the model file that it names.
///
/// # Errors
/// A [`Failure`].
pub fn load(args: &Study) -> Result<Loaded, Failure> {
    let text = files::read_model(&args.experiment)?;
    let name = files::named(&args.experiment);
    if files::is_model(&text) {
        return Err(Failure::new(
            format!("{name} is a model, and an experiment is asked for"),
            format!(
                "poolsim run {name} runs it; an experiment is a file with model = \"{}\" and an [[axis]]",
                file_name(Path::new(&name))
            ),
        ));
    }
    let experiment = experiment::read(&name, &text).map_err(rendered)?;
    let folder = Path::new(&args.experiment).parent().unwrap_or(Path::new(""));
    let path = folder.join(&experiment.model).to_string_lossy().into_owned();
    over(args, experiment, GivenModel { file: name, text }, path)
}

/// The last part of a path.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The experiment of one point that a model file by itself is.
///
/// # Errors
/// A [`Failure`].
pub fn of_model(args: &Study) -> Result<Loaded, Failure> {
    let path = Path::new(&args.experiment);
    let name = file_name(path);
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    let text = format!("name = {}\nmodel = {}\n", quoted(stem), quoted(name));
    let experiment = experiment::read("the command line", &text).map_err(rendered)?;
    let given = GivenModel { file: String::from("the command line"), text };
    over(args, experiment, given, args.experiment.clone())
}

/// An experiment over the model file at `path`.
fn over(args: &Study, experiment: Experiment, text: GivenModel, path: String) -> Result<Loaded, Failure> {
    let model_text = files::read_model(&path)?;
    let model = Document::parse(&path, &model_text).map_err(rendered)?;
    let mut overrides: Vec<Override> =
        args.set.iter().map(|(path, value)| Override::new(path.clone(), value.clone())).collect();
    for axis in &experiment.axes {
        if let Some(one) = overrides.iter().find(|one| Some(&one.path) == axis.path.as_ref()) {
            return Err(Failure::new(
                format!("--set {}: the experiment varies this value", one.path),
                "change the axis in the experiment file, or run the model itself with poolsim run",
            ));
        }
    }
    if let Some(seed) = args.seed {
        overrides.push(Override::new("run.seed", seed.to_string()));
    }
    let given = Given {
        // The text comes with the plan, which puts the experiment's values in.
        model: GivenModel { file: path.clone(), text: String::new() },
        overrides: args.set.iter().map(|(path, value)| format!("{path}={value}")).collect(),
        command: args.command.clone(),
        warnings: Vec::new(),
    };
    let files = Beside::model(&path, None);
    Ok(Loaded { experiment, text, model, files, overrides, given })
}

/// Lays an experiment out.
///
/// # Errors
/// Everything that the model refuses.
pub fn plan(args: &Study, loaded: &mut Loaded) -> Result<Plan, Failure> {
    let experiment = loaded.experiment.clone();
    let mut plan =
        plan::plan(experiment, &loaded.model, &loaded.files, &loaded.overrides).map_err(rendered)?;
    plan.repeat(args.repeat);
    loaded.given.model.text = meant(args, &plan, None);
    let warning = |text: &String| Warning {
        code: String::from("model"),
        text: text.trim_end().to_owned(),
        advice: String::new(),
    };
    loaded.given.warnings = plan.warnings.iter().map(warning).collect();
    Ok(plan)
}

/// The model that all points start from, as text; `sized` is the path of a capacity that is searched for.
pub(super) fn meant(args: &Study, plan: &Plan, sized: Option<&str>) -> String {
    let varied: Vec<&str> = plan.varied().into_iter().chain(sized).collect();
    overrides::with_flags(&plan.base, None, args.repeat, Length::AsModel).meant(&varied)
}

impl Plan {
    /// Applies what the command line says about replications.
    fn repeat(&mut self, repeat: Repeat) {
        use crate::model::Replications;
        match repeat {
            Repeat::AsModel => {}
            Repeat::Fixed(n) => self.replicate(Replications::Fixed(n)),
            Repeat::Precision(relative) => {
                let now = self.points.first().map(|point| point.model.run.replications);
                let (min, max) = match now {
                    Some(Replications::Precision { min, max, .. }) => (min, max),
                    _ => (10, 200),
                };
                self.replicate(Replications::Precision { relative, min, max });
            }
        }
    }
}
