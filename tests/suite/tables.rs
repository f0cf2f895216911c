//! Tables for other tools: the typed one says what the plain one says.

use super::records::Folder;
use super::sample;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use poolsim::experiment::Record;
use poolsim::report::files;
use std::fs::File;
use std::path::Path;

/// Two points with a setting of each kind, and a figure that is not finite.
fn record() -> Record {
    let mut record = sample::record();
    let mut second = record.points[0].clone();
    second.index = 1;
    record.points.push(second);
    for (point, (slots, cores, timeout, drain)) in
        record.points.iter_mut().zip([(6, 7.5, "60s", true), (8, 8.0, "1m", false)])
    {
        point.settings = vec![
            ("pool.generation.slots".into(), slots.into()),
            ("host.machine.cores".into(), cores.into()),
            ("pool.generation.service_timeout".into(), timeout.into()),
            ("run.drain".into(), drain.into()),
        ];
    }
    record.points[1].metrics[3].estimate.high = f64::INFINITY;
    record.points[1].settings.push(("pool.generation.queue_capacity".into(), 3.into()));
    record
}

/// Header and rows of the plain table.
fn plain(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    (header, rows.collect())
}

/// A typed cell as the plain table writes it.
fn shown(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Long(whole) => whole.to_string(),
        Field::Double(number) => number.to_string(),
        Field::Bool(truth) => truth.to_string(),
        other => panic!("a cell of another type: {other:?}"),
    }
}

#[test]
fn the_typed_table_has_the_rows_of_the_plain_one() {
    let folder = Folder::new("tables");
    files::write_study(&record(), &folder.0).unwrap();
    let (header, rows) = plain(&folder.0.join("points.csv"));
    let reader = SerializedFileReader::new(File::open(folder.0.join("points.parquet")).unwrap()).unwrap();
    let mut count = 0;
    for (row, expected) in reader.get_row_iter(None).unwrap().zip(&rows) {
        let row = row.unwrap();
        let cells: Vec<(&String, &Field)> = row.get_column_iter().collect();
        assert_eq!(cells.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), header);
        for ((name, cell), expected) in cells.iter().zip(expected) {
            // A whole number among fractions is a fraction.
            let same =
                shown(cell) == *expected || (name.as_str() == "host.machine.cores" && expected == "8.0");
            assert!(same, "{name}: {cell:?} is not {expected}");
        }
        count += 1;
    }
    assert_eq!((count, rows.len()), (rows.len(), 2 * sample::record().points[0].metrics.len()));
}

#[test]
fn columns_have_the_types_of_their_values() {
    let folder = Folder::new("types");
    files::write_study(&record(), &folder.0).unwrap();
    let reader = SerializedFileReader::new(File::open(folder.0.join("points.parquet")).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr();
    let kind = |name: &str| {
        let found = schema.columns().iter().find(|column| column.name() == name);
        found.unwrap_or_else(|| panic!("no column {name}")).physical_type().to_string()
    };
    let kinds = [
        ("point", "INT64"),
        ("pool.generation.slots", "INT64"),
        ("host.machine.cores", "DOUBLE"),
        ("pool.generation.service_timeout", "BYTE_ARRAY"),
        ("run.drain", "BOOLEAN"),
        ("pool.generation.queue_capacity", "INT64"),
        ("value", "DOUBLE"),
        ("n", "INT64"),
        ("metric", "BYTE_ARRAY"),
    ];
    for (name, expected) in kinds {
        assert_eq!(kind(name), expected, "{name}");
    }
}

#[test]
fn the_same_record_gives_the_same_bytes_and_an_empty_one_a_table_without_rows() {
    let bytes = poolsim::report::parquet::metrics(&record()).unwrap();
    assert_eq!(bytes, poolsim::report::parquet::metrics(&record()).unwrap());
    assert_eq!((&bytes[..4], &bytes[bytes.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    let mut none = record();
    none.points.clear();
    let folder = Folder::new("no-rows");
    files::write_study(&none, &folder.0).unwrap();
    let reader = SerializedFileReader::new(File::open(folder.0.join("points.parquet")).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}
