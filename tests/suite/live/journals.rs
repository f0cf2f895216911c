//! Journals that were damaged: told as what they are, by line, cause and hint.

#![allow(clippy::disallowed_methods, reason = "tasks of a real pool take real time")]

use crate::records::Folder;
use poolsim::live::journal::redrive::{JournalError, Redriven, redrive};
use poolsim::live::pool::{Pool, Request};
use poolsim::policy::{PoolSettings, Slots};
use std::time::Duration;

/// The lines of a journal: two threads, six tasks, one of them withdrawn while it waits.
fn journal() -> Vec<String> {
    let folder = Folder::new("damaged");
    let path = folder.0.join("journal.jsonl");
    let pool = Pool::new(PoolSettings::fifo(Slots::Limited(2)), Some(&path)).unwrap();
    let nap = |_: poolsim::live::pool::GivenUp<'_>| {
        std::thread::sleep(Duration::from_millis(20));
        Ok::<_, String>(())
    };
    let handles: Vec<_> = (0..6).map(|_| pool.submit(Request::default(), nap)).collect();
    handles[5].cancel();
    handles.into_iter().for_each(|handle| drop(handle.wait()));
    pool.shutdown(Duration::from_secs(1)).unwrap();
    std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect()
}

fn told(text: &str) -> Result<Redriven, JournalError> {
    redrive(text.as_bytes(), |_, _| {})
}

#[test]
fn what_no_pool_could_have_been_told_is_refused_by_line() {
    let lines = journal();
    let whole = lines.join("\n") + "\n";
    assert!(matches!(told(&whole), Ok(Redriven::Same { cut_off: false, .. })), "{whole}");
    let at = |word: &str| lines.iter().position(|line| line.contains(word)).expect("there is such a line");
    let time = |line: usize| lines[line].split([':', ',']).nth(1).unwrap().to_owned();
    let (arrive, answer, cancel) = (at("\"arrive\""), at("\"answer\""), at("\"cancel\""));
    let early = format!("\"t\":{}", time(answer));
    let late = format!("\"t\":{}", u64::MAX / 2);
    let opened = lines[1].clone();
    // (line, what stands there, what it becomes, words of the refusal)
    let rows: [(usize, &str, &str, &str); 9] = [
        (0, "\"limited\":2", "\"limited\":4000000000", "pool `pool` has 4000000000 slots"),
        (answer, "\"slot\":", "\"slot\":7", "there is no slot 7"),
        (arrive, "\"job\":0", "\"job\":4000000000", "the highest number that is free is 0"),
        (arrive + 1, "\"job\":1", "\"job\":0", "job 0 arrives, but it is in the pool already"),
        (cancel, "{\"cancel\":{\"job\":", "{\"cancel\":{\"job\":9", "has not arrived"),
        (answer, &early, "\"t\":1", "time goes back"),
        (answer, &early, &late, "no run lasts"),
        (answer, "\"t\":", "\"p\":3,\"t\":", "there is no pool 3"),
        (arrive, &lines[arrive], &opened, "the pool is opened a second time"),
    ];
    for (line, from, to, words) in rows {
        let mut damaged = lines.clone();
        assert!(damaged[line].contains(from), "{from} in {}", damaged[line]);
        damaged[line] = damaged[line].replacen(from, to, 1);
        let error = told(&damaged.join("\n")).expect_err(words);
        assert!(error.text.contains(words), "{words}: {error}");
        assert_eq!(error.line, line as u64 + 1, "{error}");
        assert!(error.hint.contains("damaged"), "{}", error.hint);
    }
}

#[test]
fn blank_lines_at_the_end_say_nothing_and_a_whole_line_is_not_cut_off() {
    let whole = journal().join("\n") + "\n";
    let cut_off = |text: &str| match told(text) {
        Ok(Redriven::Same { cut_off, .. }) => cut_off,
        other => panic!("{other:?}"),
    };
    assert!(!cut_off(&whole) && !cut_off(&format!("{whole}\n  \r\n\n")));
    assert!(!cut_off(whole.trim_end()), "the last line is whole, though it does not end");
    assert!(cut_off(&whole[..whole.len() - 3]));
    // Blank lines within, and a last line that ends and is broken, are damage.
    let (head, rest) = whole.split_once('\n').unwrap();
    let error = told(&format!("{head}\n\n{rest}")).unwrap_err();
    assert_eq!(error.line, 2, "{error}");
    let error = told(&format!("{}\n", &whole[..whole.len() - 3])).unwrap_err();
    assert_eq!(error.line, whole.lines().count() as u64, "{error}");
    let error = told("").unwrap_err();
    assert!(error.hint.contains("is it a journal?"), "{}", error.hint);
}
