//! The character of each preset: what one would notice first when the scheduler is put in place of another.

use super::{check, play};

/// A pool of one preset; `more` are further keys.
fn pool(name: &str, slots: u32, more: &str) -> String {
    format!("preset = \"{name}\"\nslots = {slots}\n{more}")
}

/// Attempts and story of requests whose client is a preset, at a pool that serves one at a time.
fn client(name: &str, more: &str, requests: &str) -> (u64, String) {
    let played = play(&format!("slots = 1\n{more}"), &format!("[client.c]\npreset = \"{name}\""), requests);
    (played.sum(|class| class.attempts), played.story())
}

/// When the first request ended.
fn end(story: &str) -> f64 {
    let first = story.split(", ").next().and_then(|end| end.split(' ').nth(1));
    first.and_then(|at| at.parse().ok()).expect("a story of at least one end")
}

#[test]
fn the_orchestrator_hands_the_next_task_to_the_worker_that_it_kills() {
    let short = "service_timeout = \"10s\"\nretry = { max = 0 }";
    // Timer 0.77 ms late, exit noticed 2.31 ms after the kill, restart 250 ms, start-up 160 ms, 0.75 ms there and back.
    let requests = "0 a 99 hang; 1 a 1";
    check(&pool("orchestrator-bridge", 1, short), "", requests, "timeout 10.00077, crash 10.00308");
    check(&pool("orchestrator-bridge-fixed", 1, short), "", requests, "timeout 10.00077, ok 11.41383");
    // With the retry that it has by itself the victim only loses that.
    let requests = "0 a 99 hang; 1 a 1";
    let kind = "service_timeout = \"10s\"";
    check(&pool("orchestrator-bridge", 1, kind), "", requests, "timeout 10.00077, ok 11.41383");
    // A task that crashes its worker goes first again, once.
    let crash = "crash 2.41438, ok 3.82513";
    check(&pool("orchestrator-bridge", 1, ""), "", "0 a 1 crash; 0 a 1", crash);
}

#[test]
fn workerpool_starts_workers_on_demand_and_retries_nothing() {
    let played = play(&pool("workerpool", 2, "service_timeout = \"5s\""), "", "0 a 1; 4 a 9");
    assert_eq!(played.story(), "ok 1.04, timeout 9");
    assert_eq!(
        played.of_pool(|pool| u128::from(pool.spawns)),
        1,
        "the second task finds the first worker idle"
    );
    check(&pool("workerpool", 1, ""), "", "0 a 1 crash; 0.5 a 1", "crash 1.042, ok 2.082");
}

#[test]
fn piscina_has_threads_from_the_start_and_an_abort_ends_one() {
    // Aborted at 2, the thread is gone a millisecond later and its successor up after another 15.
    let abort = "[client.c]\ndeadline = \"2s\"\ncancels = true";
    check(&pool("piscina", 1, ""), abort, "0 a 9; 1 a 1", "timeout 2, timeout 3");
    check(&pool("piscina", 1, ""), abort, "0 a 9; 1.5 a 1", "timeout 2, ok 3.016");
    check(&pool("piscina", 2, ""), "", "0 a 5; 0 a 1 crash", "ok 5, crash 1.001");
}

#[test]
fn a_crash_breaks_the_whole_process_pool_of_python() {
    let requests = "0 a 5; 0 a 2 crash; 1 a 1; 6 a 1";
    check(&pool("python-process-pool", 2, ""), "", requests, "crash 2.05, crash 2.05, crash 2.05, ok 7");
    // Who gives up on a result leaves the call running: the next one waits for it.
    let abort = "[client.c]\ndeadline = \"8s\"\ncancels = true";
    check(&pool("python-process-pool", 1, ""), abort, "0 a 9; 2 a 0.5", "timeout 8, ok 9.55");
}

#[test]
fn celery_loses_the_task_of_a_lost_worker() {
    check(&pool("celery-redis", 1, ""), "", "0 a 1 crash; 0 a 1", "crash 1.006, ok 2.038");
    check(&pool("celery-redis", 1, "service_timeout = \"3s\""), "", "0 a 9", "timeout 3");
}

#[test]
fn sidekiq_retries_errors_with_the_fourth_power_and_a_dead_process_loses_its_threads() {
    let steady = "retry = { spread = \"0s\", max = 2 }";
    check(&pool("sidekiq", 1, steady), "", "0 a 1 error", "error 34.003");
    check(&pool("sidekiq", 2, ""), "", "0 a 5; 0 a 2 crash; 0 a 1", "crash 2.001, crash 2.001, ok 8.002");
    // The whole course: 25 retries take about three weeks.
    let story = play(&pool("sidekiq", 1, ""), "", "0 a 1 error").story();
    let days = end(&story) / 86_400.0;
    assert!(story.starts_with("error") && (20.0..22.0).contains(&days), "{days} days: {story}");
}

#[test]
fn bullmq_finds_a_stalled_job_late_and_once() {
    check(&pool("bullmq", 1, ""), "", "0 a 1 crash", "crash 47.002");
    check(&pool("bullmq", 1, ""), "", "0 a 1 error", "error 1.002");
}

#[test]
fn a_kubernetes_job_starts_a_pod_for_each_try_and_doubles_its_delay() {
    let quick = "worker = { start_up = \"2s\", kill_exit = \"0s\" }\nretry = { max = 2 }";
    let played = play(&pool("k8s-job", 1, quick), "", "0 a 1 error");
    assert_eq!(played.story(), "error 39");
    assert_eq!(played.of_pool(|pool| u128::from(pool.spawns)), 3);
    // Six tries more, at 10, 20, 40, 80, 160, 320 seconds; with starts of two seconds and a second of work.
    let all = "worker = { start_up = \"2s\", kill_exit = \"0s\" }";
    check(&pool("k8s-job", 1, all), "", "0 a 1 error", "error 651");
}

#[test]
fn grpc_retries_what_nobody_answered_until_half_its_tokens_are_gone() {
    let (attempts, story) = client("grpc", "", "0 a 1 error");
    assert_eq!((attempts, story.as_str()), (1, "error 1"));
    let (attempts, story) = client("grpc", "", "0 a 1 crash");
    assert!(attempts == 4 && (4.0..4.7).contains(&end(&story)), "{attempts}: {story}");
    // Four failures leave six of ten tokens, the fifth leaves half: no more retries.
    assert_eq!(client("grpc", "", "0 a 1 crash; 100 a 1 crash; 200 a 1 crash").0, 6);
    // Errors that are not retried take no tokens.
    assert_eq!(client("grpc", "", "0 a 1 error; 10 a 1 error; 20 a 1 error; 30 a 1 crash").0, 7);
}

#[test]
fn aws_makes_three_attempts_with_full_jitter() {
    let (attempts, story) = client("aws-standard", "", "0 a 1 error");
    assert!(attempts == 3 && (3.0..6.0).contains(&end(&story)), "{attempts}: {story}");
}

#[test]
fn envoy_retries_once_and_soon_within_fifteen_seconds() {
    let (attempts, story) = client("envoy", "", "0 a 1 error");
    assert!(attempts == 2 && (2.0..2.025).contains(&end(&story)), "{attempts}: {story}");
    assert_eq!(client("envoy", "", "0 a 20; 0 a 1").1, "timeout 15, timeout 15");
}

#[test]
fn finagle_requeues_at_once_what_was_never_processed() {
    assert_eq!(client("finagle", "", "0 a 1 error"), (1, String::from("error 1")));
    assert_eq!(
        client("finagle", "queue_capacity = 0", "0 a 5; 1 a 1"),
        (22, String::from("ok 5, rejected 1"))
    );
}
