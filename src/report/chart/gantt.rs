//! What every slot did during a stretch of one replication, and the way of one slow request through it.

use super::grid::{in_words, simulated, worlds};
use super::paint::text_width;
use super::palette::Ink;
use super::scale::{Kind, Scale};
use super::scene::{Anchor, Scene, Xy};
use super::sheet::{Key, SMALL, Sheet, Swatch, fit};
use super::timeline::at_point;
use super::{Chart, Draft, Style};
use crate::experiment::record::{Point, Record};
use crate::experiment::{Activity, SlotSpan, Stretch, Unit};
use crate::report::figure;

/// Height of a slot's row.
const ROW: f64 = 20.0;

/// A row: a slot of a pool, or the followed request outside of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Outside,
    Slot(u32, u32),
}

fn row_of(span: &SlotSpan) -> Row {
    span.slot.map_or(Row::Outside, |slot| Row::Slot(span.pool, slot))
}

/// The chart of the first point that has a stretch.
pub(super) fn gantt(record: &Record, style: &Style) -> Option<Chart> {
    let chosen = simulated(record).filter(|point| record.chosen == Some(point.index));
    let (point, stretch) =
        chosen.chain(simulated(record)).find_map(|point| Some((point, point.stretch.as_ref()?)))?;
    let shown = |span: &&SlotSpan| span.slot.is_some() || span.request == stretch.followed;
    let spans: Vec<&SlotSpan> = stretch.spans.iter().filter(shown).filter(|s| s.end > s.start).collect();
    let mut rows: Vec<Row> = spans.iter().map(|span| row_of(span)).collect();
    rows.sort_unstable();
    rows.dedup();
    if rows.is_empty() || stretch.end <= stretch.start {
        return None;
    }
    let when = match base(stretch) {
        0.0 => format!("{} to {}", at(stretch, stretch.start), at(stretch, stretch.end)),
        start => {
            let length = figure::plain(Unit::Seconds, stretch.end - stretch.start);
            format!("{length} from {} on", figure::plain(Unit::Seconds, start))
        }
    };
    let place = at_point(record, point);
    // Of a replay there are two worlds; what is followed is the simulated one.
    let world = in_words(worlds(record).first().map(|(_, word)| *word));
    let title = format!("Slot by slot{world}, {when}, replication {}{place}", stretch.replication);
    let way = way(stretch) + &left_out(stretch);
    let (width, height) = style.size.points();
    let height = height.min(170.0 + rows.len() as f64 * ROW).max(130.0 + rows.len() as f64 * 12.0);
    let mut sheet = Sheet::new(record, (width, height), &title, &way);
    sheet.legend(&keys(point, &spans, stretch));
    draw(&mut sheet, point, stretch, &rows, &spans);
    let slots = rows.iter().filter(|row| **row != Row::Outside).count();
    let alt = format!("{title}. {}. {way}", figure::counted(slots as u64, "slot"));
    Some(Draft { file: String::from("slots"), title, alt, scene: sheet.scene }.done())
}

/// Where the axis begins to count: at the start of the run, or of a stretch that is short and far from it.
fn base(stretch: &Stretch) -> f64 {
    if stretch.start > 10.0 * (stretch.end - stretch.start) { stretch.start } else { 0.0 }
}

/// An instant in the unit of the axis.
fn at(stretch: &Stretch, seconds: f64) -> String {
    let end = stretch.end - base(stretch);
    let like = if end < 120.0 { end } else { (stretch.end - stretch.start) / 10.0 };
    figure::plain_like(Unit::Seconds, seconds - base(stretch), like)
}

/// What is not shown.
fn left_out(stretch: &Stretch) -> String {
    match stretch.left_out {
        0 => String::new(),
        1 => String::from(" One more slot is not shown."),
        more => format!(" {} more slots are not shown.", figure::grouped(more)),
    }
}

/// The followed request in a sentence.
fn way(stretch: &Stretch) -> String {
    let Some(followed) = stretch.followed else { return String::new() };
    let (mut own, zombies): (Vec<&SlotSpan>, Vec<&SlotSpan>) = stretch
        .spans
        .iter()
        .filter(|span| span.request == Some(followed))
        .partition(|span| span.activity != Activity::Zombie);
    own.sort_by(|a, b| a.start.total_cmp(&b.start));
    let vain: f64 = zombies.iter().map(|span| span.end - span.start).sum();
    let vain = match vain {
        0.0 => String::new(),
        vain => format!("; {} of work nobody waits for", figure::plain(Unit::Seconds, vain)),
    };
    let step = |span: &&SlotSpan| {
        let how = span.outcome.as_ref().map_or_else(String::new, |outcome| format!(" ({outcome})"));
        format!("{} {}{how}", words(span.activity), figure::plain(Unit::Seconds, span.end - span.start))
    };
    let way: Vec<String> = own.iter().map(step).collect();
    format!("Followed: request {followed}: {}{vain}.", way.join(", then "))
}

const fn words(activity: Activity) -> &'static str {
    match activity {
        Activity::Serving => "served",
        Activity::Wasted => "served in vain",
        Activity::Zombie => "work nobody waits for",
        Activity::Starting => "worker starts",
        Activity::Dying => "worker dies",
        Activity::Restarting => "worker is replaced",
        Activity::Lost => "slot lost",
        Activity::Down => "slot down",
        Activity::Waiting => "waits",
        Activity::Backoff => "backs off",
    }
}

fn keys(point: &Point, spans: &[&SlotSpan], stretch: &Stretch) -> Vec<Key> {
    let any = |wanted: Activity| spans.iter().any(|span| span.activity == wanted);
    let classes = point.parts.classes.iter().enumerate();
    let served = classes.filter(|(index, _)| {
        spans.iter().any(|span| span.slot.is_some() && span.class.map(|class| class as usize) == Some(*index))
    });
    let mut keys: Vec<Key> =
        served.map(|(index, class)| Key(Swatch::Fill(class_ink(index), 0.85), class.clone())).collect();
    let mut key = |shown: bool, swatch: Swatch, words: &str| {
        if shown {
            keys.push(Key(swatch, words.to_owned()));
        }
    };
    key(any(Activity::Wasted) || any(Activity::Zombie), Swatch::Hatch, "in vain");
    key(any(Activity::Dying), Swatch::Fill(Ink::Bad, 0.35), "worker dies");
    let away = [Activity::Starting, Activity::Restarting, Activity::Lost, Activity::Down];
    key(away.into_iter().any(any), Swatch::Fill(Ink::Void, 1.0), "no worker");
    key(any(Activity::Waiting), Swatch::Dashes(Ink::Text), "waits or backs off");
    key(stretch.followed.is_some(), Swatch::Outline(Ink::Chosen), "followed request");
    keys
}

fn class_ink(class: usize) -> Ink {
    Ink::Series((class % 12) as u8)
}

fn draw(sheet: &mut Sheet, point: &Point, stretch: &Stretch, rows: &[Row], spans: &[&SlotSpan]) {
    let name = |row: &Row| match row {
        Row::Outside => String::from("outside"),
        Row::Slot(pool, slot) => {
            let pool = point.parts.pools.get(*pool as usize);
            // What has no pool has no numbered slots either.
            let numbered = |pool: &String| format!("{} {}", fit(pool, 110.0, SMALL, false), slot + 1);
            pool.map_or_else(|| String::from("no pool"), numbered)
        }
    };
    let room = sheet.room();
    let gutter = rows.iter().map(|row| text_width(&name(row), SMALL, false)).fold(0.0, f64::max) + 10.0;
    let (left, bottom) = (room.left + gutter, room.bottom - 36.0);
    let height = (bottom - room.top) / rows.len() as f64;
    let base = base(stretch);
    let ends = (stretch.start - base, stretch.end - base);
    let x = Scale::exact(Kind::Linear, Unit::Seconds, ends, (left, room.right));
    for tick in x.ticks() {
        let at = x.at(tick.value);
        sheet.scene.line(&[(at, room.top), (at, bottom)], Ink::Grid, 1.0);
        sheet.scene.text((at, bottom + 12.0), tick.label, SMALL, Ink::Muted, Anchor::Middle);
    }
    let middle = f64::midpoint(left, room.right);
    let since = match base {
        0.0 => String::from("time since the start"),
        start => format!("time since {}", figure::plain(Unit::Seconds, start)),
    };
    sheet.scene.text((middle, bottom + 28.0), since, SMALL, Ink::Text, Anchor::Middle);
    let every = (13.0 / height).ceil().max(1.0) as usize;
    for (index, row) in rows.iter().enumerate() {
        let y = room.top + (index as f64 + 0.5) * height;
        if index % every == 0 {
            sheet.scene.text((left - 7.0, y), name(row), SMALL, Ink::Muted, Anchor::End);
        }
        sheet.scene.line(&[(left, y + height / 2.0), (room.right, y + height / 2.0)], Ink::Grid, 1.0);
    }
    let place = |span: &SlotSpan| {
        let index = rows.binary_search(&row_of(span)).unwrap_or(0) as f64;
        let (start, end) = (x.at(span.start - base), x.at(span.end - base));
        (
            (start, room.top + index * height + 2.0),
            (end.max(start + 0.5), room.top + (index + 1.0) * height - 2.0),
        )
    };
    for span in spans {
        block(&mut sheet.scene, place(span), span);
        let (from, to) = place(span);
        sheet.scene.say(from, to, say(point, stretch, span), None);
    }
    follow(&mut sheet.scene, stretch, spans, place);
}

fn say(point: &Point, stretch: &Stretch, span: &SlotSpan) -> String {
    let class = span.class.and_then(|class| point.parts.classes.get(class as usize));
    let whose = span.request.map_or_else(String::new, |request| format!("request {request} "));
    let class = class.map_or_else(String::new, |class| format!("of {class} "));
    let outcome = span.outcome.as_ref().map_or_else(String::new, |outcome| format!(", {outcome}"));
    format!(
        "{whose}{class}{}\n{} to {} ({}{outcome})",
        words(span.activity),
        at(stretch, span.start),
        at(stretch, span.end),
        figure::plain(Unit::Seconds, span.end - span.start)
    )
}

fn block(scene: &mut Scene, (from, to): (Xy, Xy), span: &SlotSpan) {
    let ink = span.class.map_or(Ink::Axis, |class| class_ink(class as usize));
    let middle = f64::midpoint(from.1, to.1);
    match span.activity {
        Activity::Serving => scene.rect(from, to, ink, 0.85),
        Activity::Wasted | Activity::Zombie => {
            scene.rect(from, to, ink, 0.45);
            scene.hatch(from, to, 6.0, Ink::Text, 1.0);
        }
        Activity::Dying => scene.rect(from, to, Ink::Bad, 0.35),
        Activity::Starting | Activity::Restarting | Activity::Lost | Activity::Down => {
            scene.rect(from, to, Ink::Void, 1.0)
        }
        Activity::Waiting | Activity::Backoff => {
            scene.dashed(&[(from.0, middle), (to.0, middle)], Ink::Text, 1.75, (6.0, 4.0));
        }
    }
    // A paper edge keeps neighbours apart.
    if to.0 - from.0 > 3.0 && span.slot.is_some() {
        scene.line(&[(to.0, from.1), to], Ink::Paper, 1.0);
    }
}

/// Outlines the followed request's spans and joins them.
fn follow(scene: &mut Scene, stretch: &Stretch, spans: &[&SlotSpan], place: impl Fn(&SlotSpan) -> (Xy, Xy)) {
    let Some(followed) = stretch.followed else { return };
    let mut own: Vec<&&SlotSpan> = spans.iter().filter(|span| span.request == Some(followed)).collect();
    own.sort_by(|a, b| a.start.total_cmp(&b.start));
    let way: Vec<&&&SlotSpan> = own.iter().filter(|span| span.activity != Activity::Zombie).collect();
    for pair in way.windows(2) {
        let ((from, below), (next, under)) = (place(pair[0]), place(pair[1]));
        let start = (below.0, f64::midpoint(from.1, below.1));
        scene.dashed(&[start, (next.0, f64::midpoint(next.1, under.1))], Ink::Chosen, 1.25, (3.0, 3.0));
    }
    for span in own.iter().filter(|span| span.slot.is_some()) {
        let (from, to) = place(span);
        scene.outline(from, to, Ink::Chosen, 2.5);
    }
}
