//! A sweep's grid as a heat map of block characters: what the charts show in colour, for a terminal.

use super::figure;
use super::text::Look;
use super::words;
use crate::experiment::record::{Point, Record};
use crate::experiment::verdict::overall;
use crate::experiment::{Judgement, RegimeFound, Scope};
use anstyle::{Ansi256Color, Color, Style};

/// Five heights, told apart without colours.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];

/// The same in colours like viridis, out of the 256 that terminals share.
const COLORS: [u8; 5] = [53, 24, 30, 35, 148];

/// What a mark says, most urgent first.
const MARKS: [(char, &str); 4] =
    [('*', "chosen"), ('+', "meets all objectives"), ('?', "undecided"), ('x', "unstable")];

/// Characters of a cell and between cells, where there is room and where there is little.
const WIDTHS: [(usize, usize); 2] = [(4, 2), (2, 1)];

/// The map of the first objective's metric (else of the p95 latency) over the first two axes: a heading, the lines of
/// the grid, and what its marks mean. `None` where a record has no such grid, or the terminal cannot show it.
pub fn map(record: &Record, look: Look) -> Option<(String, Vec<String>)> {
    let [rows, columns, others @ ..] = record.study.axes.as_slice() else { return None };
    if !look.unicode {
        return None;
    }
    let (name, scope) = record
        .points
        .iter()
        .flat_map(|point| &point.verdicts)
        .map(|verdict| (verdict.metric.clone(), verdict.scope.clone()))
        .next()
        .unwrap_or_else(|| (String::from("latency_p95"), Scope::default()));
    let step: usize = others.iter().map(|axis| axis.labels.len()).product();
    let stride = columns.labels.len() * step;
    let at = |row: usize, column: usize| record.points.get(row * stride + column * step);
    let shown = |point: &Point| {
        let stable = !matches!(point.regime, RegimeFound::Unstable { .. });
        let metric = point.metric(&name, &scope)?;
        Some((metric.unit, metric.estimate.value)).filter(|(_, value)| value.is_finite() && stable)
    };
    let every = (0..rows.labels.len())
        .flat_map(|row| (0..columns.labels.len()).map(move |column| (row, column)))
        .filter_map(|(row, column)| at(row, column));
    let values: Vec<_> = every.filter_map(shown).collect();
    let unit = values.first()?.0;
    let low = values.iter().map(|one| one.1).fold(f64::INFINITY, f64::min);
    let high = values.iter().map(|one| one.1).fold(f64::NEG_INFINITY, f64::max);
    let corner = format!("{} \\ {}", rows.name, columns.name);
    let label = rows.labels.iter().chain([&corner]).map(|label| label.chars().count()).max()?;
    let heads = columns.labels.iter().map(|head| head.chars().count()).max()?;
    let (cell, gap) = WIDTHS
        .into_iter()
        .map(|(cell, gap)| (cell.max(heads), gap))
        .find(|(cell, gap)| 2 + label + columns.labels.len() * (cell + gap) <= usize::from(look.width))?;
    let blank = " ".repeat(gap);
    let head: String = columns.labels.iter().map(|head| format!("{blank}{head:<cell$}")).collect();
    let mut lines = vec![format!("  {corner:<label$}{head}").trim_end().to_owned()];
    let mut seen = [false; MARKS.len()];
    for (row, name) in rows.labels.iter().enumerate() {
        let mut line = format!("  {name:<label$}");
        for column in 0..columns.labels.len() {
            let point = at(row, column);
            let mark = point.and_then(|point| mark(record, point));
            if let Some(mark) = mark {
                seen[mark] = true;
            }
            let shade = point.and_then(shown).map(|(_, value)| shade(value, low, high));
            line.push_str(&blank);
            line.push_str(&drawn(shade, mark, cell.min(4), look.color));
            line.push_str(&" ".repeat(cell - cell.min(4)));
        }
        lines.push(line.trim_end().to_owned());
    }
    let keys: Vec<String> = MARKS
        .iter()
        .zip(seen)
        .filter(|(_, seen)| *seen)
        .map(|((mark, words), _)| format!("{mark} {words}"))
        .collect();
    if !keys.is_empty() {
        lines.push(format!("  {}", keys.join(", ")));
    }
    let title = format!(
        "{name}{}, from {} {} to {} {}",
        words::scope(&scope),
        SHADES[0],
        figure::plain(unit, low),
        SHADES[SHADES.len() - 1],
        figure::plain(unit, high)
    );
    Some((title, lines))
}

/// The index of a point's mark.
fn mark(record: &Record, point: &Point) -> Option<usize> {
    let unstable = matches!(point.regime, RegimeFound::Unstable { .. });
    match overall(&point.verdicts) {
        _ if record.chosen == Some(point.index) => Some(0),
        _ if unstable => Some(3),
        Some(Judgement::Met) => Some(1),
        Some(Judgement::Undecided) => Some(2),
        _ => None,
    }
}

/// The height of a value: by its logarithm where values span more than a factor of 30, as in the charts.
fn shade(value: f64, low: f64, high: f64) -> usize {
    let scaled = |value: f64| if low > 0.0 && high / low > 30.0 { libm::log(value) } else { value };
    let (value, low, high) = (scaled(value), scaled(low), scaled(high));
    let share = if high > low { (value - low) / (high - low) } else { 0.0 };
    let top = (SHADES.len() - 1) as f64;
    ((share * top).round().clamp(0.0, top)) as usize
}

/// A cell: its shade, with its mark at the end.
fn drawn(shade: Option<usize>, mark: Option<usize>, width: usize, color: bool) -> String {
    let sign = mark.map_or(' ', |mark| MARKS[mark].0);
    let Some(shade) = shade else { return format!("{}{sign}", " ".repeat(width - 1)) };
    let block = SHADES[shade].to_string().repeat(width - 1);
    if !color {
        return format!("{block}{sign}");
    }
    let style = Style::new().fg_color(Some(Color::Ansi256(Ansi256Color(COLORS[shade]))));
    format!("{style}{block}{style:#}{sign}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_follow_values_and_wide_spans_by_their_logarithm() {
        assert_eq!([1.0, 2.0, 5.0].map(|value| shade(value, 1.0, 5.0)), [0, 1, 4]);
        assert_eq!([1.0, 10.0, 100.0].map(|value| shade(value, 1.0, 100.0)), [0, 2, 4]);
        assert_eq!(shade(3.0, 3.0, 3.0), 0);
    }
}
