//! Retries by the pool.

use super::{check, play};

#[test]
fn the_retry_goes_to_the_head_or_to_the_tail() {
    let pool =
        |place: &str| format!("slots = 1\nretry = {{ max = 1, on = [\"error\"], place = \"{place}\" }}");
    let jobs = "0 a 2 error; 1 a 1; 1 a 1";
    check(&pool("head"), "", jobs, "error 4, ok 5, ok 6");
    check(&pool("tail"), "", jobs, "error 6, ok 3, ok 4");
}

#[test]
fn several_crashes_return_to_the_head_last_first() {
    let pool = "slots = 2\nretry = { max = 1 }\nworker = { restart_delay = \"10s\" }";
    // Workers are back at 12 and 13; the one that crashed at 3 goes first.
    check(pool, "", "0 a 2 crash1; 0 a 3 crash1; 1 a 1", "ok 15, ok 15, ok 16");
}

#[test]
fn the_outcome_decides_whether_a_job_is_tried_again() {
    let pool = "slots = 1\nservice_timeout = \"5s\"\nretry = { max = 2, on = [\"timeout\"] }";
    check(pool, "", "0 a 1 error; 1 a 9", "error 1, timeout 16");
    let played = play(pool, "", "0 a 9");
    assert_eq!((played.ends[0].hand_overs, played.sum(|class| class.pool_retries)), (3, 2));
    assert_eq!(played.sum(|class| class.attempts_timed_out), 3);
}

#[test]
fn retries_are_delayed_by_a_constant_or_more_each_time() {
    let pool =
        |more: &str| format!("slots = 1\nretry = {{ max = 3, on = [\"error\"], delay = \"2s\"{more} }}");
    check(&pool(""), "", "0 a 1 error", "error 10");
    check(&pool(", factor = 2.0"), "", "0 a 1 error", "error 18");
    check(&pool(", factor = 2.0, cap = \"3s\""), "", "0 a 1 error", "error 12");
    check(&pool(", step = \"1s\", exponent = 2.0"), "", "0 a 1 error", "error 15");
    // Its worker is free for others meanwhile.
    check(&pool(""), "", "0 a 1 error; 1 a 1", "error 10, ok 2");
}

#[test]
fn a_turn_passes_before_a_retry_is_looked_for_but_others_may_look_earlier() {
    let pool = "slots = 2\nretry = { max = 1, turn = \"1s\" }\nworker = { restart_delay = \"50s\" }";
    // Slot 1 is idle; the retry waits for the turn at 3.
    check(pool, "", "0 a 2 crash1", "ok 5");
    // An arrival at 2.5 makes the pool look: the head goes first.
    check(pool, "", "0 a 2 crash1; 2.5 a 1", "ok 4.5, ok 5.5");
    // An answer at 2.25 does so too.
    check(pool, "", "0 a 2 crash1; 0 a 2.25", "ok 4.25, ok 2.25");
}

#[test]
fn a_job_whose_waiting_limit_has_passed_is_not_tried_again() {
    let pool = "slots = 1\nwaiting_limit = \"4s\"\nretry = { max = 9, on = [\"error\"], delay = \"3s\" }";
    check(pool, "", "0 a 5 error", "error 5");
    // Tried again at 5, when its limit of 4 has passed.
    check(pool, "", "0 a 2 error", "reneged 5");
}

#[test]
fn a_waiting_limit_holds_again_for_a_job_that_waits_again() {
    let pool = "slots = 1\nwaiting_limit = \"6s\"\nretry = { max = 9, on = [\"error\"], place = \"tail\" }";
    // The second waits from 0 to 1, fails at 3 and waits behind the third until its limit.
    check(pool, "", "0 a 1; 0 a 2 error; 1 a 9", "ok 1, reneged 6, ok 12");
}

#[test]
fn waiting_again_counts_as_waiting_and_not_as_service() {
    let pool = "slots = 1\nwaiting_limit = \"6s\"\nretry = { max = 9, on = [\"error\"], place = \"tail\" }";
    let played = play(pool, "", "0 a 2 error; 1 b 9");
    assert_eq!(played.story(), "reneged 6, ok 11");
    let classes = &played.report.segments[0].classes;
    assert_eq!((classes[0].spent_failed, classes[0].spent_waiting), (2_000_000_000, 4_000_000_000));
}

#[test]
fn poison_costs_a_restart_for_each_of_its_tries() {
    let pool = "slots = 1\nretry = { max = 2 }\nworker = { restart_delay = \"1s\" }";
    let played = play(pool, "", "0 a 1 crash; 0 a 1");
    assert_eq!(played.story(), "crash 5, ok 7");
    assert_eq!(played.of_pool(|pool| u128::from(pool.exits)), 3);
    assert_eq!(played.sum(|class| class.innocent_failures), 0);
}

#[test]
fn a_job_that_crashes_once_was_not_innocent_then() {
    let pool = "slots = 1\nretry = { max = 2 }\nworker = { restart_delay = \"1s\" }";
    let played = play(pool, "", "0 a 1 crash1");
    assert_eq!(played.story(), "ok 3");
    assert_eq!((played.sum(|c| c.innocent_failures), played.sum(|c| c.pool_retries)), (0, 1));
}
