//! Reads values of a table, with the defaults that its grammar declares.

use super::super::document::{Node, Origin, Place, Table, Value, parse_table};
use super::super::grammar;
use crate::quantity;
use crate::time::Span;

/// A table beside the grammar that it was checked against.
#[derive(Clone, Copy)]
pub(super) struct View<'d> {
    pub(super) table: &'d Table,
    pub(super) spec: &'static grammar::Table,
    pub(super) place: Place,
}

impl<'d> View<'d> {
    /// The value as written.
    pub(super) fn node(&self, key: &str) -> Option<&'d Node> {
        assert!(self.spec.key(key).is_some(), "{} has no key {key}", self.spec.title);
        self.table.get(key)
    }

    /// Whether the key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.node(key).is_some()
    }

    /// Whether the key is written by the user, and not just by a preset.
    pub(super) fn writes(&self, key: &str) -> bool {
        self.node(key).is_some_and(|node| !matches!(node.place.origin, Origin::Preset(_)))
    }

    /// Where the value stands, or the table if the key is not written.
    pub(super) fn place(&self, key: &str) -> Place {
        self.node(key).map_or(self.place, |node| node.place)
    }

    /// The value as written or by default; `None` if it is neither, or not of the right kind.
    fn read<T>(&self, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        match self.node(key) {
            Some(node) => read(&node.value),
            None => self.spec.key(key)?.default.and_then(|text| read(&default_value(text))),
        }
    }

    pub(super) fn secs(&self, key: &str) -> Option<f64> {
        self.read(key, secs)
    }

    pub(super) fn span(&self, key: &str) -> Option<Span> {
        self.secs(key).map(Span::from_secs)
    }

    /// The span, or no limit where the key is missing.
    pub(super) fn limit(&self, key: &str) -> Span {
        self.span(key).unwrap_or(Span::NEVER)
    }

    pub(super) fn rate(&self, key: &str) -> Option<f64> {
        self.read(key, rate)
    }

    pub(super) fn share(&self, key: &str) -> Option<f64> {
        self.read(key, share)
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.read(key, number)
    }

    pub(super) fn whole(&self, key: &str) -> Option<u64> {
        self.read(key, |value| match value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        })
    }

    /// A whole number that the grammar keeps within 32 bits.
    pub(super) fn count(&self, key: &str) -> Option<u32> {
        self.whole(key).and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.read(key, |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
    }

    /// A text, or a word.
    pub(super) fn word(&self, key: &str) -> Option<&'d str> {
        match self.node(key) {
            Some(node) => node.as_text(),
            None => self.spec.key(key)?.default.map(|text| text.trim_matches('"')),
        }
    }

    /// The table under a key.
    pub(super) fn table(&self, key: &str, spec: &'static grammar::Table) -> Option<View<'d>> {
        let node = self.node(key)?;
        node.as_table().map(|table| View { table, spec, place: node.place })
    }

    /// The tagged table under a key; see [`tagged`].
    pub(super) fn tagged(
        &self,
        key: &str,
        spec: &'static grammar::Tagged,
    ) -> Option<(&'static str, View<'d>)> {
        match self.node(key) {
            Some(node) => tagged(node, spec),
            None => {
                let word = self.spec.key(key)?.default?.trim_matches('"');
                let variant = spec.variant(word)?;
                Some((variant.word, View { table: &EMPTY, spec: &variant.table, place: self.place }))
            }
        }
    }

    /// The elements of a list.
    pub(super) fn list(&self, key: &str) -> &'d [Node] {
        match self.node(key).map(|node| &node.value) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// The texts of a list, as written or by default.
    pub(super) fn words(&self, key: &str) -> Vec<String> {
        let texts = |value: &Value| match value {
            Value::List(list) => {
                Some(list.iter().filter_map(|item| item.as_text().map(String::from)).collect())
            }
            _ => None,
        };
        self.read(key, texts).unwrap_or_default()
    }
}

/// A table that is not there.
pub(super) static EMPTY: Table = Table { entries: Vec::new() };

/// The variant that a value names, and its table; the word alone stands for a table without keys.
pub(super) fn tagged<'d>(node: &'d Node, spec: &'static grammar::Tagged) -> Option<(&'static str, View<'d>)> {
    let (word, table) = match &node.value {
        Value::Text(word) if spec.word_alone => (word.as_str(), &EMPTY),
        Value::Table(table) => match table.get(spec.tag) {
            Some(tag) => (tag.as_text()?, table),
            None => (spec.default?, table),
        },
        _ => return None,
    };
    let variant = spec.variant(word)?;
    Some((variant.word, View { table, spec: &variant.table, place: node.place }))
}

/// A default as the grammar writes it.
fn default_value(text: &'static str) -> Value {
    if let Some(inner) = text.strip_prefix('"') {
        return Value::Text(String::from(inner.trim_end_matches('"')));
    }
    if let Ok(number) = text.parse() {
        return Value::Integer(number);
    }
    if let Ok(number) = text.parse() {
        return Value::Float(number);
    }
    let (table, _) = parse_table(&format!("v = {text}"), Origin::File, 0);
    table.get("v").map_or(Value::Flag(false), |node| node.value.clone())
}

/// Seconds of a duration.
pub(super) fn secs(value: &Value) -> Option<f64> {
    if let Value::Text(text) = value { quantity::parse_duration(text).ok() } else { None }
}

/// Per second of a rate.
pub(super) fn rate(value: &Value) -> Option<f64> {
    if let Value::Text(text) = value { quantity::parse_rate(text).ok() } else { None }
}

/// A plain finite number.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) if number.is_finite() => Some(*number),
        _ => None,
    }
}

/// A share in [0, 1], as a number or a percentage.
pub(super) fn share(value: &Value) -> Option<f64> {
    let share = match value {
        Value::Text(text) => quantity::parse_percent(text).ok(),
        other => number(other),
    };
    share.filter(|share| (0.0..=1.0).contains(share))
}
