//! Traces and samples, read once however often the document is checked.

use super::super::document::Place;
use super::{Checker, Files};
use crate::workload::Trace;
use crate::workload::trace::{self, TraceError, TraceSettings};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What was read from files so far; copies share it.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct FileCache(Arc<Mutex<BTreeMap<String, Cached>>>);

#[derive(Clone, Debug)]
enum Cached {
    Trace(Trace),
    Sample(Arc<[f64]>),
}

impl FileCache {
    fn get(&self, key: &str) -> Option<Cached> {
        // Entries are whole or absent, so a poisoned lock still holds good ones.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn put(&self, key: String, value: Cached) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }
}

impl Checker<'_> {
    /// The trace of a file under these settings.
    pub(super) fn trace_file(&mut self, path: &str, settings: &TraceSettings, place: Place) -> Option<Trace> {
        let key = format!("trace {path} {settings:?}");
        if let Some(Cached::Trace(trace)) = self.document.cache.get(&key) {
            return Some(trace);
        }
        let bytes = self.bytes(path, place)?;
        match trace::read(&bytes, settings) {
            Ok(trace) => {
                self.document.cache.put(key, Cached::Trace(trace.clone()));
                Some(trace)
            }
            Err(faults) => {
                let others = faults.others();
                let mut rest = faults.first.into_iter().peekable();
                while let Some(error) = rest.next() {
                    self.trace_fault(path, place, error, others.as_deref().filter(|_| rest.peek().is_none()));
                }
                None
            }
        }
    }

    /// A fault of a trace; with the last, what is said of others.
    fn trace_fault(&mut self, path: &str, place: Place, error: TraceError, others: Option<&str>) {
        let column = error.column.map(|column| format!(", column `{column}`")).unwrap_or_default();
        let at = if error.line > 0 { format!(" line {}", error.line) } else { String::new() };
        let message = format!("the trace cannot be read: {}", error.message);
        let hint: Vec<&str> =
            [error.hint.as_str()].into_iter().chain(others).filter(|part| !part.is_empty()).collect();
        self.faults.add(place, message, format!("{path}{at}{column}"), hint.join("; "));
    }

    /// The values of a column of a CSV file, ascending.
    pub(super) fn sample_file(
        &mut self,
        path: &str,
        column: &str,
        unit: f64,
        place: Place,
    ) -> Option<Arc<[f64]>> {
        let key = format!("sample {path} {column} {unit}");
        if let Some(Cached::Sample(sample)) = self.document.cache.get(&key) {
            return Some(sample);
        }
        let bytes = self.bytes(path, place)?;
        match read_sample(&bytes, column, unit) {
            Ok(sample) => {
                self.document.cache.put(key, Cached::Sample(sample.clone()));
                Some(sample)
            }
            Err((line, message)) => {
                let at = if line > 0 { format!(" line {line}") } else { String::new() };
                let message = format!("the sample cannot be read: {message}");
                let hint = "the file must be CSV with a header, and the column must hold numbers";
                self.faults.add(place, message, format!("{path}{at}"), hint);
                None
            }
        }
    }

    pub(super) fn bytes(&mut self, path: &str, place: Place) -> Option<Vec<u8>> {
        let files: &dyn Files = self.files;
        match files.read(path) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let hint = "paths start at the folder of the model file";
                self.faults.add(place, format!("`{path}` cannot be read"), why, hint);
                None
            }
        }
    }
}

/// Reads a column; faults come with the line, or 0 where there is none.
fn read_sample(bytes: &[u8], column: &str, unit: f64) -> Result<Arc<[f64]>, (u64, String)> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headers = reader.headers().map_err(|error| (1, error.to_string()))?.clone();
    let at = headers
        .iter()
        .position(|name| name == column)
        .ok_or_else(|| (1, format!("there is no column `{column}`")))?;
    let mut values = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let line = index as u64 + 2;
        let record = record.map_err(|error| (line, error.to_string()))?;
        let text = record.get(at).unwrap_or("");
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
        values.push(value.ok_or_else(|| (line, format!("`{text}` is not a duration")))? * unit);
    }
    if values.is_empty() {
        return Err((0, String::from("it holds no values")));
    }
    values.sort_by(f64::total_cmp);
    Ok(values.into())
}
