//! Puts a result where it was asked for.

use super::args::Format;
use super::exit::Failure;
use super::places::Sink;
use super::{interrupt, terminal};
use crate::experiment::Record;
use crate::experiment::record::write_whole;
use crate::report::text::Look;
use crate::report::{csv, markdown, text};
use std::io::{self, Write};

/// Writes a record in a format.
///
/// # Errors
/// [`Failure::BrokenPipe`] when nobody reads, else what is wrong with the file.
pub fn print(record: &Record, format: Format, sink: &Sink) -> Result<(), Failure> {
    let text = match format {
        Format::Text => {
            let look = if *sink == Sink::Stdout { terminal::stdout_look() } else { Look::PLAIN };
            text::page(record, look)
        }
        Format::Json => record.to_json(),
        Format::Csv => csv::metrics(record),
        Format::Markdown => markdown::document(record),
    };
    put(&text, sink)
}

/// Writes a text.
///
/// # Errors
/// As [`print()`].
pub fn put(text: &str, sink: &Sink) -> Result<(), Failure> {
    match sink {
        Sink::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
                    _ => Failure::new(format!("could not write to standard output: {error}"), ""),
                }
            })
        }
        Sink::File(path) => {
            let _guard = interrupt::hold();
            write_whole(path, text.as_bytes()).map_err(|error| {
                Failure::new(format!("could not write {error}"), "choose another file with -o FILE")
            })
        }
    }
}
