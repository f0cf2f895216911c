//! Records: what is written is what is read; whole files or none.

use super::sample;
use poolsim::experiment::Record;
use poolsim::experiment::RecordError;
use poolsim::experiment::record::{combined_fingerprint, fingerprint, write_whole};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for a test, gone at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Folder {
        // Tests run side by side, and two may use one name.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("poolsim-{test}-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_record_read_back_is_the_record_written_byte_for_byte() {
    let folder = Folder::new("round-trip");
    let path = folder.0.join("record.json");
    let record = sample::record();
    record.write(&path).unwrap();
    let read = Record::read(&path).unwrap();
    assert_eq!(read, record);
    assert_eq!(read.to_json(), std::fs::read_to_string(&path).unwrap());
    let names: Vec<_> =
        std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["record.json"], "no neighbour is left behind");
}

#[test]
fn intervals_without_an_end_survive_json() {
    let mut record = sample::record();
    let estimate = &mut record.points[0].metrics[0].estimate;
    (estimate.low, estimate.high) = (f64::NEG_INFINITY, f64::INFINITY);
    let read = Record::from_json(&record.to_json()).unwrap();
    assert_eq!(read, record);
    record.points[0].metrics[0].estimate.value = f64::NAN;
    let read = Record::from_json(&record.to_json()).unwrap();
    assert!(read.points[0].metrics[0].estimate.value.is_nan());
}

#[test]
fn fields_of_a_newer_version_are_ignored() {
    let mut value: serde_json::Value = serde_json::from_str(&sample::record().to_json()).unwrap();
    value["a_newer_field"] = 1.into();
    value["points"][0]["another"] = "x".into();
    value["points"][0]["metrics"][0]["third"] = true.into();
    value["schema"] = "poolsim.record/1.4".into();
    let read = Record::from_json(&value.to_string()).unwrap();
    assert_eq!(read.points, sample::record().points);
}

#[test]
fn another_major_schema_is_refused_by_name() {
    for schema in ["poolsim.record/2", "poolsim.record/10", "other/1"] {
        let text = sample::record().to_json().replace("poolsim.record/1", schema);
        let error = Record::from_json(&text).unwrap_err();
        assert!(matches!(error, RecordError::Schema { .. }), "{error}");
        assert!(
            error.to_string().contains(schema) && error.to_string().contains("poolsim.record/1"),
            "{error}"
        );
    }
    for text in ["", "{}", "[1, 2", "{\"schema\": \"poolsim.record/1\"}", "null"] {
        let error = Record::from_json(text).unwrap_err();
        assert!(error.to_string().starts_with("not a poolsim record"), "{text}: {error}");
    }
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
    let folder = Folder::new("whole");
    // A folder stands where the file should be: the rename fails after the neighbour was written.
    let path = folder.0.join("taken");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("inside"), "kept").unwrap();
    let error = write_whole(&path, b"new").unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    assert_eq!(std::fs::read_to_string(path.join("inside")).unwrap(), "kept");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_written_into_and_never_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let folder = Folder::new("special");
    let path = folder.0.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // Nobody can open a socket as a file: the error is the proof that it was tried.
    write_whole(&path, b"new").unwrap_err();
    assert!(std::fs::metadata(&path).unwrap().file_type().is_socket());
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn fingerprints_depend_on_order_and_content() {
    assert_eq!(fingerprint([1, 2]), fingerprint([1, 2]));
    assert_ne!(fingerprint([1, 2]), fingerprint([2, 1]));
    let point = sample::record().points.remove(0);
    let mut other = point.clone();
    assert_eq!(combined_fingerprint(std::slice::from_ref(&point)), point.fingerprint);
    other.fingerprint = String::from("f");
    assert_ne!(combined_fingerprint(&[point.clone(), other.clone()]), combined_fingerprint(&[other, point]));
}
