//! A record and its tables in a folder, each file whole or not there.

#[cfg(feature = "chart")]
use super::{
    chart::{self, Style, Theme},
    html,
};
use super::{csv, markdown};
use crate::experiment::record::{Record, RecordError, write_whole};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the record in its folder.
pub const RECORD: &str = "record.json";

/// The name of the typed table of points.
#[cfg(feature = "parquet")]
const PARQUET: &str = "points.parquet";

/// The name of the page in its folder.
pub const REPORT: &str = "report.html";

/// The name of the folder of pictures.
pub const CHARTS: &str = "charts";

/// What may stand beside a record, each file of which belongs to that record.
const BESIDE: [&str; 9] = [
    "comparisons.csv",
    "journal.jsonl",
    "metrics.csv",
    "points.csv",
    "points.parquet",
    REPORT,
    "requests.csv",
    "tables.md",
    "timeline.csv",
];

/// How a picture is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Lines: crisp at any size.
    Svg,
    /// Pixels: two per point.
    Png,
}

/// A folder name made from a record's name: letters, digits, `-`, `_` and `.`, never hidden and never empty.
pub fn folder_name(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let kept: String = name.chars().map(keep).collect();
    let kept = kept.trim_matches(['.', '-']);
    if kept.is_empty() { String::from("run") } else { kept.to_owned() }
}

/// Removes what belongs to an earlier record in a folder, before another is written there: a page, pictures or a journal
/// of another run would be taken for those of the new one. Files named in `keep` are the new one's own. Where there is no
/// record, nothing is known to be ours, and nothing is touched.
///
/// # Errors
/// [`RecordError::Io`] with the path that could not be removed.
pub fn forget(folder: &Path, keep: &[&str]) -> Result<(), RecordError> {
    if !folder.join(RECORD).is_file() {
        return Ok(());
    }
    let beside = BESIDE.iter().filter(|name| !keep.contains(name)).map(|name| folder.join(name));
    let charts = fs::read_dir(folder.join(CHARTS)).into_iter().flatten().flatten().map(|entry| entry.path());
    let pictures = charts.filter(|path| path.extension().is_some_and(|kind| kind == "svg" || kind == "png"));
    for path in beside.chain(pictures) {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(RecordError::Io { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes `record.json`, `metrics.csv` and `timeline.csv` into a folder, which is made if need be, and returns their
/// paths. The record comes last: where it is, the rest is.
///
/// # Errors
/// [`RecordError::Io`] with the path that could not be made.
pub fn write(record: &Record, folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    fs::create_dir_all(folder).map_err(|source| RecordError::Io { path: folder.to_owned(), source })?;
    let files = [
        ("metrics.csv", csv::metrics(record)),
        ("timeline.csv", csv::timelines(record)),
        (RECORD, record.to_json()),
    ];
    files
        .into_iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            write_whole(&path, text.as_bytes()).map(|()| path)
        })
        .collect()
}

/// Writes `charts/*.svg` and `report.html` into a folder, which is made if need be, and returns their paths.
///
/// # Errors
/// [`RecordError::Io`] with the path that could not be made; a chart that cannot be painted is one of them.
#[cfg(feature = "chart")]
pub fn write_report(record: &Record, folder: &Path, style: &Style) -> Result<Vec<PathBuf>, RecordError> {
    let charts = chart::all(record, style);
    let mut paths = write_charts(&charts, &folder.join(CHARTS), Picture::Svg, style.theme)?;
    let path = folder.join(REPORT);
    let page = html::page(record, &charts, None).map_err(|error| unpainted(&path, &error))?;
    write_whole(&path, page.as_bytes())?;
    paths.push(path);
    Ok(paths)
}

/// Writes each chart into a folder, which is made if need be, and returns their paths.
///
/// # Errors
/// As [`write_report`].
#[cfg(feature = "chart")]
pub fn write_charts(
    charts: &[chart::Chart],
    folder: &Path,
    picture: Picture,
    theme: Theme,
) -> Result<Vec<PathBuf>, RecordError> {
    fs::create_dir_all(folder).map_err(|source| RecordError::Io { path: folder.to_owned(), source })?;
    let one = |chart: &chart::Chart| {
        let (ending, bytes) = match picture {
            Picture::Svg => ("svg", chart.svg(theme).map(String::into_bytes)),
            Picture::Png => ("png", chart.png(theme)),
        };
        let path = folder.join(format!("{}.{ending}", chart.file));
        let bytes = bytes.map_err(|error| unpainted(&path, &error))?;
        write_whole(&path, &bytes).map(|()| path)
    };
    charts.iter().map(one).collect()
}

#[cfg(feature = "chart")]
fn unpainted(path: &Path, error: &chart::PaintError) -> RecordError {
    RecordError::Io { path: path.to_owned(), source: std::io::Error::other(error.to_string()) }
}

/// Writes the files of a sweep or a size into a folder: `points.csv` and `points.parquet`, `comparisons.csv`,
/// `tables.md`, timelines where any were kept, and last `record.json`.
///
/// # Errors
/// [`RecordError::Io`] with the path that could not be made.
pub fn write_study(record: &Record, folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    fs::create_dir_all(folder).map_err(|source| RecordError::Io { path: folder.to_owned(), source })?;
    let mut files = vec![("points.csv", csv::metrics(record).into_bytes())];
    #[cfg(feature = "parquet")]
    files.push((PARQUET, parquet_bytes(record, &folder.join(PARQUET))?));
    files.push(("tables.md", markdown::document(record).into_bytes()));
    if !record.study.comparisons.is_empty() {
        files.push(("comparisons.csv", csv::comparisons(record).into_bytes()));
    }
    if record.points.iter().any(|point| !point.timelines.is_empty()) {
        files.push(("timeline.csv", csv::timelines(record).into_bytes()));
    }
    files.push((RECORD, record.to_json().into_bytes()));
    files
        .into_iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            write_whole(&path, &bytes).map(|()| path)
        })
        .collect()
}

#[cfg(feature = "parquet")]
fn parquet_bytes(record: &Record, path: &Path) -> Result<Vec<u8>, RecordError> {
    super::parquet::metrics(record)
        .map_err(|error| RecordError::Io { path: path.to_owned(), source: std::io::Error::other(error) })
}

#[cfg(test)]
mod tests {
    use super::{folder_name, forget};

    #[test]
    fn what_belongs_to_an_earlier_record_goes_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("poolsim-forget-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("charts")).unwrap();
        let names =
            ["journal.jsonl", "report.html", "requests.csv", "notes.txt", "charts/a.svg", "charts/own.txt"];
        let there = || names.map(|name| folder.join(name).is_file());
        names.iter().for_each(|name| std::fs::write(folder.join(name), "x").unwrap());
        // Without a record nothing is known to be ours.
        forget(&folder, &[]).unwrap();
        assert_eq!(there(), [true; 6]);
        std::fs::write(folder.join("record.json"), "{}").unwrap();
        forget(&folder, &["journal.jsonl"]).unwrap();
        assert_eq!(there(), [true, false, false, true, false, true]);
        forget(&folder, &[]).unwrap();
        assert_eq!(there(), [false, false, false, true, false, true]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_name_never_leaves_the_output_folder() {
        let rows = [
            ("orchestrator", "orchestrator"),
            ("../../etc", "etc"),
            ("a b/c", "a-b-c"),
            ("..", "run"),
            ("", "run"),
        ];
        for (name, folder) in rows {
            assert_eq!(folder_name(name), folder);
        }
    }
}
