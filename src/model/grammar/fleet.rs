//! Fleets: autoscaling, routing, routes and hosts.

use super::*;

/// `pool.autoscaler`.
pub(in crate::model) static AUTOSCALER: Table = Table {
    title: "an autoscaler",
    doc: "Adds and removes instances by load.",
    keys: &[
        key("min", AT_LEAST_ONE, "Fewest instances.", "1").default("1"),
        key("max", Kind::Whole { min: 1, max: 100_000 }, "Most instances.", "8").required(),
        key("target_utilization", Kind::Share, "Busy slots per slot that it aims at.", "0.7").default("0.7"),
        key("interval", DURATION, "How often it looks.", "\"15s\"").default("\"15s\""),
        key("metric_lag", DURATION_OR_ZERO, "How old the metric is that it sees.", "\"30s\"")
            .default("\"0s\""),
        key("boot", DURATION_OR_ZERO, "From the decision until an instance takes jobs.", "\"45s\"")
            .default("\"0s\""),
        key("cool_down", DURATION_OR_ZERO, "Least time between a change and the next removal.", "\"5m\"")
            .default("\"5m\""),
    ],
    forms: &[],
};

const SIGNAL_DELAY: Key = key(
    "signal_delay",
    DURATION_OR_ZERO,
    "How often the loads that it sees are reported: between two reports they stand still. 0 for the truth.",
    "\"1s\"",
)
.default("\"0s\"");
const COUNTS_OWN: Key =
    key("counts_own", Kind::Flag, "Whether it adds to a report what it has sent itself since.", "true")
        .default("false");

/// `pool.routing` and `route.routing`.
pub(in crate::model) static ROUTING: Tagged = Tagged {
    title: "a routing",
    doc: "How an instance is chosen.",
    tag: "policy",
    default: None,
    word_alone: true,
    variants: &[
        variant(
            "random",
            "By chance.",
            &[key(
                "probabilities",
                Kind::List { of: &Kind::Share, least: 1 },
                "By pool or by instance; equal if left out.",
                "[0.5, 0.5]",
            )],
        ),
        variant("round_robin", "In turn.", &[]),
        variant(
            "weighted",
            "In turn, in proportion to weights.",
            &[key(
                "weights",
                Kind::List { of: &POSITIVE, least: 1 },
                "By pool or by instance.",
                "[3.0, 1.0]",
            )
            .required()],
        ),
        variant(
            "least_loaded",
            "The one with fewest jobs, waiting and running.",
            &[SIGNAL_DELAY, COUNTS_OWN],
        ),
        variant(
            "shortest_of",
            "The least loaded of a few drawn at random.",
            &[
                key("d", Kind::Whole { min: 1, max: 100_000 }, "How many are drawn.", "2").default("2"),
                SIGNAL_DELAY,
                COUNTS_OWN,
            ],
        ),
        variant(
            "hash",
            "By a hash of the request's key on a ring.",
            &[key(
                "replicas",
                Kind::Whole { min: 1, max: 10_000 },
                "Points per instance on the ring.",
                "100",
            )
            .default("100")],
        ),
    ],
};

/// `[route.NAME]`.
pub(in crate::model) static ROUTE: Table = Table {
    title: "a route",
    doc: "A choice among the instances of several pools.",
    keys: &[
        key("pools", Kind::List { of: &Kind::Reference(Names::Pool), least: 1 }, "The pools.", "[\"main\"]")
            .required(),
        key(
            "routing",
            Kind::Tagged(&ROUTING),
            "How an instance is chosen.",
            "{ policy = \"shortest_of\", d = 2 }",
        )
        .default("\"round_robin\""),
    ],
    forms: &[],
};

/// `[host.NAME]`.
pub(in crate::model) static HOST: Table = Table {
    title: "a host",
    doc: "Cores that busy slots share.",
    keys: &[
        key("cores", POSITIVE, "Cores: b busy slots each run at min(1, cores / b).", "8"),
        key(
            "speed_by_busy",
            Kind::List { of: &POSITIVE, least: 1 },
            "Speed of each of 1, 2, … busy slots; the last holds on.",
            "[1.0, 1.0, 0.8, 0.6]",
        ),
    ],
    forms: &[one_of(&[&["cores"], &["speed_by_busy"]])],
};
