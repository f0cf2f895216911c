//! The top level, and the tables that say how a model is run and judged.

use super::*;

/// The whole file.
pub(in crate::model) static ROOT: Table = Table {
    title: "a model",
    doc: "A system of worker pools and the load on it, for poolsim.",
    keys: &[
        key(
            "name",
            Kind::Text,
            "Short name, used for folders and titles. Default: the file's name.",
            "\"orchestrator\"",
        ),
        key(
            "description",
            Kind::Text,
            "What the model is about.",
            "\"Six workers in front of a ramp of users.\"",
        ),
        key("run", Kind::Table(&RUN), "How the model is run.", "{ horizon = \"10m\" }"),
        key(
            "phase",
            Kind::Tables(&Kind::Table(&PHASE)),
            "Named stretches of time that are reported apart, in order. Time that belongs to none counts overall alone.",
            "[{ name = \"warm-up\", duration = \"2m\" }]",
        ),
        key("class", Kind::Named(&CLASS), "Kinds of requests.", "{ short = { demand = \"2s\" } }"),
        key(
            "client",
            Kind::Named(&CLIENT),
            "Ways in which clients behave.",
            "{ patient = { deadline = \"95s\" } }",
        ),
        key(
            "source",
            Kind::Named(&SOURCE),
            "Where requests come from.",
            "{ web = { pool = \"main\", class = \"short\", arrivals = { rate = \"3/s\" } } }",
        ),
        key("pool", Kind::Named(&POOL), "Pools of workers.", "{ main = { slots = 6 } }"),
        key(
            "route",
            Kind::Named(&ROUTE),
            "Choices among the instances of several pools.",
            "{ all = { pools = [\"main\"] } }",
        ),
        key("host", Kind::Named(&HOST), "Hosts whose cores pools share.", "{ box = { cores = 8 } }"),
        key(
            "fault",
            Kind::Tables(&Kind::Tagged(&FAULT)),
            "What goes wrong at stated instants or at random.",
            "[{ kind = \"pause_pool\", pool = \"main\", duration = \"10s\", at = \"5m\" }]",
        ),
        key(
            "objective",
            Kind::Tables(&Kind::Table(&OBJECTIVE)),
            "What is asked of the system.",
            "[{ metric = \"latency_p95\", at_most = \"90s\" }]",
        ),
        key("prices", Kind::Table(&PRICES), "Prices for cost figures.", "{ slot_hour = 0.05 }"),
        key(
            "target",
            Kind::Table(&TARGET),
            "Real schedulers for poolsim replay.",
            "{ http = { url = \"http://127.0.0.1:8080\" } }",
        ),
    ],
    forms: &[],
};

/// `[run]`.
pub(in crate::model) static RUN: Table = Table {
    title: "the run",
    doc: "How the model is run and how sure its figures must be.",
    keys: &[
        key(
            "horizon",
            DURATION,
            "Length of a run. Default: the end of the phases, of the users' stages, or of the trace.",
            "\"10m\"",
        ),
        key(
            "requests",
            Kind::Whole { min: 1, max: 1_000_000_000_000 },
            "End after so many requests instead.",
            "100000",
        ),
        key(
            "regime",
            Kind::Word(&[
                choice("terminating", "a stretch with a beginning and an end: everything in it counts"),
                choice("steady", "a constant load whose long run is asked for: warm-up is removed"),
            ]),
            "What the statistics assume. Default: steady under a constant load without phases, else terminating.",
            "\"steady\"",
        ),
        key(
            "warm_up",
            Kind::Either(&[
                Kind::Word(&[choice("auto", "found in each replication by MSER-5")]),
                DURATION_OR_ZERO,
            ]),
            "What is removed from the beginning of a steady run.",
            "\"1m\"",
        )
        .default("\"auto\""),
        key("replications", Kind::Whole { min: 1, max: 1_000_000 }, "Repeat so many times.", "20"),
        key(
            "precision",
            Kind::Share,
            "Repeat until intervals are this narrow, relative to the value.",
            "\"2%\"",
        )
        .default("\"2%\""),
        key(
            "min_replications",
            Kind::Whole { min: 2, max: 1_000_000 },
            "First round under a precision.",
            "10",
        )
        .default("10"),
        key(
            "max_replications",
            Kind::Whole { min: 2, max: 1_000_000 },
            "Most replications under a precision.",
            "500",
        )
        .default("200"),
        key(
            "confidence",
            Kind::Number { min: 0.5, max: 0.9999, open: false },
            "Confidence of intervals.",
            "0.99",
        )
        .default("0.95"),
        key("seed", Kind::Whole { min: 0, max: i64::MAX as u64 }, "Seed of all chance.", "7").default("1"),
        key("bin", DURATION, "Width of a timeline's bins. Default: the horizon over about 200.", "\"1s\""),
        key(
            "drain",
            Kind::Flag,
            "Whether requests in flight at the horizon still run to their end, with no new ones. Ends, with those alive unfinished, where none has ended for 1000 times the horizon and a million events (200 more for each alive). Default: true where the trace sets the horizon, else false.",
            "true",
        ),
    ],
    forms: &[
        at_most_one_of(&[&["horizon"], &["requests"]]),
        at_most_one_of(&[&["replications"], &["precision"]]),
    ],
};

/// `[[phase]]`.
pub(in crate::model) static PHASE: Table = Table {
    title: "a phase",
    doc: "A named stretch of time.",
    keys: &[
        key("name", Kind::Text, "Its name.", "\"spike\"").required(),
        key("start", DURATION_OR_ZERO, "Its beginning. Default: the end of the phase before.", "\"7m\""),
        key("duration", DURATION, "Its length.", "\"2m\""),
        key("end", DURATION, "Its end.", "\"9m\""),
    ],
    forms: &[one_of(&[&["duration"], &["end"]])],
};

/// The value of an objective: in the metric's unit.
static BOUND: Kind = Kind::Either(&[NOT_NEGATIVE, DURATION_OR_ZERO, Kind::Share, RATE_OR_ZERO]);

/// `[[objective]]`.
pub(in crate::model) static OBJECTIVE: Table = Table {
    title: "an objective",
    doc: "Something asked of the system.",
    keys: &[
        key("metric", Kind::Reference(Names::Metric), "What is measured.", "\"latency_p95\"").required(),
        key("class", Kind::Reference(Names::Class), "Of which class of requests. Default: all.", "\"short\""),
        key("phase", Kind::Reference(Names::Phase), "In which phase. Default: the whole run.", "\"spike\""),
        key("pool", Kind::Reference(Names::Pool), "At which pool.", "\"main\""),
        key("at_most", BOUND, "The value may not be above this.", "\"90s\""),
        key("at_least", BOUND, "The value may not be below this.", "\"10/s\""),
        key(
            "confidence",
            Kind::Number { min: 0.5, max: 0.9999, open: false },
            "How sure the answer must be. Default: the run's confidence.",
            "0.99",
        ),
    ],
    forms: &[one_of(&[&["at_most"], &["at_least"]])],
};

/// `[prices]`.
pub(in crate::model) static PRICES: Table = Table {
    title: "the prices",
    doc: "Prices, in any one currency; every priced run has a `cost`.",
    keys: &[
        key(
            "slot_hour",
            NOT_NEGATIVE,
            "Of a slot for an hour, used or not; in a pool with an autoscaler, of those that were up.",
            "0.05",
        )
        .default("0"),
        key("host_hour", NOT_NEGATIVE, "Of a host for an hour.", "0.40").default("0"),
        key("request", NOT_NEGATIVE, "Of a request.", "0.0001").default("0"),
        key("missed_objective", NOT_NEGATIVE, "Of an objective missed, per run.", "100").default("0"),
    ],
    forms: &[],
};

const FAULT_POOL: Key = key("pool", Kind::Reference(Names::Pool), "Which pool.", "\"main\"").required();
const FAULT_INSTANCE: Key = key("instance", COUNT, "Which instance, from 0. Default: one at random.", "0");
const FAULT_AT: Key = key(
    "at",
    Kind::Either(&[DURATION_OR_ZERO, Kind::List { of: &DURATION_OR_ZERO, least: 1 }]),
    "When, one instant or several.",
    "[\"5m\", \"8m\"]",
);
const FAULT_RATE: Key = key("rate", RATE, "At random, so often on average.", "\"2/h\"");
const FAULT_DURATION: Key = key("duration", DURATION, "How long.", "\"30s\"").required();

/// `[[fault]]`.
pub(in crate::model) static FAULT: Tagged = Tagged {
    title: "a fault",
    doc: "Something that goes wrong at stated instants, at random, or both.",
    tag: "kind",
    default: None,
    word_alone: false,
    variants: &[
        variant(
            "kill_worker",
            "A worker is killed.",
            &[
                FAULT_POOL,
                FAULT_INSTANCE,
                key("slot", COUNT, "Which slot, from 0. Default: one at random.", "0"),
                FAULT_AT,
                FAULT_RATE,
            ],
        ),
        variant(
            "kill_instance",
            "An instance takes no jobs and loses those it has, for a while.",
            &[FAULT_POOL, FAULT_INSTANCE, FAULT_DURATION, FAULT_AT, FAULT_RATE],
        ),
        variant(
            "slow_host",
            "A host runs at a share of its speed for a while.",
            &[
                key("host", Kind::Reference(Names::Host), "Which host.", "\"box\"").required(),
                key("factor", Kind::Share, "Share of its speed; 0 stops it.", "0.25").required(),
                FAULT_DURATION,
                FAULT_AT,
                FAULT_RATE,
            ],
        ),
        variant(
            "pause_pool",
            "A pool dispatches nothing for a while; its free slots are idle.",
            &[FAULT_POOL, FAULT_DURATION, FAULT_AT, FAULT_RATE],
        ),
    ],
};
