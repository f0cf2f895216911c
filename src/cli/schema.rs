//! `poolsim schema`: JSON Schemas for editors.

use super::args::{RawSchema, SchemaOf};
use super::exit::{Answer, Failure};
use super::places::Sink;
use super::printer;
use crate::model;

/// Prints a schema.
///
/// # Errors
/// When standard output cannot be written.
pub fn schema(raw: &RawSchema) -> Result<Answer, Failure> {
    let schema = match raw.what {
        SchemaOf::Model => model::schema(),
        SchemaOf::Experiment => model::experiment_schema(),
    };
    printer::put(&format!("{schema:#}\n"), &Sink::Stdout)?;
    Ok(Answer::Done)
}
