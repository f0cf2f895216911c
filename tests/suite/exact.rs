//! The engine and its statistics against exact queueing results: every case of `tests/data/exact.toml` becomes a model
//! file, and each exact value must lie inside the 99.9 % interval, which must be narrow.

use poolsim::experiment::validate::exact::{self, Case, Check};

/// Fixed seeds. Of some 900 intervals at 99.9 % about one misses by chance, so a value that is missed under the first
/// seed must be held under the second: chance misses twice in a row once in a thousand such suites, a bias always.
const SEEDS: [u64; 2] = [1, 1001];

fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/exact.toml");
    let text = std::fs::read_to_string(path).expect("the case file is part of the project");
    exact::cases("exact.toml", &text).expect("the case file is well formed")
}

fn describe(case: &Case, check: &Check) -> String {
    let estimate = check.estimate;
    format!(
        "{} {}: exact {} against {} [{}, {}], half-width {:.2} % of at most {:.2} %",
        case.id,
        check.metric,
        check.exact,
        estimate.value,
        estimate.low,
        estimate.high,
        check.half_width() * 100.0,
        check.width_bound * 100.0
    )
}

/// The values of a case that are not held, or not by a narrow interval.
fn off(case: &Case, seed: u64) -> Vec<Check> {
    let checks = exact::check(case, 1.0, seed).unwrap_or_else(|error| panic!("{error}"));
    assert!(!checks.is_empty(), "{} checks nothing", case.id);
    checks.into_iter().filter(|check| !check.holds() || !check.is_narrow()).collect()
}

/// Checks the cases whose number leaves `part` over 4: four tests that the runner may run side by side.
fn check_part(part: usize) {
    let mut faults = Vec::new();
    for (_, case) in cases().iter().enumerate().filter(|(number, _)| number % 4 == part) {
        faults.extend(off(case, SEEDS[0]).iter().map(|check| check.metric.clone()).filter_map(|metric| {
            let again = off(case, SEEDS[1]).into_iter().find(|check| check.metric == metric)?;
            Some(describe(case, &again))
        }));
    }
    assert!(faults.is_empty(), "{} values are off:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn exact_values_lie_in_narrow_intervals_first_quarter() {
    check_part(0);
}

#[test]
fn exact_values_lie_in_narrow_intervals_second_quarter() {
    check_part(1);
}

#[test]
fn exact_values_lie_in_narrow_intervals_third_quarter() {
    check_part(2);
}

#[test]
fn exact_values_lie_in_narrow_intervals_last_quarter() {
    check_part(3);
}

#[test]
fn all_families_are_there() {
    let cases = cases();
    assert_eq!(cases.len(), 52);
}

#[test]
fn a_wrong_value_is_noticed() {
    // The same machinery with one exact value moved by 2 % must fail.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/exact.toml");
    let text = std::fs::read_to_string(path).expect("the case file is part of the project");
    let text =
        text.replacen("mean_wait = { value = 0.08333333333333", "mean_wait = { value = 0.08500000000000", 1);
    let cases = exact::cases("exact.toml", &text).expect("the case file is well formed");
    let case = cases.iter().find(|case| case.id == "mmc-2-50").expect("the case is there");
    let checks = exact::check(case, 1.0, SEEDS[0]).unwrap_or_else(|error| panic!("{error}"));
    let wait = checks.iter().find(|check| check.metric == "mean_wait").expect("mean_wait is checked");
    assert!(!wait.holds() && wait.is_narrow());
}

/// Time-outs that are drawn: the lesser of two exponentials (service and its time-out, sojourn and deadline) is
/// exponential, and who is first has the share of its rate. The second deadline is the patience of a birth-death chain
/// whose every job may leave.
const DRAWN: &str = r#"
[[case]]
id = "service-drawn"
family = "service_timeout"
arrival = { kind = "poisson", rate = 6.0 }
service = { dist = "exponential", mean = 0.125 }
pool = { servers = 1 }
timeout = { scope = "service", time = { dist = "exponential", mean = 0.25 } }
[case.expect]
utilization = { value = 0.5, digits = 8 }
prob_fail = { value = 0.3333333333333333, digits = 8 }
prob_attempt_timeout = { value = 0.3333333333333333, digits = 8 }
mean_wait = { value = 0.08333333333333333, digits = 8 }
mean_sojourn = { value = 0.16666666666666666, digits = 8 }
throughput = { value = 4.0, digits = 8 }

[[case]]
id = "deadline-drawn"
family = "client_timeout_uncancelled"
arrival = { kind = "poisson", rate = 7.0 }
service = { dist = "exponential", mean = 0.1 }
pool = { servers = 1 }
timeout = { scope = "total", cancels = false, time = { dist = "exponential", mean = 0.5 } }
[case.expect]
prob_timeout = { value = 0.4, digits = 8 }
utilization = { value = 0.7, digits = 8 }

[[case]]
id = "deadline-drawn-cancels"
family = "total_deadline"
arrival = { kind = "poisson", rate = 12.0 }
service = { dist = "exponential", mean = 0.2 }
pool = { servers = 3 }
timeout = { scope = "total", cancels = true, time = { dist = "exponential", mean = 1.0 } }
[case.expect]
prob_timeout = { value = 0.20257402953860618, digits = 8 }
utilization = { value = 0.6379407763691155, digits = 8 }
mean_in_system = { value = 2.4308883544632742, digits = 8 }
throughput = { value = 9.569111645536733, digits = 8 }
"#;

#[test]
fn drawn_time_outs_have_their_exact_values() {
    for case in exact::cases("drawn.toml", DRAWN).expect("well formed") {
        for check in exact::check(&case, 0.001, SEEDS[0]).unwrap_or_else(|error| panic!("{error}")) {
            assert!(check.holds() && check.half_width() < 0.05, "{}", describe(&case, &check));
        }
    }
}

#[test]
fn every_case_has_a_model() {
    for case in cases() {
        exact::model_of(&case, 1000, 1).unwrap_or_else(|error| panic!("{}: {error}", case.id));
    }
}
