//! `poolsim report`: a record drawn again, as a page or as charts.

use super::args::{RawReport, ReportFormat, ReportTheme};
use super::exit::{Answer, Failure};
use super::places::Sink;
use super::{interrupt, printer, terminal};
use crate::experiment::Record;
use crate::report::chart::{self, Size, Style, Theme};
use crate::report::files::{self, Picture};
use crate::report::{figure, html};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Draws what was asked for.
///
/// # Errors
/// A [`Failure`].
pub fn report(args: &RawReport) -> Result<Answer, Failure> {
    let size = args.size.as_deref().map_or(Ok(Size::default()), size)?;
    let theme = args.theme.map(|theme| match theme {
        ReportTheme::Light => Theme::Light,
        ReportTheme::Dark => Theme::Dark,
    });
    if args.open && args.format != ReportFormat::Html {
        return Err(Failure::new("--open opens a page, and charts are none", "leave out --format or --open"));
    }
    let path = record_path(Path::new(&args.record));
    let record = Record::read(&path).map_err(|error| super::files::unreadable(&error, &path))?;
    let charts = chart::all(&record, &Style { theme: theme.unwrap_or_default(), size });
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    match args.format {
        ReportFormat::Html => {
            let page = html::page(&record, &charts, theme)
                .map_err(|error| Failure::new(error.to_string(), "please report it with the record"))?;
            save_page(&page, args, &folder)?;
        }
        ReportFormat::Svg => save_charts(&charts, args, &folder, Picture::Svg, theme)?,
        ReportFormat::Png => save_charts(&charts, args, &folder, Picture::Png, theme)?,
    }
    Ok(Answer::Done)
}

/// `WxH` in points.
fn size(text: &str) -> Result<Size, Failure> {
    let (least, most) = (Size::LEAST, Size::MOST);
    let wrong = || {
        let range = format!("{}x{} and {}x{}", least.width, least.height, most.width, most.height);
        Failure::new(
            format!("--size {text}: not a size between {range}"),
            "write width and height in points: --size 1280x720",
        )
    };
    let (width, height) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
    let number = |text: &str, least: u32, most: u32| {
        text.trim().parse().ok().filter(|n: &u32| (least..=most).contains(n)).ok_or_else(wrong)
    };
    Ok(Size {
        width: number(width, least.width, most.width)?,
        height: number(height, least.height, most.height)?,
    })
}

/// The record in a folder, or the file itself.
fn record_path(given: &Path) -> PathBuf {
    if given.is_dir() { given.join(files::RECORD) } else { given.to_owned() }
}

fn save_page(page: &str, args: &RawReport, folder: &Path) -> Result<(), Failure> {
    let path = match args.out.as_deref() {
        Some("-") if args.open => {
            return Err(Failure::new("--open needs a file, not standard output", "leave out `-o -`"));
        }
        Some("-") => return printer::put(page, &Sink::Stdout),
        Some(path) => PathBuf::from(path),
        None => folder.join(files::REPORT),
    };
    printer::put(page, &Sink::File(path.clone()))?;
    if !args.quiet {
        terminal::say(&format!("wrote {}", path.display()));
    }
    if args.open { open(&path) } else { Ok(()) }
}

fn save_charts(
    charts: &[chart::Chart],
    args: &RawReport,
    folder: &Path,
    picture: Picture,
    theme: Option<Theme>,
) -> Result<(), Failure> {
    let folder = match args.out.as_deref() {
        Some("-") => return Err(Failure::new("charts are several files", "name a folder with -o DIR")),
        Some(path) => PathBuf::from(path),
        None => folder.join(files::CHARTS),
    };
    let _guard = interrupt::hold();
    let paths = files::write_charts(charts, &folder, picture, theme.unwrap_or_default())?;
    if !args.quiet {
        terminal::say(&format!(
            "wrote {} to {}",
            figure::counted(paths.len() as u64, "chart"),
            folder.display()
        ));
    }
    Ok(())
}

/// Shows a page in the browser of the desktop.
fn open(path: &Path) -> Result<(), Failure> {
    let programs: &[&str] = match std::env::consts::OS {
        "macos" => &["open"],
        "windows" => &["explorer"],
        _ => &["xdg-open", "gio open", "sensible-browser"],
    };
    for program in programs {
        let mut words = program.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success() || *program == "explorer") {
            return Ok(());
        }
    }
    Err(Failure::new("found no browser to open it with", format!("open {} yourself", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_numbers_within_reason() {
        assert_eq!(size("1280x720").ok(), Some(Size { width: 1280, height: 720 }));
        for text in ["", "x", "1280", "1280x", "1e3x500", "-5x500", "99999x500", "10x10", "1280x720x2"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
