//! Estimates below each other with their intervals: paired differences, and the outcomes of a single run.

use super::grid::{in_words, worlds};
use super::paint::text_width;
use super::palette::Ink;
use super::scene::Anchor;
use super::sheet::{AxisSpec, Key, Panel, Room, SMALL, Sheet, Swatch, fit};
use super::{Chart, Draft, Style, name};
use crate::experiment::agreement::Agreed;
use crate::experiment::agreement::records::effect_of;
use crate::experiment::record::{Difference, Point, Record, World};
use crate::experiment::{Metric, Scope, Unit};
use crate::report::{figure, summary};
use crate::stats::{Equivalence, Estimate};

/// Most differences of a picture that is meant to be looked at: as many as its text has.
const ROWS_MAX: usize = 40;

/// Height of a row.
const ROW: f64 = 24.0;

/// One row.
struct Row {
    words: String,
    estimate: Estimate,
    unit: Unit,
    ink: Ink,
    bound: Option<f64>,
    /// Whether a share is a difference of shares, told in percentage points.
    pp: bool,
}

impl Row {
    fn figures(&self) -> String {
        if self.pp {
            summary::difference(self.unit, &self.estimate)
        } else {
            figure::with_interval(self.unit, &self.estimate)
        }
    }
}

/// Paired differences, one panel per unit.
pub(super) fn differences(record: &Record, style: &Style) -> Option<Chart> {
    let (known, more) = shown(record);
    let mirrored = record.points.iter().any(|point| point.world == World::Real);
    // What all rows are about stands above them once.
    let pair = known.first().map(|one| one.label.clone()).unwrap_or_default();
    let one_pair = known.iter().all(|one| one.label == pair) && !pair.is_empty();
    let metric = known.first().map(|one| name::of(&one.metric, &one.scope)).unwrap_or_default();
    let one_metric = !one_pair && known.iter().all(|one| name::of(&one.metric, &one.scope) == metric);
    let row = |one: &&Difference| Row {
        words: match (one_pair, one_metric) {
            (true, _) => name::of(&one.metric, &one.scope),
            (false, true) => one.label.clone(),
            (false, false) => format!("{}: {}", one.label, name::of(&one.metric, &one.scope)),
        },
        pp: true,
        estimate: one.estimate,
        unit: one.unit,
        ink: match (mirrored, verdict(record, one)) {
            (true, found) => agreement_ink(one, found),
            (false, found) => difference_ink(one, found),
        },
        bound: one.bound,
    };
    let rows: Vec<Row> = known.iter().map(row).collect();
    if mirrored {
        let keys = [
            Key(Swatch::Line(Ink::Good, Some(1)), String::from("equivalent: within its bound")),
            Key(Swatch::Line(Ink::Bad, Some(1)), String::from("different: beyond its bound")),
            Key(Swatch::Line(Ink::Axis, Some(1)), String::from("undecided")),
            Key(Swatch::Fill(Ink::Shade, 1.0), String::from("the bound")),
        ];
        let title = "Simulated against real: differences and their bounds";
        let subtitle = match record.study.agreements.is_empty() {
            true => "An interval inside its bound shows agreement; one that reaches over it decides nothing.",
            false => TOGETHER,
        };
        return draw(record, style, ("real-differences", title, &format!("{subtitle}{more}")), &keys, &rows);
    }
    let bounded = rows.iter().any(|row| row.bound.is_some());
    let keys = [
        Key(Swatch::Line(HIGHER, Some(1)), String::from("higher")),
        Key(Swatch::Line(LOWER, Some(1)), String::from("lower")),
        Key(Swatch::Line(Ink::Axis, Some(1)), String::from("no difference shown")),
        Key(Swatch::Fill(Ink::Shade, 1.0), String::from("too small to matter")),
    ];
    let keys = &keys[..if bounded { 4 } else { 3 }];
    // A comparison of two records does not pair their replications.
    let compared = !record.study.agreements.is_empty();
    let of = if one_metric { format!(" in {metric}") } else { String::new() };
    let title = match compared {
        false => format!("Differences{of}, paired by common random numbers"),
        true => format!("Differences{of} that matter most, and their margins"),
    };
    let pair = if one_pair { format!("{}. ", name::capital(&pair)) } else { String::new() };
    let how = if compared { TOGETHER } else { "An interval that crosses zero shows no difference." };
    draw(record, style, ("differences", &title, &format!("{pair}{how}{more}")), keys, &rows)
}

/// The differences that are drawn, in the record's order, and what to say of those that are not: of many, the worst are
/// shown.
fn shown(record: &Record) -> (Vec<&Difference>, String) {
    let known: Vec<&Difference> =
        record.differences.iter().filter(|one| one.estimate.value.is_finite()).collect();
    if known.len() <= ROWS_MAX {
        return (known, String::new());
    }
    let how_bad = |one: &Difference| {
        let effect = effect_of(&one.estimate, one.bound.unwrap_or(f64::INFINITY));
        (verdict(record, one), effect)
    };
    let mut order: Vec<(usize, (Option<Equivalence>, f64))> =
        known.iter().map(|one| how_bad(one)).enumerate().collect();
    order.sort_by(|(_, a), (_, b)| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let mut chosen: Vec<usize> = order.into_iter().take(ROWS_MAX).map(|(index, _)| index).collect();
    chosen.sort_unstable();
    let more = format!(
        " Shown are the {ROWS_MAX} with the largest effect; the tables have {} more.",
        known.len() - ROWS_MAX
    );
    (chosen.into_iter().map(|index| known[index]).collect(), more)
}

/// How colours and intervals are meant where a family of figures was judged.
const TOGETHER: &str =
    "Colours are the verdicts on all figures together; an interval is that of its figure alone.";

/// Whether more is better depends on the metric, so neither colour praises or warns.
const HIGHER: Ink = Ink::Series(1);
const LOWER: Ink = Ink::Series(0);

/// The verdict on a difference, which is corrected for the number of figures that were judged with it.
fn verdict(record: &Record, one: &Difference) -> Option<Equivalence> {
    let own = record.study.agreements.iter().filter(|agreement| agreement.label() == one.label);
    let same = |figure: &&Agreed| figure.metric == one.metric && figure.scope == one.scope;
    own.flat_map(|agreement| &agreement.figures).find(same).map(|figure| figure.verdict)
}

/// Which way it goes where that is sure, grey where it is not.
fn difference_ink(one: &Difference, verdict: Option<Equivalence>) -> Ink {
    let Difference { estimate, bound, .. } = one;
    let matters = |end: f64| bound.is_none_or(|bound| end.abs() > bound);
    let sure = match verdict {
        Some(verdict) => verdict == Equivalence::Different,
        None => {
            (estimate.low > 0.0 && matters(estimate.high)) || (estimate.high < 0.0 && matters(estimate.low))
        }
    };
    match estimate.value {
        value if sure && value > 0.0 => HIGHER,
        value if sure && value < 0.0 => LOWER,
        _ => Ink::Axis,
    }
}

/// Green where the two agree, red where they differ, grey where neither is shown: by the verdict, or where there is
/// none by whether the whole interval is within the bound.
fn agreement_ink(one: &Difference, verdict: Option<Equivalence>) -> Ink {
    let Difference { estimate, bound, .. } = one;
    match verdict {
        Some(Equivalence::Equivalent) => return Ink::Good,
        Some(Equivalence::Different) => return Ink::Bad,
        Some(Equivalence::Undecided) => return Ink::Axis,
        None => {}
    }
    match *bound {
        Some(bound) if estimate.low >= -bound && estimate.high <= bound => Ink::Good,
        Some(bound) if estimate.low > bound || estimate.high < -bound => Ink::Bad,
        _ => Ink::Axis,
    }
}

/// Shares of bad ends of a single run, by class.
const ENDS: [(&str, &str); 6] = [
    ("prob_timeout", "timed out"),
    ("prob_block", "rejected"),
    ("prob_abandon", "gave up waiting"),
    ("prob_fail", "failed in any way"),
    ("prob_retry", "retries per request"),
    ("prob_unfinished", "unfinished"),
];

/// Outcomes of one point by class, of a replay in both worlds, with intervals that bound even what was never seen.
pub(super) fn outcomes(record: &Record, style: &Style, point: &Point) -> Option<Chart> {
    let classes = &point.parts.classes;
    let ink = |class: usize| Ink::Series((class % 12) as u8);
    let both = worlds(record);
    let sides = if both.is_empty() { vec![(point, "")] } else { both };
    let (mut rows, mut seen_of) = (Vec::new(), vec![false; classes.len()]);
    for (metric, words) in ENDS {
        for (index, class) in classes.iter().enumerate() {
            let scope = Scope { class: Some(class.clone()), ..Scope::default() };
            let seen = |metric: &&Metric| metric.estimate.value.is_finite();
            for (point, world) in &sides {
                let Some(found) = point.metric(metric, &scope).filter(seen) else { continue };
                let world = in_words(Some(*world).filter(|word| !word.is_empty()));
                seen_of[index] = true;
                rows.push(Row {
                    words: format!("{words}, {class}{world}"),
                    estimate: found.estimate,
                    unit: Unit::Ratio,
                    ink: ink(index),
                    bound: None,
                    pp: false,
                });
            }
        }
    }
    let keys: Vec<Key> = classes
        .iter()
        .enumerate()
        .map(|(index, class)| match seen_of[index] {
            true => Key(Swatch::Line(ink(index), Some(1)), class.clone()),
            false => Key(Swatch::Nothing, format!("{class}: no request")),
        })
        .collect();
    let keys = if keys.len() > 1 { &keys[..] } else { &[] };
    let subtitle =
        "Shares of requests with intervals; of what was never seen, the interval says how rare it must be.";
    let shown = sides.iter().map(|(_, world)| *world).filter(|word| !word.is_empty());
    let title = format!("How requests end badly{}", in_words(shown));
    draw(record, style, ("outcomes", &title, subtitle), keys, &rows)
}

/// Rows of one unit share an axis; several units are panels below each other.
fn draw(
    record: &Record,
    style: &Style,
    (file, title, subtitle): (&str, &str, &str),
    keys: &[Key],
    rows: &[Row],
) -> Option<Chart> {
    let mut units: Vec<Unit> = Vec::new();
    for row in rows {
        if !units.contains(&row.unit) {
            units.push(row.unit);
        }
    }
    if units.is_empty() {
        return None;
    }
    let width = style.size.points().0;
    let height =
        130.0 + 18.0 * keys.len().div_ceil(4) as f64 + rows.len() as f64 * ROW + units.len() as f64 * 52.0;
    let mut sheet = Sheet::new(record, (width, height.max(240.0)), title, subtitle);
    sheet.legend(keys);
    let mut top = sheet.top;
    let sides = sides(rows, sheet.right - sheet.left);
    let spare = sheet.bottom - top - rows.len() as f64 * ROW - units.len() as f64 * 42.0;
    for unit in units {
        let own: Vec<&Row> = rows.iter().filter(|row| row.unit == unit).collect();
        let bottom =
            top + own.len() as f64 * ROW + 42.0 + spare.max(0.0) * own.len() as f64 / rows.len() as f64;
        let room = Room { left: sheet.left, right: sheet.right, top, bottom };
        panel(&mut sheet, room, unit, (&own, sides));
        top = bottom;
    }
    let said: Vec<String> = rows.iter().map(|row| format!("{} {}", row.words, row.figures())).collect();
    let alt = format!("{title}. {}.", said.join("; "));
    Some(Draft { file: file.to_owned(), title: title.to_owned(), alt, scene: sheet.scene }.done())
}

/// Room for the words on the left and the figures on the right, the same in every panel.
fn sides(rows: &[Row], width: f64) -> (f64, f64) {
    let widest = |of: &dyn Fn(&Row) -> String| {
        rows.iter().map(|row| text_width(&of(row), SMALL, false)).fold(0.0, f64::max)
    };
    (widest(&|row| row.words.clone()).min(width * 0.42), widest(&Row::figures))
}

fn panel(sheet: &mut Sheet, room: Room, unit: Unit, (rows, (left, right)): (&[&Row], (f64, f64))) {
    let words = |row: &Row| fit(&row.words, left, SMALL, false);
    let ends = rows.iter().flat_map(|row| [row.estimate.value, row.estimate.low, row.estimate.high]);
    let values = ends
        .chain(rows.iter().filter_map(|row| row.bound).flat_map(|bound| [-bound, bound]))
        .chain([0.0])
        .collect();
    let differences = rows.iter().all(|row| row.pp);
    let x = AxisSpec { differences, ..AxisSpec::linear(unit, values, "") };
    let y = AxisSpec { ticks: Some(Vec::new()), ..AxisSpec::span(Unit::Number, 0.0, rows.len() as f64, "") };
    let inner = Room { right: room.right - right - 14.0, ..room };
    let panel = Panel::draw(&mut sheet.scene, inner, &x, &y, left + 12.0);
    let scene = &mut sheet.scene;
    // Each row has a bound of its own.
    for (index, row) in rows.iter().enumerate() {
        let Some(bound) = row.bound else { continue };
        let (above, below) = (rows.len() - index, rows.len() - index - 1);
        let from = (panel.x.at(-bound), panel.y.at(above as f64));
        scene.rect(from, (panel.x.at(bound), panel.y.at(below as f64)), Ink::Shade, 1.0);
    }
    for tick in panel.x.ticks() {
        let at = panel.x.at(tick.value);
        let ink = if tick.value == 0.0 { Ink::Axis } else { Ink::Grid };
        scene.line(&[(at, panel.y.to), (at, panel.y.from)], ink, 1.0);
    }
    for (index, row) in rows.iter().enumerate() {
        let y = panel.y.at(rows.len() as f64 - index as f64 - 0.5);
        scene.text((panel.x.from - 10.0, y), words(row), SMALL, Ink::Text, Anchor::End);
        scene.text((room.right, y), row.figures(), SMALL, Ink::Text, Anchor::End);
        let [value, low, high] =
            [row.estimate.value, row.estimate.low, row.estimate.high].map(|v| panel.x.at(v));
        scene.line(&[(low, y), (high, y)], row.ink, 2.0);
        for end in [low, high] {
            scene.line(&[(end, y - 4.0), (end, y + 4.0)], row.ink, 1.5);
        }
        scene.marker((value, y), 1, 4.5, row.ink);
        let text = format!("{}\n{} (n = {})", row.words, row.figures(), row.estimate.n);
        scene.say((room.left, y - ROW / 2.0), (room.right, y + ROW / 2.0), text, None);
    }
}
