//! Values addressed by paths such as `pool.generation.slots`.

use super::*;

/// A path that leads nowhere.
pub(super) struct Stray {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Puts a value at a path. Missing tables on the way are made; named entries and list elements are not.
pub(super) fn set(root: &mut Table, path: &str, new: Node) -> Result<(), Stray> {
    match split_path(path) {
        Some(keys) => set_in_table(root, &keys, 0, new),
        None => Err(Stray {
            message: format!("`{path}` is not a path"),
            hint: Some(String::from("a path is keys joined by points, such as pool.main.slots")),
        }),
    }
}

pub(super) fn set_in_table(table: &mut Table, keys: &[String], depth: usize, new: Node) -> Result<(), Stray> {
    let key = &keys[depth];
    if let Some(node) = table.get_mut(key) {
        return set_in_node(node, keys, depth + 1, new);
    }
    // The entries of a top-level table of names (pools, classes) must exist: a new one would be a misspelt one.
    if depth == 1 && crate::model::grammar::holds_names(&keys[0]) {
        let known: Vec<&str> = table.entries.iter().map(|entry| entry.key.as_str()).collect();
        return Err(unknown_name(&known, key, &keys[..depth]));
    }
    let place = new.place;
    let mut node = Node { value: Value::Table(Table::default()), place };
    set_in_node(&mut node, keys, depth + 1, new)?;
    table.entries.push(Entry { key: key.clone(), place, node });
    Ok(())
}

pub(super) fn set_in_node(node: &mut Node, keys: &[String], depth: usize, new: Node) -> Result<(), Stray> {
    if depth == keys.len() {
        *node = new;
        return Ok(());
    }
    match &mut node.value {
        Value::Table(table) => set_in_table(table, keys, depth, new),
        Value::List(list) => {
            match list.iter().enumerate().position(|(index, item)| element_is(index, item, &keys[depth])) {
                Some(index) => set_in_node(&mut list[index], keys, depth + 1, new),
                None => {
                    let names: Vec<String> =
                        list.iter().enumerate().map(|(i, item)| element_name(i, item)).collect();
                    let known: Vec<&str> = names.iter().map(String::as_str).collect();
                    Err(unknown_name(&known, &keys[depth], &keys[..depth]))
                }
            }
        }
        other => Err(Stray {
            message: format!("`{}` is {}, not a table", keys[..depth].join("."), other.describe()),
            hint: Some(String::from("set it as a whole, or write it as a table in the file")),
        }),
    }
}

pub(super) fn unknown_name(known: &[&str], key: &str, above: &[String]) -> Stray {
    Stray {
        message: format!("there is no `{key}` in `{}`", above.join(".")),
        hint: Some(suggestion(key, known)),
    }
}

pub(super) fn element_name(index: usize, node: &Node) -> String {
    node.as_table().and_then(|table| table.text("name")).map_or_else(|| index.to_string(), String::from)
}

pub(super) fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Table(table) => table.get(key),
        Value::List(list) => {
            list.iter().enumerate().find(|(index, item)| element_is(*index, item, key)).map(|(_, item)| item)
        }
        _ => None,
    }
}

pub(super) fn element_is(index: usize, node: &Node, key: &str) -> bool {
    element_name(index, node) == key || index.to_string() == key
}

/// Splits a path at points outside quotes.
pub(super) fn split_path(path: &str) -> Option<Vec<String>> {
    let mut keys = vec![String::new()];
    let mut quoted = false;
    for c in path.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => keys.push(String::new()),
            _ => keys.last_mut()?.push(c),
        }
    }
    (!quoted && keys.iter().all(|key| !key.is_empty())).then_some(keys)
}
