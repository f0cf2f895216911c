//! How much work is offered to a pool, as far as a model says so by itself.

use super::{Class, Load, Model, Pool, Source};
use crate::policy::Slots;
use crate::time::{Span, Time};

impl Model {
    /// Work offered to each pool per unit of its capacity, in the long run, where nothing can thin it out: arrivals
    /// per second times mean demand over slots (or its share that is work of a core over cores, where all jobs share them
    /// at once). `None` where the pool's queue is limited, jobs give up or time out, users wait for answers, or routes
    /// choose between pools.
    ///
    /// From 1 on no steady state exists: the queue grows without bound.
    pub fn offered_load(&self) -> Vec<Option<f64>> {
        self.pools.iter().enumerate().map(|(index, pool)| self.offered_to(index, pool)).collect()
    }

    fn offered_to(&self, index: usize, pool: &Pool) -> Option<f64> {
        let settings = &pool.settings;
        let thinned = settings.queue_capacity.is_some()
            || pool.waiting_limit.is_some()
            || settings.service_timeout.is_some()
            || !settings.admission.is_empty()
            || pool.autoscaler.is_some();
        let (capacity, of_cores) = self.capacity_of(pool)?;
        let mut work = 0.0;
        for source in &self.sources {
            let pools = &self.routes[source.route].pools;
            if pools.contains(&index) {
                if thinned || pools.len() > 1 {
                    return None;
                }
                work += self.work_of(source, of_cores)?;
            }
        }
        Some(work / capacity)
    }

    /// Seconds of work that a pool does in a second at most, and whether that is work of cores. `None` without a limit.
    fn capacity_of(&self, pool: &Pool) -> Option<(f64, bool)> {
        match pool.settings.slots {
            Slots::Limited(slots) => Some((f64::from(slots * pool.instances), false)),
            Slots::Unlimited => match pool.hosts.first().map(|&host| &self.hosts[host].contention) {
                Some(super::Contention::Cores(cores)) if pool.processor_sharing => Some((*cores, true)),
                _ => None,
            },
        }
    }

    /// Seconds of demand per second that an open source brings, or of its part that is work of a core; `None` if its
    /// clients may give up.
    fn work_of(&self, source: &Source, of_cores: bool) -> Option<f64> {
        let Load::Open(open) = &source.load else { return None };
        let client = &source.client;
        let gives_up = source.patience.is_some()
            || (client.cancels && !(client.attempt_deadline.is_never() && client.total_deadline.is_never()));
        if gives_up || !open.is_constant() {
            return None;
        }
        let hour = Time::ZERO + Span::from_whole_secs(3600);
        let work = |class: &Class| class.demand.mean() * if of_cores { class.cpu_share } else { 1.0 };
        let demand: f64 = source.mix.iter().map(|&(class, share)| share * work(&self.classes[class])).sum();
        Some(open.mean_rate(Time::ZERO, hour) * demand)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NoFiles, load};

    fn offered(rate: &str, pool: &str) -> Vec<Option<f64>> {
        let text = format!(
            "[run]\nrequests = 1000\n[class.job]\ndemand = \"2s\"\n[source.all]\npool = \"main\"\nclass = \"job\"\n\
             arrivals = {{ rate = {rate:?} }}\n[pool.main]\nslots = 4\n{pool}"
        );
        match load("offered.toml", &text, &NoFiles, &[]) {
            Ok(loaded) => loaded.model.offered_load(),
            Err(faults) => panic!("{}", faults.render(false)),
        }
    }

    #[test]
    fn it_is_work_over_capacity() {
        assert_eq!(offered("1/s", ""), [Some(0.5)]);
        assert_eq!(offered("6/s", ""), [Some(3.0)]);
        assert_eq!(offered("6/s", "instances = 4\n"), [Some(0.75)]);
    }

    #[test]
    fn where_all_share_the_cores_only_their_part_of_the_demand_counts() {
        let shared = |share: &str| {
            let text = format!(
                "[run]\nrequests = 1000\n[host.h]\ncores = 2\n[class.job]\ndemand = \"1s\"\ncpu_share = {share}\n\
                 [source.all]\npool = \"main\"\nclass = \"job\"\narrivals = {{ rate = \"3/s\" }}\n\
                 [pool.main]\nslots = \"unlimited\"\nhost = \"h\"\ndiscipline = \"processor_sharing\"\n"
            );
            load("shared.toml", &text, &NoFiles, &[]).map(|loaded| loaded.model.offered_load()).ok()
        };
        assert_eq!(shared("1.0"), Some(vec![Some(1.5)]));
        assert_eq!(shared("0.5"), Some(vec![Some(0.75)]));
    }

    #[test]
    fn what_thins_itself_out_is_never_overloaded() {
        assert_eq!(offered("6/s", "queue_capacity = 5\n"), [None]);
        assert_eq!(offered("6/s", "waiting_limit = \"1s\"\n"), [None]);
        assert_eq!(offered("6/s", "service_timeout = \"1s\"\n"), [None]);
    }
}
