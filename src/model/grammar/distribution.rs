//! Distributions of durations: by their parameters, or by what a planner knows.

use super::*;

/// A distribution where one is expected: a table with `dist`, or a plain duration.
pub(in crate::model) static DISTRIBUTION: Kind = Kind::Either(&[DURATION_OR_ZERO, Kind::Tagged(&DIST)]);

const MEAN: Key = key("mean", DURATION, "Mean.", "\"5s\"");
const CV: Key = key("cv", NOT_NEGATIVE, "Coefficient of variation: standard deviation over mean.", "1.5");
const P50: Key = key("p50", DURATION, "Median.", "\"2s\"");
const P95: Key = key("p95", DURATION, "95th percentile.", "\"9s\"");
const SHAPE: Key = key("shape", POSITIVE, "Shape parameter.", "2.0");
const SCALE: Key = key("scale", DURATION, "Scale parameter, a duration.", "\"1s\"");
const PROBABILITIES: Key = key(
    "probabilities",
    Kind::List { of: &Kind::Share, least: 1 },
    "Probabilities, which sum to 1.",
    "[0.7, 0.3]",
);

const fn with_forms(
    word: &'static str,
    doc: &'static str,
    keys: &'static [Key],
    forms: &'static [Forms],
) -> Variant {
    Variant { word, table: Table { title: word, doc, keys, forms } }
}

/// The key that names the column of a sample file.
pub(in crate::model) const EMPIRICAL_COLUMN: &str = "column";

/// Every distribution.
pub(in crate::model) static DIST: Tagged = Tagged {
    title: "a distribution",
    doc: "A distribution of durations. A plain duration such as \"5s\" stands for the deterministic one.",
    tag: "dist",
    default: None,
    word_alone: false,
    variants: &[
        variant(
            "deterministic",
            "Always the same.",
            &[key("value", DURATION_OR_ZERO, "The duration.", "\"5s\"").required()],
        ),
        with_forms(
            "exponential",
            "Exponential: no memory.",
            &[MEAN, P50, P95],
            &[one_of(&[&["mean"], &["p50"], &["p95"]])],
        ),
        with_forms(
            "erlang",
            "Sum of equal exponential stages.",
            &[
                key("stages", Kind::Whole { min: 1, max: 10_000 }, "How many stages.", "4").required(),
                MEAN.required(),
            ],
            &[],
        ),
        with_forms(
            "gamma",
            "Gamma, by shape and scale or by mean and cv.",
            &[SHAPE, SCALE, MEAN, CV],
            &[one_of(&[&["mean", "cv"], &["shape", "scale"]])],
        ),
        with_forms(
            "lognormal",
            "Lognormal, by mean and cv, by p50 and p95, or by mu and sigma (of the logarithm of seconds).",
            &[
                MEAN,
                CV,
                P50,
                P95,
                key(
                    "mu",
                    Kind::Number { min: -100.0, max: 100.0, open: false },
                    "Mean of the logarithm of seconds.",
                    "0.7",
                ),
                key("sigma", NOT_NEGATIVE, "Standard deviation of the logarithm.", "0.9"),
            ],
            &[one_of(&[&["mean", "cv"], &["p50", "p95"], &["mu", "sigma"]])],
        ),
        with_forms(
            "weibull",
            "Weibull, by mean and cv, by p50 and p95, or by shape and scale.",
            &[SHAPE, SCALE, MEAN, CV, P50, P95],
            &[one_of(&[&["mean", "cv"], &["p50", "p95"], &["shape", "scale"]])],
        ),
        with_forms(
            "pareto",
            "Pareto, by mean and cv, by p50 and p95, or by shape and scale (its smallest value).",
            &[
                SHAPE,
                SCALE,
                MEAN,
                CV,
                P50,
                P95,
                key("high", DURATION, "Largest value: the distribution is cut off there.", "\"10m\""),
            ],
            &[one_of(&[&["shape", "scale"], &["p50", "p95"], &["mean", "cv"]])],
        ),
        with_forms(
            "uniform",
            "Uniform, by its ends, by mean and cv, or by p50 and p95.",
            &[
                key("low", DURATION_OR_ZERO, "Lower end.", "\"1s\""),
                key("high", DURATION, "Upper end.", "\"3s\""),
                MEAN,
                CV,
                P50,
                P95,
            ],
            &[one_of(&[&["low", "high"], &["mean", "cv"], &["p50", "p95"]])],
        ),
        with_forms(
            "hyperexponential",
            "One of several exponentials; by mean and cv with balanced means (cv at least 1).",
            &[
                PROBABILITIES,
                key(
                    "means",
                    Kind::List { of: &DURATION, least: 1 },
                    "Means of the branches.",
                    "[\"1s\", \"9s\"]",
                ),
                MEAN,
                CV,
            ],
            &[one_of(&[&["mean", "cv"], &["probabilities", "means"]])],
        ),
        variant(
            "mixture",
            "One of several distributions.",
            &[
                PROBABILITIES.required(),
                key(
                    "parts",
                    Kind::List { of: &DISTRIBUTION, least: 1 },
                    "The distributions.",
                    "[\"1s\", { dist = \"exponential\", mean = \"9s\" }]",
                )
                .required(),
            ],
        ),
        variant(
            "discrete",
            "One of several durations.",
            &[
                key(
                    "values",
                    Kind::List { of: &DURATION_OR_ZERO, least: 1 },
                    "The durations.",
                    "[\"1s\", \"9s\"]",
                )
                .required(),
                PROBABILITIES.required(),
            ],
        ),
        with_forms(
            "empirical",
            "A sample, each value as likely: from a CSV file with a column of seconds, or in place.",
            &[
                key(
                    "file",
                    Kind::Text,
                    "Path of a CSV file with a header, from the model's folder.",
                    "\"demands.csv\"",
                ),
                key(EMPIRICAL_COLUMN, Kind::Text, "Its column.", "\"seconds\""),
                key(
                    "unit",
                    Kind::Word(&[
                        choice("s", "seconds"),
                        choice("ms", "milliseconds"),
                        choice("us", "microseconds"),
                    ]),
                    "Unit of the column.",
                    "\"ms\"",
                )
                .default("\"s\""),
                key(
                    "values",
                    Kind::List { of: &DURATION_OR_ZERO, least: 1 },
                    "The values.",
                    "[\"1s\", \"2s\"]",
                ),
            ],
            &[one_of(&[&["file", "column"], &["values"]])],
        ),
    ],
};
