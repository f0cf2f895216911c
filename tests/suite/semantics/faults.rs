//! What goes wrong from outside: breakdowns, killed workers and instances, slow hosts.

use super::{check, play};

fn breakdown(rest: &str) -> String {
    format!("slots = 1\nbreakdown = {{ {rest} }}")
}

#[test]
fn a_broken_job_resumes_or_starts_again_or_crashes() {
    let jobs = "2 a 4; 3 a 0.5";
    check(&breakdown("up = \"5s\", down = \"2s\""), "", jobs, "ok 8, ok 8.5");
    check(&breakdown("up = \"5s\", down = \"2s\", job = \"restart\""), "", jobs, "ok 11, ok 11.5");
    check(&breakdown("up = \"5s\", down = \"2s\", job = \"crash\""), "", jobs, "crash 5, ok 7.5");
}

#[test]
fn slots_that_only_wear_out_at_work_add_their_busy_time_up() {
    let pool = breakdown("up = \"3s\", down = \"2s\", while_idle = false");
    // Two seconds of wear from the first job, one from the second: down from 11 to 13.
    check(&pool, "", "0 a 2; 10 a 2; 30 a 1.5", "ok 2, ok 14, ok 31.5");
}

#[test]
fn a_slot_that_breaks_down_while_its_worker_restarts_starts_one_afterwards() {
    let pool = "slots = 1\nbreakdown = { up = \"5s\", down = \"2s\" }\n\
        worker = { restart_delay = \"2s\", start_up = \"1s\" }";
    // Crashed at 4, to be spawned at 6; down from 5 to 7, spawned at 7, ready at 8.
    check(pool, "", "3 a 1 crash; 4 a 1", "crash 4, ok 9");
}

#[test]
fn the_pool_learns_of_a_killed_worker_when_its_exit_is_noticed() {
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nat = \"2s\"";
    let pool = "slots = 1\nworker = { crash_exit = \"3s\", restart_delay = \"1s\" }";
    let played = play(pool, fault, "0 a 9; 4 a 1");
    assert_eq!(played.story(), "crash 5, ok 7");
    assert_eq!(played.slot_secs(|slots| slots.in_vain()), 5.0);
    // An idle one gets jobs until then, whether it has a dying window or not.
    check(pool, fault, "3 a 1; 4 a 1", "crash 5, ok 7");
    // Its time-out still runs, and it is killed once more to no effect.
    check(&format!("{pool}\nservice_timeout = \"1s\""), fault, "1.5 a 9; 4 a 1", "timeout 2.5, ok 7");
}

#[test]
fn a_worker_killed_before_its_slot_breaks_down_does_not_come_back_alive() {
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nat = \"2s\"";
    let pool = |job: &str| {
        let worker = "worker = { crash_exit = \"3s\", start_up = \"1s\" }";
        format!("slots = 1\n{worker}\nbreakdown = {{ up = \"3s\", down = \"1s\", job = \"{job}\" }}")
    };
    // Down from 3 to 4, its exit unnoticed; the next worker is ready at 5.
    check(&pool("crash"), fault, "3.5 a 1", "ok 6");
    check(&pool("crash"), "", "3.5 a 1", "ok 5");
    // What was written to the dead one at 2.5 waits at the head for the next.
    check(&pool("resume"), fault, "2.5 a 1", "ok 6");
}

#[test]
fn a_write_to_a_worker_that_died_unnoticed_may_fail() {
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nat = \"2s\"";
    let pool = "slots = 1\nworker = { crash_exit = \"3s\", restart_delay = \"1s\", write_error = 1.0 }";
    check(pool, fault, "3 a 1; 4 a 1", "write_error 3, ok 7");
    // With a dying window it still counts as available and takes the next.
    let window = pool.replace("write_error", "dying_window = true, write_error");
    check(&window, fault, "3 a 1; 4 a 1", "write_error 3, crash 5");
}

#[test]
fn a_job_cancelled_on_a_worker_that_died_unnoticed_leaves_it_to_its_exit() {
    let more = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nat = \"2s\"\n\
        [client.c]\nattempt_deadline = \"4s\"\ncancels = true";
    let pool = "slots = 1\nworker = { crash_exit = \"6s\", restart_delay = \"1s\" }";
    check(pool, more, "0 a 9; 5 a 1; 9 a 1", "timeout 4, crash 8, ok 10");
}

#[test]
fn an_instance_that_goes_down_loses_its_jobs_and_comes_back_with_new_workers() {
    let fault = "[[fault]]\nkind = \"kill_instance\"\npool = \"main\"\nat = \"2s\"\nduration = \"3s\"";
    let pool = "slots = 1\nretry = { max = 3, delay = \"1s\", on = [\"crash\", \"error\"] }\n\
        worker = { start_up = \"1s\" }";
    check(pool, fault, "0 a 5; 1 a 1; 3 a 1; 5.5 a 2", "crash 2, crash 2, rejected 3, ok 8");
    // One that waits for its retry is lost with the rest.
    check(pool, fault, "0.5 a 1 error; 9 a 1", "crash 2, ok 10");
}

#[test]
fn requests_go_to_the_instances_that_are_up() {
    let fault =
        "[[fault]]\nkind = \"kill_instance\"\npool = \"main\"\ninstance = 0\nat = \"2s\"\nduration = \"3s\"";
    let pool = "slots = 1\ninstances = 2\nrouting = \"least_loaded\"";
    check(pool, fault, "3 a 2; 3 a 2; 6 a 1; 6 a 1", "ok 5, ok 7, ok 7, ok 8");
}

#[test]
fn a_slow_host_works_at_a_share_of_its_speed_and_slow_downs_multiply() {
    let slow = |at: &str, length: &str| {
        format!(
            "[[fault]]\nkind = \"slow_host\"\nhost = \"box\"\nfactor = 0.5\nat = \"{at}\"\nduration = \"{length}\"\n"
        )
    };
    let pool = "slots = 1\nhost = \"box\"";
    let host = "[host.box]\ncores = 1\n";
    check(pool, &format!("{host}{}", slow("2s", "2s")), "0 a 4", "ok 5");
    // A half from 2 to 4, a quarter from 4 to 6, a half from 6 to 8: 2 + 1 + 0.5 + 0.5 at 7.
    check(pool, &format!("{host}{}{}", slow("2s", "4s"), slow("4s", "4s")), "0 a 4", "ok 7");
    let stopped = slow("2s", "2s").replace("0.5", "0");
    check(pool, &format!("{host}{stopped}"), "0 a 4", "ok 6");
}

#[test]
fn busy_slots_share_the_cores_of_their_host() {
    check("slots = 2\nhost = \"box\"", "[host.box]\ncores = 1", "0 a 1; 0 a 2", "ok 2, ok 3");
    // Half of b's work needs a core: beside a, a second of it takes 0.5 + 0.5 * 2.
    check(
        "slots = 2\nhost = \"box\"",
        "b: cpu_share = 0.5\n[host.box]\ncores = 1",
        "0 a 3; 0 b 2",
        "ok 4.5, ok 3",
    );
}

#[test]
fn a_job_that_a_breakdown_interrupts_after_its_waiting_limit_leaves() {
    // Served from 1 s on, its limit of 2 s passes in service; the slot breaks down at 5 s.
    let pool =
        "slots = 1\nwaiting_limit = \"2s\"\nbreakdown = { up = \"5s\", down = \"1s\", job = \"resume\" }";
    check(pool, "", "1 a 9; 4.5 a 1", "reneged 5, ok 7");
    // One that comes later is within its limit, waits at the head and goes on.
    check(pool, "", "4 a 2", "ok 7");
}
