//! Why a replay is not what the simulator says: its requests again, at the instants at which they were really sent and
//! with the demands that the target was told, under every change that might explain the gap.
//!
//! Seeds change what the scheduler leaves to chance, never the load. A replay is one run: how else it might have come
//! out is taken from how the simulated ones scatter.

use super::super::agreement::explain::{self, Change, Explained, Played};
use super::super::fit::journal;
use super::super::fit::workers::Constant;
use super::super::record::Parts;
use super::super::run::RunError;
use super::Asked;
use super::traced::{self, Demands};
use crate::engine;
use crate::live::replay::Replayed;
use crate::model::Model;
use crate::stats::RequestSeen;
use rayon::prelude::*;

/// A replay, to be simulated again.
struct Again<'a> {
    model: Model,
    real: &'a [RequestSeen],
    parts: &'a Parts,
    journal: &'a [u8],
}

impl Played for Again<'_> {
    fn parts(&self) -> Parts {
        self.parts.clone()
    }

    fn real(&self) -> Vec<Vec<RequestSeen>> {
        vec![self.real.to_vec()]
    }

    fn believed(&self) -> Result<Model, String> {
        Ok(self.model.clone())
    }

    fn constants(&self, pool: &str) -> Vec<Constant> {
        journal::constants(self.journal, pool)
    }

    fn again(&self, seeds: u64, change: Change<'_>) -> Result<Vec<Vec<RequestSeen>>, String> {
        let one = |seed: u64| {
            let mut model = self.model.clone();
            model.run.seed = seed;
            change(&mut model);
            let followed = engine::prepare(&model).follow(0, None);
            followed.map(|(_, requests)| requests).map_err(|breach| breach.to_string())
        };
        (1..=seeds).into_par_iter().map(one).collect()
    }
}

/// Ranks the changes by how much of the gap they close.
pub(super) fn explain(
    model: &Model,
    replayed: &Replayed,
    real: &[RequestSeen],
    parts: &Parts,
    asked: &Asked,
    seeds: u64,
) -> Result<Explained, RunError> {
    let model = traced::model(model, replayed, Demands::Told);
    let again = Again { model, real, parts, journal: &asked.journal };
    explain::explain(&again, &asked.terms, seeds).map_err(RunError::Failed)
}
