//! Clients: deadlines, retries, budgets, hedging, circuit breaker.

use super::*;

/// Outcomes of attempts that a client can see and try again after.
static OUTCOMES: Kind = Kind::Word(&[
    choice("error", "an error answer"),
    choice("timeout", "a time-out, the pool's or the client's own"),
    choice("crash", "the worker went away"),
    choice("write_error", "the job could not be handed over"),
    choice("rejected", "refused on arrival, or by an open circuit"),
    choice("reneged", "left the queue"),
    choice("abandoned", "a real scheduler has given the job up (replays alone)"),
    choice("cancelled", "a real scheduler has withdrawn the job (replays alone)"),
]);

/// `[client.NAME]`.
pub(in crate::model) static CLIENT: Table = Table {
    title: "a client",
    doc: "How a client behaves: how long it waits, and what it does then.",
    keys: &[
        key(
            "preset",
            Kind::Reference(Names::ClientPreset),
            "A known client; keys given beside it win.",
            "\"grpc\"",
        ),
        key(
            "attempt_deadline",
            DURATION,
            "Gives up an attempt after this time from its send. Default: never.",
            "\"30s\"",
        ),
        key(
            "deadline",
            Kind::Either(&[DURATION, Kind::Tagged(&DIST)]),
            "Gives up the request after this time from its first send; a distribution is drawn from for each request. \
             Default: never.",
            "\"95s\"",
        ),
        key(
            "cancels",
            Kind::Flag,
            "Whether giving up withdraws the job from the pool; what then becomes of its worker says the pool's on_timeout.",
            "true",
        )
        .default("false"),
        key("retry", Kind::Table(&CLIENT_RETRY), "Retries. Default: none.", "{ max = 3, base = \"100ms\" }"),
        key(
            "budget",
            Kind::Tagged(&BUDGET),
            "What limits retries over all requests of a source.",
            "{ kind = \"grpc\" }",
        ),
        key(
            "hedge",
            Kind::Table(&HEDGE),
            "A second attempt before the first has failed.",
            "{ after = \"2s\" }",
        ),
        key("breaker", Kind::Table(&BREAKER), "A circuit breaker.", "{ failure_rate = 0.5 }"),
    ],
    forms: &[],
};

/// `client.retry`.
pub(in crate::model) static CLIENT_RETRY: Table = Table {
    title: "a client's retries",
    doc: "Retries made by the client, with back-off.",
    keys: &[
        key("max", Kind::Either(&[UNLIMITED, COUNT]), "How many retries a request may have.", "3").required(),
        key("persistence", Kind::Share, "Share of failed attempts that are tried again.", "0.8").default("1"),
        key("on", Kind::List { of: &OUTCOMES, least: 1 }, "After which outcomes of an attempt.", "[\"timeout\", \"rejected\"]")
            .default("[\"error\", \"timeout\", \"crash\", \"write_error\", \"rejected\", \"reneged\", \"abandoned\", \"cancelled\"]"),
        key(
            "backoff",
            Kind::Word(&[
                choice("constant", "`base` each time"),
                choice("linear", "`base` times the retry's number"),
                choice("exponential", "`base` times `factor` to the retry's number less one"),
                choice("polynomial", "`base` times the retry's number to the `exponent`"),
            ]),
            "How the back-off grows.",
            "\"linear\"",
        )
        .default("\"exponential\""),
        key("base", DURATION_OR_ZERO, "Unit of the back-off.", "\"100ms\"").default("\"100ms\""),
        key("factor", Kind::Number { min: 1.0, max: 1000.0, open: false }, "Growth of an exponential back-off.", "1.6").default("2.0"),
        key("exponent", Kind::Number { min: 0.0, max: 20.0, open: false }, "Exponent of a polynomial back-off.", "4.0").default("2.0"),
        key("cap", DURATION, "Largest back-off.", "\"20s\"").default("\"1m\""),
        key(
            "jitter",
            Kind::Word(&[
                choice("none", "not spread"),
                choice("full", "uniform between 0 and the back-off"),
                choice("equal", "half of it, and uniform up to all of it"),
                choice("decorrelated", "uniform between `base` and three times the last one"),
            ]),
            "How the back-off is spread.",
            "\"equal\"",
        )
        .default("\"none\""),
        key(
            "delays",
            Kind::List { of: &DISTRIBUTION, least: 1 },
            "Back-offs as distributions instead, one per retry; the last holds on.",
            "[\"1s\", { dist = \"exponential\", mean = \"5s\" }]",
        ),
    ],
    forms: &[
        at_most_one_of(&[&["delays"], &["backoff"]]),
        at_most_one_of(&[&["delays"], &["base"]]),
        at_most_one_of(&[&["delays"], &["jitter"]]),
        at_most_one_of(&[&["delays"], &["cap"]]),
    ],
};

const CAPACITY: Key = key("capacity", POSITIVE, "Size of the bucket.", "500").default("500");
const COST: Key = key("cost", NOT_NEGATIVE, "Cost of a retry.", "5").default("5");
const TIMEOUT_COST: Key =
    key("timeout_cost", NOT_NEGATIVE, "Cost of a retry after a time-out.", "10").default("10");
const REFILL: Key = key("refill", NOT_NEGATIVE, "Given by a success without retry.", "1").default("1");

/// `client.budget`.
pub(in crate::model) static BUDGET: Tagged = Tagged {
    title: "a retry budget",
    doc: "What limits retries over all requests of a source.",
    tag: "kind",
    default: None,
    word_alone: true,
    variants: &[
        variant(
            "grpc",
            "gRPC retry throttling (A6): a failure costs a token, a success gives `ratio`; retries while above half.",
            &[
                key(
                    "max_tokens",
                    Kind::Number { min: 0.0, max: 1000.0, open: true },
                    "Size of the bucket.",
                    "10",
                )
                .default("10"),
                key("ratio", POSITIVE, "Tokens per success.", "0.1").default("0.1"),
            ],
        ),
        variant(
            "aws_standard",
            "AWS SDK standard mode: a quota that retries draw on and successes fill.",
            &[CAPACITY, COST, TIMEOUT_COST, REFILL],
        ),
        variant(
            "aws_adaptive",
            "AWS SDK adaptive mode: the same quota, and a rate of sending that falls with refusals.",
            &[CAPACITY, COST, TIMEOUT_COST, REFILL],
        ),
        variant(
            "envoy",
            "Envoy: retries in flight at most a share of requests in flight, rounded down, with a floor.",
            &[
                key("share", Kind::Share, "Share of active requests.", "\"20%\"").default("\"20%\""),
                key("min", COUNT, "Retries in flight always allowed.", "3").default("3"),
            ],
        ),
        variant(
            "finagle",
            "Finagle: over a window, retries at most a share of requests, with a floor.",
            &[
                key("ttl", DURATION, "Window.", "\"10s\"").default("\"10s\""),
                key("min_rate", RATE_OR_ZERO, "Retries always allowed.", "\"10/s\"").default("\"10/s\""),
                key("share", Kind::Share, "Share of requests.", "\"20%\"").default("\"20%\""),
            ],
        ),
    ],
};

/// `client.hedge`.
pub(in crate::model) static HEDGE: Table = Table {
    title: "hedging",
    doc: "A second attempt sent before the first has failed; the first answer counts.",
    keys: &[
        key("after", DURATION, "After this time without an answer.", "\"2s\"").required(),
        key("max", Kind::Whole { min: 1, max: 100 }, "Most extra attempts.", "1").default("1"),
    ],
    forms: &[],
};

/// `client.breaker`.
pub(in crate::model) static BREAKER: Table = Table {
    title: "a circuit breaker",
    doc: "Stops sending for a while when too much fails.",
    keys: &[
        key("failure_rate", Kind::Share, "Share of failures that opens it.", "\"50%\"").default("\"50%\""),
        key("window", Kind::Whole { min: 1, max: 1_000_000 }, "Over the last so many attempts.", "20")
            .default("20"),
        key("open_for", DURATION, "How long it stays open.", "\"10s\"").default("\"10s\""),
        key(
            "probes",
            Kind::Whole { min: 1, max: 1_000_000 },
            "Attempts let through to try whether it may close.",
            "1",
        )
        .default("1"),
    ],
    forms: &[],
};
