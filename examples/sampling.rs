//! Nanoseconds per draw of the samplers, on this machine: `cargo run --release --example sampling`.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that measures and prints")]

use poolsim::random::{Purpose, Streams};
use poolsim::workload::{
    ArrivalProcess, ArrivalSampler, BatchSize, Distribution, OpenArrivals, RateProfile, Sampler,
};
use std::hint::black_box;
use std::time::Instant;

const DRAWS: u32 = 5_000_000;

/// Prints the best of five rounds: other work on the machine only ever adds.
fn report(name: &str, mut draw: impl FnMut() -> u64) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let sum = (0..DRAWS).fold(0u64, |sum, _| sum.wrapping_add(draw()));
        best = best.min(start.elapsed().as_secs_f64());
        black_box(sum);
    }
    println!("{name:<24} {:6.2} ns", best * 1e9 / f64::from(DRAWS));
}

fn main() {
    let streams = Streams::new(1, 0);
    let erlang = |stages| Distribution::Erlang { stages, mean: 1.0 };
    let five = [0.1, 0.2, 0.3, 0.25, 0.15];
    let distributions = [
        ("deterministic", Distribution::Deterministic { value: 1.0 }),
        ("exponential", Distribution::Exponential { mean: 1.0 }),
        ("erlang of 2", erlang(2)),
        ("erlang of 3", erlang(3)),
        ("erlang of 4", erlang(4)),
        ("erlang of 16", erlang(16)),
        ("gamma of shape 0.5", Distribution::Gamma { shape: 0.5, scale: 1.0 }),
        ("gamma of shape 2.5", Distribution::Gamma { shape: 2.5, scale: 1.0 }),
        ("lognormal", Distribution::Lognormal { mu: 0.0, sigma: 1.0 }),
        ("weibull", Distribution::Weibull { shape: 0.7, scale: 1.0 }),
        ("pareto", Distribution::Pareto { shape: 2.5, scale: 1.0, high: None }),
        ("bounded pareto", Distribution::Pareto { shape: 2.5, scale: 1.0, high: Some(100.0) }),
        ("uniform", Distribution::Uniform { low: 1.0, high: 3.0 }),
        (
            "hyperexponential of 2",
            Distribution::Hyperexponential { probabilities: vec![0.9, 0.1], means: vec![1.0, 9.0] },
        ),
        (
            "hyperexponential of 5",
            Distribution::Hyperexponential { probabilities: five.to_vec(), means: five.to_vec() },
        ),
        ("empirical", Distribution::Empirical { values: five.iter().copied().collect() }),
    ];
    for (name, distribution) in distributions {
        let sampler = black_box(Sampler::new(&distribution));
        let mut stream = streams.stream(Purpose::Demand, 0);
        report(name, || sampler.draw(&mut stream).nanos());
    }
    let ramp = RateProfile::PiecewiseLinear(vec![(0.0, 1e3), (1e9, 2e3)]);
    let wave = RateProfile::Sinusoid { mean: 1e3, amplitude: 0.5, period: 3600.0, phase: 0.0 };
    let modulated = ArrivalProcess::MarkovModulated { rates: vec![2e3, 1e2], mean_stay: vec![1.0, 2.0] };
    let sources = [
        ("poisson arrivals", ArrivalProcess::Poisson, RateProfile::Constant(1e3)),
        ("equal gaps", ArrivalProcess::Deterministic, RateProfile::Constant(1e3)),
        ("poisson under a ramp", ArrivalProcess::Poisson, ramp),
        ("poisson under a wave", ArrivalProcess::Poisson, wave),
        ("modulated arrivals", modulated, RateProfile::Constant(2200.0 / 3.0)),
    ];
    for (name, process, rate) in sources {
        let source =
            OpenArrivals { process, rate, batch: BatchSize::Fixed(1), start: 0.0, stop: f64::INFINITY };
        let mut sampler = black_box(ArrivalSampler::new(&source, &streams, 0));
        report(name, || sampler.next().map_or(0, |(at, size)| at.nanos() ^ u64::from(size)));
    }
}
