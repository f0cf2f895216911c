//! `poolsim size`: the smallest capacity that meets every objective.

use super::checked::{Repeat, Study};
use super::exit::{Answer, Failure};
use super::experiments::{self, rendered};
use super::progress::PointBar;
use super::sweep::deliver;
use super::{interrupt, terminal};
use crate::experiment::outline::Outline;
use crate::experiment::plan::{Plan, Planned};
use crate::experiment::run::Progress;
use crate::experiment::size::{self, Question, Rule};
use crate::experiment::{Judgement, RunError};
use crate::model::check::experiment::SizeSettings;
use crate::model::{Files, Model, Override};

/// Searches for a size, prints the answer, writes its files.
///
/// # Errors
/// A [`Failure`].
pub fn size(args: &Study) -> Result<Answer, Failure> {
    interrupt::listen_gently();
    let mut loaded = experiments::load(args)?;
    let Some(settings) = loaded.experiment.size.clone() else {
        return Err(Failure::new(
            format!("{} does not say what to size", args.experiment),
            "add a table such as [size] with capacity = \"pool.main.slots\" and to = 16",
        ));
    };
    let plan = experiments::plan(args, &mut loaded)?;
    loaded.given.model.text = experiments::meant(args, &plan, Some(&settings.capacity));
    let models = models(&plan, &loaded.files, &settings)?;
    if models.iter().flatten().any(|model| model.objectives.is_empty()) {
        return Err(Failure::new(
            "there is nothing to meet: neither the model nor the experiment has an objective",
            "add [[objective]] with metric = \"latency_p95\" and at_most = \"75s\"",
        ));
    }
    let model_at =
        |planned: &Planned, size: u32| models[planned.index][(size - settings.from) as usize].clone();
    let most = if let Repeat::Fixed(n) = args.repeat { n.max(2) } else { settings.most };
    let of_run = plan.points.first().map_or(0.95, |first| first.model.run.confidence);
    let rule = Rule {
        confidence: settings.confidence.unwrap_or(of_run),
        indifference: settings.indifference,
        first: settings.first.min(most),
        most,
    };
    let question = Question {
        rows: &plan.points,
        model_at: &model_at,
        capacity: &settings.capacity,
        range: (settings.from, settings.to),
        rule,
        loads: settings.largest_load,
        probe: settings.probe,
    };
    let outline = Outline::of(&plan, Vec::new(), loaded.given, loaded.text);
    let watch = Searching { bar: PointBar::new(args.out.quiet) };
    let record = super::run::in_pool(args.threads, || {
        let answer = size::size(&question, &watch)?;
        size::record(&question, answer, outline, &watch)
    })?;
    watch.bar.clear();
    let record = record.map_err(|error: RunError| Failure::from(error))?;
    let folder = args.out.folder.path(&record.name);
    deliver(&record, &args.out, folder.as_deref())?;
    let rows = record.study.size.iter().flat_map(|answer| &answer.rows);
    let chosen = record.study.size.as_ref().map_or(0, |answer| answer.chosen);
    let judgement = rows.map(|row| row.judgement).nth(chosen).unwrap_or(Judgement::Undecided);
    if judgement == Judgement::Undecided && !args.out.quiet {
        terminal::say("undecided: see the answer for the replications that would settle it");
    }
    Ok(Answer::Judged(judgement))
}

/// The model of every point at every candidate.
fn models(plan: &Plan, files: &dyn Files, settings: &SizeSettings) -> Result<Vec<Vec<Model>>, Failure> {
    let mut rows = Vec::with_capacity(plan.points.len());
    for point in &plan.points {
        let mut row = Vec::new();
        for size in settings.from..=settings.to {
            let capacity = Override::new(settings.capacity.clone(), size.to_string());
            match plan.model_with(point.index, files, &capacity) {
                Ok(model) => row.push(model),
                // What is wrong with one candidate is mostly wrong with all.
                Err(found) => return Err(rendered(found)),
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

struct Searching {
    bar: PointBar,
}

impl Progress for Searching {
    fn done(&self, requests: u64) {
        self.bar.requests(requests);
    }

    fn interrupted(&self) -> bool {
        interrupt::asked()
    }
}
