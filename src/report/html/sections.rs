//! What stands on the page, section by section.

use super::data;
use crate::experiment::record::{Kind, Point, Record, Warning};
use crate::experiment::{RegimeFound, Unit, Verdict};
use crate::report::chart::{Chart, PaintError, escape};
use crate::report::table::{self, Table};
use crate::report::{figure, study, words};
use std::fmt::Write;

/// A section of the page.
pub(super) struct Section {
    /// Its anchor.
    pub(super) id: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    /// Its content as HTML.
    pub(super) body: String,
}

/// All sections that have content, in order.
pub(super) fn all(record: &Record, charts: &[Chart]) -> Result<Vec<Section>, PaintError> {
    let sections = [
        ("question", "The question", question(record)),
        ("verdicts", "Verdicts", verdicts(record)),
        ("agreement", "What agrees, and what does not", agreement(record)),
        ("reasons", if record.study.size.is_some() { "Why this size" } else { "In short" }, reasons(record)),
        ("warnings", "Warnings", warnings(record)),
        ("charts", "Charts", pictures(charts)?),
        ("tables", "Figures", tables(record)),
        ("trust", "How sure we are, and why", trust(record)),
        ("assumptions", "What was assumed", assumptions(record)),
        ("slow", "Some slow requests", extremes(record)),
        ("model", "The model as meant", model(record)),
        ("repeat", "Repeat it", repeat(record)),
    ];
    let made = sections.into_iter().map(|(id, title, body)| Section { id, title, body });
    Ok(made.filter(|section| !section.body.is_empty()).collect())
}

/// The points that the page speaks of in words: the chosen one, or the only one.
fn spoken(record: &Record) -> Option<&Point> {
    match (record.chosen, record.points.as_slice()) {
        (Some(chosen), points) => points.iter().find(|point| point.index == chosen),
        (None, points) => points.first().filter(|_| data::simulated(record).count() == 1),
    }
}

fn question(record: &Record) -> String {
    let kind = match record.kind {
        Kind::Run => "How does this system behave under this load, and does it meet its objectives?",
        Kind::Sweep => {
            "How do the settings below change what this system does, and which of them meet its objectives?"
        }
        Kind::Size => "What is the smallest capacity that meets every objective?",
        Kind::Replay => "Does the real scheduler do what the simulator says?",
        Kind::Check if !record.study.agreements.is_empty() => {
            "What differs between the two, and does it matter?"
        }
        Kind::Check => "Has anything changed against the baseline?",
    };
    let mut text = format!("<p>{kind}</p>\n");
    if let Some(point) = record.points.first() {
        let list = |names: &[String]| names.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
        let mut entries = vec![("model", escape(&record.model.file))];
        entries.push(("classes", list(&point.parts.classes)));
        let phases: Vec<String> = point.parts.phases.iter().map(|phase| phase.name.clone()).collect();
        entries.push(("phases", list(&phases)));
        entries.push(("pools", list(&point.parts.pools)));
        entries.push(("hosts", list(&point.parts.hosts)));
        entries.push(("set on the command line", list(&record.settings.overrides)));
        text.push_str(&definitions(entries));
    }
    text
}

fn definitions(entries: Vec<(&str, String)>) -> String {
    let mut text = String::from("<dl>\n");
    for (term, words) in entries.into_iter().filter(|(_, words)| !words.trim_matches([',', ' ']).is_empty()) {
        let _ = writeln!(text, "<dt>{term}</dt><dd>{words}</dd>");
    }
    text.push_str("</dl>\n");
    text
}

/// What the point is that verdicts and tables are of: chosen in a search, one of two worlds in a replay.
const fn of(record: &Record) -> &'static str {
    match record.kind {
        Kind::Sweep | Kind::Size => "Of the chosen point",
        Kind::Run | Kind::Replay | Kind::Check => "Of the point",
    }
}

fn verdicts(record: &Record) -> String {
    let Some(point) = spoken(record).filter(|point| !point.verdicts.is_empty()) else { return String::new() };
    let mut text = String::new();
    if record.points.len() > 1 {
        let _ = writeln!(text, "<p>{}: {}.</p>", of(record), escape(&words::called(point)));
    }
    text.push_str("<div class=\"scroll\"><table class=\"sorts\">\n<thead><tr>");
    for (head, class) in [("answer", ""), ("objective", ""), ("found", " class=\"figure\""), ("why", "")] {
        let _ = write!(text, "<th scope=\"col\"{class}>{head}</th>");
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for verdict in &point.verdicts {
        let word = words::judgement(verdict.judgement);
        let _ = writeln!(
            text,
            "<tr><td><span class=\"word {word}\">{word}</span></td><td>{}</td>{}<td>{}</td></tr>",
            escape(&objective(verdict)),
            cell(&words::found(verdict), true),
            escape(&verdict.reason)
        );
    }
    text.push_str("</tbody></table></div>\n");
    text
}

/// An objective whose bound stays on one line.
fn objective(verdict: &Verdict) -> String {
    let bound = words::bound(verdict).replace(' ', "\u{a0}");
    format!("{}{} {bound}", verdict.metric, words::scope(&verdict.scope))
}

fn agreement(record: &Record) -> String {
    let sentences = crate::report::agreement::sentences(record);
    let items: String = sentences.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    let list = if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") };
    list + &crate::report::agreement::tables(record).iter().map(html).collect::<String>()
}

/// What a search says: its answers, why the next smaller size fails, and what is near; what a sweep says of its marks.
fn reasons(record: &Record) -> String {
    let sentences = crate::report::summary::sentences(record);
    if sentences.is_empty() {
        return String::new();
    }
    let items: String = sentences.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    format!("<ul>\n{items}</ul>\n")
}

fn warnings(record: &Record) -> String {
    let own = spoken(record).map_or(&[][..], |point| &point.warnings);
    let one = |warning: &Warning| {
        let (text, advice) = (escape(&warning.text), escape(&warning.advice));
        format!("<div class=\"warning\"><p><strong>{text}</strong><br>{advice}</p></div>\n")
    };
    record.warnings.iter().chain(own).map(one).collect()
}

fn pictures(charts: &[Chart]) -> Result<String, PaintError> {
    let mut text = String::new();
    for chart in charts {
        let _ = write!(
            text,
            "<figure id=\"chart-{}\"><div class=\"still\">\n{}</div>\n<figcaption><details><summary>In words</summary>\
             <p>{}</p></details></figcaption></figure>\n",
            chart.file,
            chart.inline_svg()?,
            escape(&chart.alt)
        );
    }
    Ok(text)
}

fn tables(record: &Record) -> String {
    let mut text: String = study::of_points(record).iter().map(html).collect();
    if record.points.len() > 1 {
        text.push_str(&html(&Table { title: String::from("All points"), ..table::points(record) }));
    }
    if let Some(point) = spoken(record) {
        if record.points.len() > 1 {
            let _ = writeln!(text, "<p>{}: {}.</p>", of(record), escape(&words::called(point)));
        }
        text.extend(table::tables(point).iter().map(html));
    }
    text
}

fn html(table: &Table) -> String {
    let mut text = format!(
        "<h3>{}</h3>\n<div class=\"scroll\"><table class=\"sorts\">\n<thead><tr>",
        escape(&table.title)
    );
    for (column, head) in table.header.iter().enumerate() {
        let class = if column >= table.labels { " class=\"figure\"" } else { "" };
        let _ = write!(text, "<th scope=\"col\"{class}>{}</th>", escape(head));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        text.push_str("<tr>");
        for (column, words) in row.iter().enumerate() {
            text.push_str(&cell(words, column >= table.labels));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
    text
}

/// A cell with the number that it sorts by.
fn cell(words: &str, figure: bool) -> String {
    let sort = sort_key(words).map_or_else(String::new, |key| format!(" data-sort=\"{key}\""));
    let class = if figure { " class=\"figure\"" } else { "" };
    format!("<td{class}{sort}>{}</td>", escape(words))
}

/// The number in a figure, in the unit without prefix: 0.354 for `354 ms ±2`.
fn sort_key(words: &str) -> Option<f64> {
    let end = words.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-' && c != '\u{202f}');
    let (number, rest) = words.split_at(end.unwrap_or(words.len()));
    let number: f64 = number.replace('\u{202f}', "").parse().ok()?;
    let unit = rest.trim_start().split([' ', ',', '[']).next().unwrap_or("");
    let units = [
        ("d", 86_400.0),
        ("h", 3600.0),
        ("min", 60.0),
        ("ms", 1e-3),
        ("µs", 1e-6),
        ("ns", 1e-9),
        ("k/s", 1e3),
        ("M/s", 1e6),
        ("/min", 1.0 / 60.0),
        ("/h", 1.0 / 3600.0),
        ("%", 0.01),
        ("pp", 0.01),
        ("k", 1e3),
        ("M", 1e6),
    ];
    Some(number * units.iter().find(|(word, _)| *word == unit).map_or(1.0, |(_, factor)| *factor))
}

fn trust(record: &Record) -> String {
    let mut lines: Vec<String> = Vec::new();
    let confidence = figure::plain(Unit::Ratio, record.settings.confidence);
    if let Some(point) = spoken(record) {
        lines.push(format!("{}.", words::effort(record, point)));
        lines.push(format!("Regime: {}.", words::regime(point)));
    } else {
        let requests: u64 = record.points.iter().map(|point| point.requests).sum();
        let runs: u64 = record.points.iter().map(|point| point.replications).sum();
        lines.push(format!(
            "{}, {} and {} in all; intervals at {confidence}.",
            figure::counted(record.points.len() as u64, "point"),
            figure::counted(runs, "replication"),
            figure::counted(requests, "request")
        ));
        let unstable = |point: &&Point| matches!(point.regime, RegimeFound::Unstable { .. });
        let unstable = record.points.iter().filter(unstable).count();
        if unstable > 0 {
            lines.push(format!(
                "At {} more work comes in than can be done: times have no limit there, and none is shown.",
                figure::counted(unstable as u64, "point")
            ));
        }
    }
    lines.push(format!(
        "Each interval holds the true value of the model with {confidence} confidence. Replications are independent: \
         intervals come from how they differ, never from averages of percentiles. What was seen rarely or never gets \
         Wilson's interval, so that nothing seen is still a bound."
    ));
    lines.extend(when_enough(record));
    if data::simulated(record).count() > 1 {
        lines.push(String::from(
            "The points share their random numbers, so that differences between them are the settings' own.",
        ));
    }
    lines.iter().map(|line| format!("<p>{}</p>\n", escape(line))).collect()
}

/// When replications were enough; nothing where their number was fixed.
fn when_enough(record: &Record) -> Option<String> {
    if let Some(answer) = &record.study.size {
        let near = figure::plain(Unit::Ratio, answer.indifference);
        return Some(format!(
            "A candidate was replicated until every objective was settled, or the limit was reached: the search as a whole \
             is wrong in at most {} of cases, and what lies within {near} of a bound counts as good as the bound. Figures \
             beside the verdicts are as wide as that left them.",
            figure::plain(Unit::Ratio, 1.0 - answer.confidence)
        ));
    }
    let share = figure::plain(Unit::Ratio, record.settings.precision?);
    let judged = record.points.iter().any(|point| !point.verdicts.is_empty());
    let what = if judged {
        format!(
            "the times that objectives bound were known to ±{share} of their value and every other objective was decided"
        )
    } else {
        format!("mean and 95th percentile of each class's latency were known to ±{share} of their value")
    };
    let most = figure::grouped(record.settings.replications);
    Some(format!(
        "Replications were added until {what}, or there were {most}; other figures have the intervals that this left them."
    ))
}

fn assumptions(record: &Record) -> String {
    let mut lines: Vec<String> = Vec::new();
    match (record.settings.horizon, record.settings.requests) {
        (Some(end), _) => {
            let end = figure::plain(Unit::Seconds, end);
            lines.push(match record.settings.drain {
                true => format!(
                    "Requests are sent for {end} of simulated time; a replication ends when the last of them has ended, or when none seems to end any more."
                ),
                false => format!("Each replication ends after {end} of simulated time."),
            });
        }
        (None, Some(n)) => {
            lines.push(format!("Each replication ends after {}.", figure::counted(n, "request")));
        }
        (None, None) => {}
    }
    lines.extend(
        [
            "Load, work and failures follow the model below; the figures are about that model, and about the real system as far as the model is like it.",
            "Latency is what a client sees: from its first send to its final outcome, retries and back-off included, successes and failures alike unless a figure says otherwise.",
            "Requests that are still alive at the end are counted as unfinished and never left out of the shares of outcomes.",
            "Chance comes from named streams of one seed: the same seed, model and version give the same bytes on any machine.",
        ]
        .map(String::from),
    );
    let items: String = lines.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    format!("<ul>\n{items}</ul>\n")
}

fn extremes(record: &Record) -> String {
    let Some(point) = spoken(record) else { return String::new() };
    let mut text = String::new();
    for one in &point.extremes {
        let _ = writeln!(
            text,
            "<details><summary>{} {} (replication {}, sent at {})</summary><ol>",
            figure::plain(Unit::Seconds, one.latency),
            escape(words::scope(&one.scope).trim()),
            one.replication,
            figure::plain(Unit::Seconds, one.sent)
        );
        for step in &one.story {
            let _ = writeln!(text, "<li>{}</li>", escape(step));
        }
        text.push_str("</ol></details>\n");
    }
    text
}

fn model(record: &Record) -> String {
    if record.model.text.trim().is_empty() {
        return String::new();
    }
    let file = escape(&record.model.file);
    let mut text = format!(
        "<p>{file} with its presets and every value that was set from outside, each marked with where it comes from; \
         what is not written has its default.</p>\n<pre tabindex=\"0\">{}</pre>\n",
        escape(&record.model.text)
    );
    if let Some(asked) = record.study.experiment.as_ref().filter(|asked| !asked.text.trim().is_empty()) {
        let _ = write!(
            text,
            "<details><summary>The experiment: {}</summary>\n<pre tabindex=\"0\">{}</pre></details>\n",
            escape(&asked.file),
            escape(&asked.text)
        );
    }
    text
}

fn repeat(record: &Record) -> String {
    let command = format!("<pre tabindex=\"0\">{}</pre>\n", escape(&record.command));
    let facts = definitions(vec![
        ("seed", record.seed.to_string()),
        ("fingerprint", escape(&record.fingerprint)),
        ("poolsim", escape(&record.poolsim)),
        ("random number contract", record.rng_contract.to_string()),
        ("record", escape(&record.schema)),
    ]);
    format!("{command}{facts}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_sort_by_their_size_and_not_by_their_text() {
        let rows = [
            ("354.0 ms ±2.0", Some(0.354)),
            ("1.2 min", Some(72.0)),
            ("0.4 % [0.0, 1.2]", Some(0.004)),
            ("1.20/min ±0.06", Some(0.02)),
            ("12\u{202f}345", Some(12_345.0)),
            ("396 (99 %)", Some(396.0)),
            ("-21 s ±3", Some(-21.0)),
            ("-4 pp ±3", Some(-0.04)),
            ("generation", None),
            ("–", None),
        ];
        for (words, key) in rows {
            match (sort_key(words), key) {
                (Some(found), Some(key)) => assert!((found - key).abs() < 1e-12, "{words}: {found}"),
                (found, key) => assert_eq!(found, key, "{words}"),
            }
        }
    }
}
