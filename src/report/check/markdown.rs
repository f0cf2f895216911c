//! A check as a comment on a pull request.

use super::super::markdown::{draw, escape};
use super::{TOLD, answer, basis, tables, told};
use crate::experiment::check::{Checked, Verdict};
use std::fmt::Write;

/// The comment.
pub fn comment(checked: &Checked) -> String {
    let sign = match checked.verdict {
        Verdict::Unchanged | Verdict::Better | Verdict::New => "✅",
        Verdict::Undecided | Verdict::Vanished => "⚠️",
        Verdict::Worse => "❌",
    };
    let mut text = format!("# {sign} {}\n", escape(&answer(checked)));
    for table in tables(checked) {
        draw(&mut text, &table);
    }
    if !checked.decisions.is_empty() {
        text.push_str("\n## Decisions\n");
    }
    for difference in checked.decisions.iter().take(TOLD) {
        let _ = write!(text, "\n```\n{}\n```\n", told(difference).join("\n"));
    }
    text.push_str("\n---\n\n");
    for line in basis(checked) {
        let _ = writeln!(text, "- {}", escape(&line));
    }
    let _ = writeln!(
        text,
        "- fingerprint {}, of the baseline {} (poolsim {})",
        checked.fingerprint, checked.baseline_fingerprint, checked.baseline_version
    );
    text
}
