//! What kinds and tables are called in messages, and which kind a value is meant for.

use super::super::document::Value;
use super::super::grammar::{self, Kind};

/// What a table is; variants are known by their word.
pub(super) fn titled(spec: &grammar::Table, tag: Option<&str>) -> String {
    if tag.is_some() { format!("\"{}\"", spec.title) } else { String::from(spec.title) }
}

/// A number as a person would write it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Where an unknown key would be known: inside one of the table's tables.
pub(super) fn belongs_inside(key: &str, spec: &grammar::Table) -> Option<String> {
    spec.keys.iter().find_map(|outer| match outer.kind {
        Kind::Table(inner) if inner.key(key).is_some() => {
            Some(format!("`{key}` belongs inside `{}`", outer.name))
        }
        _ => None,
    })
}

/// The kind among several that a value is meant for.
pub(super) fn pick(kinds: &'static [Kind], value: &Value) -> Option<&'static Kind> {
    let fits = |kind: &&Kind| match (kind, value) {
        (Kind::Word(choices), Value::Text(word)) => choices.iter().any(|choice| choice.word == word),
        (Kind::Share, Value::Text(text)) => text.trim_end().ends_with('%'),
        (Kind::Rate { .. }, Value::Text(text)) => text.contains('/'),
        (Kind::Duration { .. } | Kind::Text | Kind::Reference(_), Value::Text(_)) => true,
        (Kind::Whole { .. }, Value::Integer(_)) => true,
        (Kind::Number { .. } | Kind::Share, Value::Integer(_) | Value::Float(_)) => true,
        (Kind::List { .. } | Kind::Pair(_), Value::List(_)) => true,
        (Kind::Table(_) | Kind::Tagged(_) | Kind::Map { .. }, Value::Table(_)) => true,
        _ => false,
    };
    // Narrow kinds of text come before the wide ones, whatever their order in the grammar.
    let text = matches!(value, Value::Text(_));
    let narrow = |kind: &&Kind| text && matches!(kind, Kind::Word(_) | Kind::Share | Kind::Rate { .. });
    let found = kinds.iter().filter(narrow).find(fits).or_else(|| kinds.iter().find(fits));
    let bare = matches!(value, Value::Integer(_) | Value::Float(_));
    found.or_else(|| kinds.iter().find(|kind| bare && matches!(kind, Kind::Duration { .. })))
}

/// A value of the kind of a map's entries.
pub(super) fn example_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Duration { .. } => "\"30ms\"",
        Kind::Whole { .. } => "2",
        _ => "0.5",
    }
}

/// What a kind is, for messages.
pub(super) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Any => "any value".into(),
        Kind::Text => "a text".into(),
        Kind::Flag => "true or false".into(),
        Kind::Whole { .. } => "a whole number".into(),
        Kind::Number { .. } => "a number".into(),
        Kind::Duration { .. } => "a duration such as \"90s\"".into(),
        Kind::Rate { .. } => "a rate such as \"12/s\"".into(),
        Kind::Share => "a share such as 0.05 or \"5%\"".into(),
        Kind::Word(choices) if choices.len() == 1 => format!("\"{}\"", choices[0].word),
        Kind::Word(_) => "one of a few words".into(),
        Kind::Reference(_) => "a name".into(),
        Kind::Either(kinds) => kinds.iter().map(describe).collect::<Vec<_>>().join(" or "),
        Kind::List { .. } => "a list".into(),
        Kind::Pair(kinds) => format!("a list of {} and {}", describe(&kinds[0]), describe(&kinds[1])),
        Kind::Table(spec) => format!("a table ({})", spec.title),
        Kind::Tagged(spec) if spec.word_alone => format!("a word or a table ({})", spec.title),
        Kind::Tagged(spec) => format!("a table ({})", spec.title),
        Kind::Map { .. } => "a table".into(),
        Kind::Named(_) => "a table of named tables".into(),
        Kind::Tables(_) => "a list of tables".into(),
    }
}
