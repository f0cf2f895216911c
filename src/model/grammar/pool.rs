//! Pools: what serves.

use super::*;

/// Outcomes that a pool tries again after: ends of a service. What never started, or is no longer wanted, has left it.
static SERVICE_OUTCOMES: Kind = Kind::Word(&[
    choice("error", "an error answer"),
    choice("timeout", "the service time-out"),
    choice("crash", "the worker went away"),
    choice("write_error", "the job could not be handed over"),
]);

/// `[pool.NAME]`.
pub(in crate::model) static POOL: Table = Table {
    title: "a pool",
    doc: "A pool of workers with one queue, or several equal instances of it.",
    keys: &[
        key(
            "preset",
            Kind::Reference(Names::PoolPreset),
            "A known scheduler; keys given beside it win.",
            "\"orchestrator-bridge\"",
        ),
        key(
            "slots",
            Kind::Either(&[UNLIMITED, Kind::Whole { min: 1, max: 1_000_000 }]),
            "Jobs served at once, by each instance.",
            "6",
        )
        .required(),
        key(
            "instances",
            Kind::Whole { min: 1, max: 100_000 },
            "Equal instances, each with its own queue and slots.",
            "4",
        )
        .default("1"),
        key("host", Kind::Reference(Names::Host), "The host whose cores all instances share.", "\"box\""),
        key(
            "hosts",
            Kind::List { of: &Kind::Reference(Names::Host), least: 1 },
            "Hosts of the instances, in turn.",
            "[\"box\"]",
        ),
        key("discipline", Kind::Tagged(&DISCIPLINE), "Which waiting job starts next.", "\"lifo\"")
            .default("\"fifo\""),
        key("queue_capacity", Kind::Either(&[UNLIMITED, COUNT]), "Waiting places besides the slots.", "100")
            .default("\"unlimited\""),
        key(
            "when_full",
            Kind::Word(&[
                choice("reject", "refuses the new job"),
                choice("drop_oldest", "refuses the one that has waited longest"),
            ]),
            "What a full queue does with a new job.",
            "\"drop_oldest\"",
        )
        .default("\"reject\""),
        key(
            "waiting_limit",
            DISTRIBUTION,
            "How long a job waits before it leaves the queue. Default: for ever.",
            "\"30s\"",
        ),
        key(
            "idle_order",
            Kind::Word(&[
                choice("lowest_index", "the lowest index"),
                choice("most_recent", "the one that became idle last"),
                choice("longest_idle", "the one that has been idle longest"),
                choice("random", "any"),
            ]),
            "Which idle worker gets the next job.",
            "\"most_recent\"",
        )
        .default("\"lowest_index\""),
        key(
            "service_timeout",
            Kind::Either(&[Kind::Word(&[choice("none", "no time-out")]), DURATION, Kind::Tagged(&DIST)]),
            "Longest service; a distribution is drawn from for each attempt, or once for all if it counts over all.",
            "\"90s\"",
        )
        .default("\"none\""),
        key(
            "timeout_from",
            Kind::Word(&[
                choice("dispatch", "from the hand-over to a worker, every attempt anew"),
                choice(
                    "arrival",
                    "from the arrival at the pool, over waiting and all attempts; a job that still waits leaves the \
                     queue (with `abandon` it keeps its place)",
                ),
                choice("total_service", "from the hand-over, earlier attempts count too"),
            ]),
            "From when the time-out counts.",
            "\"arrival\"",
        )
        .default("\"dispatch\""),
        key(
            "on_timeout",
            Kind::Word(&[
                choice("kill", "the worker is killed and replaced"),
                choice("cancel", "the worker is asked to stop and is free after `cancel_grace`"),
                choice("abandon", "the work goes on and its result is thrown away"),
            ]),
            "What the time-out, or a client that cancels, does with the worker; the job has ended in each case. Default: kill; without a service_timeout, a client that cancels frees the worker at once.",
            "\"cancel\"",
        ),
        key("cancel_grace", DURATION_OR_ZERO, "Time until a cancelled worker has stopped.", "\"1s\"")
            .default("\"0s\""),
        key("retry", Kind::Table(&POOL_RETRY), "Retries by the pool itself. Default: none.", "{ max = 1 }"),
        key("worker", Kind::Table(&WORKER), "The life of a worker.", "{ restart_delay = \"250ms\" }"),
        key(
            "transport",
            Kind::Table(&TRANSPORT),
            "Delays between the pool and its workers.",
            "{ dispatch = \"0.2ms\" }",
        ),
        key(
            "admission",
            Kind::List { of: &Kind::Tagged(&ADMISSION), least: 0 },
            "Checks on arrival beyond the queue's capacity, in order.",
            "[{ kind = \"token_bucket\", rate = \"20/s\", burst = 10 }]",
        ),
        key(
            "reserved",
            Kind::Map { names: Some(Names::Class), of: &COUNT },
            "Slots kept for a class.",
            "{ short = 1 }",
        ),
        key(
            "weights",
            Kind::Map { names: Some(Names::Class), of: &POSITIVE },
            "Weights of classes under fair_share.",
            "{ short = 2.0 }",
        ),
        key("routing", Kind::Tagged(&ROUTING), "How its instances are chosen.", "\"least_loaded\"")
            .default("\"round_robin\""),
        key("autoscaler", Kind::Table(&AUTOSCALER), "Instances follow the load.", "{ min = 1, max = 8 }"),
        key(
            "breakdown",
            Kind::Table(&BREAKDOWN),
            "Slots fail and recover by themselves.",
            "{ up = \"1h\", down = \"5m\" }",
        ),
    ],
    forms: &[at_most_one_of(&[&["host"], &["hosts"]])],
};

/// `pool.discipline`.
pub(in crate::model) static DISCIPLINE: Tagged = Tagged {
    title: "a discipline",
    doc: "Which waiting job starts next.",
    tag: "kind",
    default: None,
    word_alone: true,
    variants: &[
        variant("fifo", "The one that came first.", &[]),
        variant("lifo", "The one that came last.", &[]),
        variant("random", "Any.", &[]),
        variant(
            "priority",
            "The most urgent class; first come first served within one.",
            &[key(
                "age_step",
                DURATION,
                "Waiting time that is worth one level. Default: no ageing.",
                "\"30s\"",
            )],
        ),
        variant("shortest_job", "The smallest size estimate.", &[]),
        variant("earliest_deadline", "The earliest deadline of the client.", &[]),
        variant("fair_share", "The class that has had least service for its weight.", &[]),
        variant(
            "adaptive_lifo",
            "First come first served while the queue is short, else last come first served.",
            &[key("threshold", COUNT, "Queue length above which the newest goes first.", "32").default("32")],
        ),
        variant(
            "processor_sharing",
            "All at once, sharing the cores of the host; needs slots = \"unlimited\".",
            &[],
        ),
    ],
};

/// `pool.retry`.
pub(in crate::model) static POOL_RETRY: Table = Table {
    title: "a pool's retries",
    doc: "Retries made by the pool itself.",
    keys: &[
        key("max", Kind::Either(&[UNLIMITED, COUNT]), "How many retries a job may have.", "1").required(),
        key(
            "on",
            Kind::List { of: &SERVICE_OUTCOMES, least: 1 },
            "After which outcomes of a service; those of waiting are the client's to retry.",
            "[\"crash\", \"timeout\"]",
        )
        .default("[\"crash\"]"),
        key(
            "place",
            Kind::Word(&[choice("head", "before all that wait"), choice("tail", "behind all that wait")]),
            "Where in the queue.",
            "\"tail\"",
        )
        .default("\"head\""),
        key("delay", DURATION_OR_ZERO, "Time until the job is back in the queue.", "\"1s\"")
            .default("\"0s\""),
        key(
            "factor",
            Kind::Number { min: 1.0, max: 1000.0, open: false },
            "Growth of `delay` with each further retry.",
            "2.0",
        )
        .default("1.0"),
        key(
            "step",
            DURATION_OR_ZERO,
            "Added to it: so much times the number of earlier retries to the `exponent`.",
            "\"1s\"",
        )
        .default("\"0s\""),
        key("exponent", Kind::Number { min: 0.0, max: 20.0, open: false }, "Exponent of that part.", "4.0")
            .default("1.0"),
        key(
            "spread",
            DURATION_OR_ZERO,
            "A uniform part on top, up to so much times the retry's number.",
            "\"10s\"",
        )
        .default("\"0s\""),
        key("cap", DURATION, "Largest delay, the spread not counted. Default: none.", "\"6m\""),
        key("turn", DURATION_OR_ZERO, "Time from then until the pool looks for a worker again.", "\"1ms\"")
            .default("\"0s\""),
    ],
    forms: &[],
};

/// `pool.worker`.
pub(in crate::model) static WORKER: Table = Table {
    title: "the worker life",
    doc: "How workers start, beat, die and are replaced.",
    keys: &[
        key("start_up", DISTRIBUTION, "Spawn to ready, alone on its host.", "\"160ms\"").default("\"0s\""),
        key("start_up_cpu", Kind::Share, "Share of the start-up that is work of a core.", "1.0").default("0"),
        key(
            "first_start_up",
            Kind::List { of: &DURATION_OR_ZERO, least: 0 },
            "Start-ups of an instance's first spawns, in order; later ones use start_up.",
            "[\"0.2s\", \"0.3s\"]",
        ),
        key(
            "start_timeout",
            DURATION,
            "Longest start-up; then the worker is killed. Default: none.",
            "\"30s\"",
        ),
        key("restart_delay", DISTRIBUTION, "From a noticed exit to the next spawn.", "\"250ms\"")
            .default("\"0s\""),
        key("kill_exit", DISTRIBUTION, "From a kill to the noticed exit.", "\"2.3ms\"").default("\"0s\""),
        key("crash_exit", DISTRIBUTION, "From a worker's going to its being noticed.", "\"2ms\"")
            .default("\"0s\""),
        key("heartbeat_interval", DURATION, "Time between heartbeats.", "\"5s\"").default("\"5s\""),
        key(
            "heartbeat_timeout",
            DURATION,
            "Longest silence; then the worker is killed. Default: no heartbeats.",
            "\"15s\"",
        ),
        key("recycle_after", COUNT, "A worker is replaced after so many jobs; 0 for never.", "1000")
            .default("0"),
        key(
            "crash_radius",
            Kind::Word(&[
                choice("worker", "the job and its worker"),
                choice("job", "the job alone"),
                choice("running", "every running job and every worker of the pool; waiting jobs stay"),
                choice("pool", "every job and every worker of the pool"),
            ]),
            "How far a crash reaches.",
            "\"pool\"",
        )
        .default("\"worker\""),
        key(
            "dying_window",
            Kind::Flag,
            "Whether a worker that is being killed still takes jobs until its exit is noticed.",
            "true",
        )
        .default("false"),
        key(
            "write_error",
            Kind::Share,
            "Probability that the first write to a dying worker fails at once.",
            "0.3",
        )
        .default("0"),
        key("spawn_failure", Kind::Share, "Probability that a spawn fails and the slot is lost.", "0.001")
            .default("0"),
        key("never_ready", Kind::Share, "Probability that a worker never becomes ready.", "0.001")
            .default("0"),
        key("warm_start", Kind::Flag, "Whether every worker is ready at the start.", "false").default("true"),
        key(
            "ready_before",
            Kind::List { of: &DURATION_OR_ZERO, least: 0 },
            "How long before the start each worker became ready, by slot.",
            "[\"1s\", \"2s\"]",
        ),
        key(
            "idle_shutdown",
            DURATION_OR_ZERO,
            "Workers leave after this idle time and start again with the next job. Without `warm_start` the first ones start with the first job, too. Default: they stay.",
            "\"10s\"",
        ),
    ],
    forms: &[],
};

/// `pool.transport`.
pub(in crate::model) static TRANSPORT: Table = Table {
    title: "the transport delays",
    doc: "Delays between a pool and its workers.",
    keys: &[
        key("dispatch", DISTRIBUTION, "Hand-over to the worker having the job.", "\"0.2ms\"")
            .default("\"0s\""),
        key("late", DISTRIBUTION, "Added to each demand by the worker (a late sleep).", "\"0.1ms\"")
            .default("\"0s\""),
        key("reply", DISTRIBUTION, "Worker done to the pool knowing.", "\"0.6ms\"").default("\"0s\""),
        key("timer_late", DISTRIBUTION, "How late the pool's timers fire.", "\"0.8ms\"").default("\"0s\""),
    ],
    forms: &[],
};

const INITIAL: Key = key("initial", AT_LEAST_ONE, "First limit.", "20").default("20");
const MIN: Key = key("min", AT_LEAST_ONE, "Smallest limit.", "1").default("1");
const MAX: Key = key("max", AT_LEAST_ONE, "Largest limit.", "1000").default("1000");

/// An element of `pool.admission`.
pub(in crate::model) static ADMISSION: Tagged = Tagged {
    title: "an admission check",
    doc: "A check on arrival, or on leaving the queue.",
    tag: "kind",
    default: None,
    word_alone: false,
    variants: &[
        variant(
            "token_bucket",
            "A mean rate with bursts.",
            &[
                key("rate", RATE, "Tokens per time.", "\"20/s\"").required(),
                key("burst", Kind::Number { min: 1.0, max: 1e12, open: false }, "Size of the bucket.", "10")
                    .default("1"),
            ],
        ),
        variant(
            "codel",
            "Controlled delay (RFC 8289): drops at dispatch while the wait stays above the target.",
            &[
                key("target", DURATION, "Acceptable standing wait.", "\"5ms\"").default("\"5ms\""),
                key("interval", DURATION, "Window over which it must be seen.", "\"100ms\"")
                    .default("\"100ms\""),
            ],
        ),
        variant(
            "concurrency",
            "At most so many jobs in the pool, waiting and running.",
            &[key("limit", AT_LEAST_ONE, "The limit.", "50").required()],
        ),
        variant(
            "aimd",
            "A concurrency limit: one more per window of successes, cut after a failure.",
            &[
                INITIAL,
                MIN,
                MAX,
                key(
                    "backoff",
                    Kind::Number { min: 0.0, max: 1.0, open: true },
                    "Multiplied after a failure.",
                    "0.9",
                )
                .default("0.9"),
                key("target", DURATION, "A sojourn above it counts as a failure.", "\"5s\"").required(),
            ],
        ),
        variant(
            "vegas",
            "A concurrency limit after TCP Vegas, by the estimated queue.",
            &[
                INITIAL,
                MIN,
                MAX,
                key("alpha", NOT_NEGATIVE, "Grow below this queue.", "3").default("3"),
                key("beta", POSITIVE, "Shrink above this queue.", "6").default("6"),
            ],
        ),
        variant(
            "gradient",
            "A concurrency limit by the ratio of long-term to short-term sojourn.",
            &[
                INITIAL,
                MIN,
                MAX,
                key(
                    "tolerance",
                    Kind::Number { min: 1.0, max: 1000.0, open: false },
                    "Tolerated ratio of short-term to long-term sojourn.",
                    "1.5",
                )
                .default("1.5"),
                key(
                    "smoothing",
                    Kind::Number { min: 0.0, max: 1.0, open: true },
                    "Weight of a new limit.",
                    "0.2",
                )
                .default("0.2"),
            ],
        ),
    ],
};

/// `pool.breakdown`.
pub(in crate::model) static BREAKDOWN: Table = Table {
    title: "a breakdown",
    doc: "Slots that fail and recover by themselves.",
    keys: &[
        key("up", DISTRIBUTION, "Time that a slot works.", "{ dist = \"exponential\", mean = \"1h\" }")
            .required(),
        key("down", DISTRIBUTION, "Time that it is down.", "\"5m\"").required(),
        key("while_idle", Kind::Flag, "Whether idle slots fail too.", "true").default("true"),
        key(
            "job",
            Kind::Word(&[
                choice("resume", "goes to the head of the queue and continues"),
                choice("restart", "goes to the head of the queue and starts again"),
                choice("crash", "ends with a crash"),
            ]),
            "What becomes of the job in service.",
            "\"crash\"",
        )
        .default("\"resume\""),
    ],
    forms: &[],
};
