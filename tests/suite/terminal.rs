//! What a terminal shows: colours and blocks where it can, plain letters where it cannot; and what is left unwritten.

use super::pictures;
use super::records::Folder;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const MODEL: &str = r#"
name = "small"
run = { horizon = "2m" }
class.short = { demand = { dist = "exponential", mean = "1s" } }
pool.main = { slots = 2 }
source.web = { pool = "main", class = "short", arrivals = { rate = "1.2/s" } }
"#;

const GRID: &str = r#"
name = "grid"
model = "model.toml"
replications = 3

[[axis]]
name = "slots"
path = "pool.main.slots"
values = [2, 4]

[[axis]]
name = "load"
path = "source.web.arrivals.rate"
values = ["1/s", "1.5/s"]
"#;

fn poolsim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built for this test")
}

/// A folder with a model and a grid over it.
fn workplace(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::write(folder.0.join("model.toml"), MODEL).unwrap();
    fs::write(folder.0.join("grid.toml"), GRID).unwrap();
    folder
}

/// Standard output of a command on a pseudo terminal of this kind; `None` where nothing makes one. With CI set, which
/// some take for a terminal that can show colours whatever it says of itself.
fn on_terminal(folder: &Path, kind: &str, args: &str) -> Option<String> {
    let command = format!("'{}' {args}", env!("CARGO_BIN_EXE_poolsim"));
    let made = Command::new("script")
        .args(["-qec", &command, "typescript"])
        .current_dir(folder)
        .env("TERM", kind)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env("CI", "true")
        .stdin(Stdio::null())
        .output();
    match made {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            let _ = writeln!(io::stderr(), "skipped: no pseudo terminal (script of util-linux): {error}");
            None
        }
    }
}

#[test]
fn a_dumb_terminal_gets_neither_blocks_nor_colours() {
    let folder = workplace("dumb");
    let commands = [
        ("sweep grid.toml --quiet --no-report", ['░', '█']),
        ("run model.toml --replications 3 --quiet --no-report", ['▁', '█']),
    ];
    for (args, blocks) in commands {
        let Some(able) = on_terminal(&folder.0, "xterm-256color", args) else { return };
        assert!(able.contains("\u{1b}["), "{args}: colours\n{able}");
        assert!(able.contains(blocks), "{args}: blocks\n{able}");
        let Some(dumb) = on_terminal(&folder.0, "dumb", args) else { return };
        assert!(dumb.contains("repeat: "), "{args}: the whole page\n{dumb}");
        assert!(!dumb.contains('\u{1b}'), "{args}: no colours\n{dumb}");
        assert!(!dumb.contains(['·', '░', '▒', '▓', '▁', '█']), "{args}: no blocks\n{dumb}");
    }
}

#[test]
fn no_report_leaves_the_page_and_the_charts_unwritten() {
    let folder = workplace("unreported");
    for (args, record) in [
        (&["run", "model.toml", "--replications", "2"][..], "metrics.csv"),
        (&["sweep", "grid.toml"], "points.csv"),
    ] {
        for (flag, wanted) in [(None, true), (Some("--no-report"), false)] {
            let place = format!("{}-{wanted}", args[0]);
            let all: Vec<&str> =
                args.iter().copied().chain(["--quiet", "--output", &place]).chain(flag).collect();
            let output = poolsim(&folder.0, &all);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let place = folder.0.join(&place);
            assert!(place.join("record.json").exists() && place.join(record).exists(), "{all:?}");
            assert_eq!(place.join("report.html").exists(), wanted, "{all:?}");
            assert_eq!(place.join("charts").exists(), wanted, "{all:?}");
        }
    }
}

#[test]
fn a_page_that_no_browser_opens_is_written_and_said() {
    let folder = Folder::new("no-browser");
    pictures::run().write(&folder.0.join("record.json")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .args(["report", ".", "--open"])
        .current_dir(&folder.0)
        .env("PATH", &folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("found no browser") && said.contains("report.html"), "{said}");
    assert!(folder.0.join("report.html").exists());
}

/// The page and every chart of a run come back from its record alone, byte for byte.
#[test]
fn what_a_run_draws_is_drawn_again_from_its_record_alone() {
    let folder = workplace("again");
    for (kind, args) in
        [("run", &["run", "model.toml", "--replications", "3"][..]), ("sweep", &["sweep", "grid.toml"])]
    {
        let all: Vec<&str> = args.iter().copied().chain(["--quiet", "--output", kind]).collect();
        assert!(poolsim(&folder.0, &all).status.success());
        let (first, alone) = (folder.0.join(kind), folder.0.join(format!("{kind}-alone")));
        fs::create_dir(&alone).unwrap();
        fs::copy(first.join("record.json"), alone.join("record.json")).unwrap();
        let alone_name = format!("{kind}-alone");
        assert!(poolsim(&folder.0, &["report", &alone_name, "--quiet"]).status.success());
        let svg = ["report", &alone_name, "--format", "svg", "--quiet"];
        assert!(poolsim(&folder.0, &svg).status.success());
        let (one, two) = (fs::read(first.join("report.html")), fs::read(alone.join("report.html")));
        assert!(one.unwrap() == two.unwrap(), "{kind}: the page");
        let mut drawn = 0;
        for entry in fs::read_dir(first.join("charts")).unwrap() {
            let name = entry.unwrap().file_name();
            let one = fs::read(first.join("charts").join(&name)).unwrap();
            assert!(one == fs::read(alone.join("charts").join(&name)).unwrap(), "{kind}: {name:?}");
            drawn += 1;
        }
        assert!(drawn >= 4, "{kind}: {drawn} charts");
        assert_eq!(fs::read_dir(alone.join("charts")).unwrap().count(), drawn);
    }
}
