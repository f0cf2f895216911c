//! The report: one HTML file that needs nothing else, reads without scripts, prints, and is better with them.
//!
//! It has the question, the answer, the verdicts, every chart (as SVG inside the page), tables, the model, what was
//! assumed, how sure the figures are and why, and the command that repeats them. Scripts add tooltips, sorting,
//! zoom (uPlot, MIT licence, in `vendor/`) and the details of a heat map's cells. A content security policy forbids
//! every request; the only scripts that run are the two whose hashes it names.

mod data;
mod sections;

use crate::experiment::agreement::whole;
use crate::experiment::record::Record;
use crate::experiment::verdict::overall;
use crate::report::chart::palette::Ink;
use crate::report::chart::{Chart, PaintError, Theme, escape, font_faces};
use crate::report::words;
use crate::stats::Equivalence;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const UPLOT: &str = include_str!("vendor/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("vendor/uPlot.min.css");
const UPLOT_LICENCE: &str = include_str!("vendor/uPlot-LICENSE");

/// The page of a record with its charts, light or dark as the reader has it, unless told.
///
/// # Errors
/// [`PaintError`] of a chart.
pub fn page(record: &Record, charts: &[Chart], theme: Option<Theme>) -> Result<String, PaintError> {
    let mut page = head(record, theme);
    let class = class(record);
    let _ = write!(
        page,
        "<body>\n<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p class=\"answer {class}\">{}</p>\n",
        escape(&record.name),
        escape(&record.description),
        escape(&answer(record))
    );
    let sections = sections::all(record, charts)?;
    page.push_str("<nav aria-label=\"Contents\"><ul>");
    for section in &sections {
        let _ = write!(page, "<li><a href=\"#{}\">{}</a></li>", section.id, escape(section.title));
    }
    page.push_str("</ul></nav>\n</header>\n<main>\n");
    for section in &sections {
        let _ = write!(
            page,
            "<section id=\"{0}\" aria-labelledby=\"{0}-head\">\n<h2 id=\"{0}-head\">{1}</h2>\n{2}</section>\n",
            section.id,
            escape(section.title),
            section.body
        );
    }
    let _ = write!(
        page,
        "</main>\n<footer>\n<p>Made by poolsim {} from its record alone. Fonts: a subset of DejaVu Sans. Interactive \
         charts: uPlot, MIT licence, copyright (c) 2022 Leon Sorokin.</p>\n</footer>\n",
        escape(&record.poolsim)
    );
    let _ = write!(
        page,
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{}</script>\n<script>{}</script>\n</body>\n</html>\n",
        in_script(&data::json(record)),
        uplot(),
        script()
    );
    Ok(page)
}

/// The answer under a heading that has the record's name already.
fn answer(record: &Record) -> String {
    let answer = words::answer(record);
    let told = answer.strip_prefix(&format!("{}: ", record.name)).unwrap_or(&answer);
    // A path or a file's name stays as it is written.
    if told.split(' ').next().is_some_and(|first| first.contains('.')) {
        return told.to_owned();
    }
    let mut letters = told.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// How the answer looks: by the objectives, or in a comparison by what agrees.
fn class(record: &Record) -> &'static str {
    match whole::verdict(&record.study.agreements) {
        Some(Equivalence::Equivalent) => "met",
        Some(Equivalence::Different) => "missed",
        Some(Equivalence::Undecided) => "undecided",
        None => {
            let of = record.points.iter().filter(|one| shown(record, one.index));
            overall(of.flat_map(|point| &point.verdicts)).map_or("", words::judgement)
        }
    }
}

/// Whether the answer at the top rests on a point: on all, unless one was chosen.
fn shown(record: &Record, index: u64) -> bool {
    record.chosen.is_none_or(|chosen| chosen == index)
}

/// Text that cannot end the script that holds it.
fn in_script(text: &str) -> String {
    text.replace("</", "<\\/").replace("<!--", "<\\!--")
}

fn uplot() -> String {
    let licence = UPLOT_LICENCE.replace("*/", "");
    in_script(&format!("/*\n{licence}*/\n{UPLOT}"))
}

fn script() -> String {
    in_script(SCRIPT)
}

fn head(record: &Record, theme: Option<Theme>) -> String {
    let scheme = match theme {
        None => "",
        Some(Theme::Light) => " data-scheme=\"light\"",
        Some(Theme::Dark) => " data-scheme=\"dark\"",
    };
    let hash = |script: &str| crate::report::chart::base64(&Sha256::digest(script.as_bytes()));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"{scheme}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         font-src data:; img-src data:; script-src 'sha256-{}' 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"poolsim {}\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>\n{}\n{UPLOT_STYLE}\n{}{STYLE}</style>\n</head>\n",
        hash(&uplot()),
        hash(&script()),
        escape(&record.poolsim),
        escape(&words::answer(record)),
        font_faces(),
        colors(theme)
    )
}

/// The page's colours, and rules that turn light charts dark: by colour, because no two inks share one.
fn colors(theme: Option<Theme>) -> String {
    let names = [
        ("paper", Ink::Paper),
        ("text", Ink::Text),
        ("muted", Ink::Muted),
        ("grid", Ink::Grid),
        ("axis", Ink::Axis),
        ("shade", Ink::Shade),
        ("void", Ink::Void),
        ("bound", Ink::Bound),
        ("good", Ink::Good),
        ("bad", Ink::Bad),
        ("link", Ink::Series(0)),
    ];
    let variables = |theme: Theme| {
        let one = |(name, ink): &(&str, Ink)| format!("--{name}:{};", ink.css(theme));
        names.iter().map(one).collect::<String>()
    };
    let mut text = format!(":root{{{}}}\n", variables(Theme::Light));
    let reader = match theme {
        None => "screen and (prefers-color-scheme: dark)",
        Some(Theme::Light) => return text,
        Some(Theme::Dark) => "screen",
    };
    let _ = writeln!(text, "@media {reader}{{:root{{{}}}", variables(Theme::Dark));
    for ink in Ink::themed() {
        let (light, dark) = (ink.css(Theme::Light), ink.css(Theme::Dark));
        let _ = writeln!(
            text,
            ".chart [fill=\"{light}\"]{{fill:{dark}}}.chart [stroke=\"{light}\"]{{stroke:{dark}}}"
        );
    }
    text.push_str("}\n");
    text
}
