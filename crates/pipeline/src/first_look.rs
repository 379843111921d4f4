//! What every line goes through before it is stored, wherever it comes from.

use std::collections::HashMap;
use std::sync::Arc;

use correlate::notes::{self, Opening};
use index::SourceId;
use model::{Annotation, Defect, Id, Line, Source};
use parse::{Annotator, Knowledge};

use crate::options::Place;

/// A text whose lines are being stored.
pub(crate) struct Text {
    pub(crate) id: SourceId,
    pub(crate) source: Arc<Source>,
    pub(crate) annotator: Annotator,
}

impl Text {
    /// Shows the annotator the lines before the first new one: that may continue one of them.
    pub(crate) fn recall(&mut self, stored: &index::Reader, last_stored: u64) {
        const LINES: u64 = 256;
        if last_stored == 0 {
            return;
        }
        for (mut line, _) in stored.at(self.id, last_stored.saturating_sub(LINES) + 1..=last_stored) {
            self.annotator.annotate(&mut line);
        }
    }
}

/// Looks at lines, and remembers which requests they show to be worth judging.
pub(crate) struct FirstLook<'a> {
    knowledge: &'a Knowledge,
    opened: HashMap<Id, Opening>,
}

impl<'a> FirstLook<'a> {
    pub(crate) fn new(knowledge: &'a Knowledge) -> Self {
        Self { knowledge, opened: HashMap::new() }
    }

    /// `cut` are the numbers of lines that were too long.
    pub(crate) fn at(&mut self, mut line: Line, cut: &[u64], text: &mut Text) -> (Line, Annotation) {
        let mut annotation = text.annotator.annotate(&mut line);
        if cut.contains(&line.number) {
            annotation.defect = Some(Defect::TooLong);
        }
        if let Some(start) = text.annotator.message_start() {
            let glance = self.knowledge.glance(line.text.get(start..).unwrap_or_default());
            annotation.notable = glance.notable;
            let opens = glance.opens && text.annotator.names_request();
            if annotation.continues.is_none() && (glance.known || opens) {
                self.closely(text, &line, &mut annotation);
            }
        }
        (line, annotation)
    }

    /// Looks at a line as closely as at one that is asked for: for the failure that it tells, and for the request that it
    /// shows to be worth judging.
    fn closely(&mut self, text: &Text, line: &Line, annotation: &mut Annotation) {
        let event = self.knowledge.event(&text.source, std::slice::from_ref(line), annotation);
        annotation.signature =
            parse::told_failure(&event).map(|signature| parse::signature_id(&signature.slug));
        if let (Some(request), Some(at)) = (correlate::opens(&event), event.timestamp) {
            let opening = Opening::new(at, text.id.number());
            let first = self.opened.entry(request).or_insert(opening);
            *first = opening.min(*first);
        }
    }

    /// The requests that the lines since the last call show to be worth judging.
    pub(crate) fn take_opened(&mut self) -> HashMap<Id, Opening> {
        std::mem::take(&mut self.opened)
    }
}

/// For the store to remember until they are judged.
pub(crate) fn notes_of(opened: &HashMap<Id, Opening>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let note = |(request, opening)| (notes::request_key(request), notes::opening_to_bytes(opening));
    opened.iter().map(note).collect()
}

/// What a path tells of the host and the program, and what the user knows better.
pub(crate) fn locate(knowledge: &Knowledge, path: &str, known: &Place) -> Source {
    let mut source = knowledge.locate(path);
    path.clone_into(&mut source.path);
    source.host = known.host.clone().or(source.host);
    source.service = known.service.clone().or(source.service);
    source.daemon = known.daemon.clone().or(source.daemon);
    source
}
