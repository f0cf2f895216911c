//! How long the parts of a worker's life take where workers only play their part: as in the simulator, from the same
//! streams.

use crate::model::Pool;
use crate::model::delays::Delays;
use crate::random::{Purpose, Stream, Streams};
use crate::time::Span;
use crate::workload::Sampler;

/// A pool's delays and what else is played of its workers.
pub(in crate::live) struct Life {
    pub(super) delays: Delays,
    pub(super) heartbeat_interval: Span,
    pub(super) first_start_up: Vec<Span>,
    pub(super) spawn_failure: f64,
    pub(super) never_ready: f64,
    pub(super) write_error: f64,
    pub(super) job_crash: bool,
}

impl Life {
    /// As a model says.
    pub(in crate::live) fn of(pool: &Pool) -> Life {
        let life = &pool.life;
        Life {
            delays: Delays::of(pool),
            heartbeat_interval: life.heartbeat_interval,
            first_start_up: life.first_start_up.clone(),
            spawn_failure: life.spawn_failure,
            never_ready: life.never_ready,
            write_error: life.write_error,
            job_crash: pool.settings.worker.crash_radius == crate::policy::CrashRadius::Job,
        }
    }

    /// Nothing takes any time but what really does.
    pub(in crate::live) fn none() -> Life {
        Life {
            delays: Delays::none(),
            heartbeat_interval: Span::NEVER,
            first_start_up: Vec::new(),
            spawn_failure: 0.0,
            never_ready: 0.0,
            write_error: 0.0,
            job_crash: true,
        }
    }

    /// Real workers: only the restart delay is the pool's own.
    pub(in crate::live) fn of_real(pool: &Pool) -> Life {
        let restart_delay = Sampler::new(&pool.life.restart_delay);
        Life { delays: Delays { restart_delay, ..Delays::none() }, ..Life::none() }
    }

    /// A delay of a worker's life: `act` tells draws of one spawn apart.
    pub(super) fn draw(sampler: &Sampler, streams: &Streams, slot: u32, spawns: u64, act: u64) -> Span {
        sampler.is_constant().unwrap_or_else(|| {
            sampler.draw(&mut streams.keyed(Purpose::WorkerLife, u64::from(slot) << 4 | act, spawns))
        })
    }

    /// The stream of a worker's start.
    pub(super) fn start_stream(streams: &Streams, slot: u32, spawns: u64) -> Stream {
        streams.keyed(Purpose::StartUp, u64::from(slot), spawns)
    }
}
