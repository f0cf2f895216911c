//! A model from a recording: what arrives, how much work it brings, how often it fails, how workers behave.
//!
//! `read` takes the bytes of a recording, `demand` and `arrivals` choose laws by AIC and say how well they fit, `workers`
//! measures the constants of a recorded pool, `text` writes the model with every number's evidence as a comment, and
//! `predict` carries the uncertainty of the fit into a prediction.
//!
//! What it cannot know: latencies of clients hold waiting as well as work, so a demand fitted from them is too long
//! wherever there was a queue; the text says so. Laws are fitted to the whole recording as if it were one stretch.

pub mod arrivals;
pub mod demand;
pub mod predict;
pub mod read;
pub mod text;
pub mod workers;

use crate::outcome::Outcome;
use std::collections::BTreeMap;

/// A request as a recording has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Arrival, seconds since the first.
    pub at: f64,
    /// The work that it brought, seconds.
    pub demand: f64,
    /// Index of its class.
    pub class: usize,
    /// How it ended, where the recording says.
    pub outcome: Option<Outcome>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Requests in order of arrival.
    pub rows: Vec<Row>,
    /// Names of classes.
    pub classes: Vec<String>,
    /// What a reader of the model should know of the recording.
    pub notes: Vec<String>,
}

/// Everything fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Requests.
    pub n: usize,
    /// From the first arrival to the last, seconds.
    pub span: f64,
    /// By class: its name, its number, its demand, its failures.
    pub classes: Vec<ClassFit>,
    /// The arrival process.
    pub arrivals: arrivals::ArrivalFit,
    /// What to know.
    pub notes: Vec<String>,
}

/// What was fitted of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassFit {
    /// Its name.
    pub name: String,
    /// Its requests.
    pub n: usize,
    /// Its demand.
    pub demand: demand::DemandFit,
    /// Requests by the way they failed; only what requests do by themselves, so no time-outs.
    pub failures: BTreeMap<Outcome, u64>,
}

/// Fewest requests that anything can be fitted to.
const ROWS_MIN: usize = 10;

/// Fits everything.
///
/// # Errors
/// A recording with too few requests.
pub fn fit(recording: &Recording) -> Result<Fitted, String> {
    let n = recording.rows.len();
    if n < ROWS_MIN {
        return Err(format!(
            "the recording has {n} requests; {ROWS_MIN} are the least that can be fitted to"
        ));
    }
    let times: Vec<f64> = recording.rows.iter().map(|row| row.at).collect();
    let class = |(index, name): (usize, &String)| {
        let own: Vec<&Row> = recording.rows.iter().filter(|row| row.class == index).collect();
        let demands: Vec<f64> = own.iter().map(|row| row.demand).collect();
        let mut failures = BTreeMap::new();
        for outcome in own.iter().filter_map(|row| row.outcome) {
            if matches!(outcome, Outcome::Error | Outcome::Crash) {
                *failures.entry(outcome).or_insert(0) += 1;
            }
        }
        let demand = demand::fit(&demands)?;
        Some(ClassFit { name: name.clone(), n: own.len(), demand, failures })
    };
    let mut notes = recording.notes.clone();
    let timeouts = recording.rows.iter().filter(|row| row.outcome == Some(Outcome::Timeout)).count();
    if timeouts > 0 {
        notes.push(format!(
            "{timeouts} requests timed out: their demands are at least as long as was seen, and time-outs are the pool's"
        ));
    }
    Ok(Fitted {
        n,
        span: times[n - 1] - times[0],
        classes: recording.classes.iter().enumerate().filter_map(class).collect(),
        arrivals: arrivals::fit(&times),
        notes,
    })
}
