//! Classes and sources: what arrives, when, and what it brings.

use super::*;

/// `[class.NAME]`.
pub(in crate::model) static CLASS: Table = Table {
    title: "a class",
    doc: "A kind of request.",
    keys: &[
        key(
            "demand",
            DISTRIBUTION,
            "The work that a request brings: time in a slot, alone on its host. May be left out where only traces bring the class.",
            "{ dist = \"lognormal\", p50 = \"8s\", p95 = \"20s\" }",
        ),
        key(
            "cpu_share",
            Kind::Share,
            "Share of the demand that is work of a core (slowed down when the host is full).",
            "0.8",
        )
        .default("1.0"),
        key("priority", Kind::Whole { min: 0, max: 255 }, "Priority: 0 is the most urgent.", "1")
            .default("0"),
        key(
            "retry_demand",
            Kind::Word(&[
                choice("same", "a retry repeats the work"),
                choice("redrawn", "a retry brings work of its own"),
            ]),
            "The demand of a retry.",
            "\"redrawn\"",
        )
        .default("\"same\""),
        key(
            "estimate_error",
            NOT_NEGATIVE,
            "How wrong size estimates are: standard deviation of the logarithm of estimate over demand.",
            "0.3",
        )
        .default("0"),
        key(
            "fates",
            Kind::Table(&FATES),
            "How an attempt can go wrong by itself.",
            "{ error = \"1%\", crash = 0.002 }",
        ),
    ],
    forms: &[],
};

/// `class.NAME.fates`.
pub(in crate::model) static FATES: Table = Table {
    title: "the fates",
    doc: "Probabilities with which an attempt goes wrong by itself.",
    keys: &[
        key("error", Kind::Share, "An error answer after the demand.", "\"1%\"").default("0"),
        key("crash", Kind::Share, "The worker goes away after the demand.", "0.002").default("0"),
        key("hang", Kind::Share, "Never answers; heartbeats go on.", "0.001").default("0"),
        key("freeze", Kind::Share, "The worker stops after the demand; heartbeats cease.", "0.0001")
            .default("0"),
        key("sticky", Kind::Flag, "Whether a retry meets the same fate, rather than drawing anew.", "true")
            .default("false"),
    ],
    forms: &[],
};

/// `[source.NAME]`.
pub(in crate::model) static SOURCE: Table = Table {
    title: "a source",
    doc: "A stream of requests and the client behind it.",
    keys: &[
        key("pool", Kind::Reference(Names::Pool), "The pool that its requests go to.", "\"main\""),
        key("route", Kind::Reference(Names::Route), "The route that its requests take.", "\"all\""),
        key(
            "host",
            Kind::Reference(Names::Host),
            "For jobs that belong to no pool: each has a process of its own on this host.",
            "\"box\"",
        ),
        key("class", Kind::Reference(Names::Class), "The class of all its requests.", "\"short\""),
        key(
            "mix",
            Kind::Map { names: Some(Names::Class), of: &Kind::Share },
            "Classes and their shares, which sum to 1.",
            "{ short = 0.7, long = 0.3 }",
        ),
        key("arrivals", Kind::Tagged(&ARRIVALS), "Open arrivals: they heed nothing.", "{ rate = \"12/s\" }"),
        key(
            "users",
            Kind::Table(&USERS),
            "Virtual users, who wait for the end of each request.",
            "{ count = 20, think = \"1s\" }",
        ),
        key(
            "trace",
            Kind::Table(&TRACE),
            "Recorded arrivals.",
            "{ file = \"trace.csv\", time = { column = \"t\" }, demand = { column = \"seconds\" } }",
        ),
        key(
            "requests",
            Kind::List { of: &Kind::Table(&REQUEST), least: 1 },
            "Requests one by one.",
            "[{ at = \"0s\", demand = \"5s\" }, { at = \"1.5s\", demand = \"2s\", fate = \"crash\" }]",
        ),
        key(
            "client",
            Kind::Either(&[Kind::Reference(Names::Client), Kind::Table(&CLIENT)]),
            "How the client behaves: the name of a client, or a table. Default: it waits for ever.",
            "{ deadline = \"95s\" }",
        ),
        key(
            "patience",
            DISTRIBUTION,
            "How long a job waits in a queue before it leaves. Default: as its pool says.",
            "{ dist = \"exponential\", mean = \"30s\" }",
        ),
    ],
    forms: &[
        at_most_one_of(&[&["pool"], &["route"], &["host"]]),
        at_most_one_of(&[&["class"], &["mix"]]),
        one_of(&[&["arrivals"], &["users"], &["trace"], &["requests"]]),
    ],
};

/// An entry of `source.NAME.requests`.
pub(in crate::model) static REQUEST: Table = Table {
    title: "a request",
    doc: "A request of a source that names them one by one.",
    keys: &[
        key("at", DURATION_OR_ZERO, "When it is sent.", "\"1.5s\"").required(),
        key("demand", DURATION_OR_ZERO, "The work that it brings.", "\"5s\"").required(),
        key("class", Kind::Reference(Names::Class), "Its class. Default: the first of all.", "\"short\""),
        key(
            "fate",
            Kind::Word(&[
                choice("ok", "a result after the demand"),
                choice("error", "an answer that says so after the demand"),
                choice("crash", "the worker goes away after the demand, each time"),
                choice("crash1", "the worker goes away the first time"),
                choice("hang", "no answer ever; heartbeats go on"),
                choice("freeze", "the worker stops after the demand; heartbeats cease"),
            ]),
            "How it goes. Default: as its class says.",
            "\"crash\"",
        ),
    ],
    forms: &[],
};

const START: Key = key("start", DURATION_OR_ZERO, "When the source starts.", "\"30s\"").default("\"0s\"");
const STOP: Key = key("stop", DURATION, "When it stops. Default: never.", "\"5m\"");
const ARRIVAL_RATE: Key = key("rate", RATE, "Mean rate (of batches, where there are batches).", "\"12/s\"");
const ARRIVAL_PROFILE: Key = key(
    "profile",
    Kind::Table(&PROFILE),
    "Mean rate over time.",
    "{ steps = [[\"0s\", \"5/s\"], [\"1m\", \"20/s\"]] }",
);
/// A size, or how sizes are drawn.
static BATCH_SIZE: [Kind; 2] = [AT_LEAST_ONE, Kind::Table(&BATCH)];
const ARRIVAL_BATCH: Key =
    key("batch", Kind::Either(&BATCH_SIZE), "How many requests arrive together.", "{ mean = 4.0 }")
        .default("1");

const fn process(
    word: &'static str,
    doc: &'static str,
    keys: &'static [Key],
    forms: &'static [Forms],
) -> Variant {
    Variant { word, table: Table { title: word, doc, keys, forms } }
}

/// `source.NAME.arrivals`.
pub(in crate::model) static ARRIVALS: Tagged = Tagged {
    title: "the arrivals",
    doc: "An open process of arrivals.",
    tag: "process",
    default: Some("poisson"),
    word_alone: false,
    variants: &[
        process(
            "poisson",
            "Exponential gaps.",
            &[ARRIVAL_RATE, ARRIVAL_PROFILE, ARRIVAL_BATCH, START, STOP],
            &[one_of(&[&["rate"], &["profile"]])],
        ),
        process(
            "deterministic",
            "Equal gaps.",
            &[ARRIVAL_RATE, ARRIVAL_PROFILE, ARRIVAL_BATCH, START, STOP],
            &[one_of(&[&["rate"], &["profile"]])],
        ),
        process(
            "renewal",
            "Independent gaps of any distribution; under a profile its shape counts and its mean is rescaled.",
            &[
                key("interval", DISTRIBUTION, "The gaps.", "{ dist = \"gamma\", mean = \"2s\", cv = 0.5 }")
                    .required(),
                ARRIVAL_PROFILE,
                ARRIVAL_BATCH,
                START,
                STOP,
            ],
            &[],
        ),
        process(
            "markov_modulated",
            "A Poisson process whose rate jumps between states, in a cycle.",
            &[
                key(
                    "rates",
                    Kind::List { of: &RATE_OR_ZERO, least: 2 },
                    "Rate in each state.",
                    "[\"2/s\", \"20/s\"]",
                )
                .required(),
                key(
                    "mean_stay",
                    Kind::List { of: &DURATION, least: 2 },
                    "Mean stay in each state.",
                    "[\"1m\", \"10s\"]",
                )
                .required(),
                ARRIVAL_PROFILE,
                ARRIVAL_BATCH,
                START,
                STOP,
            ],
            &[],
        ),
    ],
};

/// `arrivals.batch`.
pub(in crate::model) static BATCH: Table = Table {
    title: "a batch size",
    doc: "How many requests arrive together: geometric with a mean, or one of several sizes.",
    keys: &[
        key("mean", Kind::Number { min: 1.0, max: 1e6, open: false }, "Mean of a geometric size.", "4.0"),
        key("sizes", Kind::List { of: &AT_LEAST_ONE, least: 1 }, "The sizes.", "[1, 10]"),
        key(
            "probabilities",
            Kind::List { of: &Kind::Share, least: 1 },
            "Their probabilities, which sum to 1.",
            "[0.9, 0.1]",
        ),
    ],
    forms: &[one_of(&[&["mean"], &["sizes", "probabilities"]])],
};

/// A pair of an instant and a rate.
static KNOTS: Kind = Kind::Pair(&[DURATION_OR_ZERO, RATE_OR_ZERO]);

/// `arrivals.profile`.
pub(in crate::model) static PROFILE: Table = Table {
    title: "a rate profile",
    doc: "A mean rate that changes over time.",
    keys: &[
        key(
            "steps",
            Kind::List { of: &KNOTS, least: 1 },
            "Each rate holds from its instant on.",
            "[[\"0s\", \"5/s\"], [\"1m\", \"20/s\"]]",
        ),
        key(
            "points",
            Kind::List { of: &KNOTS, least: 1 },
            "Linear between the instants.",
            "[[\"0s\", \"5/s\"], [\"1m\", \"60/s\"]]",
        ),
        key(
            "sinusoid",
            Kind::Table(&SINUSOID),
            "A wave around a mean.",
            "{ mean = \"10/s\", amplitude = 0.5, period = \"1h\" }",
        ),
        key(
            "spike",
            Kind::Table(&SPIKE),
            "A base rate with one spike.",
            "{ base = \"5/s\", peak = \"40/s\", at = \"5m\", duration = \"2m\" }",
        ),
        key(
            "stages",
            Kind::List { of: &Kind::Table(&RATE_STAGE), least: 1 },
            "Linear to each target in turn, as k6's ramping-arrival-rate.",
            "[{ duration = \"1m\", target = \"20/s\" }]",
        ),
        key("start_rate", RATE_OR_ZERO, "Rate before the first of the stages.", "\"1/s\"").default("\"0/s\""),
    ],
    forms: &[one_of(&[&["steps"], &["points"], &["sinusoid"], &["spike"], &["stages"]])],
};

/// `profile.sinusoid`.
pub(in crate::model) static SINUSOID: Table = Table {
    title: "a sinusoid",
    doc: "mean * (1 + amplitude * sin(2 pi (t / period + phase))).",
    keys: &[
        key("mean", RATE, "Mean rate.", "\"10/s\"").required(),
        key("amplitude", Kind::Share, "Relative amplitude.", "0.5").required(),
        key("period", DURATION, "Period.", "\"1h\"").required(),
        key("phase", Kind::Share, "Phase, as a share of the period.", "0.25").default("0"),
    ],
    forms: &[],
};

/// `profile.spike`.
pub(in crate::model) static SPIKE: Table = Table {
    title: "a spike",
    doc: "A base rate that rises to a peak for a while.",
    keys: &[
        key("base", RATE_OR_ZERO, "Rate before and after.", "\"5/s\"").required(),
        key("peak", RATE, "Rate of the spike.", "\"40/s\"").required(),
        key("at", DURATION_OR_ZERO, "When it begins.", "\"5m\"").required(),
        key("duration", DURATION, "How long the peak lasts.", "\"2m\"").required(),
        key(
            "ramp",
            DURATION_OR_ZERO,
            "How long it takes to rise, and to fall, before and after the peak.",
            "\"10s\"",
        )
        .default("\"0s\""),
    ],
    forms: &[],
};

/// An element of `profile.stages`.
pub(in crate::model) static RATE_STAGE: Table = Table {
    title: "a rate stage",
    doc: "A stretch of time over which the rate goes linearly to a target.",
    keys: &[
        key("duration", DURATION_OR_ZERO, "Its length; none for a step.", "\"1m\"").required(),
        key("target", RATE_OR_ZERO, "The rate at its end.", "\"20/s\"").required(),
    ],
    forms: &[],
};

/// Users that fit the memory of a machine.
const USER_COUNT: Kind = Kind::Whole { min: 0, max: 10_000_000 };

/// `source.NAME.users`.
pub(in crate::model) static USERS: Table = Table {
    title: "the users",
    doc: "Virtual users: each sends a request, waits for its end, thinks, and sends the next.",
    keys: &[
        key("count", Kind::Whole { min: 1, max: 10_000_000 }, "A constant number of users.", "20"),
        key(
            "stages",
            Kind::List { of: &Kind::Table(&STAGE), least: 1 },
            "Stages one after another, as k6's ramping-vus; the last target holds on.",
            "[{ duration = \"1m\", target = 4 }, { duration = \"2m\", target = 10 }]",
        ),
        key("initial", USER_COUNT, "Users before the first stage.", "1").default("0"),
        key("start_after", DURATION_OR_ZERO, "When the first stage begins.", "\"30s\"").default("\"0s\""),
        key("think", DISTRIBUTION, "Time from the end of a request to the next.", "\"1s\"").default("\"0s\""),
        key(
            "pacing",
            DURATION_OR_ZERO,
            "Least time from one send to the next; thinking is prolonged to it.",
            "\"10s\"",
        )
        .default("\"0s\""),
        key(
            "first",
            Kind::Word(&[choice("request", "sends at once"), choice("think", "thinks first")]),
            "What a new user does first.",
            "\"think\"",
        )
        .default("\"request\""),
        key(
            "graceful_ramp_down",
            DURATION_OR_ZERO,
            "How long a leaving user may wait for the request in flight.",
            "\"10s\"",
        )
        .default("\"30s\""),
    ],
    forms: &[one_of(&[&["count"], &["stages"]]), at_most_one_of(&[&["count"], &["initial"]])],
};

/// An element of `users.stages`.
pub(in crate::model) static STAGE: Table = Table {
    title: "a stage",
    doc: "A stretch of time over which the number of users goes linearly to a target.",
    keys: &[
        key("duration", DURATION_OR_ZERO, "Its length; none for a step.", "\"1m\"").required(),
        key("target", USER_COUNT, "The number of users at its end.", "4").required(),
    ],
    forms: &[],
};

/// `source.NAME.trace`.
pub(in crate::model) static TRACE: Table = Table {
    title: "a trace",
    doc: "Recorded arrivals, from CSV with a header or from JSON. Seconds and milliseconds count from the start of the run, timestamps from the earliest row.",
    keys: &[
        key("file", Kind::Text, "Path of the file, from the model's folder.", "\"trace.csv\"").required(),
        key(
            "format",
            Kind::Word(&[
                choice("csv", "CSV with a header"),
                choice("jsonl", "JSON objects, one a line or in an array"),
            ]),
            "Its format. Default: by the file's ending.",
            "\"jsonl\"",
        ),
        key(
            "time",
            Kind::Either(&[Kind::Text, Kind::Table(&TRACE_TIME)]),
            "The column of arrival instants.",
            "{ column = \"TIMESTAMP\", unit = \"timestamp\" }",
        )
        .required(),
        key(
            "demand",
            Kind::Table(&TRACE_DEMAND),
            "The demand: a column, or a sum of a constant and columns.",
            "{ terms = { ContextTokens = \"0.25ms\", GeneratedTokens = \"30ms\" } }",
        )
        .required(),
        key(
            "class",
            Kind::Either(&[Kind::Text, Kind::Table(&TRACE_CLASS)]),
            "The column that names the class.",
            "{ column = \"kind\" }",
        ),
        key(
            "fate",
            Kind::Either(&[Kind::Text, Kind::Table(&TRACE_CLASS)]),
            "The column that names the fate.",
            "\"fate\"",
        ),
        key("speed", POSITIVE, "How many times faster than recorded it is played.", "2.0").default("1.0"),
        key("limit", AT_LEAST_ONE, "Only so many rows. Default: all.", "1000"),
    ],
    forms: &[],
};

/// `trace.time`.
pub(in crate::model) static TRACE_TIME: Table = Table {
    title: "the time of a trace",
    doc: "The column of arrival instants and its unit.",
    keys: &[
        key("column", Kind::Text, "Its name.", "\"TIMESTAMP\"").required(),
        key(
            "unit",
            Kind::Word(&[
                choice("s", "seconds"),
                choice("ms", "milliseconds"),
                choice("us", "microseconds"),
                choice("ns", "nanoseconds"),
                choice("timestamp", "date and time, such as 2023-11-16 18:17:03.9799600, 2023/11/16 18:17:03 or 16/Nov/2023:18:17:03 +0000"),
            ]),
            "What it holds. Numbers of the size of a Unix time count from the earliest of them.",
            "\"timestamp\"",
        )
        .default("\"s\""),
    ],
    forms: &[],
};

/// `trace.demand`.
pub(in crate::model) static TRACE_DEMAND: Table = Table {
    title: "the demand of a trace",
    doc: "A column in some unit, or a sum of a constant and so much per unit of columns.",
    keys: &[
        key("column", Kind::Text, "The column that holds the demand.", "\"duration_ms\""),
        key(
            "unit",
            Kind::Word(&[choice("s", "seconds"), choice("ms", "milliseconds"), choice("us", "microseconds")]),
            "Its unit.",
            "\"ms\"",
        )
        .default("\"s\""),
        key("constant", DURATION_OR_ZERO, "Added to each demand.", "\"20ms\"").default("\"0s\""),
        key(
            "terms",
            Kind::Map { names: None, of: &DURATION_OR_ZERO },
            "Columns, each with the time that one unit of it takes.",
            "{ ContextTokens = \"0.25ms\" }",
        ),
    ],
    forms: &[at_most_one_of(&[&["column"], &["terms"]])],
};

/// `trace.class` and `trace.fate`.
pub(in crate::model) static TRACE_CLASS: Table = Table {
    title: "a column of a trace",
    doc: "A column of a trace.",
    keys: &[key("column", Kind::Text, "Its name.", "\"kind\"").required()],
    forms: &[],
};
