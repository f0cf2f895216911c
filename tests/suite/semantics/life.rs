//! Starting, beating, leaving, crashing, and how far a crash reaches.

use super::{check, model_text, play, play_text};
use poolsim::outcome::Outcome;

#[test]
fn a_cold_worker_serves_when_it_is_ready() {
    check("slots = 1\nworker = { warm_start = false, start_up = \"2s\" }", "", "0 a 3; 1 a 1", "ok 5, ok 6");
}

#[test]
fn a_start_that_takes_too_long_is_given_up_and_tried_again() {
    let pool = "slots = 1\nworker = { warm_start = false, start_up = \"2s\", first_start_up = [\"10s\"], \
        start_timeout = \"3s\", kill_exit = \"0.5s\", restart_delay = \"1s\" }";
    check(pool, "", "0 a 1", "ok 7.5");
}

#[test]
fn a_run_ends_where_no_job_can_ever_start_or_end() {
    let never_ready = "slots = 1\nworker = { warm_start = false, start_up = \"3s\", start_timeout = \"1s\", restart_delay = \"1s\" }";
    // Its heartbeats say that all is well.
    let hangs = "slots = 1\nworker = { heartbeat_interval = \"1s\", heartbeat_timeout = \"3s\" }";
    for (pool, requests) in [(never_ready, "0 a 1; 1 a 1"), (hangs, "0 a 1 hang; 1 a 1")] {
        let text = model_text(pool, "").replace("horizon = \"1000s\"", "horizon = \"16s\"");
        let counted = text.replace("horizon = \"16s\"", "requests = 2").replace("drain = true", "");
        for text in [text, counted] {
            let played = play_text(&text, &[("s", requests)]);
            assert_eq!(played.sum(|class| class.outcomes[Outcome::Unfinished as usize]), 2, "{text}");
            assert!(played.report.events < 3_000_000, "{} events\n{text}", played.report.events);
        }
    }
    // What takes long, but ends, is waited for.
    let text = model_text("slots = 1", "").replace("horizon = \"1000s\"", "horizon = \"16s\"");
    assert_eq!(play_text(&text, &[("s", "0 a 1; 1 a 30000000")]).story(), "ok 1, ok 30000001");
}

#[test]
fn start_ups_that_need_the_core_slow_each_other_down() {
    let pool =
        "slots = 2\nhost = \"box\"\nworker = { warm_start = false, start_up = \"1s\", start_up_cpu = 1.0 }";
    check(pool, "[host.box]\ncores = 1", "0 a 1; 0 a 1", "ok 4, ok 4");
    let waits = pool.replace("start_up_cpu = 1.0", "start_up_cpu = 0");
    check(&waits, "[host.box]\ncores = 1", "0 a 1; 0 a 1", "ok 3, ok 3");
}

#[test]
fn a_slot_whose_worker_cannot_be_spawned_is_lost() {
    let pool = "slots = 1\nwaiting_limit = \"9s\"\nworker = { warm_start = false, spawn_failure = 1.0 }";
    let played = play(pool, "", "0 a 1");
    assert_eq!(played.story(), "reneged 9");
    assert_eq!(played.slot_secs(|slots| slots.lost), played.slot_secs(|slots| slots.capacity));
}

#[test]
fn a_cold_pool_starts_workers_for_jobs_and_lets_them_go() {
    let pool = "slots = 2\nworker = { warm_start = false, start_up = \"1s\", idle_shutdown = \"3s\" }";
    // The second job finds the worker idle; the third finds it gone.
    let played = play(pool, "", "0 a 1; 4 a 1; 20 a 1");
    assert_eq!(played.story(), "ok 2, ok 5, ok 22");
    assert_eq!(played.of_pool(|pool| u128::from(pool.spawns)), 2);
    // One job, one worker; two jobs, two.
    check(pool, "", "0 a 5; 0 a 5", "ok 6, ok 6");
    let none_waits = format!("{pool}\nqueue_capacity = 0");
    check(&none_waits, "", "0 a 5; 0 a 5; 0 a 5", "ok 6, ok 6, rejected 0");
}

#[test]
fn arrivals_that_find_a_slot_switched_off_are_counted() {
    let pool = "slots = 1\nworker = { start_up = \"1s\", idle_shutdown = \"2s\", warm_start = false }";
    let played = play(pool, "", "0 a 1; 0.5 a 1; 7 a 1; 7.5 a 1; 11 a 1");
    assert_eq!(played.story(), "ok 2, ok 3, ok 9, ok 10, ok 12");
    // At 0 and at 7 it is off; at 0.5 and 7.5 it is being started, at 11 it idles.
    assert_eq!(played.of_pool(|pool| u128::from(pool.cold_starts)), 2);
}

#[test]
fn a_worker_is_replaced_after_so_many_jobs() {
    let pool = "slots = 1\nworker = { recycle_after = 2, restart_delay = \"1s\", start_up = \"2s\" }";
    let played = play(pool, "", "0 a 1; 0 a 1; 0 a 1");
    assert_eq!(played.story(), "ok 1, ok 2, ok 6");
    assert_eq!(played.of_pool(|pool| u128::from(pool.exits)), 1);
}

#[test]
fn a_crash_takes_the_job_or_the_worker_or_all_that_run_or_all_there_is() {
    let pool = |radius: &str| {
        format!(
            "slots = 2\nworker = {{ crash_radius = \"{radius}\", crash_exit = \"1s\", kill_exit = \"1s\", \
             restart_delay = \"2s\" }}"
        )
    };
    let jobs = "0 a 2 crash; 0 a 9; 1 a 1";
    check(&pool("job"), "", jobs, "crash 2, ok 9, ok 3");
    check(&pool("worker"), "", jobs, "crash 3, ok 9, ok 6");
    // At 3 the other worker is killed; its exit is noticed at 4.
    check(&pool("running"), "", jobs, "crash 3, crash 4, ok 6");
    check(&pool("pool"), "", jobs, "crash 3, crash 4, crash 3");
}

#[test]
fn what_a_crash_takes_along_is_tried_again_on_workers_that_come_after_it() {
    let pool = "slots = 2\nretry = { max = 1 }\nworker = { crash_radius = \"pool\", crash_exit = \"1s\", \
        kill_exit = \"1s\", restart_delay = \"2s\" }";
    // At 3 the one that waits and the culprit go back to the head, at 4 the one that ran; workers are back at 5 and 6.
    check(pool, "", "0 a 2 crash1; 0 a 9; 1 a 1", "ok 8, ok 14, ok 9");
    // An idle worker goes down with the others, and so is not there to take the culprit.
    check(pool, "", "0 a 2 crash1", "ok 7");
}

#[test]
fn a_worker_killed_from_outside_breaks_a_process_pool_too() {
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nslot = 0\nat = \"2s\"";
    let pool = "slots = 2\nworker = { crash_radius = \"pool\" }";
    check(pool, fault, "0 a 5; 0 a 5; 1 a 1; 3 a 1", "crash 2, crash 2, crash 2, ok 4");
}

#[test]
fn heartbeats_find_a_frozen_worker_and_not_a_hanging_job() {
    let pool = "slots = 1\nservice_timeout = \"20s\"\nretry = { max = 1 }\n\
        worker = { heartbeat_interval = \"2s\", heartbeat_timeout = \"5s\", kill_exit = \"1s\", restart_delay = \"1s\" }";
    // Frozen at 3, the last beat was at 2: killed at 7, noticed at 8; then again: ready at 9, frozen at 12, last
    // beat at 11, killed at 16, noticed at 17.
    check(pool, "", "0 a 3 freeze; 1 a 1", "crash 17, ok 19");
    check(pool, "", "0 a 3 hang; 1 a 1", "timeout 20, ok 23");
}

#[test]
fn a_frozen_worker_that_is_cancelled_stays_frozen_until_its_heartbeat_is_missed() {
    let pool = "slots = 1\nservice_timeout = \"4s\"\non_timeout = \"cancel\"\n\
        worker = { heartbeat_interval = \"2s\", heartbeat_timeout = \"9s\", kill_exit = \"1s\" }";
    // Frozen at 1, cancelled at 4; the next job gets no answer either and is cancelled at 8; killed at 9.
    check(pool, "", "0 a 1 freeze; 3 a 1; 9.5 a 1", "timeout 4, timeout 8, ok 11");
}

#[test]
fn warm_workers_were_ready_before_and_beat_accordingly() {
    let pool = "slots = 1\nworker = { heartbeat_interval = \"4s\", heartbeat_timeout = \"5s\", ready_before = [\"1s\"] }";
    // Beats at 3 and 7; frozen at 4, killed at 8.
    check(pool, "", "0 a 4 freeze", "crash 8");
    // Frozen at 1, before its first beat of this run: the last sign was its word that it is ready, at -1.
    check(pool, "", "0 a 1 freeze", "crash 4");
}

#[test]
fn idle_workers_are_chosen_in_the_order_asked_for() {
    let kill =
        |slot: u32| format!("[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nslot = {slot}\nat = \"5s\"");
    let pool = |order: &str| format!("slots = 2\nidle_order = \"{order}\"");
    // The first job goes to slot 0, but to slot 1 under most_recent; the job at 4 is killed in the slot named.
    for (order, slot) in [("lowest_index", 0), ("most_recent", 0), ("longest_idle", 0)] {
        check(&pool(order), &kill(slot), "0 a 2; 0 a 3; 4 a 2", "ok 2, ok 3, crash 5");
    }
    for (order, slot) in [("lowest_index", 0), ("most_recent", 1), ("longest_idle", 1)] {
        check(&pool(order), &kill(slot), "0 a 3; 0 a 2; 4 a 2", "ok 3, ok 2, crash 5");
    }
}
