//! A document written out as meant: presets laid under what the file says, values put in from outside in place, and
//! every value that does not come from the file marked with where it does. Defaults are left out.
//!
//! Values are copied as their author wrote them, with the file's comments, wherever nothing inside them was changed.
//! The text is itself a model file.

use super::{Document, Entry, Node, Origin, Place, Table, Value, parse_value};
use crate::model::{check, presets};
use std::collections::BTreeSet;
use std::fmt::Write;

impl Document {
    /// The document after presets and overrides, as TOML. The values at the paths `varied` are marked as such.
    pub fn meant(&self, varied: &[&str]) -> String {
        let mut root = self.root.clone();
        check::lay_presets(&mut root);
        let mut writer = Writer { document: self, varied, told: BTreeSet::new(), text: String::new() };
        writer.table(&root, "");
        writer.text
    }

    /// The text that a place points into.
    fn source(&self, origin: Origin) -> Option<(String, String)> {
        let source = match origin {
            Origin::File => return Some((String::new(), self.file.text.clone())),
            Origin::Preset(index) => presets::source(index),
            Origin::Override(index) => self.overrides.get(usize::from(index))?.clone(),
        };
        let from = match origin {
            Origin::Preset(_) => format!("from {}", source.name),
            _ if source.name == super::BY_HAND => String::from("set on the command line"),
            _ => format!("set by {}", source.name),
        };
        Some((from, source.text.clone()))
    }
}

struct Writer<'d> {
    document: &'d Document,
    varied: &'d [&'d str],
    /// Lines of the file whose comments have been told, by their first byte.
    told: BTreeSet<usize>,
    text: String,
}

impl Writer<'_> {
    /// What stands in a table: plain values first, as TOML wants it, then the tables in it.
    fn table(&mut self, table: &Table, path: &str) {
        let (tables, plain): (Vec<&Entry>, Vec<&Entry>) =
            table.entries.iter().partition(|entry| self.has_header(&entry.node));
        for entry in plain {
            self.lead(entry.place);
            let at = joined(path, &entry.key);
            let mark = self.mark(&entry.node, &at);
            let _ = writeln!(self.text, "{} = {}{mark}", key(&entry.key), self.inline(&entry.node));
        }
        for entry in tables {
            let at = joined(path, &entry.key);
            match &entry.node.value {
                Value::Table(inner) => self.headed(inner, entry.place, &at, ("[", "]")),
                Value::List(list) => {
                    for node in list {
                        let Value::Table(inner) = &node.value else { continue };
                        self.headed(inner, node.place, &at, ("[[", "]]"));
                    }
                }
                _ => {}
            }
        }
    }

    /// A table under a header of its own, which is left out where it would have nothing but tables below it.
    fn headed(&mut self, table: &Table, place: Place, path: &str, (open, close): (&str, &str)) {
        let only_tables = table.entries.iter().all(|entry| self.has_header(&entry.node));
        if open == "[[" || !only_tables || table.entries.is_empty() {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.lead(place);
            // A table that came as a whole is marked once by each of its values; an element of a list by its header.
            let mark = if open == "[[" { self.origin_mark(place.origin) } else { self.trail(place) };
            let _ = writeln!(self.text, "{open}{path}{close}{mark}");
        }
        self.table(table, path);
    }

    /// Whether a value stands under a header: a table that was written so, or one that something was put into.
    fn has_header(&self, node: &Node) -> bool {
        let tables = match &node.value {
            Value::Table(_) => true,
            Value::List(list) => !list.is_empty() && list.iter().all(|item| item.as_table().is_some()),
            _ => false,
        };
        tables && self.copied(node).is_none()
    }

    /// The value as its author wrote it, if it was written in place and nothing in it was changed.
    fn copied(&self, node: &Node) -> Option<String> {
        if !one_origin(node, node.place.origin) {
            return None;
        }
        let (_, text) = self.document.source(node.place.origin)?;
        let slice = text.get(node.place.start as usize..node.place.end as usize)?;
        let again = parse_value(slice, Origin::File, 0);
        // A text without quotes reads as a text too, but is no TOML.
        let quoted = again.as_text().is_none_or(|_| slice.starts_with(['"', '\'']));
        (quoted && again.value.to_json() == node.value.to_json()).then(|| slice.to_owned())
    }

    fn inline(&self, node: &Node) -> String {
        if let Some(text) = self.copied(node) {
            return text;
        }
        match &node.value {
            Value::Text(text) => toml::Value::from(text.as_str()).to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => toml::Value::from(*number).to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::Date(date) => date.clone(),
            Value::List(list) => {
                let items: Vec<String> = list.iter().map(|item| self.inline(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(table) => {
                let one = |entry: &Entry| format!("{} = {}", key(&entry.key), self.inline(&entry.node));
                let entries: Vec<String> = table.entries.iter().map(one).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }

    /// The comments that stand above a place of the file, once.
    fn lead(&mut self, place: Place) {
        if place.origin != Origin::File {
            return;
        }
        let text = &self.document.file.text;
        let mut line = line_start(text, place.start as usize);
        let mut comments = Vec::new();
        while self.told.insert(line) && line > 0 {
            line = line_start(text, line - 1);
            let words = text[line..].lines().next().unwrap_or_default().trim();
            if !words.is_empty() && !words.starts_with('#') {
                break;
            }
            comments.push(words);
        }
        // An empty line within the comments is kept, one around them is not.
        while comments.last().is_some_and(|words| words.is_empty()) {
            comments.pop();
        }
        let inner = comments.iter().position(|words| !words.is_empty()).unwrap_or(comments.len());
        for words in comments[inner..].iter().rev() {
            let _ = writeln!(self.text, "{words}");
        }
    }

    /// What is said after a value: the file's own comment, or where else the value comes from, and what varies it.
    fn mark(&self, node: &Node, path: &str) -> String {
        let mut origins = Vec::new();
        origins_of(node, &mut origins);
        let mut marks: Vec<String> = Vec::new();
        for origin in origins.iter().filter(|origin| **origin != Origin::File) {
            let from = self.document.source(*origin).map(|(from, _)| from).unwrap_or_default();
            let from = if origins.len() > 1 { format!("in part {from}") } else { from };
            if !marks.contains(&from) {
                marks.push(from);
            }
        }
        if self.varied.iter().any(|varied| covers(varied, path)) {
            marks.push(String::from("the experiment varies this"));
        }
        match marks.is_empty() {
            true => self.trail(node.place),
            false => format!("  # {}", marks.join("; ")),
        }
    }

    fn origin_mark(&self, origin: Origin) -> String {
        let from = self.document.source(origin).map(|(from, _)| from).unwrap_or_default();
        if from.is_empty() { from } else { format!("  # {from}") }
    }

    /// The comment that the file has after a place on the same line.
    fn trail(&self, place: Place) -> String {
        let rest = match place.origin {
            Origin::File => self.document.file.text.get(place.end as usize..).unwrap_or_default(),
            _ => "",
        };
        let rest = rest.lines().next().unwrap_or_default().trim_start_matches(']').trim();
        if rest.starts_with('#') { format!("  {rest}") } else { String::new() }
    }
}

/// Whether a varied path is that of a value, or leads into it.
fn covers(varied: &str, path: &str) -> bool {
    varied.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn joined(path: &str, last: &str) -> String {
    if path.is_empty() { key(last) } else { format!("{path}.{}", key(last)) }
}

/// A key, in quotes where TOML wants them.
fn key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { toml::Value::from(key).to_string() }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// Whether all of a value comes from one text.
fn one_origin(node: &Node, origin: Origin) -> bool {
    let mut origins = Vec::new();
    origins_of(node, &mut origins);
    origins == [origin]
}

/// Where a value and all in it come from, each text once.
fn origins_of(node: &Node, found: &mut Vec<Origin>) {
    // What is put into a table or list does not make the table or list another's.
    match &node.value {
        Value::List(list) if !list.is_empty() => list.iter().for_each(|item| origins_of(item, found)),
        Value::Table(table) if !table.entries.is_empty() => {
            table.entries.iter().for_each(|entry| origins_of(&entry.node, found));
        }
        _ if found.contains(&node.place.origin) => {}
        _ => found.push(node.place.origin),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Override;
    use super::*;
    use crate::model::{NoFiles, load};

    const TEXT: &str = "# About the whole.\n\nname = \"a\"  # short\nrun = { horizon = \"2h\", seed = 3 }\n\
        class.short = { demand = { dist = \"lognormal\", p50 = \"2s\", p95 = \"8s\" } }\n\n\
        # Measured in May.\n[pool.main]\npreset = \"sidekiq\"\nslots = 4 # half of them spare\n\
        [source.web]\npool = \"main\"\nclass = \"short\"\narrivals = { rate = \"1.2/s\" }\n\
        [[objective]]\nmetric = \"latency_p95\"\nat_most = \"15s\"\n";

    fn meant(overrides: &[Override], varied: &[&str]) -> String {
        let document = Document::parse("model.toml", TEXT).unwrap().with(overrides).unwrap();
        document.meant(varied)
    }

    #[test]
    fn what_is_not_the_files_own_is_marked_with_where_it_comes_from() {
        let set = [
            Override::new("pool.main.slots", "6"),
            Override::new("class.short.demand.p95", "9s"),
            Override::new("objective.0.at_most", "20s"),
        ];
        let text = meant(&set, &["source.web.arrivals.rate"]);
        for line in [
            "# About the whole.",
            "name = \"a\"  # short",
            "run = { horizon = \"2h\", seed = 3 }",
            "# Measured in May.",
            "slots = 6  # set on the command line",
            "[class.short.demand]",
            "p95 = \"9s\"  # set on the command line",
            "at_most = \"20s\"  # set on the command line",
            "arrivals = { rate = \"1.2/s\" }  # the experiment varies this",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        // The preset's own values are there, each with its origin, and only once.
        let preset: Vec<&str> = text.lines().filter(|line| line.ends_with("# from preset sidekiq")).collect();
        assert!(preset.len() > 2, "{text}");
        assert_eq!(text.matches("About the whole").count(), 1, "{text}");
        assert_eq!(meant(&[], &[]).matches("slots = 4  # half of them spare").count(), 1);
    }

    #[test]
    fn the_text_is_a_model_and_means_the_same() {
        let set = [Override::new("pool.main.slots", "6"), Override::new("class.short.demand.p95", "9s")];
        let one = load("model.toml", TEXT, &NoFiles, &set).unwrap();
        let text = one.document.meant(&[]);
        let two = load("again.toml", &text, &NoFiles, &[]).unwrap_or_else(|faults| {
            panic!("{}\n{text}", faults.render(false));
        });
        assert_eq!(one.model, two.model, "{text}");
        assert_eq!(two.document.meant(&[]).lines().count(), text.lines().count());
    }
}
