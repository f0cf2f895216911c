//! What a file declares, by kind: classes, pools, hosts, phases.

use super::super::document::{Table, Value};
use super::super::grammar::Names;
use super::super::{metrics, presets};

/// Declared names, in the order of the file: a name's index here is its index in the model.
pub(super) struct Declared<'d> {
    pub(super) classes: Vec<&'d str>,
    pub(super) pools: Vec<&'d str>,
    pub(super) routes: Vec<&'d str>,
    pub(super) hosts: Vec<&'d str>,
    pub(super) clients: Vec<&'d str>,
    pub(super) phases: Vec<&'d str>,
}

impl<'d> Declared<'d> {
    pub(super) fn of(root: &'d Table) -> Declared<'d> {
        Declared {
            classes: tables(root, "class"),
            pools: tables(root, "pool"),
            routes: tables(root, "route"),
            hosts: tables(root, "host"),
            clients: tables(root, "client"),
            phases: phases(root),
        }
    }

    /// All words that may stand where such a name is expected.
    pub(super) fn known(&self, names: Names) -> Vec<&'d str> {
        match names {
            Names::Class => self.classes.clone(),
            Names::Pool => self.pools.clone(),
            Names::Route => self.routes.clone(),
            Names::Host => self.hosts.clone(),
            Names::Client => self.clients.clone(),
            Names::Phase => self.phases.clone(),
            Names::Metric => metrics::all().iter().map(|metric| metric.name.as_str()).collect(),
            Names::PoolPreset => presets::POOLS.iter().map(|preset| preset.name).collect(),
            Names::ClientPreset => presets::CLIENTS.iter().map(|preset| preset.name).collect(),
        }
    }

    /// Whether the name is declared.
    pub(super) fn has(&self, names: Names, name: &str) -> bool {
        match names {
            Names::Metric => metrics::find(name).is_some(),
            _ => self.known(names).contains(&name),
        }
    }

    pub(super) fn class(&self, name: &str) -> Option<usize> {
        index(&self.classes, name)
    }

    pub(super) fn pool(&self, name: &str) -> Option<usize> {
        index(&self.pools, name)
    }

    pub(super) fn route(&self, name: &str) -> Option<usize> {
        index(&self.routes, name)
    }

    pub(super) fn host(&self, name: &str) -> Option<usize> {
        index(&self.hosts, name)
    }
}

fn index(list: &[&str], name: &str) -> Option<usize> {
    list.iter().position(|one| *one == name)
}

/// The names of tables below a key. Entries that are no tables are left out here and by the builders alike.
fn tables<'d>(root: &'d Table, key: &str) -> Vec<&'d str> {
    let Some(named) = root.table(key) else { return Vec::new() };
    named
        .entries
        .iter()
        .filter(|entry| entry.node.as_table().is_some())
        .map(|entry| entry.key.as_str())
        .collect()
}

fn phases(root: &Table) -> Vec<&str> {
    match root.get("phase").map(|node| &node.value) {
        Some(Value::List(list)) => {
            list.iter().filter_map(|item| item.as_table()?.get("name")?.as_text()).collect()
        }
        _ => Vec::new(),
    }
}
