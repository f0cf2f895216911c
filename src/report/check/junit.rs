//! A check as JUnit XML: a test case for each figure and each sequence of decisions that parted.
//!
//! Worse is a failure; undecided and vanished are errors, because the question could not be answered.

use super::{answer, change, smallest, threshold, told, value, what};
use crate::experiment::check::{Checked, Row, Section, Verdict};
use std::fmt::Write;

/// The document.
pub fn suite(checked: &Checked) -> String {
    let open = checked.count(Verdict::Undecided) + checked.count(Verdict::Vanished);
    let cases = checked.rows.len() + checked.decisions.len();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuite name=\"poolsim check {}\" tests=\"{cases}\" failures=\"{}\" errors=\"{open}\">",
        escape(&checked.name),
        checked.count(Verdict::Worse)
    );
    for row in &checked.rows {
        case(&mut text, row);
    }
    for difference in &checked.decisions {
        let (name, story) = (escape(&difference.of), escape(&told(difference).join("\n")));
        let _ = writeln!(
            text,
            "  <testcase classname=\"decisions\" name=\"{name}\"><system-out>{story}</system-out></testcase>"
        );
    }
    let _ = writeln!(text, "  <system-out>{}</system-out>\n</testsuite>", escape(&answer(checked)));
    text
}

fn case(text: &mut String, row: &Row) {
    let section = match row.section {
        Section::Metric => "metrics",
        Section::Behaviour => "behaviour",
        Section::Shape => "shape",
    };
    let name = escape(&what(row));
    let element = match row.verdict {
        Verdict::Worse => "failure",
        Verdict::Undecided | Verdict::Vanished => "error",
        Verdict::Unchanged | Verdict::Better | Verdict::New => {
            let _ = writeln!(text, "  <testcase classname=\"{section}\" name=\"{name}\"/>");
            return;
        }
    };
    let story = format!(
        "{} from {} to {}: change {}, threshold {}, smallest visible {}",
        row.verdict.word(),
        value(row.unit, row.before),
        value(row.unit, row.after),
        change(row),
        threshold(row),
        smallest(row)
    );
    let _ = writeln!(
        text,
        "  <testcase classname=\"{section}\" name=\"{name}\"><{element} message=\"{}\"/></testcase>",
        escape(&story)
    );
}

/// Text as XML 1.0 may hold it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
