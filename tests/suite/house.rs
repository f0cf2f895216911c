//! The walls of the house: who may import whom, what determinism forbids, how long files and functions may be.

use std::path::{Path, PathBuf};

/// Longest file, without its tests.
const FILE_LINES_MAX: usize = 500;
/// A function is long above this.
const FUNCTION_LINES_MAX: usize = 70;
/// Long functions per hundred.
const LONG_FUNCTIONS_PERCENT: usize = 1;

/// The floor of a room, times ten. Rooms that are not listed fail the tests.
fn floor(room: &str) -> Option<u32> {
    Some(match room {
        "time" | "quantity" | "random" | "outcome" => 0,
        "policy" | "workload" | "stats" => 10,
        "model" => 20,
        "engine" | "live" => 30,
        "experiment" => 40,
        "report" => 45,
        "cli" | "web" => 50,
        "main" | "lib" => 60,
        _ => return None,
    })
}

struct File {
    path: PathBuf,
    room: String,
    /// Depth of its module below the root.
    depth: usize,
    /// Lines without the test module at the end, and without comments where `code` is asked.
    lines: Vec<String>,
    text: String,
}

impl File {
    /// Number and text of lines that are not comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.lines.iter().enumerate().map(|(index, line)| (index + 1, line.as_str()));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(file(&root, &path));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 20, "the sources were not found");
    files
}

fn file(root: &Path, path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap();
    let inside = path.strip_prefix(root).unwrap();
    let parts: Vec<String> =
        inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let depth = parts.iter().filter(|part| *part != "mod").count();
    let whole_file_is_test = parts.iter().any(|part| part == "tests");
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]" && !whole_file_is_test);
    File {
        path: inside.to_owned(),
        room: parts[0].clone(),
        depth,
        lines: lines.map(str::to_owned).collect(),
        text,
    }
}

/// The rooms that a line names through `crate::`, `crate::{…}` or enough `super::`.
fn imports(line: &str, depth: usize) -> Vec<String> {
    let up = "super::".repeat(depth);
    let roots = ["crate::", "poolsim::", &up];
    let mut rooms = Vec::new();
    for root in roots.iter().filter(|root| !root.is_empty()) {
        for (at, _) in line.match_indices(root) {
            let rest = &line[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(list) => rooms.extend(top_level(list)),
                None => rooms.extend(word(rest)),
            }
        }
    }
    rooms
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty() && word.starts_with(|c: char| c.is_lowercase())).then_some(word)
}

/// First words of a braced list, nested lists left out.
fn top_level(list: &str) -> Vec<String> {
    let (mut nesting, mut words, mut start) = (0, Vec::new(), 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => nesting += 1,
            '}' if nesting == 0 => {
                words.extend(word(list[start..at].trim()));
                return words;
            }
            '}' => nesting -= 1,
            ',' if nesting == 0 => {
                words.extend(word(list[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
    }
    words
}

/// Joins `use` statements that run over several lines.
fn statements(file: &File) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in file.code() {
        match all.last_mut() {
            Some((_, statement)) if open => statement.push_str(line.trim()),
            _ => all.push((number, line.to_owned())),
        }
        let statement = &all.last().expect("one was pushed").1;
        let is_use = ["use ", "pub use ", "pub(crate) use "]
            .iter()
            .any(|word| statement.trim_start().starts_with(word));
        open = is_use && !statement.contains(';');
    }
    all
}

fn upward(room: &str, imported: &str) -> bool {
    match (floor(room), floor(imported)) {
        // Values on the ground floor may know each other; elsewhere rooms on one floor are strangers.
        (Some(own), Some(other)) => other > own || (other == own && own > 0 && room != imported),
        // Macros and items at the root are no rooms.
        _ => false,
    }
}

#[test]
fn every_room_has_a_floor_and_every_file_an_introduction() {
    for file in files() {
        assert!(floor(&file.room).is_some(), "{}: which floor is `{}` on?", file.path.display(), file.room);
        assert!(file.text.starts_with("//!"), "{} does not open with //!", file.path.display());
    }
}

#[test]
fn imports_go_down_only() {
    let mut broken = Vec::new();
    for file in files() {
        if file.room == "lib" || file.room == "main" {
            continue;
        }
        for (number, statement) in statements(&file) {
            for imported in imports(&statement, file.depth) {
                if upward(&file.room, &imported) {
                    broken.push(format!(
                        "{}:{number}: {} imports {imported}",
                        file.path.display(),
                        file.room
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_import_check_can_fail() {
    assert_eq!(imports("use crate::{time::Span, model::{Model, Pool}};", 2), ["time", "model"]);
    assert_eq!(imports("let x = super::super::engine::run();", 2), ["engine"]);
    assert!(imports("use super::engine;", 2).is_empty());
    assert!(upward("stats", "model") && upward("policy", "stats") && upward("experiment", "report"));
    assert!(!upward("report", "experiment") && !upward("model", "model") && !upward("quantity", "time"));
}

/// Methods whose last bit depends on the platform, and clocks.
const FORBIDDEN: [&str; 24] = [
    "ln", "ln_1p", "log", "log10", "log2", "exp", "exp2", "exp_m1", "powf", "cbrt", "hypot", "sin", "cos",
    "tan", "sin_cos", "atan", "atan2", "asin", "acos", "sinh", "cosh", "tanh", "mul_add", "acosh",
];

fn forbidden(line: &str) -> Option<String> {
    let called = FORBIDDEN
        .iter()
        .find(|name| line.contains(&format!(".{name}(")) || line.contains(&format!("f64::{name}")));
    let clocks = ["Instant", "SystemTime", "thread::sleep", "thread_rng", "rand::rng("];
    let clock = clocks.iter().find(|name| line.contains(**name));
    called.map(|name| format!("f64::{name}")).or_else(|| clock.map(|name| (*name).to_owned()))
}

#[test]
fn floors_0_to_3_read_no_clock_and_call_no_platform_dependent_function() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| floor(&file.room) <= Some(30) && file.room != "live") {
        for (number, line) in file.code() {
            if let Some(what) = forbidden(line) {
                broken.push(format!("{}:{number}: {what}", file.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(forbidden("let y = x.ln();").is_some() && forbidden("libm::log(x)").is_none());
    assert!(forbidden("Instant::now()").is_some() && forbidden("libm::exp(x)").is_none());
}

#[test]
fn files_are_short() {
    let long = files().into_iter().filter(|file| file.lines.len() > FILE_LINES_MAX);
    let long: Vec<String> =
        long.map(|file| format!("{}: {} lines", file.path.display(), file.lines.len())).collect();
    assert!(long.is_empty(), "split these by what they decide:\n{}", long.join("\n"));
}

/// Name, first line and length of each function, by its indentation.
fn functions(file: &File) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (index, line) in file.lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let Some(at) = code.find("fn ") else { continue };
        let before = &code[..at];
        let header = before
            .split_whitespace()
            .all(|word| ["pub", "const", "async", "unsafe"].contains(&word) || word.starts_with("pub("));
        if !header || code.ends_with(';') {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let end = file.lines[index..].iter().position(|line| *line == close).unwrap_or(0);
        found.push((code[at + 3..].chars().take_while(|c| *c != '(').collect(), index + 1, end + 1));
    }
    found
}

#[test]
fn functions_are_short() {
    let (mut total, mut long) = (0, Vec::new());
    for file in files() {
        for (name, line, length) in functions(&file) {
            total += 1;
            if length > FUNCTION_LINES_MAX {
                long.push(format!("{}:{line}: {name} has {length} lines", file.path.display()));
            }
        }
    }
    assert!(total > 100, "the functions were not found");
    let allowed = total * LONG_FUNCTIONS_PERCENT / 100;
    assert!(long.len() <= allowed, "{allowed} of {total} may be long, these are:\n{}", long.join("\n"));
}
