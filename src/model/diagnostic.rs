//! What is wrong with a file: place, cause, hint; and how it is shown.
//!
//! A diagnostic carries the text of the source it points into, so that it can be rendered anywhere. The look is
//! that of `rustc` (crate `annotate-snippets`): file, line, column, and the source line underlined.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably does not say what was meant.
    Warning,
}

/// A text that diagnostics point into: a file, a preset, or a value given from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// What it is called.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A stretch of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Which source.
    pub source: Arc<SourceText>,
    /// Bytes of its text.
    pub span: Range<usize>,
}

impl Location {
    /// Line and column (in characters) of the beginning, both from 1.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.span.start).unwrap_or(&self.source.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// One fault or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where.
    pub location: Option<Location>,
    /// A few words beside the underline.
    pub label: String,
    /// A second place that has to do with it, and why.
    pub related: Option<(Location, String)>,
    /// What would help.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// The text that people read, with the source line underlined; colours are ANSI escapes.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        for marks in self.marks() {
            group = group.element(snippet(&marks));
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// In one line: place, what is wrong, and what helps.
    pub fn in_line(&self) -> String {
        let place = self.location.as_ref().map_or_else(String::new, |place| {
            let (line, column) = place.line_column();
            format!("{}:{line}:{column}: ", place.source.name)
        });
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
        format!("{place}{}{hint}", self.message)
    }

    /// The places, those in one source together.
    fn marks(&self) -> Vec<Vec<Mark<'_>>> {
        let first = self.location.iter().map(|place| (place, self.label.as_str(), AnnotationKind::Primary));
        let second = self.related.iter().map(|(place, why)| (place, why.as_str(), AnnotationKind::Context));
        let mut groups: Vec<Vec<Mark<'_>>> = Vec::new();
        for mark in first.chain(second) {
            match groups.iter_mut().find(|group| group[0].0.source == mark.0.source) {
                Some(group) => group.push(mark),
                None => groups.push(vec![mark]),
            }
        }
        groups
    }

    /// Order of reports: by source, then place, errors first.
    fn order(&self) -> (String, usize, usize, Severity) {
        let (name, start, end) = match &self.location {
            Some(place) => (place.source.name.clone(), place.span.start, place.span.end),
            None => (String::new(), 0, 0),
        };
        (name, start, end, self.severity)
    }
}

/// A place, the words beside it, and how it is marked.
type Mark<'a> = (&'a Location, &'a str, AnnotationKind);

/// The lines of one source from the first mark to the last; the renderer folds what lies between.
fn snippet<'a>(marks: &[Mark<'a>]) -> Snippet<'a, Annotation<'a>> {
    let source = &marks[0].0.source;
    let shown: Vec<Excerpt> = marks.iter().map(|mark| excerpt(mark.0)).collect();
    let start = shown.iter().map(|one| one.line.start).min().unwrap_or(0);
    let end = shown.iter().map(|one| one.line.end).max().unwrap_or(0);
    let first_line = source.text[..start].matches('\n').count() + 1;
    let text = &source.text[start..end];
    let snippet = Snippet::source(text).line_start(first_line).path(source.name.as_str());
    shown.iter().zip(marks).fold(snippet, |snippet, (one, (_, label, kind))| {
        let mark = kind.span(one.span.start - start..one.span.end - start);
        snippet.annotation(if label.is_empty() { mark } else { mark.label(*label) })
    })
}

/// Where a location is shown: bytes of its source.
struct Excerpt {
    /// The line.
    line: Range<usize>,
    /// What is underlined, within the line.
    span: Range<usize>,
}

/// The line that a location begins in. Spans that do not fit the text (they never should) are clipped rather than
/// trusted; a table that spans many lines is shown by its first.
fn excerpt(location: &Location) -> Excerpt {
    let text = location.source.text.as_str();
    let clip = |at: usize| {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = clip(location.span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line_end = if text[..line_end].ends_with('\r') { (line_end - 1).max(start) } else { line_end };
    Excerpt { line: line_start..line_end, span: start..clip(location.span.end).clamp(start, line_end) }
}

/// All that is wrong with a file, in order of place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// Every diagnostic.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts by place, those of one place as they were found, and drops repetitions.
    pub fn new(found: Vec<Diagnostic>) -> Diagnostics {
        let mut list = Vec::with_capacity(found.len());
        found.into_iter().for_each(|one| {
            if !list.contains(&one) {
                list.push(one);
            }
        });
        list.sort_by_key(Diagnostic::order);
        Diagnostics { list }
    }

    /// One diagnostic that has no place in a file.
    pub fn plain(message: impl Into<String>, hint: Option<String>) -> Diagnostics {
        let message = message.into();
        let severity = Severity::Error;
        Diagnostics {
            list: vec![Diagnostic {
                severity,
                message,
                location: None,
                label: String::new(),
                related: None,
                hint,
            }],
        }
    }

    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|one| one.severity == Severity::Error)
    }

    /// The text that people read: every diagnostic, one blank line between.
    pub fn render(&self, color: bool) -> String {
        let mut text = String::new();
        for (index, one) in self.list.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(one.render(color).trim_end());
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(span: Range<usize>) -> Diagnostic {
        let text = String::from("[pool.main]\r\nslots = \"zwölf\"\r\n");
        let source = Arc::new(SourceText { name: String::from("model.toml"), text });
        Diagnostic {
            severity: Severity::Error,
            message: String::from("`slots` is not a whole number"),
            location: Some(Location { source, span }),
            label: String::from("this is text"),
            related: None,
            hint: Some(String::from("write 12")),
        }
    }

    #[test]
    fn the_line_is_shown_and_underlined() {
        let text = sample(21..29).render(false);
        assert!(text.contains("model.toml:2:9"), "{text}");
        assert!(text.contains("slots = \"zwölf\""), "{text}");
        assert!(text.contains("^^^^^^^ this is text"), "{text}");
        assert!(text.contains("help: write 12"), "{text}");
    }

    #[test]
    fn a_fault_is_told_in_one_line_with_or_without_a_place() {
        let mut fault = sample(21..29);
        assert_eq!(fault.in_line(), "model.toml:2:9: `slots` is not a whole number; write 12");
        (fault.location, fault.hint) = (None, None);
        assert_eq!(fault.in_line(), "`slots` is not a whole number");
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(sample(21..29).location.unwrap().line_column(), (2, 9));
    }

    #[test]
    fn spans_outside_the_text_do_no_harm() {
        let (end, start) = (25, 26);
        for span in [0..500, 25..26, start..end, 900..901] {
            assert!(!sample(span).render(true).is_empty());
        }
    }

    #[test]
    fn diagnostics_come_in_order_and_once() {
        let list = vec![sample(21..29), sample(0..4), sample(21..29)];
        let all = Diagnostics::new(list);
        assert_eq!(all.list.len(), 2);
        assert_eq!(all.list[0].location.as_ref().unwrap().span, 0..4);
    }
}
