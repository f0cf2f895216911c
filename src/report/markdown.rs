//! A record as a Markdown document, for a review or a pull request.

use super::study;
use super::summary;
use super::table::{self, Table};
use super::words;
use crate::experiment::record::{Record, Warning};
use std::fmt::Write;

/// The whole document.
pub fn document(record: &Record) -> String {
    let mut text = format!("# {}\n\n**{}**\n", escape(&record.name), escape(&words::answer(record)));
    if let ([point], None) = (record.points.as_slice(), &record.study.size) {
        let _ = write!(text, "\n- {}\n- {}\n", escape(&words::regime(point)), words::effort(record, point));
        if !point.verdicts.is_empty() {
            text.push_str(
                "\n## Objectives\n\n| objective | found | answer | why |\n| --- | ---: | --- | --- |\n",
            );
        }
        for verdict in &point.verdicts {
            let cells = [
                words::objective(verdict),
                words::found(verdict),
                words::judgement(verdict.judgement).into(),
            ];
            let cells = cells.map(|cell| escape(&cell));
            let _ = writeln!(text, "| {} | {} |", cells.join(" | "), escape(&verdict.reason));
        }
        for table in table::tables(point) {
            draw(&mut text, &table);
        }
        warnings(&mut text, record.warnings.iter().chain(&point.warnings));
    } else {
        for (number, sentence) in summary::sentences(record).iter().enumerate() {
            let gap = if number == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}- {}", escape(sentence));
        }
        for table in study::tables(record) {
            draw(&mut text, &table);
        }
        draw(&mut text, &table::points(record));
        warnings(&mut text, words::warnings(record).iter());
    }
    let _ = write!(
        text,
        "\n---\nseed {}, fingerprint {}, poolsim {}; repeat with `{}`\n",
        record.seed, record.fingerprint, record.poolsim, record.command
    );
    text
}

pub(super) fn draw(text: &mut String, table: &Table) {
    let _ = write!(text, "\n## {}\n\n", escape(&table.title));
    let row = |text: &mut String, cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    row(text, &table.header);
    let rule = |index: usize| if index < table.labels { "---" } else { "---:" };
    let rule: Vec<&str> = (0..table.header.len()).map(rule).collect();
    let _ = writeln!(text, "| {} |", rule.join(" | "));
    for cells in &table.rows {
        row(text, cells);
    }
}

fn warnings<'a>(text: &mut String, warnings: impl Iterator<Item = &'a Warning>) {
    for (index, warning) in warnings.enumerate() {
        if index == 0 {
            text.push_str("\n## Warnings\n\n");
        }
        let joint = if warning.advice.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "- {}{joint}{}", escape(&warning.text), escape(&warning.advice));
    }
}

/// Keeps names from being read as marks.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '`' | '<' | '[' | ']' => escaped.extend(['\\', c]),
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
