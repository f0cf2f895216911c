//! Where slot time and latency went: every part of small stories, to be added up by hand.

use super::{Played, model_text, play, play_text};
use poolsim::stats::Waste;

/// Slot time in seconds: useful, wasted, for nobody.
fn service(played: &Played) -> [f64; 3] {
    [played.slot_secs(|s| s.useful), played.slot_secs(|s| s.in_vain()), played.slot_secs(|s| s.zombie)]
}

/// Latency in seconds: waiting, failed attempts, back-off, the final attempt.
fn spent(played: &Played) -> [f64; 4] {
    let sum = |part: fn(&poolsim::stats::ClassTally) -> u128| {
        let classes = played.report.segments.iter().flat_map(|segment| &segment.classes);
        classes.map(part).sum::<u128>() as f64 / 1e9
    };
    [sum(|c| c.spent_waiting), sum(|c| c.spent_failed), sum(|c| c.spent_backoff), sum(|c| c.spent_final)]
}

/// A run that is cut off at an instant.
fn cut_at(horizon: &str, pool: &str, more: &str, requests: &str) -> Played {
    let text = model_text(pool, more).replace("1000s", horizon).replace("drain = true", "drain = false");
    play_text(&text, &[("s", requests)])
}

#[test]
fn work_that_the_horizon_cuts_off_is_useful_where_it_leads_to_a_good_answer() {
    // Healthy from 2 on: eight seconds. A job that hangs, one on its way to an error, and one that its time-out would
    // kill have proved nothing: 10, 6 and 4.
    let pool = "slots = 5\nservice_timeout = \"30s\"";
    let jobs = "0 a 1 hang; 2 a 20; 4 a 30 error; 6 a 50";
    assert_eq!(service(&cut_at("10s", pool, "", jobs)), [8.0, 20.0, 0.0]);
    // A frozen worker does nothing from 1 on, nor does the next job that is given to it.
    let frozen = "slots = 1\nservice_timeout = \"4s\"\non_timeout = \"cancel\"";
    assert_eq!(service(&cut_at("6s", frozen, "", "0 a 1 freeze; 1 a 1")), [0.0, 6.0, 0.0]);
    // On shared cores nobody knows when it will be done.
    let host = "[host.box]\ncores = 1";
    let shared = "slots = 2\nhost = \"box\"";
    assert_eq!(service(&cut_at("10s", shared, host, "0 a 50; 4 a 50 error")), [10.0, 6.0, 0.0]);
    // Its client has left.
    assert_eq!(
        service(&cut_at("10s", "slots = 1", "[client.c]\nattempt_deadline = \"3s\"", "0 a 50")),
        [0.0, 3.0, 7.0]
    );
}

#[test]
fn service_that_a_breakdown_interrupts_counts_by_what_becomes_of_it() {
    let pool =
        |job: &str| format!("slots = 1\nbreakdown = {{ up = \"5s\", down = \"2s\", job = \"{job}\" }}");
    // Served from 2 to 5, broken until 7, served to 8.
    let kept = play(&pool("resume"), "", "2 a 4");
    assert_eq!(kept.story(), "ok 8");
    assert_eq!((service(&kept), spent(&kept)), ([4.0, 0.0, 0.0], [2.0, 0.0, 0.0, 4.0]));
    // It goes on and fails after all.
    let failed = play(&pool("resume"), "", "2 a 4 error");
    assert_eq!((service(&failed), spent(&failed)), ([0.0, 4.0, 0.0], [2.0, 4.0, 0.0, 0.0]));
    // Broken twice: served from 2 to 5, 7 to 12 and 14 to 15.
    let twice = play(&pool("resume"), "", "2 a 9");
    assert_eq!((service(&twice), spent(&twice)), ([9.0, 0.0, 0.0], [4.0, 0.0, 0.0, 9.0]));
    // Starting again wastes the three seconds before.
    let again = play(&pool("restart"), "", "2 a 4");
    assert_eq!(again.story(), "ok 11");
    assert_eq!((service(&again), spent(&again)), ([4.0, 3.0, 0.0], [2.0, 3.0, 0.0, 4.0]));
    let crashed = play(&pool("crash"), "", "2 a 4");
    assert_eq!((service(&crashed), spent(&crashed)), ([0.0, 3.0, 0.0], [0.0, 3.0, 0.0, 0.0]));
}

#[test]
fn kept_service_of_a_job_that_never_goes_on_is_wasted() {
    let pool = "slots = 1\nbreakdown = { up = \"5s\", down = \"2s\" }";
    let client = "[client.c]\nattempt_deadline = \"4s\"";
    // Given up at 6, a second after the breakdown; its job goes on for nobody at 7.
    let left = play(pool, client, "2 a 4");
    assert_eq!((service(&left), spent(&left)), ([0.0, 3.0, 1.0], [1.0, 3.0, 0.0, 0.0]));
    let withdrawn = play(pool, &format!("{client}\ncancels = true"), "2 a 4");
    assert_eq!((service(&withdrawn), spent(&withdrawn)), ([0.0, 3.0, 0.0], [1.0, 3.0, 0.0, 0.0]));
    let retried = "retry = { max = 1, on = [\"timeout\"], base = \"3s\" }";
    // Tried again at 9, served until the breakdown at 12, given up at 13.
    let retried = play(pool, &format!("{client}\ncancels = true\n{retried}"), "2 a 4");
    assert_eq!((service(&retried), spent(&retried)), ([0.0, 6.0, 0.0], [2.0, 6.0, 3.0, 0.0]));
    // The horizon finds it waiting to go on.
    assert_eq!(service(&cut_at("6s", pool, "", "2 a 4")), [3.0, 0.0, 0.0]);
    assert_eq!(service(&cut_at("6s", pool, "", "2 a 4 error")), [0.0, 3.0, 0.0]);
}

#[test]
fn kept_service_stays_in_the_phase_in_which_it_was_done() {
    let more = "[[phase]]\nname = \"one\"\nduration = \"4s\"\n[[phase]]\nname = \"two\"\nduration = \"996s\"";
    let played = play("slots = 1\nbreakdown = { up = \"5s\", down = \"2s\" }", more, "2 a 4");
    let useful: Vec<u128> =
        played.report.segments.iter().map(|segment| segment.pools[0].slots.useful / 1_000_000_000).collect();
    // From 2 to 4 in the first; from 4 to 5 and from 7 to 8 in the second.
    assert_eq!(useful, [2, 2]);
}

#[test]
fn the_time_before_a_hedge_that_wins_is_what_the_first_attempt_made_of_it() {
    let hedge = "[client.c]\nhedge = { after = \"2s\" }\n";
    // The first attempt's worker is dead from 1 on, unnoticed: two seconds in service, then five of the hedge.
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nslot = 0\nat = \"1s\"";
    let pool = "slots = 2\nworker = { crash_exit = \"50s\" }";
    let served = play(pool, &format!("{hedge}{fault}"), "0 a 5");
    assert_eq!((served.story().as_str(), spent(&served)), ("ok 7", [0.0, 2.0, 0.0, 5.0]));
    // In turn: b, the fifth, waits behind what takes ten; its hedge goes to the other instance after two seconds.
    let pool = "slots = 1\ninstances = 2\nrouting = \"round_robin\"";
    let waited = play(pool, &format!("{hedge}cancels = true"), "0 a 1; 1 a 10; 2 a 1; 3 a 1; 4.5 b 1");
    let b = &waited.report.segments[0].classes[1];
    let parts = [b.spent_waiting, b.spent_failed, b.spent_backoff, b.spent_final];
    assert_eq!(parts.map(|part| part as f64 / 1e9), [2.0, 0.0, 0.0, 1.0], "{}", waited.story());
}

#[test]
fn a_hedge_that_loses_is_wasted_where_it_is_withdrawn_and_for_nobody_afterwards() {
    let hedge = "[client.c]\nhedge = { after = \"2s\" }";
    let withdrawn = play("slots = 2", &format!("{hedge}\ncancels = true"), "0 a 5");
    assert_eq!(service(&withdrawn), [5.0, 3.0, 0.0]);
    // Nobody waits for it from 5 on.
    assert_eq!(service(&play("slots = 2", hedge, "0 a 5")), [5.0, 3.0, 2.0]);
}

#[test]
fn work_after_its_client_has_left_is_for_nobody_however_it_ends() {
    let client = "[client.c]\nattempt_deadline = \"3s\"";
    for fate in ["ok", "error", "crash"] {
        let played = play("slots = 1", client, &format!("0 a 5 {fate}"));
        assert_eq!(service(&played), [0.0, 3.0, 2.0], "{fate}");
        assert_eq!(in_vain(&played), [3.0, 0.0, 0.0, 0.0, 0.0], "{fate}");
    }
    let killed = play("slots = 1\nservice_timeout = \"4s\"", client, "0 a 5");
    assert_eq!(service(&killed), [0.0, 3.0, 1.0]);
    // One that waits until its client has left is served for nobody from the start.
    let late = play("slots = 1", client, "0 a 2.5; 0 a 9");
    assert_eq!(service(&late), [2.5, 0.5, 8.5]);
}

#[test]
fn a_worker_killed_by_a_fault_is_a_kill_and_is_killed_once() {
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nat = \"2s\"";
    let pool = "slots = 1\nworker = { crash_exit = \"3s\", restart_delay = \"1s\" }";
    let kills = |pool: &str| play(pool, fault, "1.5 a 9; 4 a 1").of_pool(|pool| u128::from(pool.kills));
    assert_eq!(kills(pool), 1);
    // Its time-out still runs and finds it dead.
    assert_eq!(kills(&format!("{pool}\nservice_timeout = \"1s\"")), 1);
}

#[test]
fn a_paused_slot_is_idle_and_its_jobs_wait() {
    let fault = "[[fault]]\nkind = \"pause_pool\"\npool = \"main\"\nat = \"2s\"\nduration = \"3s\"";
    let played = play("slots = 1", fault, "3 a 1");
    assert_eq!((played.story().as_str(), spent(&played)), ("ok 6", [2.0, 0.0, 0.0, 1.0]));
    assert_eq!((service(&played), played.slot_secs(|s| s.idle)), ([1.0, 0.0, 0.0], 999.0));
}

#[test]
fn a_job_that_waits_again_from_the_instant_of_its_hand_over_waits() {
    // Killed at 2 and noticed at 5; a write at 3 fails at once, and the job is back in the queue until 4.
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nat = \"2s\"";
    let pool = "slots = 1\nwaiting_limit = \"1s\"\nretry = { max = 1, on = [\"write_error\"] }\n\
        worker = { crash_exit = \"3s\", write_error = 1.0 }";
    let played = play(pool, fault, "3 a 1");
    assert_eq!((played.story().as_str(), spent(&played)), ("reneged 4", [1.0, 0.0, 0.0, 0.0]));
}

#[test]
fn a_run_that_drains_takes_no_request_after_its_horizon() {
    let text = "name = \"drains\"\n\
        [run]\nhorizon = \"3s\"\nregime = \"terminating\"\ndrain = true\nreplications = 1\n\
        [class.a]\ndemand = { dist = \"exponential\", mean = \"50ms\" }\n\
        [source.s]\npool = \"p\"\nclass = \"a\"\narrivals = { rate = \"50/s\" }\n\
        [pool.p]\nslots = 3\n";
    let model = poolsim::model::load("drains", text, &poolsim::model::NoFiles, &[]).unwrap().model;
    let prepared = poolsim::engine::prepare(&model);
    let horizon = poolsim::time::Time::from_nanos(3_000_000_000);
    // In some of them the first event after the horizon would have been an arrival, in others an answer.
    let mut drained = 0;
    for replication in 0..20 {
        let (report, requests) = prepared.follow(replication, None).unwrap();
        assert!(requests.iter().all(|request| request.sent <= horizon), "replication {replication}");
        drained += usize::from(report.end > horizon);
    }
    assert!(drained > 0);
}

/// Slot time in seconds that came to nothing, by cause: timed out, crashed, errors, withdrawn, grace.
fn in_vain(played: &Played) -> [f64; 5] {
    Waste::ALL.map(|cause| played.slot_secs(|slots| slots.wasted[cause as usize]))
}

#[test]
fn service_in_vain_is_split_by_what_ended_it() {
    let pool = "slots = 1\nservice_timeout = \"4s\"";
    let vain = |pool: &str, more: &str, jobs: &str| in_vain(&play(pool, more, jobs));
    assert_eq!(vain(pool, "", "0 a 9; 20 a 3 error; 40 a 2 crash"), [4.0, 2.0, 3.0, 0.0, 0.0]);
    // A time-out that leaves a grace: four seconds of service, one until the worker is free.
    let grace = format!("{pool}\non_timeout = \"cancel\"\ncancel_grace = \"1s\"");
    assert_eq!(vain(&grace, "", "0 a 9"), [4.0, 0.0, 0.0, 0.0, 1.0]);
    // What the worker does after it was given up is for nobody.
    let abandoned = play(&format!("{pool}\non_timeout = \"abandon\""), "", "0 a 9");
    assert_eq!((in_vain(&abandoned), service(&abandoned)), ([4.0, 0.0, 0.0, 0.0, 0.0], [0.0, 4.0, 5.0]));
    // A worker that freezes at 1 is found silent at 4, and one that is killed from outside is missed at 2.5.
    let beats = "slots = 1\nworker = { heartbeat_interval = \"1s\", heartbeat_timeout = \"3s\" }";
    assert_eq!(vain(beats, "", "0 a 1 freeze"), [0.0, 4.0, 0.0, 0.0, 0.0]);
    let fault = "[[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nslot = 0\nat = \"2s\"";
    assert_eq!(
        vain("slots = 1\nworker = { crash_exit = \"500ms\" }", fault, "0 a 9"),
        [0.0, 2.5, 0.0, 0.0, 0.0]
    );
    // A try that its pool makes again is in vain by its own end.
    let again = "slots = 1\nservice_timeout = \"4s\"\nretry = { max = 1, on = [\"crash\"] }";
    assert_eq!(vain(again, "", "0 a 2 crash1"), [0.0, 2.0, 0.0, 0.0, 0.0]);
}

#[test]
fn what_a_client_withdraws_has_timed_out_or_is_the_loser_of_a_hedge() {
    let slots = "slots = 2";
    let loser = "[client.c]\ncancels = true\nhedge = { after = \"2s\" }";
    assert_eq!(in_vain(&play(slots, loser, "0 a 5")), [0.0, 0.0, 0.0, 3.0, 0.0]);
    let impatient = "[client.c]\ncancels = true\nattempt_deadline = \"3s\"";
    assert_eq!(in_vain(&play(slots, impatient, "0 a 5")), [3.0, 0.0, 0.0, 0.0, 0.0]);
    // With the kill of a worker just as well as by a word to it.
    let kills = "slots = 2\nservice_timeout = \"50s\"";
    assert_eq!(in_vain(&play(kills, loser, "0 a 5")), [0.0, 0.0, 0.0, 3.0, 0.0]);
}

#[test]
fn what_the_horizon_cuts_off_is_in_vain_by_what_it_leads_to() {
    let pool = "slots = 6\nservice_timeout = \"30s\"";
    let jobs = "0 a 1 hang; 2 a 20; 4 a 30 error; 6 a 50; 7 a 20 crash; 8 a 20 error";
    // The third would answer at 34, which is its time-out too; the answer comes first.
    assert_eq!(in_vain(&cut_at("10s", pool, "", jobs)), [14.0, 3.0, 8.0, 0.0, 0.0]);
    let host = "[host.box]\ncores = 6";
    let shared = "slots = 6\nhost = \"box\"";
    assert_eq!(
        in_vain(&cut_at("10s", shared, host, "0 a 50; 4 a 50 error; 5 a 50 crash")),
        [0.0, 5.0, 6.0, 0.0, 0.0]
    );
}
