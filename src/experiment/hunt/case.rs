//! A case as a model file, and a model file as a case.

use super::bench::{self, Played};
use super::ground::{BlowKind, Ground, Workload};
use super::laws::{Law, Laws};
use super::story::plain_seconds;
use crate::model::{self, Model, NoFiles};
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use std::fmt::Write;
use toml::{Table, Value};

/// The settings of a scheduler as TOML: tables `pool` (one), `class` and `run`; what happens to it stands apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings(pub Table);

impl Settings {
    /// The only pool's name.
    pub fn pool(&self) -> &str {
        self.0
            .get("pool")
            .and_then(Value::as_table)
            .and_then(|pools| pools.keys().next())
            .map_or("main", |name| name)
    }

    /// The only pool's table.
    pub fn pool_table(&mut self) -> Option<&mut Table> {
        let pools = self.0.get_mut("pool").and_then(Value::as_table_mut)?;
        pools.iter_mut().next().and_then(|(_, pool)| pool.as_table_mut())
    }

    /// The settings with a run that lasts a little longer than `last`, once: a case leaves nothing to chance.
    pub fn until(&self, last: Time) -> Settings {
        let mut settings = self.clone();
        let run = settings.0.entry(String::from("run")).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(run) = run {
            let horizon = format!("{}s", last.nanos() / 1_000_000_000 + 1);
            run.insert(String::from("horizon"), Value::String(horizon));
            run.insert(String::from("replications"), Value::Integer(1));
        }
        settings
    }

    /// A model of these settings and a workload.
    pub fn text(&self, work: &Workload, classes: &[String]) -> String {
        let mut text = toml::to_string(&self.0).unwrap_or_default();
        if let Some(deadline) = work.deadline {
            let deadline = span(deadline);
            let _ = write!(text, "\n[client.hasty]\ndeadline = {deadline}\ncancels = true\n");
        }
        let _ = write!(text, "\n[source.load]\npool = \"{}\"\n", self.pool());
        if work.deadline.is_some() {
            text.push_str("client = \"hasty\"\n");
        }
        text.push_str("requests = [\n");
        for request in &work.requests {
            let _ = write!(
                text,
                "  {{ at = \"{}s\", demand = {}",
                plain_seconds(request.at),
                span(request.demand)
            );
            if let Some(class) = classes.get(usize::from(request.class)).filter(|_| request.class > 0) {
                let _ = write!(text, ", class = \"{class}\"");
            }
            if request.fate != Fate::Ok {
                let _ = write!(text, ", fate = \"{}\"", request.fate.name());
            }
            text.push_str(" },\n");
        }
        text.push_str("]\n");
        for blow in &work.blows {
            let at = plain_seconds(blow.at);
            let (kind, rest) = match blow.kind {
                BlowKind::Kill { slot } => ("kill_worker", format!("slot = {slot}")),
                BlowKind::Pause { duration } => ("pause_pool", format!("duration = {}", span(duration))),
                BlowKind::Down { duration } => ("kill_instance", format!("duration = {}", span(duration))),
            };
            let pool = self.pool();
            let _ =
                write!(text, "\n[[fault]]\nkind = \"{kind}\"\npool = \"{pool}\"\nat = \"{at}s\"\n{rest}\n");
        }
        text
    }

    /// The ground of these settings, by way of the model file that they make.
    ///
    /// # Errors
    /// When the settings are no model: the faults, rendered.
    pub fn ground(&self, laws: Laws) -> Result<Ground, String> {
        let probe = Workload {
            requests: vec![super::ground::Request {
                at: Time::ZERO,
                class: 0,
                demand: Span::ZERO,
                fate: Fate::Ok,
            }],
            ..Workload::default()
        };
        let model = load(&self.text(&probe, &[]))?;
        Ground::of_model(&model, laws).map(|(ground, _)| ground)
    }
}

/// A duration as TOML.
pub(super) fn span(span: Span) -> String {
    format!("\"{}s\"", plain_seconds(Time::ZERO + span))
}

fn load(text: &str) -> Result<Model, String> {
    model::load("case", text, &NoFiles, &[]).map(|loaded| loaded.model).map_err(|faults| faults.render(false))
}

/// A case in full.
pub struct Case {
    /// The scheduler.
    pub ground: Ground,
    /// What happens to it.
    pub work: Workload,
}

impl Case {
    /// Reads a model file as a case.
    ///
    /// # Errors
    /// When it is no model, or none that the bench can play: says what.
    pub fn read(text: &str, laws: Laws) -> Result<Case, String> {
        let (ground, work) = Ground::of_model(&load(text)?, laws)?;
        Ok(Case { ground, work })
    }
}

/// The file of a found case: what is broken, the story of it, how to repeat it, and the model.
pub fn file(settings: &Settings, ground: &Ground, work: &Workload, law: Law, by: &str) -> String {
    let (played, story) = bench::tell(ground, work);
    told((settings, ground, work), (&played, &story), law, by, "poolsim hunt --repeat FILE")
}

/// The file of a found case that has been played. `repeat` is the command that plays it again.
pub(super) fn told(
    (settings, ground, work): (&Settings, &Ground, &Workload),
    (played, story): (&Played, &[String]),
    law: Law,
    by: &str,
    repeat: &str,
) -> String {
    let breach = played.found.iter().find(|breach| breach.law == law);
    let mut text = format!("# Broken law: {} ({})\n", law.name(), law.text());
    if let Some(breach) = breach {
        let _ = writeln!(text, "# At {} s: {}.", plain_seconds(breach.at), breach.what);
    }
    text.push_str("#\n# What happens:\n");
    for line in story {
        let _ = writeln!(text, "# {line}");
    }
    let _ = writeln!(text, "#\n# Found by: {by}");
    let _ = writeln!(text, "# Repeat it: {repeat}. Look at its figures: poolsim run FILE.\n");
    let classes: Vec<String> = ground.classes.iter().map(|class| class.0.clone()).collect();
    text.push_str(&settings.until(played.last).text(work, &classes));
    text
}
