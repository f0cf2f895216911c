//! A bar on standard error while replications run: on a terminal only, and gone without trace at the end.

use super::interrupt;
use crate::experiment::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far, how much, how long still; nothing is said of what is not known yet: how many there are in a search, and how long
/// it takes before the first is done.
fn style(of: &'static str) -> ProgressStyle {
    let done = move |state: &ProgressState, text: &mut dyn Write| {
        let _ = match state.len() {
            None | Some(0) => write!(text, "searching"),
            Some(all) => write!(text, "{}/{all} {of}", state.pos()),
        };
    };
    let left = |state: &ProgressState, text: &mut dyn Write| {
        let left = crate::quantity::format_duration(state.eta().as_secs() as f64);
        let _ = if state.pos() > 0 { write!(text, ", {left} left") } else { Ok(()) };
    };
    let style = ProgressStyle::with_template("{wide_bar} {done}, {msg}{left}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("done", done).with_key("left", left)
}

/// Draws a bar.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    requests: AtomicU64,
}

impl Bar {
    /// A bar, or a hidden one when `quiet` or when standard error is no terminal.
    pub fn new(quiet: bool) -> Bar {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style("replications"));
        Bar { bar, requests: AtomicU64::new(0) }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn planned(&self, replications: u64) {
        self.bar.set_length(replications);
    }

    fn done(&self, requests: u64) {
        let total = self.requests.fetch_add(requests, Ordering::Relaxed) + requests;
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{} requests", crate::quantity::format_count(total as f64)));
        }
        self.bar.inc(1);
    }

    fn interrupted(&self) -> bool {
        interrupt::asked()
    }
}

/// Draws the bar of a sweep: points done, requests per second, time left.
#[derive(Debug)]
pub struct PointBar {
    bar: ProgressBar,
    requests: AtomicU64,
}

impl PointBar {
    /// A bar, or a hidden one when `quiet` or when standard error is no terminal.
    pub fn new(quiet: bool) -> PointBar {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style("points"));
        PointBar { bar, requests: AtomicU64::new(0) }
    }

    /// So many points are planned.
    pub fn points(&self, points: usize) {
        self.bar.set_length(points as u64);
    }

    /// A point is done.
    pub fn point(&self) {
        self.bar.inc(1);
    }

    /// So many more requests were simulated.
    pub fn requests(&self, requests: u64) {
        let total = self.requests.fetch_add(requests, Ordering::Relaxed) + requests;
        if !self.bar.is_hidden() {
            let rate = total as f64 / self.bar.elapsed().as_secs_f64().max(1e-3);
            self.bar.set_message(format!("{} requests/s", crate::quantity::format_count(rate)));
            self.bar.tick();
        }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for PointBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line on standard error while a hunt runs, and the hunt's watch.
#[derive(Debug)]
pub struct HuntBar {
    bar: ProgressBar,
}

impl HuntBar {
    /// A line, or a hidden one when `quiet` or when standard error is no terminal. The watch starts now.
    pub fn new(quiet: bool) -> HuntBar {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{spinner} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        HuntBar { bar: ProgressBar::with_draw_target(None, target).with_style(style) }
    }

    /// Shows how far the hunt is.
    pub fn show(&self, cases: u64, events: u64, broken: usize) {
        if !self.bar.is_hidden() {
            let count = |number: u64| crate::quantity::format_count(number as f64);
            self.bar.set_message(format!(
                "{} cases, {} events, {broken} laws broken",
                count(cases),
                count(events)
            ));
            self.bar.tick();
        }
    }

    /// Seconds since the start.
    pub fn elapsed(&self) -> f64 {
        self.bar.elapsed().as_secs_f64()
    }

    /// Removes the line.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
