//! The grammar as JSON Schema (draft 7, which editors know), so that they complete and check model files.

use super::super::document::{Origin, Value as Toml, parse_table};
use super::super::{metrics, presets};
use super::*;
use serde_json::{Map as Object, Value, json};

/// A duration: `90s`, `2m30s`.
const DURATION_PATTERN: &str = r"^\s*([0-9][0-9_]*(\.[0-9_]+)?\s*(ns|us|ms|s|m|h|d)\s*)+$";
/// A rate: `12/s`, `300/min`.
const RATE_PATTERN: &str = r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*[kM]?\s*/\s*(s|sec|m|min|h|d)\s*$";
/// A percentage: `5%`.
const PERCENT_PATTERN: &str = r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*%\s*$";

/// The JSON Schema of model files, generated from the grammar.
pub fn schema() -> Value {
    titled(&ROOT, "poolsim model")
}

/// The JSON Schema of experiment files.
pub fn experiment_schema() -> Value {
    titled(&EXPERIMENT, "poolsim experiment")
}

fn titled(file: &'static Table, title: &str) -> Value {
    let mut definitions = Object::new();
    let mut root = table(file, &mut definitions);
    // Editors let a file name its schema under this key as a comment only, so it is no key of the grammar.
    let fields = root.as_object_mut().expect("a table's schema is an object");
    fields.insert(String::from("$schema"), json!("http://json-schema.org/draft-07/schema#"));
    fields.insert(String::from("title"), json!(title));
    fields.insert(String::from("definitions"), Value::Object(definitions));
    root
}

/// The schema of a table, in place.
fn table(one: &'static Table, definitions: &mut Object<String, Value>) -> Value {
    let mut value = json!({ "type": "object", "description": one.doc, "additionalProperties": false });
    let mut properties = Object::new();
    for key in one.keys {
        properties.insert(key.name.into(), property(key, definitions));
    }
    value["properties"] = Value::Object(properties);
    let required: Vec<&str> = one.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    let rules: Vec<Value> = one.forms.iter().map(forms).collect();
    if !rules.is_empty() {
        value["allOf"] = json!(rules);
    }
    value
}

/// "One of these sets of keys", or "not two of them".
fn forms(one: &Forms) -> Value {
    let mut branches: Vec<Value> = one.sets.iter().map(|set| json!({ "required": set })).collect();
    if !one.required {
        let any: Vec<Value> =
            one.sets.iter().flat_map(|set| set.iter()).map(|key| json!({ "required": [key] })).collect();
        branches.push(json!({ "not": { "anyOf": any } }));
    }
    json!({ "oneOf": branches })
}

fn property(key: &'static Key, definitions: &mut Object<String, Value>) -> Value {
    let shape = kind(&key.kind, definitions);
    // Draft 7 ignores what stands beside a reference, so the reference is wrapped.
    let mut value = if shape.get("$ref").is_some() { json!({ "allOf": [shape] }) } else { shape };
    value["description"] = json!(key.doc);
    if let Some(default) = key.default.and_then(as_json) {
        value["default"] = default;
    }
    if let Some(example) = as_json(key.example) {
        value["examples"] = json!([example]);
    }
    value
}

fn kind(one: &'static Kind, definitions: &mut Object<String, Value>) -> Value {
    match one {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Any => json!({}),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number { min, max, open } => number(*min, *max, *open),
        Kind::Duration { .. } => json!({ "type": "string", "pattern": DURATION_PATTERN }),
        Kind::Rate { .. } => json!({ "type": "string", "pattern": RATE_PATTERN }),
        Kind::Share => json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": PERCENT_PATTERN },
        ] }),
        Kind::Word(choices) => words(choices.iter().map(|choice| (choice.word, choice.doc))),
        Kind::Reference(names) => reference(*names),
        Kind::Either(kinds) => {
            let branches: Vec<Value> = kinds.iter().map(|one| kind(one, definitions)).collect();
            json!({ "anyOf": branches })
        }
        Kind::List { of, least } => {
            json!({ "type": "array", "minItems": least, "items": kind(of, definitions) })
        }
        Kind::Pair(kinds) => {
            let items: Vec<Value> = kinds.iter().map(|one| kind(one, definitions)).collect();
            json!({ "type": "array", "minItems": 2, "maxItems": 2, "items": items })
        }
        Kind::Table(inner) => define(inner.title, definitions, |definitions| table(inner, definitions)),
        Kind::Tagged(inner) => define(inner.title, definitions, |definitions| tagged(inner, definitions)),
        Kind::Map { of, .. } => json!({ "type": "object", "additionalProperties": kind(of, definitions) }),
        Kind::Named(inner) => {
            let entry = define(inner.title, definitions, |definitions| table(inner, definitions));
            json!({ "type": "object", "additionalProperties": entry })
        }
        Kind::Tables(of) => json!({ "type": "array", "items": kind(of, definitions) }),
    }
}

fn number(min: f64, max: f64, open: bool) -> Value {
    let mut value = json!({ "type": "number" });
    value[if open { "exclusiveMinimum" } else { "minimum" }] = json!(min);
    if max < f64::MAX {
        value["maximum"] = json!(max);
    }
    value
}

fn words(choices: impl Iterator<Item = (&'static str, &'static str)>) -> Value {
    let branches: Vec<Value> =
        choices.map(|(word, doc)| json!({ "const": word, "description": doc })).collect();
    json!({ "type": "string", "oneOf": branches })
}

fn reference(names: Names) -> Value {
    match names {
        Names::Metric => {
            words(metrics::all().iter().map(|metric| (metric.name.as_str(), metric.doc.as_str())))
        }
        Names::PoolPreset => words(presets::POOLS.iter().map(|preset| (preset.name, preset.doc))),
        Names::ClientPreset => words(presets::CLIENTS.iter().map(|preset| (preset.name, preset.doc))),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}

fn tagged(one: &'static Tagged, definitions: &mut Object<String, Value>) -> Value {
    let mut branches = Vec::new();
    if one.word_alone {
        let alone = |table: &Table| table.keys.iter().all(|key| !key.required);
        let variants = one.variants.iter().filter(|variant| alone(&variant.table));
        branches.push(words(variants.map(|variant| (variant.word, variant.table.doc))));
    }
    for variant in one.variants {
        let mut value = table(&variant.table, definitions);
        value["properties"][one.tag] = json!({ "const": variant.word, "description": variant.table.doc });
        if one.default != Some(variant.word) {
            let mut required = vec![json!(one.tag)];
            required.extend(value["required"].as_array().cloned().unwrap_or_default());
            value["required"] = Value::Array(required);
        }
        branches.push(value);
    }
    json!({ "description": one.doc, "anyOf": branches })
}

/// A reference to a definition, made on first use. The place is taken before the content is built, because a
/// mixture holds distributions.
fn define(
    title: &str,
    definitions: &mut Object<String, Value>,
    build: impl FnOnce(&mut Object<String, Value>) -> Value,
) -> Value {
    let name = title
        .trim_start_matches("a ")
        .trim_start_matches("an ")
        .trim_start_matches("the ")
        .replace([' ', '\''], "_");
    if !definitions.contains_key(&name) {
        definitions.insert(name.clone(), Value::Null);
        let content = build(definitions);
        definitions.insert(name.clone(), content);
    }
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// A TOML value as JSON.
fn as_json(text: &str) -> Option<Value> {
    fn convert(value: &Toml) -> Value {
        match value {
            Toml::Text(text) | Toml::Date(text) => json!(text),
            Toml::Integer(number) => json!(*number as i64),
            Toml::Float(number) => json!(number),
            Toml::Flag(flag) => json!(flag),
            Toml::List(list) => list.iter().map(|item| convert(&item.value)).collect(),
            Toml::Table(table) => {
                table.entries.iter().map(|entry| (entry.key.clone(), convert(&entry.node.value))).collect()
            }
        }
    }
    let (table, _) = parse_table(&format!("v = {text}"), Origin::File, 0);
    table.get("v").map(|node| convert(&node.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_is_described_and_every_reference_resolves() {
        fn visit(value: &Value, schema: &Value, seen: &mut usize) {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                let name = target.trim_start_matches("#/definitions/");
                assert!(schema["definitions"][name].is_object(), "{target}");
            }
            if let Some(properties) = value.get("properties").and_then(Value::as_object) {
                for (name, property) in properties {
                    *seen += 1;
                    assert!(property["description"].is_string(), "{name}");
                }
            }
            match value {
                Value::Object(fields) => fields.values().for_each(|one| visit(one, schema, seen)),
                Value::Array(items) => items.iter().for_each(|one| visit(one, schema, seen)),
                _ => {}
            }
        }
        let schema = schema();
        let mut seen = 0;
        visit(&schema, &schema, &mut seen);
        assert!(seen > 150, "{seen}");
    }

    #[test]
    fn defaults_and_examples_are_shown() {
        let pool = &schema()["definitions"]["pool"];
        assert_eq!(pool["properties"]["instances"]["default"], json!(1));
        assert_eq!(pool["properties"]["slots"]["examples"], json!([6]));
        assert_eq!(pool["required"], json!(["slots"]));
    }
}
