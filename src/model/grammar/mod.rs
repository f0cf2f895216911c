//! The grammar of model files, declared as data.
//!
//! One source for four uses: the check of keys and kinds (`check::walk`), the hints, the defaults that the check
//! reads, and the JSON Schema ([`schema`]). What a table cannot say about itself (two keys that depend on each
//! other's values) is said in `check`.

mod client;
mod distribution;
mod exact;
mod experiment;
mod fleet;
mod load;
mod pool;
mod root;
mod schema;
mod target;

pub use schema::{experiment_schema, schema};

pub(super) use client::{BREAKER, BUDGET, CLIENT, CLIENT_RETRY, HEDGE};
pub(super) use distribution::{DIST, DISTRIBUTION, EMPIRICAL_COLUMN};
pub(super) use exact::{EXACT_CASE, EXACT_FILE};
pub(super) use experiment::{AXIS, CHECK, CHECK_METRIC, EXPERIMENT, OUTPUTS, SIZE, VARIANT};
pub(super) use fleet::{AUTOSCALER, HOST, ROUTE, ROUTING};
pub(super) use load::{
    ARRIVALS, BATCH, CLASS, FATES, PROFILE, RATE_STAGE, REQUEST, SINUSOID, SOURCE, SPIKE, STAGE, TRACE,
    TRACE_CLASS, TRACE_DEMAND, TRACE_TIME, USERS,
};
pub(super) use pool::{ADMISSION, BREAKDOWN, DISCIPLINE, POOL, POOL_RETRY, TRANSPORT, WORKER};
pub(super) use root::{FAULT, OBJECTIVE, PHASE, PRICES, ROOT, RUN};
pub(super) use target::{COMMAND, HTTP, HTTP_CLASS, PROCESS, PROCESS_CLASS, TARGET};

/// What names a text may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    Class,
    Pool,
    Route,
    Host,
    Phase,
    Client,
    Metric,
    PoolPreset,
    ClientPreset,
}

/// A word that may stand as a value, and what it means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) word: &'static str,
    pub(super) doc: &'static str,
}

pub(super) const fn choice(word: &'static str, doc: &'static str) -> Choice {
    Choice { word, doc }
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Any value: what it means is said elsewhere.
    Any,
    /// Any text that is not empty.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Whole { min: u64, max: u64 },
    /// A number within bounds; `open` excludes the lower one.
    Number { min: f64, max: f64, open: bool },
    /// A duration with its unit; `zero` allows none.
    Duration { zero: bool },
    /// A rate with its unit; `zero` allows none.
    Rate { zero: bool },
    /// A number in [0, 1] or a percentage up to 100 %.
    Share,
    /// One of a few words.
    Word(&'static [Choice]),
    /// The name of something that is declared.
    Reference(Names),
    /// Any of these.
    Either(&'static [Kind]),
    /// A list of at least `least` values.
    List { of: &'static Kind, least: usize },
    /// A list of exactly two values.
    Pair(&'static [Kind; 2]),
    /// A table with these keys.
    Table(&'static Table),
    /// A table whose keys depend on one of them.
    Tagged(&'static Tagged),
    /// A table from declared (or free) names to values.
    Map { names: Option<Names>, of: &'static Kind },
    /// A table of tables with names of their own.
    Named(&'static Table),
    /// An array of tables.
    Tables(&'static Kind),
}

/// A duration of more than nothing.
pub(super) const DURATION: Kind = Kind::Duration { zero: false };
/// A duration, or `"0s"`.
pub(super) const DURATION_OR_ZERO: Kind = Kind::Duration { zero: true };
/// A rate above zero.
pub(super) const RATE: Kind = Kind::Rate { zero: false };
/// A rate, or `"0/s"`.
pub(super) const RATE_OR_ZERO: Kind = Kind::Rate { zero: true };
/// A number above zero.
pub(super) const POSITIVE: Kind = Kind::Number { min: 0.0, max: f64::MAX, open: true };
/// A number of at least zero.
pub(super) const NOT_NEGATIVE: Kind = Kind::Number { min: 0.0, max: f64::MAX, open: false };
/// A whole number that fits a counter.
pub(super) const COUNT: Kind = Kind::Whole { min: 0, max: 4_000_000_000 };
/// A whole number of at least one.
pub(super) const AT_LEAST_ONE: Kind = Kind::Whole { min: 1, max: 4_000_000_000 };
/// The word that stands for no limit.
pub(super) const UNLIMITED: Kind = Kind::Word(&[choice("unlimited", "no limit")]);

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) doc: &'static str,
    pub(super) required: bool,
    /// The value that stands for the missing key, as TOML.
    pub(super) default: Option<&'static str>,
    /// A value that one might write, as TOML.
    pub(super) example: &'static str,
}

/// A key that may be left out.
pub(super) const fn key(name: &'static str, kind: Kind, doc: &'static str, example: &'static str) -> Key {
    Key { name, kind, doc, required: false, default: None, example }
}

impl Key {
    /// The key must be given.
    pub(super) const fn required(self) -> Key {
        Key { required: true, ..self }
    }

    /// The value that stands for the missing key.
    pub(super) const fn default(self, text: &'static str) -> Key {
        Key { default: Some(text), ..self }
    }
}

/// Sets of keys that say the same thing in different ways: at most one set may be used, and it must be whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forms {
    /// Whether one of them must be used.
    pub(super) required: bool,
    /// The sets.
    pub(super) sets: &'static [&'static [&'static str]],
}

/// Exactly one of the sets.
pub(super) const fn one_of(sets: &'static [&'static [&'static str]]) -> Forms {
    Forms { required: true, sets }
}

/// At most one of the sets.
pub(super) const fn at_most_one_of(sets: &'static [&'static [&'static str]]) -> Forms {
    Forms { required: false, sets }
}

/// A table's keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// What it is, with an article, for messages: "a pool".
    pub(super) title: &'static str,
    pub(super) doc: &'static str,
    pub(super) keys: &'static [Key],
    pub(super) forms: &'static [Forms],
}

impl Table {
    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Tables told apart by the word under one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tagged {
    /// What it is, with an article.
    pub(super) title: &'static str,
    pub(super) doc: &'static str,
    /// The key that tells.
    pub(super) tag: &'static str,
    /// The word meant when the key is missing.
    pub(super) default: Option<&'static str>,
    /// Whether the word alone may stand for the table.
    pub(super) word_alone: bool,
    pub(super) variants: &'static [Variant],
}

/// One of the tables of a [`Tagged`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub(super) word: &'static str,
    pub(super) table: Table,
}

/// A variant with keys and no forms.
pub(super) const fn variant(word: &'static str, doc: &'static str, keys: &'static [Key]) -> Variant {
    Variant { word, table: Table { title: word, doc, keys, forms: &[] } }
}

impl Tagged {
    /// The variant of a word.
    pub(super) fn variant(&self, word: &str) -> Option<&'static Variant> {
        self.variants.iter().find(|variant| variant.word == word)
    }

    /// All words.
    pub(super) fn words(&self) -> Vec<&'static str> {
        self.variants.iter().map(|variant| variant.word).collect()
    }
}

/// Whether a top-level key holds a table of named things, or an array of tables with names.
pub(super) fn holds_names(key: &str) -> bool {
    matches!(ROOT.key(key), Some(Key { kind: Kind::Named(_), .. }))
}

#[cfg(test)]
mod tests {
    use super::super::check::walk_one;
    use super::super::document::{Origin, parse_table};
    use super::*;

    /// Calls `visit` for every key of the grammar, once per table.
    fn every_key(visit: &mut dyn FnMut(&'static str, &'static Key)) {
        fn table(
            one: &'static Table,
            seen: &mut Vec<*const Key>,
            visit: &mut dyn FnMut(&'static str, &'static Key),
        ) {
            if seen.contains(&one.keys.as_ptr()) {
                return;
            }
            seen.push(one.keys.as_ptr());
            for key in one.keys {
                visit(one.title, key);
                kind(&key.kind, seen, visit);
            }
        }
        fn kind(
            one: &'static Kind,
            seen: &mut Vec<*const Key>,
            visit: &mut dyn FnMut(&'static str, &'static Key),
        ) {
            match one {
                Kind::Table(inner) | Kind::Named(inner) => table(inner, seen, visit),
                Kind::Tables(of) => kind(of, seen, visit),
                Kind::Tagged(tagged) => tagged.variants.iter().for_each(|v| table(&v.table, seen, visit)),
                Kind::Either(kinds) => kinds.iter().for_each(|k| kind(k, seen, visit)),
                Kind::List { of, .. } | Kind::Map { of, .. } => kind(of, seen, visit),
                Kind::Pair(kinds) => kinds.iter().for_each(|k| kind(k, seen, visit)),
                _ => {}
            }
        }
        let mut seen = Vec::new();
        table(&ROOT, &mut seen, visit);
        table(&EXACT_CASE, &mut seen, visit);
    }

    #[test]
    fn every_key_has_a_description_and_an_example_that_fits() {
        let mut count = 0;
        every_key(&mut |title, key| {
            count += 1;
            assert!(key.doc.len() >= 5 && key.doc.ends_with('.'), "{title}: {} has no description", key.name);
            for text in [Some(key.example), key.default].into_iter().flatten() {
                let (table, errors) = parse_table(&format!("v = {text}"), Origin::File, 0);
                assert!(errors.is_empty(), "{title}: {} = {text}: {errors:?}", key.name);
                let faults = walk_one(table.get("v").unwrap(), &key.kind);
                assert!(faults.is_empty(), "{title}: {} = {text}: {faults:?}", key.name);
            }
        });
        assert!(count > 150, "{count}");
    }

    #[test]
    fn no_table_declares_a_key_twice_or_forms_of_unknown_keys() {
        fn check(table: &Table) {
            for (index, key) in table.keys.iter().enumerate() {
                assert_eq!(
                    table.keys.iter().position(|other| other.name == key.name),
                    Some(index),
                    "{}",
                    key.name
                );
            }
            for name in table.forms.iter().flat_map(|forms| forms.sets.iter().copied().flatten()) {
                assert!(table.key(name).is_some(), "{}: {name}", table.title);
            }
        }
        for table in [
            &ROOT, &RUN, &PHASE, &OBJECTIVE, &CLASS, &SOURCE, &USERS, &POOL, &WORKER, &HOST, &CLIENT, &HTTP,
            &COMMAND,
        ] {
            check(table);
        }
        for tagged in [&DIST, &ARRIVALS, &BUDGET, &ADMISSION, &ROUTING, &DISCIPLINE, &FAULT] {
            tagged.variants.iter().for_each(|variant| check(&variant.table));
        }
    }
}
