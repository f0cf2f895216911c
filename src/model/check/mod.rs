//! Document to model: every fault at once.
//!
//! Two passes. `walk` goes through the document with the grammar in hand: keys, kinds, units, names. The builders
//! then read each table into the form as meant and check what ties values together. A builder takes a value that
//! `walk` has refused as if it were not there and says nothing about it, so that one mistake makes one fault.

mod admission;
mod assemble;
mod client;
mod contradictions;
mod distribution;
mod exact;
pub mod experiment;
mod faults;
mod files;
mod load;
mod names;
mod objective;
mod pool;
mod range;
mod regression;
mod route;
mod run;
mod target;
mod trace;
mod unsupported;
mod view;
mod walk;
mod words;
mod worker;

pub use exact::ExactFile;
pub use unsupported::{UNSUPPORTED, Unsupported};

pub(super) use files::FileCache;

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::document::{Document, Origin, Override, Place, Table, Value};
use super::grammar::ROOT;
use super::{Model, presets};
use faults::Faults;
use names::Declared;
use view::View;

/// Where a model reaches the files that it names; paths are as the file wrote them.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// No files at all: for models that need none.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Err(String::from("files are out of reach here"))
    }
}

/// A model with what it was made from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// What is probably not as meant.
    pub warnings: Vec<Diagnostic>,
    /// The document, for sweeps that change values and check again.
    pub document: Document,
}

/// Reads a model from a text, with values put in from outside.
///
/// # Errors
/// Everything that is wrong with the text, the overrides, or the files that it names.
pub fn load(
    name: &str,
    text: &str,
    files: &dyn Files,
    overrides: &[Override],
) -> Result<Loaded, Diagnostics> {
    check(Document::parse(name, text)?.with(overrides)?, files)
}

/// Checks a document.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(document: Document, files: &dyn Files) -> Result<Loaded, Diagnostics> {
    check_refusing(document, files, UNSUPPORTED)
}

/// What the builders share.
struct Checker<'d> {
    document: &'d Document,
    declared: Declared<'d>,
    files: &'d dyn Files,
    faults: Faults<'d>,
}

fn check_refusing(
    document: Document,
    files: &dyn Files,
    refused: &[Unsupported],
) -> Result<Loaded, Diagnostics> {
    let mut root = document.root.clone();
    lay_presets(&mut root);
    let place = Place { origin: Origin::File, start: 0, end: 0 };
    let mut faults = Faults::new(&document);
    let declared = Declared::of(&root);
    walk::Walk { faults: &mut faults, declared: Some(&declared) }.table(&root, &ROOT, None, place);
    let mut checker = Checker { document: &document, declared, files, faults };
    let model = checker.model(View { table: &root, spec: &ROOT, place });
    if !checker.faults.has_errors() {
        checker.contradictions(&root, &model);
    }
    for one in refused {
        one.refuse(&model, &root, &mut checker.faults);
    }
    let mut found = Diagnostics::new(checker.faults.list);
    if found.has_errors() {
        // What a misspelt name leaves unused is no news.
        found.list.retain(|one| one.severity == Severity::Error);
        return Err(found);
    }
    Ok(Loaded { model, warnings: found.list, document })
}

/// Lays each named preset under its table.
pub(super) fn lay_presets(root: &mut Table) {
    fn lay(table: &mut Table, fragment: fn(&str) -> Option<&'static Table>) {
        let Some(preset) = table.get("preset").and_then(|node| node.as_text()).and_then(fragment) else {
            return;
        };
        let mut preset = preset.clone();
        // Delays given as distributions stand for the whole back-off, so the preset's has nothing to say.
        let delays = table.table("retry").is_some_and(|retry| retry.get("delays").is_some());
        if delays
            && let Some(entry) = preset.entries.iter_mut().find(|entry| entry.key == "retry")
            && let Value::Table(retry) = &mut entry.node.value
        {
            retry
                .entries
                .retain(|entry| !matches!(entry.key.as_str(), "backoff" | "base" | "cap" | "jitter"));
        }
        table.merge_under(&preset);
    }
    fn each(table: &mut Table, key: &str, visit: &mut dyn FnMut(&mut Table)) {
        let Some(entry) = table.entries.iter_mut().find(|entry| entry.key == key) else { return };
        let Value::Table(named) = &mut entry.node.value else { return };
        for entry in &mut named.entries {
            if let Value::Table(inner) = &mut entry.node.value {
                visit(inner);
            }
        }
    }
    each(root, "pool", &mut |pool| lay(pool, presets::pool));
    each(root, "client", &mut |client| lay(client, presets::client));
    each(root, "source", &mut |source| {
        if let Some(entry) = source.entries.iter_mut().find(|entry| entry.key == "client")
            && let Value::Table(client) = &mut entry.node.value
        {
            lay(client, presets::client);
        }
    });
}

/// Walks one value with no names declared: for tests of the grammar itself.
#[cfg(test)]
pub(super) fn walk_one(node: &super::document::Node, kind: &'static super::grammar::Kind) -> Vec<Diagnostic> {
    let document = Document::parse("test", "").expect("an empty text is TOML");
    let mut faults = Faults::new(&document);
    // Places point into another text here, which is clipped when rendered.
    walk::Walk { faults: &mut faults, declared: None }.kind(
        node,
        kind,
        walk::Field { name: "value", example: "" },
    );
    faults.list
}

#[cfg(test)]
mod tests;
