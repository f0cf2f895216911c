//! The record of a search: the answer, and the figures of the answer and of the candidate below it.

use super::super::outline::Outline;
use super::super::record::{self, Kind, Record, SCHEMA, World};
use super::super::run::{self, Follow, Progress, RunError, Task};
use super::super::study::Study;
use super::{Question, SizeAnswer};
use crate::model::{Model, Replications};

/// Most replications of a point: as many as decided it, so that it says what the answer says.
const MADE_MOST: u64 = 1000;

/// Makes the record: the points are the candidate below the answer and the answer, in full.
///
/// # Errors
/// A [`RunError`].
pub fn record(
    question: &Question<'_>,
    answer: SizeAnswer,
    outline: Outline,
    progress: &dyn Progress,
) -> Result<Record, RunError> {
    let row = &answer.rows[answer.chosen];
    let sizes: Vec<u32> = match row.smallest {
        Some(size) => (size.saturating_sub(1).max(question.range.0)..=size).collect(),
        None => vec![question.range.1],
    };
    let mut points = Vec::new();
    for size in sizes {
        let mut model: Model = (question.model_at)(&question.rows[answer.chosen], size);
        let seen = row.candidates.iter().find(|one| one.size == size);
        let made = seen.map_or(question.rule.first, |one| one.replications.clamp(10, MADE_MOST) as u32);
        model.run.replications = Replications::Fixed(made);
        let mut settings = row.settings.clone();
        settings.push((answer.capacity.clone(), size.into()));
        let task = Task {
            index: points.len() as u64,
            label: format!("{} {size}", answer.capacity),
            settings,
            world: World::Simulated,
            timelines: true,
            curves: true,
            if_chosen: false,
            draws: None,
            follow: if Some(size) == row.smallest { Follow::Always } else { Follow::Never },
            sampled: &[],
            parallel: true,
        };
        points.push(run::finish(&model, task, progress)?.point);
    }
    let chosen = row.smallest.and(points.last()).map(|point| point.index);
    let study = Study {
        experiment: Some(outline.experiment),
        axes: outline.axes,
        marks: outline.marks,
        size: Some(Box::new(answer)),
        ..Study::default()
    };
    Ok(Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Size,
        name: outline.name,
        description: outline.description,
        poolsim: outline.poolsim,
        rng_contract: outline.rng_contract,
        seed: outline.seed,
        fingerprint: record::combined_fingerprint(&points),
        command: outline.command,
        model: outline.model,
        settings: outline.settings,
        points,
        warnings: outline.warnings,
        chosen,
        differences: Vec::new(),
        study,
    })
}
