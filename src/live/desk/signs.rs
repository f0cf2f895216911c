//! Signs of life of a pool's worker processes, and what became of workers that gave none: kept while a pool works, told
//! when it has been closed.

use crate::live::replay::Note;
use crate::model::Pool;

/// What was heard of workers, and not heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::live) struct Signs {
    /// Heartbeats that were heard.
    pub(in crate::live) beats: u64,
    /// Workers that were killed because no heartbeat came in time, and that were not told to freeze.
    pub(in crate::live) silenced: u64,
    /// Workers that ended by themselves before they were ready.
    pub(in crate::live) unready: u64,
    /// What is known of the last such end.
    pub(in crate::live) last_words: String,
    /// Workers that were killed because they were not ready in time.
    pub(in crate::live) late: u64,
}

impl Signs {
    /// What to know of the workers of a pool.
    pub(in crate::live) fn notes(&self, pool: &Pool) -> Vec<Note> {
        let limits = &pool.settings.worker;
        let name = &pool.name;
        let mut notes = Vec::new();
        if self.silenced > 0 {
            notes.push(Note {
                code: "workers_silent",
                text: format!(
                    "pool `{name}`: {} workers were killed because they gave no sign of life for {} s; {} heartbeats were \
                     heard in all",
                    self.silenced,
                    limits.heartbeat_timeout.secs(),
                    self.beats
                ),
                advice: format!(
                    "a worker does not know the model's heartbeat_interval: set pool.{name}.worker.heartbeat_interval to \
                     its own, and heartbeat_timeout well above it, or leave both out"
                ),
            });
        }
        if self.unready > 0 {
            notes.push(Note {
                code: "workers_not_ready",
                text: format!(
                    "pool `{name}`: {} workers ended before they were ready; the last: {}",
                    self.unready, self.last_words
                ),
                advice: String::from("start the worker by hand and look at what it says"),
            });
        }
        if self.late > 0 {
            notes.push(Note {
                code: "workers_late",
                text: format!(
                    "pool `{name}`: {} workers were killed because they were not ready within {} s",
                    self.late,
                    limits.start_timeout.secs()
                ),
                advice: format!(
                    "start the worker by hand and see how long it takes to say {{\"type\":\"ready\"}}; \
                     pool.{name}.worker.start_timeout is the limit"
                ),
            });
        }
        notes
    }
}
