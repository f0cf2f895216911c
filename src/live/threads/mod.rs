//! Workers that are threads: they sleep, burn a core, or both, as a model says, or run an application's tasks.
//!
//! A thread cannot be killed. One that plays a model's part gives up within a tenth of a millisecond of being told;
//! an application's task is given a flag to look at, and runs on for nobody if it does not.

mod burn;

use super::clock::Clock;
use super::desk::{Desk, End, Hires, Order, Work, Worker};
use super::wait;
use crate::outcome::Outcome;
use crate::time::{Span, Time};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Finds threads.
pub(super) struct Threads {
    clock: Clock,
    /// They play a model's part, lives included.
    plays: bool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Threads {
    pub(super) fn new(clock: Clock, plays: bool) -> Threads {
        Threads { clock, plays, threads: Mutex::new(Vec::new()) }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hires for Threads {
    fn hire(&self, desk: &Desk, slot: u32, generation: u64) -> Result<Box<dyn Worker>, String> {
        let mail = Arc::new(Mail::default());
        let (desk, own, clock) = (desk.clone(), mail.clone(), self.clock);
        let builder = std::thread::Builder::new().name(format!("worker-{slot}"));
        let work = move || Thread { desk, mail: own, clock, slot, generation }.run();
        let handle = builder.spawn(work).map_err(|error| format!("no thread for a worker: {error}"))?;
        let mut threads = self.threads();
        // Threads that have ended are forgotten, so that the list stays as long as the pool is large.
        threads.retain(|thread| !thread.is_finished());
        threads.push(handle);
        Ok(Box::new(Remote { mail }))
    }

    fn plays(&self) -> bool {
        self.plays
    }

    fn leave(&self, patience: Duration) -> Result<(), String> {
        let until = Instant::now() + patience;
        let mut threads = self.threads();
        while threads.iter().any(|thread| !thread.is_finished()) {
            if Instant::now() >= until {
                let left = threads.iter().filter(|thread| !thread.is_finished()).count();
                return Err(format!("{left} threads still work on tasks that do not heed their flag"));
            }
            wait::sleep_until(Instant::now() + Duration::from_micros(500));
        }
        for thread in threads.drain(..) {
            // A worker that panicked has ended too.
            let _ = thread.join();
        }
        Ok(())
    }
}

/// What a thread is told.
#[derive(Default)]
struct Mail {
    post: Mutex<Post>,
    bell: Condvar,
    /// Nobody wants the result of the present work any more.
    unwanted: Arc<AtomicBool>,
}

#[derive(Default)]
struct Post {
    order: Option<Order>,
    quit: bool,
}

impl Mail {
    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pool's end of a thread.
struct Remote {
    mail: Arc<Mail>,
}

impl Worker for Remote {
    fn start(&mut self, order: Order) {
        self.mail.post().order = Some(order);
        self.mail.bell.notify_one();
    }

    fn stop(&mut self) {
        let mut post = self.mail.post();
        post.order = None;
        self.mail.unwanted.store(true, Ordering::Relaxed);
        drop(post);
        self.mail.bell.notify_one();
    }

    fn kill(&mut self) {
        self.mail.post().quit = true;
        self.mail.unwanted.store(true, Ordering::Relaxed);
        self.mail.bell.notify_one();
    }

    fn retire(&mut self) {
        self.kill();
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The thread's own end.
struct Thread {
    desk: Desk,
    mail: Arc<Mail>,
    clock: Clock,
    slot: u32,
    generation: u64,
}

impl Thread {
    fn run(self) {
        wait::wake_exactly();
        if !self.desk.plays() {
            self.desk.ready(self.slot, self.generation);
        }
        while let Some(order) = self.next_order() {
            match &order.work {
                Work::Told => self.play(&order),
                Work::Task(task) => {
                    let flag = &self.mail.unwanted;
                    let outcome = catch_unwind(AssertUnwindSafe(|| task(flag)));
                    let outcome = outcome.unwrap_or(Outcome::Crash);
                    self.answer(&order, outcome);
                }
            }
        }
    }

    fn next_order(&self) -> Option<Order> {
        let mut post = self.mail.post();
        loop {
            if post.quit {
                return None;
            }
            if let Some(order) = post.order.take() {
                self.mail.unwanted.store(false, Ordering::Relaxed);
                return Some(order);
            }
            post = self.mail.bell.wait(post).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn answer(&self, order: &Order, outcome: Outcome) {
        // An answer that nobody wants is dropped at the desk.
        self.desk.answered(self.slot, self.generation, order.serial, outcome, String::new());
    }

    /// Does as a model says: reaches for the job, works, answers.
    fn play(&self, order: &Order) {
        let course = order.course;
        let from = order.begin + course.dispatch;
        let share = order.job.cpu_share;
        let done = if share > 0.0 {
            self.sleep_until(from) && self.toil(order.job.demand, share)
        } else {
            self.sleep_until(from + order.job.demand)
        };
        if !done {
            return;
        }
        let end = if share > 0.0 { self.clock.now() } else { from + order.job.demand };
        match course.end {
            End::Answer(outcome) => {
                if self.sleep_until(end + course.tail) {
                    self.answer(order, outcome);
                }
            }
            End::Exit => {
                if self.sleep_until(end + course.tail) {
                    self.desk.exited(self.slot, self.generation, "");
                }
            }
            End::Hang => {}
            End::Freeze => self.desk.froze(self.slot, self.generation),
        }
    }

    /// Sleeps up to an instant; `false` if something else is wanted before. The last of it is spun away: a sleep alone
    /// ends some 70 us late, and every job that waits behind this one would be so much later.
    fn sleep_until(&self, at: Time) -> bool {
        let until = self.clock.when(at);
        let mut post = self.mail.post();
        loop {
            if post.quit || self.mail.unwanted.load(Ordering::Relaxed) || post.order.is_some() {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now()).saturating_sub(wait::SPIN);
            if left == Duration::ZERO {
                drop(post);
                // Whoever wants something else raises the flag too.
                return wait::spin_until(until, || self.mail.unwanted.load(Ordering::Relaxed));
            }
            post = self.mail.bell.wait_timeout(post, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Works: a share of the time on a core, the rest asleep, in small turns. `false` if it was told to give up.
    fn toil(&self, demand: Span, share: f64) -> bool {
        /// Length of a turn.
        const TURN: Duration = Duration::from_millis(5);
        let whole = self.clock.real(demand);
        let (mut burnt, mut slept) = (Duration::ZERO, Duration::ZERO);
        let mut done = Duration::ZERO;
        while done < whole {
            done = (done + TURN).min(whole);
            let Some(more) = burn::burn(done.mul_f64(share).saturating_sub(burnt), &self.mail.unwanted)
            else {
                return false;
            };
            burnt += more;
            let rest = done.mul_f64(1.0 - share).saturating_sub(slept);
            let before = Instant::now();
            if rest > Duration::ZERO && !self.sleep_until(self.clock.at(before + rest)) {
                return false;
            }
            slept += before.elapsed();
        }
        true
    }
}
