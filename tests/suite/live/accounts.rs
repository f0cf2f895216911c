//! What slot time was good for: a replay books it as its simulation does.

use super::TRIES;
use super::processes::model;
use poolsim::engine;
use poolsim::live::own::OwnPools;
use poolsim::live::replay::{Sent, Settings, replay};
use poolsim::stats::{Replication, SlotUse, Waste};

/// Where the only pool's slot time went, in seconds: useful, for nobody, in vain by cause but for the grace.
fn service(replication: &Replication) -> [f64; 6] {
    let slots = replication.segments.iter().flat_map(|segment| &segment.pools).map(|pool| &pool.slots);
    let sum = |of: &dyn Fn(&SlotUse) -> u128| slots.clone().map(of).sum::<u128>() as f64 / 1e9;
    let vain = |cause: Waste| sum(&|slots| slots.wasted[cause as usize]);
    let [timeout, crash, error, withdrawn, _] = Waste::ALL.map(vain);
    [sum(&|slots| slots.useful), sum(&|slots| slots.zombie), timeout, crash, error, withdrawn]
}

/// The largest difference of two accounts.
fn distance(one: &[f64; 6], other: &[f64; 6]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn service_is_booked_by_what_became_of_it() {
    let requests = "[{ at = \"0ms\", demand = \"300ms\" }, { at = \"500ms\", demand = \"100ms\", fate = \"error\" },\n \
        { at = \"700ms\", demand = \"100ms\", fate = \"crash\" }]";
    let clients = [
        // 200 ms for a client that has left by then: what follows is for nobody, or withdrawn.
        ("attempt_deadline = \"200ms\"", [0.0, 0.1, 0.2, 0.1, 0.1, 0.0]),
        ("attempt_deadline = \"200ms\", cancels = true", [0.0, 0.0, 0.2, 0.1, 0.1, 0.0]),
        // The hedge of 120 ms loses; 100 ms end before it.
        ("hedge = { after = \"120ms\" }", [0.3, 0.12, 0.0, 0.1, 0.1, 0.18]),
        ("hedge = { after = \"120ms\" }, cancels = true", [0.3, 0.0, 0.0, 0.1, 0.1, 0.18]),
        ("attempt_deadline = \"9s\"", [0.3, 0.0, 0.0, 0.1, 0.1, 0.0]),
    ];
    for (client, expected) in clients {
        let model = model(&format!(
            "name = \"accounts\"\nrun = {{ horizon = \"1s\", regime = \"terminating\", drain = true }}\n\
             class.job = {{ cpu_share = 0.0 }}\npool.main = {{ slots = 2 }}\n\
             source.web = {{ pool = \"main\", requests = {requests}, client = {{ {client} }} }}\n"
        ));
        let simulated = service(&engine::prepare(&model).follow(0, None).unwrap().0);
        assert!(distance(&simulated, &expected) < 0.005, "{client}: {simulated:?}");
        let mut seen = Vec::new();
        // Sleepers of a busy machine are late, but not always.
        let booked = (0..TRIES).any(|_| {
            let mut pools = OwnPools::threads(&model, 0);
            let real = replay(&model, &mut pools, &Settings::default(), &|| false).unwrap();
            seen.push(service(&real.replication));
            seen.last().is_some_and(|real| distance(real, &expected) < 0.02)
        });
        assert!(booked, "{client}: {seen:?}, expected {expected:?}");
    }
}

#[test]
fn rows_of_requests_add_up_to_the_summary_where_clients_hedge() {
    let requests = "[{ at = \"0ms\", demand = \"300ms\" }, { at = \"20ms\", demand = \"10ms\" }, \
        { at = \"40ms\", demand = \"250ms\", fate = \"error\" }]";
    let model = model(&format!(
        "name = \"hedges\"\nrun = {{ horizon = \"1s\", regime = \"terminating\", drain = true }}\n\
         class.job = {{ cpu_share = 0.0 }}\npool.main = {{ slots = 20 }}\n\
         source.web = {{ pool = \"main\", requests = {requests}, \
         client = {{ hedge = {{ after = \"100ms\", max = 1 }}, cancels = true }} }}\n"
    ));
    let mut pools = OwnPools::threads(&model, 0);
    let replayed = replay(&model, &mut pools, &Settings::default(), &|| false).unwrap();
    let sum =
        |of: &dyn Fn(&Sent) -> u32| replayed.requests.iter().map(|sent| u64::from(of(sent))).sum::<u64>();
    let segments = || replayed.replication.segments.iter();
    let attempts: u64 = segments().flat_map(|segment| &segment.classes).map(|tally| tally.attempts).sum();
    let starts: u64 = segments().flat_map(|segment| &segment.pools).map(|tally| tally.starts).sum();
    assert_eq!((sum(&|sent| sent.seen.attempts + sent.hedges), sum(&|sent| sent.starts)), (attempts, starts));
    assert!(sum(&|sent| sent.hedges) >= 2 && starts >= 5, "{:?}", replayed.requests);
}
