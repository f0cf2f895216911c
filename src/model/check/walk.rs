//! The walk through a document with the grammar in hand: unknown keys, kinds, units, bounds, names, contradictions.

use super::super::document::{Node, Place, Table, Value};
use super::super::grammar::{self, Forms, Kind, Names, Tagged};
use super::super::nearest::{known_words, nearest, suggestion};
use super::faults::Faults;
use super::names::Declared;
use super::words::{belongs_inside, describe, example_of, pick, plain, titled};
use crate::quantity::{self, QuantityError};

/// The walk; without declared names, references are not looked up.
pub(super) struct Walk<'w, 'd> {
    pub(super) faults: &'w mut Faults<'d>,
    pub(super) declared: Option<&'w Declared<'w>>,
}

/// The key whose value is walked, for messages.
#[derive(Clone, Copy)]
pub(super) struct Field<'k> {
    pub(super) name: &'k str,
    pub(super) example: &'static str,
}

impl Field<'_> {
    fn hint(&self) -> String {
        if self.example.is_empty() {
            String::new()
        } else {
            format!("for example: {} = {}", self.name, self.example)
        }
    }
}

impl Walk<'_, '_> {
    /// A table against its keys; `tag` is a key that was dealt with before.
    pub(super) fn table(
        &mut self,
        table: &Table,
        spec: &'static grammar::Table,
        tag: Option<&str>,
        place: Place,
    ) {
        for entry in &table.entries {
            match spec.key(&entry.key) {
                Some(key) => {
                    self.kind(&entry.node, &key.kind, Field { name: key.name, example: key.example })
                }
                None if tag == Some(entry.key.as_str()) => {}
                None => self.unknown_key(&entry.key, entry.place, spec, tag),
            }
        }
        for key in spec.keys.iter().filter(|key| key.required && table.get(key.name).is_none()) {
            let message = format!("`{}` is missing", key.name);
            let hint = format!("for example: {} = {}", key.name, key.example);
            self.faults.add(place, message, format!("{} needs it", titled(spec, tag)), hint);
        }
        for forms in spec.forms {
            self.forms(table, &titled(spec, tag), forms, place);
        }
    }

    fn unknown_key(&mut self, key: &str, place: Place, spec: &grammar::Table, tag: Option<&str>) {
        let known: Vec<&str> = spec.keys.iter().map(|key| key.name).chain(tag).collect();
        let hint = match nearest(key, &known) {
            Some(word) => format!("did you mean `{word}`?"),
            None => belongs_inside(key, spec).unwrap_or_else(|| known_words(&known)),
        };
        self.faults.add(
            place,
            format!("unknown key `{key}`"),
            format!("{} has no such key", titled(spec, tag)),
            hint,
        );
    }

    /// Keys that say the same thing in different ways.
    fn forms(&mut self, table: &Table, title: &str, forms: &Forms, place: Place) {
        let written: Vec<_> = table
            .entries
            .iter()
            .filter_map(|entry| {
                let set = forms.sets.iter().position(|set| set.contains(&entry.key.as_str()))?;
                Some((set, entry))
            })
            .collect();
        let spelled =
            |set: &[&str]| set.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
        let all = || forms.sets.iter().map(|set| spelled(set)).collect::<Vec<_>>().join(", or ");
        let Some((first, one)) = written.first() else {
            if forms.required {
                let message = format!("{title} does not say enough");
                self.faults.add(place, message, "something is missing here", format!("give {}", all()));
            }
            return;
        };
        if let Some((_, other)) = written.iter().find(|(set, _)| set != first) {
            let message = format!("`{}` and `{}` contradict each other", one.key, other.key);
            self.faults.add(
                other.place,
                message,
                "only one of the two may be given",
                format!("give {}", all()),
            );
            self.faults.relate(one.place, "the other one is here");
            return;
        }
        for missing in forms.sets[*first].iter().filter(|key| table.get(key).is_none()) {
            let message = format!("`{}` is missing", missing);
            self.faults.add(place, message, format!("`{}` needs it", one.key), format!("give {}", all()));
        }
    }

    /// A value against its kind.
    pub(super) fn kind(&mut self, node: &Node, kind: &'static Kind, field: Field<'_>) {
        match (kind, &node.value) {
            (Kind::Text, Value::Text(text)) if !text.trim().is_empty() => {}
            (Kind::Text, Value::Text(_)) => {
                self.faults.add(
                    node.place,
                    format!("`{}` is empty", field.name),
                    "nothing is written here",
                    field.hint(),
                );
            }
            (Kind::Any, _) => {}
            (Kind::Flag, Value::Flag(_)) => {}
            (Kind::Whole { min, max }, Value::Integer(number)) => {
                self.whole(node, *number, *min, *max, field)
            }
            (Kind::Number { min, max, open }, Value::Integer(_) | Value::Float(_)) => {
                self.number(node, *min, *max, *open, field);
            }
            (Kind::Duration { zero }, Value::Text(text)) => {
                self.quantity(node, quantity::parse_duration(text), *zero, field, "a duration");
            }
            (Kind::Duration { .. }, Value::Integer(_) | Value::Float(_)) => self.bare(node, field),
            (Kind::Rate { zero }, Value::Text(text)) => {
                self.quantity(node, quantity::parse_rate(text), *zero, field, "a rate");
            }
            (Kind::Rate { .. }, Value::Integer(_) | Value::Float(_)) => self.bare_rate(node, field),
            (Kind::Share, Value::Integer(_) | Value::Float(_) | Value::Text(_)) => self.share(node, field),
            (Kind::Word(choices), Value::Text(word)) => {
                let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
                self.word(node, word, &words, field);
            }
            (Kind::Reference(names), Value::Text(name)) => self.reference(node, name, *names),
            (Kind::Either(kinds), value) => match pick(kinds, value) {
                Some(one) => self.kind(node, one, field),
                None => self.mismatch(node, kind, field),
            },
            (Kind::List { of, least }, Value::List(list)) => self.list(node, list, of, *least, field),
            (Kind::Pair(kinds), Value::List(list)) if list.len() == 2 => {
                for (item, kind) in list.iter().zip(kinds.iter()) {
                    self.kind(item, kind, field);
                }
            }
            (Kind::Table(spec), Value::Table(table)) => self.table(table, spec, None, node.place),
            (Kind::Tagged(spec), Value::Table(table)) => self.tagged(node, table, spec),
            (Kind::Tagged(spec), Value::Text(word)) if spec.word_alone => {
                self.tagged_word(node, word, spec, field)
            }
            (Kind::Map { names, of }, Value::Table(table)) => self.map(node, table, *names, of, field),
            (Kind::Named(spec), Value::Table(table)) => self.named(table, spec, field),
            (Kind::Tables(of), Value::List(list)) => {
                for item in list {
                    self.kind(item, of, field);
                }
            }
            _ => self.mismatch(node, kind, field),
        }
    }

    fn mismatch(&mut self, node: &Node, kind: &Kind, field: Field<'_>) {
        let message = format!("`{}` must be {}", field.name, describe(kind));
        let label = format!("this is {}", node.value.describe());
        // `[phase]` for `[[phase]]` is the commonest of these.
        let hint = match kind {
            Kind::Tables(_) => format!("write [[{}]] with two brackets: there may be several", field.name),
            Kind::Named(_) => format!("write a table for each, such as [{}.main]", field.name),
            _ => field.hint(),
        };
        self.faults.add(node.place, message, label, hint);
    }

    fn whole(&mut self, node: &Node, number: i128, min: u64, max: u64, field: Field<'_>) {
        if number < i128::from(min) {
            let message = format!("`{}` must be at least {min}", field.name);
            self.faults.add(node.place, message, "too small", field.hint());
        } else if number > i128::from(max) {
            let message = format!("`{}` can be at most {max}", field.name);
            self.faults.add(node.place, message, "too large", field.hint());
        }
    }

    fn number(&mut self, node: &Node, min: f64, max: f64, open: bool, field: Field<'_>) {
        let value = match node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => return,
        };
        if !value.is_finite() {
            let message = format!("`{}` must be a finite number", field.name);
            self.faults.add(node.place, message, "this is no number to count with", field.hint());
        } else if value < min || (open && value <= min) {
            let bound = if open { "above" } else { "at least" };
            let message = format!("`{}` must be {bound} {min}", field.name);
            self.faults.add(node.place, message, "too small", field.hint());
        } else if value > max {
            self.faults.add(
                node.place,
                format!("`{}` can be at most {max}", field.name),
                "too large",
                field.hint(),
            );
        }
    }

    fn quantity(
        &mut self,
        node: &Node,
        read: Result<f64, QuantityError>,
        zero: bool,
        field: Field<'_>,
        what: &str,
    ) {
        match read {
            Err(error) => {
                self.faults.add(node.place, error.message, format!("`{}` is {what}", field.name), error.hint)
            }
            Ok(value) if value <= 0.0 && !zero => {
                let message = format!("`{}` must be more than nothing", field.name);
                self.faults.add(node.place, message, "this is nothing", field.hint());
            }
            Ok(_) => {}
        }
    }

    /// A number without a unit where a duration is expected.
    fn bare(&mut self, node: &Node, field: Field<'_>) {
        let number = plain(&node.value);
        let hint = match number.starts_with('-') {
            true => String::from(quantity::DURATION_HINT),
            false => format!("write \"{number}s\" for seconds or \"{number}ms\" for milliseconds"),
        };
        self.faults.add(node.place, format!("`{}` has no unit", field.name), "a duration needs a unit", hint);
    }

    fn bare_rate(&mut self, node: &Node, field: Field<'_>) {
        let number = plain(&node.value);
        let hint = match number.starts_with('-') {
            true => String::from(quantity::RATE_HINT),
            false => format!("write \"{number}/s\" for so many per second"),
        };
        self.faults.add(
            node.place,
            format!("`{}` has no unit", field.name),
            "a rate needs a unit of time",
            hint,
        );
    }

    fn share(&mut self, node: &Node, field: Field<'_>) {
        if super::view::share(&node.value).is_some() {
            return;
        }
        let message = format!("`{}` must be a share between 0 and 1", field.name);
        let hint = match &node.value {
            Value::Integer(number) if (2..=100).contains(number) => {
                format!("write \"{number}%\" for percent")
            }
            _ => String::from(quantity::SHARE_HINT),
        };
        self.faults.add(node.place, message, "not a share", hint);
    }

    fn word(&mut self, node: &Node, word: &str, words: &[&str], field: Field<'_>) {
        if !words.contains(&word) {
            let message = format!("`{word}` is not a word that `{}` knows", field.name);
            let hint = match nearest(word, words) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => known_words(words),
            };
            self.faults.add(node.place, message, "unknown word", hint);
        }
    }

    fn reference(&mut self, node: &Node, name: &str, names: Names) {
        let Some(declared) = self.declared else { return };
        if declared.has(names, name) {
            return;
        }
        let what = match names {
            Names::Class => "class",
            Names::Pool => "pool",
            Names::Route => "route",
            Names::Host => "host",
            Names::Phase => "phase",
            Names::Client => "client",
            Names::Metric => "metric",
            Names::PoolPreset | Names::ClientPreset => "preset",
        };
        let elsewhere = match names {
            Names::Pool if declared.has(Names::Route, name) => {
                Some("a route has this name: write `route` for `pool`")
            }
            Names::Route if declared.has(Names::Pool, name) => {
                Some("a pool has this name: write `pool` for `route`")
            }
            _ => None,
        };
        let hint = elsewhere.map_or_else(|| suggestion(name, &declared.known(names)), String::from);
        self.faults.add(node.place, format!("there is no {what} `{name}`"), format!("unknown {what}"), hint);
    }

    fn list(&mut self, node: &Node, list: &[Node], of: &'static Kind, least: usize, field: Field<'_>) {
        if list.len() < least {
            let message = format!("`{}` is too short", field.name);
            let label = format!("at least {least} {} needed", if least == 1 { "is" } else { "are" });
            self.faults.add(node.place, message, label, field.hint());
        }
        for item in list {
            self.kind(item, of, field);
        }
    }

    fn tagged(&mut self, node: &Node, table: &Table, spec: &'static Tagged) {
        let words = spec.words();
        let word = match table.get(spec.tag) {
            None => spec.default,
            Some(Node { value: Value::Text(word), .. }) => Some(word.as_str()),
            Some(other) => {
                let message = format!("`{}` must be a word", spec.tag);
                self.faults.add(
                    other.place,
                    message,
                    format!("this is {}", other.value.describe()),
                    known_words(&words),
                );
                return;
            }
        };
        let Some(word) = word else {
            let hint = known_words(&words);
            self.faults.add(
                node.place,
                format!("`{}` is missing", spec.tag),
                format!("{} needs it", spec.title),
                hint,
            );
            return;
        };
        match spec.variant(word) {
            Some(variant) => self.table(table, &variant.table, Some(spec.tag), node.place),
            None => {
                let place = table.get(spec.tag).map_or(node.place, |tag| tag.place);
                self.word_at(place, word, &words, spec);
            }
        }
    }

    fn word_at(&mut self, place: Place, word: &str, words: &[&str], spec: &Tagged) {
        let message = format!("`{word}` is not {}", spec.title);
        let hint = match nearest(word, words) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => known_words(words),
        };
        self.faults.add(place, message, "unknown word", hint);
    }

    /// A word that stands for a table without keys.
    fn tagged_word(&mut self, node: &Node, word: &str, spec: &'static Tagged, field: Field<'_>) {
        let Some(variant) = spec.variant(word) else {
            self.word_at(node.place, word, &spec.words(), spec);
            return;
        };
        for key in variant.table.keys.iter().filter(|key| key.required) {
            let hint = format!(
                "write {} = {{ {} = \"{word}\", {} = {} }}",
                field.name, spec.tag, key.name, key.example
            );
            self.faults.add(
                node.place,
                format!("`{}` is missing", key.name),
                format!("\"{word}\" needs it"),
                hint,
            );
        }
    }

    fn map(&mut self, node: &Node, table: &Table, names: Option<Names>, of: &'static Kind, field: Field<'_>) {
        if table.entries.is_empty() {
            self.faults.add(
                node.place,
                format!("`{}` is empty", field.name),
                "nothing is written here",
                field.hint(),
            );
        }
        for entry in &table.entries {
            if let Some(names) = names {
                let name = Node { value: Value::Text(entry.key.clone()), place: entry.place };
                self.reference(&name, &entry.key, names);
            }
            self.kind(&entry.node, of, Field { name: &entry.key, example: example_of(of) });
        }
    }

    fn named(&mut self, table: &Table, spec: &'static grammar::Table, field: Field<'_>) {
        for entry in &table.entries {
            if entry.key.trim().is_empty() {
                self.faults.add(
                    entry.place,
                    "a name is empty",
                    "nothing is written here",
                    "put a name between the quotes",
                );
            }
            match &entry.node.value {
                Value::Table(inner) => self.table(inner, spec, None, entry.node.place),
                // `[pool] slots = 6` instead of `[pool.main] slots = 6`.
                _ if spec.key(&entry.key).is_some() => {
                    let label = format!("`{}` is a key of {}, not its name", entry.key, spec.title);
                    let hint = format!("write a header with a name, such as [{}.main]", field.name);
                    self.faults.add(entry.place, format!("{} needs a name", spec.title), label, hint);
                }
                other => {
                    let message = format!("`{}` must be {}, as a table", entry.key, spec.title);
                    let hint = format!("write a header [{}.{}], with its keys below", field.name, entry.key);
                    self.faults.add(entry.node.place, message, format!("this is {}", other.describe()), hint);
                }
            }
        }
    }
}
