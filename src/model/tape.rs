//! Requests drawn ahead: what the open sources of a model bring in one replication, to be shared by worlds that draw
//! the same. Nothing is chosen here: a tape holds what [`super::requests`] would draw as it goes.

use super::requests::{Drawn, OpenSource, Requests};
use super::{Load, Model, RunLength, Source};
use crate::random::Streams;
use crate::time::Time;
use std::sync::Arc;

/// A tape of more requests than these would cost more memory than time.
const REQUESTS_MOST: usize = 1 << 22;

/// The requests of one replication.
#[derive(Debug)]
pub struct Tape {
    /// By source; `None` where requests are made as they are needed: by users, or from a recording, which is shared
    /// as it is.
    reels: Vec<Option<Arc<Reel>>>,
}

/// What one source brings.
#[derive(Debug)]
pub(super) struct Reel {
    /// Instants, and how many requests arrive together.
    pub(super) arrivals: Vec<(Time, u32)>,
    /// The requests, in order.
    pub(super) requests: Vec<Drawn>,
}

impl Tape {
    /// Draws what the open sources bring in a replication; `None` if there is none or there is too much of it.
    pub fn draw(model: &Model, requests: &Requests<'_>, replication: u64) -> Option<Tape> {
        if expected(model) > REQUESTS_MOST as f64 {
            return None;
        }
        let streams = Streams::new(model.run.seed, replication);
        let (until, most) = match model.run.length {
            RunLength::Horizon(horizon) => (horizon, usize::MAX),
            RunLength::Requests(requests) => (Time::HORIZON_MAX, requests as usize),
        };
        let reel = |(index, source): (usize, &Source)| match source.load {
            Load::Open(_) => {
                let mut open = OpenSource::new(requests, index as u64, &streams, None);
                Some(Arc::new(Reel::draw(&mut open, until, most)))
            }
            Load::Closed(_) | Load::Trace(_) | Load::Script(_) => None,
        };
        let reels: Vec<Option<Arc<Reel>>> = model.sources.iter().enumerate().map(reel).collect();
        reels.iter().any(Option::is_some).then_some(Tape { reels })
    }

    /// Bytes that it holds, about.
    pub fn bytes(&self) -> usize {
        let of = |reel: &Arc<Reel>| {
            reel.requests.len() * size_of::<Drawn>() + reel.arrivals.len() * size_of::<(Time, u32)>()
        };
        self.reels.iter().flatten().map(of).sum()
    }

    pub(super) fn reel(&self, source: u64) -> Option<Arc<Reel>> {
        self.reels.get(source as usize).cloned().flatten()
    }
}

impl Reel {
    /// What a source brings up to an instant, or the first `most` requests: no run meets more of them.
    fn draw(source: &mut OpenSource<'_>, until: Time, most: usize) -> Reel {
        let mut reel = Reel { arrivals: Vec::new(), requests: Vec::new() };
        while source.next <= until && reel.requests.len() < most {
            reel.arrivals.push((source.next, source.batch()));
            for _ in 0..source.batch() {
                let drawn = source.request();
                reel.requests.push(drawn);
            }
            source.advance();
        }
        reel
    }
}

/// Requests that a tape would hold, on average. Told beforehand, because drawing them to find out would cost as much as
/// the tape saves.
fn expected(model: &Model) -> f64 {
    let open = model.sources.iter().filter_map(|source| match &source.load {
        Load::Open(open) => Some(open),
        _ => None,
    });
    match model.run.length {
        // Each source may bring them all.
        RunLength::Requests(requests) => requests as f64 * open.count() as f64,
        RunLength::Horizon(horizon) => open.map(|open| open.expected(Time::ZERO, horizon)).sum(),
    }
}

/// Whether two models' open sources bring the same requests in every replication.
pub fn draw_alike(a: &Model, b: &Model) -> bool {
    let classes = || a.classes.iter().zip(&b.classes);
    let sources = || a.sources.iter().zip(&b.sources);
    a.run.seed == b.run.seed
        && a.run.length == b.run.length
        && a.classes.len() == b.classes.len()
        && a.sources.len() == b.sources.len()
        && classes().all(|(a, b)| {
            a.demand == b.demand
                && a.priority == b.priority
                && a.estimate_error == b.estimate_error
                && a.fates == b.fates
        })
        && sources().all(|(a, b)| a.mix == b.mix && same_arrivals(&a.load, &b.load))
}

/// Of what is not taped, the kind is enough.
fn same_arrivals(a: &Load, b: &Load) -> bool {
    match (a, b) {
        (Load::Open(a), Load::Open(b)) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}
