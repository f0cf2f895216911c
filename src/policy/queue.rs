//! The jobs that wait, in the order of a discipline.
//!
//! Three shapes serve all disciplines: *lanes* (linked lists through the tickets, one lane per priority or per
//! class), a *heap* (shortest job, earliest deadline) and a *bag* (random). A job leaves from anywhere: lanes in
//! O(1), heap in O(log n), bag in O(1). A retried job at the head goes before all others whatever the discipline.

mod lanes;

use super::settings::Discipline;
use super::ticket::{JobId, NO_JOB, Place, Ticket, Tickets};
use crate::random::Stream;
use crate::time::{Span, Time};
use lanes::{Lanes, first_in, most_urgent};

/// A waiting line.
#[derive(Clone, Debug)]
pub struct Queue {
    discipline: Discipline,
    len: u32,
    /// Lane 0 is the only one of FIFO and LIFO; else one per priority or class.
    lanes: Lanes,
    /// Heap of jobs (shortest, earliest) or bag of jobs (random).
    array: Vec<Entry>,
    /// Jobs put back at the head, newest first; only for the heap and the bag, and for several lanes.
    front: Lane,
    /// Insertions so far: breaks ties in the heap.
    sequence: u64,
    weights: Vec<f64>,
    /// Virtual finish time of each class's last served job (start-time fair queueing).
    finish: Vec<f64>,
    virtual_time: f64,
    /// Jobs have come back, so a lane's first need not be its oldest.
    returned: bool,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    head: JobId,
    tail: JobId,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u64,
    sequence: u64,
    job: JobId,
}

const EMPTY: Lane = Lane { head: NO_JOB, tail: NO_JOB };
/// `Ticket::prev` of a job in the array, whose `next` is its position there.
const IN_ARRAY: u32 = u32::MAX - 1;

impl Queue {
    /// An empty queue. `weights` are those of the classes under fair share.
    pub fn new(discipline: Discipline, weights: &[f64]) -> Queue {
        Queue {
            discipline,
            len: 0,
            lanes: Lanes::new(),
            array: Vec::new(),
            front: EMPTY,
            sequence: 0,
            weights: weights.to_vec(),
            finish: vec![0.0; weights.len()],
            virtual_time: 0.0,
            returned: false,
        }
    }

    /// How many jobs wait.
    #[inline(always)]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether nobody waits.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a job behind those before it in the discipline's order.
    #[inline(always)]
    pub fn push<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        self.len += 1;
        if self.discipline == Discipline::Fifo {
            return self.lanes[0].append(job, table);
        }
        table.ticket(job).place = Place::Queued;
        self.push_otherwise(job, table);
    }

    #[inline(never)]
    fn push_otherwise<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        match self.discipline {
            Discipline::Fifo | Discipline::Lifo | Discipline::AdaptiveLifo { .. } => {
                self.append(0, job, table)
            }
            Discipline::Priority { .. } => {
                let lane = usize::from(table.ticket(job).priority);
                self.append(lane, job, table);
            }
            Discipline::FairShare => {
                let lane = usize::from(table.ticket(job).class);
                self.append(lane, job, table);
            }
            Discipline::ShortestJob => {
                let key = table.ticket(job).size.nanos();
                self.heap_push(key, job, table);
            }
            Discipline::EarliestDeadline => {
                let key = table.ticket(job).deadline.nanos();
                self.heap_push(key, job, table);
            }
            Discipline::Random => {
                let position = self.array.len() as u32;
                self.sequence += 1;
                self.array.push(Entry { key: 0, sequence: self.sequence, job });
                self.place_at(position, table);
            }
        }
    }

    /// Puts a job that was here before behind the others.
    pub fn push_again<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        self.returned = true;
        self.push(job, table);
    }

    /// Puts a job that was here before ahead of all others.
    pub fn push_front<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        self.returned = true;
        self.len += 1;
        table.ticket(job).place = Place::Queued;
        let lane = if self.has_own_head() { &mut self.lanes[0] } else { &mut self.front };
        // LIFO serves from the tail, so its head is there.
        if self.discipline == Discipline::Lifo { lane.append(job, table) } else { lane.prepend(job, table) }
    }

    /// Takes a job out, wherever it stands.
    pub fn remove<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        self.len -= 1;
        let ticket = *table.ticket(job);
        if ticket.prev == IN_ARRAY {
            return self.array_remove(ticket.next, table);
        }
        let lane = match self.lane_of(&ticket) {
            Some(lane) if !self.in_front(job, lane, table) => &mut self.lanes[lane],
            _ => &mut self.front,
        };
        lane.unlink(job, table);
    }

    /// The job to serve next, still in the queue. `eligible` says whether a class may start now; jobs of other
    /// classes are passed over (which needs lanes by class, see [`Queue::next_eligible`]).
    #[inline(always)]
    pub fn next<T: Tickets>(&mut self, now: Time, chance: &mut Stream, table: &mut T) -> JobId {
        match self.discipline {
            Discipline::Fifo => self.lanes[0].head,
            Discipline::Lifo => self.lanes[0].tail,
            _ if self.front.head != NO_JOB => self.front.head,
            Discipline::AdaptiveLifo { .. } if self.newest_first() => self.lanes[0].tail,
            Discipline::AdaptiveLifo { .. } => self.lanes[0].head,
            Discipline::Priority { age_step } => self.next_by_priority(now, age_step, table),
            Discipline::FairShare => self.next_by_share(),
            Discipline::ShortestJob | Discipline::EarliestDeadline => self.array[0].job,
            Discipline::Random => self.array[chance.below(self.array.len() as u64) as usize].job,
        }
    }

    /// Takes out the job to serve next.
    #[inline(always)]
    pub fn take_next<T: Tickets>(&mut self, now: Time, chance: &mut Stream, table: &mut T) -> JobId {
        if self.discipline != Discipline::Fifo {
            let job = self.next(now, chance, table);
            self.remove(job, table);
            return job;
        }
        self.len -= 1;
        let lane = &mut self.lanes[0];
        let job = lane.head;
        let next = table.ticket(job).next;
        lane.head = next;
        match next {
            NO_JOB => lane.tail = NO_JOB,
            next => table.ticket(next).prev = NO_JOB,
        }
        job
    }

    /// The first job, in the order of the discipline, whose class may start; a scan, for reserved slots only.
    pub fn next_eligible<T: Tickets>(
        &mut self,
        now: Time,
        chance: &mut Stream,
        table: &mut T,
        eligible: impl Fn(u16) -> bool,
    ) -> Option<JobId> {
        let first = self.next(now, chance, table);
        if eligible(table.ticket(first).class) {
            return Some(first);
        }
        if let Some(job) = first_in(&self.front, false, table, &eligible) {
            return Some(job);
        }
        let newest_first = self.newest_first();
        let heads: Vec<JobId> = self
            .lanes
            .iter()
            .map(|lane| first_in(lane, newest_first, table, &eligible).unwrap_or(NO_JOB))
            .collect();
        let of_lanes = match self.discipline {
            Discipline::Priority { age_step } => most_urgent(heads.into_iter(), now, age_step, table),
            Discipline::FairShare => self.least_served(heads.into_iter()),
            _ => heads[0],
        };
        if of_lanes != NO_JOB {
            return Some(of_lanes);
        }
        let may_start = self.array.iter().filter(|entry| eligible(table.ticket(entry.job).class));
        if self.discipline == Discipline::Random {
            let jobs: Vec<JobId> = may_start.map(|entry| entry.job).collect();
            return (!jobs.is_empty()).then(|| jobs[chance.below(jobs.len() as u64) as usize]);
        }
        may_start.min_by_key(|entry| (entry.key, entry.sequence)).map(|entry| entry.job)
    }

    /// Notes that a job of `class` starts: moves the virtual clock of fair share. `cost` is its size estimate.
    #[inline(always)]
    pub fn charge(&mut self, class: u16, cost: Span) {
        if self.discipline == Discipline::FairShare {
            let class = usize::from(class);
            let weight = self.weights.get(class).copied().unwrap_or(1.0);
            self.grow_classes(class);
            let start = self.virtual_time.max(self.finish[class]);
            self.finish[class] = start + cost.secs().max(1e-9) / weight;
            self.virtual_time = start;
        }
    }

    /// The job that arrived first; for dropping the oldest. Of equals the one put back at the head, then the one of the
    /// first lane or of the first entry: the numbers that a driver gives its jobs play no part.
    pub fn oldest<T: Tickets>(&mut self, table: &mut T) -> Option<JobId> {
        if self.returned {
            return self.oldest_of_all(table);
        }
        let lanes = self.lanes.iter().map(|lane| (0, lane.head));
        let array = self.array.iter().map(|entry| (entry.sequence, entry.job));
        let jobs = lanes.chain(array).filter(|&(_, job)| job != NO_JOB);
        jobs.min_by_key(|&(sequence, job)| (table.ticket(job).arrived, sequence)).map(|(_, job)| job)
    }

    /// The same where jobs have come back: their lanes are in the order of entries, which is not that of arrivals.
    fn oldest_of_all<T: Tickets>(&mut self, table: &mut T) -> Option<JobId> {
        let jobs = self.jobs(table);
        let arrived = |job: JobId, table: &mut T| table.ticket(job).arrived;
        self.returned = self.front.head != NO_JOB
            || jobs.windows(2).any(|pair| arrived(pair[0], table) > arrived(pair[1], table));
        // The first of equals, as `min_by_key` has it.
        jobs.into_iter().min_by_key(|&job| table.ticket(job).arrived)
    }

    /// Every job that waits: those put back at the head, then lane by lane, each in the order of its entries.
    pub fn jobs<T: Tickets>(&self, table: &mut T) -> Vec<JobId> {
        let mut jobs = Vec::with_capacity(self.len as usize);
        for lane in std::iter::once(&self.front).chain(self.lanes.iter()) {
            let mut job = lane.head;
            while job != NO_JOB {
                jobs.push(job);
                job = table.ticket(job).next;
            }
        }
        let mut entries: Vec<(u64, JobId)> =
            self.array.iter().map(|entry| (entry.sequence, entry.job)).collect();
        entries.sort_unstable();
        jobs.extend(entries.into_iter().map(|(_, job)| job));
        jobs
    }

    /// Whether a job put back at the head stands in the only lane; else it stands in the front lane.
    #[inline(always)]
    fn has_own_head(&self) -> bool {
        matches!(self.discipline, Discipline::Fifo | Discipline::Lifo)
    }

    /// Whether the lane is served from its tail just now.
    #[inline(always)]
    fn newest_first(&self) -> bool {
        match self.discipline {
            Discipline::Lifo => true,
            Discipline::AdaptiveLifo { threshold } => self.len > threshold,
            _ => false,
        }
    }

    fn lane_of(&self, ticket: &Ticket) -> Option<usize> {
        match self.discipline {
            Discipline::Fifo | Discipline::Lifo | Discipline::AdaptiveLifo { .. } => Some(0),
            Discipline::Priority { .. } => Some(usize::from(ticket.priority)),
            Discipline::FairShare => Some(usize::from(ticket.class)),
            _ => None,
        }
    }

    /// Whether a job of a lane stands in the front lane instead; that lane is short and mostly empty.
    fn in_front<T: Tickets>(&self, job: JobId, lane: usize, table: &mut T) -> bool {
        if self.has_own_head() || self.front.head == NO_JOB || lane >= self.lanes.len() {
            return !self.has_own_head() && lane >= self.lanes.len();
        }
        let mut other = self.front.head;
        while other != NO_JOB && other != job {
            other = table.ticket(other).next;
        }
        other == job
    }

    #[inline(always)]
    fn append<T: Tickets>(&mut self, lane: usize, job: JobId, table: &mut T) {
        self.lanes.grow(lane + 1);
        self.lanes[lane].append(job, table);
    }

    fn next_by_priority<T: Tickets>(&self, now: Time, age_step: Span, table: &mut T) -> JobId {
        most_urgent(self.lanes.iter().map(|lane| lane.head), now, age_step, table)
    }

    fn next_by_share(&self) -> JobId {
        self.least_served(self.lanes.iter().map(|lane| lane.head))
    }

    /// The one of these jobs, one of each class, whose class has had least service for its weight.
    fn least_served(&self, heads: impl Iterator<Item = JobId>) -> JobId {
        let finish = |class: usize| self.finish.get(class).copied().unwrap_or(0.0);
        let start = |class: usize| self.virtual_time.max(finish(class));
        heads
            .enumerate()
            .filter(|&(_, job)| job != NO_JOB)
            .min_by(|(a, _), (b, _)| start(*a).total_cmp(&start(*b)).then(finish(*a).total_cmp(&finish(*b))))
            .map_or(NO_JOB, |(_, job)| job)
    }

    fn grow_classes(&mut self, class: usize) {
        if class >= self.finish.len() {
            self.finish.resize(class + 1, 0.0);
        }
    }

    fn heap_push<T: Tickets>(&mut self, key: u64, job: JobId, table: &mut T) {
        self.sequence += 1;
        let position = self.array.len();
        self.array.push(Entry { key, sequence: self.sequence, job });
        self.place_at(position as u32, table);
        self.sift_up(position, table);
    }

    fn array_remove<T: Tickets>(&mut self, position: u32, table: &mut T) {
        let position = position as usize;
        self.array.swap_remove(position);
        if position < self.array.len() {
            self.place_at(position as u32, table);
            if self.discipline != Discipline::Random {
                self.sift_up(position, table);
                self.sift_down(position, table);
            }
        }
    }

    fn place_at<T: Tickets>(&mut self, position: u32, table: &mut T) {
        let ticket = table.ticket(self.array[position as usize].job);
        (ticket.prev, ticket.next) = (IN_ARRAY, position);
    }

    fn before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.array[a], &self.array[b]);
        (a.key, a.sequence) < (b.key, b.sequence)
    }

    fn exchange<T: Tickets>(&mut self, a: usize, b: usize, table: &mut T) {
        self.array.swap(a, b);
        self.place_at(a as u32, table);
        self.place_at(b as u32, table);
    }

    fn sift_up<T: Tickets>(&mut self, mut position: usize, table: &mut T) {
        while position > 0 && self.before(position, (position - 1) / 2) {
            self.exchange(position, (position - 1) / 2, table);
            position = (position - 1) / 2;
        }
    }

    fn sift_down<T: Tickets>(&mut self, mut position: usize, table: &mut T) {
        loop {
            let mut least = position;
            for child in [2 * position + 1, 2 * position + 2] {
                if child < self.array.len() && self.before(child, least) {
                    least = child;
                }
            }
            if least == position {
                return;
            }
            self.exchange(position, least, table);
            position = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    impl Tickets for Vec<Ticket> {
        fn ticket(&mut self, job: JobId) -> &mut Ticket {
            &mut self[job as usize]
        }
    }

    /// Jobs 0..6 in order of arrival: class and priority job % 3, size 10 - job, deadline by `job ^ 1`.
    fn table() -> Vec<Ticket> {
        (0..6u64)
            .map(|job| Ticket {
                class: (job % 3) as u16,
                priority: (job % 3) as u8,
                arrived: Time::from_nanos(job),
                deadline: Time::from_nanos(100 + (job ^ 1)),
                size: Span::from_nanos(10 - job),
                ..Ticket::default()
            })
            .collect()
    }

    /// Pushes all, removes job 3, puts job 5 back at the head, and serves until empty.
    fn served(discipline: Discipline) -> Vec<JobId> {
        let mut chance = Streams::new(1, 0).stream(Purpose::Policy, 0);
        let mut table = table();
        let mut queue = Queue::new(discipline, &[1.0, 1.0, 1.0]);
        (0..6).for_each(|job| queue.push(job, &mut table));
        queue.remove(3, &mut table);
        queue.remove(5, &mut table);
        queue.push_front(5, &mut table);
        let mut served = Vec::new();
        while !queue.is_empty() {
            let job = queue.next(Time::from_nanos(10), &mut chance, &mut table);
            queue.remove(job, &mut table);
            queue.charge(table[job as usize].class, Span::from_nanos(1));
            served.push(job);
        }
        served
    }

    #[test]
    fn each_discipline_serves_in_its_order_after_the_head() {
        assert_eq!(served(Discipline::Fifo), [5, 0, 1, 2, 4]);
        assert_eq!(served(Discipline::Lifo), [5, 4, 2, 1, 0]);
        assert_eq!(served(Discipline::Priority { age_step: Span::NEVER }), [5, 0, 1, 4, 2]);
        assert_eq!(served(Discipline::ShortestJob), [5, 4, 2, 1, 0]);
        assert_eq!(served(Discipline::EarliestDeadline), [5, 1, 0, 2, 4]);
        assert_eq!(served(Discipline::AdaptiveLifo { threshold: 3 }), [5, 4, 0, 1, 2]);
        let mut random = served(Discipline::Random);
        assert_eq!(random.remove(0), 5);
        random.sort_unstable();
        assert_eq!(random, [0, 1, 2, 4]);
    }

    #[test]
    fn a_job_gains_a_level_for_each_step_it_waits() {
        // With steps of 1 ns, job 2 (level 2, waited 8) and job 0 (level 0, waited 10) tie with job 1.
        assert_eq!(served(Discipline::Priority { age_step: Span::from_nanos(1) }), [5, 0, 1, 2, 4]);
    }

    #[test]
    fn the_oldest_is_the_one_that_arrived_first_wherever_it_stands() {
        let mut table = table();
        let adaptive = Discipline::AdaptiveLifo { threshold: 3 };
        for discipline in [Discipline::Fifo, Discipline::Lifo, adaptive, Discipline::ShortestJob] {
            let mut queue = Queue::new(discipline, &[1.0]);
            (3..6).for_each(|job| queue.push(job, &mut table));
            assert_eq!(queue.oldest(&mut table), Some(3), "{discipline:?}");
            // 2 was retried first and 4 after it, so 4 stands before 2; 1 came back at the tail.
            queue.push_front(2, &mut table);
            queue.remove(4, &mut table);
            queue.push_front(4, &mut table);
            assert_eq!(queue.oldest(&mut table), Some(2), "{discipline:?}");
            queue.push_again(1, &mut table);
            assert_eq!(queue.oldest(&mut table), Some(1), "{discipline:?}");
            [1, 2, 4].into_iter().for_each(|job| queue.remove(job, &mut table));
            assert_eq!(queue.oldest(&mut table), Some(3), "{discipline:?}");
        }
    }

    #[test]
    fn fair_share_takes_turns() {
        // Job 5 has used the turn of class 2, so the second job of class 1 ties with job 2 and goes first.
        assert_eq!(served(Discipline::FairShare), [5, 0, 1, 4, 2]);
    }

    #[test]
    fn classes_that_may_not_start_are_passed_over() {
        let mut chance = Streams::new(1, 0).stream(Purpose::Policy, 0);
        let mut table = table();
        for discipline in [Discipline::Fifo, Discipline::ShortestJob, Discipline::FairShare] {
            let mut queue = Queue::new(discipline, &[1.0, 1.0, 1.0]);
            (0..6).for_each(|job| queue.push(job, &mut table));
            let job = queue.next_eligible(Time::ZERO, &mut chance, &mut table, |class| class == 1);
            assert!(job.is_some_and(|job| job % 3 == 1), "{discipline:?}: {job:?}");
            assert_eq!(queue.next_eligible(Time::ZERO, &mut chance, &mut table, |_| false), None);
        }
    }
}
