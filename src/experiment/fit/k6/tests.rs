//! Loads that are known, told from what k6 writes of them.

use super::*;
use crate::experiment::fit::read::{Columns, read};
use crate::experiment::fit::{LoadFit, fit};

/// A point at so many milliseconds after an instant.
fn point(metric: &str, ms: u64, value: f64, tags: &str) -> String {
    let time = format!("2026-03-02T10:{:02}:{:02}.{:03}Z", ms / 60_000, ms / 1000 % 60, ms % 1000);
    format!(
        "{{\"metric\":\"{metric}\",\"type\":\"Point\",\"data\":{{\"time\":\"{time}\",\"value\":{value},\"tags\":{{{tags}}}}}}}\n"
    )
}

/// Four users for a minute, each busy with a request of uneven length and then asleep for 200 ms; what is told of them
/// besides their requests.
fn closed(tagged: bool, iterations: bool) -> String {
    let mut text = String::new();
    let mut number = 0u64;
    for user in 0..4u64 {
        let mut at = user * 10;
        while at < 60_000 {
            number += 1;
            let took = 200 + number * 7919 % 900;
            let tags =
                if tagged { format!("\"vu\":\"{user}\",\"iter\":\"{number}\"") } else { String::new() };
            text += &point("http_req_duration", at + took, took as f64, &tags);
            if iterations {
                text += &point("iteration_duration", at + took + 200, (took + 200) as f64, "");
            }
            at += took + 200;
        }
    }
    for second in 0..=60 {
        text += &point("vus", second * 1000, 4.0, "");
    }
    text
}

/// A rate that is held: a request every 100 ms, eight users in stock.
fn open(tagged: bool, iterations: bool) -> String {
    let mut text = String::new();
    for number in 0..600u64 {
        let (at, took) = (number * 100, 20 + number * 7919 % 300);
        let tags = if tagged { format!("\"vu\":\"{}\"", number % 8) } else { String::new() };
        text += &point("http_req_duration", at + took, took as f64, &tags);
        if iterations {
            text += &point("iteration_duration", at + took, took as f64, "");
        }
        if number % 10 == 0 {
            text += &point("vus", at, 8.0, "");
        }
    }
    text
}

fn of(text: &str) -> Recording {
    read(text.as_bytes(), &Columns::default()).unwrap()
}

#[test]
fn users_that_wait_are_told_from_rates_by_their_iterations() {
    for tagged in [false, true] {
        let LoadFit::Users(users) = fit(&of(&closed(tagged, true))).unwrap().load else {
            panic!("users wait")
        };
        assert_eq!((users.n, users.present.as_slice()), (4, &[(0.0, 4)][..]), "tagged: {tagged}");
        let think = users.think.unwrap();
        assert!((think.mean - 0.2).abs() < 0.02, "{think:?}");
        assert!(of(&open(tagged, true)).users.is_none(), "users in stock idle");
    }
}

#[test]
fn without_iterations_users_are_told_by_uneven_turns_or_by_being_busy_all_the_time() {
    assert!(of(&closed(true, false)).users.is_some());
    assert!(of(&open(true, false)).users.is_none());
    // Of four users' time seven tenths and more are requests: a rate would have found no user free.
    assert_eq!(of(&closed(false, false)).users.unwrap().thinks.len(), 1);
    let unknown = of(&open(false, false));
    assert!(unknown.users.is_none());
    assert!(unknown.notes.iter().any(|note| note.contains("an open load is assumed")), "{:?}", unknown.notes);
}

#[test]
fn users_that_come_and_go_are_stages() {
    // Requests of 400 ms one after the other by users of whom one more comes each ten seconds.
    let mut text = String::new();
    for second in 0..=60u64 {
        let users = 1 + second / 10;
        text += &point("vus", second * 1000, users as f64, "");
        for user in 0..users {
            text += &point("http_req_duration", second * 1000 + 410 + user, 400.0 + user as f64, "");
            text += &point("http_req_duration", second * 1000 + 950 + user, 500.0, "");
        }
    }
    let LoadFit::Users(users) = fit(&of(&text)).unwrap().load else { panic!("users wait") };
    assert_eq!(users.n, 7);
    let number = |time: f64| users.present.iter().rev().find(|(at, _)| *at <= time).unwrap().1;
    assert_eq!((number(5.0), number(35.0)), (1, 4), "{:?}", users.present);
}

/// Twenty users for two minutes who think for some twenty seconds each, whom requests name.
fn thoughtful(counted: bool) -> String {
    let mut text = String::new();
    for user in 0..20u64 {
        let (mut at, mut number) = (user, 0u64);
        while at < 120_000 {
            number += 1;
            let took = 300 + (user * 31 + number * 17) % 200;
            text += &point("http_req_duration", at + took, took as f64, &format!("\"vu\":\"{user}\""));
            at += took + 4_000 + (user * 7919 + number * 6007) % 32_000;
        }
    }
    if counted {
        (0..=120).for_each(|second| text += &point("vus", second * 1000, 20.0, ""));
    }
    text
}

#[test]
fn users_who_think_long_do_not_leave_meanwhile() {
    for counted in [true, false] {
        let LoadFit::Users(users) = fit(&of(&thoughtful(counted))).unwrap().load else {
            panic!("users wait")
        };
        let all = users.present.iter().map(|one| one.1);
        assert!(users.n == 20 && all.clone().max() == Some(20), "{:?}", users.present);
        // Where nothing counts them, some seem to have gone before the end, but nobody comes late.
        assert_eq!(users.present[0].1, 20, "{:?}", users.present);
        assert!(users.present.len() == 1 || !counted, "{:?}", users.present);
        assert!((users.think.unwrap().mean - 20.0).abs() < 3.0);
    }
}

#[test]
fn what_k6_gave_up_is_no_demand() {
    let mut text = open(false, false);
    text += &point("http_req_duration", 59_000, 30_000.0, "\"error_code\":\"1050\",\"status\":\"0\"");
    let recording = of(&text);
    assert!(recording.rows.iter().any(|row| row.outcome == Some(Outcome::Timeout)));
    let fitted = fit(&recording).unwrap();
    assert!(fitted.n == 601 && fitted.classes[0].demand.n == 600, "{fitted:?}");
    assert!(
        fitted.notes.iter().any(|note| note.contains("gave up 1 requests after 30.0 s")),
        "{:?}",
        fitted.notes
    );
}

#[test]
fn a_file_that_is_cut_off_keeps_what_it_has() {
    let text = open(false, false);
    let recording = of(&text[..text.len() - 9]);
    assert!(recording.rows.len() >= 599 && recording.notes[0].contains("cut off"), "{:?}", recording.notes);
    // Within the file it is a fault.
    let broken = text.replacen("\"type\"", "\"ty", 1);
    assert!(read(broken.as_bytes(), &Columns::default()).is_err());
}

#[test]
fn every_format_of_times_in_csv_is_read() {
    let stamps: [fn(u64) -> String; 5] = [
        |ms| format!("{}", 1_772_439_330_000 + ms),
        |ms| format!("{}", (1_772_439_330_000 + ms) * 1000),
        |ms| format!("{}", (1_772_439_330_000 + ms) * 1_000_000),
        |ms| format!("2026-03-02T10:15:{:02}.{:03}+02:00", ms / 1000, ms % 1000),
        |ms| format!("2026-03-02T10:15:{:02}.{:03}000000Z", ms / 1000, ms % 1000),
    ];
    for stamp in stamps {
        let mut text = String::from("metric_name,timestamp,metric_value,expected_response,name\n");
        for number in 0..20u64 {
            text += &format!("http_req_duration,{},100,true,x\n", stamp(number * 250));
        }
        let recording = of(&text);
        let last = recording.rows.last().unwrap();
        assert!((last.at - 4.75).abs() < 1e-4 && last.demand == 0.1, "{}: {last:?}", stamp(0));
        assert!(!recording.notes.iter().any(|note| note.contains("whole seconds")));
        let cut = of(&text[..text.len() - 12]);
        assert!(cut.rows.len() == 19 && cut.notes[0].contains("cut off"), "{:?}", cut.notes);
    }
}

#[test]
fn what_k6_does_not_need_is_refused() {
    let columns = Columns { time: Some(String::from("time")), ..Columns::default() };
    let (error, hint) = read(open(false, false).as_bytes(), &columns).unwrap_err();
    assert!(error.contains("their own columns") && hint.contains("--time"), "{error}");
    let (error, hint) = read(b"\x1f\x8b\x08\x00", &Columns::default()).unwrap_err();
    assert!(error.contains("compressed") && hint.contains("gunzip"), "{error}");
}
