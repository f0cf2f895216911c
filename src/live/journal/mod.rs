//! The journal of a live pool: what it was told and what it did, in order, as lines of JSON.
//!
//! The first line of a file says what the pools are: settings, seed, replication. Each later line is one input with
//! its instant and effects. That is enough to tell a fresh policy the same again ([`redrive`]): its decisions must be
//! the same, bit for bit. Lines are written by a thread of their own, so a slow disk delays no decision; a disk that
//! fails ends the journal, not the pool, and what was written so far stays whole lines.

pub mod redrive;

use crate::policy::{Effect, Input, PoolSettings};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

/// The schema that this version writes: name and major.
pub const SCHEMA: &str = "poolsim.journal/1";

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`SCHEMA`] of the writer.
    pub schema: String,
    /// Version of poolsim that wrote it.
    pub poolsim: String,
    /// Seed of the streams that pools draw their choices from.
    pub seed: u64,
    /// Replication of those streams.
    pub replication: u64,
    /// The pools, in order of their numbers.
    pub pools: Vec<PoolHead>,
    /// Names of classes, in order of their numbers; older journals have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

/// What the first line says of its own form.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Schema {
    /// Name and major.
    pub(crate) schema: String,
}

/// Whether this version reads such a journal; else what it is instead, in words.
pub(crate) fn check_schema(schema: &str) -> Result<(), String> {
    if schema == SCHEMA || schema.starts_with(&format!("{SCHEMA}.")) {
        return Ok(());
    }
    Err(format!("the journal has schema \"{schema}\", but this poolsim reads \"{SCHEMA}\""))
}

/// One pool of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolHead {
    /// Its name.
    pub name: String,
    /// What its policy was told.
    pub settings: PoolSettings,
}

/// Any later line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Nanoseconds since the start.
    pub t: Time,
    /// Number of the pool.
    #[serde(default, rename = "p", skip_serializing_if = "is_zero")]
    pub pool: u16,
    /// What it was told.
    #[serde(rename = "in")]
    pub input: Input,
    /// What it did.
    #[serde(default, rename = "do", skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// Takes entries; clones write to the same file.
#[derive(Clone, Debug)]
pub struct Journal(Sender<Entry>);

impl Journal {
    /// Writes an entry down, soon.
    pub(in crate::live) fn put(&self, pool: u16, t: Time, input: Input, effects: Vec<Effect>) {
        // A journal whose disk failed takes nothing more; its writer says so at the end.
        let _ = self.0.send(Entry { t, pool, input, effects });
    }
}

/// The file behind journals. Until [`JournalFile::stand`] it lies beside its name, so that a start that fails leaves an
/// older journal as it was.
#[derive(Debug)]
pub struct JournalFile {
    path: PathBuf,
    /// Where it lies as long as it does not stand at its path.
    beside: Option<PathBuf>,
    writer: JoinHandle<io::Result<u64>>,
}

impl JournalFile {
    /// Begins a journal in a file.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(path: &Path, head: &Head) -> io::Result<(Journal, JournalFile)> {
        let beside = neighbour(path);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&beside)?;
        let begun = JournalFile::begin(file, head);
        let (journal, writer) = begun.inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })?;
        Ok((journal, JournalFile { path: path.to_owned(), beside: Some(beside), writer }))
    }

    /// Writes the first line, and starts the thread that writes the others.
    fn begin(file: File, head: &Head) -> io::Result<(Journal, JoinHandle<io::Result<u64>>)> {
        let own = file.try_clone()?;
        let mut file = BufWriter::new(file);
        serde_json::to_writer(&mut file, head)?;
        file.write_all(b"\n")?;
        file.flush()?;
        let (sender, entries) = channel();
        let builder = std::thread::Builder::new().name(String::from("journal"));
        let writer = builder.spawn(move || {
            let written = write(file, &entries);
            if written.is_err() {
                // Where even that fails, the last line stays cut off, which a reader takes.
                let _ = cut(own);
            }
            written
        })?;
        Ok((Journal(sender), writer))
    }

    /// Puts it at its path, in place of an older one.
    ///
    /// # Errors
    /// The file system's.
    pub fn stand(&mut self) -> io::Result<()> {
        let Some(beside) = &self.beside else { return Ok(()) };
        fs::rename(beside, &self.path)?;
        self.beside = None;
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until everything is written, once every [`Journal`] is gone: the number of entries. One that never stood is
    /// removed.
    ///
    /// # Errors
    /// The first error of the file system; entries after it are missing.
    pub fn finish(self) -> io::Result<u64> {
        let written = self.writer.join();
        if let Some(beside) = &self.beside {
            let _ = fs::remove_file(beside);
        }
        written.unwrap_or_else(|_| Err(io::Error::other("the journal's writer broke off")))
    }
}

/// Where a journal lies before it stands: a name of this process alone.
fn neighbour(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Takes off a last line that is not whole.
fn cut(mut file: File) -> io::Result<()> {
    /// Longer than any line.
    const TAIL: u64 = 1 << 20;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if let Some(last) = tail.iter().rposition(|&byte| byte == b'\n') {
        file.set_len(from + last as u64 + 1)?;
    }
    Ok(())
}

/// Writes entries until nobody sends any more. What has come is on its way to the disk before the next wait.
fn write(mut file: BufWriter<File>, entries: &Receiver<Entry>) -> io::Result<u64> {
    let mut count = 0;
    let mut line = Vec::new();
    loop {
        let entry = match entries.try_recv() {
            Ok(entry) => entry,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                file.flush()?;
                match entries.recv() {
                    Ok(entry) => entry,
                    Err(_) => break,
                }
            }
        };
        line.clear();
        serde_json::to_writer(&mut line, &entry)?;
        line.push(b'\n');
        file.write_all(&line)?;
        count += 1;
    }
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(count)
}
