//! Files of exact cases (`poolsim validate`): seconds and rates per second are plain numbers there.
//!
//! The format is described at the head of `tests/data/exact.toml`; this is what the check of a case holds it against.

use super::*;

const SECONDS: Kind = POSITIVE;
const SECONDS_OR_NONE: Kind = NOT_NEGATIVE;
const PER_SECOND: Kind = NOT_NEGATIVE;
/// A probability is a number, never a percentage.
const PROBABILITY: Kind = Kind::Number { min: 0.0, max: 1.0, open: false };
const ANY_NUMBER: Kind = Kind::Number { min: f64::MIN, max: f64::MAX, open: false };
const NUMBERS: Kind = Kind::List { of: &ANY_NUMBER, least: 1 };
const PROBABILITIES: Kind = Kind::List { of: &PROBABILITY, least: 1 };
const DIST: Kind = Kind::Tagged(&EXACT_DIST);
const DISTS: Kind = Kind::List { of: &DIST, least: 1 };

const MEAN: Key = key("mean", SECONDS, "Mean.", "0.1").required();
const SHAPE: Key = key("shape", POSITIVE, "Shape parameter.", "2.0").required();
const SCALE: Key = key("scale", SECONDS, "Scale parameter.", "0.1").required();
const P: Key = key("p", PROBABILITIES, "Probabilities, which sum to 1.", "[0.4, 0.6]").required();

/// Every distribution of a case.
static EXACT_DIST: Tagged = Tagged {
    title: "a distribution of a case",
    doc: "A distribution of seconds.",
    tag: "dist",
    default: None,
    word_alone: false,
    variants: &[
        variant("exponential", "No memory.", &[MEAN]),
        variant(
            "deterministic",
            "Always the same.",
            &[key("value", SECONDS_OR_NONE, "The value.", "0.5").required()],
        ),
        variant(
            "erlang",
            "Sum of equal exponential stages.",
            &[key("stages", Kind::Whole { min: 1, max: 10_000 }, "How many stages.", "3").required(), MEAN],
        ),
        variant("gamma", "Gamma.", &[SHAPE, SCALE]),
        variant(
            "lognormal",
            "Lognormal.",
            &[
                key("mu", ANY_NUMBER, "Mean of the logarithm of seconds.", "-1.0").required(),
                key("sigma", NOT_NEGATIVE, "Its standard deviation.", "0.5").required(),
            ],
        ),
        variant("weibull", "Weibull.", &[SHAPE, SCALE]),
        variant(
            "hyperexponential",
            "One of several exponentials.",
            &[
                P,
                key("mean", Kind::List { of: &SECONDS, least: 1 }, "Means of the branches.", "[0.2, 0.05]")
                    .required(),
            ],
        ),
        variant(
            "uniform",
            "Uniform.",
            &[
                key("low", SECONDS_OR_NONE, "Lower end.", "0.1").required(),
                key("high", SECONDS, "Upper end.", "0.3").required(),
            ],
        ),
        variant("pareto", "Pareto, from its scale on.", &[SHAPE, SCALE]),
        variant(
            "discrete",
            "One of several values.",
            &[
                key("values", Kind::List { of: &SECONDS_OR_NONE, least: 1 }, "The values.", "[0.05, 0.3]")
                    .required(),
                P,
            ],
        ),
    ],
};

/// A size of at least one; that it is whole is checked where it is read.
const SIZE: Kind = Kind::Number { min: 1.0, max: 4e9, open: false };

/// How many arrive together.
static BATCH_DIST: Tagged = Tagged {
    title: "a distribution of batch sizes",
    doc: "A distribution of whole numbers from 1 on.",
    tag: "dist",
    default: None,
    word_alone: false,
    variants: &[
        variant("deterministic", "Always the same.", &[key("value", SIZE, "The size.", "3").required()]),
        Variant {
            word: "geometric",
            table: Table {
                title: "geometric",
                doc: "Geometric on 1, 2, …, by its mean or by the probability that a batch ends.",
                keys: &[
                    key("mean", SIZE, "Mean.", "3.0"),
                    key("p", Kind::Number { min: 0.0, max: 1.0, open: true }, "One over the mean.", "0.25"),
                ],
                forms: &[one_of(&[&["mean"], &["p"]])],
            },
        },
        variant(
            "discrete",
            "One of several sizes.",
            &[key("values", Kind::List { of: &SIZE, least: 1 }, "The sizes.", "[1, 5]").required(), P],
        ),
    ],
};

/// Where requests come from.
static EXACT_ARRIVAL: Tagged = Tagged {
    title: "an arrival process of a case",
    doc: "Where requests come from.",
    tag: "kind",
    default: None,
    word_alone: false,
    variants: &[
        variant("poisson", "Exponential gaps.", &[RATE_KEY]),
        variant(
            "renewal",
            "Independent gaps.",
            &[key("interval", DIST, "The gaps.", DIST_EXAMPLE).required()],
        ),
        variant(
            "closed",
            "Users who think and ask in turn.",
            &[
                key("population", AT_LEAST_ONE, "How many users.", "9").required(),
                key("think", DIST, "Time from an answer to the next request.", DIST_EXAMPLE).required(),
                key(
                    "first",
                    Kind::Word(&[
                        choice("think", "users begin with thinking"),
                        choice("job", "users begin with a request"),
                    ]),
                    "What users begin with.",
                    "\"job\"",
                )
                .default("\"think\""),
            ],
        ),
        variant(
            "batch_poisson",
            "Batches with exponential gaps.",
            &[
                key("rate", PER_SECOND, "Batches per second.", "2.0").required(),
                key(
                    "batch_size",
                    Kind::Either(&[SIZE, Kind::Tagged(&BATCH_DIST)]),
                    "How many arrive together.",
                    "3",
                )
                .required(),
            ],
        ),
        variant(
            "mmpp",
            "A Poisson process whose rate jumps between states, in a cycle.",
            &[
                key("rates", NUMBERS, "Rate in each state.", "[2.0, 20.0]").required(),
                key("mean_stay", NUMBERS, "Mean stay in each state.", "[5.0, 1.0]").required(),
            ],
        ),
        variant(
            "poisson_piecewise_linear",
            "Exponential gaps; the rate is linear between knots.",
            &[
                key("times", NUMBERS, "The knots.", "[0.0, 10.0]").required(),
                key("rates", NUMBERS, "The rate at each knot.", "[5.0, 25.0]").required(),
            ],
        ),
    ],
};

const DIST_EXAMPLE: &str = "{ dist = \"exponential\", mean = 0.1 }";
const RATE_KEY: Key = key("rate", PER_SECOND, "Requests per second.", "8.0").required();

static EXACT_CLASS: Table = Table {
    title: "a class of a case",
    doc: "A class of requests.",
    keys: &[
        key("name", Kind::Text, "Its name.", "\"short\"").required(),
        key("share", PROBABILITY, "Probability that a request is of it.", "0.5"),
        key("rate", PER_SECOND, "Its own Poisson rate.", "4.0"),
        key("priority", Kind::Whole { min: 0, max: 255 }, "0 is the most urgent.", "1").default("0"),
        key("service", DIST, "Its service time.", DIST_EXAMPLE).required(),
    ],
    forms: &[one_of(&[&["share"], &["rate"]])],
};

static EXACT_POOL: Table = Table {
    title: "the pool of a case",
    doc: "Slots and their queue.",
    keys: &[
        key("servers", Kind::Either(&[UNLIMITED, AT_LEAST_ONE]), "Slots; none to name under \"ps\".", "4"),
        key("queue_capacity", Kind::Either(&[UNLIMITED, COUNT]), "Waiting places besides the slots.", "10"),
        key(
            "discipline",
            Kind::Word(&[
                choice("fifo", "the one that came first"),
                choice("lifo", "the one that came last"),
                choice("random", "any"),
                choice("priority", "the most urgent class, FIFO within it"),
                choice("ps", "all at once"),
            ]),
            "Which job next.",
            "\"lifo\"",
        )
        .default("\"fifo\""),
        key("cores", POSITIVE, "CPU cores that busy slots share.", "2"),
        key("speed_by_busy", Kind::List { of: &POSITIVE, least: 1 }, "Speed of b busy slots.", "[1.0, 0.8]"),
    ],
    forms: &[at_most_one_of(&[&["cores"], &["speed_by_busy"]])],
};

static EXACT_TIMEOUT: Table = Table {
    title: "the time-out of a case",
    doc: "Who gives up, and after how long.",
    keys: &[
        key(
            "scope",
            Kind::Word(&[
                choice("queue", "leaves the queue"),
                choice("service", "killed in service"),
                choice("total", "since arrival"),
            ]),
            "What is limited.",
            "\"service\"",
        )
        .required(),
        key("time", DIST, "How long.", DIST_EXAMPLE).required(),
        key("cancels", Kind::Flag, "Whether the pool is told.", "false").default("true"),
        key("restart", DIST, "Time that the slot is unusable after a kill.", DIST_EXAMPLE),
    ],
    forms: &[],
};

static EXACT_FAILURE: Table = Table {
    title: "the failures of a case",
    doc: "Independent failures of attempts.",
    keys: &[
        key("prob", PROBABILITY, "Probability of each attempt.", "0.2").required(),
        key("when", Kind::Word(&[choice("completion", "when its service ends")]), "When.", "\"completion\"")
            .default("\"completion\""),
    ],
    forms: &[],
};

static EXACT_RETRY: Table = Table {
    title: "the retries of a case",
    doc: "What is tried again, where, and how long after.",
    keys: &[
        key("max_retries", Kind::Either(&[UNLIMITED, COUNT]), "How many.", "2").default("\"unlimited\""),
        key("persistence", PROBABILITY, "Share of failed attempts that are tried again.", "0.6").default("1"),
        key(
            "on",
            Kind::List {
                of: &Kind::Word(&[
                    choice("service_timeout", "killed in service"),
                    choice("failure", "failed"),
                    choice("blocked", "refused on arrival"),
                    choice("queue_timeout", "left the queue"),
                    choice("abandon", "left the queue"),
                    choice("timeout", "a time-out of any scope but the queue's"),
                ]),
                least: 1,
            },
            "After what.",
            "[\"failure\"]",
        )
        .required(),
        key(
            "where",
            Kind::Word(&[choice("head", "before all that wait"), choice("tail", "behind all that wait")]),
            "Where in the queue.",
            "\"head\"",
        )
        .default("\"tail\""),
        key("delay", DIST, "Back-off before each retry.", DIST_EXAMPLE),
        key(
            "delays",
            DISTS,
            "Back-off before the first retry, the second, and so on.",
            "[{ dist = \"deterministic\", value = 0.2 }]",
        ),
        key(
            "service",
            Kind::Word(&[choice("redrawn", "drawn anew for each attempt")]),
            "The work.",
            "\"redrawn\"",
        )
        .default("\"redrawn\""),
    ],
    forms: &[at_most_one_of(&[&["delay"], &["delays"]])],
};

static EXACT_BREAKDOWN: Table = Table {
    title: "the breakdowns of a case",
    doc: "Slots fail and recover by themselves.",
    keys: &[
        key("up", DIST, "Time until a slot fails.", DIST_EXAMPLE).required(),
        key("down", DIST, "Time until it is back.", DIST_EXAMPLE).required(),
        key("while_idle", Kind::Flag, "Whether idle slots fail.", "false").default("true"),
        key("per", Kind::Word(&[choice("slot", "each slot for itself")]), "What fails.", "\"slot\"")
            .default("\"slot\""),
        key(
            "job",
            Kind::Word(&[
                choice("resume_at_head", "goes on where it was"),
                choice("restart_at_head", "begins anew"),
                choice("lost", "ends"),
                choice("crash", "ends"),
            ]),
            "What becomes of the job.",
            "\"restart_at_head\"",
        )
        .default("\"resume_at_head\""),
    ],
    forms: &[],
};

static EXACT_SETUP: Table = Table {
    title: "the set-up of a case",
    doc: "A slot is switched off when nothing waits and set up for the job that comes next.",
    keys: &[
        key("time", DIST, "How long.", DIST_EXAMPLE).required(),
        // The format names no words for it, and there is one cold start only.
        key("when", Kind::Text, "When, for the reader: at the first job after idleness.", "\"idle\""),
    ],
    forms: &[],
};

const POOLS: Key = key("pools", AT_LEAST_ONE, "How many pools.", "2").required();
const TIES: Key = key("ties", Kind::Word(&[choice("random", "any")]), "Which of equals.", "\"random\"")
    .default("\"random\"");

static EXACT_ROUTING: Tagged = Tagged {
    title: "a routing of a case",
    doc: "How one of several equal pools is chosen.",
    tag: "policy",
    default: None,
    word_alone: false,
    variants: &[
        variant(
            "random",
            "By chance.",
            &[POOLS, key("probabilities", PROBABILITIES, "By pool; equal if left out.", "[0.5, 0.5]")],
        ),
        variant("round_robin", "In turn.", &[POOLS]),
        variant("join_shortest", "The one with fewest jobs.", &[POOLS, TIES]),
        variant(
            "shortest_of_d",
            "The one with fewest jobs of a few drawn.",
            &[
                POOLS,
                TIES,
                key("d", Kind::Whole { min: 1, max: 100_000 }, "How many are drawn.", "2").required(),
            ],
        ),
    ],
};

static EXACT_VALUE: Table = Table {
    title: "an exact value",
    doc: "A value and how many of its digits are sure.",
    keys: &[
        key("value", ANY_NUMBER, "The value.", "0.4").required(),
        key("digits", Kind::Whole { min: 1, max: 20 }, "How many of its digits are sure.", "10").default("8"),
    ],
    forms: &[],
};

const VALUES: Kind = Kind::Map { names: None, of: &Kind::Table(&EXACT_VALUE) };

const fn course(name: &'static str, doc: &'static str) -> Key {
    key(name, NUMBERS, doc, "[0.5, 1.5]")
}

static EXACT_CURVE: Table = Table {
    title: "the curve of a case",
    doc: "Ensemble means at instants.",
    keys: &[
        key("times", Kind::List { of: &NOT_NEGATIVE, least: 1 }, "The instants.", "[1.0, 2.0]").required(),
        key("digits", Kind::Whole { min: 1, max: 20 }, "How many digits are sure.", "8").default("8"),
        course("mean_in_system", "Jobs waiting and in service."),
        course("var_in_system", "Their variance."),
        course("mean_queue_length", "Jobs waiting."),
        course("mean_busy", "Busy slots."),
        course("prob_all_busy", "Probability that all slots are busy."),
        course("prob_full", "Probability that slots and places are taken."),
        course("throughput_rate", "Completions per second."),
    ],
    forms: &[],
};

/// `[[case]]` of a file of exact cases.
pub(in crate::model) static EXACT_CASE: Table = Table {
    title: "a case",
    doc: "A queueing system with exact answers.",
    keys: &[
        key("id", Kind::Text, "Its name.", "\"mm1-80\"").required(),
        key("family", Kind::Text, "What kind of queue.", "\"mm1\""),
        key("title", Kind::Text, "For the reader.", "\"M/M/1\""),
        key("source", Kind::Text, "Formula or method.", "\"Erlang C\""),
        key("notes", Kind::Text, "What matters.", "\"per job\""),
        key("arrival", Kind::Tagged(&EXACT_ARRIVAL), "Arrivals.", "{ kind = \"poisson\", rate = 8.0 }")
            .required(),
        key("service", DIST, "Service time of all.", DIST_EXAMPLE),
        key(
            "classes",
            Kind::List { of: &Kind::Table(&EXACT_CLASS), least: 1 },
            "Classes.",
            "[{ name = \"a\", share = 1.0, service = { dist = \"exponential\", mean = 0.1 } }]",
        ),
        key("pool", Kind::Table(&EXACT_POOL), "The pool.", "{ servers = 1 }").required(),
        key(
            "timeout",
            Kind::Table(&EXACT_TIMEOUT),
            "A time-out.",
            "{ scope = \"total\", time = { dist = \"exponential\", mean = 0.1 } }",
        ),
        key("failure", Kind::Table(&EXACT_FAILURE), "Failures.", "{ prob = 0.2 }"),
        key("retry", Kind::Table(&EXACT_RETRY), "Retries.", "{ on = [\"failure\"] }"),
        key(
            "breakdown",
            Kind::Table(&EXACT_BREAKDOWN),
            "Breakdowns.",
            "{ up = { dist = \"exponential\", mean = 9 }, down = { dist = \"exponential\", mean = 1 } }",
        ),
        key(
            "setup",
            Kind::Table(&EXACT_SETUP),
            "A cold start.",
            "{ time = { dist = \"exponential\", mean = 0.1 } }",
        ),
        key("routing", Kind::Tagged(&EXACT_ROUTING), "Routing.", "{ policy = \"random\", pools = 2 }"),
        key("start", Kind::Word(&[choice("empty", "nothing there")]), "How it begins.", "\"empty\""),
        key("expect", VALUES, "Exact values over all jobs.", "{ mean_wait = { value = 0.4, digits = 10 } }"),
        key(
            "expect_class",
            Kind::Map { names: None, of: &VALUES },
            "Exact values by class.",
            "{ a = { mean_wait = { value = 0.4, digits = 10 } } }",
        ),
        key("curve", Kind::Table(&EXACT_CURVE), "Means over time.", "{ times = [1.0], mean_busy = [0.5] }"),
    ],
    forms: &[one_of(&[&["service"], &["classes"]])],
};

/// The rest of such a file.
pub(in crate::model) static EXACT_FILE: Table = Table {
    title: "a file of cases",
    doc: "Exact cases.",
    keys: &[
        key("schema_version", Kind::Whole { min: 1, max: 1 }, "Version of the format.", "1"),
        key("case", Kind::Any, "The cases.", "[]").required(),
    ],
    forms: &[],
};
