//! The report page: complete, alone, safe, and the same every time. `tests/browser/` opens it.

use super::{pictures, sample};
use poolsim::experiment::agreement::{Agreed, Agreement, Terms};
use poolsim::experiment::{Record, Scope, Unit};
use poolsim::report::chart::{self, Style, Theme};
use poolsim::report::text::{self, Look};
use poolsim::report::{html, markdown};
use poolsim::stats::Equivalence;

fn page(record: &Record) -> String {
    html::page(record, &chart::all(record, &Style::default()), None).unwrap()
}

fn sweep() -> Record {
    pictures::sweep(&[2, 4, 5, 6, 8, 10], &[30, 60, 120, 300], Some(9))
}

#[test]
fn a_page_asks_for_nothing() {
    for record in [pictures::run(), sweep(), pictures::replay(), pictures::empty()] {
        let text = page(&record);
        for part in ["src=\"", "href=\"", "url(", "action=\"", "srcset="] {
            for (at, _) in text.match_indices(part) {
                let target = &text[at + part.len()..];
                let inside = target.starts_with('#') || target.starts_with("data:");
                assert!(inside, "{part}{}", target.chars().take(60).collect::<String>());
            }
        }
        for word in ["@import", "<iframe", "<object", "<embed", "fetch(", "XMLHttpRequest", "import("] {
            assert!(!text.contains(word), "{word}");
        }
        assert!(text.contains("default-src 'none'"));
        assert!(text.len() < 2_000_000, "{} bytes", text.len());
    }
}

#[test]
fn a_page_says_everything() {
    let text = page(&pictures::run());
    for word in [
        "orchestrator",
        "1 of 3 objectives is missed",
        "word missed",
        "word undecided",
        "word met",
        "A pool of workers",
        "chart-timeline",
        "chart-distribution",
        "Where time goes",
        "How sure we are",
        "What was assumed",
        "The model as meant",
        "poolsim run models/orchestrator.toml --seed 7",
        "0123456789abcdef",
        "about 79 replications would reach it",
        "MIT",
    ] {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn a_page_of_a_search_has_its_proof_and_its_reasons() {
    let text = page(&pictures::sizing());
    for word in [
        "Why this size",
        "3 slots fail by latency_p95 &lt;of&gt;",
        "The proof",
        "unstable: no limit",
        "chart-capacity",
    ] {
        assert!(text.contains(word), "{word}");
    }
    assert!(!page(&sweep()).contains("Why this size"));
}

/// Tags that open close in the right order.
#[track_caller]
fn balanced(text: &str) {
    const EMPTY: [&str; 12] =
        ["meta", "link", "br", "rect", "line", "polyline", "polygon", "circle", "path", "image", "hr", "img"];
    let (mut open, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let end = rest.find('>').expect("every tag ends");
        let tag = &rest[..end];
        let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric()).collect();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "closing {tag}");
        } else if !tag.ends_with('/') && !EMPTY.contains(&name.as_str()) {
            if name == "script" || name == "style" {
                let close = format!("</{name}>");
                let after = rest.find(&close).expect("scripts and styles end");
                rest = &rest[after + close.len()..];
                continue;
            }
            // A rectangle that says something has its title inside, and is closed; others close themselves.
            open.push(name);
        } else if name == "rect" && !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end.min(rest.len())..];
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_page_is_well_formed_whatever_the_names_are() {
    balanced(&page(&sweep()));
    let mut record = pictures::run();
    record.name = String::from("</script><script>alert(1)</script>");
    record.description = String::from("<img src=x onerror=alert(1)> & \"quotes\"");
    record.points[0].parts.classes[0] = String::from("</title><b>");
    record.points[0].parts.phases[0].name = String::from("</script>");
    record.model.text = String::from("# </pre></script>\n");
    let text = page(&record);
    balanced(&text);
    assert_eq!(text.matches("<script").count(), 3);
    assert!(!text.contains("<img"));
}

#[test]
fn ids_are_unique_and_pictures_have_words() {
    let text = page(&sweep());
    let mut ids: Vec<&str> =
        text.split(" id=\"").skip(1).map(|part| part.split('"').next().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert_eq!(text.matches("<svg ").count(), text.matches("role=\"img\" aria-labelledby").count());
    for part in text.split("<desc id=\"").skip(1) {
        assert!(part.split('>').nth(1).unwrap().len() > 30);
    }
}

#[test]
fn the_same_record_gives_the_same_page() {
    let record = sweep();
    assert_eq!(page(&record), page(&Record::from_json(&record.to_json()).unwrap()));
}

#[test]
fn a_theme_that_is_told_holds() {
    let record = pictures::run();
    let charts = chart::all(&record, &Style::default());
    let dark = html::page(&record, &charts, Some(Theme::Dark)).unwrap();
    assert!(dark.contains("data-scheme=\"dark\"") && !dark.contains("prefers-color-scheme: dark){:root"));
    let light = html::page(&record, &charts, Some(Theme::Light)).unwrap();
    assert!(light.contains("data-scheme=\"light\"") && !light.contains("@media screen{"));
}

#[test]
fn pages_are_written_where_asked() {
    let Some(folder) = std::env::var_os("POOLSIM_PAGES") else { return };
    let records = [("run", pictures::run()), ("sweep", sweep()), ("load", pictures::load_sweep())];
    for (name, record) in records {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), page(&record)).unwrap();
    }
}

#[test]
fn a_page_says_when_replications_were_enough_and_when_one_ends() {
    let mut run = pictures::run();
    let text = page(&run);
    assert!(text.contains("times that objectives bound were known to ±2 % of their value"));
    assert!(text.contains("Each replication ends after 40 min of simulated time."));
    run.settings.drain = true;
    run.points[0].replications = 1;
    run.points[0].verdicts.clear();
    let text = page(&run);
    assert!(
        text.contains("Requests are sent for 40 min of simulated time; a replication ends when the last")
    );
    assert!(text.contains("latency were known to ±2 %") && text.contains("<p>1 replication, "));
    // A search looks for verdicts, not for narrow intervals.
    let text = page(&pictures::sizing());
    assert!(!text.contains("±2 % of their value") && text.contains("wrong in at most 5 % of cases"));
}

#[test]
fn differences_of_shares_are_percentage_points() {
    let mut record = pictures::check();
    let agreed = |metric: &str, unit, first: f64, difference, margin| Agreed {
        metric: String::from(metric),
        scope: Scope::default(),
        unit,
        first: Some(first),
        second: Some(first + difference),
        difference: sample::estimate(difference, 0.004),
        margin,
        verdict: Equivalence::Undecided,
        p_value: 0.1,
    };
    record.study.agreements = vec![Agreement {
        how: String::from("records"),
        first: String::from("a"),
        second: String::from("b"),
        verdict: Equivalence::Undecided,
        terms: Terms::default(),
        figures: vec![
            agreed("prob_timeout", Unit::Ratio, 0.05, -0.012, 0.02),
            agreed("latency_p95", Unit::Seconds, 12.0, 0.21, 0.6),
        ],
        requests: None,
    }];
    // The faces tell what agrees where a record has two sides.
    record.points.push(record.points[0].clone());
    let html = page(&record);
    for cell in [">5 %</td>", ">3.8 %</td>", ">-1.2 pp ±0.4</td>", ">±2 pp</td>"] {
        assert!(html.contains(cell), "{cell}");
    }
    // Times of a row have one unit.
    for cell in [">12 s</td>", ">12.2 s</td>", ">0.210 s ±0.004</td>", ">±0.6 s</td>"] {
        assert!(html.contains(cell), "{cell}");
    }
    for text in [text::page(&record, Look { width: 200, ..Look::PLAIN }), markdown::document(&record)] {
        assert!(text.contains("-1.2 pp ±0.4") && text.contains("±2 pp"), "{text}");
    }
}
