//! What the grammar can say and the engine cannot yet do: refused by name, never ignored.

use super::super::Model;
use super::super::document::{Node, Origin, Place, Table, Value};
use super::faults::Faults;

/// How a file asks for a feature.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// By a key that is written: a path in which `*` stands for any name or index, such as `pool.*.autoscaler`.
    Key(&'static str),
    /// By the model as meant: the path of what asks for it, such as `pool.main.discipline`.
    Model(fn(&Model) -> Option<String>),
}

/// A feature that is refused.
#[derive(Clone, Copy, Debug)]
pub struct Unsupported {
    /// Its name, for the message.
    pub feature: &'static str,
    /// How it is asked for.
    pub asked: Asked,
}

/// Every feature that is refused.
pub const UNSUPPORTED: &[Unsupported] = &[];

impl Unsupported {
    /// Adds a fault for each place that asks for the feature.
    pub(super) fn refuse(&self, model: &Model, root: &Table, faults: &mut Faults<'_>) {
        let mut places = Vec::new();
        let path = match self.asked {
            Asked::Key(path) => Some(String::from(path)),
            Asked::Model(asks) => asks(model),
        };
        let Some(path) = path else { return };
        let keys: Vec<&str> = path.split('.').collect();
        find(&Node { value: Value::Table(root.clone()), place: NOWHERE }, &keys, &mut places);
        if places.is_empty() && matches!(self.asked, Asked::Model(_)) {
            // Asked for by a default or by the whole: still refused, at the top of the file.
            places.push(NOWHERE);
        }
        for place in places {
            let message = format!("{} is not supported yet", self.feature);
            faults.add(
                place,
                message,
                "this asks for it",
                "leave it out: it would not be ignored, but be wrong",
            );
        }
    }
}

const NOWHERE: Place = Place { origin: Origin::File, start: 0, end: 0 };

/// The places of all values that a path with wildcards leads to.
fn find(node: &Node, keys: &[&str], places: &mut Vec<Place>) {
    let Some((key, rest)) = keys.split_first() else {
        places.push(node.place);
        return;
    };
    match &node.value {
        Value::Table(table) => {
            for entry in table.entries.iter().filter(|entry| *key == "*" || entry.key == *key) {
                find(&entry.node, rest, places);
            }
        }
        Value::List(list) => {
            for (index, item) in list.iter().enumerate() {
                if *key == "*" || *key == index.to_string() {
                    find(item, rest, places);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::document::Document;
    use super::super::{NoFiles, check_refusing};
    use super::*;

    const TEXT: &str = "[run]\nhorizon = \"1m\"\n[class.a]\ndemand = \"1s\"\n[pool.main]\nslots = 2\ndiscipline = \"lifo\"\n\
        autoscaler = { max = 3 }\n[source.s]\npool = \"main\"\nclass = \"a\"\narrivals = { rate = \"1/s\" }\n";

    #[test]
    fn a_feature_on_the_list_is_refused_by_name_where_it_is_asked_for() {
        let lifo = |model: &Model| {
            let asks =
                |pool: &&crate::model::Pool| pool.settings.discipline == crate::policy::Discipline::Lifo;
            model.pools.iter().find(asks).map(|pool| format!("pool.{}.discipline", pool.name))
        };
        let list = [
            Unsupported { feature: "autoscaling", asked: Asked::Key("pool.*.autoscaler") },
            Unsupported { feature: "last come first served", asked: Asked::Model(lifo) },
            Unsupported { feature: "hedging", asked: Asked::Key("source.*.client.hedge") },
        ];
        let document = Document::parse("m.toml", TEXT).unwrap();
        let text = check_refusing(document.clone(), &NoFiles, &list).unwrap_err().render(false);
        assert!(text.contains("autoscaling is not supported yet"), "{text}");
        assert!(text.contains("m.toml:8:14"), "{text}");
        assert!(text.contains("last come first served is not supported yet"), "{text}");
        assert!(!text.contains("hedging"), "{text}");
        assert!(check_refusing(document, &NoFiles, &[]).is_ok());
    }
}
