//! The delays of a pool's workers and of its transport, laid out for drawing: one list for whoever plays them, the
//! simulator, the hunt's bench and the own pool on a real clock. When and from which stream is drawn is theirs.

use super::Pool;
use crate::time::Span;
use crate::workload::{Distribution, Sampler};

/// Samplers of a pool's delays; what each stands for is said at the fields of [`super::WorkerLife`] and
/// [`super::Transport`].
pub struct Delays {
    /// Spawn to ready, without contention.
    pub start_up: Sampler,
    /// Exit noticed to the next spawn.
    pub restart_delay: Sampler,
    /// Kill to exit noticed.
    pub kill_exit: Sampler,
    /// Death by itself to exit noticed.
    pub crash_exit: Sampler,
    /// Hand-over to the worker's begin.
    pub dispatch: Sampler,
    /// What an attempt takes beyond its demand.
    pub late: Sampler,
    /// The worker's end to the pool's knowing.
    pub reply: Sampler,
    /// How late timers fire.
    pub timer_late: Sampler,
    /// Dispatch, lateness and reply, if all three are constants: what a good attempt adds to its demand.
    pub overhead: Option<Span>,
}

impl Delays {
    /// Those of a pool.
    pub fn of(pool: &Pool) -> Delays {
        let (life, transport) = (&pool.life, &pool.transport);
        let overhead = [&transport.dispatch, &transport.late, &transport.reply]
            .into_iter()
            .try_fold(Span::ZERO, |sum, part| part.is_constant().map(|span| sum + span));
        Delays {
            start_up: Sampler::new(&life.start_up),
            restart_delay: Sampler::new(&life.restart_delay),
            kill_exit: Sampler::new(&life.kill_exit),
            crash_exit: Sampler::new(&life.crash_exit),
            dispatch: Sampler::new(&transport.dispatch),
            late: Sampler::new(&transport.late),
            reply: Sampler::new(&transport.reply),
            timer_late: Sampler::new(&transport.timer_late),
            overhead,
        }
    }

    /// None at all.
    pub fn none() -> Delays {
        let zero = || Sampler::new(&Distribution::Deterministic { value: 0.0 });
        Delays {
            start_up: zero(),
            restart_delay: zero(),
            kill_exit: zero(),
            crash_exit: zero(),
            dispatch: zero(),
            late: zero(),
            reply: zero(),
            timer_late: zero(),
            overhead: Some(Span::ZERO),
        }
    }
}
