//! `poolsim validate` as a user meets it, and what a case may say: what is not understood is refused by name, and all
//! else is compared all the same.

use super::front_door::{err, out, poolsim};
use super::records::Folder;
use poolsim::experiment::validate::exact::{self, Case};
use poolsim::model::{Load, Model};
use poolsim::policy::RetryPlace;
use poolsim::time::Span;

const HEAD: &str = "[[case]]\nid = \"it\"\nfamily = \"mmc\"\n";
const ARRIVAL: &str = "arrival = { kind = \"poisson\", rate = 5.0 }\n";
const SERVICE: &str = "service = { dist = \"exponential\", mean = 0.1 }\n";
const POOL: &str = "pool = { servers = 1 }\n";
const EXPECT: &str = "[case.expect]\nmean_wait = { value = 0.1, digits = 8 }\n";

/// A case of one exponential slot with more keys.
fn text(more: &str) -> String {
    format!("{HEAD}{ARRIVAL}{SERVICE}{POOL}{more}\n{EXPECT}")
}

fn case(text: &str) -> Case {
    exact::cases("cases.toml", text).expect("a file of cases").remove(0)
}

#[track_caller]
fn model(text: &str) -> Model {
    exact::model_of(&case(text), 1000, 1).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let said = exact::model_of(&case(text), 1000, 1).expect_err(text).to_string();
    for word in words {
        assert!(said.contains(word), "no {word:?} in\n{said}");
    }
}

// ---- what a case may say --------------------------------------------------------------------------------------

#[test]
fn unknown_keys_and_words_are_refused_by_name() {
    let dist = "{ dist = \"deterministic\", value = 0.2 }";
    let rows: &[(String, &[&str])] = &[
        (text("breakdwn = 3"), &["cases.toml:7:1", "`breakdwn`", "`breakdown`"]),
        (text("start = \"full\""), &["`full`", "`start`", "`empty`"]),
        (text("routing = { policy = \"hash\", pools = 2 }"), &["`hash`", "`round_robin`"]),
        (text("routing = { policy = \"round_robin\", pool = 2 }"), &["`pool`", "`pools`"]),
        (text(&format!("timeout = {{ scope = \"sevice\", time = {dist} }}")), &["`sevice`", "\"service\""]),
        (
            text(&format!("timeout = {{ scope = \"total\", time = {dist}, cancels = \"no\" }}")),
            &["`cancels`"],
        ),
        (text("retry = { on = [\"failures\"] }"), &["`failures`", "\"failure\""]),
        (text("failure = { prob = 0.1, when = \"start\" }"), &["`start`", "`completion`"]),
        (
            text("").replace("servers = 1", "servers = 1, quue_capacity = 3"),
            &["cases.toml:6:23", "`queue_capacity`"],
        ),
        (text("").replace("servers = 1", "servers = \"many\""), &["`servers`", "unlimited"]),
        (text("").replace("servers = 1", "queue_capacity = 1"), &["`servers` is missing"]),
        (text("").replace("mean = 0.1", "men = 0.1"), &["`men`", "`mean`"]),
        (text("").replace("exponential", "exponental"), &["`exponental`", "\"exponential\""]),
        (text("").replace("mean_wait", "mean_wiat"), &["`mean_wiat`", "`mean_wait`", "cases.toml:9:1"]),
        (text("").replace("[case.expect]", "[case.expect_class.a]"), &["no class `a`"]),
        (text("").replace(EXPECT, ""), &["nothing is expected"]),
    ];
    for (text, words) in rows {
        refused(text, words);
    }
}

#[test]
fn what_values_say_together_is_checked() {
    let classes = |inner: &str| {
        let one = "service = { dist = \"exponential\", mean = 0.1 }";
        let inner = inner.replace('@', one);
        text("").replace(SERVICE, &format!("classes = [{inner}]\n"))
    };
    model(&classes("{ name = \"a b\", share = 0.5, @ }, { name = \"c\", share = 0.5, @ }"));
    refused(&classes("{ name = \"a\", share = 0.5, @ }, { name = \"c\", share = 0.4, @ }"), &["sum to 0.9"]);
    refused(&classes("{ name = \"a\", rate = 2.0, @ }, { name = \"c\", rate = 2.0, @ }"), &["sum to 4"]);
    refused(&classes("{ name = \"a\", rate = 2.0, @ }, { name = \"c\", share = 0.4, @ }"), &["share"]);
    let curve = |inner: &str| text("").replace(EXPECT, &format!("curve = {{ {inner} }}\n"));
    model(&curve("times = [0.0, 1.0], mean_busy = [0.0, 0.4]"));
    refused(&curve("times = [1.0, 2.0], mean_busy = [0.4]"), &["1 values for 2 instants"]);
    refused(&curve("times = [0.0001], mean_busy = [0.4]"), &["whole milliseconds"]);
    let knots = "arrival = { kind = \"poisson_piecewise_linear\", times = [0.0, 1.0], rates = [1.0] }\n";
    refused(&text("").replace(ARRIVAL, knots), &["2 knots and 1 rates"]);
}

#[test]
fn batches_take_every_distribution_of_whole_numbers() {
    let batch = |size: &str| {
        text("").replace(
            ARRIVAL,
            &format!("arrival = {{ kind = \"batch_poisson\", rate = 2.0, batch_size = {size} }}\n"),
        )
    };
    let sizes = |size: &str| match model(&batch(size)).sources.remove(0).load {
        Load::Open(open) => format!("{open:?}"),
        _ => panic!("a batch is an open load"),
    };
    assert_eq!(sizes("{ dist = \"deterministic\", value = 3 }"), sizes("3"));
    assert_eq!(sizes("{ dist = \"deterministic\", value = 3.0 }"), sizes("3"));
    assert_eq!(sizes("{ dist = \"geometric\", p = 0.25 }"), sizes("{ dist = \"geometric\", mean = 4 }"));
    assert_ne!(sizes("{ dist = \"geometric\", mean = 3 }"), sizes("3"));
    assert_ne!(sizes("{ dist = \"discrete\", values = [1, 5], p = [0.5, 0.5] }"), sizes("3"));
    refused(&batch("{ dist = \"exponential\", mean = 3 }"), &["`exponential`", "batch sizes", "`geometric`"]);
    refused(&batch("{ dist = \"geometric\", mean = 3, p = 0.25 }"), &["contradict"]);
    refused(&batch("{ dist = \"deterministic\", value = 2.5 }"), &["2.5", "whole"]);
    refused(&batch("{ mean = 3 }"), &["`dist` is missing"]);
}

#[test]
fn retries_at_the_head_are_the_pools_own() {
    let retry = |more: &str| {
        text(&format!(
            "failure = {{ prob = 0.3 }}\nretry = {{ on = [\"failure\"], where = \"head\", {more} }}"
        ))
    };
    let dist = |value: f64| format!("{{ dist = \"deterministic\", value = {value} }}");
    let pool = |more: &str| model(&retry(more)).pools[0].settings.retry.expect("the pool retries");
    let unlimited = pool("max_retries = \"unlimited\"");
    assert_eq!((unlimited.max, unlimited.place, unlimited.delay), (u32::MAX, RetryPlace::Head, Span::ZERO));
    let equal = pool(&format!("max_retries = 9, delays = [{}, {}]", dist(0.2), dist(0.2)));
    assert_eq!((equal.delay, equal.growth.factor), (Span::from_millis(200), 1.0));
    let growing = pool(&format!("max_retries = 3, delays = [{}, {}, {}]", dist(0.2), dist(0.4), dist(0.8)));
    assert_eq!((growing.delay, growing.growth.factor), (Span::from_millis(200), 2.0));
    let uneven = format!("max_retries = 2, delays = [{}, {}]", dist(0.2), dist(0.1));
    refused(&retry(&uneven), &["`delays`".trim_matches('`'), "tail"]);
    // A growing delay that stays at its last value has no model at the head.
    let stays = format!("max_retries = 9, delays = [{}, {}]", dist(0.2), dist(0.4));
    refused(&retry(&stays), &["delays before the head"]);
    refused(&retry("delay = { dist = \"exponential\", mean = 0.1 }"), &["must be deterministic"]);
    refused(&retry("persistence = 0.6"), &["always persist"]);
    refused(&retry("").replace("[\"failure\"]", "[\"blocked\"]"), &["refused"]);
}

#[test]
fn random_routing_without_probabilities_is_even() {
    let routing = |more: &str| format!("routing = {{ policy = \"random\", pools = 2{more} }}");
    let even = model(&text(&routing("")));
    let given = model(&text(&routing(", probabilities = [0.5, 0.5]")));
    assert_eq!(even.pools[0].instances, 2);
    assert_ne!(format!("{:?}", even.routes), format!("{:?}", model(&text("")).routes));
    assert!(format!("{:?}", even.routes).contains("Random([])"), "{:?}", even.routes);
    assert!(format!("{:?}", given.routes).contains("Random([0.5, 0.5])"), "{:?}", given.routes);
    refused(&text(&routing(", probabilities = [1.0]")), &["1 probabilities for 2 pools"]);
}

#[test]
fn slowdowns_are_counted_where_a_case_expects_them() {
    assert!(model(&text("").replace("mean_wait", "mean_slowdown")).counts_slowdown());
    assert!(!model(&text("")).counts_slowdown());
}

#[test]
fn time_outs_of_any_distribution_have_a_model() {
    let timeout = |scope: &str, dist: &str| {
        model(&text(&format!("timeout = {{ scope = \"{scope}\", time = {{ dist = {dist} }} }}")))
    };
    let drawn = "\"exponential\", mean = 0.5";
    let service = timeout("service", drawn);
    let settings = service.pools[0].settings.service_timeout.expect("the pool times out");
    assert!(settings.span.is_never() && service.pools[0].settings.draws_timeout);
    assert!(service.pools[0].timeout.is_some());
    let total = timeout("total", drawn);
    assert!(total.sources[0].deadline.is_some() && !total.sources[0].client.total_deadline.is_never());
    // A constant stays one, however it is written.
    let fixed = "\"deterministic\", value = 0.5";
    let service = timeout("service", fixed);
    let settings = service.pools[0].settings.service_timeout.expect("the pool times out");
    assert_eq!(settings.span, Span::from_millis(500));
    assert!(!service.pools[0].settings.draws_timeout && service.pools[0].timeout.is_none());
    let total = timeout("total", fixed);
    assert_eq!(total.sources[0].client.total_deadline, Span::from_millis(500));
    assert!(total.sources[0].deadline.is_none());
}

// ---- the table ------------------------------------------------------------------------------------------------

/// A transient case: quick, and true at its start.
fn quick(id: &str, busy: f64) -> String {
    text("")
        .replace(EXPECT, &format!("curve = {{ times = [0.1], mean_busy = [{busy}] }}\n"))
        .replace("\"it\"", &format!("{id:?}"))
}

#[test]
fn a_refused_case_does_not_hide_the_others() {
    let folder = Folder::new("validate-cases");
    let put = |name: &str, text: &str| std::fs::write(folder.0.join(name), text).unwrap();
    let validate = |name: &str| poolsim(&folder.0, &["validate", name, "--effort", "0.1"]);
    // An M/M/1 queue that begins empty is busy after 0.1 s with this probability.
    let (good, off) = (quick("good", 0.27375), quick("off", 0.9));
    put("good.toml", &good);
    put("off.toml", &format!("{good}{off}"));
    put("bad.toml", &format!("{}{off}{good}", text("brakdown = 1")));
    assert_eq!(validate("good.toml").status.code(), Some(0), "{}", out(&validate("good.toml")));
    let missed = validate("off.toml");
    assert_eq!(missed.status.code(), Some(1), "{}", out(&missed));
    let refused = validate("bad.toml");
    let (table, said) = (out(&refused), err(&refused));
    assert_eq!(refused.status.code(), Some(2), "{table}{said}");
    for word in
        ["it ", "no model: bad.toml:7:1: unknown key `brakdown`; did you mean `breakdown`?", "OFF", "good"]
    {
        assert!(table.contains(word), "no {word:?} in\n{table}");
    }
    assert!(table.contains("1 of 2 values"), "{table}");
    assert!(said.contains("1 case could not be compared"), "{said}");
    // Nothing compared is nothing shown to hold.
    let none = poolsim(&folder.0, &["validate", "good.toml", "--only", "other"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(err(&none).contains("no case to compare"), "{}", err(&none));
    put("broken.toml", "[[case]\n");
    let broken = validate("broken.toml");
    assert_eq!(broken.status.code(), Some(2));
    assert!(err(&broken).contains("broken.toml:1"), "{}", err(&broken));
}

/// A folder with one recorded scenario under several names.
fn recordings(folder: &Folder, names: &[&str]) {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/orchestrator");
    std::fs::copy(data.join("constants.toml"), folder.0.join("constants.toml")).unwrap();
    for name in names {
        let to = folder.0.join("scenarios").join(name);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(data.join("scenarios/spike_p6")).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
        }
        let settings = std::fs::read_to_string(to.join("settings.toml")).unwrap();
        std::fs::write(to.join("settings.toml"), settings.replace("spike_p6", name)).unwrap();
    }
}

#[test]
fn a_bad_scenario_does_not_hide_the_others() {
    let folder = Folder::new("validate-folder");
    recordings(&folder, &["a", "b", "c"]);
    let scenario = |name: &str, file: &str| folder.0.join("scenarios").join(name).join(file);
    std::fs::write(scenario("b", "settings.toml"), "name = \"b\"\nmode = \"ajar\"\n").unwrap();
    let output = poolsim(&folder.0, &["validate", "."]);
    let table = out(&output);
    assert_eq!(output.status.code(), Some(2), "{table}");
    let refused = table.lines().find(|line| line.starts_with("b ")).expect("b is in the table");
    assert!(refused.contains("no model: ./scenarios/b: settings.toml: "), "{refused}");
    assert!(refused.contains("ajar") && refused.contains("line 2"), "{refused}");
    for name in ["a", "c"] {
        assert!(table.lines().any(|line| line.starts_with(&format!("{name} ")) && line.ends_with("holds")));
    }
}

#[test]
fn an_exception_is_shown_with_its_reason() {
    let folder = Folder::new("validate-exceptions");
    recordings(&folder, &["a"]);
    let constants = std::fs::read_to_string(folder.0.join("constants.toml")).unwrap();
    // A pool whose hand-overs take longer than they did is off.
    let wrong: Vec<String> = constants
        .lines()
        .map(|line| if line.starts_with("dispatch_ms") { "dispatch_ms = 30".into() } else { line.into() })
        .collect();
    std::fs::write(folder.0.join("constants.toml"), wrong.join("\n")).unwrap();
    let validate = || poolsim(&folder.0, &["validate", "."]);
    let before = out(&validate());
    assert_eq!(validate().status.code(), Some(1), "{before}");
    let off: Vec<String> = before
        .lines()
        .filter(|line| line.ends_with("OFF"))
        .map(|line| line[40..84].trim().to_owned())
        .collect();
    let exception = |figure: &str, reason: &str| {
        format!(
            "[[exception]]\nscenario = \"a\"\ncheck = \"task by task\"\nfigure = {figure:?}\nreason = {reason:?}\n"
        )
    };
    let put = |text: String| std::fs::write(folder.0.join("exceptions.toml"), text).unwrap();
    put(off.iter().map(|figure| exception(figure, "a slow pipe")).collect());
    let table = out(&validate());
    assert_eq!(validate().status.code(), Some(0), "{table}");
    assert_eq!(table.matches("excepted: a slow pipe").count(), off.len(), "{table}");
    // An exception needs a reason, and something to be about.
    put(exception(&off[0], " "));
    assert!(err(&validate()).contains("no reason"), "{}", err(&validate()));
    put(exception("p42", "a slow pipe"));
    assert_eq!(validate().status.code(), Some(2));
    assert!(out(&validate()).contains("no figure \"p42\""), "{}", out(&validate()));
    put(String::from("[[exception]]\nscenario = \"a\"\n"));
    assert!(err(&validate()).contains("exceptions.toml"), "{}", err(&validate()));
}

#[test]
fn an_objective_on_slowdown_is_decided_without_a_host() {
    let folder = Folder::new("validate-slowdown");
    // M/D/1 at 0.5: mean sojourn over work is 1 + 0.5 / (2 * 0.5).
    let text = "[run]\nrequests = 20000\nreplications = 8\n[class.j]\ndemand = \"1s\"\n[pool.main]\nslots = 1\n\
        [source.s]\npool = \"main\"\narrivals = { rate = \"0.5/s\" }\n\
        [[objective]]\nmetric = \"mean_slowdown\"\nat_most = 1.6\n[[objective]]\nmetric = \"mean_slowdown\"\nat_least = 1.4\n";
    std::fs::write(folder.0.join("m.toml"), text).unwrap();
    let output = poolsim(&folder.0, &["run", "m.toml", "--output", "none", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
}
