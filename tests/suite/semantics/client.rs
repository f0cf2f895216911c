//! Clients: deadlines, retries, budgets, hedges, circuits.

use super::{check, play};

#[test]
fn a_client_that_gives_up_leaves_its_job_behind() {
    let more = "[client.c]\nattempt_deadline = \"3s\"";
    let played = play("slots = 1", more, "0 a 5; 4.5 a 1");
    assert_eq!(played.story(), "timeout 3, ok 6");
    // Its own from 3 on, and the second, which starts at 5, a half second of it.
    assert_eq!(played.slot_secs(|slots| slots.zombie), 2.0, "work for nobody");
}

#[test]
fn retries_wait_for_their_back_off() {
    let client =
        |retry: &str| format!("[client.c]\nretry = {{ max = 3, on = [\"error\"], base = \"1s\", {retry} }}");
    let always = "0 a 1 error";
    check("slots = 1", &client("backoff = \"constant\""), always, "error 7");
    check("slots = 1", &client("backoff = \"linear\""), always, "error 10");
    check("slots = 1", &client("backoff = \"exponential\", factor = 3.0"), always, "error 17");
    check("slots = 1", &client("backoff = \"exponential\", factor = 3.0, cap = \"2s\""), always, "error 9");
    check("slots = 1", &client("backoff = \"polynomial\", exponent = 2.0"), always, "error 18");
    let drawn = "[client.c]\nretry = { max = 3, on = [\"error\"], delays = [\"2s\", \"4s\"] }";
    check("slots = 1", drawn, always, "error 14");
    let long = "[client.c]\nretry = { max = 1, on = [\"error\"], delays = [\"300s\"] }";
    check("slots = 1", long, always, "error 302");
}

#[test]
fn latency_is_split_into_waiting_failed_attempts_back_off_and_the_last() {
    let more = "[client.c]\nretry = { max = 1, on = [\"crash\"], base = \"3s\" }";
    let pool = "slots = 1\nworker = { restart_delay = \"4s\" }";
    let played = play(pool, more, "0 b 1; 0 a 2 crash1");
    // Waits 1, works 2, backs off 3 until 6, waits for the worker until 7, works 2.
    assert_eq!(played.story(), "ok 1, ok 9");
    let a = &played.report.segments[0].classes[0];
    let spent = [a.spent_waiting, a.spent_failed, a.spent_backoff, a.spent_final];
    assert_eq!(spent.map(|part| part / 1_000_000_000), [2, 2, 3, 2]);
    assert_eq!((a.sent, a.attempts, a.client_retries), (1, 2, 1));
}

#[test]
fn no_request_outlives_its_deadline_whatever_becomes_of_its_attempts() {
    let client = |rest: &str| {
        format!(
            "[client.c]\ndeadline = \"5s\"\nattempt_deadline = \"2s\"\n{rest}\nretry = {{ max = 9, base = \"1s\", backoff = \"constant\" }}"
        )
    };
    // Attempts at 0 and 3; the second is given up at 5, the deadline; another at 6 would be too late.
    check("slots = 9", &client(""), "0 a 9", "timeout 5");
    check("slots = 9", &client("cancels = true"), "0 a 9", "timeout 5");
    let patient =
        "[client.c]\ndeadline = \"5s\"\nattempt_deadline = \"3s\"\nretry = { max = 9, base = \"1s\" }";
    let played = play("slots = 9", patient, "0 a 9");
    assert_eq!((played.story().as_str(), played.ends[0].attempts), ("timeout 5", 2));
}

#[test]
fn grpc_throttles_retries_below_half_its_tokens() {
    let more = "[client.c]\nretry = { max = 1, on = [\"error\"], base = \"0s\" }\nbudget = { kind = \"grpc\", max_tokens = 4, ratio = 0.5 }";
    // Four tokens: after the first failure three are left, more than two: retried; after its second two: no more.
    let played =
        play("slots = 9", more, "0 a 1 error; 3 a 1 error; 5 a 1; 6 a 1; 7 a 1; 8 a 1; 20 a 1 error");
    assert_eq!(played.story(), "error 2, error 4, ok 6, ok 7, ok 8, ok 9, error 21");
    assert_eq!(played.sum(|class| class.client_retries), 1);
}

#[test]
fn aws_pays_for_retries_from_a_quota() {
    let more = "[client.c]\nretry = { max = 9, on = [\"error\"], base = \"0s\" }\n\
        budget = { kind = \"aws_standard\", capacity = 12 }";
    let played = play("slots = 9", more, "0 a 1 error");
    assert_eq!((played.story().as_str(), played.ends[0].attempts), ("error 3", 3));
}

#[test]
fn aws_adaptive_slows_down_after_a_refusal() {
    let pool = "slots = 1\nqueue_capacity = 0";
    let more = "[client.c]\nretry = { max = 1, on = [\"error\"] }\nbudget = \"aws_adaptive\"";
    // Refused at 1: 0.8 answers a second were measured (one in the first second, smoothed by 0.8), so the rate is
    // cut to 0.56 and one token is there. It lets the next go, which is refused too: 0.5 a second, the least. What
    // came in since is 0.05 tokens; the missing 0.95 take 1.9 s.
    let requests = "0 a 3; 1 a 0.1; 1.1 a 0.1; 1.2 a 0.1";
    check(pool, more, requests, "ok 3, rejected 1, rejected 1.1, ok 3.2");
    let standard = more.replace("adaptive", "standard");
    check(pool, &standard, requests, "ok 3, rejected 1, rejected 1.1, rejected 1.2");
    // A request whose deadline is nearer than its token ends with that.
    let hasty = format!("{more}\ndeadline = \"1.5s\"");
    let requests = "0 a 1.2; 1 a 0.1; 1.1 a 0.1; 1.2 a 0.1";
    check(pool, &hasty, requests, "ok 1.2, rejected 1, rejected 1.1, timeout 2.7");
}

#[test]
fn persistence_is_the_chance_of_another_try() {
    let with =
        |share: &str| format!("[client.c]\nretry = {{ max = 5, base = \"0s\", persistence = {share} }}");
    check("slots = 1", &with("0"), "0 a 1 error", "error 1");
    check("slots = 1", &with("1"), "0 a 1 error", "error 6");
    let many: Vec<String> = (0..400).map(|at| format!("{} a 0.01 error", 2 * at)).collect();
    let played = play("slots = 1", &with("0.5"), &many.join(";"));
    // A geometric number of tries with mean 2 but for the cap: 2 - 1/32 each, standard deviation 1.3.
    let tries = played.sum(|class| class.attempts) as f64 / 400.0;
    assert!((1.7..2.25).contains(&tries), "{tries}");
}

#[test]
fn envoy_keeps_retries_below_a_share_of_what_is_in_flight() {
    // Five fail at once; of the four left in flight a half may be retries, the back-off counted.
    let more = "[client.c]\nretry = { max = 1, on = [\"error\"], base = \"1s\" }\nbudget = { kind = \"envoy\", share = \"50%\", min = 2 }";
    let played = play("slots = 9", more, "0 a 1 error; 0 a 1 error; 0 a 1 error; 0 a 1 error; 0 a 1 error");
    assert_eq!(played.sum(|class| class.client_retries), 2, "{}", played.story());
}

#[test]
fn finagle_allows_a_share_of_requests() {
    let more = "[client.c]\nretry = { max = 9, on = [\"error\"], base = \"0s\" }\n\
        budget = { kind = \"finagle\", ttl = \"10s\", min_rate = \"0/s\", share = \"50%\" }";
    let played = play("slots = 9", more, "0 a 1; 0 a 1; 0 a 1; 1 a 1 error");
    assert_eq!(played.ends[3].attempts, 3, "half of four requests");
}

#[test]
fn the_first_answer_counts_and_the_loser_is_withdrawn() {
    let more = "[client.c]\nhedge = { after = \"2s\" }\ncancels = true";
    let pool = "slots = 1\ninstances = 2\nrouting = \"round_robin\"";
    // In turn: the hedge of the second, at 3, goes behind it; the fifth goes there too, and its hedge at 6.5 finds
    // the other instance free.
    let played = play(pool, more, "0 a 1; 1 a 10 ; 2 a 1; 3 a 1; 4.5 b 1; 12 a 1");
    assert_eq!(played.story(), "ok 1, ok 11, ok 3, ok 4, ok 7.5, ok 13");
    assert_eq!(played.sum(|class| class.hedges), 2);
    assert_eq!(
        played.of_pool(|pool| u128::from(pool.outcomes[poolsim::outcome::Outcome::Cancelled as usize])),
        2
    );
}

#[test]
fn a_hedge_that_loses_works_on_where_nobody_cancels_it() {
    let more = "[client.c]\nhedge = { after = \"2s\" }";
    let played = play("slots = 2", more, "0 a 5");
    assert_eq!(played.story(), "ok 5");
    // From the answer at 5 to its own end at 7.
    assert_eq!(played.slot_secs(|slots| slots.zombie), 2.0);
    assert_eq!(played.slot_secs(|slots| slots.useful), 5.0);
}

#[test]
fn hedges_end_with_their_request() {
    let more = "[client.c]\nhedge = { after = \"2s\", max = 2 }\ndeadline = \"7s\"\ncancels = true";
    let played = play("slots = 9", more, "0 a 50; 8 a 1");
    assert_eq!(played.story(), "timeout 7, ok 9");
    assert_eq!(played.sum(|class| class.hedges), 2);
}

#[test]
fn when_one_attempt_fails_the_other_goes_on_and_counts_as_a_retry_only_if_it_is_one() {
    let more = "[client.c]\nhedge = { after = \"2s\" }\nretry = { max = 1, on = [\"error\"], base = \"1s\" }";
    let played = play("slots = 9", more, "0 a 3 error");
    // Fails at 3, its hedge at 5; tried again at 6, that fails at 9 (a hedge was used already).
    assert_eq!(played.story(), "error 9");
    assert_eq!(
        (played.sum(|c| c.attempts), played.sum(|c| c.hedges), played.sum(|c| c.client_retries)),
        (3, 1, 1)
    );
}

#[test]
fn an_open_circuit_rejects_until_a_probe_succeeds() {
    let more = "[client.c]\nbreaker = { failure_rate = 0.5, window = 2, open_for = \"10s\", probes = 1 }";
    check(
        "slots = 9",
        more,
        "0 a 1 error; 1 a 1 error; 3 a 1; 12 a 1; 12.5 a 1; 14 a 1",
        "error 1, error 2, rejected 3, ok 13, rejected 12.5, ok 15",
    );
}

#[test]
fn a_drawn_deadline_belongs_to_the_request() {
    let drawn = "deadline = { dist = \"discrete\", values = [\"2s\", \"9s\"], probabilities = [0.5, 0.5] }";
    let client = |more: &str| format!("[client.c]\n{drawn}\ncancels = true\n{more}");
    let requests = vec!["0 a 5"; 60].join("; ");
    let unlimited = "slots = \"unlimited\"\non_timeout = \"cancel\"";
    let story = play(unlimited, &client(""), &requests).story();
    let (late, ok) = (story.matches("timeout 2").count(), story.matches("ok 5").count());
    assert_eq!(late + ok, 60, "{story}");
    assert!(late > 0 && ok > 0, "{story}");
    // The same requests have the same deadlines whatever the pool is like, and all attempts share one.
    let limited = "slots = 60\non_timeout = \"cancel\"\ndiscipline = \"lifo\"";
    assert_eq!(play(limited, &client(""), &requests).story(), story);
    let again =
        client("attempt_deadline = \"1500ms\"\nretry = { max = 99, base = \"0s\", on = [\"timeout\"] }");
    let story = play(unlimited, &again, &requests).story();
    assert_eq!(story.matches("timeout 2").count(), late, "{story}");
    assert_eq!(story.matches("timeout 9").count(), 60 - late, "{story}");
}
