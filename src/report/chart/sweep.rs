//! A metric along an axis of a sweep, outcomes along it, and throughput against offered load.

use super::grid::{Axis, Grid, State, state};
use super::lines::{self, Line, Spot};
use super::palette::Ink;
use super::scene::Anchor;
use super::sheet::{AxisSpec, Key, Panel, SMALL, Sheet, Swatch};
use super::{Chart, Draft, Style, name};
use crate::experiment::record::{Point, Record};
use crate::experiment::verdict::Verdict;
use crate::experiment::{Scope, Unit};
use crate::report::{figure, words};

/// A metric to draw: its name and scope.
pub(super) type Wanted = (String, Scope);

/// The metric that a sweep is about: the first objective on a time, else the 95th percentile of latency.
pub(super) fn main_metric(record: &Record) -> Wanted {
    let verdicts = record.points.iter().flat_map(|point| &point.verdicts);
    verdicts.clone().find(|verdict| verdict.unit == Unit::Seconds).map_or_else(
        || (String::from("latency_p95"), Scope::default()),
        |verdict| (verdict.metric.clone(), verdict.scope.clone()),
    )
}

/// The requests that a sweep is about: the class of its main metric where that has one, else all. Beside many cheap
/// requests of another class, which may not even use the pool, its own failures would be lost.
pub(super) fn subject(record: &Record) -> Scope {
    Scope { class: main_metric(record).1.class, ..Scope::default() }
}

/// " of generation", where requests of one class are shown.
pub(super) fn of_subject(scope: &Scope) -> String {
    scope.class.as_ref().map_or_else(String::new, |class| format!(" of {class}"))
}

/// The objective on a metric, from whichever point states it.
pub(super) fn objective<'a>(record: &'a Record, wanted: &Wanted) -> Option<&'a Verdict> {
    let verdicts = record.points.iter().flat_map(|point| &point.verdicts);
    verdicts.into_iter().find(|verdict| verdict.metric == wanted.0 && verdict.scope == wanted.1)
}

/// Unit of a metric, by the first point that has it.
pub(super) fn unit_of(record: &Record, wanted: &Wanted) -> Option<Unit> {
    record.points.iter().find_map(|point| point.metric(&wanted.0, &wanted.1)).map(|metric| metric.unit)
}

/// What hovering a point says: its settings, the value with its interval, its state.
pub(super) fn describe(point: &Point, wanted: &Wanted) -> String {
    let found = match point.metric(&wanted.0, &wanted.1) {
        Some(metric) => {
            let (value, n) = (figure::with_interval(metric.unit, &metric.estimate), metric.estimate.n);
            format!("{}: {value} (n = {n})", name::of(&wanted.0, &wanted.1))
        }
        None => format!("{}: no figure", name::of(&wanted.0, &wanted.1)),
    };
    let state = match state(point) {
        State::Met => "objectives met",
        State::Missed => "an objective is missed",
        State::Undecided => "undecided",
        State::Unstable => "unstable: no limit",
        State::Unjudged => "",
    };
    let parts = [words::called(point), found, state.to_owned()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn line(
    label: String,
    (ink, shape): (Ink, u8),
    axis: &Axis,
    row: &[Option<&Point>],
    wanted: &Wanted,
) -> Line {
    let spot = |(place, point): (usize, &Option<&Point>)| {
        let x = axis.value(place);
        let Some(point) = point else { return Spot { x, ..Spot::default() } };
        let metric = point.metric(&wanted.0, &wanted.1);
        let found =
            metric.map_or(Spot { x, ..Spot::default() }, |metric| Spot::estimate(x, &metric.estimate));
        let unstable = state(point) == State::Unstable && found.y.is_none();
        Spot { say: describe(point, wanted), unstable, point: Some(point.index), ..found }
    };
    let spots = row.iter().enumerate().map(spot).collect();
    Line { name: label, ink, shape: Some(shape), dashed: false, spots }
}

/// Colour and marker of a line among `of`: ordered where the lines' axis has numbers.
fn look(place: usize, of: usize, ordered: bool) -> (Ink, u8) {
    let shape = (place % 4) as u8;
    if !ordered {
        return (Ink::Series((place % 12) as u8), shape);
    }
    let steps = usize::from(super::palette::ORDERED - 1);
    (Ink::Ordered((place * steps / of.saturating_sub(1).max(1)).min(steps) as u8), shape)
}

/// A metric along an axis, one line per value of a second axis.
pub(super) fn against(
    record: &Record,
    style: &Style,
    wanted: &Wanted,
    x: usize,
    by: Option<usize>,
) -> Option<Chart> {
    let grid = Grid::of(record)?;
    let unit = unit_of(record, wanted)?;
    let (axis, rows) = (grid.axes.get(x)?, grid.slice(x, by));
    let lines: Vec<Line> = match by {
        Some(by) => {
            let other = &grid.axes[by];
            let ordered = other.numbers.is_some();
            let named = |place: usize| other.names[place].clone();
            let look = |place: usize| look(place, rows.len(), ordered);
            rows.iter().enumerate().map(|(n, row)| line(named(n), look(n), axis, row, wanted)).collect()
        }
        None => by_class(record, axis, &rows[0], wanted),
    };
    let metric = name::of(&wanted.0, &wanted.1);
    let other = by.map_or_else(String::new, |by| format!(", by {}", grid.axes[by].label));
    let title = format!("{} against {}{other}", name::capital(&metric), axis.label);
    let mut subtitle = String::from("Markers are estimates, bands and whiskers their intervals.");
    let fixed = grid.where_fixed(&by.map_or_else(|| vec![x], |by| vec![x, by]));
    if !fixed.is_empty() {
        subtitle = format!("At {fixed}. {subtitle}");
    }
    let mut sheet = Sheet::new(record, style.size.points(), &title, &subtitle);
    let chosen = grid.chosen.as_ref().map(|place| (place[x], by.map_or(0, |by| place[by])));
    let bound = objective(record, wanted);
    let mut keys: Vec<Key> = lines.iter().map(Line::key).collect();
    if let Some(by) = by {
        keys.insert(0, Key(Swatch::Nothing, format!("{}:", grid.axes[by].label)));
    }
    if let Some(bound) = bound {
        keys.push(Key(Swatch::Dashes(Ink::Bound), format!("objective {}", words::bound(bound))));
    }
    if lines.iter().any(|line| line.spots.iter().any(|spot| spot.unstable)) {
        keys.push(Key(Swatch::Cross(Ink::Muted), String::from("unstable: no limit")));
    }
    if chosen.is_some() {
        keys.push(Key(Swatch::Ring(Ink::Chosen), String::from("chosen")));
    }
    sheet.legend(&keys);
    let values: Vec<f64> =
        lines.iter().flat_map(Line::values).chain(bound.map(|bound| bound.bound)).collect();
    let y = wide(unit, values, metric.clone());
    let room = sheet.room();
    let panel = Panel::draw(&mut sheet.scene, room, &axis.spec(), &y, 0.0);
    if let Some(bound) = bound {
        let at = panel.y.at(bound.bound);
        sheet.scene.dashed(&[(panel.x.from, at), (panel.x.to, at)], Ink::Bound, 1.75, (6.0, 4.0));
    }
    lines::draw(&mut sheet.scene, &panel, &lines);
    let spot = chosen.and_then(|(place, row)| lines.get(row)?.spots.get(place));
    if let Some((x, y)) = spot.and_then(|spot| Some((spot.x, spot.y?))) {
        sheet.scene.ring(panel.at(x, y), 9.0, Ink::Chosen);
    }
    let file = format!("{}-by-{}", name::file(&metric), name::file(&axis.label));
    let summary = lines.iter().map(summary(unit)).collect::<Vec<_>>().join("; ");
    let alt = format!("{title}. {}{summary}.", said(bound));
    Some(Draft { file, title, alt, scene: sheet.scene }.done())
}

fn said(bound: Option<&Verdict>) -> String {
    bound.map_or_else(String::new, |bound| format!("Objective {}. ", words::bound(bound)))
}

/// A line in words: from its first to its last value.
pub(super) fn summary(unit: Unit) -> impl Fn(&Line) -> String {
    move |line| {
        let mut known = line.spots.iter().filter_map(|spot| spot.y);
        match (known.next(), known.next_back()) {
            (Some(first), Some(last)) => {
                let (first, last) = (figure::plain(unit, first), figure::plain(unit, last));
                format!("{}: from {first} to {last}", line.name)
            }
            (Some(only), None) => format!("{}: {}", line.name, figure::plain(unit, only)),
            _ => format!("{}: no value", line.name),
        }
    }
}

/// An axis for these values: logarithmic for times and rates that span more than a factor of 50.
pub(super) fn wide(unit: Unit, values: Vec<f64>, label: String) -> AxisSpec {
    let (low, high) = super::scale::range(values.iter().copied()).unwrap_or((0.0, 1.0));
    let log =
        matches!(unit, Unit::Seconds | Unit::PerSecond | Unit::Number) && low > 0.0 && high / low > 50.0;
    if log {
        AxisSpec::log(unit, values, format!("{label} (log)"))
    } else {
        AxisSpec::linear(unit, values, label)
    }
}

/// One line per class where the metric asked for is of all of them; else only the one asked for.
fn by_class(record: &Record, axis: &Axis, row: &[Option<&Point>], wanted: &Wanted) -> Vec<Line> {
    let classes = record.points.first().map_or(&[][..], |point| &point.parts.classes);
    let whole = line(String::from("all"), (Ink::Text, 0), axis, row, wanted);
    if wanted.1.class.is_some() {
        let index = classes.iter().position(|class| Some(class) == wanted.1.class.as_ref()).unwrap_or(0);
        let name = wanted.1.class.clone().unwrap_or_default();
        return vec![line(name, look(index, 0, false), axis, row, wanted)];
    }
    let class = |(index, class): (usize, &String)| {
        let wanted = (wanted.0.clone(), Scope { class: Some(class.clone()), ..wanted.1.clone() });
        line(class.clone(), look(index, 0, false), axis, row, &wanted)
    };
    let lines: Vec<Line> = classes.iter().enumerate().map(class).filter(Line::has_values).collect();
    if lines.len() < 2 { vec![whole] } else { std::iter::once(whole).chain(lines).collect() }
}

/// How requests can end badly; the whole, which lies over its parts in dashes, so that it hides none of them.
const OUTCOMES: [(&str, &str); 7] = [
    ("prob_timeout", "timed out"),
    ("prob_block", "rejected"),
    ("prob_abandon", "gave up waiting"),
    ("prob_retry", "retries per request"),
    ("prob_attempt_timeout", "attempts timed out"),
    ("prob_unfinished", "unfinished at the end"),
    (WHOLE, "failed in any way"),
];

/// All failures together.
const WHOLE: &str = "prob_fail";

/// Shares of bad ends along an axis.
pub(super) fn outcomes(record: &Record, style: &Style) -> Option<Chart> {
    let grid = Grid::of(record)?;
    let (axis, rows) = (grid.axes.first()?, grid.slice(0, None));
    let scope = subject(record);
    let one = |(n, (metric, words)): (usize, &(&str, &str))| {
        let wanted = ((*metric).to_owned(), scope.clone());
        let found = line((*words).to_owned(), look(n, 0, false), axis, &rows[0], &wanted);
        match *metric {
            WHOLE => Line { ink: Ink::Text, shape: None, dashed: true, ..found },
            _ => found,
        }
    };
    let lines: Vec<Line> = OUTCOMES.iter().enumerate().map(one).filter(Line::has_values).collect();
    let some = |line: &&Line| line.spots.iter().any(|spot| spot.y.is_some_and(|y| y > 0.0));
    let shown: Vec<Line> = lines.iter().filter(some).cloned().collect();
    // Where nothing was ever seen, the bound on the whole says it all.
    let whole = || lines.iter().rev().take(1).cloned().collect();
    let lines: Vec<Line> = if shown.is_empty() { whole() } else { shown };
    if lines.is_empty() {
        return None;
    }
    let title = format!("How requests{} end, against {}", of_subject(&scope), axis.label);
    let fixed = grid.where_fixed(&[0]);
    let fixed = if fixed.is_empty() { String::new() } else { format!("At {fixed}. ") };
    let subtitle =
        format!("{fixed}Shares of requests; whiskers are intervals, Wilson's where events are rare.");
    let mut sheet = Sheet::new(record, style.size.points(), &title, &subtitle);
    sheet.legend(&lines.iter().map(Line::key).collect::<Vec<_>>());
    let values: Vec<f64> = lines.iter().flat_map(Line::values).collect();
    let y = AxisSpec::linear(Unit::Ratio, values, "share of requests");
    let room = sheet.room();
    let panel = Panel::draw(&mut sheet.scene, room, &axis.spec(), &y, 0.0);
    lines::draw(&mut sheet.scene, &panel, &lines);
    let alt = format!("{title}. {}.", lines.iter().map(summary(Unit::Ratio)).collect::<Vec<_>>().join("; "));
    Some(Draft { file: String::from("outcomes"), title, alt, scene: sheet.scene }.done())
}

/// Share of the offered load that goodput must reach below the knee.
const KNEE: f64 = 0.95;

/// Throughput and goodput against offered load, where a sweep varies the load.
pub(super) fn throughput(record: &Record, style: &Style) -> Option<Chart> {
    let grid = Grid::of(record)?;
    let all = Scope::default();
    let offered = |point: &Point| point.metric("request_rate", &all).map(|metric| metric.estimate.value);
    // The axis along which the load changes: the one whose ends differ most. What is too small may slow its clients
    // down, but that is no change of what they ask for.
    let spread = |axis: usize| {
        let row = grid.slice(axis, None);
        let loads = row[0].iter().flatten().filter_map(|point| offered(point));
        super::scale::range(loads).map_or(1.0, |(low, high)| high / low.max(1e-12))
    };
    let serves = |path: &str| path.starts_with("pool.") || path.starts_with("host.");
    let asked = (0..grid.axes.len()).filter(|axis| !serves(&grid.axes[*axis].path));
    let axis = asked.max_by(|a, b| spread(*a).total_cmp(&spread(*b)))?;
    if spread(axis) < 1.1 {
        return None;
    }
    let mut points: Vec<(f64, &Point)> = grid.slice(axis, None)[0]
        .iter()
        .flatten()
        .filter_map(|point| Some((offered(point)?, *point)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lines: Vec<Line> = [
        ("goodput", "goodput (useful answers)", Ink::Series(2), 0),
        ("attempt_rate", "attempts, retries included", Ink::Series(1), 1),
        ("failure_rate", "failures", Ink::Series(6), 2),
    ]
    .into_iter()
    .map(|(metric, words, ink, shape)| {
        let wanted = (metric.to_owned(), all.clone());
        let spot = |(load, point): &(f64, &Point)| {
            let found = point.metric(metric, &all).map(|metric| Spot::estimate(*load, &metric.estimate));
            let found = found.unwrap_or(Spot { x: *load, ..Spot::default() });
            let unstable = metric == "goodput" && state(point) == State::Unstable;
            Spot { unstable, say: describe(point, &wanted), point: Some(point.index), ..found }
        };
        let spots = points.iter().map(spot).collect();
        Line { name: words.to_owned(), ink, shape: Some(shape), dashed: false, spots }
    })
    .filter(Line::has_values)
    .collect();
    // Where work piles up, what was answered in the end is no goodput that could go on.
    let good = |spot: &&Spot| !spot.unstable && spot.y.is_some_and(|y| y >= KNEE * spot.x);
    let spots = &lines.first()?.spots;
    let carried = spots.iter().take_while(good).count();
    let knee = match carried {
        0 => Knee::Below,
        n if n == spots.len() => Knee::Beyond,
        n => Knee::At(spots[n - 1].x, spots[n - 1].y.unwrap_or_default()),
    };
    let fixed = grid.where_fixed(&[axis]);
    let fixed = if fixed.is_empty() { fixed } else { format!("At {fixed}. ") };
    Some(draw_throughput(record, style, (&grid.axes[axis], &fixed), &lines, knee))
}

/// Where goodput stops following the offered load.
#[derive(Clone, Copy)]
enum Knee {
    /// Below all loads shown.
    Below,
    /// At this load and goodput.
    At(f64, f64),
    /// Beyond all loads shown.
    Beyond,
}

fn draw_throughput(
    record: &Record,
    style: &Style,
    (axis, fixed): (&Axis, &str),
    lines: &[Line],
    knee: Knee,
) -> Chart {
    let title = format!("Goodput against offered load, over {}", axis.label);
    let subtitle = match knee {
        Knee::At(load, _) => format!(
            "Up to {} at least {} of the requests are answered usefully: the knee.",
            figure::plain(Unit::PerSecond, load),
            figure::plain(Unit::Ratio, KNEE)
        ),
        Knee::Below => String::from("At every load shown a larger share than 5 % is not answered usefully."),
        Knee::Beyond => format!(
            "At every load shown at least {} of the requests are answered usefully.",
            figure::plain(Unit::Ratio, KNEE)
        ),
    };
    let subtitle = format!("{fixed}{subtitle}");
    let mut sheet = Sheet::new(record, style.size.points(), &title, &subtitle);
    let mut keys: Vec<Key> = lines.iter().map(Line::key).collect();
    keys.push(Key(Swatch::Dashes(Ink::Muted), String::from("all that is offered")));
    if lines.iter().any(|line| line.spots.iter().any(|spot| spot.unstable)) {
        keys.push(Key(Swatch::Cross(lines[0].ink), String::from("unstable: work piles up")));
    }
    if matches!(knee, Knee::At(..)) {
        keys.push(Key(Swatch::Ring(Ink::Chosen), String::from("knee")));
    }
    sheet.legend(&keys);
    let loads = lines.iter().flat_map(|line| line.spots.iter().map(|spot| spot.x)).chain([0.0]);
    let loads: Vec<f64> = loads.collect();
    let most = loads.iter().copied().fold(0.0, f64::max);
    let values: Vec<f64> = lines.iter().flat_map(Line::values).chain([0.0, most]).collect();
    let x = AxisSpec::linear(Unit::PerSecond, loads, "offered load, requests");
    let y = AxisSpec::linear(Unit::PerSecond, values, "rate");
    let room = sheet.room();
    let panel = Panel::draw(&mut sheet.scene, room, &x, &y, 0.0);
    let low = panel.x.low.max(panel.y.low);
    let offered = [panel.at(low, low), panel.at(most, most)];
    sheet.scene.dashed(&offered, Ink::Muted, 1.5, (6.0, 4.0));
    lines::draw(&mut sheet.scene, &panel, lines);
    if let Knee::At(x, y) = knee {
        let at = panel.at(x, y);
        sheet.scene.ring(at, 9.0, Ink::Chosen);
        let words = format!("knee {}", figure::plain(Unit::PerSecond, x));
        sheet.scene.text((at.0 - 12.0, at.1 - 14.0), words, SMALL, Ink::Text, Anchor::End);
    }
    let said = lines.iter().map(summary(Unit::PerSecond)).collect::<Vec<_>>().join("; ");
    let alt = format!("{title}. {subtitle} {said}.");
    Draft { file: String::from("goodput"), title, alt, scene: sheet.scene }.done()
}
