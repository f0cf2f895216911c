//! Where a hunt takes place: on virtual time, or against a real target.

use super::{Failure, Orders};
use crate::cli::args::{HuntTarget, RawHunt};
use crate::cli::interrupt;
use crate::cli::targets::{no_worker, words};
use crate::experiment::hunt::bench::{self, Played};
use crate::experiment::hunt::case::Settings;
use crate::experiment::hunt::ground::{Ground, Workload};
use crate::experiment::hunt::laws::{Law, Laws};
use crate::experiment::hunt::live::{Live, MakeTarget};
use crate::experiment::hunt::{Bag, Hunt, Quarry, Small};
use crate::live::command::CommandTarget;
use crate::live::own::OwnPools;
use crate::live::target::{Target, TargetError};
use crate::model::Model;
use crate::quantity;
use crate::time::Span;
use std::sync::Arc;
use toml::{Table, Value};

/// Model seconds per real second.
const SPEED: f64 = 20.0;
/// What a busy machine may be late by.
const GRACE: Span = Span::from_millis(100);
/// Cases of a real target where neither a number nor a time is given.
pub(super) const CASES: u64 = 500;
/// Cases side by side: they mostly wait, but processes are heavy.
const BESIDE: (usize, usize) = (16, 4);

/// A real target as the command line asks for it.
#[derive(Clone, Debug)]
pub(super) struct Real {
    target: HuntTarget,
    worker: Option<Vec<String>>,
    pub(super) adapter: Option<Vec<String>>,
    speed: f64,
    grace: Span,
    beside: usize,
}

impl Real {
    /// What the flags say; none for the policy on virtual time.
    ///
    /// # Errors
    /// When flags do not go together.
    pub(super) fn of(args: &RawHunt) -> Result<Option<Real>, Failure> {
        let flags = [
            ("worker", args.worker.is_some(), args.target == HuntTarget::Process, "process"),
            ("adapter", args.adapter.is_some(), args.target == HuntTarget::Command, "command"),
            ("speed", args.speed.is_some(), args.target != HuntTarget::Policy, "pool"),
            ("grace", args.grace.is_some(), args.target != HuntTarget::Policy, "pool"),
        ];
        if let Some((flag, .., wanted)) = flags.into_iter().find(|(_, given, fits, _)| *given && !fits) {
            return Err(Failure::new(
                format!("--{flag} is for another target"),
                format!("add --target {wanted}"),
            ));
        }
        if args.target == HuntTarget::Policy {
            return Ok(None);
        }
        let any = args.quarries.is_empty() && args.repeat.is_none();
        if args.target == HuntTarget::Process && args.worker.is_none() && any {
            return Err(no_worker().into());
        }
        if args.target == HuntTarget::Command && any {
            return Err(Failure::new(
                "a scheduler behind an adapter is held to a model, and there is none",
                "name a model file or a preset that says how it is meant to behave",
            ));
        }
        let speed = args.speed.unwrap_or(SPEED);
        if !(speed.is_finite() && speed > 0.0 && speed <= 1e3) {
            return Err(Failure::new(
                format!("--speed {speed}: not a number above 0, up to 1000"),
                "write 1 or 20",
            ));
        }
        let grace = args.grace.as_deref().map_or(Ok(GRACE), |text| {
            quantity::parse_span(text)
                .map_err(|error| Failure::new(format!("--grace {text}: {}", error.message), error.hint))
        })?;
        let light = args.target == HuntTarget::Pool;
        Ok(Some(Real {
            target: args.target,
            worker: args.worker.as_deref().map(|text| words("--worker", text)).transpose()?,
            adapter: args.adapter.as_deref().map(|text| words("--adapter", text)).transpose()?,
            speed,
            grace,
            beside: args.threads.unwrap_or(if light { BESIDE.0 } else { BESIDE.1 }),
        }))
    }

    /// The flags again, for the command that repeats a hunt.
    pub(super) fn flags(args: &RawHunt) -> Vec<String> {
        let quoted = |text: &String| crate::cli::checked::quoted(text);
        let target = (args.target != HuntTarget::Policy)
            .then(|| format!("--target {}", format!("{:?}", args.target).to_lowercase()));
        let mut all: Vec<String> = target.into_iter().collect();
        all.extend(args.worker.iter().map(|worker| format!("--worker {}", quoted(worker))));
        all.extend(args.adapter.iter().map(|adapter| format!("--adapter {}", quoted(adapter))));
        all.extend(args.speed.iter().map(|speed| format!("--speed {speed}")));
        all.extend(args.grace.iter().map(|grace| format!("--grace {grace}")));
        all
    }

    /// What sets one real hunt apart from another, beside its settings.
    pub(super) fn word(&self) -> String {
        format!(
            "{:?} {:?} {:?} {} {}",
            self.target,
            self.worker,
            self.adapter,
            self.speed,
            self.grace.nanos()
        )
    }

    /// Puts the adapter's command into settings, so that the file of a case names it.
    pub(super) fn put_adapter(&self, settings: &mut Settings) {
        let Some(adapter) = &self.adapter else { return };
        let run = adapter.iter().map(|word| Value::from(word.clone())).collect();
        let mut command = settings
            .0
            .get("target")
            .and_then(|target| target.get("command"))
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
        command.insert(String::from("run"), Value::Array(run));
        let mut target = Table::new();
        target.insert(String::from("command"), Value::Table(command));
        settings.0.insert(String::from("target"), Value::Table(target));
    }

    /// Makes the target that was asked for, or a pool of threads.
    pub(super) fn make(real: Option<&Real>, model: &Model) -> Result<Box<dyn Target>, TargetError> {
        let missing = |text: &str, hint: &str| TargetError { text: text.to_owned(), hint: hint.to_owned() };
        let Some(real) = real else { return Ok(Box::new(OwnPools::threads(model, 0))) };
        Ok(match real.target {
            HuntTarget::Process => {
                let settings = model.targets.process.as_ref().map(|settings| settings.run.clone());
                let worker = real.worker.clone().or(settings).filter(|command| !command.is_empty());
                let worker = worker.ok_or_else(no_worker)?;
                Box::new(OwnPools::processes(model, 0, worker))
            }
            HuntTarget::Command => {
                let settings = model.targets.command.as_ref().ok_or_else(|| {
                    missing(
                        "the model does not say how target command is reached",
                        "write [target.command] into it, or give --adapter \"python3 adapter.py\"",
                    )
                })?;
                let mut settings = settings.clone();
                settings.run = real.adapter.clone().unwrap_or(settings.run);
                Box::new(CommandTarget::start_unless(
                    model,
                    &settings,
                    real.speed,
                    Arc::new(interrupt::asked),
                )?)
            }
            HuntTarget::Pool | HuntTarget::Policy => Box::new(OwnPools::threads(model, 0)),
        })
    }
}

/// Where cases are played.
pub(super) enum Scene<'a> {
    /// On virtual time.
    Policy,
    /// Against a real target, so many cases side by side.
    Real(Live<'a>, usize),
}

impl<'a> Scene<'a> {
    /// The scene of a real target, or of the policy. `model` is what the target is made for, at first.
    ///
    /// # Errors
    /// When the target cannot be used for a model.
    pub(super) fn of(
        orders: &Orders,
        make: MakeTarget<'a>,
        model: &dyn Fn() -> Result<Model, Failure>,
    ) -> Result<Scene<'a>, Failure> {
        let Some(real) = &orders.real else { return Ok(Scene::Policy) };
        let live = Live::new(make, &model()?, real.speed, real.grace)?;
        Ok(Scene::Real(live.heed(Arc::new(interrupt::asked)), real.beside))
    }

    /// The name of what plays.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Scene::Policy => "policy",
            Scene::Real(live, _) => live.name,
        }
    }

    /// The environments in which settings are hunted.
    ///
    /// # Errors
    /// When the settings are no model, or ask for what the target cannot do.
    pub(super) fn quarry(&self, settings: &Settings, laws: Laws) -> Result<Quarry, Failure> {
        match self {
            Scene::Policy => Quarry::given(settings, laws).map_err(Failure::Rendered),
            Scene::Real(live, _) => {
                // Threads play machines, and so they can play odd ones.
                let made = if live.name == "pool" { Quarry::given } else { Quarry::real };
                let quarry = made(settings, laws).map_err(Failure::Rendered)?;
                if let Quarry::Given(grounds) = &quarry {
                    grounds.iter().try_for_each(|(_, ground)| live.suits(ground))?;
                }
                Ok(quarry)
            }
        }
    }

    /// Plays cases: see [`Hunt::run`].
    ///
    /// # Errors
    /// A failure of the target.
    pub(super) fn hunt(
        &self,
        hunt: &Hunt,
        (first, most): (u64, u64),
        goes_on: &mut dyn FnMut(&Bag) -> bool,
    ) -> Result<Bag, Failure> {
        match self {
            Scene::Policy => Ok(hunt.run(first, most, goes_on)),
            Scene::Real(live, beside) => Ok(live.hunt(hunt, (first, most), *beside, goes_on)?),
        }
    }

    /// The smallest case of a law: see [`Hunt::smallest`].
    pub(super) fn smallest(&self, hunt: &Hunt, law: Law, cases: &[u64], by: &str) -> Option<Small> {
        match self {
            Scene::Policy => hunt.smallest(law, cases, by),
            Scene::Real(live, _) => live.smallest(hunt, law, cases, by),
        }
    }

    /// Plays a case that once failed, and tells its story; against a real target a few times, until it fails.
    ///
    /// # Errors
    /// A failure of the target.
    pub(super) fn retell(&self, ground: &Ground, work: &Workload) -> Result<(Played, Vec<String>), Failure> {
        match self {
            Scene::Policy => Ok(bench::tell(ground, work)),
            Scene::Real(live, _) => Ok(live.retell(ground, work)?),
        }
    }
}
