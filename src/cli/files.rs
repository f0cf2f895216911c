//! Files that the user names: the model and what it refers to.

use super::exit::Failure;
use crate::experiment::record::RecordError;
use crate::model::Files;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest model file that is read: a model is written by hand.
const MODEL_MAX: u64 = 16 << 20;

/// Reads a model file, or standard input for `-`.
///
/// # Errors
/// When it cannot be read, is too long, or is not UTF-8.
pub fn read_model(path: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("could not read {}: {}", named(path), plain(&error)), hint_for(path, &error))
    };
    let mut bytes = Vec::new();
    if path == "-" {
        std::io::stdin().lock().take(MODEL_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = fs::File::open(path).map_err(failed)?;
        file.take(MODEL_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > MODEL_MAX {
        return Err(Failure::new(format!("{} is longer than 16 MiB", named(path)), "is it a model file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
        Failure::new(format!("{} is not UTF-8 text (line {line})", named(path)), "save it as UTF-8")
    })
}

/// Why a record could not be read, with the file that was tried.
pub fn unreadable(error: &RecordError, file: &Path) -> Failure {
    match error {
        RecordError::Io { .. } => Failure::new(
            format!("could not read {error}"),
            "name a record.json, or the folder that `poolsim run` wrote",
        ),
        _ => Failure::new(format!("{}: {error}", file.display()), "is it a record of poolsim?"),
    }
}

/// Whether a text is an experiment: it names a model before its first table.
pub fn is_experiment(text: &str) -> bool {
    text.lines()
        .map(str::trim_start)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.strip_prefix("model").is_some_and(|rest| rest.trim_start().starts_with('=')))
}

/// Whether a text is a model and no experiment: it has what only models have.
pub fn is_model(text: &str) -> bool {
    let parts = ["class", "source", "pool"];
    !is_experiment(text)
        && text.parse::<toml::Table>().is_ok_and(|table| parts.iter().any(|part| table.contains_key(*part)))
}

/// What to call a model in messages.
pub fn named(path: &str) -> String {
    if path == "-" { String::from("standard input") } else { path.to_owned() }
}

/// An I/O error without the number of the operating system.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// The nearest model file beside a wrong name.
fn hint_for(path: &str, error: &std::io::Error) -> String {
    if error.kind() != std::io::ErrorKind::NotFound {
        return String::new();
    }
    let path = Path::new(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Ok(entries) = fs::read_dir(folder) else {
        return format!("there is no folder {}", folder.display());
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let near = |name: &&String| strsim::jaro_winkler(name, &wanted) > 0.8;
    let best = names
        .iter()
        .filter(near)
        .max_by(|a, b| strsim::jaro_winkler(a, &wanted).total_cmp(&strsim::jaro_winkler(b, &wanted)));
    match best {
        Some(name) => format!("did you mean {}?", path.with_file_name(name).display()),
        None if names.is_empty() => format!("there is no .toml file in {}", folder.display()),
        None => format!("{} has {}", folder.display(), names.join(", ")),
    }
}

/// Files beside a model, read from the disk.
#[derive(Clone, Debug)]
pub struct Beside {
    folder: PathBuf,
    /// A file named on the command line, and so from the working folder.
    named: Option<String>,
}

impl Beside {
    /// Files beside the model at `path`, in the working folder for standard input; `named` is one that the command
    /// line names.
    pub fn model(path: &str, named: Option<&str>) -> Beside {
        let folder = if path == "-" { None } else { Path::new(path).parent() };
        Beside { folder: folder.unwrap_or(Path::new("")).to_owned(), named: named.map(str::to_owned) }
    }
}

impl Files for Beside {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let named = self.named.as_deref() == Some(path);
        let path = if named { PathBuf::from(path) } else { self.folder.join(path) };
        fs::read(path).map_err(|error| plain(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_names_its_model_before_any_table() {
        assert!(is_experiment("# x\nname = \"a\"\nmodel = \"b.toml\"\n[[axis]]\n"));
        assert!(!is_experiment("name = \"model\"\n[run]\nmodel = 1\n"));
    }

    #[test]
    fn a_model_has_pools_or_sources() {
        assert!(is_model("name = \"a\"\n[pool.main]\nslots = 1\n"));
        assert!(!is_model("model = \"b.toml\"\n[pool.main]\n") && !is_model("[[axis]]\n"));
    }
}
