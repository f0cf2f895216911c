//! JSON for people who read diffs: what is long is broken into lines, what belongs together stays on one.

use serde_json::Value;

/// The document as text with a line feed at its end.
pub(super) fn lines(value: &Value) -> String {
    let mut text = String::new();
    put(value, 0, &mut text);
    text.push('\n');
    text
}

/// A list of numbers, or a table of words, numbers and such lists, is one line.
fn is_flat(value: &Value) -> bool {
    let plain = |value: &Value| !value.is_array() && !value.is_object();
    let numbers = |value: &Value| match value {
        Value::Array(list) => list.iter().all(|one| one.is_number() || one.is_null()),
        other => plain(other),
    };
    match value {
        Value::Object(map) => map.values().all(numbers),
        list @ Value::Array(_) => numbers(list),
        _ => true,
    }
}

fn put(value: &Value, depth: usize, text: &mut String) {
    let indent = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&" ".repeat(depth));
    };
    match value {
        Value::Object(map) if depth == 0 || !is_flat(value) => {
            text.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                indent(text, depth + 1);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push_str(": ");
                put(value, depth + 1, text);
            }
            indent(text, depth);
            text.push('}');
        }
        Value::Array(list) if !list.is_empty() && !is_flat(value) => {
            text.push('[');
            for (index, value) in list.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                indent(text, depth + 1);
                put(value, depth + 1, text);
            }
            indent(text, depth);
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_thing() {
        let value: Value = serde_json::from_str(
            r#"{"b": [{"n": "x", "v": [1, 2.5, null]}, {"n": "y", "v": []}], "a": 1, "lines": ["p", "q"]}"#,
        )
        .unwrap();
        let text = lines(&value);
        let expected = "{\n \"b\": [\n  {\"n\":\"x\",\"v\":[1,2.5,null]},\n  {\"n\":\"y\",\"v\":[]}\n ],\n \"a\": 1,\n \
                        \"lines\": [\n  \"p\",\n  \"q\"\n ]\n}\n";
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
