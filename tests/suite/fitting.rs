//! Laws and processes that are known, recovered from samples of them.

use poolsim::experiment::fit::arrivals::{self, Process};
use poolsim::experiment::fit::predict::{draw, predict};
use poolsim::experiment::fit::read::{self, Columns, read};
use poolsim::experiment::fit::text::{self, About};
use poolsim::experiment::fit::workers::Told;
use poolsim::experiment::fit::{Recording, Row, demand, fit};
use poolsim::model;
use poolsim::outcome::Outcome;
use poolsim::policy::Slots;
use poolsim::random::{Purpose, Stream, Streams};
use poolsim::time::Span;
use poolsim::workload::{Distribution, recording};

fn stream(seed: u64) -> Stream {
    Streams::new(91, seed).stream(Purpose::Search, 0)
}

fn sample(law: &Distribution, n: usize, seed: u64) -> Vec<f64> {
    let mut stream = stream(seed);
    (0..n).map(|_| law.quantile(stream.unit_positive().min(1.0 - 1e-12))).collect()
}

#[test]
fn every_family_is_found_again() {
    let laws = [
        ("exponential", Distribution::Exponential { mean: 3.0 }),
        ("gamma", Distribution::Gamma { shape: 4.0, scale: 0.5 }),
        ("lognormal", Distribution::Lognormal { mu: 0.3, sigma: 0.9 }),
        ("weibull", Distribution::Weibull { shape: 2.5, scale: 1.5 }),
        (
            "hyperexponential",
            Distribution::Hyperexponential { probabilities: vec![0.8, 0.2], means: vec![0.5, 6.0] },
        ),
    ];
    for (family, law) in laws {
        let fitted = demand::fit(&sample(&law, 1000, 1)).unwrap();
        assert_eq!(fitted.candidates[0].family, family, "{:?}", fitted.candidates);
        assert!(fitted.p_value.unwrap() > 0.01, "{family}: {fitted:?}");
        for p in [0.25, 0.5, 0.9] {
            let ratio = fitted.law.quantile(p) / law.quantile(p);
            assert!((ratio - 1.0).abs() < 0.25, "{family}, quantile {p}: {ratio}");
        }
    }
}

#[test]
fn what_no_family_fits_stands_for_itself() {
    let two_peaks: Vec<f64> =
        (0..600).map(|n| if n % 2 == 0 { 1.0 } else { 9.0 } + f64::from(n) * 1e-4).collect();
    let fitted = demand::fit(&two_peaks).unwrap();
    assert!(fitted.p_value.unwrap() < 0.02, "{fitted:?}");
    assert!(fitted.is_sample());
    assert!((fitted.law.mean() / fitted.mean - 1.0).abs() < 0.01);
    assert!(
        matches!(demand::fit(&[2.0; 20]).unwrap().law, Distribution::Deterministic { value } if value == 2.0)
    );
}

/// Arrivals whose rate at each instant is given, by thinning.
fn thinned(most: f64, end: f64, seed: u64, rate: &mut dyn FnMut(f64, &mut Stream) -> f64) -> Vec<f64> {
    let (mut stream, mut time, mut times) = (stream(seed), 0.0, Vec::new());
    loop {
        time += stream.exp1() / most;
        if time > end {
            return times;
        }
        if stream.unit() * most < rate(time, &mut stream) {
            times.push(time);
        }
    }
}

#[test]
fn processes_are_told_apart() {
    let poisson = arrivals::fit(&thinned(2.0, 500.0, 1, &mut |_, _| 2.0));
    assert!(matches!(poisson.best(), Process::Poisson(rate) if (rate - 2.0).abs() < 0.2), "{poisson:?}");
    assert!(poisson.p_shape > 0.01 && poisson.p_order > 0.001, "{poisson:?}");
    let steps = arrivals::fit(&thinned(4.0, 500.0, 2, &mut |time, _| if time < 250.0 { 1.0 } else { 4.0 }));
    assert!(matches!(steps.best(), Process::Steps(_)), "{:?}", steps.candidates);
    let regular: Vec<f64> = sample(&Distribution::Gamma { shape: 9.0, scale: 0.1 }, 500, 3)
        .into_iter()
        .scan(0.0, |time, gap| {
            *time += gap;
            Some(*time)
        })
        .collect();
    let renewal = arrivals::fit(&regular);
    assert!(matches!(renewal.best(), Process::Renewal(_)), "{:?}", renewal.candidates);
    let mut fast = false;
    let bursts = arrivals::fit(&thinned(20.0, 400.0, 4, &mut |_, stream| {
        // The state is left after about two seconds on average, at the thinning's own steps.
        if stream.chance(1.0 / 40.0) {
            fast = !fast;
        }
        if fast { 20.0 } else { 1.0 }
    }));
    assert!(matches!(bursts.best(), Process::Modulated(..)), "{:?}", bursts.candidates);
    assert!(bursts.gap_cv > 1.3);
}

fn recording(n: usize) -> Recording {
    let demands = sample(&Distribution::Exponential { mean: 2.0 }, n, 5);
    let mut stream = stream(6);
    let mut at = 0.0;
    let row = |demand: f64| {
        at += stream.exp1();
        let outcome = if stream.chance(0.1) { Outcome::Error } else { Outcome::Ok };
        Row { at, demand, class: 0, outcome: Some(outcome), fate: None }
    };
    Recording {
        rows: demands.into_iter().map(row).collect(),
        classes: vec![String::from("a")],
        ..Recording::default()
    }
}

struct NoFiles;

impl model::Files for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(path.to_owned())
    }
}

#[test]
fn the_text_is_a_model_without_warnings_and_so_is_every_draw() {
    let recording = recording(400);
    let fitted = fit(&recording).unwrap();
    let about = About { name: String::from("fitted"), file: String::from("x\ny"), ..About::default() };
    for number in 0..6 {
        let drawn = (number > 0).then(|| draw(&recording, &fitted, number));
        let text = text::model(&fitted, &about, drawn.as_ref());
        let loaded = model::load("fit", &text, &NoFiles, &[])
            .unwrap_or_else(|error| panic!("{text}\n{}", error.render(false)));
        assert!(loaded.warnings.is_empty(), "{text}");
        assert!(text.contains("fates = { error = 0."), "{text}");
    }
}

#[test]
fn the_uncertainty_of_the_fit_widens_the_prediction() {
    let recording = recording(200);
    let fitted = fit(&recording).unwrap();
    let about = About { name: String::from("fitted"), slots: Some(4), ..About::default() };
    let all = predict(&recording, &fitted, &about, 120).unwrap();
    assert_eq!(all.len(), 5);
    // Both kinds of chance are of one size here, so that the ranges should widen by about the root of two.
    let widths = all.iter().map(|one| (one.drawn.1 - one.drawn.0) / (one.fixed.1 - one.fixed.0));
    let product: f64 = widths.product();
    assert!(product > 2.0 && product < 60.0, "{product}: {all:?}");
}

/// Rows of a recording with these outcomes, a second apart.
fn with_outcomes(column: &str, outcomes: &[(&str, usize)]) -> String {
    let all = outcomes.iter().flat_map(|(text, n)| std::iter::repeat_n(*text, *n));
    let rows: String = all.enumerate().map(|(n, text)| format!("{n},1.5,{text}\n")).collect();
    format!("t,seconds,{column}\n{rows}")
}

#[test]
fn the_shares_of_classes_and_failures_are_uncertain_too() {
    // A twelfth of the requests takes long, and three in five of all fail in one of two ways.
    let row = |n: usize| {
        let (class, demand) = if n.is_multiple_of(12) { ("heavy", 15.0) } else { ("light", 0.8) };
        let outcome = ["error", "error", "crash", "ok", "ok"][n % 5];
        format!("{n},{demand},{class},{outcome}\n")
    };
    let csv = format!("t,seconds,class,outcome\n{}", (0..150).map(row).collect::<String>());
    let recording = read(csv.as_bytes(), &Columns::default()).unwrap();
    let fitted = fit(&recording).unwrap();
    let draws: Vec<_> = (0..200).map(|index| draw(&recording, &fitted, index)).collect();
    let heavy: Vec<f64> = draws.iter().map(|draw| draw.mix[0] / draw.mix.iter().sum::<f64>()).collect();
    let mean = heavy.iter().sum::<f64>() / 200.0;
    let scatter = (heavy.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 199.0).sqrt();
    // Binomial: 13 of 150.
    let (share, error) = (13.0 / 150.0, (13.0 / 150.0 * (137.0 / 150.0) / 150.0f64).sqrt());
    assert!((mean - share).abs() < 0.01 && (scatter / error - 1.0).abs() < 0.2, "{mean} {scatter} {error}");
    let sums = draws.iter().flat_map(|draw| &draw.failures);
    assert!(sums.map(|one| one.iter().map(|one| one.1).sum::<f64>()).all(|sum| sum < 1.0));
    // Where nearly everything fails, every draw is a model.
    let failing = with_outcomes("outcome", &[("error", 36), ("crash", 21), ("ok", 3)]);
    let recording = read(failing.as_bytes(), &Columns::default()).unwrap();
    let about = About { name: String::from("failing"), slots: Some(4), ..About::default() };
    predict(&recording, &fit(&recording).unwrap(), &about, 40).unwrap();
}

#[test]
fn a_figure_that_stretches_are_too_short_for_is_none() {
    let recording = recording(30);
    let about = About { name: String::from("short"), slots: Some(9), ..About::default() };
    let all = predict(&recording, &fit(&recording).unwrap(), &about, 40).unwrap();
    let p95 = all.iter().find(|one| one.metric == "latency_p95").unwrap();
    assert!(
        [p95.value, p95.fixed.0, p95.fixed.1, p95.drawn.0, p95.drawn.1].iter().all(|x| x.is_nan()),
        "{p95:?}"
    );
    assert!(all[0].value > 0.0 && all[0].drawn.1 > all[0].drawn.0, "{all:?}");
}

#[test]
fn outcomes_are_understood_or_told_of() {
    let read_as = |csv: &str, outcome: Option<&str>| {
        read(csv.as_bytes(), &Columns { outcome: outcome.map(String::from), ..Columns::default() })
    };
    for (column, good, bad) in [
        ("outcome", "pass", "fail"),
        ("status", "200 OK", "503 Service Unavailable"),
        ("status", "200.0", "503.0"),
        ("success", "true", "false"),
    ] {
        let csv = with_outcomes(column, &[(good, 45), (bad, 15)]);
        let fitted = fit(&read_as(&csv, None).unwrap()).unwrap();
        let failures = &fitted.classes[0].failures;
        assert_eq!((failures.counts.get("error"), failures.of), (Some(&15), 60), "{column} {good} {bad}");
    }
    // Of those that tell half failed; most do not tell, and some say what nobody knows.
    let csv = with_outcomes("outcome", &[("error", 25), ("ok", 25), ("", 140), ("green", 10)]);
    let recording = read_as(&csv, None).unwrap();
    let failures = &fit(&recording).unwrap().classes[0].failures;
    assert_eq!((failures.counts["error"], failures.of), (25, 50));
    assert!(
        recording
            .notes
            .iter()
            .any(|note| note.contains("10 values of column outcome are no outcome (\"green\")"))
    );
    let strange = with_outcomes("colour", &[("green", 60)]);
    let (error, _) = read_as(&strange, Some("colour")).unwrap_err();
    assert!(error.contains("--outcome colour: no value of it is an outcome (\"green\")"), "{error}");
    let (error, hint) = read_as(&csv, Some("nosuch")).unwrap_err();
    assert!(
        error.contains("--outcome nosuch: there is no such column") && hint.contains("outcome"),
        "{error}"
    );
    let class = Columns { class: Some(String::from("nosuch")), ..Columns::default() };
    assert!(read(csv.as_bytes(), &class).unwrap_err().0.contains("--class nosuch"));
}

#[test]
fn values_that_no_recording_has_are_refused_by_line() {
    let replay = replayed(false);
    let change = |from: &str, to: &str| replay.replacen(from, to, 1);
    let sent = replay.lines().nth(2).unwrap().split(',').nth(6).unwrap().to_owned();
    for (text, words) in [
        (change(&sent, "inf"), "line 3: sent is no number of seconds (\"inf\")"),
        (change(&sent, "NaN"), "line 3: sent"),
        (change(&sent, "-1"), "line 3: sent"),
        (change(",9,ok,", ",inf,ok,"), "line 2: demand"),
        (change(",9,ok,", ",9,strange,"), "line 2: \"strange\" is no fate"),
        (change(",ok,1,1,", ",fine,1,1,"), "line 2: \"fine\" is no outcome"),
    ] {
        let (error, _) = read(text.as_bytes(), &Columns::default()).unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
    }
    for value in ["NaN", "-5", "inf", "1e18"] {
        let k6 = format!("metric_name,timestamp,metric_value\ndata_sent,1,-4\nhttp_req_duration,1,{value}\n");
        let (error, _) = read(k6.as_bytes(), &Columns::default()).unwrap_err();
        assert!(error.contains("line 3: http_req_duration cannot be"), "{value}: {error}");
    }
    // Short is as long as it is, and one instant is no stretch.
    let rows = |step: f64| (0..30).map(|n| format!("{},0.1\n", f64::from(n) * step)).collect::<String>();
    let fitted =
        |step: f64| fit(&read(format!("t,seconds\n{}", rows(step)).as_bytes(), &Columns::default()).unwrap());
    let about = About { name: String::from("short"), ..About::default() };
    assert!(text::model(&fitted(0.01).unwrap(), &about, None).contains("horizon = \"290ms\""));
    assert!(fitted(0.0).unwrap_err().contains("at one instant"));
}

#[test]
fn recordings_are_read_in_every_form() {
    let csv = "arrival_ms,duration_ms,class,outcome\n0,100,a,ok\n500,200,b,error\n250,100,a,ok\n";
    let got = read(csv.as_bytes(), &Columns::default()).unwrap();
    assert_eq!(got.classes, ["a", "b"]);
    assert_eq!(got.rows.iter().map(|row| row.at).collect::<Vec<_>>(), [0.0, 0.25, 0.5]);
    assert_eq!(got.rows[2].outcome, Some(Outcome::Error));
    let formula = Columns { demand: Some(String::from("0.25ms*In+30ms*Out+1ms")), ..Columns::default() };
    let tokens = "TIMESTAMP,In,Out\n2023-11-16 18:17:03.5,4000,10\n2023-11-16 18:17:04,0,1\n";
    let got = read(tokens.as_bytes(), &formula).unwrap();
    assert!((got.rows[0].demand - 1.301).abs() < 1e-9 && (got.rows[1].at - 0.5).abs() < 1e-9, "{got:?}");
    let json = "{\"t\": 1, \"seconds\": 2}\n{\"t\": 3, \"seconds\": 1}\n";
    assert_eq!(read(json.as_bytes(), &Columns::default()).unwrap().rows[1].at, 2.0);
    let array = format!("[\n{}\n]", json.trim_end().replace('\n', ",\n  "));
    assert_eq!(read(array.as_bytes(), &Columns::default()), read(json.as_bytes(), &Columns::default()));
    for times in [
        ["2024/03/01 12:00:05.250", "2024/03/01 12:00:04"],
        ["01/Mar/2024:12:00:05.250 +0000", "[01/Mar/2024:13:00:04 +0100]"],
    ] {
        let rows = times.map(|time| format!("{{\"time\": \"{time}\", \"seconds\": 1}}")).join(", ");
        let got = read(format!("[{rows}]").as_bytes(), &Columns::default()).unwrap();
        assert_eq!(got.rows.iter().map(|row| row.at).collect::<Vec<_>>(), [0.0, 1.25], "{times:?}");
    }
    // k6 states when a request ended: this one was sent 1.5 s before.
    let k6 = "{\"type\":\"Metric\",\"metric\":\"http_req_duration\",\"data\":{}}\n\
        {\"type\":\"Point\",\"metric\":\"http_req_duration\",\"data\":{\"time\":\"2024-05-01T12:00:02.5Z\",\"value\":1500,\"tags\":{\"name\":\"x\",\"expected_response\":\"false\"}}}\n\
        {\"type\":\"Point\",\"metric\":\"http_req_duration\",\"data\":{\"time\":\"2024-05-01T12:00:02Z\",\"value\":250,\"tags\":{\"name\":\"y\",\"expected_response\":\"true\"}}}\n";
    let got = read(k6.as_bytes(), &Columns::default()).unwrap();
    assert_eq!((got.classes.len(), got.rows[0].outcome), (2, Some(Outcome::Error)));
    assert!((got.rows[1].at - 0.75).abs() < 1e-9, "{got:?}");
    let array = format!("[{}]", k6.trim_end().replace('\n', ","));
    assert_eq!(read(array.as_bytes(), &Columns::default()).unwrap(), got);
    let csv = "metric_name,timestamp,metric_value,expected_response,name\nhttp_req_duration,100,500,true,x\n\
        http_req_waiting,100,1,true,x\nhttp_req_duration,101,250,true,x\n";
    let got = read(csv.as_bytes(), &Columns::default()).unwrap();
    assert!(got.rows.len() == 2 && (got.rows[1].at - 1.25).abs() < 1e-9, "{got:?}");
    assert!(got.notes.iter().any(|note| note.contains("whole seconds")));
    for (text, words) in [
        ("a,b\n1,2\n", "no column looks like the time"),
        ("time,b\n1,2\n", "no column looks like a demand"),
        ("time,demand\n1,x\n", "line 2"),
        ("{\"t\": 1", "line 1"),
        ("[{\"t\": 1, \"seconds\": 1},\n", "line 2: not JSON"),
        ("[{\"t\": 1, \"seconds\": 1},\n3]", "line 2: not a JSON object"),
        (
            "time,demand\n03/04/2024 12:00:05,1\n",
            "line 2: column \"time\": \"03/04/2024 12:00:05\" is not a timestamp",
        ),
        ("", "no column"),
    ] {
        let (error, _) = read(text.as_bytes(), &Columns::default()).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    assert!(fit(&Recording::default()).is_err());
}

/// Instants with the gaps that are given, from 0.
fn after(gaps: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let next = |time: &mut f64, gap: f64| {
        *time += gap;
        Some(*time)
    };
    std::iter::once(0.0).chain(gaps.into_iter().scan(0.0, next)).collect()
}

/// The mean rate of requests of what was fitted, per second.
fn rate_of(fitted: &arrivals::ArrivalFit, times: &[f64]) -> f64 {
    let batch = fitted.batches.iter().sum::<usize>() as f64 / fitted.batches.len().max(1) as f64;
    fitted.best().mean_rate(times[times.len() - 1]) * batch.max(1.0)
}

#[test]
fn schedules_and_batches_stay_what_they_are() {
    let mut stream = stream(12);
    let cv = |law: &Distribution| law.variance().sqrt() / law.mean();
    // A timer, a timer whose ticks come a little late, and one whose rate grows.
    let timer = after([0.2; 600]);
    let late: Vec<f64> = (0..600).map(|k| f64::from(k) * 60.0 + stream.unit()).collect();
    for times in [&timer, &late] {
        let fitted = arrivals::fit(times);
        assert!(matches!(fitted.best(), Process::Renewal(law) if cv(law) < 0.02), "{:?}", fitted.best());
        assert!((rate_of(&fitted, times) / fitted.rate - 1.0).abs() < 0.01, "{fitted:?}");
    }
    let faster = after((0..2000).map(|k| 1.0 / (1.0 + f64::from(k) / 400.0)));
    let fitted = arrivals::fit(&faster);
    let Process::Scheduled(law, steps) = fitted.best() else { panic!("{:?}", fitted.best()) };
    assert!(cv(law) < 0.2 && steps[steps.len() - 1].1 > 3.0 * steps[0].1, "{law:?} {steps:?}");
    assert!((rate_of(&fitted, &faster) / fitted.rate - 1.0).abs() < 0.02);
    // Four that come together, after gaps that know nothing of each other.
    let instants = after((0..500).map(|_| stream.exp1()));
    let fours: Vec<f64> = instants.iter().flat_map(|time| [*time; 4]).collect();
    let fitted = arrivals::fit(&fours);
    assert!(
        matches!(fitted.best(), Process::Poisson(rate) if (rate - 1.0).abs() < 0.15),
        "{:?}",
        fitted.best()
    );
    assert!(fitted.batches.iter().all(|size| *size == 4) && (fitted.rate - 4.0).abs() < 0.6);
    // Whole seconds of a clock that is too coarse are no batches.
    let coarse: Vec<f64> =
        after((0..3000).map(|_| 0.1 * stream.exp1())).into_iter().map(f64::floor).collect();
    let fitted = arrivals::fit(&coarse);
    assert!(fitted.batches.is_empty() && fitted.unit == Some(1.0), "{fitted:?}");
    assert!((rate_of(&fitted, &coarse) - 10.0).abs() < 0.6, "{fitted:?}");
}

#[test]
fn plain_poisson_is_seldom_taken_for_something_else() {
    let plain = |seed: u64| {
        let mut stream = stream(100 + seed);
        let fitted = arrivals::fit(&after((0..1000).map(|_| stream.exp1())));
        matches!(fitted.best(), Process::Poisson(_))
    };
    // Three in a hundred by the checks of residuals, and one by the choice.
    let taken = (0..60u64).filter(|seed| plain(*seed)).count();
    assert!(taken >= 54, "{taken} of 60");
}

#[test]
fn a_change_of_rate_in_a_long_recording_is_seen() {
    let mut stream = stream(15);
    let rate = |k: u32| if k < 20_000 { 52.0 } else { 46.0 };
    let times = after((0..40_000).map(|k| stream.exp1() / rate(k)));
    let fitted = arrivals::fit(&times);
    let Process::Steps(steps) = fitted.best() else { panic!("{:?}", fitted.candidates) };
    let (first, last) = (steps[0].1, steps[steps.len() - 1].1);
    assert!((first - 52.0).abs() < 2.0 && (last - 46.0).abs() < 2.0, "{steps:?}");
}

#[test]
fn rare_heavy_work_is_not_lost() {
    let mut stream = stream(16);
    // One in a thousand takes 20 to 60 s; all others a tenth of a second.
    let mixed: Vec<f64> = (0..20_000)
        .map(|k| {
            let light = 0.1 * libm::exp(0.2 * stream.normal());
            if k % 1000 == 7 { 20.0 + 40.0 * stream.unit() } else { light }
        })
        .collect();
    let fitted = demand::fit(&mixed).unwrap();
    assert!(fitted.is_sample() && !fitted.left_out.is_empty(), "{fitted:?}");
    // A heavy tail: its largest values bring most of the scatter.
    let pareto = Distribution::Pareto { shape: 1.6, scale: 0.1, high: None };
    let heavy = demand::fit(&sample(&pareto, 20_000, 17)).unwrap();
    assert!(heavy.is_sample(), "{:?}", heavy.candidates);
    for fitted in [fitted, heavy] {
        assert!((fitted.law.mean() / fitted.mean - 1.0).abs() < 0.01, "{}", fitted.law.mean());
        let cv = fitted.law.variance().sqrt() / fitted.law.mean();
        assert!((cv / fitted.cv - 1.0).abs() < 0.02, "{cv} for {}", fitted.cv);
    }
}

#[test]
fn names_by_the_thousand_and_names_that_look_the_same_are_a_model() {
    // Rounded one by one, so many shares would leave less than nothing for the last.
    let urls: String = (0..2200).map(|n| format!("{n},10,/i/{n}\n")).collect();
    let alike = ["", "unnamed", "a b", "\"a\tb\"", "\"a\nb\""];
    let alike: String = (0..50).map(|n: usize| format!("{},10,{}\n", n * n, alike[n % 5])).collect();
    for (rows, classes) in [(urls, 2200), (alike, 5)] {
        let csv = format!("arrival_ms,duration_ms,class\n{rows}");
        let fitted = fit(&read(csv.as_bytes(), &Columns::default()).unwrap()).unwrap();
        let text = text::model(&fitted, &About { name: String::from("names"), ..About::default() }, None);
        let loaded = model::load("fit", &text, &NoFiles, &[]).map_err(|faults| faults.render(false)).unwrap();
        assert_eq!(loaded.model.classes.len(), classes);
    }
}

#[test]
fn no_law_with_another_mean_than_the_sample_is_used() {
    for seed in 0..30 {
        let mut stream = stream(200 + seed);
        // Evenly on a logarithmic scale over five decades.
        let wide: Vec<f64> = (0..50).map(|_| libm::exp(11.5 * (stream.unit() - 0.5))).collect();
        let fitted = demand::fit(&wide).unwrap();
        let error = fitted.cv * fitted.mean / 50f64.sqrt();
        assert!((fitted.law.mean() - fitted.mean).abs() <= 3.01 * error, "{seed}: {fitted:?}");
    }
}

/// The requests of a replay: two users, or an open source.
fn replayed(users: bool) -> String {
    let mut text = String::from(
        "key,request,source,class,demand,fate,sent,late,started,end,outcome,attempts,hand_overs,waiting,worker,detail\n",
    );
    let mut stream = stream(13);
    let mut clocks = [0.0, 0.1];
    for number in 0..60 {
        let user = number % 2;
        let sent = clocks[user] + 0.5 * stream.exp1();
        let (started, end) = (sent + 0.01, sent + 0.01 + 0.3 * (1.0 + stream.unit()));
        clocks[user] = end;
        let name = if users { format!("0.{user}.{}", number / 2) } else { format!("0.{number}") };
        text.push_str(&format!(
            "{number},{name},web,job,9,ok,{sent:.9},0,{started:.9},{end:.9},ok,1,1,0.01,0,\n"
        ));
    }
    text
}

#[test]
fn the_requests_of_a_replay_are_read_with_their_services_and_their_users() {
    let open = read(replayed(false).as_bytes(), &Columns::default()).unwrap();
    // What a service took, not the nine seconds that were sent.
    assert!(open.rows.iter().all(|row| (0.3..0.6).contains(&row.demand)) && open.users.is_none());
    let closed = read(replayed(true).as_bytes(), &Columns::default()).unwrap();
    let users = closed.users.as_ref().unwrap();
    assert_eq!((users.stays.len(), users.thinks.len()), (2, 58));
    let fitted = fit(&closed).unwrap();
    let about = About { name: String::from("closed"), slots: Some(2), ..About::default() };
    for draw in [None, Some(draw(&closed, &fitted, 1))] {
        let text = text::model(&fitted, &about, draw.as_ref());
        assert!(text.contains("count = 2") && !text.contains("arrivals ="), "{text}");
        let loaded = model::load("fit", &text, &NoFiles, &[]).map_err(|faults| faults.render(false)).unwrap();
        assert!(loaded.warnings.is_empty(), "{text}");
    }
    let (error, _) =
        read(replayed(false).replace(",web,job,9,ok,", ",web,job,9,ok,x").as_bytes(), &Columns::default())
            .unwrap_err();
    assert!(error.contains("line 2: sent"), "{error}");
}

#[test]
fn every_recorded_scenario_becomes_a_model() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/orchestrator/scenarios");
    for (name, words) in [
        ("closed_12vu_p6", "users = {"),
        ("hang2_p6", "hang = 0."),
        ("freeze_p4", "sticky = true"),
        ("crash5_p4", "crash = 0."),
        ("hang2_p6", "heartbeat_timeout = \"3000ms\"\nwarm_start = true\nstart_timeout = \"5000ms\"\n"),
        ("grid_p6_short", "write_error = 0."),
    ] {
        let place = folder.join(name);
        let found = recording::read_scenario(|file| std::fs::read(place.join(file)).ok()).unwrap();
        let recording = read::scenario(&found);
        let about = About {
            name: name.to_owned(),
            slots: Some(found.settings.pool.pool_size),
            recorded: Some(Told::of(&found)),
            constants: recording.pool.constants.clone(),
            ..About::default()
        };
        let text = text::model(&fit(&recording).unwrap(), &about, None);
        assert!(text.contains(words), "{name}: {text}");
        let loaded = model::load("fit", &text, &NoFiles, &[]).map_err(|faults| faults.render(false)).unwrap();
        assert!(loaded.warnings.is_empty(), "{name}: {text}");
    }
}

#[test]
fn a_fitted_pool_has_the_settings_of_the_recorded_one() {
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/orchestrator/scenarios/grid_p6_short");
    let mut found = recording::read_scenario(|file| std::fs::read(place.join(file)).ok()).unwrap();
    (found.settings.pool.max_task_retries, found.settings.pool.heartbeat_timeout_ms) = (0, 2500.0);
    found.settings.pool.worker_start_timeout_ms = 0.0;
    found.settings.run.warm_start = false;
    let about = About { recorded: Some(Told::of(&found)), ..About::default() };
    let text = text::model(&fit(&read::scenario(&found)).unwrap(), &about, None);
    let model =
        model::load("fit", &text, &NoFiles, &[]).map_err(|faults| faults.render(false)).unwrap().model;
    let (settings, life) = (&model.pools[0].settings, &model.pools[0].life);
    assert_eq!(settings.slots, Slots::Limited(6), "{text}");
    assert_eq!(settings.retry.map_or(0, |retry| retry.max), 0, "{text}");
    assert_eq!(settings.worker.heartbeat_timeout, Span::from_millis(2500));
    // Switched off.
    assert!(settings.worker.start_timeout > Span::from_whole_secs(86_400 * 300), "{text}");
    // Six workers that start together are slow; 29 of 104 first writes to killed workers failed.
    assert!(!life.warm_start && life.first_start_up.len() == 6, "{text}");
    assert!(life.first_start_up.iter().all(|span| *span > Span::from_millis(60)), "{text}");
    assert!((life.write_error - 29.0 / 104.0).abs() < 1e-5, "{text}");
}

#[test]
fn waiting_is_taken_out_of_what_clients_saw_where_the_slots_are_known() {
    // Four slots, 80 % busy, first come first served: what clients saw, and what they brought.
    let (mut stream, mut at, mut free) = (stream(14), 0.0f64, [0.0f64; 4]);
    let (mut rows, mut brought) = (Vec::new(), 0.0);
    for _ in 0..2000 {
        at += stream.exp1();
        let work = 3.2 * stream.exp1();
        let slot = (0..4).min_by(|&a, &b| free[a].total_cmp(&free[b])).unwrap();
        free[slot] = free[slot].max(at) + work;
        brought += work;
        rows.push(Row { at, demand: free[slot] - at, class: 0, outcome: None, fate: None });
    }
    let seen = Recording { rows, classes: vec![String::from("a")], latencies: true, ..Recording::default() };
    let sum = |recording: &Recording| recording.rows.iter().map(|row| row.demand).sum::<f64>();
    let mut own = seen.clone();
    own.take_waiting_out(4);
    assert!((sum(&own) / brought - 1.0).abs() < 1e-3 && sum(&seen) > 1.3 * brought);
    // With the wrong number of slots services would run backwards, and nothing is taken out.
    let mut other = seen.clone();
    other.take_waiting_out(1);
    assert!(
        sum(&other) == sum(&seen) && other.notes[0].contains("over before they begin"),
        "{:?}",
        other.notes
    );
}

/// The requests of a replay whose pool tries crashes again: a tenth of executions fails, and none of the retries.
fn retried() -> String {
    let mut text = replayed(false);
    for number in (0..60).step_by(10) {
        let old = text.lines().find(|line| line.starts_with(&format!("{number},"))).unwrap().to_owned();
        text = text.replace(&old, &old.replace(",ok,", ",crash,").replace(",crash,1,1,", ",ok,1,2,"));
    }
    text
}

#[test]
fn a_pool_that_tries_again_is_fitted_with_its_retries_and_with_failures_by_execution() {
    let recording = read(retried().as_bytes(), &Columns::default()).unwrap();
    let about = About { name: String::from("retried"), ..About::default() };
    let text = text::model(&fit(&recording).unwrap(), &about, None);
    // Six of 66 executions: none of the sixty requests ended badly, and none failed twice.
    assert!(text.contains("# 6 of 66 executions went wrong by crash"), "{text}");
    assert!(text.contains("fates = { crash = 0.090909 }"), "{text}");
    assert!(text.contains("retry = { max = 1, on = [\"crash\"], place = \"head\" }"), "{text}");
    let loaded = model::load("fit", &text, &NoFiles, &[]).map_err(|faults| faults.render(false)).unwrap();
    assert!(loaded.warnings.is_empty(), "{text}");
    // In a journal every execution has an end of its own.
    let head = r#"{"schema":"poolsim.journal/1","poolsim":"0","seed":1,"replication":0,"classes":["a"],"pools":[{"name":"main","settings":{"slots":{"limited":1},"discipline":"fifo","queue_capacity":null,"when_full":"reject","idle_order":"lowest_index","service_timeout":null,"retry":{"max":2,"on":8,"place":"head","delay":0,"growth":{"factor":1.0,"step":0,"exponent":1.0,"spread":0,"cap":18446744073709551615},"turn":0},"worker":{"dying_window":false,"start_timeout":18446744073709551615,"heartbeat_timeout":900000000,"recycle_after":0,"crash_radius":"worker","idle_shutdown":18446744073709551615},"admission":[],"reserved":[],"class_weights":[]}}]}"#;
    let mut journal = format!("{head}\n");
    for number in 0..20u64 {
        let mut at = number * 1_000_000_000;
        let mut line = |after: u64, input: &str, does: &str| {
            at += after;
            journal.push_str(&format!("{{\"t\":{at},\"in\":{input},\"do\":[{does}]}}\n"));
        };
        let start = "{\"start\":{\"slot\":0,\"job\":0,\"dying\":false}}";
        let arrive =
            "{\"arrive\":{\"job\":0,\"class\":0,\"priority\":0,\"deadline\":1,\"leave_by\":1,\"size\":30}}";
        line(0, arrive, start);
        if number % 5 == 0 {
            let retried = format!("{{\"retried\":{{\"job\":0,\"outcome\":\"crash\"}}}},{start}");
            line(30_000_000, "{\"exited\":{\"slot\":0,\"crashed\":true}}", &retried);
        }
        let ended = "{\"ended\":{\"job\":0,\"outcome\":\"ok\"}}";
        line(30_000_000, "{\"answer\":{\"slot\":0,\"outcome\":\"ok\"}}", ended);
    }
    let recording = read(journal.as_bytes(), &Columns::default()).unwrap();
    let mut about = About { settings: recording.pool.settings.clone(), ..About::default() };
    let text = text::model(&fit(&recording).unwrap(), &about, None);
    assert!(text.contains("# 4 of 24 executions went wrong by crash"), "{text}");
    assert!(text.contains("retry = { max = 2, on = [\"crash\"]") && !text.contains("sticky"), "{text}");

    // As many slots as the pool was told, however busy they were.
    let mut slots = |slots: Slots, said: Option<u32>| {
        about.settings.as_mut().expect("a journal has them").slots = slots;
        about.slots = said;
        let text = text::model(&fit(&recording).unwrap(), &about, None);
        let loaded = model::load("fit", &text, &NoFiles, &[]).map_err(|faults| faults.render(false));
        assert!(!text.contains("does not say how many slots"), "{text}");
        loaded.unwrap().model.pools[0].settings.slots
    };
    assert_eq!(slots(Slots::Limited(9), None), Slots::Limited(9));
    assert_eq!(slots(Slots::Limited(9), Some(5)), Slots::Limited(5));
    assert_eq!(slots(Slots::Unlimited, None), Slots::Unlimited);
}

#[test]
fn instants_are_read_in_every_unit_and_it_is_said_which_was_taken() {
    let at = [0.0, 0.25, 1.5];
    let unix = |unit: f64| at.map(|at| format!("{}", ((1_700_158_623.0 + at) * unit) as u64));
    let plain = |unit: f64| at.map(|at| format!("{}", (at * unit) as u64));
    let iso = ["20231116T181703Z", "20231116T181703.25Z", "20231116T181704.5Z"].map(String::from);
    let secs = ["1700158623", "1700158623.25", "1700158624.5"].map(String::from);
    for (header, times, note) in [
        ("timestamp,duration", &secs, "seconds since 1970"),
        ("timestamp,duration", &unix(1e3), "milliseconds since 1970"),
        ("ts,duration", &unix(1e6), "microseconds since 1970"),
        ("ts;duration", &unix(1e9), "nanoseconds since 1970"),
        ("timestamp_ms\tduration", &unix(1e3), ""),
        ("arrival_us,duration", &plain(1e6), ""),
        ("arrival_ns;duration", &plain(1e9), ""),
        ("timestamp;duration", &iso, ""),
    ] {
        let mark = header.chars().find(|c| ",;\t".contains(*c)).unwrap();
        let lines: Vec<String> = times.iter().map(|time| format!("{time}{mark}0.5")).collect();
        let got = read(format!("{header}\n{}\n", lines.join("\n")).as_bytes(), &Columns::default()).unwrap();
        for (row, at) in got.rows.iter().zip(at) {
            assert!((row.at - at).abs() < 1e-5 && row.demand == 0.5, "{header}: {got:?}");
        }
        assert!(
            got.notes.iter().any(|one| one.contains(note)) || note.is_empty(),
            "{header}: {:?}",
            got.notes
        );
    }
    // Whole numbers say nothing of their unit: seconds are assumed, and a unit can be written.
    let whole = b"time,duration\n1000,20\n3000,50\n";
    let got = read(whole, &Columns::default()).unwrap();
    assert!(got.rows[1].at == 2000.0 && got.notes.len() == 2 && got.notes[0].contains("1ms*time"), "{got:?}");
    let written = Columns {
        time: Some(String::from("1ms*time")),
        demand: Some(String::from("1ms*duration")),
        ..Columns::default()
    };
    let got = read(whole, &written).unwrap();
    assert!(got.rows[1].at == 2.0 && got.rows[1].demand == 0.05 && got.notes.is_empty(), "{got:?}");
    let jmeter = "timeStamp,elapsed,label,Latency\n1700158623062,93,a,9\n1700158623077,402,a,9\n";
    let got = read(jmeter.as_bytes(), &Columns::default()).unwrap();
    assert!((got.rows[1].at - 0.015).abs() < 1e-5 && got.rows[1].demand == 0.402, "{got:?}");
}
