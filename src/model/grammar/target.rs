//! Targets of a replay: real schedulers and how they are reached.

use super::*;

/// `[target]`.
pub(in crate::model) static TARGET: Table = Table {
    title: "the targets",
    doc: "Real schedulers that poolsim replay can send the same load to. A simulation does not use them.",
    keys: &[
        key("http", Kind::Table(&HTTP), "An HTTP service.", "{ url = \"http://127.0.0.1:8080\" }"),
        key(
            "command",
            Kind::Table(&COMMAND),
            "A scheduler behind an adapter that speaks JSON lines.",
            "{ run = [\"python3\", \"adapter.py\"] }",
        ),
        key(
            "process",
            Kind::Table(&PROCESS),
            "Worker processes that speak JSON lines.",
            "{ run = [\"python3\", \"worker.py\"] }",
        ),
    ],
    forms: &[],
};

/// What an answer of a service can mean.
static OUTCOME: Kind = Kind::Word(&[
    choice("ok", "a result"),
    choice("error", "an answer that says \"failed\""),
    choice("timeout", "a time-out of the service"),
    choice("crash", "the worker went away"),
    choice("rejected", "refused on arrival"),
]);

const METHOD: Key = key("method", Kind::Text, "Method. Default: POST with a body, else GET.", "\"POST\"");
const PATH: Key = key(
    "path",
    Kind::Text,
    "Path and query after the URL. It may hold {id}, {request}, {attempt}, {class}, {pool}, {demand_ms}, {demand_s}, {fate}, {priority}; {{id}} stands for {id} itself.",
    "\"/api/v1/jobs/{class}\"",
)
.default("\"/\"");
const HEADERS: Key = key(
    "headers",
    Kind::Map { names: None, of: &Kind::Text },
    "Headers; values may hold the same words in braces.",
    "{ content-type = \"application/json\" }",
);
const BODY: Key = key(
    "body",
    Kind::Text,
    "Body; it may hold the same words in braces.",
    "'{ \"id\": \"{id}\", \"demand_ms\": {demand_ms} }'",
);
const TIMEOUT: Key = key(
    "timeout",
    DURATION,
    "Longest time from the send to the last byte of the answer; then the connection is closed.",
    "\"30s\"",
)
.default("\"2m\"");
const OUTCOMES: Key = key(
    "outcomes",
    Kind::Map { names: None, of: &OUTCOME },
    "What answers mean, by status (404), hundred (5xx), or connect (no connection), broken (reset or no HTTP), timeout. The narrowest counts. Default: 2xx ok, 429 and 503 rejected, 408, 504 and timeout timeout, all else error.",
    "{ 500 = \"crash\", 5xx = \"error\" }",
);

/// `target.http`.
pub(in crate::model) static HTTP: Table = Table {
    title: "an HTTP target",
    doc: "An HTTP service, and what requests of the model's classes look like to it.",
    keys: &[
        key("url", Kind::Text, "Where it listens; paths come after it.", "\"http://127.0.0.1:8080\"")
            .required(),
        key("connect_timeout", DURATION, "Longest time until a connection stands.", "\"5s\"")
            .default("\"5s\""),
        key(
            "ca",
            Kind::Text,
            "File (PEM) of the authorities to trust, or of the service's own certificate, from the model's folder. Default: \
             the machine's own authorities.",
            "\"ca.pem\"",
        ),
        key("keep_alive", Kind::Flag, "Whether connections serve more than one request.", "false")
            .default("true"),
        key(
            "response_max",
            Kind::Whole { min: 1, max: 1 << 40 },
            "Longest answer in bytes; a longer one counts as broken.",
            "1048576",
        )
        .default("16777216"),
        METHOD,
        PATH,
        HEADERS,
        BODY,
        TIMEOUT,
        OUTCOMES,
        key(
            "class",
            Kind::Map { names: Some(Names::Class), of: &Kind::Table(&HTTP_CLASS) },
            "What is different for a class; headers and outcomes are added to the common ones.",
            "{ short = { path = \"/short\" } }",
        ),
    ],
    forms: &[],
};

/// An entry of `target.http.class`.
pub(in crate::model) static HTTP_CLASS: Table = Table {
    title: "the requests of a class",
    doc: "What the requests of one class look like.",
    keys: &[METHOD, PATH, HEADERS, BODY, TIMEOUT, OUTCOMES],
    forms: &[],
};

const ENV: Key = key(
    "env",
    Kind::Map { names: None, of: &Kind::Text },
    "Variables added to its environment.",
    "{ LOG_LEVEL = \"warn\" }",
);

/// `target.command`.
pub(in crate::model) static COMMAND: Table = Table {
    title: "a command target",
    doc: "A scheduler behind an adapter: a program that reads jobs and reports events as JSON lines.",
    keys: &[
        key(
            "run",
            Kind::List { of: &Kind::Text, least: 1 },
            "The adapter: program and arguments, from the folder that poolsim is started in.",
            "[\"python3\", \"adapter.py\"]",
        )
        .required(),
        ENV,
        key(
            "settings",
            Kind::Map { names: None, of: &Kind::Any },
            "What the adapter is told at the start, as it stands.",
            "{ start_method = \"spawn\" }",
        ),
        key("start_timeout", DURATION, "Longest time from the start until it is ready.", "\"30s\"")
            .default("\"30s\""),
        key(
            "silence_timeout",
            DURATION,
            "An adapter that has not answered for so long is given up.",
            "\"30s\"",
        )
        .default("\"30s\""),
    ],
    forms: &[],
};

const ACTION: Key = key(
    "action",
    Kind::Text,
    "Its action, with the words in braces that http's `path` may hold.",
    "\"generate_{class}\"",
)
.default("\"{class}\"");
const PAYLOAD: Key = key(
    "payload",
    Kind::Text,
    "Its payload as JSON, with the same words in braces. Default: request, attempt, demand_ms, cpu_share and fate.",
    "'{ \"trait_ids\": [\"t{request}\"], \"sleep_ms\": {demand_ms} }'",
);

/// `target.process`.
pub(in crate::model) static PROCESS: Table = Table {
    title: "a process target",
    doc: "Worker processes under poolsim's own pool, and what requests of the model's classes look like to them.",
    keys: &[
        key(
            "run",
            Kind::List { of: &Kind::Text, least: 1 },
            "A worker: program and arguments, from the folder that poolsim is started in. --worker overrides it.",
            "[\"python3\", \"worker.py\"]",
        ),
        ENV,
        ACTION,
        PAYLOAD,
        key(
            "class",
            Kind::Map { names: Some(Names::Class), of: &Kind::Table(&PROCESS_CLASS) },
            "What is different for a class.",
            "{ short = { action = \"validate\" } }",
        ),
    ],
    forms: &[],
};

/// An entry of `target.process.class`.
pub(in crate::model) static PROCESS_CLASS: Table = Table {
    title: "the requests of a class",
    doc: "What the requests of one class look like to a worker.",
    keys: &[ACTION, PAYLOAD],
    forms: &[],
};
