//! How a record looks: for a terminal, a document, a spreadsheet. Reads records and runs nothing.
//!
//! [`table`] turns a point's figures into tables of text, which [`text`] draws for a terminal and [`markdown`] for
//! a document. [`csv`] has one row per figure, `parquet` the same rows with types. [`files`] puts a record and its tables into a folder.

pub mod agreement;
pub mod blocks;
#[cfg(feature = "chart")]
pub mod chart;
pub mod check;
pub mod csv;
pub mod figure;
pub mod files;
#[cfg(feature = "chart")]
pub mod html;
#[cfg(feature = "live")]
pub mod hunt;
pub mod markdown;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(feature = "live")]
pub mod requests;
pub mod spark;
pub mod study;
pub mod summary;
pub mod table;
pub mod text;
pub mod words;
