//! Splits a trace into rows and picks the fields that are asked for, whatever the format.

use super::{Element, TraceError, TraceFormat, elements, nearest};
use serde_json::Value;
use std::fmt;

/// The columns that a trace is asked for: the time, those of the demand in order, then class and fate.
pub(super) struct Columns<'a> {
    pub(super) names: Vec<&'a str>,
    /// Position of the class among the names.
    pub(super) class: Option<usize>,
    /// Position of the fate.
    pub(super) fate: Option<usize>,
}

/// A field.
pub(super) enum Cell<'a> {
    Text(&'a str),
    Number(f64),
    /// A JSON value that is neither.
    Other(&'a Value),
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Text(text) => write!(f, "{text}"),
            Cell::Number(value) => write!(f, "{value}"),
            Cell::Other(Value::Null) => Ok(()),
            Cell::Other(value) => write!(f, "{value}"),
        }
    }
}

/// Calls `visit` with the line and the fields called `names` of each row, or with what is wrong with the row, up to
/// `limit` rows.
///
/// # Errors
/// Where rows cannot be told apart: the head is at fault, or all that follows.
pub(super) fn each(
    bytes: &[u8],
    format: TraceFormat,
    names: &[&str],
    limit: Option<u64>,
    visit: impl FnMut(u64, Result<Vec<Cell<'_>>, TraceError>),
) -> Result<(), TraceError> {
    // Spreadsheets put a byte order mark before the first name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let limit = limit.unwrap_or(u64::MAX);
    match format {
        TraceFormat::Csv => each_csv(bytes, names, limit, visit),
        TraceFormat::Json => {
            each_json(bytes, names, limit, visit);
            Ok(())
        }
    }
}

fn each_csv(
    bytes: &[u8],
    names: &[&str],
    limit: u64,
    mut visit: impl FnMut(u64, Result<Vec<Cell<'_>>, TraceError>),
) -> Result<(), TraceError> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).delimiter(separator(bytes)).from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut lines = Lines { bytes, offset: 0, line: 1 };
    if !read_record(&mut reader, &mut record, &mut lines)? {
        return Err(TraceError::new(0, None, "the trace is empty", "a CSV trace starts with a header"));
    }
    let header = utf8(&record, lines.line)?;
    let width = header.len();
    let places = names.iter().map(|name| place(&header, name, lines.line)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = 0;
    while rows < limit && read_record(&mut reader, &mut record, &mut lines)? {
        rows += 1;
        visit(lines.line, csv_cells(&record, lines.line, width, &places));
    }
    Ok(())
}

/// Of comma, semicolon and tab what the header has most of; commas before others.
pub(super) fn separator(bytes: &[u8]) -> u8 {
    let header = bytes.split(|b| *b == b'\n').find(|line| !line.iter().all(u8::is_ascii_whitespace));
    let header = header.unwrap_or_default();
    let mut quoted = false;
    let mut counts = [(b'\t', 0usize), (b';', 0), (b',', 0)];
    for byte in header {
        quoted ^= *byte == b'"';
        counts.iter_mut().filter(|one| one.0 == *byte && !quoted).for_each(|one| one.1 += 1);
    }
    // The last of equals.
    counts.into_iter().max_by_key(|one| one.1).map_or(b',', |one| one.0)
}

fn csv_cells<'r>(
    record: &'r csv::ByteRecord,
    line: u64,
    width: usize,
    places: &[usize],
) -> Result<Vec<Cell<'r>>, TraceError> {
    let fields = utf8(record, line)?;
    if fields.len() != width {
        let message = format!("the row has {} fields, the header has {width}", fields.len());
        let hint = if fields.len() < width { "is the file cut off?" } else { "is a comma not quoted?" };
        return Err(TraceError::new(line, None, message, hint));
    }
    Ok(places.iter().map(|&place| Cell::Text(fields[place])).collect())
}

fn read_record(
    reader: &mut csv::Reader<&[u8]>,
    record: &mut csv::ByteRecord,
    lines: &mut Lines<'_>,
) -> Result<bool, TraceError> {
    let more = reader
        .read_byte_record(record)
        .map_err(|error| TraceError::new(lines.line, None, format!("not CSV: {error}"), ""))?;
    if let Some(position) = record.position().filter(|_| more) {
        lines.move_to(position.byte());
    }
    Ok(more)
}

/// Counts lines up to a byte. The csv crate's own count is off by one after CRLF and blank lines.
struct Lines<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: u64,
}

impl Lines<'_> {
    /// Moves to the record that starts at `byte`, or after the line ends there.
    fn move_to(&mut self, byte: u64) {
        let mut goal = usize::try_from(byte).unwrap_or(usize::MAX).min(self.bytes.len());
        while matches!(self.bytes.get(goal), Some(b'\r' | b'\n')) {
            goal += 1;
        }
        let passed = self.bytes.get(self.offset..goal).unwrap_or_default();
        self.line += passed.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.offset = goal;
    }
}

fn utf8(record: &csv::ByteRecord, line: u64) -> Result<Vec<&str>, TraceError> {
    let fields = record.iter().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>();
    fields.map_err(|_| TraceError::new(line, None, "the line is not UTF-8", "convert the file to UTF-8"))
}

fn place(header: &[&str], name: &str, line: u64) -> Result<usize, TraceError> {
    let mut places = header.iter().enumerate().filter(|(_, field)| field.trim() == name).map(|(i, _)| i);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => {
            Err(TraceError::new(line, Some(name), "the header names this column twice", "rename one of them"))
        }
        (None, _) => {
            let hint = nearest(name, header.iter().copied());
            Err(TraceError::new(line, Some(name), "the trace has no such column", hint))
        }
    }
}

fn each_json(
    bytes: &[u8],
    names: &[&str],
    limit: u64,
    mut visit: impl FnMut(u64, Result<Vec<Cell<'_>>, TraceError>),
) {
    for row in elements(bytes).take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        let Element { line, .. } = row;
        match row.value() {
            Ok(value) => visit(line, json_cells(&value, line, names)),
            Err(error) => visit(line, Err(error)),
        }
    }
}

fn json_cells<'r>(value: &'r Value, line: u64, names: &[&str]) -> Result<Vec<Cell<'r>>, TraceError> {
    let Value::Object(object) = value else {
        let hint = "such as {\"at\": 1.5, \"work\": 2}";
        return Err(TraceError::new(line, None, "not a JSON object", hint));
    };
    let cell = |name: &&str| match object.get(*name) {
        None => {
            let hint = nearest(name, object.keys().map(String::as_str));
            Err(TraceError::new(line, Some(name), "the row has no such field", hint))
        }
        Some(Value::String(text)) => Ok(Cell::Text(text)),
        Some(Value::Number(number)) => Ok(Cell::Number(number.as_f64().unwrap_or(f64::NAN))),
        Some(other) => Ok(Cell::Other(other)),
    };
    names.iter().map(cell).collect()
}
