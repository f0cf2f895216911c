//! Traces that read well, and one for each way of reading badly.

use super::*;

fn csv() -> TraceSettings {
    TraceSettings {
        format: TraceFormat::Csv,
        time: TimeColumn { column: String::from("at"), unit: TimeUnit::Seconds },
        demand: vec![(Some(String::from("work")), 1.0)],
        class: None,
        classes: vec![String::from("short"), String::from("long")],
        fate: None,
        speed: 1.0,
        limit: None,
    }
}

fn full() -> TraceSettings {
    TraceSettings { class: Some(String::from("kind")), fate: Some(String::from("fate")), ..csv() }
}

fn times(trace: &Trace) -> Vec<f64> {
    trace.rows.iter().map(|row| row.at.secs()).collect()
}

#[test]
fn a_csv_trace_reads_whatever_its_line_ends() {
    let plain = "at,kind,work,fate\n0.5,long,2,ok\n1.25,short,0.125,\n1.25,long,3,crash1";
    let expected =
        [(0.5, 2000, 1, Some(Fate::Ok)), (1.25, 125, 0, None), (1.25, 3000, 1, Some(Fate::CrashOnce))].map(
            |(at, demand, class, fate)| TraceRow {
                at: Time::ZERO + Span::from_secs(at),
                demand: Span::from_millis(demand),
                class,
                fate,
            },
        );
    let windows = plain.replace('\n', "\r\n") + "\r\n";
    let quoted = plain.replace("long", "\"long\"").replace("at,", "\u{feff}at,");
    let blank = plain.replace('\n', "\n\n");
    for text in [plain, &windows, &quoted, &blank] {
        let trace = read(text.as_bytes(), &full()).unwrap();
        assert_eq!(*trace.rows, expected, "{text:?}");
    }
}

#[test]
fn json_lines_read_like_csv() {
    let text = "{\"at\": 0.5, \"kind\": \"long\", \"work\": \"2\", \"fate\": null, \"note\": [1]}\r\n\n\
                {\"work\": 1, \"fate\": \"hang\", \"kind\": \"short\", \"at\": 2}";
    let trace = read(text.as_bytes(), &TraceSettings { format: TraceFormat::Json, ..full() }).unwrap();
    assert_eq!(times(&trace), [0.5, 2.0]);
    assert_eq!((trace.rows[0].class, trace.rows[0].fate), (1, None));
    assert_eq!((trace.rows[1].class, trace.rows[1].fate), (0, Some(Fate::Hang)));
}

#[test]
fn an_array_of_objects_reads_like_lines_of_them() {
    let settings = TraceSettings { format: TraceFormat::Json, ..full() };
    let lines = "{\"at\": 0.5, \"kind\": \"long\", \"work\": 2, \"fate\": \"ok\"}\n\
        {\"at\": 2, \"kind\": \"short\", \"work\": 1, \"fate\": null}\n";
    let expected = read(lines.as_bytes(), &settings).unwrap();
    let array = format!("\u{feff}[{}]", lines.trim_end().replace("}\n", "},\n"));
    let pretty = array.replace(", \"", ",\n    \"").replace("}\n", "\n  }\r\n");
    for text in [array, pretty] {
        assert_eq!(read(text.as_bytes(), &settings).unwrap(), expected, "{text}");
    }
    let faulty = "[\n{\"at\": 1, \"work\": 2},\n\n{\"at\": 1},\n7,\n{\"at\": 2, \"wo";
    let faults = read(faulty.as_bytes(), &TraceSettings { format: TraceFormat::Json, ..csv() }).unwrap_err();
    let lines: Vec<u64> = faults.first.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [4, 5, 6], "{faults}");
    assert!(
        faults.to_string().ends_with("line 6: not JSON at character 13 (is the file cut off?)"),
        "{faults}"
    );
    let limited = TraceSettings { format: TraceFormat::Json, limit: Some(1), ..csv() };
    assert_eq!(times(&read(faulty.as_bytes(), &limited).unwrap()), [1.0]);
}

#[test]
fn dates_are_instants_where_they_are_plain_and_refused_by_place_where_they_are_not() {
    let mut settings = csv();
    settings.time.unit = TimeUnit::Timestamp;
    for text in [
        "at,work\n2024/03/01 12:00:05.5,1\n2024/03/01 12:00:07,2\n",
        "at,work\n[01/Mar/2024:12:00:05.500 +0000],1\n01/Mar/2024:13:00:07 +0100,2\n",
    ] {
        assert_eq!(times(&read(text.as_bytes(), &settings).unwrap()), [0.0, 1.5], "{text}");
    }
    let found = fault(b"at,work\n2024/03/01 12:00:05,1\n03/04/2024 12:00:05,1\n", &settings);
    assert!(
        found.starts_with("line 3: column \"at\": \"03/04/2024 12:00:05\" is not a timestamp:"),
        "{found}"
    );
    assert!(found.contains("day and which the month") && found.contains("(such as 2023-11-16"), "{found}");
    let found = fault(b"at,work\n03/04/2024,1\n", &csv());
    assert!(found.contains("give the unit of the time column as timestamp"), "{found}");
}

#[test]
fn numbers_count_from_the_start_of_the_run_and_timestamps_from_the_earliest_row() {
    let mut settings = csv();
    settings.time.unit = TimeUnit::Millis;
    assert_eq!(times(&read(b"at,work\n1500,1\n2500,1\n", &settings).unwrap()), [1.5, 2.5]);
    // Numbers of the size of a Unix time are no instants of a run: they count from the earliest of them.
    assert_eq!(times(&read(b"at,work\n1700158623062,1\n1700158622562,1\n", &settings).unwrap()), [0.0, 0.5]);
    settings.time.unit = TimeUnit::Nanos;
    assert_eq!(times(&read(b"at;work\n1500000000;1\n2500000000;1\n", &settings).unwrap()), [1.5, 2.5]);
    settings.time.unit = TimeUnit::Micros;
    assert_eq!(times(&read(b"at\twork\n1500000\t1\n2500000\t1\n", &settings).unwrap()), [1.5, 2.5]);
    settings.time.unit = TimeUnit::Timestamp;
    let text = b"at,work\n2024-01-01 00:00:02,1\n2024-01-01 00:00:00.5,2\n";
    assert_eq!(times(&read(text, &settings).unwrap()), [0.0, 1.5]);
}

#[test]
fn rows_out_of_order_are_sorted_and_ties_keep_their_order() {
    let trace = read(b"at,work\n3,1\n1,2\n3,3\n1,4\n", &csv()).unwrap();
    let demands: Vec<f64> = trace.rows.iter().map(|row| row.demand.secs()).collect();
    assert_eq!(demands, [2.0, 4.0, 1.0, 3.0]);
}

#[test]
fn demands_are_formulas_of_columns() {
    let term = |column: &str, factor| (Some(String::from(column)), factor);
    let settings =
        TraceSettings { demand: vec![term("prompt", 0.25e-3), term("answer", 0.03), (None, 0.5)], ..csv() };
    let trace = read(b"at,prompt,answer\n0,4000,10\n", &settings).unwrap();
    assert_eq!(trace.rows[0].demand, Span::from_millis(1800));
}

#[test]
fn speed_compresses_time_and_a_limit_cuts_the_file() {
    let settings = TraceSettings { speed: 4.0, limit: Some(2), ..csv() };
    assert_eq!(times(&read(b"at,work\n2,1\n4,1\nbroken", &settings).unwrap()), [0.5, 1.0]);
}

/// What reading `text` says: line, column, message and hint.
fn fault(text: &[u8], settings: &TraceSettings) -> String {
    read(text, settings).unwrap_err().to_string()
}

#[test]
fn every_fault_names_its_place() {
    let rows: [(&[u8], &str); 19] = [
        (b"", "the trace is empty"),
        (b"at,work\n", "the trace has no rows"),
        (b"at,wrok\n1,2\n", "line 1: column \"work\": the trace has no such column (did you mean \"wrok\"?)"),
        (b"zz,qq\n1,2\n", "line 1: column \"at\": the trace has no such column (known are zz, qq)"),
        (b"at,work,at\n1,2,3\n", "line 1: column \"at\": the header names this column twice"),
        (b"at,work\n1,2\n1,two\n", "line 3: column \"work\": \"two\" is not a number"),
        (b"at,work\r\n\r\n1,2\r\n1,two\r\n", "line 4: column \"work\": \"two\" is not a number"),
        (b"at,work\n1,\n", "line 2: column \"work\": the field is empty"),
        (b"at,work\n1,NaN\n", "line 2: column \"work\": NaN is not a finite number"),
        (b"at,work\n1,1e999\n", "line 2: column \"work\": 1e999 is not a finite number"),
        (b"at,work\n-1,2\n", "line 2: column \"at\": -1 is negative"),
        (b"at,work\n1,2\n1\n", "line 3: the row has 1 fields, the header has 2 (is the file cut off?)"),
        (b"at,work\n1,2,3\n", "line 2: the row has 3 fields, the header has 2 (is a comma not quoted?)"),
        (b"at,work\n1,\xff\n", "line 2: the line is not UTF-8"),
        (b"at\xff,work\n1,2\n", "line 1: the line is not UTF-8"),
        (b"at,work\n1e40,2\n", "line 2: column \"at\": 1e40 is too late"),
        (
            b"at,work\n170015862,2\n",
            "line 2: column \"at\": the request arrives after the longest possible run",
        ),
        (b"at,work\n1,1e12\n", "line 2: the demand is longer than the longest possible run"),
        (b"at,work\n2024-01-01 00:00:00,1\n", "give the unit of the time column as timestamp"),
    ];
    for (text, expected) in rows {
        let found = fault(text, &csv());
        assert!(found.contains(expected), "{found}\nshould say\n{expected}");
    }
}

#[test]
fn every_faulty_row_is_told_up_to_a_few() {
    let text = b"at,work\n1,2\n1,two\n-1,2\n2,3\n1\n";
    let faults = read(text, &csv()).unwrap_err();
    assert_eq!(faults.first.iter().map(|fault| fault.line).collect::<Vec<_>>(), [3, 4, 6]);
    assert_eq!(faults.more, 0);
    let json = b"{\"at\": 1}\n{\"at\": 1, \"work\": 2}\n[3]\n{\"at\": 1, \"work\": -2}\n";
    let faults = read(json, &TraceSettings { format: TraceFormat::Json, ..csv() }).unwrap_err();
    assert_eq!(faults.first.iter().map(|fault| fault.line).collect::<Vec<_>>(), [1, 3, 4]);
    let many = format!("at,work\n{}", "x,1\n".repeat(1000));
    let faults = read(many.as_bytes(), &csv()).unwrap_err();
    assert_eq!((faults.first.len(), faults.more), (TraceFaults::SHOWN, 995));
    assert!(faults.to_string().ends_with("; 995 more rows are faulty"), "{faults}");
    let faults = read("at,work\nx,1\nx,1\nx,1\nx,1\nx,1\nx,1\n".as_bytes(), &csv()).unwrap_err();
    assert_eq!(faults.others().as_deref(), Some("1 more row is faulty"));
}

#[test]
fn unknown_words_name_the_nearest_known_one() {
    let text = |kind: &str, fate: &str| format!("at,work,kind,fate\n1,2,{kind},{fate}\n");
    assert_eq!(
        fault(text("shrt", "ok").as_bytes(), &full()),
        "line 2: column \"kind\": the model has no class \"shrt\" (did you mean \"short\"?)"
    );
    assert_eq!(
        fault(text("short", "crashed").as_bytes(), &full()),
        "line 2: column \"fate\": \"crashed\" is not a fate (did you mean \"crash\"?)"
    );
}

#[test]
fn faulty_json_names_its_line() {
    let settings = TraceSettings { format: TraceFormat::Json, ..csv() };
    let good = "{\"at\": 1, \"work\": 2}\n";
    let rows = [
        (
            "{\"at\": 1, \"wok\": 2}",
            "line 2: column \"work\": the row has no such field (did you mean \"wok\"?)",
        ),
        ("{\"at\": 1, ", "line 2: not JSON at character 10 (is the file cut off?)"),
        ("[1, 2]", "line 2: not a JSON object"),
        ("{\"at\": true, \"work\": 2}", "line 2: column \"at\": true is not a number"),
        ("{\"at\": -3, \"work\": 2}", "line 2: column \"at\": -3 is negative"),
    ];
    for (row, expected) in rows {
        let found = fault(format!("{good}{row}").as_bytes(), &settings);
        assert!(found.contains(expected), "{found}\nshould say\n{expected}");
    }
    assert!(fault(b"\n", &settings).contains("no rows"));
    let timestamps =
        TraceSettings { time: TimeColumn { column: "at".into(), unit: TimeUnit::Timestamp }, ..settings };
    assert!(fault(good.as_bytes(), &timestamps).contains("1 is not a timestamp"));
}

#[test]
fn faulty_settings_are_refused() {
    let text = b"at,work\n1,2\n";
    assert!(fault(text, &TraceSettings { speed: 0.0, ..csv() }).contains("speed must be"));
    assert!(fault(text, &TraceSettings { demand: vec![], ..csv() }).contains("no demand"));
    let negative = vec![(Some(String::from("work")), -1.0)];
    assert!(fault(text, &TraceSettings { demand: negative, ..csv() }).contains("the demand is negative"));
    let wild = vec![(None, f64::INFINITY)];
    assert!(fault(text, &TraceSettings { demand: wild, ..csv() }).contains("must be finite"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn the_real_trace_of_a_completion_service_reads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/traces/azure_llm_code_2023.csv");
    let Ok(bytes) = std::fs::read(path) else {
        eprintln!("skipped: a clone has no copy of the real trace");
        return;
    };
    let settings = TraceSettings {
        time: TimeColumn { column: String::from("TIMESTAMP"), unit: TimeUnit::Timestamp },
        demand: vec![
            (Some(String::from("ContextTokens")), 0.25e-3),
            (Some(String::from("GeneratedTokens")), 0.03),
        ],
        ..csv()
    };
    let trace = read(&bytes, &settings).unwrap();
    assert_eq!(trace.rows.len(), 8819);
    assert_eq!(trace.rows[0].at, Time::ZERO);
    // The first row has 4808 prompt tokens and 10 generated ones; the second comes 52 ms later.
    assert_eq!(trace.rows[0].demand, Span::from_millis(1502));
    assert_eq!(trace.rows[1].at, Time::ZERO + Span::from_millis(52));
    let last = trace.rows.last().unwrap().at.secs();
    assert!((3000.0..3700.0).contains(&last), "an hour, not {last} s");
}
