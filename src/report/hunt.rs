//! What a hunt found, as text and as a document.

use super::figure::counted;
use crate::experiment::hunt::record::{HuntRecord, Hunted};
use std::fmt::Write;

/// For a terminal.
pub fn text(record: &HuntRecord) -> String {
    let mut out = String::new();
    for one in &record.quarries {
        let _ = writeln!(out, "{}", headline(one));
        for kept in &one.corpus {
            let now = kept.still.as_deref().unwrap_or("keeps the law now");
            let _ = writeln!(out, "  corpus  {:<22} {}: {now}", kept.law.name(), kept.file);
        }
        for finding in &one.findings {
            let _ = writeln!(out, "  BROKEN  {:<22} {}", finding.law.name(), finding.law.text());
            let _ = writeln!(out, "          {}", finding.what);
            let (cases, requests) = (counted(finding.count, "case"), counted(finding.requests, "request"));
            let _ = writeln!(out, "          in {cases}; the smallest has {requests}");
            if let Some(file) = &finding.file {
                let _ = writeln!(out, "          poolsim hunt --repeat {file}");
            }
        }
        let kept = record.laws.iter().filter(|law| !one.findings.iter().any(|finding| finding.law == **law));
        let names: Vec<&str> = kept.map(|law| law.name()).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "  kept    {}", names.join(", "));
        }
    }
    let _ = writeln!(out, "seed {}; repeat with: {}", record.seed, record.command);
    out
}

/// For a pull request.
pub fn markdown(record: &HuntRecord) -> String {
    let mut out = String::from("# Hunt\n");
    for one in &record.quarries {
        let _ = writeln!(out, "\n## {}\n\n{}\n", one.name, headline(one));
        if !one.corpus.is_empty() {
            let _ = writeln!(out, "| case of the corpus | law | now |\n| --- | --- | --- |");
            for kept in &one.corpus {
                let now = kept.still.as_deref().unwrap_or("keeps the law");
                let _ = writeln!(out, "| {} | {} | {now} |", kept.file, kept.law.name());
            }
            out.push('\n');
        }
        if !one.findings.is_empty() {
            let _ = writeln!(out, "| law | what is seen | cases | requests |\n| --- | --- | ---: | ---: |");
        }
        for finding in &one.findings {
            let (law, what) = (finding.law.name(), &finding.what);
            let _ = writeln!(out, "| {law} | {what} | {} | {} |", finding.count, finding.requests);
        }
        for finding in &one.findings {
            let _ = writeln!(out, "\n### {}\n\n```toml\n{}```", finding.law.name(), finding.model);
        }
    }
    let _ = writeln!(out, "\nSeed {}; repeat with `{}`.", record.seed, record.command);
    out
}

fn headline(one: &Hunted) -> String {
    let last = one.first_case + one.cases;
    let numbers =
        if one.cases == 0 { String::new() } else { format!(" ({} to {})", one.first_case, last - 1) };
    let (cases, events) = (counted(one.cases, "case"), counted(one.events, "event"));
    let verdict = match one.found() {
        true => "laws are broken",
        false => "no law is broken",
    };
    format!("{} ({}): {verdict} in {cases}{numbers}, {events}", one.name, one.target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_counts_one_and_thousands_as_they_are_said() {
        let one = Hunted {
            name: String::from("random"),
            target: String::from("policy"),
            first_case: 7,
            cases: 1,
            events: 12_345,
            corpus: Vec::new(),
            findings: Vec::new(),
        };
        assert_eq!(
            headline(&one),
            "random (policy): no law is broken in 1 case (7 to 7), 12\u{202f}345 events"
        );
        let none = Hunted { cases: 0, events: 1, ..one };
        assert_eq!(headline(&none), "random (policy): no law is broken in 0 cases, 1 event");
    }
}
