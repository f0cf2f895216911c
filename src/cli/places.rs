//! Where results go: looked at before any work begins, so that no result is made that has no place.

use super::exit::Failure;
use crate::report;
use std::path::{Path, PathBuf};

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Sink {
    /// What `--out` says: a file, or `-` for standard output.
    ///
    /// # Errors
    /// A folder, or a file in a folder that is not there.
    pub fn of(text: Option<&str>) -> Result<Sink, Failure> {
        let Some(path) = text.filter(|text| *text != "-").map(PathBuf::from) else { return Ok(Sink::Stdout) };
        if path.is_dir() {
            let hint = "name a file in it with -o FILE, or a folder for all files with --output DIR";
            return Err(Failure::new(format!("could not write {}: it is a folder", path.display()), hint));
        }
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        match above.filter(|above| !above.is_dir()) {
            None => Ok(Sink::File(path)),
            Some(above) => Err(Failure::new(
                format!("could not write {}: there is no folder {}", path.display(), above.display()),
                "make it, or choose another file with -o FILE",
            )),
        }
    }
}

/// Where files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// `output/<name>`.
    ByName,
    /// This one.
    Given(PathBuf),
    /// Nowhere.
    Nowhere,
}

impl Folder {
    /// What `--output` says: a folder, which need not be there, or `none`.
    ///
    /// # Errors
    /// A file, or a folder within one.
    pub fn of(text: Option<&str>) -> Result<Folder, Failure> {
        let path = match text {
            None => Path::new("output"),
            Some("none") => return Ok(Folder::Nowhere),
            Some(path) => Path::new(path),
        };
        let there = path.ancestors().find(|above| above.symlink_metadata().is_ok());
        if let Some(file) = there.filter(|there| !there.is_dir()) {
            return Err(Failure::new(
                format!("could not make the folder {}: {} is a file", path.display(), file.display()),
                "choose another folder with --output DIR, or write none with --output none",
            ));
        }
        Ok(text.map_or(Folder::ByName, |path| Folder::Given(PathBuf::from(path))))
    }

    /// Its path, for files about what has this name.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        match self {
            Folder::Nowhere => None,
            Folder::Given(path) => Some(path.clone()),
            Folder::ByName => Some(Path::new("output").join(report::files::folder_name(name))),
        }
    }
}
