//! `[check]` of an experiment file: when a change is a regression.

use super::super::grammar::{CHECK, CHECK_METRIC};
use super::faults::Faults;
use super::view::View;

/// What `poolsim check` calls a regression.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckSettings {
    /// Confidence of all verdicts together, if stated.
    pub confidence: Option<f64>,
    /// Power of the smallest visible regression, if stated.
    pub power: Option<f64>,
    /// Share of a value that does not matter, if stated.
    pub threshold: Option<f64>,
    /// Decisions that a baseline keeps, if stated.
    pub decisions: Option<u32>,
    /// Figures with rules of their own.
    pub figures: Vec<FigureRule>,
}

/// When a change of one figure matters.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureRule {
    /// Its name.
    pub name: String,
    /// Of this class only.
    pub class: Option<String>,
    /// Share of the value.
    pub threshold: Option<f64>,
    /// Absolute size.
    pub floor: Option<f64>,
    /// Whether it gets worse upwards, if stated.
    pub worse_upwards: Option<bool>,
}

pub(super) fn read(faults: &mut Faults<'_>, root: View<'_>) -> CheckSettings {
    let Some(view) = root.table("check", &CHECK) else { return CheckSettings::default() };
    let mut figures: Vec<FigureRule> = Vec::new();
    for node in view.list("metric") {
        let Some(table) = node.as_table() else { continue };
        let own = View { table, spec: &CHECK_METRIC, place: node.place };
        let Some(name) = own.word("name").map(String::from) else { continue };
        let class = own.word("class").map(String::from);
        if figures.iter().any(|one| one.name == name && one.class == class) {
            let message = format!("`{name}` has two rules");
            faults.add(own.place("name"), message, "named before", "leave one of them out");
        }
        figures.push(FigureRule {
            name,
            class,
            threshold: own.share("threshold"),
            floor: own.number("floor"),
            worse_upwards: own.word("worse").map(|word| word == "higher"),
        });
    }
    CheckSettings {
        confidence: view.number("confidence"),
        power: view.number("power"),
        threshold: view.share("threshold"),
        decisions: view.count("decisions"),
        figures,
    }
}
