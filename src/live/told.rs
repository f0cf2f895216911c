//! What targets are told of a job through templates.

use super::target::Job;
use crate::model::Model;
use crate::model::target::Field;

/// Names that templates can hold.
#[derive(Clone, Debug)]
pub(super) struct Names {
    classes: Vec<String>,
    pools: Vec<String>,
}

impl Names {
    /// Those of a model.
    pub(super) fn of(model: &Model) -> Names {
        Names {
            classes: model.classes.iter().map(|class| class.name.clone()).collect(),
            pools: model.pools.iter().map(|pool| pool.name.clone()).collect(),
        }
    }

    /// What stands at the place of a field. `demand` is the job's in seconds as they really pass: at a speed of 10 a
    /// demand of 1 s is told as 100 ms.
    pub(super) fn value(&self, field: Field, job: &Job, demand: f64, fate: &str) -> String {
        match field {
            Field::Id => job.id.to_string(),
            Field::Request => job.request.to_string(),
            Field::Attempt => job.attempt.to_string(),
            Field::Class => self.classes[usize::from(job.class)].clone(),
            Field::Pool => self.pools[usize::from(job.pool)].clone(),
            Field::DemandMs => format!("{:.3}", demand * 1e3),
            Field::DemandS => format!("{demand:.6}"),
            Field::Fate => String::from(fate),
            Field::Priority => job.priority.to_string(),
        }
    }
}

/// A value inside a JSON text; names without quotes and controls stay as they are.
pub(super) fn json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_into_json() {
        assert_eq!(json("say \"hi\"\n"), "say \\\"hi\\\"\\n");
    }
}
