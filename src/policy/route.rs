//! Which instance a request goes to.

use super::settings::Routing;
use crate::random::Stream;

/// Chooses among instances, numbered from 0.
#[derive(Clone, Debug)]
pub struct Router {
    routing: Routing,
    turn: usize,
    credit: Vec<f64>,
    ring: Vec<(u64, u32)>,
    chance: Stream,
    drawn: Vec<u32>,
}

impl Router {
    /// A router over `members` instances.
    pub fn new(routing: Routing, members: usize, chance: Stream) -> Router {
        let ring = match routing {
            Routing::ConsistentHash { replicas } => hash_ring(members, replicas),
            _ => Vec::new(),
        };
        Router { routing, turn: 0, credit: vec![0.0; members], ring, chance, drawn: Vec::new() }
    }

    /// The instance for a request. `load(i)` is what is known of the load of instance `i`, `None` if it takes no
    /// jobs; `key` names the request's origin for hashing. `None` if no instance takes jobs.
    #[inline]
    pub fn choose(&mut self, key: u64, members: usize, load: impl Fn(usize) -> Option<u32>) -> Option<usize> {
        if members == 1 {
            return load(0).map(|_| 0);
        }
        match &self.routing {
            Routing::Random(probabilities) => at_random(&mut self.chance, probabilities, members, load),
            Routing::RoundRobin => (0..members)
                .map(|step| (self.turn + step) % members)
                .find(|&member| load(member).is_some())
                .inspect(|&member| self.turn = (member + 1) % members),
            Routing::WeightedRoundRobin(weights) => by_weight(&mut self.credit, weights, members, load),
            Routing::LeastLoaded => self.least_of(0..members, load),
            Routing::ShortestOf(d) => {
                let d = (*d as usize).min(members);
                self.shortest_of(d, members, load)
            }
            Routing::ConsistentHash { .. } => {
                let hash = mix(key);
                let start = self.ring.partition_point(|&(point, _)| point < hash);
                let ring = self.ring.iter().cycle().skip(start).take(self.ring.len());
                ring.map(|&(_, member)| member as usize).find(|&member| load(member).is_some())
            }
        }
    }

    /// The least loaded of the candidates; ties by a fair draw (the k-th equal one replaces with chance 1/k).
    fn least_of(
        &mut self,
        candidates: impl Iterator<Item = usize>,
        load: impl Fn(usize) -> Option<u32>,
    ) -> Option<usize> {
        let mut best: Option<(u32, usize)> = None;
        let mut ties = 1;
        for member in candidates {
            let Some(here) = load(member) else { continue };
            match best {
                Some((least, _)) if here > least => {}
                Some((least, _)) if here == least => {
                    ties += 1;
                    if self.chance.below(ties) == 0 {
                        best = Some((here, member));
                    }
                }
                _ => {
                    best = Some((here, member));
                    ties = 1;
                }
            }
        }
        best.map(|(_, member)| member)
    }

    /// Draws `d` different members that take jobs, or all of them if there are fewer, and takes the least loaded.
    fn shortest_of(
        &mut self,
        d: usize,
        members: usize,
        load: impl Fn(usize) -> Option<u32>,
    ) -> Option<usize> {
        let mut drawn = std::mem::take(&mut self.drawn);
        self.draw(d, members, &mut drawn);
        // Given that all are open, every set of open ones was equally likely; if not, the draw is made among the open.
        if drawn.iter().any(|&member| load(member as usize).is_none()) {
            let open: Vec<u32> =
                (0..members as u32).filter(|&member| load(member as usize).is_some()).collect();
            self.draw(d.min(open.len()), open.len(), &mut drawn);
            drawn.iter_mut().for_each(|pick| *pick = open[*pick as usize]);
        }
        let chosen = self.least_of(drawn.iter().map(|&member| member as usize), &load);
        self.drawn = drawn;
        chosen
    }

    /// Draws `d` different ones of so many: Floyd's algorithm, with `d` draws.
    fn draw(&mut self, d: usize, of: usize, drawn: &mut Vec<u32>) {
        drawn.clear();
        for top in of - d..of {
            let pick = self.chance.below(top as u64 + 1) as u32;
            let pick = if drawn.contains(&pick) { top as u32 } else { pick };
            drawn.push(pick);
        }
    }
}

fn at_random(
    chance: &mut Stream,
    shares: &[f64],
    members: usize,
    load: impl Fn(usize) -> Option<u32>,
) -> Option<usize> {
    let share = |member: usize| {
        let share = shares.get(member).copied().unwrap_or(if shares.is_empty() { 1.0 } else { 0.0 });
        if load(member).is_some() { share } else { 0.0 }
    };
    let total: f64 = (0..members).map(share).sum();
    let mut left = chance.unit() * total;
    let mut last = None;
    for member in (0..members).filter(|&member| share(member) > 0.0) {
        left -= share(member);
        last = Some(member);
        if left < 0.0 {
            break;
        }
    }
    last
}

/// Smooth weighted round robin: each gains its weight, the richest is chosen and pays the sum.
fn by_weight(
    credit: &mut [f64],
    weights: &[f64],
    members: usize,
    load: impl Fn(usize) -> Option<u32>,
) -> Option<usize> {
    let weight = |member: usize| weights.get(member).copied().unwrap_or(1.0);
    let mut chosen: Option<usize> = None;
    let mut total = 0.0;
    for member in (0..members).filter(|&member| load(member).is_some()) {
        total += weight(member);
        credit[member] += weight(member);
        if chosen.is_none_or(|best| credit[member] > credit[best]) {
            chosen = Some(member);
        }
    }
    chosen.inspect(|&member| credit[member] -= total)
}

fn hash_ring(members: usize, replicas: u32) -> Vec<(u64, u32)> {
    let mut ring: Vec<(u64, u32)> = (0..members as u64)
        .flat_map(|member| {
            (0..u64::from(replicas)).map(move |copy| (mix(member << 32 | copy | 1 << 63), member as u32))
        })
        .collect();
    ring.sort_unstable();
    ring
}

/// The finaliser of splitmix64: every input bit reaches every output bit.
const fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    fn router(routing: Routing, members: usize) -> Router {
        Router::new(routing, members, Streams::new(5, 0).stream(Purpose::Routing, 0))
    }

    fn counts(routing: Routing, loads: &[Option<u32>], draws: u64) -> Vec<u64> {
        let mut router = router(routing, loads.len());
        let mut counts = vec![0; loads.len()];
        for key in 0..draws {
            if let Some(member) = router.choose(key, loads.len(), |member| loads[member]) {
                counts[member] += 1;
            }
        }
        counts
    }

    #[test]
    fn turns_are_taken_and_the_closed_are_passed_over() {
        assert_eq!(counts(Routing::RoundRobin, &[Some(0), Some(9), Some(3)], 9), [3, 3, 3]);
        assert_eq!(counts(Routing::RoundRobin, &[Some(0), None, Some(3)], 8), [4, 0, 4]);
        assert_eq!(counts(Routing::RoundRobin, &[None, None], 8), [0, 0]);
        let weighted = Routing::WeightedRoundRobin(vec![5.0, 1.0, 2.0]);
        assert_eq!(counts(weighted, &[Some(0); 3], 80), [50, 10, 20]);
    }

    #[test]
    fn the_least_loaded_gets_it_and_ties_are_fair() {
        assert_eq!(counts(Routing::LeastLoaded, &[Some(2), Some(1), Some(4)], 10), [0, 10, 0]);
        let ties = counts(Routing::LeastLoaded, &[Some(1), Some(1), Some(4)], 10_000);
        assert!(ties[0].abs_diff(5000) < 200 && ties[2] == 0, "{ties:?}");
    }

    #[test]
    fn of_two_choices_the_shorter_wins() {
        // The most loaded of four is chosen never, the least with chance 1/2, the second with chance 1/3.
        let counts = counts(Routing::ShortestOf(2), &[Some(1), Some(2), Some(3), Some(4)], 60_000);
        assert!(counts[0].abs_diff(30_000) < 600 && counts[1].abs_diff(20_000) < 600, "{counts:?}");
        assert_eq!(counts[3], 0);
    }

    #[test]
    fn two_choices_stay_two_among_few_that_are_open() {
        // Forty instances of which four are open: they share as if they were all there are.
        let mut loads = vec![None; 40];
        for (load, member) in [3, 17, 18, 39].into_iter().enumerate() {
            loads[member] = Some(load as u32);
        }
        let counts = counts(Routing::ShortestOf(2), &loads, 60_000);
        assert!(counts[3].abs_diff(30_000) < 600 && counts[17].abs_diff(20_000) < 600, "{counts:?}");
        assert!(counts[18].abs_diff(10_000) < 600 && counts[39] == 0, "{counts:?}");
        assert_eq!(counts.iter().sum::<u64>(), 60_000);
    }

    #[test]
    fn of_fewer_open_than_are_drawn_the_shortest_gets_it() {
        assert_eq!(counts(Routing::ShortestOf(3), &[None, Some(5), None, Some(4)], 100), [0, 0, 0, 100]);
        assert_eq!(counts(Routing::ShortestOf(3), &[None; 4], 100), [0; 4]);
    }

    #[test]
    fn the_closed_change_no_shares_among_the_open() {
        // In turn, by weight and by chance: what the closed instance had is shared as the others' own shares are.
        assert_eq!(counts(Routing::RoundRobin, &[Some(0), None, Some(0), Some(0)], 90), [30, 0, 30, 30]);
        let weighted = Routing::WeightedRoundRobin(vec![3.0, 5.0, 1.0]);
        assert_eq!(counts(weighted, &[Some(0), None, Some(0)], 80), [60, 0, 20]);
        let random = counts(Routing::Random(vec![0.3, 0.6, 0.1]), &[Some(0), None, Some(0)], 40_000);
        assert!(random[0].abs_diff(30_000) < 400 && random[1] == 0, "{random:?}");
        let hash = counts(Routing::ConsistentHash { replicas: 1000 }, &[Some(0), None, Some(0)], 40_000);
        assert!(hash[0].abs_diff(20_000) < 1600 && hash[1] == 0, "{hash:?}");
    }

    #[test]
    fn shares_are_kept_and_a_hash_stays_with_its_instance() {
        let shares = counts(Routing::Random(vec![0.25, 0.75]), &[Some(0); 2], 40_000);
        assert!(shares[0].abs_diff(10_000) < 400, "{shares:?}");
        let mut hash = router(Routing::ConsistentHash { replicas: 100 }, 4);
        let all: Vec<_> = (0..1000).map(|key| hash.choose(key, 4, |_| Some(0))).collect();
        let without = (0..1000).map(|key| hash.choose(key, 4, |member| (member != 2).then_some(0)));
        for (before, after) in all.iter().zip(without) {
            assert!(*before == Some(2) || *before == after, "only keys of the closed instance move");
        }
    }
}
