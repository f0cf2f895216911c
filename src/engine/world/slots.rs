//! What an event of a slot means, where it is not the answer to a job that ended well.

use super::*;

impl<C: SlotCalendar> World<'_, C> {
    #[inline(never)]
    pub(super) fn rare_slot_event(&mut self, number: u32, instance: u32, local: u32) {
        let now = self.phys.now;
        let slot = &mut self.phys.slots[number as usize];
        if slot.act_at <= now {
            let act = std::mem::replace(&mut slot.act, Act::Rest);
            slot.act_at = Time::NEVER;
            self.fingerprint ^= 2 << 60 | u64::from(number) << 8 | act as u64;
            self.rare_act(number, instance, local, act);
        } else if slot.timer_at <= now {
            let timer = slot.timer;
            slot.disarm(now);
            self.fingerprint ^= 3 << 60 | u64::from(number) << 8 | timer as u64;
            self.pools[instance as usize].timer(now, local, timer, &mut self.phys);
        } else if slot.beat_at <= now {
            slot.beat_at = Time::NEVER;
            self.fingerprint ^= 4 << 60 | u64::from(number);
            let beat = crate::policy::SlotTimer::Heartbeat;
            self.pools[instance as usize].timer(now, local, beat, &mut self.phys);
        }
    }

    #[inline(never)]
    fn rare_act(&mut self, number: u32, instance: u32, local: u32, act: Act) {
        let now = self.phys.now;
        let pool = &mut self.pools[instance as usize];
        match act {
            Act::Rest | Act::Answer => {}
            Act::Begin => self.phys.begin(number),
            Act::AnswerError | Act::AnswerCrash => {
                self.phys.slots[number as usize].disarm(now);
                let outcome = if act == Act::AnswerError { Outcome::Error } else { Outcome::Crash };
                pool.answer(now, local, outcome, &mut self.phys);
            }
            Act::CrashExit | Act::Exit => {
                let slot = &mut self.phys.slots[number as usize];
                slot.disarm(now);
                slot.beat_at = Time::NEVER;
                pool.exited(now, local, act == Act::CrashExit, &mut self.phys);
            }
            Act::Freeze => {
                self.phys.slots[number as usize].silent = true;
                let ago = self.phys.since_last_beat(number);
                pool.beat(now, local, ago, &mut self.phys);
            }
            Act::Spawn => {
                if self.phys.start_worker(number) {
                    pool.spawned(now, local, &mut self.phys);
                } else {
                    pool.spawn_failed(local, &mut self.phys);
                }
            }
            Act::Ready => {
                self.phys.slots[number as usize].ready_at = i128::from(now.nanos());
                pool.ready(now, local, &mut self.phys);
            }
        }
    }
}
