//! Experiment files: document to experiment as meant, every fault at once.
//!
//! Values of the model stay nodes with their places, so that a value that the model refuses is shown where the
//! experiment wrote it.

use super::super::diagnostic::Diagnostics;
use super::super::document::{Document, Entry, Node, Origin, Place, Value};
use super::super::grammar::{AXIS, EXPERIMENT, OUTPUTS, SIZE, VARIANT};
use super::super::nearest::suggestion;
use super::faults::Faults;
use super::range;
use super::regression;
pub use super::regression::{CheckSettings, FigureRule};
use super::view::View;
use super::walk;
use crate::model::metrics;

/// Most points of an experiment.
pub const POINTS_MAX: usize = 20_000;

/// Values of the model: each entry's key is a path.
pub type Settings = Vec<Entry>;

/// One value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is called.
    pub label: String,
    /// What it sets.
    pub set: Settings,
}

/// What is varied.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it is called.
    pub name: String,
    /// The only path that it sets, if it is such an axis.
    pub path: Option<String>,
    /// Its values in order.
    pub steps: Vec<Step>,
}

/// Points with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The name.
    pub name: String,
    /// Index of the axis and of its value, for each value that the mark states.
    pub at: Vec<(usize, usize)>,
}

/// Of which points something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// None.
    None,
    /// Those with a mark and the one that is chosen, or all where there are few.
    Marked,
    /// All.
    All,
}

/// What is kept of each point.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// Names of metrics; empty for all.
    pub metrics: Vec<String>,
    /// Courses over time.
    pub timelines: Keep,
    /// Distributions.
    pub curves: Keep,
}

/// What a search for a size looks for.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeSettings {
    /// Path of the whole number that is sized.
    pub capacity: String,
    /// Where the path stands.
    pub place: Place,
    /// The smallest candidate.
    pub from: u32,
    /// The largest.
    pub to: u32,
    /// Confidence of the answer, where it is not the run's.
    pub confidence: Option<f64>,
    /// Relative distance from a bound that does not matter.
    pub indifference: f64,
    /// Replications of a candidate before the first look.
    pub first: u32,
    /// Most replications of a candidate.
    pub most: u32,
    /// Whether the largest load of each capacity is looked for.
    pub largest_load: bool,
    /// Whether the chosen size is hit by a spike and a stop.
    pub probe: bool,
}

/// An experiment, checked by itself; the model has yet to accept its values.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// What is asked.
    pub description: String,
    /// The model file, from the experiment's folder.
    pub model: String,
    /// Values that hold at every point.
    pub set: Settings,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// Objectives beside the model's own.
    pub objectives: Vec<Node>,
    /// Named points.
    pub marks: Vec<Mark>,
    /// What is kept.
    pub outputs: Outputs,
    /// What `poolsim size` looks for.
    pub size: Option<SizeSettings>,
    /// What `poolsim check` calls a regression.
    pub check: CheckSettings,
    /// The file.
    pub document: Document,
}

/// Reads an experiment from a text.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(name: &str, text: &str) -> Result<Experiment, Diagnostics> {
    let document = Document::parse(name, text)?;
    let mut faults = Faults::new(&document);
    let place = Place { origin: Origin::File, start: 0, end: 0 };
    walk::Walk { faults: &mut faults, declared: None }.table(&document.root, &EXPERIMENT, None, place);
    let view = View { table: &document.root, spec: &EXPERIMENT, place };
    let experiment = Reader { faults: &mut faults }.experiment(view, &document);
    let found = Diagnostics::new(faults.list);
    if found.has_errors() { Err(found) } else { Ok(experiment) }
}

impl Experiment {
    /// The model's document with everything put in that holds at every point.
    ///
    /// # Errors
    /// Every path that leads nowhere.
    pub fn base(&self, model: &Document) -> Result<Document, Diagnostics> {
        let sets = |path: &str| self.set.iter().any(|entry| entry.key == path);
        let mut model = model.clone();
        // The two say the same thing in different ways: the experiment's word counts.
        if sets("run.replications") {
            for key in ["precision", "min_replications", "max_replications"] {
                model = model.without(&["run", key]);
            }
        }
        if sets("run.precision") {
            model = model.without(&["run", "replications"]);
        }
        let model = model.with_values(&self.document, &self.set)?;
        Ok(model.with_elements(&self.document, "objective", &self.objectives))
    }

    /// The number of points.
    pub fn points(&self) -> usize {
        self.axes.iter().map(|axis| axis.steps.len()).product()
    }

    /// The index of each axis's value at a point; the last axis runs fastest.
    pub fn indices(&self, point: usize) -> Vec<usize> {
        let mut rest = point;
        let mut indices: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let index = rest % axis.steps.len();
                rest /= axis.steps.len();
                index
            })
            .collect();
        indices.reverse();
        indices
    }

    /// The names of marks at a point.
    pub fn marks_at(&self, indices: &[usize]) -> Vec<String> {
        let here = |mark: &&Mark| mark.at.iter().all(|&(axis, step)| indices[axis] == step);
        self.marks.iter().filter(here).map(|mark| mark.name.clone()).collect()
    }
}

struct Reader<'f, 'd> {
    faults: &'f mut Faults<'d>,
}

impl Reader<'_, '_> {
    fn experiment(&mut self, root: View<'_>, document: &Document) -> Experiment {
        let axes = self.axes(root);
        let points = axes.iter().fold(1usize, |all, axis| all.saturating_mul(axis.steps.len()));
        if points > POINTS_MAX {
            let label = format!("{points} combinations, at most {POINTS_MAX}");
            let hint = "vary fewer values, or link axes that move together with `paths`";
            self.faults.add(root.place("axis"), "there are too many points", label, hint);
        }
        let marks = self.marks(root, &axes);
        Experiment {
            name: root.word("name").map_or_else(|| stem(document.file_name()), String::from),
            description: String::from(root.word("description").unwrap_or("")),
            model: String::from(root.word("model").unwrap_or("")),
            set: self.fixed(root),
            axes,
            objectives: root.list("objective").to_vec(),
            marks,
            outputs: self.outputs(root),
            size: self.size(root),
            check: regression::read(self.faults, root),
            document: document.clone(),
        }
    }

    /// What holds at every point.
    fn fixed(&mut self, root: View<'_>) -> Settings {
        let mut set = settings(root.node("set"));
        for key in ["replications", "precision", "confidence", "seed"] {
            if let Some(entry) = root.table.entry(key) {
                set.push(Entry { key: format!("run.{key}"), ..entry.clone() });
            }
        }
        for entry in root.table.table("target").map_or(&[][..], |target| &target.entries) {
            set.push(Entry { key: format!("target.{}", entry.key), ..entry.clone() });
        }
        for entry in root.table.table("prices").map_or(&[][..], |prices| &prices.entries) {
            set.push(Entry { key: format!("prices.{}", entry.key), ..entry.clone() });
        }
        set
    }

    fn axes(&mut self, root: View<'_>) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::new();
        for node in root.list("axis") {
            let Some(table) = node.as_table() else { continue };
            let view = View { table, spec: &AXIS, place: node.place };
            let Some(axis) = self.axis(view) else { continue };
            if axes.iter().any(|other| other.name == axis.name) {
                let hint = "give each axis a `name` of its own";
                self.faults.add(
                    node.place,
                    format!("there are two axes `{}`", axis.name),
                    "named before",
                    hint,
                );
            }
            axes.push(axis);
        }
        axes
    }

    fn axis(&mut self, view: View<'_>) -> Option<Axis> {
        let name = view.word("name").map(String::from);
        if view.has("variants") {
            let steps = self.variants(view);
            return Some(Axis { name: name.unwrap_or_else(|| String::from("variant")), path: None, steps });
        }
        let path = view.table.entry("path").filter(|entry| entry.node.as_text().is_some());
        let paths: Vec<&Node> = match path {
            Some(entry) => vec![&entry.node],
            None => view.list("paths").iter().filter(|node| node.as_text().is_some()).collect(),
        };
        if paths.is_empty() {
            return None;
        }
        self.named_twice(&paths);
        let values = self.values(view)?;
        let linked = !view.has("path");
        let labels = view.words("labels");
        if !labels.is_empty() && labels.len() != values.len() {
            let label = format!("{} labels for {} values", labels.len(), values.len());
            self.faults.add(
                view.place("labels"),
                "each value needs one label",
                label,
                "give one for each, in order",
            );
        }
        let step = |reader: &mut Self, index: usize, node: &Node| -> Option<Step> {
            let parts = if linked { reader.parts(node, paths.len())? } else { vec![node.clone()] };
            let shown: Vec<String> = parts.iter().map(|part| display(&part.value)).collect();
            let label = labels.get(index).cloned().unwrap_or_else(|| shown.join(", "));
            let set = paths.iter().zip(parts).map(|(path, node)| Entry {
                key: String::from(path.as_text().unwrap_or("")),
                place: path.place,
                node,
            });
            Some(Step { label, set: set.collect() })
        };
        let steps: Vec<Step> =
            values.iter().enumerate().filter_map(|(index, node)| step(self, index, node)).collect();
        self.repeated(&steps, view);
        let written: Vec<&str> = paths.iter().filter_map(|node| node.as_text()).collect();
        let name = name.unwrap_or_else(|| written.join(" and "));
        let path = (!linked).then(|| String::from(written[0]));
        Some(Axis { name, path, steps })
    }

    /// One of two values for a path would be lost.
    fn named_twice(&mut self, paths: &[&Node]) {
        for (index, path) in paths.iter().enumerate() {
            if paths[..index].iter().any(|before| before.as_text() == path.as_text()) {
                let label = String::from("named before");
                self.faults.add(path.place, "the axis sets one path twice", label, "leave one of them out");
            }
        }
    }

    fn repeated(&mut self, steps: &[Step], view: View<'_>) {
        let twice = steps
            .iter()
            .enumerate()
            .find(|(index, step)| steps[..*index].iter().any(|one| one.label == step.label));
        if let Some((_, step)) = twice {
            let place = step.set.first().map_or(view.place, |entry| entry.node.place);
            let hint = "leave one of them out, or give them different `labels`";
            self.faults.add(place, format!("the axis has `{}` twice", step.label), "the same again", hint);
        }
    }

    /// One value for each of several paths.
    fn parts(&mut self, node: &Node, paths: usize) -> Option<Vec<Node>> {
        match &node.value {
            Value::List(list) if list.len() == paths => Some(list.clone()),
            _ => {
                let message = "linked values come as a list with one for each path";
                let hint =
                    format!("{paths} paths need {paths} values, such as [{}]", vec!["1"; paths].join(", "));
                self.faults.add(node.place, message, "not such a list", hint);
                None
            }
        }
    }

    fn values(&mut self, view: View<'_>) -> Option<Vec<Node>> {
        if view.has("values") {
            return Some(view.list("values").to_vec()).filter(|list| !list.is_empty());
        }
        let (from, to) = (view.node("from")?, view.node("to")?);
        let spacing = range::Spacing {
            step: view.node("step"),
            points: view.count("points"),
            log: view.flag("log").unwrap_or(false),
        };
        match range::values(from, to, &spacing) {
            Ok(values) => Some(values),
            Err(fault) => {
                self.faults.add(fault.place, fault.message, fault.label, fault.hint);
                None
            }
        }
    }

    fn variants(&mut self, view: View<'_>) -> Vec<Step> {
        let steps: Vec<Step> = view
            .list("variants")
            .iter()
            .filter_map(|node| {
                let variant = View { table: node.as_table()?, spec: &VARIANT, place: node.place };
                Some(Step { label: String::from(variant.word("name")?), set: settings(variant.node("set")) })
            })
            .collect();
        self.repeated(&steps, view);
        steps
    }

    fn marks(&mut self, root: View<'_>, axes: &[Axis]) -> Vec<Mark> {
        let marks = root.table.table("marks").map_or(&[][..], |marks| &marks.entries);
        let mark = |entry: &Entry| {
            let at = settings(Some(&entry.node)).iter().filter_map(|value| self.mark(value, axes)).collect();
            Mark { name: entry.key.clone(), at }
        };
        marks.iter().map(mark).collect()
    }

    /// Axis and value that an entry of a mark states.
    fn mark(&mut self, entry: &Entry, axes: &[Axis]) -> Option<(usize, usize)> {
        let of = |axis: &Axis| axis.name == entry.key || axis.path.as_ref() == Some(&entry.key);
        let Some(index) = axes.iter().position(of) else {
            let known: Vec<&str> =
                axes.iter().map(|axis| axis.path.as_deref().unwrap_or(axis.name.as_str())).collect();
            let message = format!("no axis varies `{}`", entry.key);
            self.faults.add(entry.place, message, "unknown axis", suggestion(&entry.key, &known));
            return None;
        };
        let wanted = display(&entry.node.value);
        let is = |step: &Step| {
            let only = step.set.first().filter(|_| step.set.len() == 1);
            step.label == wanted || only.is_some_and(|only| only.node.value == entry.node.value)
        };
        let step = axes[index].steps.iter().position(is);
        if step.is_none() {
            let known: Vec<&str> = axes[index].steps.iter().map(|step| step.label.as_str()).collect();
            let message = format!("axis `{}` has no value `{wanted}`", axes[index].name);
            self.faults.add(entry.node.place, message, "no point is there", suggestion(&wanted, &known));
        }
        step.map(|step| (index, step))
    }

    fn outputs(&mut self, root: View<'_>) -> Outputs {
        let Some(view) = root.table("outputs", &OUTPUTS) else {
            return Outputs { metrics: Vec::new(), timelines: Keep::Marked, curves: Keep::Marked };
        };
        for node in view.list("metrics") {
            let Some(name) = node.as_text() else { continue };
            if metrics::find(name).is_none() {
                let known: Vec<&str> = metrics::all().iter().map(|metric| metric.name.as_str()).collect();
                let hint = suggestion(name, &known);
                self.faults.add(node.place, format!("there is no metric `{name}`"), "unknown metric", hint);
            }
        }
        let keep = |key| match view.word(key) {
            Some("none") => Keep::None,
            Some("all") => Keep::All,
            _ => Keep::Marked,
        };
        Outputs { metrics: view.words("metrics"), timelines: keep("timelines"), curves: keep("curves") }
    }

    fn size(&mut self, root: View<'_>) -> Option<SizeSettings> {
        let view = root.table("size", &SIZE)?;
        let (from, to) = (view.count("from")?, view.count("to")?);
        if from > to {
            let hint = "exchange `from` and `to`";
            self.faults.add(view.place("from"), "there is no candidate", format!("{from} > {to}"), hint);
        }
        let (first, most) = (view.count("first_replications")?, view.count("max_replications")?);
        if first > most {
            let label = format!("{first} > {most}");
            let message = "`first_replications` is above `max_replications`";
            self.faults.add(view.place("first_replications"), message, label, "exchange them");
        }
        Some(SizeSettings {
            capacity: String::from(view.word("capacity")?),
            place: view.place("capacity"),
            from,
            to,
            confidence: view.number("confidence"),
            indifference: view.share("indifference")?,
            first,
            most,
            largest_load: view.flag("largest_load")?,
            probe: view.flag("probe")?,
        })
    }
}

/// The entries of a table of paths.
fn settings(node: Option<&Node>) -> Settings {
    node.and_then(Node::as_table).map_or_else(Vec::new, |table| table.entries.clone())
}

fn stem(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    String::from(name.strip_suffix(".toml").unwrap_or(name))
}

/// A value as a label.
pub fn display(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Table(table) => {
            let part = |entry: &Entry| format!("{} = {}", entry.key, display(&entry.node.value));
            table.entries.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        other => match other.to_json() {
            serde_json::Value::String(text) => text,
            json => json.to_string(),
        },
    }
}
