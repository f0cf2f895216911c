//! Charts, drawn from a record alone: delete everything but the record, and every picture comes back byte for byte.
//!
//! A chart is first a [`scene::Scene`] of marks whose inks have meanings, then paint: [`Chart::svg`] and
//! [`Chart::png`], light or dark. [`all`] draws whatever a record has data for. Titles say what is shown, axes have
//! units, legends stand above the data, and the small print names model, seed, replications and fingerprint.

mod capacity;
mod cost;
mod distribution;
mod forest;
mod gantt;
mod grid;
mod heatmap;
mod lines;
mod name;
mod paint;
pub mod palette;
mod scale;
pub mod scene;
mod sheet;
mod split;
mod sweep;
mod timeline;

pub use paint::{FONT, PaintError, escape, font_faces};
pub use palette::Theme;

pub(super) use distribution::drawn as drawn_curves;
pub(super) use paint::base64;
pub(super) use timeline::{PANELS, band as course, bins, end, shown as shown_point};

use crate::experiment::record::Record;
use crate::experiment::{Scope, World};
use paint::Labels;
use scene::Scene;

/// Width and height of a chart in points; charts with many panels or rows grow taller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Size {
    /// The least that words and axes need.
    pub const LEAST: Size = Size { width: 400, height: 225 };
    /// The most that is of use.
    pub const MOST: Size = Size { width: 4000, height: 3000 };

    /// The size that is drawn for: a small chart is a larger one made smaller, words and all.
    fn points(self) -> (f64, f64) {
        let ((width, height), shrink) = (self.asked(), self.shrink());
        (width / shrink, height / shrink)
    }

    fn asked(self) -> (f64, f64) {
        let width = self.width.clamp(Size::LEAST.width, Size::MOST.width);
        let height = self.height.clamp(Size::LEAST.height, Size::MOST.height);
        (f64::from(width), f64::from(height))
    }

    /// How much smaller than usual the words of a chart are: a little, before they leave no room for data.
    fn shrink(self) -> f64 {
        let (width, height) = self.asked();
        (width / 680.0).min(height / 400.0).clamp(0.6, 1.0)
    }
}

impl Default for Size {
    fn default() -> Self {
        Size { width: 960, height: 540 }
    }
}

/// How charts look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Paper.
    pub theme: Theme,
    /// Size.
    pub size: Size,
}

/// A picture with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// File name without an ending; no other chart of the record has it.
    pub file: String,
    /// What is shown.
    pub title: String,
    /// The picture in words.
    pub alt: String,
    /// The marks.
    pub scene: Scene,
}

impl Chart {
    /// As an SVG file that needs nothing else: its font is inside.
    ///
    /// # Errors
    /// [`PaintError`].
    pub fn svg(&self, theme: Theme) -> Result<String, PaintError> {
        paint::svg(&self.scene, theme, self.labels(true))
    }

    /// As an SVG inside a page that has [`font_faces`]; in light colours, which the page's rules may turn.
    ///
    /// # Errors
    /// [`PaintError`].
    pub fn inline_svg(&self) -> Result<String, PaintError> {
        paint::svg(&self.scene, Theme::Light, self.labels(false))
    }

    /// As a PNG file, two pixels a point.
    ///
    /// # Errors
    /// [`PaintError`].
    pub fn png(&self, theme: Theme) -> Result<Vec<u8>, PaintError> {
        paint::png(&self.scene, theme)
    }

    fn labels(&self, alone: bool) -> Labels<'_> {
        Labels { id: &self.file, title: &self.title, alt: &self.alt, alone }
    }
}

/// A chart whose parts are all there.
struct Draft {
    file: String,
    title: String,
    alt: String,
    scene: Scene,
}

impl Draft {
    fn done(self) -> Chart {
        Chart { file: self.file, title: self.title, alt: self.alt, scene: self.scene }
    }
}

/// Metrics that a heat map shows beside those of the objectives, as far as a record has them.
const HEATMAPS: [&str; 4] = ["latency_p95", "prob_fail", "goodput", "utilization"];

/// Most heat maps of a record.
const HEATMAPS_MAX: usize = 8;

/// Every chart that the record has data for, in the order of a page; none is drawn twice.
pub fn all(record: &Record, style: &Style) -> Vec<Chart> {
    let mut charts: Vec<Chart> = Vec::new();
    charts.extend(capacity::capacity(record, style));
    let several = record.points.iter().filter(|point| point.world == World::Simulated).count() > 1;
    if several {
        let wanted = sweep::main_metric(record);
        let axes = grid::Grid::of(record).map_or(0, |grid| grid.axes.len());
        if axes > 1 {
            charts.extend(sweep::against(record, style, &wanted, 0, Some(1)));
            charts.extend(sweep::against(record, style, &wanted, 1, Some(0)));
            charts.extend(heat_metrics(record).iter().filter_map(|one| heatmap::heatmap(record, style, one)));
        } else {
            charts.extend(sweep::against(record, style, &wanted, 0, None));
        }
        charts.extend(cost::cost_against_latency(record, style));
        charts.extend(sweep::throughput(record, style));
        charts.extend(sweep::outcomes(record, style));
    }
    charts.extend(forest::differences(record, style));
    charts.extend(timeline::overlay(record, style));
    charts.extend(distribution::overlay(record, style));
    let mirrored = record.points.iter().any(|point| point.world == World::Real);
    if !mirrored {
        charts.extend(timeline::timelines(record, style));
        charts.extend(distribution::distribution(record, style));
    }
    charts.extend(split::split(record, style));
    if let (false, Some(point)) = (several, timeline::shown(record)) {
        charts.extend(forest::outcomes(record, style, point));
    }
    charts.extend(gantt::gantt(record, style));
    for chart in &mut charts {
        chart.scene.shrink(style.size.shrink());
    }
    unique(charts)
}

/// The metrics of the objectives, then the usual ones.
fn heat_metrics(record: &Record) -> Vec<sweep::Wanted> {
    let verdicts = record.points.iter().flat_map(|point| &point.verdicts);
    let objectives = verdicts.map(|verdict| (verdict.metric.clone(), verdict.scope.clone()));
    let usual = HEATMAPS.iter().map(|name| ((*name).to_owned(), Scope::default()));
    let mut wanted: Vec<sweep::Wanted> = Vec::new();
    for one in objectives.chain(usual) {
        if !wanted.contains(&one) && varies(record, &one) {
            wanted.push(one);
        }
    }
    wanted.truncate(HEATMAPS_MAX);
    wanted
}

/// Whether a metric is not the same everywhere: a map of one colour says nothing.
fn varies(record: &Record, wanted: &sweep::Wanted) -> bool {
    let metrics = grid::simulated(record).filter_map(|point| point.metric(&wanted.0, &wanted.1));
    scale::range(metrics.map(|metric| metric.estimate.value)).is_some_and(|(low, high)| high > low)
}

/// Tells charts apart whose names fold to the same file name.
fn unique(mut charts: Vec<Chart>) -> Vec<Chart> {
    for index in 1..charts.len() {
        let (before, after) = charts.split_at_mut(index);
        let base = after[0].file.clone();
        let mut n = 2;
        while before.iter().any(|chart| chart.file == after[0].file) {
            after[0].file = format!("{base}-{n}");
            n += 1;
        }
    }
    charts
}
