//! Several instances: routes, late signals, autoscaling.

use super::{check, model_text, play, play_text};

#[test]
fn turns_are_taken_among_instances() {
    let pool = "slots = 1\ninstances = 2";
    check(pool, "", "0 a 9; 0 a 1; 1 a 1; 2 a 1", "ok 9, ok 1, ok 10, ok 3");
    let weighted = "slots = 1\ninstances = 2\nrouting = { policy = \"weighted\", weights = [2.0, 1.0] }";
    check(weighted, "", "0 a 3; 0 a 3; 0 a 3", "ok 3, ok 3, ok 6");
}

#[test]
fn a_late_signal_sends_the_herd_to_what_was_free() {
    let last_ends = |signal: &str| {
        let routing = format!("{{ policy = \"least_loaded\", signal_delay = \"10s\"{signal} }}");
        let pool = format!("slots = 1\ninstances = 2\nrouting = {routing}");
        // One is busy from 1 to 21; the report at 10 says so, and stands until 20.
        let played = play(&pool, "", "1 a 20; 11 a 4; 12 a 4; 13 a 4");
        let mut ends: Vec<f64> = played.ends.iter().skip(1).map(|end| end.end.secs()).collect();
        ends.sort_by(f64::total_cmp);
        ends
    };
    // All between two reports see the same and go to the one that was idle, however many they are.
    assert_eq!(last_ends(""), [15.0, 19.0, 23.0]);
    // What it has sent itself since makes the two look alike at 12, so the third and the fourth part.
    assert_eq!(last_ends(", counts_own = true"), [15.0, 19.0, 25.0]);
}

/// The mean wait in seconds at ten single workers at 80 % load, for a routing.
fn mean_wait(routing: &str) -> f64 {
    let text = format!(
        "[run]\nrequests = 40000\nreplications = 1\n[class.a]\ndemand = {{ dist = \"exponential\", mean = \"100ms\" }}\n\
        [source.s]\npool = \"main\"\nclass = \"a\"\narrivals = {{ rate = \"80/s\" }}\n\
        [pool.main]\nslots = 1\ninstances = 10\nrouting = {routing}\n"
    );
    let played = play_text(&text, &[]);
    let sum = played.report.segments.iter().map(|segment| segment.classes[0].wait_served.sum).sum::<u128>();
    sum as f64 / 1e9 / played.sum(|class| class.wait_served.count) as f64
}

/// Mitzenmacher, "How useful is old information?", IEEE Transactions on Parallel and Distributed Systems 11(1), 2000:
/// with loads from a bulletin board that is renewed every T, to go where the least load was is best for a small T and
/// worse than a random choice for a large one, with which two choices still do well for longer.
#[test]
fn the_least_loaded_of_old_loads_is_worse_than_any() {
    let stale = |policy: &str, delay: &str| {
        mean_wait(&format!("{{ policy = \"{policy}\", signal_delay = \"{delay}\" }}"))
    };
    let random = mean_wait("\"random\"");
    assert!((0.36..0.44).contains(&random), "M/M/1 at 80 % waits 0.4 s: {random}");
    let fresh = stale("least_loaded", "1ms");
    assert!(fresh < random / 4.0, "{fresh}");
    // With a report as old as ten services, two choices are still better than none, all choices are not.
    let (two, all) = (stale("shortest_of", "1s"), stale("least_loaded", "1s"));
    assert!(all > random && two < all, "{two} {all} {random}");
    let herd = stale("least_loaded", "10s");
    assert!(herd > 3.0 * random, "{herd}");
    let own = mean_wait("{ policy = \"least_loaded\", signal_delay = \"1s\", counts_own = true }");
    assert!(own < random, "one sender that counts what it sends does not herd: {own}");
}

#[test]
fn the_requests_of_a_user_stay_with_an_instance() {
    let text = "[run]\nhorizon = \"50s\"\nregime = \"terminating\"\nreplications = 1\n[class.a]\ndemand = \"1s\"\n\
        [source.s]\npool = \"main\"\nclass = \"a\"\nusers = { count = 3, think = \"0s\" }\n\
        [pool.main]\nslots = 1\ninstances = 8\nrouting = { policy = \"hash\", replicas = 50 }\n";
    let played = play_text(text, &[]);
    // Each user meets the same neighbours for ever: the waits of one user are all alike after the first round.
    for user in 0..3u64 {
        let waits: Vec<u64> = played
            .ends
            .iter()
            .filter(|end| end.key >> 24 & 0x7F_FFFF == user)
            .map(|end| end.waiting.nanos())
            .skip(1)
            .collect();
        assert!(waits.len() > 10 && waits.windows(2).all(|pair| pair[0] == pair[1]), "{waits:?}");
    }
}

#[test]
fn an_autoscaler_sees_late_boots_slowly_and_shrinks_after_its_cool_down() {
    let pool = "slots = 1\ninstances = 1\nrouting = \"least_loaded\"\n\
        autoscaler = { min = 1, max = 3, target_utilization = 0.5, interval = \"10s\", metric_lag = \"5s\", \
        boot = \"4s\", cool_down = \"30s\" }";
    // Busy since 0: measured at 10, seen at 20: two instances are wanted and there at 24.
    check(pool, "", "0 a 40; 23 a 1; 25 a 1", "ok 40, ok 41, ok 26");
    let played = play(pool, "", "0 a 40; 25 a 1; 200 a 1; 200 a 1");
    assert_eq!(played.story(), "ok 40, ok 26, ok 201, ok 202", "one instance is left at 200");
}

#[test]
fn an_instance_that_is_taken_down_finishes_its_jobs_and_is_paid_for_until_then() {
    let pool = "slots = 1\ninstances = 2\n\
        autoscaler = { min = 1, max = 2, target_utilization = 0.9, interval = \"10s\", cool_down = \"1s\" }";
    let text = model_text(pool, "").replace("horizon = \"1000s\"", "horizon = \"100s\"");
    let played = play_text(&text, &[("s", "9 a 0.1; 9 a 25")]);
    assert_eq!(played.story(), "ok 9.1, ok 34");
    // Taken down at 10 (little was done), still at work at 34, gone at 40.
    assert_eq!(played.slot_secs(|slots| slots.capacity), 140.0);
}

#[test]
fn an_instance_that_is_down_is_not_booted_in_place_of_a_new_one() {
    let fault =
        "[[fault]]\nkind = \"kill_instance\"\npool = \"main\"\ninstance = 0\nat = \"5s\"\nduration = \"30s\"";
    let pool = "slots = 1\ninstances = 2\nrouting = \"least_loaded\"\n\
        autoscaler = { min = 2, max = 3, target_utilization = 0.9, interval = \"10s\", cool_down = \"900s\" }";
    // At 10 one is up and two are wanted: the third starts, not the one that is down.
    check(
        pool,
        fault,
        "6 a 9; 7 a 1; 11 a 1; 40 a 1; 40 a 1; 40 a 1",
        "ok 15, ok 16, ok 12, ok 41, ok 41, ok 41",
    );
}
