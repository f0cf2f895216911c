//! Experiment files: a model, what is changed in it, and what is asked of every point.

use super::root::{OBJECTIVE, PRICES};
use super::target::TARGET;
use super::*;

/// Any value; what it means is for the model to say.
const ANYTHING: Kind = Kind::Any;

/// Paths of the model with values.
const SETTINGS: Kind = Kind::Map { names: None, of: &ANYTHING };

/// The whole file.
pub(in crate::model) static EXPERIMENT: Table = Table {
    title: "an experiment",
    doc: "A model over a grid of settings, for poolsim sweep and poolsim size.",
    keys: &[
        key(
            "name",
            Kind::Text,
            "Short name, used for folders and titles. Default: the file's name.",
            "\"orchestrator\"",
        ),
        key("description", Kind::Text, "What is asked.", "\"How many workers, and which time-out?\""),
        key(
            "model",
            Kind::Text,
            "The model file, from the experiment's folder.",
            "\"../models/orchestrator.toml\"",
        )
        .required(),
        key(
            "set",
            SETTINGS,
            "Values of the model that hold at every point, by path.",
            "{ \"pool.generation.slots\" = 8 }",
        ),
        key(
            "axis",
            Kind::Tables(&Kind::Table(&AXIS)),
            "What is varied; the points are all combinations, the last axis running fastest.",
            "[{ path = \"pool.generation.slots\", values = [2, 4, 6] }]",
        ),
        key(
            "replications",
            Kind::Whole { min: 1, max: 1_000_000 },
            "Replications of each point. Default: the model's.",
            "20",
        ),
        key("precision", Kind::Share, "Replicate each point until intervals are this narrow.", "\"2%\""),
        key(
            "confidence",
            Kind::Number { min: 0.5, max: 0.9999, open: false },
            "Confidence of intervals. Default: the model's.",
            "0.95",
        ),
        key(
            "seed",
            Kind::Whole { min: 0, max: i64::MAX as u64 },
            "Seed of all chance. Default: the model's.",
            "7",
        ),
        key(
            "objective",
            Kind::Tables(&Kind::Table(&OBJECTIVE)),
            "What is asked beside the model's own objectives.",
            "[{ metric = \"latency_p95\", at_most = \"75s\" }]",
        ),
        key("prices", Kind::Table(&PRICES), "Prices in place of the model's.", "{ slot_hour = 0.05 }"),
        key(
            "target",
            Kind::Table(&TARGET),
            "Real schedulers for poolsim replay, each in place of the model's.",
            "{ http = { url = \"http://127.0.0.1:8080\" } }",
        ),
        key(
            "marks",
            Kind::Map { names: None, of: &SETTINGS },
            "Points with a name, such as the settings before and after a change, by their values.",
            "{ before = { \"pool.generation.slots\" = 2 } }",
        ),
        key("outputs", Kind::Table(&OUTPUTS), "What is kept of each point.", "{ timelines = \"all\" }"),
        key(
            "size",
            Kind::Table(&SIZE),
            "What poolsim size looks for.",
            "{ capacity = \"pool.generation.slots\", from = 1, to = 16 }",
        ),
        key("check", Kind::Table(&CHECK), "What poolsim check calls a regression.", "{ threshold = \"5%\" }"),
    ],
    forms: &[at_most_one_of(&[&["replications"], &["precision"]])],
};

const CERTAINTY: Kind = Kind::Number { min: 0.5, max: 0.9999, open: false };

/// `[check]`.
pub(in crate::model) static CHECK: Table = Table {
    title: "a regression check",
    doc: "What poolsim check calls a regression.",
    keys: &[
        key("confidence", CERTAINTY, "Confidence of all verdicts together.", "0.95").default("0.95"),
        key("power", CERTAINTY, "Power at which the smallest visible regression is stated.", "0.95")
            .default("0.95"),
        key("threshold", Kind::Share, "A change of this share of the value does not matter.", "\"5%\"")
            .default("\"5%\""),
        key("decisions", COUNT, "Decisions of each point that a baseline keeps.", "1000").default("1000"),
        key(
            "metric",
            Kind::Tables(&Kind::Table(&CHECK_METRIC)),
            "Figures with a rule of their own; metrics that are not compared by themselves are added.",
            "[{ name = \"latency_p99\", threshold = \"10%\" }]",
        ),
    ],
    forms: &[],
};

/// An element of `check.metric`.
pub(in crate::model) static CHECK_METRIC: Table = Table {
    title: "a figure of a check",
    doc: "When a change of a figure matters.",
    keys: &[
        key("name", Kind::Text, "A metric, or a behaviour such as restart_gap.", "\"latency_p95\"")
            .required(),
        key("class", Kind::Text, "Of this class only.", "\"generation\""),
        key("threshold", Kind::Share, "A change of this share of the value does not matter.", "\"10%\""),
        key("floor", NOT_NEGATIVE, "Nor does one of this size, in the unit (seconds) of the figure.", "0.05"),
        key(
            "worse",
            Kind::Word(&[choice("higher", "upwards"), choice("lower", "downwards")]),
            "Which way it gets worse. Default: as its name says.",
            "\"lower\"",
        ),
    ],
    forms: &[],
};

/// `[[axis]]`.
pub(in crate::model) static AXIS: Table = Table {
    title: "an axis",
    doc: "A value of the model that is varied, several that move together, or a list of variants with names.",
    keys: &[
        key("name", Kind::Text, "What the axis is called. Default: its path.", "\"pool size\""),
        key("path", Kind::Text, "The value that is varied, by its path.", "\"pool.generation.slots\""),
        key(
            "paths",
            Kind::List { of: &Kind::Text, least: 1 },
            "Values that move together: each of `values` is then a list with one for each path.",
            "[\"pool.generation.slots\", \"host.machine.cores\"]",
        ),
        key(
            "variants",
            Kind::Tables(&Kind::Table(&VARIANT)),
            "Sets of values with a name, such as presets.",
            "[{ name = \"fixed\", set = { \"pool.generation.preset\" = \"orchestrator-bridge-fixed\" } }]",
        ),
        key(
            "values",
            Kind::List { of: &ANYTHING, least: 1 },
            "The values, as in the model file.",
            "[2, 4, 6]",
        ),
        key(
            "labels",
            Kind::List { of: &Kind::Text, least: 1 },
            "What to call each of the values.",
            "[\"small\", \"middle\", \"large\"]",
        ),
        key("from", ANYTHING, "The first value of a range.", "\"60s\""),
        key("to", ANYTHING, "The last value of a range.", "\"120s\""),
        key("step", ANYTHING, "The distance between values of a range.", "\"15s\""),
        key("points", Kind::Whole { min: 2, max: 10_000 }, "So many values, evenly spaced.", "9"),
        key("log", Kind::Flag, "Whether `points` are spaced by equal factors.", "true").default("false"),
    ],
    forms: &[
        one_of(&[&["path"], &["paths"], &["variants"]]),
        one_of(&[&["values"], &["from", "to"], &["variants"]]),
        at_most_one_of(&[&["step"], &["points"]]),
    ],
};

/// An element of `axis.variants`.
pub(in crate::model) static VARIANT: Table = Table {
    title: "a variant",
    doc: "A set of values with a name.",
    keys: &[
        key("name", Kind::Text, "Its name.", "\"fixed\"").required(),
        key(
            "set",
            SETTINGS,
            "Its values, by path. Without any it is the model as it is.",
            "{ \"pool.generation.slots\" = 8 }",
        ),
    ],
    forms: &[],
};

const KEEP: Kind = Kind::Word(&[
    choice("none", "of no point"),
    choice("marked", "of points with a mark and of the chosen one, or of all where there are few"),
    choice("all", "of every point"),
]);

/// `[outputs]`.
pub(in crate::model) static OUTPUTS: Table = Table {
    title: "the outputs",
    doc: "What is kept of each point.",
    keys: &[
        key(
            "metrics",
            Kind::List { of: &Kind::Reference(Names::Metric), least: 1 },
            "Figures that are kept, beside those of the objectives. Default: all.",
            "[\"latency_p95\"]",
        ),
        key("timelines", KEEP, "Courses over time.", "\"all\"").default("\"marked\""),
        key("curves", KEEP, "Distributions.", "\"all\"").default("\"marked\""),
    ],
    forms: &[],
};

/// `[size]`.
pub(in crate::model) static SIZE: Table = Table {
    title: "a search for a size",
    doc: "The smallest capacity that meets every objective.",
    keys: &[
        key(
            "capacity",
            Kind::Text,
            "The whole number that is sized, by its path.",
            "\"pool.generation.slots\"",
        )
        .required(),
        key("from", AT_LEAST_ONE, "The smallest that is considered.", "1").default("1"),
        key("to", AT_LEAST_ONE, "The largest that is considered.", "16").required(),
        key(
            "confidence",
            Kind::Number { min: 0.5, max: 0.9999, open: false },
            "How sure the answer must be. Default: the run's confidence.",
            "0.95",
        ),
        key(
            "indifference",
            Kind::Share,
            "A figure this near to its bound, relative to it, may be taken as either.",
            "\"1%\"",
        )
        .default("\"1%\""),
        key(
            "first_replications",
            Kind::Whole { min: 2, max: 1_000_000 },
            "Replications of each candidate before the first look.",
            "10",
        )
        .default("10"),
        key(
            "max_replications",
            Kind::Whole { min: 2, max: 1_000_000 },
            "Most replications of a candidate.",
            "640",
        )
        .default("640"),
        key(
            "largest_load",
            Kind::Flag,
            "Whether the largest load of each capacity is looked for too.",
            "false",
        )
        .default("true"),
        key("probe", Kind::Flag, "Whether the chosen size is hit by a spike and by a stop.", "false")
            .default("true"),
    ],
    forms: &[],
};
