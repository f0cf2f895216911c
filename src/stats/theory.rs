//! Exact results of queueing theory: oracles for tests, and first answers for loads and sizes.
//!
//! `servers` is the number of slots, `load` the offered load in erlangs (arrival rate times mean service time),
//! rates are per second and times in seconds. All assume Poisson arrivals. Formulas after Gross, Shortle, Thompson
//! & Harris, *Fundamentals of Queueing Theory* (4th ed.), with the original source beside each.

/// Share of arrivals that find all of `servers` slots busy and are lost (Erlang 1917, formula B), by the recursion
/// `1/B(c) = 1 + c/load / B(c-1)`, which neither overflows nor cancels.
///
/// Holds for every distribution of service (Sevastyanov 1957).
pub fn erlang_b(servers: u32, load: f64) -> f64 {
    if load <= 0.0 {
        return if servers == 0 { 1.0 } else { 0.0 };
    }
    let inverse = (1..=servers).fold(1.0, |inverse, c| 1.0 + inverse * f64::from(c) / load);
    1.0 / inverse
}

/// Share of jobs that wait in M/M/c (Erlang 1917, formula C); 1 from `load >= servers` on.
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    let c = f64::from(servers);
    if load >= c {
        return 1.0;
    }
    let blocked = erlang_b(servers, load);
    c * blocked / (c - load * (1.0 - blocked))
}

/// Mean wait in M/M/c: `C / (c mu - lambda)`; infinite at or above capacity.
pub fn mmc_mean_wait(servers: u32, rate: f64, mean_service: f64) -> f64 {
    let spare = f64::from(servers) / mean_service - rate;
    if spare <= 0.0 { f64::INFINITY } else { erlang_c(servers, rate * mean_service) / spare }
}

/// Variance of the wait in M/M/c under FIFO: the wait is zero, or exponential with rate `c mu - lambda`.
pub fn mmc_var_wait(servers: u32, rate: f64, mean_service: f64) -> f64 {
    let spare = f64::from(servers) / mean_service - rate;
    let waits = erlang_c(servers, rate * mean_service);
    if spare <= 0.0 { f64::INFINITY } else { waits * (2.0 - waits) / (spare * spare) }
}

/// Quantile `p` of the wait in M/M/c under FIFO: `P(W > t) = C exp(-(c mu - lambda) t)`.
pub fn mmc_wait_quantile(servers: u32, rate: f64, mean_service: f64, p: f64) -> f64 {
    let spare = f64::from(servers) / mean_service - rate;
    let waits = erlang_c(servers, rate * mean_service);
    if spare <= 0.0 {
        f64::INFINITY
    } else if 1.0 - p >= waits {
        0.0
    } else {
        libm::log(waits / (1.0 - p)) / spare
    }
}

/// Probability that a sojourn in M/M/c under FIFO exceeds `t`.
pub fn mmc_sojourn_tail(servers: u32, rate: f64, mean_service: f64, t: f64) -> f64 {
    let service = 1.0 / mean_service;
    let spare = f64::from(servers) * service - rate;
    if spare <= 0.0 {
        return 1.0;
    }
    let waits = erlang_c(servers, rate * mean_service);
    // Service alone, or the sum of two exponentials of rates mu and c mu - lambda.
    let difference = spare - service;
    let served = libm::exp(-service * t);
    let both = if (difference * mean_service).abs() < 1e-9 {
        (1.0 + service * t) * served
    } else {
        (spare * served - service * libm::exp(-spare * t)) / difference
    };
    (1.0 - waits) * served + waits * both
}

/// Quantile `p` of the sojourn in M/M/c under FIFO, by bisection of its tail.
pub fn mmc_sojourn_quantile(servers: u32, rate: f64, mean_service: f64, p: f64) -> f64 {
    let tail = |t| mmc_sojourn_tail(servers, rate, mean_service, t);
    if tail(0.0).is_nan() || rate * mean_service >= f64::from(servers) {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, mean_service);
    while tail(high) > 1.0 - p {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if tail(middle) > 1.0 - p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Quantile `p` of the sojourn in M/M/1 under FIFO, which is exponential with rate `mu - lambda`.
pub fn mm1_sojourn_quantile(rate: f64, mean_service: f64, p: f64) -> f64 {
    let spare = 1.0 / mean_service - rate;
    if spare <= 0.0 { f64::INFINITY } else { -libm::log1p(-p) / spare }
}

/// Mean wait in M/G/1 (Pollaczek 1930, Khinchine 1932): `lambda E[S^2] / (2 (1 - rho))`, with the squared coefficient
/// of variation of the service.
pub fn mg1_mean_wait(rate: f64, mean_service: f64, cv_squared: f64) -> f64 {
    let load = rate * mean_service;
    if load >= 1.0 {
        return f64::INFINITY;
    }
    load * mean_service * (1.0 + cv_squared) / (2.0 * (1.0 - load))
}

/// What a birth-death queue does in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongRun {
    /// Offered jobs that are refused because all places are taken.
    pub prob_block: f64,
    /// Offered jobs that leave the queue unserved.
    pub prob_abandon: f64,
    /// Accepted jobs that cannot start at once.
    pub prob_wait: f64,
    /// Busy slots per slot.
    pub utilization: f64,
    /// Jobs waiting.
    pub mean_queue_length: f64,
    /// Jobs waiting and in service.
    pub mean_in_system: f64,
    /// Jobs that complete service, per second.
    pub throughput: f64,
    /// Wait of accepted jobs until service or until they give up, seconds.
    pub mean_wait: f64,
}

/// M/M/c/K: `queue_capacity` waiting places besides the slots.
pub fn mmck(servers: u32, queue_capacity: u32, rate: f64, mean_service: f64) -> LongRun {
    birth_death(servers, Some(queue_capacity), rate, mean_service, 0.0)
}

/// M/M/c+M, Erlang A (Palm 1957; Garnett, Mandelbaum & Reiman 2002): each waiting job gives up after an exponential
/// time of mean `patience`.
pub fn erlang_a(servers: u32, rate: f64, mean_service: f64, patience: f64) -> LongRun {
    birth_death(servers, None, rate, mean_service, 1.0 / patience)
}

/// States whose weight is below this share of the largest are left out.
const NEGLIGIBLE: f64 = 1e-18;

/// Sums over the states of a queue with arrival rate `rate`, death rate `min(n, c) mu + max(n - c, 0) theta`.
fn birth_death(servers: u32, places: Option<u32>, rate: f64, mean_service: f64, theta: f64) -> LongRun {
    let c = u64::from(servers);
    let last = places.map(|places| c + u64::from(places));
    let death = |n: u64| n.min(c) as f64 / mean_service + n.saturating_sub(c) as f64 * theta;
    let (mut weight, mut largest) = (1.0f64, 1.0f64);
    let (mut total, mut busy, mut queue, mut all_busy, mut full) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut n = 0u64;
    loop {
        total += weight;
        busy += weight * n.min(c) as f64;
        queue += weight * n.saturating_sub(c) as f64;
        all_busy += if n >= c { weight } else { 0.0 };
        full = if last == Some(n) { weight } else { full };
        // Beyond the mode weights fall for ever, so the rest is as small as the last of them.
        if last == Some(n) || (n > c && death(n + 1) > rate && weight < NEGLIGIBLE * largest) {
            break;
        }
        n += 1;
        weight *= rate / death(n);
        largest = largest.max(weight);
        if weight > 1e200 {
            // Many servers: keep the unnormalised weights in range.
            for sum in
                [&mut weight, &mut largest, &mut total, &mut busy, &mut queue, &mut all_busy, &mut full]
            {
                *sum *= 1e-200;
            }
        }
    }
    let (busy, queue, prob_block) = (busy / total, queue / total, full / total);
    let accepted = rate * (1.0 - prob_block);
    LongRun {
        prob_block,
        prob_abandon: theta * queue / rate,
        prob_wait: (all_busy - full) / total / (1.0 - prob_block),
        utilization: busy / c.max(1) as f64,
        mean_queue_length: queue,
        mean_in_system: queue + busy,
        throughput: busy / mean_service,
        mean_wait: queue / accepted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(got: f64, expected: f64) {
        assert!((got / expected - 1.0).abs() < 2e-10, "{got} is not {expected}");
    }

    #[test]
    fn erlang_b_is_exact() {
        close(erlang_b(10, 8.0), 0.121661064253); // loss-10-m
        assert_eq!((erlang_b(0, 3.0), erlang_b(2, 0.0)), (1.0, 0.0));
        // Far beyond where factorials overflow.
        assert!(erlang_b(2000, 1800.0) < 1e-4 && erlang_b(2000, 1800.0) > 0.0);
    }

    #[test]
    fn waits_of_mmc() {
        close(erlang_c(1, 0.8), 0.8); // mm1-80
        close(erlang_c(4, 3.0), 0.5094339622642); // mmc-4-75
        close(erlang_c(32, 29.0), 0.4843806038772); // mmc-32-90
        close(mmc_mean_wait(4, 30.0, 0.1), 0.05094339622642); // mmc-4-75
        close(mmc_var_wait(4, 30.0, 0.1), 0.007593449626201); // mmc-4-75
        close(mmc_wait_quantile(4, 30.0, 0.1, 0.95), 0.2321277226006); // mmc-4-75
        close(mmc_wait_quantile(1, 8.0, 0.1, 0.999), 3.342305863834); // mm1-80
        assert_eq!(mmc_wait_quantile(2, 4.0, 0.25, 0.5), 0.0); // mmc-2-50 leaves it out
        assert_eq!(mmc_mean_wait(2, 8.0, 0.25), f64::INFINITY);
    }

    #[test]
    fn sojourns_of_mmc() {
        close(mm1_sojourn_quantile(95.0, 0.01, 0.95), 0.5991464547108); // mm1-95
        close(mmc_sojourn_quantile(1, 95.0, 0.01, 0.95), 0.5991464547108); // mm1-95
        close(mmc_sojourn_quantile(4, 30.0, 0.1, 0.999), 0.8589676219552); // mmc-4-75
        // mmc-2-50: both rates are equal there, which the general formula cannot take.
        close(mmc_sojourn_quantile(2, 4.0, 0.25, 0.95), 0.954115076292);
        // client-timeout-4: the share of clients who give up after 0.5 s.
        close(mmc_sojourn_tail(4, 32.0, 0.1, 0.5), 0.04126450395577);
    }

    #[test]
    fn waits_of_mg1() {
        close(mg1_mean_wait(8.0, 0.1, 1.0), 0.4); // mm1-80
        close(mg1_mean_wait(80.0, 0.01, 0.0), 0.02); // md1-80
        close(mg1_mean_wait(8.5, 0.1, 2.0), 0.85); // mg1-gamma-85
        assert_eq!(mg1_mean_wait(10.0, 0.1, 1.0), f64::INFINITY);
    }

    #[test]
    fn queues_with_an_end() {
        let found = mmck(1, 9, 9.0, 0.1); // mm1k-10
        close(found.prob_block, 0.05081373132741);
        close(found.throughput, 8.542676418053);
        close(found.utilization, 0.8542676418053);
        close(found.mean_queue_length, 3.115172956781);
        close(found.mean_in_system, 3.969440598586);
        close(found.prob_wait, 0.8464660067212);
        close(found.mean_wait, 0.3646600672124);
        close(mmck(10, 0, 80.0, 0.1).prob_block, erlang_b(10, 8.0));
    }

    #[test]
    fn queues_that_jobs_leave() {
        let found = erlang_a(10, 110.0, 0.1, 0.2); // erlanga-10-overload
        close(found.prob_abandon, 0.1477458419776);
        close(found.prob_wait, 0.7505025198728);
        close(found.throughput, 93.74795738246);
        close(found.utilization, 0.9374795738246);
        close(found.mean_queue_length, 3.250408523507);
        close(found.mean_in_system, 12.62520426175);
        close(found.mean_wait, 0.02954916839552);
        // With endless patience it is M/M/c.
        close(erlang_a(4, 30.0, 0.1, 1e15).mean_wait, mmc_mean_wait(4, 30.0, 0.1));
        // A thousand slots do not overflow.
        assert!(erlang_a(1000, 1100.0, 1.0, 1.0).prob_abandon > 0.09);
    }
}
