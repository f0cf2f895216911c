//! The program as a user meets it: the built binary in an empty folder.

use super::records::Folder;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(super) fn poolsim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .args(args)
        .current_dir(folder)
        .env_remove("RAYON_NUM_THREADS")
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built for this test")
}

pub(super) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(super) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn fails(folder: &Path, args: &[&str], words: &[&str]) {
    let output = poolsim(folder, args);
    let said = err(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(out(&output).is_empty(), "{args:?}: errors do not go to standard output");
    for word in words {
        assert!(said.contains(word), "{args:?}: no {word:?} in\n{said}");
    }
    assert!(!said.contains("panicked") && !said.contains("defect"), "{said}");
}

#[test]
fn help_is_short_or_teaches() {
    let folder = Folder::new("help");
    let short = poolsim(&folder.0, &["-h"]);
    assert_eq!(short.status.code(), Some(0));
    assert!(out(&short).lines().count() <= 30, "fits a screen:\n{}", out(&short));
    let run = poolsim(&folder.0, &["run", "-h"]);
    assert!(out(&run).lines().count() <= 40, "fits a screen:\n{}", out(&run));
    let long = out(&poolsim(&folder.0, &["run", "--help"]));
    for word in ["Examples:", "--set", "--precision", "Exit codes", "record.json"] {
        assert!(long.contains(word), "{word}:\n{long}");
    }
    let long = out(&poolsim(&folder.0, &["--help"]));
    for code in ["0 ", "1 ", "2 ", "3 ", "130"] {
        assert!(long.contains(&format!("\n  {code}")), "exit code {code}:\n{long}");
    }
    assert_eq!(poolsim(&folder.0, &["--version"]).status.code(), Some(0));
}

#[test]
fn wrong_usage_says_what_is_right() {
    let folder = Folder::new("usage");
    let dir = &folder.0;
    fails(dir, &[], &["Usage"]);
    fails(dir, &["rum"], &["run"]);
    fails(dir, &["run"], &["MODEL"]);
    fails(dir, &["run", "m.toml", "--sed", "1"], &["--seed"]);
    fails(dir, &["run", "m.toml", "--precision", "2"], &["--precision", "2%"]);
    fails(dir, &["run", "m.toml", "--horizon", "90"], &["--horizon", "90s"]);
    fails(dir, &["run", "m.toml", "--set", "slots"], &["path=value"]);
    fails(dir, &["run", "m.toml", "--replications", "0"], &["at least 1"]);
    fails(dir, &["run", "m.toml", "--threads", "0"], &["at least 1"]);
    fails(dir, &["run", "m.toml", "--threads", "100000"], &["than any machine has", "1024"]);
    fails(dir, &["run", "m.toml", "--replications", "3", "--precision", "2%"], &["cannot be used with"]);
    fails(dir, &["run", "m.toml", "--horizon", "9s", "--requests", "9"], &["cannot be used with"]);
    fails(dir, &["run", "m.toml", "--format", "xml"], &["markdown"]);
    fails(dir, &["schema", "modell"], &["model"]);
}

#[test]
fn a_file_of_another_kind_is_called_what_it_is() {
    let folder = Folder::new("kinds");
    let put = |name: &str, text: &str| std::fs::write(folder.0.join(name), text).unwrap();
    let model = "[run]\nrequests = 10\n[class.a]\ndemand = \"1s\"\n[source.s]\npool = \"main\"\nclass = \"a\"\n\
                 arrivals = { rate = \"1/s\" }\n[pool.main]\nslots = 1\n";
    put("m.toml", model);
    put("e.toml", "model = \"m.toml\"\n[[axis]]\npath = \"pool.main.slots\"\nvalues = [1, 2]\n");
    put("s.toml", "model = \"m.toml\"\n[size]\ncapacity = \"pool.mian.slots\"\nto = 9\n");
    put("t.csv", &"2024-05-01 09:00:00,255,21\n".repeat(400));
    put("record.json", "{}\n");
    let dir = &folder.0;
    fails(dir, &["run", "e.toml"], &["e.toml is an experiment", "poolsim sweep e.toml"]);
    for command in ["sweep", "size"] {
        fails(dir, &[command, "m.toml"], &["m.toml is a model", "poolsim run m.toml"]);
    }
    fails(dir, &["sweep", "s.toml"], &["asks for a size", "poolsim size s.toml"]);
    fails(dir, &["run", "t.csv"], &["this is not TOML", "more places in t.csv are not TOML"]);
    fails(dir, &["report", "."], &["record.json", "not a poolsim record"]);
    let mistyped = err(&poolsim(dir, &["size", "s.toml"]));
    assert_eq!(mistyped.matches("there is no `mian`").count(), 1, "said once:\n{mistyped}");
}

#[test]
fn a_model_that_cannot_be_read_is_named_with_its_nearest_neighbour() {
    let folder = Folder::new("missing");
    fails(&folder.0, &["run", "orchestrator.toml"], &["orchestrator.toml", "no .toml file"]);
    std::fs::write(folder.0.join("orchestrator.toml"), "").unwrap();
    fails(&folder.0, &["run", "orchestratr.toml"], &["did you mean orchestrator.toml"]);
    std::fs::write(folder.0.join("latin.toml"), b"name = \"x\"\n# caf\xe9\n").unwrap();
    fails(&folder.0, &["run", "latin.toml"], &["not UTF-8", "line 2"]);
    fails(&folder.0, &["run", "."], &["could not read"]);
    fails(&folder.0, &["run", "no/such/folder.toml"], &["no folder no/such"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new("pipe");
    // The reading end is closed before anything is written.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .args(["schema", "model"])
        .current_dir(&folder.0)
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

/// A model, its experiment, and things where no result can be put.
fn with_bad_places() -> Folder {
    let folder = Folder::new("places");
    let write = |name: &str, text: &str| std::fs::write(folder.0.join(name), text).unwrap();
    write(
        "m.toml",
        "name = \"m\"\nrun = { horizon = \"20s\", replications = 2 }\nclass.job = { demand = \"5ms\" }\n\
         pool.main = { slots = 2 }\n\
         source.web = { pool = \"main\", class = \"job\", arrivals = { rate = \"20/s\" } }\n",
    );
    write(
        "e.toml",
        "name = \"e\"\nmodel = \"m.toml\"\nreplications = 2\n\n\
         [[axis]]\npath = \"pool.main.slots\"\nvalues = [1, 2]\n",
    );
    write("file", "mine");
    std::fs::create_dir(folder.0.join("folder")).unwrap();
    folder
}

#[test]
fn where_nothing_can_be_written_is_said_before_any_work() {
    let folder = with_bad_places();
    let dir = &folder.0;
    for command in [&["run", "m.toml"][..], &["sweep", "e.toml"], &["compare", "m.toml", "--with", "seed=2"]]
    {
        let with = |place: &[&'static str]| [command, place].concat();
        fails(dir, &with(&["--output", "file"]), &["file is a file", "--output DIR"]);
        fails(dir, &with(&["--output", "file/in/it"]), &["file is a file", "--output DIR"]);
        fails(dir, &with(&["-o", "folder"]), &["it is a folder", "--output DIR"]);
        fails(dir, &with(&["-o", "nowhere/x.txt"]), &["no folder nowhere", "-o FILE"]);
    }
    fails(dir, &["fit", "m.toml", "-o", "nowhere/x"], &["no folder nowhere"]);
    fails(dir, &["hunt", "--cases", "1", "-o", "nowhere/x"], &["no folder nowhere"]);
    assert!(!dir.join("output").exists() && !dir.join("nowhere").exists());
    std::fs::write(dir.join("output"), "mine, too").unwrap();
    fails(dir, &["run", "m.toml"], &["output is a file"]);
    let elsewhere = poolsim(dir, &["run", "m.toml", "--output", "new/deep", "-o", "folder/x.txt"]);
    assert_eq!(elsewhere.status.code(), Some(0), "{}", err(&elsewhere));
    assert!(dir.join("new/deep/record.json").is_file() && dir.join("folder/x.txt").is_file());
}

#[test]
fn a_result_whose_files_cannot_be_written_is_shown() {
    let folder = with_bad_places();
    // Nothing can take the place of a folder.
    std::fs::create_dir_all(folder.0.join("full/record.json/in/it")).unwrap();
    for command in [["run", "m.toml"], ["sweep", "e.toml"]] {
        let output = poolsim(&folder.0, &[&command[..], &["--output", "full"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", err(&output));
        assert!(err(&output).contains("full/record.json"), "{}", err(&output));
        assert!(out(&output).contains("latency"), "{}", out(&output));
    }
}

#[test]
fn only_commands_that_work_are_shown() {
    let folder = Folder::new("commands");
    let help = out(&poolsim(&folder.0, &["-h"]));
    let listed = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands: Vec<&str> = listed
        .take_while(|line| line.starts_with("  "))
        // Deeper lines go on with the one above.
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 8 && !commands.contains(&"serve"), "{help}");
    for command in commands {
        assert_eq!(poolsim(&folder.0, &[command, "--help"]).status.code(), Some(0), "{command}");
    }
    let schema = poolsim(&folder.0, &["schema", "model"]);
    assert_eq!(schema.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_str(&out(&schema)).unwrap();
    assert!(schema.is_object());
}

const SMALL: &str = "name = \"small\"\n[run]\nhorizon = \"60s\"\nregime = \"terminating\"\n\
    [class.job]\ndemand = { dist = \"exponential\", mean = \"1s\" }\n\
    [source.s]\npool = \"main\"\nclass = \"job\"\narrivals = { rate = \"2/s\" }\n[pool.main]\nslots = 3\n\
    [[objective]]\nmetric = \"latency_p95\"\nat_most = \"4s\"\n";

const GRID: &str = "name = \"grid\"\nmodel = \"small.toml\"\nreplications = 3\n\
    [[axis]]\npath = \"pool.main.slots\"\nvalues = [2, 3, 4, 5, 6]\n";

#[test]
fn shards_named_by_a_cluster_merge_to_the_bytes_of_one_process() {
    let folder = Folder::new("cluster");
    std::fs::write(folder.0.join("small.toml"), SMALL).unwrap();
    std::fs::write(folder.0.join("grid.toml"), GRID).unwrap();
    let whole = poolsim(&folder.0, &["sweep", "grid.toml", "--format", "json", "--quiet", "--no-report"]);
    assert_eq!(whole.status.code(), Some(0), "{}", err(&whole));
    let names = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "PBS_ARRAY_INDEX"];
    for (number, name) in names.into_iter().enumerate() {
        if number > 0 {
            // What is missing is named, and more of it would settle it.
            let merged = poolsim(&folder.0, &["merge", "parts", "--format", "json"]);
            assert_eq!(merged.status.code(), Some(3));
            assert!(
                err(&merged).contains("chunks are missing") && err(&merged).contains("chunk "),
                "{}",
                err(&merged)
            );
        }
        let part = Command::new(env!("CARGO_BIN_EXE_poolsim"))
            .args(["sweep", "grid.toml", "--shard", "env/3", "--store", "parts", "--quiet"])
            .current_dir(&folder.0)
            .env(name, number.to_string())
            .output()
            .unwrap();
        assert_eq!(part.status.code(), Some(0), "{name}: {}", err(&part));
    }
    let merged = poolsim(&folder.0, &["merge", "parts", "--format", "json", "--quiet"]);
    assert_eq!(merged.status.code(), Some(0), "{}", err(&merged));
    assert_eq!(out(&merged), out(&whole));
    for (value, told) in [("x", "SLURM_ARRAY_TASK_ID is \"x\""), ("3", "there is no part 3 of 3")] {
        let part = Command::new(env!("CARGO_BIN_EXE_poolsim"))
            .args(["sweep", "grid.toml", "--shard", "env/3", "--store", "parts", "--quiet"])
            .current_dir(&folder.0)
            .env("SLURM_ARRAY_TASK_ID", value)
            .output()
            .unwrap();
        assert_eq!(part.status.code(), Some(2), "{}", err(&part));
        assert!(err(&part).contains(told), "{}", err(&part));
    }
}
