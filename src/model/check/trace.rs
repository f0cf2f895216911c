//! Traces: what to read from a file, and what class its rows have.

use super::super::document::{Table, Value};
use super::super::grammar::{self, REQUEST, TRACE_CLASS, TRACE_DEMAND, TRACE_TIME};
use super::Checker;
use super::distribution::seconds_per;
use super::view::{self, View};
use crate::time::Time;
use crate::workload::Trace;
use crate::workload::trace::{Fate, TimeColumn, TimeUnit, TraceFormat, TraceRow, TraceSettings};

impl Checker<'_> {
    /// The trace of a source; `class` is that of all rows where no column names it.
    pub(super) fn trace(&mut self, view: View<'_>, class: Option<usize>) -> Option<Trace> {
        let demand = self.trace_demand(view);
        let file = view.word("file")?;
        let settings = TraceSettings {
            format: match view.word("format") {
                Some("jsonl") => TraceFormat::Json,
                Some(_) => TraceFormat::Csv,
                None if [".jsonl", ".ndjson", ".json"].iter().any(|end| file.ends_with(end)) => {
                    TraceFormat::Json
                }
                None => TraceFormat::Csv,
            },
            time: time_column(view)?,
            demand: demand?,
            class: column(view, "class", &TRACE_CLASS),
            classes: self.declared.classes.iter().map(|name| String::from(*name)).collect(),
            fate: column(view, "fate", &TRACE_CLASS),
            speed: view.number("speed")?,
            limit: view.whole("limit"),
        };
        let trace = self.trace_file(file, &settings, view.place("file"))?;
        if trace.rows.is_empty() {
            self.faults.add(
                view.place("file"),
                "the trace holds no rows",
                format!("{file} is empty"),
                "check the file, or its format",
            );
            return None;
        }
        match class {
            Some(class) if settings.class.is_none() && class > 0 => Some(with_class(&trace, class as u16)),
            _ => Some(trace),
        }
    }

    /// The requests of a source that names them one by one, in order of time.
    pub(super) fn requests(&mut self, view: View<'_>) -> Option<Trace> {
        let mut rows = view
            .list("requests")
            .iter()
            .map(|node| {
                let row = View { table: node.as_table()?, spec: &REQUEST, place: node.place };
                let class = match row.word("class") {
                    Some(name) => self.declared.class(name)?,
                    None => 0,
                };
                let fate = match row.word("fate") {
                    Some(word) => Some(Fate::from_name(word)?),
                    None => None,
                };
                let (at, demand) = (Time::ZERO + row.span("at")?, row.span("demand")?);
                Some(TraceRow { at, demand, class: class as u16, fate })
            })
            .collect::<Option<Vec<TraceRow>>>()?;
        rows.sort_by_key(|row| row.at);
        Some(Trace { rows: rows.into() })
    }

    /// The demand as a sum of columns and a constant, in seconds.
    fn trace_demand(&mut self, trace: View<'_>) -> Option<Vec<(Option<String>, f64)>> {
        let view = trace.table("demand", &TRACE_DEMAND)?;
        if !view.has("column") && !view.has("terms") && !view.has("constant") {
            let hint = "give `column`, or `terms` and `constant`";
            self.faults.add(
                view.place,
                "the demand of a trace does not say enough",
                "something is missing here",
                hint,
            );
            return None;
        }
        let mut terms = Vec::new();
        match view.secs("constant") {
            Some(constant) if constant > 0.0 => terms.push((None, constant)),
            _ => {}
        }
        if view.has("column") {
            terms.push((Some(String::from(view.word("column")?)), seconds_per(view.word("unit")?)));
        }
        if let Some(Value::Table(Table { entries })) = view.node("terms").map(|node| &node.value) {
            for entry in entries {
                terms.push((Some(entry.key.clone()), view::secs(&entry.node.value)?));
            }
        }
        Some(terms)
    }
}

fn time_column(view: View<'_>) -> Option<TimeColumn> {
    if let Some(table) = view.table("time", &TRACE_TIME) {
        let unit = match table.word("unit")? {
            "ms" => TimeUnit::Millis,
            "us" => TimeUnit::Micros,
            "ns" => TimeUnit::Nanos,
            "timestamp" => TimeUnit::Timestamp,
            _ => TimeUnit::Seconds,
        };
        return Some(TimeColumn { column: String::from(table.word("column")?), unit });
    }
    Some(TimeColumn { column: String::from(view.word("time")?), unit: TimeUnit::Seconds })
}

/// A column that is named alone or in a table.
fn column(view: View<'_>, key: &str, spec: &'static grammar::Table) -> Option<String> {
    let inner = view.table(key, spec).and_then(|table| table.word("column"));
    inner.or_else(|| view.word(key)).map(String::from)
}

fn with_class(trace: &Trace, class: u16) -> Trace {
    Trace { rows: trace.rows.iter().map(|row| TraceRow { class, ..*row }).collect() }
}
