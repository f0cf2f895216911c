//! The hunt: random workloads and blows against a scheduler, until a law is broken; what is found is made small.
//!
//! ```text
//!   generate ──case──▶ bench ──inputs──▶ policy::Pool
//!                        │   ◀──effects──
//!                        ▼
//!                     referee ──breach──▶ shrink ──▶ case (a model file)
//! ```
//!
//! Case `n` of a seed is the same whoever plays it, so what a hunt finds depends on its seed and number of cases alone,
//! never on threads or time. Nothing here knows a preset: settings are what they say, and the laws are the same for all.

pub mod bench;
pub mod case;
pub mod generate;
pub mod ground;
pub mod input;
pub mod laws;
pub mod live;
mod order;
pub mod record;
pub mod referee;
pub mod shrink;
mod story;

use crate::random::{Purpose, Streams};
use case::Settings;
use generate::Landmarks;
use ground::{Ground, Workload};
use laws::{Law, Laws};
use rayon::prelude::*;
use std::collections::BTreeMap;
use toml::Value;

/// Cases of one block: they share a scheduler, and are played by one thread.
pub const BLOCK: u64 = 64;
/// Blocks of one round, between which a hunt may stop.
const ROUND: u64 = 64;
/// So many cases of a law are shrunk; the smallest is kept.
const CANDIDATES: usize = 3;

/// What is hunted.
pub enum Quarry {
    /// Given settings, in their environments.
    Given(Vec<(Settings, Ground)>),
    /// Schedulers drawn at random.
    Random,
}

/// A hunt.
pub struct Hunt {
    /// What is hunted.
    pub quarry: Quarry,
    /// By these laws.
    pub laws: Laws,
    /// The seed of all cases.
    pub seed: u64,
    /// Settings below the pool that stay as they are when a case is made small.
    pub keep: Vec<String>,
}

/// How a hunt went so far.
#[derive(Clone, Debug, Default)]
pub struct Bag {
    /// Cases played.
    pub cases: u64,
    /// Events played.
    pub events: u64,
    /// By law: how many cases broke it, and the first of them.
    pub found: BTreeMap<Law, (u64, Vec<u64>)>,
    /// Breaches that a machine's late moment explains, since they were not seen again (live only).
    pub unconfirmed: u64,
}

impl Bag {
    fn add(&mut self, other: Bag) {
        self.cases += other.cases;
        self.events += other.events;
        self.unconfirmed += other.unconfirmed;
        for (law, (count, first)) in other.found {
            let entry = self.found.entry(law).or_default();
            entry.0 += count;
            entry.1.extend(first);
            entry.1.sort_unstable();
            entry.1.truncate(CANDIDATES);
        }
    }
}

impl Quarry {
    /// The environments of one pool's settings. Paths that the settings name themselves stay as they are.
    ///
    /// # Errors
    /// When the settings are no model.
    pub fn given(settings: &Settings, laws: Laws) -> Result<Quarry, String> {
        Quarry::among(settings, laws, true)
    }

    /// The same for real machines, which are what they are: nothing of them is set.
    ///
    /// # Errors
    /// When the settings are no model.
    pub fn real(settings: &Settings, laws: Laws) -> Result<Quarry, String> {
        Quarry::among(settings, laws, false)
    }

    fn among(settings: &Settings, laws: Laws, odd: bool) -> Result<Quarry, String> {
        let mut settings = settings.clone();
        let pool = settings.pool_table().cloned().unwrap_or_default();
        let all = generate::environments(pool.contains_key("slots"), odd);
        let grounds = all.into_iter().map(|environment| {
            let mut settings = settings.clone();
            if let Some(pool) = settings.pool_table() {
                for (path, value) in environment {
                    generate::put(pool, path, value);
                }
            }
            let ground = settings.ground(laws)?;
            Ok((settings, ground))
        });
        grounds.collect::<Result<_, String>>().map(Quarry::Given)
    }
}

impl Hunt {
    /// Plays cases from number `first` on, at most `most`, for as long as `goes_on` says so; it is asked between rounds.
    pub fn run(&self, first: u64, most: u64, goes_on: &mut dyn FnMut(&Bag) -> bool) -> Bag {
        let mut bag = Bag::default();
        while bag.cases < most && goes_on(&bag) {
            let from = first + bag.cases;
            let to = (from + ROUND * BLOCK).min(first + most);
            // Blocks begin at multiples of their length, wherever the hunt begins.
            let blocks: Vec<u64> = (from / BLOCK..to.div_ceil(BLOCK)).collect();
            let played: Vec<Bag> = blocks.par_iter().map(|&block| self.block(block, from, to)).collect();
            played.into_iter().for_each(|one| bag.add(one));
        }
        bag
    }

    fn block(&self, block: u64, from: u64, to: u64) -> Bag {
        let mut bag = Bag::default();
        let drawn;
        let ground = match &self.quarry {
            Quarry::Given(grounds) => &grounds[(block % grounds.len() as u64) as usize].1,
            Quarry::Random => {
                drawn = self.drawn(block).1;
                &drawn
            }
        };
        let marks = Landmarks::of(ground);
        for case in (block * BLOCK).max(from)..((block + 1) * BLOCK).min(to) {
            let played = bench::play(ground, &self.workload(ground, &marks, case));
            bag.cases += 1;
            bag.events += played.events;
            let mut told = Laws::of([]);
            for breach in played.found {
                if !told.has(breach.law) {
                    told = Laws::of(told.iter().chain([breach.law]));
                    let entry = bag.found.entry(breach.law).or_default();
                    entry.0 += 1;
                    if entry.1.len() < CANDIDATES {
                        entry.1.push(case);
                    }
                }
            }
        }
        bag
    }

    fn workload(&self, ground: &Ground, marks: &Landmarks, case: u64) -> Workload {
        let mut stream = Streams::new(self.seed, 0).keyed(Purpose::Search, case, 1);
        generate::workload(ground, marks, &mut stream)
    }

    /// The scheduler of a block of random ones. A draw that is no model is drawn again.
    fn drawn(&self, block: u64) -> (Settings, Ground) {
        for draw in 2.. {
            let mut stream = Streams::new(self.seed, 0).keyed(Purpose::Search, block, draw);
            let mut settings = generate::settings(&mut stream);
            let mut run = toml::Table::new();
            run.insert(String::from("seed"), Value::Integer((stream.word() >> 40) as i64));
            settings.0.insert(String::from("run"), Value::Table(run));
            if let Ok(ground) = settings.ground(self.laws) {
                return (settings, ground);
            }
        }
        unreachable!("some draw is a model")
    }

    /// Scheduler and workload of a case.
    pub fn case(&self, case: u64) -> (Settings, Workload) {
        self.case_in(case / BLOCK, case)
    }

    /// Scheduler of a block, with the workload of a case.
    fn case_in(&self, block: u64, case: u64) -> (Settings, Workload) {
        let of = |settings: &Settings, ground: &Ground| {
            (settings.clone(), self.workload(ground, &Landmarks::of(ground), case))
        };
        match &self.quarry {
            Quarry::Given(grounds) => {
                let (settings, ground) = &grounds[(block % grounds.len() as u64) as usize];
                of(settings, ground)
            }
            Quarry::Random => {
                let (settings, ground) = self.drawn(block);
                of(&settings, &ground)
            }
        }
    }

    /// The smallest case of a law, of the first few that broke it; `by` says how it was found, with NUMBER for the case's.
    pub fn smallest(&self, law: Law, cases: &[u64], by: &str) -> Option<Small> {
        let keep = |path: &str| self.keep.iter().any(|kept| kept == path);
        let shrunk = cases.par_iter().filter_map(|&case| {
            let (settings, work) = self.case(case);
            let small = shrink::shrink(settings, work, law, &keep, &bench::play).ok()?;
            let text = case::file(
                &small.settings,
                &small.ground,
                &small.work,
                law,
                &by.replace("NUMBER", &case.to_string()),
            );
            let what = bench::play(&small.ground, &small.work)
                .found
                .into_iter()
                .find(|breach| breach.law == law)?
                .what;
            Some(Small { case, law, requests: small.work.requests.len(), what, text })
        });
        let mut shrunk: Vec<Small> = shrunk.collect();
        shrunk
            .sort_by_key(|small| (small.requests, small.text.lines().count(), small.text.len(), small.case));
        shrunk.into_iter().next()
    }
}

/// A case made small.
#[derive(Clone, Debug)]
pub struct Small {
    /// Its number.
    pub case: u64,
    /// The law that it breaks.
    pub law: Law,
    /// How many requests it takes.
    pub requests: usize,
    /// What is seen.
    pub what: String,
    /// The model file.
    pub text: String,
}
