//! Who is next, who is let in, who leaves the queue.

use super::{check, model_text, play, play_text};

#[test]
fn the_first_come_is_served_first() {
    check("slots = 1", "", "0 a 5; 1 a 2; 2 a 1", "ok 5, ok 7, ok 8");
    check("slots = 2", "", "0 a 5; 1 a 2; 2 a 1", "ok 5, ok 3, ok 4");
}

#[test]
fn the_last_come_is_served_first_under_lifo() {
    check("slots = 1\ndiscipline = \"lifo\"", "", "0 a 5; 1 a 2; 2 a 1", "ok 5, ok 8, ok 6");
}

#[test]
fn the_more_urgent_class_goes_first_until_the_other_has_aged() {
    let urgent_a = "b: priority = 1";
    check("slots = 1\ndiscipline = \"priority\"", urgent_a, "0 a 5; 1 b 2; 2 a 1", "ok 5, ok 8, ok 6");
    let ageing = "slots = 1\ndiscipline = { kind = \"priority\", age_step = \"3s\" }";
    check(ageing, urgent_a, "0 a 5; 1 b 2; 2 a 1; 4.5 a 1", "ok 5, ok 8, ok 6, ok 9");
    check(ageing, urgent_a, "0 a 5; 1 b 2; 4.5 a 1", "ok 5, ok 7, ok 8");
}

#[test]
fn the_smallest_goes_first_and_ties_keep_their_order() {
    check(
        "slots = 1\ndiscipline = \"shortest_job\"",
        "",
        "0 a 5; 1 a 3; 2 a 1; 3 b 3",
        "ok 5, ok 9, ok 6, ok 12",
    );
}

#[test]
fn the_earliest_deadline_goes_first_and_who_has_none_goes_last() {
    let more = "[client.c]\ndeadline = \"90s\"\n\
        [source.t]\npool = \"main\"\ntrace = { file = \"t.csv\", time = \"at\", demand = { column = \"work\" }, class = \"kind\" }\n\
        [source.u]\npool = \"main\"\nclient = { deadline = \"50s\" }\n\
        trace = { file = \"u.csv\", time = \"at\", demand = { column = \"work\" }, class = \"kind\" }";
    let text = model_text("slots = 1\ndiscipline = \"earliest_deadline\"", more);
    let played = play_text(&text, &[("s", "0 a 5; 1 a 1"), ("t", "1 a 1"), ("u", "2 a 1")]);
    assert_eq!(played.story(), "ok 5, ok 7, ok 8, ok 6");
}

#[test]
fn classes_share_in_proportion_to_their_weights() {
    // After a's job of 3 s (a third of a share each second at weight 3: 1), b has had none; then 2 against 1.
    let pool = "slots = 1\ndiscipline = \"fair_share\"\nweights = { a = 3.0, b = 1.0 }";
    check(
        pool,
        "",
        "0 a 1; 0.1 a 1; 0.1 a 1; 0.1 a 1; 0.1 b 1; 0.1 b 1",
        "ok 1, ok 3, ok 4, ok 5, ok 2, ok 6",
    );
}

#[test]
fn a_long_queue_is_served_from_its_end_and_a_short_one_from_its_head() {
    let pool = "slots = 1\ndiscipline = { kind = \"adaptive_lifo\", threshold = 2 }";
    check(pool, "", "0 a 5; 1 a 1; 2 a 1; 3 a 1; 4 a 1", "ok 5, ok 8, ok 9, ok 7, ok 6");
}

#[test]
fn a_full_queue_refuses_the_new_or_the_oldest() {
    check("slots = 1\nqueue_capacity = 1", "", "0 a 5; 1 a 2; 2 a 1", "ok 5, ok 7, rejected 2");
    check("slots = 1\nqueue_capacity = 0", "", "0 a 5; 1 a 2; 5 a 1", "ok 5, rejected 1, ok 6");
    let drop = "slots = 1\nqueue_capacity = 1\nwhen_full = \"drop_oldest\"";
    check(drop, "", "0 a 5; 1 a 2; 2 a 1", "ok 5, rejected 2, ok 6");
    let none = "slots = 1\nqueue_capacity = 0\nwhen_full = \"drop_oldest\"";
    check(none, "", "0 a 5; 1 a 2", "ok 5, rejected 1");
}

#[test]
fn a_dropped_oldest_job_counts_as_rejected_and_as_having_waited() {
    let played =
        play("slots = 1\nqueue_capacity = 1\nwhen_full = \"drop_oldest\"", "", "0 a 5; 1 a 2; 4 a 1");
    assert_eq!(played.story(), "ok 5, rejected 4, ok 6");
    assert_eq!(played.sum(|class| class.outcomes[poolsim::outcome::Outcome::Rejected as usize]), 1);
    assert_eq!(played.sum(|class| class.wait_left.sum as u64), 3_000_000_000);
    assert_eq!(played.sum(|class| class.attempts_rejected), 0, "it was let in");
}

#[test]
fn a_job_leaves_the_queue_when_its_waiting_limit_passes_but_not_its_worker() {
    check("slots = 1\nwaiting_limit = \"3s\"", "", "0 a 5; 1 a 2; 2.5 a 1", "ok 5, reneged 4, ok 6");
    // The lesser of the pool's limit and the source's patience counts.
    check(
        "slots = 1\nwaiting_limit = \"3s\"",
        "source: patience = \"1s\"",
        "0 a 5; 1 a 2",
        "ok 5, reneged 2",
    );
}

#[test]
fn a_waiting_limit_that_never_passes_leaves_no_trace() {
    let jobs = "0 a 5; 0 a 4; 1 a 2; 2.5 a 1; 3 a 4; 3 a 1; 20 a 1; 30 a 1";
    for order in ["fifo", "lifo", "shortest_job", "random"] {
        let [with, without] = ["waiting_limit = \"15s\"", ""]
            .map(|limit| play(&format!("slots = 2\ndiscipline = \"{order}\"\n{limit}"), "", jobs).report)
            .map(|report| (report.fingerprint, report.events, report.end));
        assert_eq!(with, without, "{order}: timers of jobs that have started are no events");
    }
}

#[test]
fn each_attempt_of_a_client_has_a_waiting_limit_of_its_own() {
    let more = "[client.c]\nretry = { max = 1, on = [\"reneged\"], base = \"1s\" }";
    check("slots = 1\nwaiting_limit = \"2s\"", more, "0 a 6; 1 a 2; 5 a 1", "ok 6, ok 8, ok 9");
}

#[test]
fn a_bucket_lets_a_burst_in_and_then_its_rate() {
    let pool = "slots = 9\nadmission = [{ kind = \"token_bucket\", rate = \"0.5/s\", burst = 2 }]";
    check(
        pool,
        "",
        "0 a 1; 0 a 1; 0 a 1; 1 a 1; 2 a 1; 3 a 1",
        "ok 1, ok 1, rejected 0, rejected 1, ok 3, rejected 3",
    );
}

#[test]
fn controlled_delay_drops_at_dispatch_once_the_wait_has_stood_above_its_target() {
    // Waits at dispatch: 0, 2 (above from 2 on), 4 (2 s later: dropped), then 4 (before 2 + 4: served), then at 8
    // the next is due and dropped.
    let pool = "slots = 1\nadmission = [{ kind = \"codel\", target = \"1s\", interval = \"2s\" }]";
    let jobs = "0 a 2; 0 a 2; 0 a 2; 0 a 2; 0 a 2; 0 a 2; 0 a 2";
    check(pool, "", jobs, "ok 2, ok 4, rejected 4, ok 6, rejected 6, ok 8, ok 10");
}

#[test]
fn a_concurrency_limit_counts_waiting_and_running_jobs() {
    let pool = "slots = 1\nadmission = [{ kind = \"concurrency\", limit = 2 }]";
    check(pool, "", "0 a 2; 0 a 2; 0 a 2; 2 a 1", "ok 2, ok 4, rejected 0, ok 5");
}

#[test]
fn an_adaptive_limit_falls_after_a_slow_job_and_grows_with_good_ones() {
    let aimd = "slots = 4\nadmission = [{ kind = \"aimd\", initial = 4, backoff = 0.5, target = \"2s\" }]";
    // The job of 3 s is too slow: from 3 on two are let in.
    check(aimd, "", "0 a 3; 4 a 1; 4 a 1; 4 a 1", "ok 3, ok 5, ok 5, rejected 4");
    // A limit of 2 grows by one after two good ones.
    let two = "slots = 4\nadmission = [{ kind = \"aimd\", initial = 2, backoff = 0.5, target = \"2s\" }]";
    check(two, "", "0 a 1; 0 a 1; 0 a 1; 2 a 1; 2 a 1; 2 a 1", "ok 1, ok 1, rejected 0, ok 3, ok 3, ok 3");
}

#[test]
fn reserved_slots_are_left_free_for_their_class() {
    let pool = "slots = 2\nreserved = { b = 1 }";
    check(pool, "", "0 a 5; 1 a 2; 2 b 1", "ok 5, ok 7, ok 3");
    check(pool, "", "0 b 5; 1 a 2; 2 b 1", "ok 5, ok 3, ok 4");
    // Passed over, the second of a still goes before the third.
    check(pool, "", "0 a 5; 1 a 2; 1 a 1; 2 b 9; 3 b 1", "ok 5, ok 7, ok 8, ok 11, ok 9");
}

#[test]
fn a_job_that_may_start_needs_no_waiting_place() {
    let pool = "slots = 2\nqueue_capacity = 1\nreserved = { b = 1 }";
    check(pool, "", "0 a 5; 1 a 2; 2 b 1; 2 a 1", "ok 5, ok 7, ok 3, rejected 2");
}

#[test]
fn reserves_are_given_back_by_workers_that_are_killed() {
    // The frozen job of b is killed by its heartbeat at 5; its reserve must be free again for a and b alike.
    let pool = "slots = 2\nreserved = { b = 1 }\n\
        worker = { heartbeat_interval = \"2s\", heartbeat_timeout = \"5s\", kill_exit = \"1s\" }";
    check(pool, "", "0 b 1 freeze; 10 a 5; 11 a 2; 12 b 1", "crash 6, ok 15, ok 17, ok 13");
}

#[test]
fn a_paused_pool_starts_nothing_and_takes_jobs_in() {
    let fault = "[[fault]]\nkind = \"pause_pool\"\npool = \"main\"\nat = \"1s\"\nduration = \"4s\"";
    check("slots = 1", fault, "0 a 2; 1 a 2; 3 a 1", "ok 2, ok 7, ok 8");
    check("slots = 1\nqueue_capacity = 0", fault, "2 a 2; 6 a 1", "rejected 2, ok 7");
    let two = format!("{fault}\n{}", fault.replace("1s", "3s"));
    check("slots = 1", &two, "0 a 2; 1 a 2", "ok 2, ok 9");
}
