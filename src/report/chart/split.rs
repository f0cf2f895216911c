//! Where time goes: a request's latency by cause and a pool's slot time by use, stacked.

use super::grid::{Grid, in_words, simulated, worlds};
use super::paint::text_width;
use super::palette::Ink;
use super::scene::Anchor;
use super::sheet::{AxisSpec, Key, Panel, Room, SMALL, Sheet, Swatch, fit};
use super::sweep::{self, of_subject};
use super::{Chart, Draft, Style};
use crate::experiment::record::{Point, Record};
use crate::experiment::{Scope, Unit};
use crate::report::figure;

/// A part of a stack: its metric, words, colour.
type Part = (&'static str, &'static str, Ink);

/// What a request's latency is spent on.
const LATENCY: [Part; 4] = [
    ("mean_spent_waiting", "waiting in queues", Ink::Series(1)),
    ("mean_spent_failed", "attempts that failed", Ink::Series(6)),
    ("mean_spent_backoff", "back-off before retries", Ink::Series(4)),
    ("mean_spent_final", "the final attempt's service", Ink::Series(2)),
];

/// What slots do.
const SLOTS: [Part; 11] = [
    ("share_useful", "useful work", Ink::Series(2)),
    ("share_wasted_timeout", "timed out", Ink::Series(6)),
    ("share_wasted_crash", "crashed", Ink::Series(11)),
    ("share_wasted_error", "answered with errors", Ink::Series(4)),
    ("share_wasted_withdrawn", "withdrawn (hedge losers)", Ink::Series(5)),
    ("share_wasted_grace", "grace after a time-out", Ink::Series(7)),
    ("share_zombie", "work nobody waits for", Ink::Series(9)),
    ("share_starting", "starting", Ink::Series(0)),
    ("share_restarting", "restarting", Ink::Series(3)),
    ("share_lost", "lost", Ink::Series(10)),
    ("share_idle", "idle", Ink::Grid),
];

/// From a line of words below a bar to the next.
const LINE: f64 = 13.0;

/// A stack: its name and the values of its parts, in their order.
struct Stack {
    name: String,
    /// Of a replay, the world it is of.
    world: Option<&'static str>,
    point: u64,
    values: Vec<f64>,
}

impl Stack {
    fn called(&self) -> String {
        format!("{}{}", self.name, in_words(self.world))
    }
}

/// Both stacks across the sweep, or by class and pool for a single point.
pub(super) fn split(record: &Record, style: &Style) -> Option<Chart> {
    let grid = Grid::of(record);
    let subject = grid.as_ref().map_or_else(Scope::default, |_| sweep::subject(record));
    let latency = stacks(record, (grid.as_ref(), &subject), &LATENCY, |point| {
        point
            .parts
            .classes
            .iter()
            .map(|class| Scope { class: Some(class.clone()), ..Scope::default() })
            .collect()
    });
    let slots = stacks(record, (grid.as_ref(), &Scope::default()), &SLOTS, |point| {
        point.parts.pools.iter().map(|pool| Scope { pool: Some(pool.clone()), ..Scope::default() }).collect()
    });
    if latency.is_empty() && slots.is_empty() {
        return None;
    }
    let axis = grid.as_ref().map(|grid| grid.axes[0].label.clone());
    let across = axis.as_ref().map_or_else(String::new, |axis| format!(", across {axis}"));
    let shown = |word: &&str| latency.iter().chain(&slots).any(|stack| stack.world == Some(*word));
    let of = in_words(worlds(record).into_iter().map(|(_, word)| word).filter(shown));
    let title = format!("Where time goes{of}{across}");
    let fixed = grid.as_ref().map(|grid| grid.where_fixed(&[0])).filter(|fixed| !fixed.is_empty());
    let subtitle = fixed.map_or_else(String::new, |fixed| format!("At {fixed}."));
    let mut sheet = Sheet::new(record, style.size.points(), &title, &subtitle);
    let latency_words = format!("mean latency of a request{}, by cause", of_subject(&subject));
    let sides: Vec<(&str, &[Part], &[Stack], Unit)> = [
        (latency_words.as_str(), &LATENCY[..], &latency[..], Unit::Seconds),
        ("slot time, by use", &SLOTS[..], &slots[..], Unit::Ratio),
    ]
    .into_iter()
    .filter(|side| !side.2.is_empty())
    .collect();
    let rooms = sheet.room().columns(sides.len(), 30.0);
    let label = axis.unwrap_or_default();
    let mut top = sheet.top;
    for ((_, parts, stacks, _), room) in sides.iter().zip(&rooms) {
        top = top.max(side_legend(&mut sheet, *room, parts, stacks));
    }
    // Below the name of a bar stands its world.
    let lower = if of.is_empty() { 0.0 } else { LINE };
    for ((words, parts, stacks, unit), room) in sides.iter().zip(rooms) {
        let room = Room { top, bottom: room.bottom - lower, ..room };
        bars(&mut sheet, room, (words, &label), parts, stacks, *unit);
    }
    let said = sides.iter().flat_map(|side| side.2.iter().map(|stack| said(stack, side.1, side.3)));
    let alt = format!("{title}. {}.", said.collect::<Vec<_>>().join("; "));
    Some(Draft { file: String::from("where-time-goes"), title, alt, scene: sheet.scene }.done())
}

fn said(stack: &Stack, parts: &[Part], unit: Unit) -> String {
    let seen = stack.values.iter().zip(parts).filter(|(value, _)| **value > 0.0);
    let seen = seen.map(|(value, part)| format!("{} {}", part.1, figure::plain(unit, *value)));
    format!("{}: {}", stack.called(), seen.collect::<Vec<_>>().join(", "))
}

/// The stacks of a sweep's first axis for the whole system, or of one point's scopes.
fn stacks(
    record: &Record,
    (grid, subject): (Option<&Grid>, &Scope),
    parts: &[Part],
    scopes: impl Fn(&Point) -> Vec<Scope>,
) -> Vec<Stack> {
    let stack = |(name, world): (String, Option<&'static str>), point: &Point, scope: &Scope| {
        let value = |part: &Part| point.metric(part.0, scope).map(|metric| metric.estimate.value.max(0.0));
        let values: Vec<Option<f64>> = parts.iter().map(value).collect();
        let known = values.iter().any(Option::is_some);
        let values = values.into_iter().map(|value| value.unwrap_or(0.0)).collect();
        known.then_some(Stack { name, world, point: point.index, values })
    };
    match grid {
        Some(grid) => {
            let rows = grid.slice(0, None);
            let named = grid.axes[0].names.iter().zip(&rows[0]);
            let whole = |point: &Point| {
                // A single pool or class states the same under its own name.
                let mut own = scopes(point);
                own.truncate(1);
                [subject.clone(), Scope::default()].into_iter().chain(own).collect::<Vec<_>>()
            };
            named
                .filter_map(|(name, point)| {
                    let point = (*point)?;
                    whole(point).iter().find_map(|scope| stack((name.clone(), None), point, scope))
                })
                .collect()
        }
        None => {
            let mut sides: Vec<_> =
                worlds(record).into_iter().map(|(point, word)| (point, Some(word))).collect();
            if sides.is_empty() {
                sides.extend(simulated(record).map(|point| (point, None)));
            }
            // Both worlds of a class or pool stand side by side.
            let scopes = sides.first().map_or_else(Vec::new, |(point, _)| scopes(point));
            let named =
                |scope: &Scope| scope.class.clone().or_else(|| scope.pool.clone()).unwrap_or_default();
            let both = |scope: &Scope| -> Vec<Stack> {
                let one = |(point, world): &(&Point, _)| stack((named(scope), *world), point, scope);
                sides.iter().filter_map(one).collect()
            };
            scopes.iter().flat_map(both).collect()
        }
    }
}

/// The legend of one side; returns where it ends.
fn side_legend(sheet: &mut Sheet, room: Room, parts: &[Part], stacks: &[Stack]) -> f64 {
    let seen = parts.iter().enumerate().filter(|(n, _)| stacks.iter().any(|stack| stack.values[*n] > 0.0));
    let keys: Vec<Key> = seen.map(|(_, part)| Key(Swatch::Fill(part.2, 1.0), part.1.to_owned())).collect();
    let whole = (sheet.left, sheet.right, sheet.top);
    (sheet.left, sheet.right) = (room.left, room.right);
    sheet.legend(&keys);
    let below = sheet.top + 4.0;
    (sheet.left, sheet.right, sheet.top) = whole;
    below
}

/// The stacks beside each other.
fn bars(
    sheet: &mut Sheet,
    room: Room,
    (words, label): (&str, &str),
    parts: &[Part],
    stacks: &[Stack],
    unit: Unit,
) {
    let total = |stack: &Stack| stack.values.iter().sum::<f64>();
    let count = stacks.len() as f64;
    let x = AxisSpec { ticks: Some(Vec::new()), ..AxisSpec::span(Unit::Number, 0.0, count, label) };
    let y = match unit {
        Unit::Ratio => AxisSpec::span(unit, 0.0, 1.0, words),
        unit => AxisSpec::linear(unit, stacks.iter().map(total).chain([0.0]).collect(), words),
    };
    let panel = Panel::draw(&mut sheet.scene, room, &x, &y, 0.0);
    let width = (panel.x.to - panel.x.from) / count;
    let (bar, mut taken) = ((width * 0.7).min(64.0), f64::NEG_INFINITY);
    for (index, stack) in stacks.iter().enumerate() {
        let middle = panel.x.at(index as f64 + 0.5);
        let (left, right) = (middle - bar / 2.0, middle + bar / 2.0);
        let mut below = 0.0;
        for (value, part) in stack.values.iter().zip(parts).filter(|(value, _)| **value > 0.0) {
            let (from, to) = ((left, panel.y.at(below + value)), (right, panel.y.at(below)));
            sheet.scene.rect(from, to, part.2, 1.0);
            sheet.scene.line(&[from, (right, from.1)], Ink::Paper, 1.0);
            let share = figure::share(*value, total(stack));
            let value_words = figure::plain(unit, *value);
            let text = if unit == Unit::Ratio { value_words } else { format!("{value_words}, {share}") };
            sheet.scene.say(from, to, format!("{}\n{}: {text}", stack.called(), part.1), Some(stack.point));
            below += value;
        }
        let words = [Some(stack.name.as_str()), stack.world].into_iter().flatten();
        let words: Vec<String> = words.map(|word| fit(word, width.max(40.0) - 4.0, SMALL, false)).collect();
        let half = words.iter().map(|word| text_width(word, SMALL, false)).fold(0.0, f64::max) / 2.0;
        if middle - half > taken + 4.0 {
            for (line, word) in words.into_iter().enumerate() {
                let at = (middle, panel.y.from + 13.0 + LINE * line as f64);
                sheet.scene.text(at, word, SMALL, Ink::Text, Anchor::Middle);
            }
            taken = middle + half;
        }
    }
}
