//! What a hunt found, as text and as a document.

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
            let (count, requests) = (finding.count, plural(finding.requests, "request"));
            let _ = writeln!(out, "          in {count} cases; the smallest has {requests}");
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
    let (cases, events) = (one.cases, one.events);
    let last = one.first_case + cases;
    let numbers = if cases == 0 { String::new() } else { format!(" ({} to {})", one.first_case, last - 1) };
    let verdict = match one.found() {
        true => "laws are broken",
        false => "no law is broken",
    };
    format!("{} ({}): {verdict} in {}{numbers}, {events} events", one.name, one.target, plural(cases, "case"))
}

fn plural(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
