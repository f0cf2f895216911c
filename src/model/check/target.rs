//! Targets of a replay.

use super::super::document::{Node, Place, Value};
use super::super::grammar::{COMMAND, HTTP, HTTP_CLASS, PROCESS, PROCESS_CLASS, TARGET, Table};
use super::super::nearest::suggestion;
use super::super::target::{
    Answer, BaseUrl, CommandSettings, Field, HttpRequest, HttpSettings, ProcessSettings, Targets, Template,
    WorkerRequest,
};
use super::Checker;
use super::view::View;
use crate::outcome::Outcome;
use serde_json::{Map, Number, Value as Json};

/// Methods that one would write.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Headers that follow from the connection and the body.
const OWN_HEADERS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "upgrade"];

impl Checker<'_> {
    pub(super) fn targets(&mut self, root: View<'_>) -> Targets {
        let Some(view) = root.table("target", &TARGET) else { return Targets::default() };
        let http = view.table("http", &HTTP).and_then(|http| self.http(http));
        let command = view.table("command", &COMMAND).and_then(|command| self.command(command));
        let process = view.table("process", &PROCESS).map(|process| self.process(process));
        Targets { http, command, process }
    }

    fn http(&mut self, view: View<'_>) -> Option<HttpSettings> {
        let url = self.url(view);
        let ca = match view.word("ca") {
            Some(path) => self.certificates(path, view.place("ca")).map(Some),
            None => Some(None),
        };
        if let (Some(BaseUrl { tls: false, .. }), true) = (&url, view.has("ca")) {
            let hint = "write https:// in the url, or leave `ca` out";
            self.faults.add(view.place("ca"), "`ca` is of no use without TLS", "the url says http", hint);
        }
        let common = self.request(view, None);
        let requests = self.by_class(view, &HTTP_CLASS);
        let requests: Vec<HttpRequest> = requests
            .into_iter()
            .map(|own| own.map_or_else(|| common.clone(), |own| self.request(own, Some((&common, view)))))
            .collect();
        Some(HttpSettings {
            url: url?,
            connect_timeout: view.span("connect_timeout")?,
            ca: ca?,
            keep_alive: view.flag("keep_alive")?,
            response_max: view.whole("response_max")?,
            requests,
        })
    }

    /// What a target says of each class of the model, where it does.
    fn by_class<'v>(&self, view: View<'v>, spec: &'static Table) -> Vec<Option<View<'v>>> {
        let own = view.table.table("class");
        let of = |name: &&str| {
            let node = own?.get(name)?;
            Some(View { table: node.as_table()?, spec, place: node.place })
        };
        self.declared.classes.iter().map(of).collect()
    }

    fn url(&mut self, view: View<'_>) -> Option<BaseUrl> {
        let text = view.word("url")?;
        let url = base_url(text);
        if let Err((label, hint)) = url {
            self.faults.add(view.place("url"), "`url` is not the address of a service", label, hint);
        }
        url.ok()
    }

    fn certificates(&mut self, path: &str, place: Place) -> Option<Vec<u8>> {
        let bytes = self.bytes(path, place)?;
        let begin = b"-----BEGIN CERTIFICATE-----";
        if !bytes.windows(begin.len()).any(|window| window == begin) {
            let hint = "a PEM file has a line -----BEGIN CERTIFICATE-----";
            self.faults.add(
                place,
                format!("{path} holds no certificate"),
                "not a PEM file of certificates",
                hint,
            );
            return None;
        }
        Some(bytes)
    }

    /// What a table says of requests, over what is common to all classes.
    fn request(&mut self, view: View<'_>, common: Option<(&HttpRequest, View<'_>)>) -> HttpRequest {
        let base = common.map(|(request, _)| request);
        let inherited = |key: &str| base.is_some() && !view.has(key);
        let path = match base {
            Some(base) if inherited("path") => base.path.clone(),
            _ => self.path(view),
        };
        let body = match base {
            Some(base) if inherited("body") => base.body.clone(),
            _ => view
                .word("body")
                .map_or_else(Template::default, |text| self.template(text, view.place("body"))),
        };
        let method = match base {
            // A method as written holds for the classes; one that followed from the body follows from theirs.
            Some(base) if inherited("method") && common.is_some_and(|(_, above)| above.has("method")) => {
                base.method.clone()
            }
            _ => self.method(view, body != Template::default()),
        };
        let mut headers = self.headers(view);
        let mut outcomes = self.outcomes(view);
        for header in base.map_or(&[][..], |base| &base.headers) {
            if !headers.iter().any(|(name, _)| *name == header.0) {
                headers.push(header.clone());
            }
        }
        for rule in base.map_or(&[][..], |base| &base.outcomes) {
            if !outcomes.iter().any(|(answer, _)| *answer == rule.0) {
                outcomes.push(*rule);
            }
        }
        let timeout = match base {
            Some(base) if inherited("timeout") => base.timeout,
            _ => view.limit("timeout"),
        };
        HttpRequest { method, path, headers, body, timeout, outcomes }
    }

    fn method(&mut self, view: View<'_>, with_body: bool) -> String {
        let Some(method) = view.word("method") else {
            return String::from(if with_body { "POST" } else { "GET" });
        };
        if !METHODS.contains(&method) {
            let hint = suggestion(method, &METHODS);
            self.faults.add(
                view.place("method"),
                format!("`{method}` is not a method"),
                "unknown method",
                hint,
            );
        }
        String::from(method)
    }

    fn path(&mut self, view: View<'_>) -> Template {
        let (text, place) = (view.word("path").unwrap_or("/"), view.place("path"));
        if !text.starts_with('/') {
            let hint = format!("write \"/{text}\"");
            self.faults.add(place, "`path` must begin with a slash", "it comes after the url", hint);
        }
        if let Some(c) =
            text.chars().find(|c| c.is_whitespace() || c.is_control() || *c == '#' || !c.is_ascii())
        {
            let hint = "write it percent-encoded, such as %20 for a blank";
            self.faults.add(place, "`path` holds a character that no URL has", format!("{c:?}"), hint);
        }
        self.template(text, place)
    }

    fn template(&mut self, text: &str, place: Place) -> Template {
        let words: Vec<&str> = Field::NAMES.iter().map(|(word, _)| *word).collect();
        match Template::parse(text) {
            Ok(template) => template,
            Err(unknown) => {
                for word in unknown {
                    let hint =
                        format!("{}; write {{{{{word}}}}} for the text itself", suggestion(&word, &words));
                    self.faults.add(
                        place,
                        format!("there is no word {{{word}}}"),
                        "nothing can be put there",
                        hint,
                    );
                }
                Template::default()
            }
        }
    }

    fn headers(&mut self, view: View<'_>) -> Vec<(String, Template)> {
        let mut headers = Vec::new();
        for entry in view.table.table("headers").map_or(&[][..], |table| &table.entries) {
            let name = entry.key.to_ascii_lowercase();
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                let hint = "a header is letters, digits and dashes, such as x-request-id";
                self.faults.add(
                    entry.place,
                    "this cannot be the name of a header",
                    "not a header's name",
                    hint,
                );
            } else if OWN_HEADERS.contains(&name.as_str()) {
                let hint = "leave it out: it follows from the url, the body and keep_alive";
                self.faults.add(
                    entry.place,
                    format!("`{name}` is not for you to set"),
                    "set by the client",
                    hint,
                );
            }
            let Some(text) = entry.node.as_text() else { continue };
            if text.chars().any(|c| c.is_control() || !c.is_ascii()) {
                let hint = "use visible ASCII characters";
                let message = format!("`{}` holds a character that no header has", entry.key);
                self.faults.add(entry.node.place, message, "not a header's value", hint);
            }
            if headers.iter().any(|(other, _)| *other == name) {
                let message = format!("header `{name}` is set twice");
                self.faults.add(entry.place, message, "set before", "leave one of them out");
            }
            headers.push((name, self.template(text, entry.node.place)));
        }
        headers
    }

    fn outcomes(&mut self, view: View<'_>) -> Vec<(Answer, Outcome)> {
        let mut rules = Vec::new();
        for entry in view.table.table("outcomes").map_or(&[][..], |table| &table.entries) {
            let Some(answer) = Answer::from_key(&entry.key) else {
                let words: Vec<&str> = Answer::WORDS.iter().map(|(word, _)| *word).collect();
                let hint =
                    format!("write a status such as 404, a hundred such as 5xx, or {}", words.join(", "));
                self.faults.add(
                    entry.place,
                    format!("`{}` is no answer", entry.key),
                    "neither status nor word",
                    hint,
                );
                continue;
            };
            rules.extend(entry.node.as_text().and_then(Outcome::from_name).map(|outcome| (answer, outcome)));
        }
        rules
    }

    fn environment(&mut self, view: View<'_>) -> Vec<(String, String)> {
        let mut env = Vec::new();
        for entry in view.table.table("env").map_or(&[][..], |table| &table.entries) {
            if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
                let hint = "use letters, digits and `_`";
                self.faults.add(entry.place, "this cannot be the name of a variable", "not a name", hint);
            }
            env.extend(entry.node.as_text().map(|text| (entry.key.clone(), String::from(text))));
        }
        env
    }

    fn process(&mut self, view: View<'_>) -> ProcessSettings {
        let common = self.worker_request(view, &WorkerRequest::default());
        let requests = self.by_class(view, &PROCESS_CLASS);
        let requests = requests
            .into_iter()
            .map(|own| own.map_or_else(|| common.clone(), |own| self.worker_request(own, &common)));
        let requests = requests.collect();
        ProcessSettings { run: view.words("run"), env: self.environment(view), requests }
    }

    /// What a table says of requests to worker processes, over what is common to all classes.
    fn worker_request(&mut self, view: View<'_>, common: &WorkerRequest) -> WorkerRequest {
        let action = match view.word("action").filter(|_| view.has("action")) {
            Some(text) => self.template(text, view.place("action")),
            None => common.action.clone(),
        };
        let payload = match view.word("payload") {
            Some(text) => self.payload(text, view.place("payload")),
            None => common.payload.clone(),
        };
        WorkerRequest { action, payload }
    }

    /// A payload, which must be JSON once its places are filled.
    fn payload(&mut self, text: &str, place: Place) -> Option<Template> {
        let template = self.template(text, place);
        // A number is good both as a value and inside a text; a word is good only inside.
        let filled = template.fill(|field| String::from(if field.is_word() { "x" } else { "1" }));
        if let Err(error) = serde_json::from_str::<Json>(&filled) {
            // Where it says that it is, is a place in the filled text.
            let error = error.to_string();
            let what = error.split_once(" at line").map_or(error.as_str(), |(what, _)| what);
            let hint = "write {\"id\": {id}}, with words such as {class} and {fate} in quotes";
            self.faults.add(place, "`payload` is no JSON once its places are filled", what, hint);
            return None;
        }
        Some(template)
    }

    fn command(&mut self, view: View<'_>) -> Option<CommandSettings> {
        let env = self.environment(view);
        let settings = view.table.table("settings").map_or(&[][..], |table| &table.entries);
        let settings: Map<String, Json> =
            settings.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect();
        Some(CommandSettings {
            run: view.words("run"),
            env,
            settings,
            start_timeout: view.span("start_timeout")?,
            silence_timeout: view.span("silence_timeout")?,
        })
    }
}

/// Reads `http://host:port/path`.
fn base_url(text: &str) -> Result<BaseUrl, (&'static str, &'static str)> {
    const EXAMPLE: &str = "write it as http://127.0.0.1:8080 or https://example.org/base";
    // The scheme's letters may be of either case, as a URL's.
    let (tls, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        _ => return Err(("it begins with neither http:// nor https://", EXAMPLE)),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(("it holds a user name", "send it as a header: authorization = \"Basic …\""));
    }
    let (host, port) = match authority.rfind(':').filter(|at| !authority[*at..].contains(']')) {
        Some(at) => (&authority[..at], Some(&authority[at + 1..])),
        None => (authority, None),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    if !good {
        return Err(("its host is none", EXAMPLE));
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err(("its port is none", "ports are 1 to 65535"));
    }
    if path.contains(['?', '#']) || path.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii())
    {
        return Err(("its path holds more than a path", "queries belong into `path`"));
    }
    Ok(BaseUrl { tls, authority: String::from(authority), path: String::from(path.trim_end_matches('/')) })
}

/// A value as JSON.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) | Value::Date(text) => Json::String(text.clone()),
        Value::Integer(number) => {
            Json::Number(i64::try_from(*number).map_or_else(|_| Number::from(*number as u64), Number::from))
        }
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::List(list) => Json::Array(list.iter().map(json).collect()),
        Value::Table(table) => {
            Json::Object(table.entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let url = |text| base_url(text).map(|url| (url.tls, url.authority, url.path));
        let is = |tls, authority: &str, path: &str| Ok((tls, authority.into(), path.into()));
        assert_eq!(url("http://127.0.0.1:8080"), is(false, "127.0.0.1:8080", ""));
        assert_eq!(url("https://example.org/a/b/"), is(true, "example.org", "/a/b"));
        assert_eq!(url("HTTP://Example.org"), is(false, "Example.org", ""));
        assert_eq!(url("Https://a:443"), is(true, "a:443", ""));
        assert_eq!(url("http://[::1]:80/"), is(false, "[::1]:80", ""));
        for wrong in [
            "example.org",
            "ftp://x",
            "http://",
            "http://a:0",
            "http://a:x",
            "http://u@h",
            "http://[x]",
            "http://h/?q",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
