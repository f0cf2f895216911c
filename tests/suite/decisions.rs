//! The list of decisions: the same run as without it, and lines that say what the pool did.

use poolsim::engine::prepare;
use poolsim::model::{self, Files, Model};

struct Nothing;

impl Files for Nothing {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("no {path}"))
    }
}

pub(crate) fn load(text: &str) -> Model {
    match model::load("m.toml", text, &Nothing, &[]) {
        Ok(loaded) => loaded.model,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

#[test]
fn taking_decisions_down_changes_nothing() {
    let head = "name = \"d\"\nrun = { horizon = \"300s\", regime = \"terminating\" }\n";
    let pools = [
        "class.a = { demand = { dist = \"exponential\", mean = \"2s\" } }\n\
         pool.main = { slots = 4, service_timeout = \"5s\", retry = { max = 2 }, preset = \"orchestrator-bridge\" }\n\
         source.web = { pool = \"main\", class = \"a\", arrivals = { rate = \"1.8/s\" } }\n",
        "class.a = { demand = { dist = \"exponential\", mean = \"2s\" } }\n\
         pool.main = { slots = 40, discipline = \"lifo\" }\n\
         pool.side = { slots = 2, discipline = \"random\" }\n\
         source.web = { pool = \"main\", class = \"a\", arrivals = { rate = \"19/s\" } }\n\
         source.users = { pool = \"side\", class = \"a\", users = { count = 5, think = \"1s\" } }\n",
        "class.a = { demand = { dist = \"exponential\", mean = \"2s\" } }\n\
         pool.main = { slots = \"unlimited\" }\n\
         source.web = { pool = \"main\", class = \"a\", arrivals = { rate = \"3/s\" } }\n",
    ];
    for pool in pools {
        let model = load(&format!("{head}{pool}"));
        let prepared = prepare(&model);
        for index in 0..3 {
            let plain = prepared.run(index).unwrap();
            let (report, log) = prepared.decisions(index, 50).unwrap();
            assert_eq!(plain, report, "{pool}");
            assert!(log.kept.len() == 50 && log.count > 300, "{} decisions", log.count);
            assert_eq!(log, prepared.decisions(index, 50).unwrap().1);
            assert_ne!(log.fingerprint(), prepared.decisions(index + 7, 50).unwrap().1.fingerprint());
        }
    }
}

#[test]
fn the_list_tells_a_time_out_step_by_step() {
    let model = load(
        "name = \"d\"\nrun = { horizon = \"20s\", regime = \"terminating\" }\n\
         class.a = { demand = \"5s\" }\n\
         pool.main = { slots = 1, service_timeout = \"2s\", retry = { max = 1, on = [\"timeout\"] }, worker = { kill_exit = \"100ms\", \
         restart_delay = \"500ms\", start_up = \"1s\", warm_start = true } }\n\
         source.web = { pool = \"main\", class = \"a\", arrivals = { process = \"deterministic\", rate = \"4/min\" } }\n",
    );
    let (_, log) = prepare(&model).decisions(0, 100).unwrap();
    let lines: Vec<String> = log.kept.iter().map(ToString::to_string).collect();
    let expected = [
        "0 0 spawned 0",
        "0 0 ready 0",
        "15 0 start 0.0 0",
        "17 0 kill 0",
        "17 0 retry 0.0 timeout",
        "17 0 requeue 0.0",
        "17.1 0 gone 0",
        "17.1 0 respawn 0",
        "17.6 0 spawned 0",
        "18.6 0 ready 0",
        "18.6 0 start 0.0 0",
    ];
    assert_eq!(lines, expected);
}
