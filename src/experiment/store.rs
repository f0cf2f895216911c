//! A folder of results that many processes may fill: content-addressed chunks, whole or not there.
//!
//! `outline.json` says what the plan is; each chunk of points has a file named by the hash of everything that shapes
//! its results. Two writers of one chunk write the same bytes, so a race costs time and never truth; a worker that
//! is killed leaves at most a temporary neighbour that nobody reads. Who has the folder can merge it.

use super::outline::Outline;
use super::record::{RecordError, write_whole};
use super::run::Finished;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// A store.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A chunk's file.
#[derive(Serialize, Deserialize)]
struct Chunk {
    key: String,
    points: Vec<Finished>,
}

const OUTLINE: &str = "outline.json";

impl Store {
    /// The store in a folder.
    pub fn new(folder: &Path) -> Store {
        Store { folder: folder.to_owned() }
    }

    /// Makes the folder and says in it what the plan is.
    ///
    /// # Errors
    /// When it cannot be written, or holds another plan.
    pub fn open(&self, outline: &Outline) -> Result<(), RecordError> {
        let failed = |source| RecordError::Io { path: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let text = serde_json::to_string(outline).expect("an outline has string keys only");
        match fs::read_to_string(self.folder.join(OUTLINE)) {
            Ok(there) if there == text => Ok(()),
            Ok(_) => Err(RecordError::NotARecord {
                reason: format!(
                    "{} holds the results of another plan; choose another folder, or remove this one",
                    self.folder.display()
                ),
            }),
            Err(_) => write_whole(&self.folder.join(OUTLINE), text.as_bytes()),
        }
    }

    /// What the plan is.
    ///
    /// # Errors
    /// When the folder holds none.
    pub fn outline(&self) -> Result<Outline, RecordError> {
        let path = self.folder.join(OUTLINE);
        let text = fs::read_to_string(&path).map_err(|source| RecordError::Io { path, source })?;
        serde_json::from_str(&text).map_err(|error| RecordError::NotARecord { reason: error.to_string() })
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    /// The results of a chunk, if they are there and whole.
    pub fn read(&self, outline: &Outline, chunk: usize) -> Option<Vec<Finished>> {
        let key = outline.keys.get(chunk)?;
        let text = fs::read_to_string(self.path(key)).ok()?;
        let found: Chunk = serde_json::from_str(&text).ok()?;
        let indices = found.points.iter().map(|one| one.point.index as usize);
        (found.key == *key && indices.eq(outline.points_of(chunk))).then_some(found.points)
    }

    /// Writes the results of a chunk, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, outline: &Outline, chunk: usize, points: Vec<Finished>) -> Result<(), RecordError> {
        let key = outline.keys[chunk].clone();
        let path = self.path(&key);
        let text = serde_json::to_string(&Chunk { key, points }).expect("a chunk has string keys only");
        write_whole(&path, text.as_bytes())
    }

    /// All results in plan order, or the numbers of the chunks that are missing.
    ///
    /// # Errors
    /// The missing chunks.
    pub fn collect(&self, outline: &Outline) -> Result<Vec<Finished>, Vec<usize>> {
        let mut all = Vec::with_capacity(outline.points());
        let mut missing = Vec::new();
        for chunk in 0..outline.keys.len() {
            match self.read(outline, chunk) {
                Some(points) => all.extend(points),
                None => missing.push(chunk),
            }
        }
        if missing.is_empty() { Ok(all) } else { Err(missing) }
    }

    /// Removes the store.
    pub fn remove(&self) {
        // What stays behind is content-addressed and harmless.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
