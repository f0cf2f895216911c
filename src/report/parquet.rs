//! The tidy table of points as Parquet: the rows of `points.csv` with types, for data frames and databases.
//!
//! A setting whose values are all whole numbers, numbers or truth values is a column of that type, any other a column
//! of text; what is absent is null. One row group for many rows, compressed by Snappy, without a clock or host name
//! inside: the same record gives the same bytes. It does not decide which figures there are: the record does.

use super::csv::unit;
use crate::experiment::record::{Point, Record};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use serde_json::Value;
use std::sync::Arc;

/// Rows of a row group: large enough to compress, small enough to hold in memory once more.
const GROUP_ROWS: usize = 1 << 18;

/// The values of a column, row by row.
enum Cells {
    Whole(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Truth(Vec<Option<bool>>),
    Text(Vec<Option<ByteArray>>),
}

struct Column {
    name: String,
    cells: Cells,
}

/// One row per figure: the columns of [`super::csv::metrics`], typed.
///
/// # Errors
/// What the writer refuses; nothing that a record can hold is known to be refused.
pub fn metrics(record: &Record) -> Result<Vec<u8>> {
    let columns = columns(record);
    let fields: Result<Vec<Arc<Type>>> = columns.iter().map(field).collect();
    let schema = Arc::new(Type::group_type_builder("points").with_fields(fields?).build()?);
    let created_by = format!("poolsim version {}", env!("CARGO_PKG_VERSION"));
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by(created_by).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let rows = record.points.iter().map(|point| point.metrics.len()).sum::<usize>();
    for start in (0..rows).step_by(GROUP_ROWS) {
        let range = start..(start + GROUP_ROWS).min(rows);
        let mut group = writer.next_row_group()?;
        for column in &columns {
            match &column.cells {
                Cells::Whole(cells) => write::<Int64Type>(&mut group, &cells[range.clone()])?,
                Cells::Number(cells) => write::<DoubleType>(&mut group, &cells[range.clone()])?,
                Cells::Truth(cells) => write::<BoolType>(&mut group, &cells[range.clone()])?,
                Cells::Text(cells) => write::<ByteArrayType>(&mut group, &cells[range.clone()])?,
            }
        }
        group.close()?;
    }
    writer.into_inner()
}

fn field(column: &Column) -> Result<Arc<Type>> {
    let (physical, logical) = match column.cells {
        Cells::Whole(_) => (Physical::INT64, None),
        Cells::Number(_) => (Physical::DOUBLE, None),
        Cells::Truth(_) => (Physical::BOOLEAN, None),
        Cells::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let builder = Type::primitive_type_builder(&column.name, physical);
    builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
}

/// Writes a part of a column: the values that there are, and for every row whether it has one.
fn write<D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    cells: &[Option<D::T>],
) -> Result<()> {
    let values: Vec<D::T> = cells.iter().flatten().cloned().collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let missing = || ParquetError::General(String::from("the schema has fewer columns than the table"));
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<D>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

fn columns(record: &Record) -> Vec<Column> {
    let rows = || record.points.iter().flat_map(|point| point.metrics.iter().map(move |one| (point, one)));
    let text = |name: &str, of: &dyn Fn(&crate::experiment::Metric) -> Option<String>| Column {
        name: String::from(name),
        cells: Cells::Text(
            rows().map(|(_, one)| of(one).map(|text| ByteArray::from(text.into_bytes()))).collect(),
        ),
    };
    let number = |name: &str, of: fn(&crate::experiment::Metric) -> f64| Column {
        name: String::from(name),
        cells: Cells::Number(rows().map(|(_, one)| Some(of(one)).filter(|x| x.is_finite())).collect()),
    };
    let whole =
        |name: &str, cells: Vec<Option<i64>>| Column { name: String::from(name), cells: Cells::Whole(cells) };
    let mut columns = vec![whole("point", rows().map(|(point, _)| Some(point.index as i64)).collect())];
    columns.extend(super::csv::setting_paths(record).into_iter().map(|path| setting(record, path)));
    columns.extend([
        text("metric", &|one| Some(one.name.clone())),
        text("class", &|one| one.scope.class.clone()),
        text("phase", &|one| one.scope.phase.clone()),
        text("pool", &|one| one.scope.pool.clone()),
        text("host", &|one| one.scope.host.clone()),
        text("unit", &|one| Some(String::from(unit(one.unit)))),
        number("value", |one| one.estimate.value),
        number("low", |one| one.estimate.low),
        number("high", |one| one.estimate.high),
        whole("n", rows().map(|(_, one)| i64::try_from(one.estimate.n).ok()).collect()),
        number("confidence", |one| one.estimate.confidence),
    ]);
    columns
}

/// The column of a setting, of the narrowest type that takes all its values.
fn setting(record: &Record, path: &str) -> Column {
    let of = |point: &Point| {
        let found = point.settings.iter().find(|(name, _)| name == path);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_null())
    };
    let values: Vec<Option<Value>> = record.points.iter().map(of).collect();
    let all = |fits: fn(&Value) -> bool| values.iter().flatten().all(fits);
    let repeated = || {
        values.iter().zip(&record.points).flat_map(|(value, point)| point.metrics.iter().map(move |_| value))
    };
    let cells = if all(Value::is_i64) {
        Cells::Whole(repeated().map(|value| value.as_ref().and_then(Value::as_i64)).collect())
    } else if all(Value::is_number) {
        Cells::Number(repeated().map(|value| value.as_ref().and_then(Value::as_f64)).collect())
    } else if all(Value::is_boolean) {
        Cells::Truth(repeated().map(|value| value.as_ref().and_then(Value::as_bool)).collect())
    } else {
        let text = |value: &Value| ByteArray::from(super::csv::setting_text(value).into_bytes());
        Cells::Text(repeated().map(|value| value.as_ref().map(text)).collect())
    };
    Column { name: String::from(path), cells }
}
