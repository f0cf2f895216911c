//! A record for a terminal: the answer first, then what it rests on, then how to repeat it.

use super::blocks;
use super::figure;
use super::spark;
use super::study;
use super::summary;
use super::table::{self, Table};
use super::words;
use crate::experiment::agreement::whole;
use crate::experiment::record::{Point, Record, Warning, World};
use crate::experiment::verdict::{Verdict, overall};
use crate::experiment::{Band, Judgement};
use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::fmt::Write;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether ANSI colours are wanted.
    pub color: bool,
    /// Columns.
    pub width: u16,
    /// Whether block characters can be shown.
    pub unicode: bool,
}

impl Look {
    /// No colours, 100 columns, Unicode: files, pipes and tests.
    pub const PLAIN: Look = Look { color: false, width: 100, unicode: true };
}

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();

/// The whole page.
pub fn page(record: &Record, look: Look) -> String {
    let page = Page { look };
    let mut text = String::new();
    let worst = whole::judgement(&record.study.agreements)
        .or_else(|| overall(record.points.iter().flat_map(|point| &point.verdicts)));
    let style = worst.map_or(BOLD, style_of);
    let _ = writeln!(text, "{}", page.paint(style, &words::answer(record)));
    if let ([point], None) = (record.points.as_slice(), &record.study.size) {
        page.point(&mut text, record, point);
    } else {
        page.study(&mut text, record);
        page.warnings(&mut text, words::warnings(record).iter());
    }
    let _ = writeln!(
        text,
        "\nseed {}  fingerprint {}  poolsim {}\nrepeat: {}",
        record.seed, record.fingerprint, record.poolsim, record.command
    );
    page.spell(&text)
}

const fn style_of(judgement: Judgement) -> Style {
    match judgement {
        Judgement::Met => GOOD,
        Judgement::Missed => BAD,
        Judgement::Undecided => UNSURE,
    }
}

/// What draws parts of a page.
pub(super) struct Page {
    pub(super) look: Look,
}

impl Page {
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.look.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// The text in characters that the terminal can show.
    pub(super) fn spell(&self, text: &str) -> String {
        if self.look.unicode { text.to_owned() } else { ascii(text) }
    }

    fn point(&self, text: &mut String, record: &Record, point: &Point) {
        let _ = writeln!(text, "{}", self.paint(DIM, &words::regime(point)));
        let _ = writeln!(text, "{}", self.paint(DIM, &words::effort(record, point)));
        self.verdicts(text, &point.verdicts);
        for table in table::tables(point) {
            self.table(text, &table);
        }
        self.courses(text, &point.timelines);
        self.warnings(text, record.warnings.iter().chain(&point.warnings));
    }

    /// Several points: the answer of a search, or the grid and what it says.
    fn study(&self, text: &mut String, record: &Record) {
        for sentence in summary::sentences(record) {
            let _ = writeln!(text, "{sentence}");
        }
        if let Some((title, lines)) = blocks::map(record, self.look) {
            let _ = writeln!(text, "\n{}", self.paint(BOLD, &title));
            lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
        }
        let tables = study::tables(record);
        // Of a replay the worlds themselves come before what is said of them.
        let replay = record.points.iter().any(|point| point.world == World::Real);
        if tables.is_empty() || replay {
            self.table(text, &table::points(record));
        }
        for table in &tables {
            self.table(text, table);
        }
    }

    fn verdicts(&self, text: &mut String, verdicts: &[Verdict]) {
        if verdicts.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n{}", self.paint(BOLD, "Objectives"));
        let objectives: Vec<String> =
            verdicts.iter().map(|verdict| self.spell(&words::objective(verdict))).collect();
        let widest = objectives.iter().map(|one| one.chars().count()).max().unwrap_or(0);
        for (verdict, objective) in verdicts.iter().zip(objectives) {
            let word = format!("{:<9}", words::judgement(verdict.judgement));
            let word = self.paint(style_of(verdict.judgement), &word);
            let pad = " ".repeat(widest - objective.chars().count());
            let found = words::found(verdict);
            let _ = writeln!(text, "  {word}  {objective}{pad}  {found}");
            // A plain "yes" or "no" needs no reason; a rule of its own, or doubt, does.
            if !verdict.reason.starts_with("the whole interval") {
                let _ = writeln!(text, "             {}", self.paint(DIM, &verdict.reason));
            }
        }
    }

    pub(super) fn table(&self, text: &mut String, table: &Table) {
        let _ = writeln!(text, "\n{}", self.paint(BOLD, &table.title));
        let mut drawn = comfy_table::Table::new();
        drawn.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        // Spelt before they are laid out: "±" is narrower than "+-".
        let spelt = |cells: &[String]| cells.iter().map(|cell| self.spell(cell)).collect::<Vec<_>>();
        let rows: Vec<Vec<String>> = table.rows.iter().map(|row| spelt(row)).collect();
        drawn.set_width(self.look.width.max(40)).set_header(spelt(&table.header)).add_rows(rows);
        for index in 0..table.header.len() {
            if let Some(column) = drawn.column_mut(index) {
                let figures = index >= table.labels;
                column.set_cell_alignment(if figures { CellAlignment::Right } else { CellAlignment::Left });
            }
        }
        for line in drawn.lines() {
            let _ = writeln!(text, " {}", line.trim_end());
        }
    }

    fn courses(&self, text: &mut String, bands: &[Band]) {
        if !self.look.unicode {
            return;
        }
        let whole = |band: &&Band| band.scope == crate::experiment::Scope::default();
        let wanted = ["queue_length", "in_flight", "busy_slots", "latency_p95", "latency_p50"];
        let shown: Vec<&Band> = wanted
            .iter()
            .filter_map(|name| bands.iter().filter(whole).find(|band| band.name == *name))
            .collect();
        let width = usize::from(self.look.width).saturating_sub(36).clamp(10, 100);
        let mut first = true;
        for band in shown {
            let Some(line) = spark::line(&band.median, width) else { continue };
            if first {
                let end = band.start + band.width * band.median.len() as f64;
                let end = figure::plain(crate::experiment::Unit::Seconds, end);
                let title = format!("Over time, 0 to {end}, median of replications");
                let _ = writeln!(text, "\n{}", self.paint(BOLD, &title));
                first = false;
            }
            let top = band.median.iter().flatten().copied().fold(0.0, f64::max);
            let top = figure::plain(band.unit, top);
            let _ = writeln!(text, "  {:<14}{line}  up to {top}", band.name.replace('_', " "));
        }
    }

    fn warnings<'a>(&self, text: &mut String, warnings: impl Iterator<Item = &'a Warning>) {
        for warning in warnings {
            let word = self.paint(UNSURE, "warning");
            let _ = writeln!(text, "\n{word}: {}", warning.text);
            if !warning.advice.is_empty() {
                let _ = writeln!(text, "  {}", warning.advice);
            }
        }
    }
}

/// The page for a terminal that shows ASCII only.
fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '±' => plain.push_str("+-"),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            '–' => plain.push('-'),
            '∞' => plain.push_str("inf"),
            'µ' => plain.push('u'),
            '²' => plain.push_str("^2"),
            '\u{202f}' => plain.push(','),
            c => plain.push(c),
        }
    }
    plain
}
