//! Files of exact cases against their grammar: keys, words, kinds and bounds, case by case.

use super::super::diagnostic::{Diagnostics, Location};
use super::super::document::{Document, Entry, Node, Origin, Place, Table, Value};
use super::super::grammar::{EXACT_CASE, EXACT_FILE};
use super::faults::Faults;
use super::walk::Walk;

/// A file of exact cases, read and checked.
#[derive(Clone, Debug)]
pub struct ExactFile {
    document: Document,
    cases: usize,
}

impl ExactFile {
    /// Reads a text.
    ///
    /// # Errors
    /// The text is not TOML, or is no file of cases. What is wrong with one case is said by [`ExactFile::faults`].
    pub fn parse(name: &str, text: &str) -> Result<ExactFile, Diagnostics> {
        let document = Document::parse(name, text)?;
        let mut faults = Faults::new(&document);
        let place = Place { origin: Origin::File, start: 0, end: 0 };
        Walk { faults: &mut faults, declared: None }.table(&document.root, &EXACT_FILE, None, place);
        let cases = match document.root.get("case") {
            Some(Node { value: Value::List(list), .. }) => list.len(),
            Some(other) => {
                let label = format!("this is {}", other.value.describe());
                let hint = "write [[case]] with two brackets: there may be several";
                faults.add(other.place, "`case` must be a list of tables", label, hint);
                0
            }
            None => 0,
        };
        let list = faults.list;
        if list.is_empty() { Ok(ExactFile { document, cases }) } else { Err(Diagnostics::new(list)) }
    }

    /// How many cases it has.
    pub const fn len(&self) -> usize {
        self.cases
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.cases == 0
    }

    /// What the grammar refuses in a case.
    pub fn faults(&self, case: usize) -> Diagnostics {
        let mut faults = Faults::new(&self.document);
        if let Some(node) = self.node(case) {
            let mut walk = Walk { faults: &mut faults, declared: None };
            match &node.value {
                Value::Table(table) => walk.table(table, &EXACT_CASE, None, node.place),
                _ => walk.table(&Table::default(), &EXACT_CASE, None, node.place),
            }
        }
        Diagnostics::new(faults.list)
    }

    /// A fault at a key of a case, given as its path (`retry.delay`); at the nearest table above where the key is
    /// not written.
    pub fn fault(&self, case: usize, path: &str, message: &str, hint: &str) -> Diagnostics {
        let mut faults = Faults::new(&self.document);
        if let Some(node) = self.node(case) {
            faults.add(place_of(node, path), message, "", hint);
        }
        Diagnostics::new(faults.list)
    }

    /// Where a case begins.
    pub fn place(&self, case: usize) -> Option<Location> {
        self.fault(case, "", "", "").list.pop().and_then(|fault| fault.location)
    }

    fn node(&self, case: usize) -> Option<&Node> {
        match self.document.root.get("case").map(|node| &node.value) {
            Some(Value::List(list)) => list.get(case),
            _ => None,
        }
    }
}

fn place_of(node: &Node, path: &str) -> Place {
    let mut place = node.place;
    let mut table = node.as_table();
    for key in path.split('.') {
        let Some(Entry { place: at, node, .. }) = table.and_then(|table| table.entry(key)) else { break };
        (place, table) = (*at, node.as_table());
    }
    place
}
