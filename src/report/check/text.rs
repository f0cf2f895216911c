//! A check for a terminal.

use super::super::text::{BAD, BOLD, GOOD, Look, Page, UNSURE};
use super::{TOLD, answer, basis, tables, told};
use crate::experiment::check::{Checked, Verdict};
use std::fmt::Write;

/// The whole page.
pub fn page(checked: &Checked, look: Look) -> String {
    let page = Page { look };
    let style = match checked.verdict {
        Verdict::Unchanged | Verdict::Better | Verdict::New => GOOD,
        Verdict::Undecided | Verdict::Vanished => UNSURE,
        Verdict::Worse => BAD,
    };
    let mut text = format!("{}\n", page.paint(style, &answer(checked)));
    for table in tables(checked) {
        page.table(&mut text, &table);
    }
    if !checked.decisions.is_empty() {
        let _ = writeln!(text, "\n{}", page.paint(BOLD, "Decisions"));
    }
    for difference in checked.decisions.iter().take(TOLD) {
        for (index, line) in told(difference).into_iter().enumerate() {
            let _ = writeln!(text, "  {}{line}", if index > 0 { "  " } else { "" });
        }
    }
    if checked.decisions.len() > TOLD {
        let rest: Vec<&str> = checked.decisions[TOLD..].iter().map(|one| one.of.as_str()).collect();
        let _ = writeln!(text, "  and also in {}", rest.join(", "));
    }
    text.push('\n');
    for line in basis(checked) {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(
        text,
        "fingerprint {}, of the baseline {} (poolsim {})",
        checked.fingerprint, checked.baseline_fingerprint, checked.baseline_version
    );
    page.spell(&text)
}
