//! An experiment laid out: its points in a fixed order, each a model of its own.
//!
//! The points are all combinations of the axes' values, the last axis running fastest. A point is the model's
//! document with values put in by path, and is checked anew; the text is parsed once. Everything that any point's
//! model refuses is reported at once, where the experiment wrote it.

use super::record::Setting;
use crate::model::check::experiment::{Experiment, Keep};
use crate::model::{self, Diagnostics, Document, Files, Loaded, Model, Override, Replications};

/// With so few points, those without a mark keep their timelines and curves too.
pub const FEW_POINTS: usize = 36;

/// One point, ready to run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its place in the plan.
    pub index: usize,
    /// Index of each axis's value.
    pub indices: Vec<usize>,
    /// What tells it from the others, for people.
    pub label: String,
    /// What is set, as stored in a record.
    pub settings: Vec<Setting>,
    /// Names of its marks.
    pub marks: Vec<String>,
    /// Whether its courses over time are kept.
    pub timelines: bool,
    /// Whether its distributions are kept.
    pub curves: bool,
    /// The model.
    pub model: Model,
}

/// The points of an experiment.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The experiment.
    pub experiment: Experiment,
    /// The model's document with all that holds at every point.
    pub base: Document,
    /// The points, in order.
    pub points: Vec<Planned>,
    /// Warnings of the model, each once.
    pub warnings: Vec<String>,
}

/// Lays an experiment out over its model; `overrides` come from the command line and hold at every point.
///
/// # Errors
/// Everything that is wrong with any point.
pub fn plan(
    experiment: Experiment,
    model: &Document,
    files: &dyn Files,
    overrides: &[Override],
) -> Result<Plan, Diagnostics> {
    let base = experiment.base(model)?.with(overrides)?;
    let count = experiment.points();
    let mut faults = Vec::new();
    let mut warnings: Vec<String> = Vec::new();
    let mut points = Vec::with_capacity(count);
    for index in 0..count {
        match point(&experiment, &base, files, index) {
            Ok((planned, found)) => {
                points.push(planned);
                for warning in found {
                    if !warnings.contains(&warning) {
                        warnings.push(warning);
                    }
                }
            }
            Err(found) => faults.extend(found.list),
        }
    }
    if faults.is_empty() {
        Ok(Plan { experiment, base, points, warnings })
    } else {
        Err(Diagnostics::new(faults))
    }
}

fn point(
    experiment: &Experiment,
    base: &Document,
    files: &dyn Files,
    index: usize,
) -> Result<(Planned, Vec<String>), Diagnostics> {
    let indices = experiment.indices(index);
    let values = values_at(experiment, &indices);
    let mut settings: Vec<Setting> = Vec::new();
    let mut labels = Vec::new();
    for (axis, &step) in experiment.axes.iter().zip(&indices) {
        let step = &axis.steps[step];
        let value = match (&axis.path, step.set.first()) {
            (Some(_), Some(only)) => only.node.value.to_json(),
            _ => serde_json::Value::from(step.label.as_str()),
        };
        settings.push((axis.path.clone().unwrap_or_else(|| axis.name.clone()), value));
        labels.push(format!("{} {}", short(&axis.name), step.label));
    }
    let document = base.with_values(&experiment.document, &values)?;
    let Loaded { mut model, warnings, .. } = model::check(document, files)?;
    ask(&mut model, experiment);
    let marks = experiment.marks_at(&indices);
    let few = experiment.points() <= FEW_POINTS;
    let kept = |keep: Keep| match keep {
        Keep::None => false,
        Keep::Marked => few || !marks.is_empty(),
        Keep::All => true,
    };
    let (timelines, curves) = (kept(experiment.outputs.timelines), kept(experiment.outputs.curves));
    let label = if labels.is_empty() { model.name.clone() } else { labels.join(", ") };
    let planned = Planned { index, indices, label, settings, marks, timelines, curves, model };
    Ok((planned, warnings.iter().map(|warning| warning.render(false)).collect()))
}

/// Asks a model for the figures that the experiment shows or has rules for.
fn ask(model: &mut Model, experiment: &Experiment) {
    let ruled = experiment.check.figures.iter().map(|figure| &figure.name);
    model.ask(experiment.outputs.metrics.iter().chain(ruled).map(String::as_str));
}

/// What a point's axes set.
fn values_at(experiment: &Experiment, indices: &[usize]) -> Vec<model::document::Entry> {
    let steps = experiment.axes.iter().zip(indices).map(|(axis, &step)| &axis.steps[step]);
    steps.flat_map(|step| step.set.iter().cloned()).collect()
}

/// The last part of a path, which is enough to tell axes apart for people.
pub(super) fn short(name: &str) -> &str {
    if name.contains(' ') { name } else { name.rsplit('.').next().unwrap_or(name) }
}

impl Plan {
    /// Makes every point replicate so, whatever the files say.
    pub fn replicate(&mut self, replications: Replications) {
        self.points.iter_mut().for_each(|point| point.model.run.replications = replications);
    }

    /// The document of a point's model.
    ///
    /// # Errors
    /// Every path that leads nowhere.
    pub fn document_at(&self, index: usize) -> Result<Document, Diagnostics> {
        let values = values_at(&self.experiment, &self.points[index].indices);
        self.base.with_values(&self.experiment.document, &values)
    }

    /// The paths of all that the axes set.
    pub fn varied(&self) -> Vec<&str> {
        let steps = self.experiment.axes.iter().flat_map(|axis| &axis.steps);
        steps.flat_map(|step| step.set.iter().map(|entry| entry.key.as_str())).collect()
    }

    /// The model of a point with one more value put in.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn model_with(
        &self,
        index: usize,
        files: &dyn Files,
        extra: &Override,
    ) -> Result<Model, Diagnostics> {
        let document = self.document_at(index)?;
        let mut loaded = model::check(document.with(std::slice::from_ref(extra))?, files)?;
        ask(&mut loaded.model, &self.experiment);
        Ok(loaded.model)
    }

    /// The text that stands for a point in the key of its results: everything that shapes them.
    pub fn canonical(&self, index: usize) -> String {
        let point = &self.points[index];
        format!(
            "{index}\n{}\n{}\n{}\n{:?}\n{:?}\n",
            point.label, point.timelines, point.curves, self.experiment.outputs.metrics, point.model
        )
    }
}
