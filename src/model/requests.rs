//! The requests that a model's sources make: class, demand, fate and instant, the same in every world.
//!
//! Simulator and replay draw from the same named streams in the same order, so request 17 of a source brings the
//! same work whoever serves it. Here is what is drawn; who sends it, and when a user may, is the driver's business.

use super::tape::{Reel, Tape};
use super::{Class, Load, Model, Source};
use crate::random::{Purpose, Stream, Streams};
use crate::time::{Span, Time};
use crate::workload::trace::{Fate, TraceRow};
use crate::workload::{ArrivalSampler, Choice, Sampler, UserPlan};
use std::borrow::Cow;

/// A model's samplers for requests, laid out once for all replications.
pub struct Requests<'m> {
    pub(super) model: Cow<'m, Model>,
    /// By class.
    pub classes: Vec<ClassDraws>,
    /// By source.
    pub sources: Vec<SourceDraws>,
}

/// What a class's requests are drawn from.
pub struct ClassDraws {
    /// The work.
    pub demand: Sampler,
    /// Cumulative probabilities of error, crash, hang, freeze; `None` if it always works.
    pub fates: Option<[f64; 4]>,
}

/// What a source's requests and their clients draw from.
pub struct SourceDraws {
    /// Chooses among the mix; `None` if there is one class.
    pub choice: Option<Choice>,
    /// Back-offs, where the model gives distributions; the last holds on.
    pub backoff: Vec<Sampler>,
    /// Think time of closed sources.
    pub think: Option<Sampler>,
    /// How long a job waits before it leaves.
    pub patience: Option<Sampler>,
    /// How long a client waits for a request in all, where that is no constant.
    pub deadline: Option<Sampler>,
    /// Whether any class of the model can go wrong.
    pub fates: bool,
}

/// A request as it is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// Names it, as in [`crate::stats::RequestSeen`].
    pub key: u64,
    /// Index of its class.
    pub class: u16,
    /// 0 is the most urgent.
    pub priority: u8,
    /// The work that it brings.
    pub demand: Span,
    /// What a policy is told of the size: the demand, or a guess.
    pub size: Span,
    /// How it goes wrong.
    pub fate: Fate,
    /// The fate was recorded for every try, and is not drawn anew.
    pub scripted: bool,
}

impl<'m> Requests<'m> {
    /// Lays the samplers out.
    pub fn new(model: &'m Model) -> Requests<'m> {
        Requests::of(Cow::Borrowed(model))
    }

    /// Lays the samplers out over a model of its own.
    pub fn owned(model: Model) -> Requests<'static> {
        Requests::of(Cow::Owned(model))
    }

    fn of(model: Cow<'_, Model>) -> Requests<'_> {
        Requests {
            classes: model.classes.iter().map(ClassDraws::new).collect(),
            sources: model.sources.iter().map(|source| SourceDraws::new(&model, source)).collect(),
            model,
        }
    }
}

impl ClassDraws {
    fn new(class: &Class) -> ClassDraws {
        let fates = class.fates;
        let mut sum = 0.0;
        let cumulative = [fates.error, fates.crash, fates.hang, fates.freeze].map(|p| {
            sum += p;
            sum
        });
        ClassDraws { demand: Sampler::new(&class.demand), fates: (sum > 0.0).then_some(cumulative) }
    }

    #[inline(always)]
    fn fate(&self, unit: f64) -> Fate {
        self.fates.as_ref().map_or(Fate::Ok, |cumulative| fate_of(cumulative, unit))
    }
}

impl SourceDraws {
    /// How long the client waits for a request in all: `constant`, unless it is drawn. It is the same each time that it
    /// is asked for.
    #[inline]
    pub fn total_deadline(&self, constant: Span, streams: &Streams, request: u64) -> Span {
        match &self.deadline {
            None => constant,
            Some(limit) => limit.draw(&mut streams.keyed(Purpose::Deadline, request, 0)),
        }
    }

    fn new(model: &Model, source: &Source) -> SourceDraws {
        let shares: Vec<f64> = source.mix.iter().map(|&(_, share)| share).collect();
        let can_fail = |class: &Class| {
            let fates = class.fates;
            fates.error + fates.crash + fates.hang + fates.freeze > 0.0
        };
        SourceDraws {
            choice: (shares.len() > 1).then(|| Choice::new(&shares)),
            backoff: source.backoff.iter().map(Sampler::new).collect(),
            think: match &source.load {
                Load::Closed(users) => Some(Sampler::new(&users.think)),
                _ => None,
            },
            patience: source.patience.as_ref().map(Sampler::new),
            deadline: source.deadline.as_ref().map(Sampler::new),
            fates: model.classes.iter().any(can_fail),
        }
    }
}

/// The fate that a uniform number stands for under cumulative probabilities of error, crash, hang, freeze.
#[inline(always)]
pub(super) fn fate_of(cumulative: &[f64; 4], unit: f64) -> Fate {
    const FATES: [Fate; 4] = [Fate::Error, Fate::Crash, Fate::Hang, Fate::Freeze];
    FATES.into_iter().zip(cumulative).find(|&(_, &bound)| unit < bound).map_or(Fate::Ok, |(fate, _)| fate)
}

/// What a policy is told of the size of a job: the demand, or a guess that is off by a lognormal factor.
#[inline(always)]
fn guess(demand: Span, sigma: f64, stream: &mut Stream) -> Span {
    if sigma > 0.0 { demand.scaled(libm::exp(sigma * stream.normal())) } else { demand }
}

/// The streams and samplers of an open source, and what comes next from it.
pub struct OpenSource<'m> {
    /// The next arrival; `NEVER` when there is none.
    pub next: Time,
    batch: u32,
    arrivals: Arrivals,
    /// The name of the next request.
    next_key: u64,
    /// No class can go wrong, and what a policy is told of sizes is right.
    plain: bool,
    /// Whether any class can go wrong.
    can_fail: bool,
    classes: Stream,
    fates: Stream,
    estimates: Stream,
    mix: Mix<'m>,
    requests: &'m Requests<'m>,
}

/// The classes of a source.
enum Mix<'m> {
    /// Those of its recording.
    Recorded,
    One(Part<'m>),
    Several {
        choice: &'m Choice,
        parts: Box<[Part<'m>]>,
    },
}

/// One class of a source's mix.
struct Part<'m> {
    class: u16,
    priority: u8,
    /// How wrong the policy's size estimates are.
    estimate_error: f64,
    draws: &'m ClassDraws,
    demands: Stream,
}

enum Arrivals {
    Sampled(Box<ArrivalSampler>),
    /// The places of what comes next.
    Recorded {
        rows: std::sync::Arc<[TraceRow]>,
        arrival: usize,
        request: usize,
    },
    /// Drawn before.
    Taped {
        reel: std::sync::Arc<Reel>,
        arrival: usize,
        request: usize,
    },
    Users,
}

impl<'m> OpenSource<'m> {
    /// Source number `index` of the model, before its first arrival. A tape of the same replication spares the draws.
    pub fn new(
        requests: &'m Requests<'m>,
        index: u64,
        streams: &Streams,
        tape: Option<&Tape>,
    ) -> OpenSource<'m> {
        let settings = &requests.model.sources[index as usize];
        let reel = tape.and_then(|tape| tape.reel(index));
        let arrivals = match (&settings.load, reel) {
            (Load::Open(_), Some(reel)) => Arrivals::Taped { reel, arrival: 0, request: 0 },
            (Load::Open(open), None) => {
                Arrivals::Sampled(Box::new(ArrivalSampler::new(open, streams, index)))
            }
            (Load::Trace(trace), _) => {
                Arrivals::Recorded { rows: trace.rows.clone(), arrival: 0, request: 0 }
            }
            (Load::Closed(_) | Load::Script(_), _) => Arrivals::Users,
        };
        let stream = |purpose| streams.stream(purpose, index);
        let can_fail = requests.sources[index as usize].fates;
        let guesses =
            settings.mix.iter().any(|&(class, _)| requests.model.classes[class].estimate_error > 0.0);
        let mut source = OpenSource {
            next: Time::NEVER,
            batch: 0,
            arrivals,
            next_key: index << 48,
            plain: !can_fail && !guesses,
            can_fail,
            classes: stream(Purpose::Class),
            fates: stream(Purpose::Fate),
            estimates: stream(Purpose::Estimate),
            mix: Mix::new(requests, index, &settings.mix, streams),
            requests,
        };
        source.advance();
        source
    }

    /// Finds the next arrival. What arrives may be made before or after.
    #[inline(always)]
    pub fn advance(&mut self) {
        let Arrivals::Sampled(sampler) = &mut self.arrivals else { return self.read_on() };
        match sampler.next() {
            Some((next, batch)) => (self.next, self.batch) = (next, batch),
            None => self.stop(),
        }
    }

    /// Finds the next arrival where it need not be drawn.
    #[inline(never)]
    fn read_on(&mut self) {
        let next = match &mut self.arrivals {
            Arrivals::Recorded { rows, arrival, .. } => {
                *arrival += 1;
                rows.get(*arrival - 1).map(|row| (row.at, 1))
            }
            Arrivals::Taped { reel, arrival, .. } => {
                *arrival += 1;
                reel.arrivals.get(*arrival - 1).copied()
            }
            Arrivals::Sampled(_) => unreachable!("sampled arrivals are drawn"),
            Arrivals::Users => None,
        };
        (self.next, self.batch) = next.unwrap_or((Time::NEVER, 0));
    }

    /// How many requests arrive together now.
    #[inline(always)]
    pub fn batch(&self) -> u32 {
        self.batch
    }

    /// No more arrivals.
    pub fn stop(&mut self) {
        (self.next, self.batch) = (Time::NEVER, 0);
    }

    /// Makes the request that arrives now.
    #[inline]
    pub fn request(&mut self) -> Drawn {
        if self.is_drawn() { self.draw() } else { self.read() }
    }

    /// Whether requests are drawn as they arrive, by [`OpenSource::draw`]; else they are there already, for
    /// [`OpenSource::read`]. Who makes them one by one asks apart, so that a drawn one can stay in registers.
    #[inline(always)]
    pub fn is_drawn(&self) -> bool {
        matches!(self.arrivals, Arrivals::Sampled(_))
    }

    /// The name of the next request.
    #[inline(always)]
    fn next_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key - 1
    }

    /// Makes the request that arrives now where it was recorded, or drawn before.
    #[inline]
    pub fn read(&mut self) -> Drawn {
        let key = self.next_key();
        if let Arrivals::Taped { reel, request, .. } = &mut self.arrivals {
            *request += 1;
            return reel.requests[*request - 1];
        }
        self.recorded(key)
    }

    /// Draws the request that arrives now.
    #[inline(always)]
    pub fn draw(&mut self) -> Drawn {
        let key = self.next_key();
        let part = match &mut self.mix {
            Mix::One(part) => part,
            Mix::Several { choice, parts } => &mut parts[choice.draw(&mut self.classes)],
            Mix::Recorded => unreachable!("a source without classes of its own is recorded"),
        };
        let demand = part.draws.demand.draw(&mut part.demands);
        let (mut fate, mut size) = (Fate::Ok, demand);
        if !self.plain {
            fate = if self.can_fail { part.draws.fate(self.fates.unit()) } else { Fate::Ok };
            size = guess(demand, part.estimate_error, &mut self.estimates);
        }
        Drawn { key, class: part.class, priority: part.priority, demand, size, fate, scripted: false }
    }

    fn recorded(&mut self, key: u64) -> Drawn {
        let Arrivals::Recorded { rows, request, .. } = &mut self.arrivals else {
            unreachable!("only recorded arrivals have rows")
        };
        let row = rows[*request];
        *request += 1;
        let class = usize::from(row.class);
        let drawn = self.requests.classes[class].fate(self.fates.unit());
        let settings = &self.requests.model.classes[class];
        Drawn {
            key,
            class: row.class,
            priority: settings.priority,
            demand: row.demand,
            size: guess(row.demand, settings.estimate_error, &mut self.estimates),
            fate: row.fate.unwrap_or(drawn),
            scripted: row.fate.is_some() && self.requests.model.retold.is_none(),
        }
    }
}

impl<'m> Mix<'m> {
    fn new(requests: &'m Requests<'m>, source: u64, mix: &[(usize, f64)], streams: &Streams) -> Mix<'m> {
        let part = |&(class, _): &(usize, f64)| Part::new(requests, source, class, streams);
        match (&requests.sources[source as usize].choice, mix) {
            (Some(choice), _) => Mix::Several { choice, parts: mix.iter().map(part).collect() },
            (None, [only]) => Mix::One(part(only)),
            (None, _) => Mix::Recorded,
        }
    }
}

impl<'m> Part<'m> {
    fn new(requests: &'m Requests<'m>, source: u64, class: usize, streams: &Streams) -> Part<'m> {
        let settings = &requests.model.classes[class];
        Part {
            class: class as u16,
            priority: settings.priority,
            estimate_error: settings.estimate_error,
            draws: &requests.classes[class],
            demands: streams.keyed(Purpose::Demand, source, class as u64),
        }
    }
}

/// One virtual user: what they send and how long they think.
pub struct UserDraws {
    /// Their source.
    pub source: u16,
    /// Number within the source: names the user's draws.
    pub number: u32,
    /// When they come and go.
    pub plan: UserPlan,
    /// Requests made so far.
    pub sent: u32,
    classes: Stream,
    fates: Stream,
    think: Stream,
}

impl UserDraws {
    /// The users of all closed sources up to the horizon, in order of source and number.
    pub fn all(model: &Model, streams: &Streams, horizon: Time) -> Vec<UserDraws> {
        let mut users = Vec::new();
        for (source, settings) in model.sources.iter().enumerate() {
            let plans: Vec<UserPlan> = match &settings.load {
                Load::Closed(closed) => closed.plans(horizon),
                Load::Script(script) => script.iter().map(|user| user.plan).collect(),
                _ => Vec::new(),
            };
            for (number, plan) in plans.into_iter().enumerate() {
                let stream =
                    |purpose| streams.stream(purpose, (source as u64) << 48 | 1 << 47 | number as u64);
                users.push(UserDraws {
                    source: source as u16,
                    number: number as u32,
                    plan,
                    sent: 0,
                    classes: stream(Purpose::Class),
                    fates: stream(Purpose::Fate),
                    think: stream(Purpose::Think),
                });
            }
        }
        users
    }

    /// Makes the user's next request.
    pub fn request(&mut self, requests: &Requests<'_>, streams: &Streams) -> Drawn {
        let key =
            u64::from(self.source) << 48 | 1 << 47 | u64::from(self.number) << 24 | u64::from(self.sent);
        let sent = self.sent as usize;
        self.sent += 1;
        let source = usize::from(self.source);
        if let Load::Script(script) = &requests.model.sources[source].load {
            let scripted = script[self.number as usize].requests[sent];
            let (class, demand, fate) = (scripted.class, scripted.demand, scripted.fate);
            let priority = requests.model.classes[usize::from(class)].priority;
            let scripted = requests.model.retold.is_none();
            return Drawn { key, class, priority, demand, size: demand, fate, scripted };
        }
        let draws = &requests.sources[source];
        let part = draws.choice.as_ref().map_or(0, |choice| choice.draw(&mut self.classes));
        let class = requests.model.sources[source].mix[part].0;
        let unit = if draws.fates { self.fates.unit() } else { 1.0 };
        let fate = requests.classes[class].fate(unit);
        let sampler = &requests.classes[class].demand;
        let demand = sampler
            .is_constant()
            .unwrap_or_else(|| sampler.draw(&mut streams.keyed(Purpose::Demand, key, 0)));
        let Class { priority, estimate_error, .. } = requests.model.classes[class];
        let size = match estimate_error {
            0.0 => demand,
            sigma => guess(demand, sigma, &mut streams.keyed(Purpose::Estimate, key, 0)),
        };
        Drawn { key, class: class as u16, priority, demand, size, fate, scripted: false }
    }

    /// How long the user thinks after the end of the last request; `NEVER` at the end of a script.
    pub fn think(&mut self, requests: &Requests<'_>) -> Span {
        let source = usize::from(self.source);
        if let Load::Script(script) = &requests.model.sources[source].load {
            let last = self.sent.saturating_sub(1) as usize;
            let own = &script[self.number as usize].requests;
            return own.get(last).map_or(Span::NEVER, |request| request.think);
        }
        let sampler = requests.sources[source].think.as_ref();
        sampler.map_or(Span::ZERO, |sampler| sampler.draw(&mut self.think))
    }

    /// Whether a script has another request; users without one always have.
    pub fn has_more(&self, requests: &Requests<'_>) -> bool {
        match &requests.model.sources[usize::from(self.source)].load {
            Load::Script(script) => (self.sent as usize) < script[self.number as usize].requests.len(),
            _ => true,
        }
    }
}
