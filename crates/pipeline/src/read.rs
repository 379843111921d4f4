//! Lines: from a text, through the first look, into the store.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use correlate::notes::{self, Opening};

use index::{SourceId, Writer};
use ingest::{Checkpoint, ReadError, Reader, Resume, Skipped};
use model::{Annotation, Defect, Id, Line, Source, Timestamp};
use parse::{Annotator, Knowledge};

use crate::error::ImportError;
use crate::options::Options;
use crate::report::{FileReport, Report, Unread};

/// An import under way.
pub(crate) struct Import<'a> {
    options: &'a Options,
    knowledge: &'a Knowledge,
    writer: Writer,
    /// Known from earlier imports, and from this one: the same file may be named twice.
    known: Vec<(SourceId, Checkpoint)>,
    done: Vec<index::Checkpoint>,
    /// The requests that the lines since the last commit show to be worth judging, and when they were opened.
    opened: HashMap<Id, Opening>,
    /// Bytes of text since the last commit.
    uncommitted: usize,
    /// What earlier imports stored, if there is anything.
    stored: Option<index::Reader>,
    pub(crate) report: Report,
}

/// A text that is being read.
struct Text {
    id: SourceId,
    source: Arc<Source>,
    annotator: Annotator,
    file: FileReport,
}

impl<'a> Import<'a> {
    pub(crate) fn begin(options: &'a Options, knowledge: &'a Knowledge) -> Result<Self, ImportError> {
        let writer = Writer::open(&options.store, options.sizes.store.clone())
            .map_err(|source| ImportError::Open { source })?;
        let stored = writer.checkpoints().iter();
        let known = stored
            .filter_map(|stored| Some((stored.source, Checkpoint::from_bytes(&stored.state)?)))
            .collect();
        Ok(Self {
            options,
            knowledge,
            writer,
            known,
            done: Vec::new(),
            opened: HashMap::new(),
            uncommitted: 0,
            stored: index::Reader::open(&options.store).ok(),
            report: Report::default(),
        })
    }

    pub(crate) fn note_unread(&mut self, skipped: Vec<Skipped>, problems: &[ReadError]) {
        self.report.unread.extend(skipped.into_iter().map(|skipped| Unread {
            path: skipped.path,
            reason: skipped.reason.to_owned(),
            advice: String::new(),
            failure: false,
        }));
        self.report.unread.extend(problems.iter().map(unread));
    }

    /// Reads what is new in a text. Trouble with the text goes into the report; an error is trouble with the store.
    pub(crate) fn read(
        &mut self,
        mut reader: Reader<'_>,
        advance: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), ImportError> {
        let source = self.locate(&reader.path);
        let host = source.host.clone();
        let checkpoints: Vec<Checkpoint> =
            self.known.iter().map(|(_, checkpoint)| checkpoint.clone()).collect();
        let resume = match reader.resume(&checkpoints, host.as_deref()) {
            Ok(resume) => resume,
            Err(error) => {
                self.report.unread.push(unread(&error));
                return Ok(());
            }
        };
        let mut file = FileReport { path: reader.path.clone(), ..FileReport::default() };
        let id = match resume {
            Resume::Known { checkpoint } => {
                file.unchanged = true;
                file.lines = checkpoints[checkpoint].lines;
                self.report.files.push(file);
                return Ok(());
            }
            Resume::GoOn { checkpoint, .. } => self.known[checkpoint].0,
            Resume::New => self.writer.add_source(&source),
        };
        let last_stored = match resume {
            Resume::GoOn { line, .. } => line - 1,
            Resume::New | Resume::Known { .. } => 0,
        };
        let mut annotator = Annotator::new(self.options.zones.of(host.as_deref()));
        if let Some(written) = reader.modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()) {
            let nanos = i64::try_from(written.as_nanos()).unwrap_or(i64::MAX);
            annotator = annotator.with_year_hint(Timestamp::from_nanos(nanos));
        }
        self.recall(id, last_stored, &mut annotator);
        let mut text = Text { id, source: Arc::new(source), annotator, file };
        self.read_lines(&mut reader, &mut text, advance)?;

        let checkpoint = reader.checkpoint(host.as_deref());
        text.file.lines = checkpoint.lines;
        self.report.files.push(text.file);
        self.done.retain(|done| done.source != id);
        self.done.push(index::Checkpoint { source: id, state: checkpoint.to_bytes() });
        self.known.retain(|(known, _)| *known != id);
        self.known.push((id, checkpoint));
        Ok(())
    }

    fn read_lines(
        &mut self,
        reader: &mut Reader<'_>,
        text: &mut Text,
        advance: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), ImportError> {
        loop {
            let batch = match reader.next_batch() {
                Ok(Some(batch)) => batch,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.report.unread.push(unread(&error));
                    return Ok(());
                }
            };
            let cut = batch.cut;
            let lines = batch.lines.into_iter();
            let annotated: Vec<(Line, Annotation)> =
                lines.map(|line| self.annotate(line, &cut, text)).collect();
            for (line, annotation) in &annotated {
                self.report.bytes += line.text.len() as u64 + 1;
                text.file.count(line, annotation);
                self.report.stretch(annotation);
            }
            self.writer.append(text.id, &annotated).map_err(|source| ImportError::Write { source })?;
            self.uncommitted += annotated.iter().map(|(line, _)| line.text.len()).sum::<usize>();
            if self.uncommitted >= self.options.sizes.commit_bytes {
                let so_far = reader.checkpoint(text.source.host.as_deref());
                self.done.retain(|done| done.source != text.id);
                self.done.push(index::Checkpoint { source: text.id, state: so_far.to_bytes() });
                self.commit()?;
            }
            if advance(&text.file.path).is_break() {
                self.report.interrupted = true;
                return Ok(());
            }
        }
    }

    fn annotate(&mut self, mut line: Line, cut: &[u64], text: &mut Text) -> (Line, Annotation) {
        let mut annotation = text.annotator.annotate(&mut line);
        if cut.contains(&line.number) {
            annotation.defect = Some(Defect::TooLong);
        }
        if let Some(start) = text.annotator.message_start() {
            let glance = self.knowledge.glance(line.text.get(start..).unwrap_or_default());
            annotation.notable = glance.notable;
            let opens = glance.opens && text.annotator.names_request();
            if annotation.continues.is_none() && (glance.known || opens) {
                self.look(text, &line, &mut annotation);
            }
        }
        (line, annotation)
    }

    /// Looks at a line as closely as at one that is asked for: for the failure that it tells, and for the request that it
    /// shows to be worth judging.
    fn look(&mut self, text: &Text, line: &Line, annotation: &mut Annotation) {
        let event = self.knowledge.event(&text.source, std::slice::from_ref(line), annotation);
        annotation.signature =
            parse::told_failure(&event).map(|signature| parse::signature_id(&signature.slug));
        if let (Some(request), Some(at)) = (correlate::opens(&event), event.timestamp) {
            let opening = Opening::new(at, text.id.number());
            let first = self.opened.entry(request).or_insert(opening);
            *first = opening.min(*first);
        }
    }

    fn locate(&self, path: &str) -> Source {
        let mut source = self.knowledge.locate(path);
        path.clone_into(&mut source.path);
        let options = self.options;
        source.host = options.host.clone().or(source.host);
        source.service = options.service.clone().or(source.service);
        source.daemon = options.daemon.clone().or(source.daemon);
        source
    }

    /// Shows the annotator the lines before the first new one: that may continue one of them.
    fn recall(&self, id: SourceId, last_stored: u64, annotator: &mut Annotator) {
        const LINES: u64 = 256;
        let Some(stored) = self.stored.as_ref().filter(|_| last_stored > 0) else { return };
        for (mut line, _) in stored.at(id, last_stored.saturating_sub(LINES) + 1..=last_stored) {
            annotator.annotate(&mut line);
        }
    }

    pub(crate) fn finish(mut self) -> Result<(Report, Writer), ImportError> {
        self.commit()?;
        self.writer.commit(Vec::new()).map_err(|source| ImportError::Write { source })?;
        Ok((self.report, self.writer))
    }

    /// Everything that was read becomes durable, with how far it was read: beside the reading.
    fn commit(&mut self) -> Result<(), ImportError> {
        let opened = self.opened.drain();
        let notes = opened
            .map(|(request, opening)| (notes::request_key(&request), notes::opening_to_bytes(&opening)));
        self.writer.put_summaries(notes.collect());
        self.uncommitted = 0;
        let done = std::mem::take(&mut self.done);
        self.writer.start_commit(done).map_err(|source| ImportError::Write { source })
    }
}

/// The messages of `ingest` say what happened, then what to do.
fn unread(error: &ReadError) -> Unread {
    let message = error.to_string();
    let (reason, advice) = message.split_once("; ").unwrap_or((&message, ""));
    Unread { path: error.path(), reason: reason.to_owned(), advice: advice.to_owned(), failure: true }
}
