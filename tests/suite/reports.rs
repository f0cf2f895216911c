//! `poolsim report` as a user meets it: a record in a folder, and what is drawn from it.

use super::pictures;
use super::records::Folder;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn poolsim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built for this test")
}

#[test]
fn a_folder_with_a_record_gets_its_page_and_charts() {
    let folder = Folder::new("report");
    fs::create_dir(folder.0.join("out")).unwrap();
    pictures::run().write(&folder.0.join("out/record.json")).unwrap();
    assert!(poolsim(&folder.0, &["report", "out"]).status.success());
    let page = fs::read_to_string(folder.0.join("out/report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    // The same from the file itself, to standard output.
    let again = poolsim(&folder.0, &["report", "out/record.json", "-o", "-"]);
    assert!(again.stdout == page.as_bytes());
    for (format, magic) in [("svg", &b"<svg "[..]), ("png", &b"\x89PNG"[..])] {
        let size = ["--size", "800x400", "--theme", "dark"];
        let args = ["report", "out", "--format", format, "-o", "pictures"].into_iter().chain(size);
        assert!(poolsim(&folder.0, &args.collect::<Vec<_>>()).status.success());
        let picture = fs::read(folder.0.join(format!("pictures/distribution.{format}"))).unwrap();
        assert!(picture.starts_with(magic));
    }
}

#[test]
fn what_cannot_be_drawn_is_refused_with_a_hint() {
    let folder = Folder::new("no-report");
    fs::write(folder.0.join("bad.json"), "{}").unwrap();
    pictures::run().write(&folder.0.join("record.json")).unwrap();
    let rows: [(&[&str], &str); 5] = [
        (&["report", "nowhere"], "could not read"),
        (&["report", "bad.json"], "not a poolsim record"),
        (&["report", ".", "--size", "5x5"], "--size 1280x720"),
        (&["report", ".", "--format", "png", "--open"], "leave out"),
        (&["report", ".", "--format", "svg", "-o", "-"], "several files"),
    ];
    for (args, words) in rows {
        let output = poolsim(&folder.0, args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}
