//! The list of faults, with places turned into locations.

use super::super::diagnostic::{Diagnostic, Location, Severity, SourceText};
use super::super::document::{Document, Origin, Place};
use super::super::presets;
use std::sync::Arc;

/// What was found so far.
pub(super) struct Faults<'d> {
    document: &'d Document,
    pub(super) list: Vec<Diagnostic>,
}

impl<'d> Faults<'d> {
    pub(super) fn new(document: &'d Document) -> Faults<'d> {
        Faults { document, list: Vec::new() }
    }

    /// Whether any is an error.
    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|one| one.severity == Severity::Error)
    }

    /// An error at a place: what is wrong, a few words beside it, and what helps.
    pub(super) fn add(
        &mut self,
        place: Place,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Error, place, message.into(), label.into(), hint.into());
    }

    /// A warning at a place.
    pub(super) fn warn(
        &mut self,
        place: Place,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Warning, place, message.into(), label.into(), hint.into());
    }

    /// Points at a second place in the latest fault.
    pub(super) fn relate(&mut self, place: Place, why: impl Into<String>) {
        let location = self.location(place);
        if let Some(last) = self.list.last_mut() {
            last.related = Some((location, why.into()));
        }
    }

    fn push(&mut self, severity: Severity, place: Place, message: String, label: String, hint: String) {
        let hint = (!hint.is_empty()).then_some(hint);
        let location = Some(self.location(place));
        self.list.push(Diagnostic { severity, message, location, label, related: None, hint });
    }

    fn location(&self, place: Place) -> Location {
        let source: Arc<SourceText> = match place.origin {
            Origin::File => self.document.file.clone(),
            Origin::Preset(index) => presets::source(index),
            Origin::Override(index) => self.document.overrides[usize::from(index)].clone(),
        };
        Location { source, span: place.start as usize..place.end as usize }
    }
}
