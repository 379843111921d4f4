//! Lines: from a text, through the first look, into the store.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use index::{SourceId, Writer};
use ingest::{Checkpoint, ReadError, Reader, Resume, Skipped};
use model::{Annotation, Line, Timestamp};
use parse::{Annotator, Knowledge};

use crate::error::ImportError;
use crate::first_look::{FirstLook, Text, locate, notes_of};
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
    look: FirstLook<'a>,
    /// Bytes of text since the last commit.
    uncommitted: usize,
    /// What earlier imports stored, if there is anything.
    stored: Option<index::Reader>,
    pub(crate) report: Report,
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
            look: FirstLook::new(knowledge),
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
        let source = locate(self.knowledge, &reader.path, &self.options.place);
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
        let mut text = Text { id, source: Arc::new(source), annotator };
        if let Some(stored) = &self.stored {
            text.recall(stored, last_stored);
        }
        self.read_lines(&mut reader, &mut text, &mut file, advance)?;

        let checkpoint = reader.checkpoint(host.as_deref());
        file.lines = checkpoint.lines;
        self.report.files.push(file);
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
        file: &mut FileReport,
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
                lines.map(|line| self.look.at(line, &cut, text)).collect();
            for (line, annotation) in &annotated {
                self.report.bytes += line.text.len() as u64 + 1;
                file.count(line, annotation);
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
            if advance(&file.path).is_break() {
                self.report.interrupted = true;
                return Ok(());
            }
        }
    }

    pub(crate) fn finish(mut self) -> Result<(Report, Writer), ImportError> {
        self.commit()?;
        self.writer.commit(Vec::new()).map_err(|source| ImportError::Write { source })?;
        Ok((self.report, self.writer))
    }

    /// Everything that was read becomes durable, with how far it was read: beside the reading.
    fn commit(&mut self) -> Result<(), ImportError> {
        self.writer.put_summaries(notes_of(&self.look.take_opened()));
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
