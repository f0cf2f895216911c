//! A check as annotations of a GitHub workflow: one line each, an error for what is worse, a warning for what is open.

use super::{answer, change, threshold, told, value, what};
use crate::experiment::check::{Checked, Verdict};
use std::fmt::Write;

/// Most annotations of a kind: the service shows no more than ten of a step.
const MOST: usize = 9;

/// The lines.
pub fn annotations(checked: &Checked) -> String {
    let mut text = String::new();
    for (command, verdicts) in [
        ("error", &[Verdict::Worse][..]),
        ("warning", &[Verdict::Undecided, Verdict::Vanished][..]),
        ("notice", &[Verdict::Better][..]),
    ] {
        for row in checked.rows.iter().filter(|row| verdicts.contains(&row.verdict)).take(MOST) {
            let story = format!(
                "{} to {}, change {}, threshold {}",
                value(row.unit, row.before),
                value(row.unit, row.after),
                change(row),
                threshold(row)
            );
            let title = format!("{}: {}", row.verdict.word(), what(row));
            let _ = writeln!(text, "::{command} title={}::{}", property(&title), data(&story));
        }
    }
    for difference in checked.decisions.iter().take(MOST) {
        let title = format!("decisions differ: {}", difference.of);
        let _ = writeln!(text, "::notice title={}::{}", property(&title), data(&told(difference).join("\n")));
    }
    let command = match checked.verdict {
        Verdict::Worse => "error",
        Verdict::Undecided | Verdict::Vanished => "warning",
        Verdict::Unchanged | Verdict::Better | Verdict::New => "notice",
    };
    let _ = writeln!(text, "::{command} title=poolsim check::{}", data(&answer(checked)));
    text
}

/// A message: line feeds and per cent signs are written as the workflow commands want them.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property, in which colons and commas mean something too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
