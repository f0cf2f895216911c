//! A TOML text as a tree of values that know where they come from.
//!
//! The tree can be edited before it is checked: a sweep sets values by path, a preset is laid under a table. What
//! was put in keeps the place it came from, so that a fault in it points there. Nothing here knows the grammar,
//! but for one thing handed in: which top-level tables hold named entries, so that a misspelt name in a path is
//! refused instead of making a new entry.

mod meant;
mod path;

use super::check::FileCache;
use super::diagnostic::{Diagnostic, Diagnostics, Location, Severity, SourceText};
use super::nearest::suggestion;
use path::{child, set, split_path};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// What the text of a value from the command line is called.
const BY_HAND: &str = "override";

/// Which text a value stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The model file.
    File,
    /// The preset of this index.
    Preset(u16),
    /// The override of this index.
    Override(u16),
}

/// Where a value stands: bytes of one of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which text.
    pub origin: Origin,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its place.
    pub place: Place,
}

/// A value as TOML knows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number; those that fit nowhere are cut to the largest.
    Integer(i128),
    /// A number with a point, or `inf`, `nan`.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A date or time.
    Date(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

/// A table: entries in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The entries.
    pub entries: Vec<Entry>,
}

impl Table {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The table under a key.
    pub fn table(&self, key: &str) -> Option<&Table> {
        self.get(key).and_then(Node::as_table)
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
    }

    /// Lays `under` beneath this table: what it has and this one lacks is added, table by table. A table that
    /// says its `dist` counts as one value, and tables of different `kind` or `policy` are not mixed.
    pub fn merge_under(&mut self, under: &Table) {
        for entry in &under.entries {
            match self.get_mut(&entry.key) {
                None => self.entries.push(entry.clone()),
                Some(node) => {
                    if let (Value::Table(mine), Value::Table(theirs)) = (&mut node.value, &entry.node.value)
                        && mine.mixes_with(theirs)
                    {
                        mine.merge_under(theirs);
                    }
                }
            }
        }
    }

    fn mixes_with(&self, other: &Table) -> bool {
        let differs = |tag: &str| match (self.text(tag), other.text(tag)) {
            (Some(mine), Some(theirs)) => mine != theirs,
            _ => false,
        };
        let whole = self.get("dist").is_some();
        !whole && !differs("kind") && !differs("policy")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::as_text)
    }
}

impl Node {
    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }
}

impl Node {
    /// The same value as a part of another text.
    fn moved_to(&self, origin: Origin) -> Node {
        let place = |place: Place| Place { origin, ..place };
        let value = match &self.value {
            Value::List(list) => Value::List(list.iter().map(|node| node.moved_to(origin)).collect()),
            Value::Table(table) => {
                let moved = |entry: &Entry| Entry {
                    key: entry.key.clone(),
                    place: place(entry.place),
                    node: entry.node.moved_to(origin),
                };
                Value::Table(Table { entries: table.entries.iter().map(moved).collect() })
            }
            plain => plain.clone(),
        };
        Node { value, place: place(self.place) }
    }
}

impl Value {
    /// The value as JSON, for records.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::{Value as Json, json};
        match self {
            Value::Text(text) | Value::Date(text) => json!(text),
            Value::Integer(number) => {
                i64::try_from(*number).map_or_else(|_| json!(number.to_string()), |n| json!(n))
            }
            Value::Float(number) => json!(number),
            Value::Flag(flag) => json!(flag),
            Value::List(list) => list.iter().map(|node| node.value.to_json()).collect(),
            Value::Table(table) => table
                .entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.value.to_json()))
                .collect::<Json>(),
        }
    }

    /// What the value is, for messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Flag(_) => "true or false",
            Value::Date(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// A value put in from outside, such as a point of a sweep or `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Path of keys, such as `pool.generation.slots`. Arrays of tables are addressed by `name`, else by index.
    pub path: String,
    /// The value as TOML text; a text that is no TOML value is taken as a string, so `90s` needs no quotes.
    pub value: String,
}

impl Override {
    /// An override of `path` by a value as TOML text.
    pub fn new(path: impl Into<String>, value: impl Into<String>) -> Override {
        Override { path: path.into(), value: value.into() }
    }

    /// Reads `path=value`.
    pub fn parse(text: &str) -> Option<Override> {
        let (path, value) = text.split_once('=')?;
        (!path.trim().is_empty()).then(|| Override::new(path.trim(), value.trim()))
    }
}

/// A file as written, with overrides put in. Cheap to copy; copies share what was read from other files.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file.
    pub(super) file: Arc<SourceText>,
    /// The texts of overrides, for messages.
    pub(super) overrides: Vec<Arc<SourceText>>,
    /// The values.
    pub(super) root: Table,
    /// Traces and samples read so far.
    pub(super) cache: FileCache,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// Every syntax error.
    pub fn parse(name: &str, text: &str) -> Result<Document, Diagnostics> {
        let file = Arc::new(SourceText { name: String::from(name), text: String::from(text) });
        if text.len() > u32::MAX as usize / 2 {
            return Err(Diagnostics::plain(format!("{name} is too long for a model file"), None));
        }
        let (root, errors) = parse_table(text, Origin::File, 0);
        if errors.is_empty() {
            return Ok(Document { file, overrides: Vec::new(), root, cache: FileCache::default() });
        }
        let list = errors.into_iter().map(|error| syntax_fault(&file, &error)).collect();
        Err(Diagnostics::new(list))
    }

    /// The document with values put in; later ones win.
    ///
    /// # Errors
    /// Every path that leads nowhere.
    pub fn with(&self, overrides: &[Override]) -> Result<Document, Diagnostics> {
        let mut document = self.clone();
        let mut faults = Vec::new();
        for one in overrides {
            let text = format!("{} = {}", one.path, one.value);
            let source = Arc::new(SourceText { name: String::from(BY_HAND), text });
            let origin = Origin::Override(document.overrides.len() as u16);
            document.overrides.push(source.clone());
            let node = parse_value(&one.value, origin, one.path.len() + 3);
            if let Err(stray) = set(&mut document.root, &one.path, node) {
                let location = Some(Location { source, span: 0..one.path.len() });
                let (severity, label) = (Severity::Error, String::from("this path leads nowhere"));
                let (message, hint) = (stray.message, stray.hint);
                faults.push(Diagnostic { severity, message, location, label, related: None, hint });
            }
        }
        if faults.is_empty() { Ok(document) } else { Err(Diagnostics::new(faults)) }
    }

    /// The document with values of another document put in; later ones win. Faults in them point into that one.
    ///
    /// # Errors
    /// Every path that leads nowhere.
    pub fn with_values(&self, from: &Document, values: &[Entry]) -> Result<Document, Diagnostics> {
        let mut document = self.clone();
        let origin = document.adopt(from);
        let mut faults = Vec::new();
        for entry in values {
            let node = entry.node.moved_to(origin);
            if let Err(stray) = set(&mut document.root, &entry.key, node) {
                let span = entry.place.start as usize..entry.place.end as usize;
                let location = Some(Location { source: from.file.clone(), span });
                let (severity, label) = (Severity::Error, format!("`{}` leads nowhere", entry.key));
                let (message, hint) = (stray.message, stray.hint);
                faults.push(Diagnostic { severity, message, location, label, related: None, hint });
            }
        }
        if faults.is_empty() { Ok(document) } else { Err(Diagnostics::new(faults)) }
    }

    /// The document with elements of another document added to a list at its top level.
    pub fn with_elements(&self, from: &Document, key: &str, elements: &[Node]) -> Document {
        let mut document = self.clone();
        let origin = document.adopt(from);
        let moved: Vec<Node> = elements.iter().map(|node| node.moved_to(origin)).collect();
        let Some(place) = moved.first().map(|node| node.place) else { return document };
        match document.root.get_mut(key) {
            Some(Node { value: Value::List(list), .. }) => list.extend(moved),
            // What is no list is reported as such by the check.
            Some(_) => {}
            None => {
                let node = Node { value: Value::List(moved), place };
                document.root.entries.push(Entry { key: String::from(key), place, node });
            }
        }
        document
    }

    /// The document without the value at a path of tables, if it is there.
    pub fn without(&self, path: &[&str]) -> Document {
        fn remove(table: &mut Table, path: &[&str]) {
            match path {
                [] => {}
                [last] => table.entries.retain(|entry| entry.key != *last),
                [first, rest @ ..] => {
                    if let Some(Node { value: Value::Table(inner), .. }) = table.get_mut(first) {
                        remove(inner, rest);
                    }
                }
            }
        }
        let mut document = self.clone();
        remove(&mut document.root, path);
        document
    }

    /// Makes another document's text one of those that places may point into.
    fn adopt(&mut self, from: &Document) -> Origin {
        let known = self.overrides.iter().position(|source| Arc::ptr_eq(source, &from.file));
        let index = known.unwrap_or_else(|| {
            self.overrides.push(from.file.clone());
            self.overrides.len() - 1
        });
        Origin::Override(index as u16)
    }

    /// The value at a path.
    pub fn find(&self, path: &str) -> Option<&Node> {
        let keys = split_path(path)?;
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.root.get(first)?, |node, key| child(node, key))
    }

    /// The name of the file.
    pub fn file_name(&self) -> &str {
        &self.file.name
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.file.text
    }
}

fn syntax_fault(file: &Arc<SourceText>, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    // An error at the end of the text, or of a line, still needs one character to stand under.
    let message = error.message().lines().next().unwrap_or("this is not TOML");
    Diagnostic {
        severity: Severity::Error,
        message: format!("this is not TOML: {message}"),
        location: Some(Location { source: file.clone(), span }),
        label: String::new(),
        related: None,
        hint: Some(String::from(match message {
            "duplicate key" => "each key and each table may be written once only",
            _ => "the file must be TOML: texts in quotes, one `key = value` a line",
        })),
    }
}

/// Reads a text as a table; spans are shifted by `shift` bytes.
pub(super) fn parse_table(text: &str, origin: Origin, shift: isize) -> (Table, Vec<toml::de::Error>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    (convert_table(root.get_ref(), origin, shift), errors)
}

/// Reads one TOML value whose text begins at byte `offset` of its source; what is no value becomes a text.
fn parse_value(text: &str, origin: Origin, offset: usize) -> Node {
    const LEAD: &str = "v = ";
    let (mut table, errors) =
        parse_table(&format!("{LEAD}{text}"), origin, offset as isize - LEAD.len() as isize);
    let whole = errors.is_empty() && table.entries.len() == 1 && table.entries[0].key == "v";
    match table.entries.pop() {
        Some(entry) if whole => entry.node,
        _ => {
            let place = Place { origin, start: offset as u32, end: (offset + text.len()) as u32 };
            Node { value: Value::Text(String::from(text)), place }
        }
    }
}

fn place_of(span: std::ops::Range<usize>, origin: Origin, shift: isize) -> Place {
    let moved = |at: usize| (at as isize + shift).max(0) as u32;
    Place { origin, start: moved(span.start), end: moved(span.end) }
}

fn convert_table(table: &DeTable<'_>, origin: Origin, shift: isize) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            place: place_of(key.span(), origin, shift),
            node: Node {
                value: convert_value(value.get_ref(), origin, shift),
                place: place_of(value.span(), origin, shift),
            },
        })
        .collect();
    entries.sort_by_key(|entry| entry.place.start);
    Table { entries }
}

fn convert_value(value: &DeValue<'_>, origin: Origin, shift: isize) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => {
            let whole = i128::from_str_radix(number.as_str(), number.radix());
            Value::Integer(whole.unwrap_or(i128::MAX))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|item| Node {
                    value: convert_value(item.get_ref(), origin, shift),
                    place: place_of(item.span(), origin, shift),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, origin, shift)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[pool.main]\nslots = 4\nretry = { max = 1 }\n[[phase]]\nname = \"ramp\"\nduration = \"5m\"\n\
        [class.short]\ndemand = { dist = \"exponential\", mean = \"2s\" }\n";

    fn document() -> Document {
        Document::parse("model.toml", TEXT).unwrap()
    }

    #[test]
    fn all_syntax_errors_come_at_once() {
        let error = Document::parse("m.toml", "a = \nb = 1\nc = \"x\nd = 2\n").unwrap_err();
        assert!(error.list.len() >= 2, "{error}");
    }

    #[test]
    fn values_know_their_places() {
        let document = document();
        let node = document.find("pool.main.slots").unwrap();
        assert_eq!(&TEXT[node.place.start as usize..node.place.end as usize], "4");
    }

    #[test]
    fn paths_set_values() {
        let changes = [
            Override::new("pool.main.slots", "8"),
            Override::new("phase.ramp.duration", "90s"),
            Override::new("class.short.demand.mean", "\"3s\""),
            Override::new("pool.main.worker.dying_window", "true"),
        ];
        let document = document().with(&changes).unwrap();
        assert_eq!(document.find("pool.main.slots").unwrap().value, Value::Integer(8));
        assert_eq!(document.find("phase.0.duration").unwrap().as_text(), Some("90s"));
        assert_eq!(document.find("class.short.demand.mean").unwrap().as_text(), Some("3s"));
        let new = document.find("pool.main.worker.dying_window").unwrap();
        let source = &document.overrides[3].text;
        assert_eq!(&source[new.place.start as usize..new.place.end as usize], "true");
    }

    #[test]
    fn paths_that_lead_nowhere_are_refused_with_the_nearest_name() {
        for (path, word) in [("pool.mian.slots", "main"), ("phase.rampp.duration", "ramp")] {
            let error = document().with(&[Override::new(path, "1")]).unwrap_err();
            assert!(error.list[0].hint.as_ref().unwrap().contains(word), "{error}");
        }
        for path in ["", "a..b", "pool.main.slots.x", "\"pool"] {
            assert!(document().with(&[Override::new(path, "1")]).is_err(), "{path}");
        }
    }

    #[test]
    fn text_that_is_no_value_becomes_a_string() {
        let node = parse_value("1\nb = 2", Origin::Override(0), 3);
        assert_eq!(node.as_text(), Some("1\nb = 2"));
    }

    #[test]
    fn what_the_file_says_wins_over_what_is_laid_under_it() {
        let mut file = parse_table("a = 1\nr = { max = 5 }\nd = { dist = \"x\" }", Origin::File, 0).0;
        let preset = parse_table(
            "a = 2\nb = 3\nr = { max = 1, place = \"head\" }\nd = { dist = \"y\", mean = 1 }",
            Origin::Preset(0),
            0,
        )
        .0;
        file.merge_under(&preset);
        assert_eq!(file.get("a").unwrap().value, Value::Integer(1));
        assert_eq!(file.get("b").unwrap().value, Value::Integer(3));
        let retry = file.table("r").unwrap();
        assert_eq!(retry.get("max").unwrap().value, Value::Integer(5));
        assert_eq!(retry.text("place"), Some("head"));
        assert!(file.table("d").unwrap().get("mean").is_none());
    }
}
