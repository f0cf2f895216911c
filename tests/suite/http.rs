//! Jobs over HTTP, against the service of `examples/orchestrator_service.py`: what it answers, how it misbehaves, and
//! that each job has one end whatever happens.

use crate::service::{Service, ends, job, until};
use poolsim::live::clock::Clock;
use poolsim::live::http::HttpTarget;
use poolsim::live::target::Target;
use poolsim::model::{self, Files, Model, NoFiles};
use poolsim::outcome::Outcome;
use poolsim::time::{Span, Time};
use poolsim::workload::trace::Fate;
use std::sync::mpsc::channel;

/// A model with these classes and this text in `[target.http]`.
fn model(classes: &[&str], target: &str, files: &dyn Files) -> Model {
    let classes: String = classes.iter().map(|name| format!("[class.{name}]\ndemand = \"1ms\"\n")).collect();
    let text = format!(
        "[run]\nhorizon = \"1s\"\n{classes}\
         [pool.main]\nslots = 1\n\
         [source.web]\npool = \"main\"\nmix = {{ {} = 1 }}\narrivals = {{ rate = \"1/s\" }}\n\
         [target.http]\n{target}",
        first(&classes)
    );
    match model::load("http.toml", &text, files, &[]) {
        Ok(loaded) => loaded.model,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

fn first(classes: &str) -> &str {
    classes.lines().next().unwrap().trim_start_matches("[class.").trim_end_matches(']')
}

fn target(model: &Model) -> HttpTarget {
    HttpTarget::new(model, model.targets.http.as_ref().unwrap())
}

const BODY: &str = "path = \"/api/v1/validators/runtime\"\n\
    headers = { x-misbehave = \"{class}\" }\n\
    body = '{ \"id\": {id}, \"demand_ms\": {demand_ms}, \"fate\": \"{fate}\" }'\n";

#[test]
fn each_answer_and_each_misbehaviour_is_one_end() {
    let Some(service) = Service::start(&["--request-timeout-ms", "200"]) else { return };
    let classes =
        ["none", "reset", "close", "stall", "endless", "garbage", "404", "429", "503", "504", "mine"];
    let text = format!(
        "url = \"{}\"\n{BODY}timeout = \"30s\"\nresponse_max = 10000\n\
         [target.http.class.stall]\ntimeout = \"400ms\"\n\
         [target.http.class.404]\noutcomes = {{ 4xx = \"crash\" }}\n\
         [target.http.class.mine]\nbody = \"no JSON\"\noutcomes = {{ 400 = \"rejected\" }}\n",
        service.url()
    );
    let model = model(&classes, &text, &NoFiles);
    let mut target = target(&model);
    let (sender, reports) = channel();
    target.open(Clock::start(1.0), sender).unwrap();
    let fates = [Fate::Ok, Fate::Error, Fate::Hang];
    for (index, fate) in fates.into_iter().enumerate() {
        target.submit(job(100 + index as u64, 0, Span::from_millis(5), fate));
    }
    for class in 1..classes.len() {
        target.submit(job(class as u64, class as u16, Span::from_millis(1), Fate::Ok));
    }
    let ends = ends(&reports, classes.len() - 1 + fates.len());
    let expected = [
        (100, Outcome::Ok, "200"),
        (101, Outcome::Error, "500: {\"error\": \"GENERATION_ERROR\"}"),
        (102, Outcome::Error, "500: {\"error\": \"REQUEST_TIMEOUT\"}"),
        (1, Outcome::Error, "reset"),
        (2, Outcome::Error, "closed"),
        (3, Outcome::Timeout, "no answer after 400ms"),
        (4, Outcome::Error, "longer than 10000 bytes"),
        (5, Outcome::Error, "invalid HTTP"),
        (6, Outcome::Crash, "404"),
        (7, Outcome::Rejected, "429"),
        (8, Outcome::Rejected, "503"),
        (9, Outcome::Timeout, "504"),
        (10, Outcome::Rejected, "400"),
    ];
    for (id, outcome, part) in expected {
        let (found, detail, at) = &ends[&id];
        assert_eq!(*found, outcome, "job {id}: {detail}");
        assert!(detail.contains(part), "job {id}: {detail}");
        assert!(*at > Time::ZERO);
    }
    target.close(Span::ZERO).unwrap();
    assert!(reports.recv().is_err(), "something was reported after the end");
}

#[test]
fn a_time_out_is_told_in_the_models_time() {
    let Some(service) = Service::start(&[]) else { return };
    let text = format!("url = \"{}\"\n{BODY}timeout = \"1s\"\n", service.url());
    let model = model(&["stall"], &text, &NoFiles);
    let mut fast = target(&model);
    let (sender, reports) = channel();
    fast.open(Clock::start(5.0), sender).unwrap();
    fast.submit(job(0, 0, Span::from_millis(1), Fate::Ok));
    assert_eq!(ends(&reports, 1)[&0].1, "no answer after 1s");
    fast.close(Span::ZERO).unwrap();
}

#[test]
fn what_a_service_refuses_is_an_end_and_an_absent_one_an_error() {
    let Some(service) = Service::start(&[]) else { return };
    let text = format!("url = \"{}\"\n{BODY}outcomes = {{ connect = \"rejected\" }}\n", service.url());
    let model = model(&["refuse"], &text, &NoFiles);
    let mut one = target(&model);
    let (sender, reports) = channel();
    one.open(Clock::start(1.0), sender).unwrap();
    one.submit(job(0, 0, Span::from_millis(1), Fate::Ok));
    assert_eq!(ends(&reports, 1)[&0].0, Outcome::Ok);
    // The kept line may still stand for a moment; after that there is nobody.
    let refused = (1..100).find_map(|id| {
        one.submit(job(id, 0, Span::from_millis(1), Fate::Ok));
        ends(&reports, 1).remove(&id).filter(|(outcome, ..)| *outcome == Outcome::Rejected)
    });
    assert!(refused.unwrap().1.contains("connection refused"));
    one.close(Span::ZERO).unwrap();

    let mut late = target(&model);
    let error = late.open(Clock::start(1.0), channel().0).unwrap_err();
    assert!(error.text.contains("could not reach http://127.0.0.1:"), "{}", error.text);
    assert!(error.text.contains("connection refused") && error.hint.contains("start the service"));
}

#[test]
fn a_withdrawn_job_closes_its_connection() {
    let Some(service) = Service::start(&[]) else { return };
    let model = model(&["none"], &format!("url = \"{}\"\n{BODY}", service.url()), &NoFiles);
    let mut target = target(&model);
    let (sender, reports) = channel();
    target.open(Clock::start(1.0), sender).unwrap();
    for id in 0..20 {
        target.submit(job(id, 0, Span::from_whole_secs(600), Fate::Ok));
    }
    until(|| service.count("requests") == 20);
    for id in 0..10 {
        target.cancel(id);
    }
    target.cancel(77);
    let withdrawn = ends(&reports, 10);
    assert!(withdrawn.iter().all(|(id, end)| *id < 10 && end.0 == Outcome::Cancelled), "{withdrawn:?}");
    until(|| service.count("withdrawn") == 10);
    // Closing ends the rest the same way, and at once.
    target.close(Span::ZERO).unwrap();
    let rest = ends(&reports, 10);
    assert!(rest.iter().all(|(id, end)| *id >= 10 && end.0 == Outcome::Cancelled), "{rest:?}");
    until(|| service.count("withdrawn") == 20);
    assert!(reports.recv().is_err());
}

#[test]
fn closing_waits_for_jobs_as_long_as_it_may() {
    let Some(service) = Service::start(&[]) else { return };
    let model = model(&["none"], &format!("url = \"{}\"\n{BODY}", service.url()), &NoFiles);
    let mut target = target(&model);
    let (sender, reports) = channel();
    target.open(Clock::start(1.0), sender).unwrap();
    (0..5).for_each(|id| target.submit(job(id, 0, Span::from_millis(50), Fate::Ok)));
    target.close(Span::from_whole_secs(60)).unwrap();
    assert!(ends(&reports, 5).values().all(|end| end.0 == Outcome::Ok));
    assert!(target.said()[0].contains("5 requests"), "{:?}", target.said());
}

#[test]
fn lines_are_kept_where_the_model_says_so() {
    for (keep, connections) in [("true", 1), ("false", 11)] {
        let Some(service) = Service::start(&[]) else { return };
        let text = format!("url = \"{}\"\nkeep_alive = {keep}\n{BODY}", service.url());
        let model = model(&["none"], &text, &NoFiles);
        let mut target = target(&model);
        let (sender, reports) = channel();
        target.open(Clock::start(1.0), sender).unwrap();
        for id in 0..10 {
            target.submit(job(id, 0, Span::ZERO, Fate::Ok));
            assert_eq!(ends(&reports, 1)[&id].0, Outcome::Ok);
        }
        target.close(Span::ZERO).unwrap();
        // The count is asked for over a connection of its own.
        assert_eq!(service.count("connections"), connections + 1, "keep_alive = {keep}");
    }
}

/// The test's own certificates.
struct Certificates;

impl Files for Certificates {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(crate::service::data(&format!("tls/{name}"))).map_err(|error| error.to_string())
    }
}

/// A service that shows a certificate.
fn secure(cert: &str, key: &str) -> Option<(Service, String)> {
    let (cert, key) = (crate::service::data(cert), crate::service::data(key));
    let service = Service::start(&["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()])?;
    let url = service.url().replace("http://", "https://");
    Some((service, url))
}

#[test]
fn tls_is_spoken_with_services_that_a_named_authority_vouches_for() {
    let Some((_service, url)) = secure("tls/cert.pem", "tls/key.pem") else { return };
    let trusting = model(&["none"], &format!("url = \"{url}\"\nca = \"ca.pem\"\n{BODY}"), &Certificates);
    let mut one = target(&trusting);
    let (sender, reports) = channel();
    one.open(Clock::start(1.0), sender).unwrap();
    one.submit(job(1, 0, Span::ZERO, Fate::Ok));
    assert_eq!(ends(&reports, 1)[&1].1, "200");
    one.close(Span::ZERO).unwrap();

    let strange = model(&["none"], &format!("url = \"{url}\"\n{BODY}"), &NoFiles);
    let error = target(&strange).open(Clock::start(1.0), channel().0).unwrap_err();
    let untrusting = error.text.contains("TLS") || error.text.contains("trusts no certificate authority");
    assert!(untrusting, "{}", error.text);
}

#[test]
fn a_certificate_that_is_named_itself_is_trusted_for_its_names_and_no_other_is() {
    // As openssl makes them by itself: signed by itself, and said to be an authority.
    let Some((_service, url)) = secure("tls/self.pem", "tls/self-key.pem") else { return };
    let open = |url: &str, ca: &str| {
        let model = model(&["none"], &format!("url = \"{url}\"\nca = \"{ca}\"\n{BODY}"), &Certificates);
        target(&model).open(Clock::start(1.0), channel().0)
    };
    open(&url, "self.pem").expect("the certificate is the named one");
    let other = open(&url, "ca.pem").unwrap_err();
    assert!(
        other.text.ends_with("TLS: its certificate is that of an authority, not of a service"),
        "{other}"
    );
    assert!(other.hint.contains("the certificate itself") && other.hint.contains("ca ="), "{}", other.hint);
    // The same service by a name that it does not have.
    assert!(url.contains("127.0.0.1") || url.contains("localhost"), "{url}");
    let stranger = url.replace("127.0.0.1", "127.0.0.2").replace("localhost", "127.0.0.2");
    let error = open(&stranger, "self.pem").unwrap_err();
    assert!(error.text.contains("not valid for") || error.text.contains("refused"), "{error}");
}

#[test]
fn a_service_that_is_told_demands_and_fates_can_be_asked_for_them() {
    let told = |body: &str| {
        let text = format!("url = \"http://127.0.0.1:9\"\nbody = '{body}'\n");
        let can = target(&model(&["none"], &text, &NoFiles)).capabilities();
        (can.takes_demands, can.takes_fates, can.reports_starts, can.cancels)
    };
    assert_eq!(told("{demand_s}"), (true, false, false, true));
    assert_eq!(told("{ \"d\": {demand_ms}, \"f\": \"{fate}\" }"), (true, true, false, true));
    assert_eq!(told("{{fate}}"), (false, false, false, true));
}
