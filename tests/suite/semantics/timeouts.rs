//! Time-outs of the pool, what they do with workers, and what the dying window costs.

use super::{check, play};

const BRIDGE: &str = "slots = 1\nservice_timeout = \"5s\"\n\
    worker = { kill_exit = \"1s\", restart_delay = \"2s\", start_up = \"3s\", dying_window = true }";

#[test]
fn a_time_out_kills_the_worker_which_is_replaced() {
    let pool = BRIDGE.replace(", dying_window = true", "");
    let played = play(&pool, "", "0 a 9; 1 a 2");
    // 5 to notice, 1 to exit, 2 of delay, 3 of start-up.
    assert_eq!(played.story(), "timeout 5, ok 13");
    assert_eq!(played.slot_secs(|slots| slots.in_vain()), 5.0);
    assert_eq!(played.slot_secs(|slots| slots.restarting), 3.0);
    assert_eq!(played.slot_secs(|slots| slots.starting), 3.0);
    assert_eq!(played.slot_secs(|slots| slots.useful), 2.0);
}

#[test]
fn work_that_ends_at_its_time_out_has_ended_in_time() {
    check(BRIDGE, "", "0 a 5", "ok 5");
}

#[test]
fn a_time_out_under_load_costs_an_innocent_job_its_retry() {
    let pool = format!("{BRIDGE}\nretry = {{ max = 1 }}");
    let played = play(&pool, "", "0 a 9; 1 a 2");
    assert_eq!(played.story(), "timeout 5, ok 13");
    assert_eq!(played.ends[1].hand_overs, 2, "one of them to the dying worker");
    assert_eq!((played.sum(|c| c.pool_retries), played.sum(|c| c.innocent_failures)), (1, 1));
}

#[test]
fn without_retries_a_time_out_under_load_fails_an_innocent_job() {
    check(BRIDGE, "", "0 a 9; 1 a 2; 2 a 2", "timeout 5, crash 6, ok 13");
}

#[test]
fn a_time_out_with_an_empty_queue_harms_nobody_unless_a_job_comes_before_the_exit_is_noticed() {
    check(BRIDGE, "", "0 a 9; 7 a 2", "timeout 5, ok 13");
    check(BRIDGE, "", "0 a 9; 5.5 a 2", "timeout 5, crash 6");
}

#[test]
fn a_failed_write_ends_the_victim_without_a_retry_and_gives_the_next_to_the_same_corpse() {
    let pool = format!("{BRIDGE}\nretry = {{ max = 1 }}").replace("true }", "true, write_error = 1.0 }");
    // The second write raises no error: its job waits for the exit and is retried.
    check(&pool, "", "0 a 9; 1 a 2; 2 a 2; 3 a 1", "timeout 5, write_error 5, ok 13, ok 14");
}

#[test]
fn two_time_outs_take_both_tries_of_the_same_head() {
    let pool = format!("{BRIDGE}\nretry = {{ max = 1 }}").replace("slots = 1", "slots = 2");
    // At 5 the head goes to the first corpse; back at the head at 6, it goes to the second, whose exit is noticed
    // at 6.5.
    check(&pool, "", "0 a 9; 0.5 a 9; 1 a 2", "timeout 5, timeout 5.5, crash 6.5");
    check(&pool, "", "0 a 9; 1.5 a 9; 2 a 2", "timeout 5, timeout 6.5, crash 7.5");
}

#[test]
fn a_cancelled_worker_is_free_after_its_grace() {
    let pool = "slots = 1\nservice_timeout = \"5s\"\non_timeout = \"cancel\"\ncancel_grace = \"1s\"";
    let played = play(pool, "", "0 a 9; 1 a 2");
    assert_eq!(played.story(), "timeout 5, ok 8");
    assert_eq!(played.slot_secs(|slots| slots.in_vain()), 6.0);
    check(&pool.replace("cancel_grace = \"1s\"", ""), "", "0 a 9; 1 a 2", "timeout 5, ok 7");
}

#[test]
fn abandoned_work_goes_on_for_nobody() {
    let pool = "slots = 1\nservice_timeout = \"5s\"\non_timeout = \"abandon\"";
    let played = play(pool, "", "0 a 9; 1 a 2");
    assert_eq!(played.story(), "timeout 5, ok 11");
    assert_eq!(played.slot_secs(|slots| slots.in_vain()), 5.0);
    assert_eq!(played.slot_secs(|slots| slots.zombie), 4.0);
}

#[test]
fn a_time_out_can_count_from_arrival_or_over_all_attempts() {
    let arrival = "slots = 1\nservice_timeout = \"5s\"\ntimeout_from = \"arrival\"\non_timeout = \"cancel\"";
    check(arrival, "", "0 a 4; 1 a 4; 2 a 1", "ok 4, timeout 6, ok 7");
    let retried = "retry = { max = 3, on = [\"crash\", \"timeout\"] }";
    let crash_at_2 = "0 a 2 crash";
    let dispatch = "slots = 1\nservice_timeout = \"5s\"";
    // Four attempts of 2 s each; over all attempts the third is cut at 5 s, and no time is left for another.
    check(&format!("{dispatch}\n{retried}"), "", crash_at_2, "crash 8");
    let total = format!("{dispatch}\n{retried}\ntimeout_from = \"total_service\"");
    check(&total, "", crash_at_2, "timeout 5");
    check(&format!("{arrival}\n{retried}"), "", "0 a 9", "timeout 5");
}

#[test]
fn a_time_out_from_arrival_ends_those_that_wait_and_costs_no_worker() {
    let pool = "slots = 1\nservice_timeout = \"3s\"\ntimeout_from = \"arrival\"\n\
        worker = { kill_exit = \"1s\", restart_delay = \"1s\" }";
    let played = play(pool, "", "0 a 2; 0 a 2; 0 a 2; 1 a 9; 6 a 1");
    assert_eq!(played.story(), "ok 2, timeout 3, timeout 3, timeout 4, ok 7");
    assert_eq!(played.of_pool(|pool| u128::from(pool.kills)), 1);
    // The worker is free again at the very instant.
    check(pool, "", "0 a 3; 0 a 1; 3.5 a 1", "ok 3, timeout 3, ok 4.5");
    // A waiting limit that is shorter is still a waiting limit, and a job that is tried again has what is left.
    check(&format!("{pool}\nwaiting_limit = \"1s\""), "", "0 a 2; 0 a 2", "ok 2, reneged 1");
    let retried = pool.replace("delay = \"1s\"", "delay = \"5s\"") + "\nretry = { max = 1 }";
    check(&retried, "", "0 a 1 crash1", "timeout 3");
    // Work that is abandoned is done all the same, in its turn.
    let abandoned =
        "slots = 1\nservice_timeout = \"3s\"\ntimeout_from = \"arrival\"\non_timeout = \"abandon\"";
    check(abandoned, "", "0 a 5; 1 a 2; 6 a 2", "timeout 3, timeout 5, ok 9");
}

#[test]
fn timers_fire_late_and_answers_take_their_way() {
    let pool = "slots = 1\nservice_timeout = \"5s\"\non_timeout = \"cancel\"\n\
        transport = { dispatch = \"100ms\", late = \"10ms\", reply = \"1ms\", timer_late = \"500ms\" }";
    check(pool, "", "0 a 2; 3 a 5.2; 9 a 9", "ok 2.111, ok 8.311, timeout 14.5");
}

#[test]
fn a_client_that_cancels_does_with_the_worker_what_a_time_out_does() {
    let more = "[client.c]\nattempt_deadline = \"3s\"\ncancels = true";
    let worker = "worker = { kill_exit = \"1s\", restart_delay = \"2s\" }";
    let rule =
        |then: &str| format!("slots = 1\nservice_timeout = \"50s\"\non_timeout = \"{then}\"\n{worker}");
    check(&rule("kill"), more, "0 a 9; 4 a 1", "timeout 3, ok 7");
    let played = play(&format!("{}\ncancel_grace = \"2s\"", rule("cancel")), more, "0 a 9; 4 a 1");
    assert_eq!(played.story(), "timeout 3, ok 6");
    let played = play(&rule("abandon"), more, "0 a 6; 4 a 1");
    assert_eq!(played.story(), "timeout 3, ok 7");
    assert_eq!(played.slot_secs(|slots| slots.zombie), 3.0);
    check("slots = 1", more, "0 a 9; 1 a 2; 2 a 1", "timeout 3, timeout 4, ok 5");
}

#[test]
fn a_pool_without_a_time_out_has_no_kill_to_offer_unless_it_says_so() {
    let more = "[client.c]\nattempt_deadline = \"3s\"\ncancels = true";
    let worker = "slots = 1\nworker = { kill_exit = \"1s\", restart_delay = \"2s\" }";
    let with = |rest: &str| play(&format!("{worker}\n{rest}"), more, "0 a 9; 4 a 1").story();
    // Nothing is said: the client takes its job back and the worker is free.
    assert_eq!(with(""), "timeout 3, ok 5");
    // A time-out that never fires kills all the same, for that is what it does by default.
    assert_eq!(with("service_timeout = \"50s\""), "timeout 3, ok 7");
    // What is written holds for a client that cancels, with and without a time-out.
    for limit in ["", "service_timeout = \"none\"", "service_timeout = \"50s\""] {
        assert_eq!(with(&format!("{limit}\non_timeout = \"kill\"")), "timeout 3, ok 7", "{limit}");
        let grace = "on_timeout = \"cancel\"\ncancel_grace = \"2s\"";
        assert_eq!(with(&format!("{limit}\n{grace}")), "timeout 3, ok 6", "{limit}");
        assert_eq!(with(&format!("{limit}\non_timeout = \"abandon\"")), "timeout 3, timeout 7", "{limit}");
    }
}

/// Two lengths, as likely.
const DRAWN: &str = "{ dist = \"discrete\", values = [\"2s\", \"9s\"], probabilities = [0.5, 0.5] }";

/// So many requests of 5 s at once.
fn burst(number: usize) -> String {
    vec!["0 a 5"; number].join("; ")
}

#[test]
fn a_constant_is_the_same_however_it_is_written() {
    let dist = BRIDGE.replace("\"5s\"", "{ dist = \"deterministic\", value = \"5s\" }");
    let requests = "0 a 9; 1 a 2; 4 a 6; 9 a 1";
    let (plain, written) = (play(BRIDGE, "", requests), play(&dist, "", requests));
    assert_eq!(plain.story(), written.story());
    assert_eq!(plain.report.fingerprint, written.report.fingerprint);
}

#[test]
fn a_drawn_time_out_is_drawn_for_each_attempt() {
    let pool = format!("slots = \"unlimited\"\non_timeout = \"cancel\"\nservice_timeout = {DRAWN}");
    let story = play(&pool, "", &burst(60)).story();
    let (timed_out, ok) = (story.matches("timeout 2").count(), story.matches("ok 5").count());
    assert_eq!(timed_out + ok, 60, "{story}");
    assert!((15..=45).contains(&timed_out), "{story}");
    // A second attempt has another draw: of those that try again, about half get through.
    let again = format!("{pool}\nretry = {{ max = 1, on = [\"timeout\"] }}");
    let story = play(&again, "", &burst(60)).story();
    assert_eq!(story.matches("ok 5").count(), ok, "the first draws are the same");
    let second = story.matches("ok 7").count();
    assert!(second > 0 && second < timed_out, "{story}");
    assert_eq!(ok + second + story.matches("timeout 4").count(), 60, "{story}");
}

#[test]
fn a_drawn_time_out_from_arrival_ends_those_that_wait() {
    let pool =
        format!("slots = 1\non_timeout = \"cancel\"\ntimeout_from = \"arrival\"\nservice_timeout = {DRAWN}");
    let story = play(&pool, "", &burst(20)).story();
    let at = |end: &str| story.split(", ").filter(|one| *one == end).count();
    let (short, long) = (at("timeout 2"), at("timeout 9"));
    assert!(short >= 3 && long >= 3, "{story}");
    assert_eq!(short + long + at("ok 5") + at("ok 7"), 20, "{story}");
}

#[test]
fn a_drawn_time_out_over_all_attempts_is_one_draw() {
    let pool = format!(
        "slots = \"unlimited\"\non_timeout = \"cancel\"\ntimeout_from = \"total_service\"\nservice_timeout = {DRAWN}\n\
         retry = {{ max = 1, on = [\"crash\"] }}"
    );
    // The first attempt leaves at 5; a second draw of 2 s would end the second attempt at once.
    let requests = vec!["0 a 5 crash1"; 60].join("; ");
    let story = play(&pool, "", &requests).story();
    let (short, long) = (story.matches("timeout 2").count(), story.matches("timeout 9").count());
    assert_eq!(short + long, 60, "{story}");
    assert!(short > 0 && long > 0, "{story}");
}
