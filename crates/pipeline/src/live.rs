//! Lines that live sources hand over: stored, committed, and the requests in them judged as they go on.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use correlate::notes::{self, Opening};
use correlate::{Incidents, News};
use index::{Checkpoint, Reader, SourceId, Writer};
use ingest::{Delivery, Receipt, SentPlace};
use lru::LruCache;
use model::{Annotation, Line, Source, State};
use parse::{Annotator, Knowledge};

use crate::error::LiveError;
use crate::first_look::{FirstLook, Text, locate, notes_of};
use crate::judge::learned;
use crate::judging::{Findings, Judge, Judging};
use crate::options::{Keep, LiveOptions, Place};
use crate::status::{Counts, Origin, OriginCount, Status};
use crate::watched::{Heard, Watched};

/// What went by since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveReport {
    pub lines: u64,
    /// Of text.
    pub bytes: u64,
    pub commits: u64,
    pub failures: u64,
    /// Requests that are being watched.
    pub watched: usize,
}

/// A store that takes what live sources hand over. Knows no clock: whoever drives it says how long it has been running.
pub struct Live<'a> {
    options: &'a LiveOptions,
    knowledge: &'a Knowledge,
    writer: Writer,
    /// Files that were read before. A source refers to them by their places.
    known: Vec<(SourceId, ingest::Checkpoint)>,
    /// What was stored of streams, by their names.
    streams: HashMap<String, Stream>,
    /// What other machines sent: the lines of each text that came.
    sent: HashMap<u128, Stream>,
    texts: LruCache<TextKey, Text>,
    look: FirstLook<'a>,
    /// Of what was appended since the last commit was started.
    checkpoints: BTreeMap<SourceId, Vec<u8>>,
    receipts: Vec<Receipt>,
    uncommitted: usize,
    /// Something was found out since then.
    noted: bool,
    /// Of what the commit under way makes durable, if one is.
    committing: Option<Vec<Receipt>>,
    judging: Judging,
    incidents: Incidents,
    reader: Arc<Reader>,
    report: LiveReport,
    counts: Counts,
    /// When the commit under way was started.
    committing_since: Duration,
    retained: Duration,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum TextKey {
    File(u64),
    Stream(String),
    Sent(u128),
}

/// Lines that come by once, numbered on.
struct Stream {
    source: SourceId,
    lines: u64,
    state: Vec<u8>,
}

impl Stream {
    const fn new(source: SourceId) -> Self {
        Self { source, lines: 0, state: Vec::new() }
    }
}

/// Many times as many as are followed at a time: a text that was not heard of for longer is over.
const MOST_TEXTS: NonZeroUsize = NonZeroUsize::new(1 << 16).expect("not zero");
/// Who waits for a line to be found waits for so long, and for the commit itself.
const COMMIT_EVERY: Duration = Duration::from_millis(400);
/// So often one looks whether a commit has ended.
const SETTLE: Duration = Duration::from_millis(20);
/// The pause after a commit is an eighth of its length, or of this when that is less.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const RETAINED_EVERY: Duration = Duration::from_secs(600);
const SECONDS_A_DAY: i64 = 86_400;

impl<'a> Live<'a> {
    pub fn open(options: &'a LiveOptions, knowledge: &'a Knowledge) -> Result<Self, LiveError> {
        let open = |source| LiveError::Open { source };
        let mut writer = Writer::open(&options.store, options.sizes.store.clone()).map_err(open)?;
        // Whoever follows the store may begin to.
        writer.commit(Vec::new()).map_err(|source| LiveError::Write { source })?;
        let mut known = Vec::new();
        let (mut streams, mut sent) = (HashMap::new(), HashMap::new());
        for Checkpoint { source, state } in writer.checkpoints() {
            if let Some(SentPlace { text, before }) = SentPlace::from_bytes(state) {
                sent.insert(text, Stream { source: *source, lines: before, state: Vec::new() });
            } else if let Some(file) = ingest::Checkpoint::from_bytes(state) {
                known.push((*source, file));
            } else if let Some(Source { path, .. }) = writer.source(*source) {
                let lines = writer.last_line(*source);
                streams.insert(path.clone(), Stream { source: *source, lines, state: state.clone() });
            }
        }
        let reader = Arc::new(Reader::of(&options.store, writer.fresh().map_err(open)?));
        let remembered = reader.summaries();
        let mut watched = Watched::new(options.stuck.clone());
        for (key, bytes) in &remembered {
            let open = || {
                let summary = notes::summary_from_bytes(key, bytes)?;
                let opening = Opening::new(summary.start, 0);
                (summary.state == State::Open).then_some((summary.request, opening))
            };
            if let Some((request, opening)) = notes::opening_from_bytes(key, bytes).or_else(open) {
                watched.hear(request, Heard::at(Duration::ZERO, Some(opening)));
            }
        }
        let judge = Judge::new(knowledge.clone(), Arc::clone(&reader), watched, learned(&remembered));
        Ok(Self {
            options,
            knowledge,
            writer,
            known,
            streams,
            sent,
            texts: LruCache::new(MOST_TEXTS),
            look: FirstLook::new(knowledge),
            checkpoints: BTreeMap::new(),
            receipts: Vec::new(),
            uncommitted: 0,
            noted: false,
            committing: None,
            judging: Judging::new(judge),
            incidents: Incidents::new(options.incidents),
            reader,
            report: LiveReport::default(),
            counts: Counts::default(),
            committing_since: Duration::ZERO,
            retained: Duration::ZERO,
        })
    }

    /// The files that were read before: whoever follows files goes on with them, and refers to them by their places.
    #[must_use]
    pub fn known_files(&self) -> Vec<ingest::Checkpoint> {
        self.known.iter().map(|(_, checkpoint)| checkpoint.clone()).collect()
    }

    /// What the sources of streams asked to be remembered, by the names of the streams.
    #[must_use]
    pub fn states(&self) -> HashMap<String, Vec<u8>> {
        self.streams.iter().map(|(name, stream)| (name.clone(), stream.state.clone())).collect()
    }

    #[must_use]
    pub fn report(&self) -> LiveReport {
        LiveReport { watched: self.judging.watched(), ..self.report }
    }

    /// Takes lines. They are found from now on, and durable when their receipt is told.
    pub fn take(&mut self, delivery: Delivery, now: Duration) -> Result<(), LiveError> {
        let Delivery { source, batch, place, receipt } = delivery;
        let (mut lines, mut cut) = (batch.lines, batch.cut);
        let (key, state) = match place {
            ingest::Place::File { text, continues, checkpoint } => {
                let key = TextKey::File(text);
                let known = continues.and_then(|place| self.known.get(place));
                let known = known.map(|(source, checkpoint)| (*source, checkpoint.lines));
                self.known_or_begun(&key, source, known);
                (key, checkpoint.to_bytes())
            }
            ingest::Place::Stream { name, state } => {
                let key = TextKey::Stream(name.clone());
                let known = self.streams.get(&name).map(|stream| (stream.source, stream.lines));
                let id = self.known_or_begun(&key, Source { path: name.clone(), ..source }, known);
                let stream = self.streams.entry(name).or_insert_with(|| Stream::new(id));
                lines.iter_mut().for_each(|line| line.number += stream.lines);
                cut.iter_mut().for_each(|number| *number += stream.lines);
                stream.lines += lines.len() as u64;
                (key, state)
            }
            ingest::Place::Sent(SentPlace { text, before }) => {
                let key = TextKey::Sent(text);
                let known = self.sent.get(&text).map(|stream| stream.source);
                let known = known.map(|source| (source, self.writer.last_line(source)));
                let id = self.known_or_begun(&key, source, known);
                let stream = self.sent.entry(text).or_insert_with(|| Stream::new(id));
                let again = usize::try_from(stream.lines.saturating_sub(before)).unwrap_or(usize::MAX);
                stream.lines = stream.lines.max(before + lines.len() as u64);
                lines.drain(..again.min(lines.len()));
                (key, SentPlace { text, before: stream.lines }.to_bytes())
            }
        };
        let Some(text) = self.texts.get_mut(&key) else { return Ok(()) };
        let look = |line| {
            let looked_at = self.look.at(line, &cut, text);
            if let Some(request) = text.annotator.request() {
                self.judging.hear(request, Heard::at(now, None));
            }
            looked_at
        };
        let lines: Vec<(Line, Annotation)> = lines.into_iter().map(look).collect();
        let count = count(&lines);
        let bytes = usize::try_from(count.bytes).unwrap_or(usize::MAX);
        let origin = Origin { host: text.source.host.clone(), service: text.source.service.clone() };
        self.counts.add_lines(origin, count);
        self.writer.append(text.id, &lines).map_err(|source| LiveError::Write { source })?;
        self.report.lines += count.lines;
        self.report.bytes += count.bytes;
        self.uncommitted += bytes;
        self.checkpoints.insert(text.id, state);
        self.receipts.push(receipt);
        let opened = self.look.take_opened();
        self.writer.put_summaries(notes_of(&opened));
        for (request, opening) in opened {
            self.judging.hear(&request, Heard::at(now, Some(opening)));
        }
        if self.uncommitted >= self.options.sizes.commit_bytes { self.commit(now) } else { Ok(()) }
    }

    /// Tells what was found out about requests, and has those judged that are due: to be called every second or so.
    pub fn tick(&mut self, now: Duration) -> Result<Vec<News>, LiveError> {
        if now.saturating_sub(self.retained) >= RETAINED_EVERY {
            self.retain(now)?;
        }
        let news = self.findings(false, now);
        self.judge(now)?;
        Ok(news)
    }

    /// Judges what is due, and waits for it: nothing more will come.
    pub fn last_look(&mut self, now: Duration) -> Result<Vec<News>, LiveError> {
        let mut news = self.findings(true, now);
        self.judge(now)?;
        news.extend(self.findings(true, now));
        Ok(news)
    }

    /// Ends the commit under way, as soon as that takes no waiting, and tells its receipts; begins the next one when it is
    /// time. Gives how long there is nothing to do.
    pub fn go_on(&mut self, now: Duration) -> Result<Duration, LiveError> {
        if self.writer.is_committing().map_err(|source| LiveError::Write { source })? {
            return Ok(SETTLE);
        }
        if let Some(durable) = self.committing.take() {
            self.counts.commits.add(now.saturating_sub(self.committing_since));
            durable.into_iter().for_each(Receipt::tell);
        }
        if !self.noted && self.receipts.is_empty() {
            return Ok(COMMIT_EVERY);
        }
        // A disk that needs long for a commit gets some time to do other things.
        let last = self.counts.commits.last;
        let next = self.committing_since + COMMIT_EVERY.max(last + last.min(LONGEST_PAUSE) / 8);
        if now < next {
            return Ok(next.saturating_sub(now));
        }
        self.commit(now)?;
        Ok(SETTLE)
    }

    /// As far as the store knows.
    #[must_use]
    pub fn status(&self) -> Status {
        let Counts { origins, causes, stuck, incidents, commits } = &self.counts;
        Status {
            report: self.report(),
            origins: origins.clone(),
            causes: causes.clone(),
            stuck: *stuck,
            incidents: *incidents,
            commits: *commits,
            ..Status::default()
        }
    }

    /// Makes everything durable. What is still being watched is judged at the next start.
    pub fn finish(mut self) -> Result<LiveReport, LiveError> {
        self.commit(Duration::ZERO)?;
        self.writer.commit(Vec::new()).map_err(|source| LiveError::Write { source })?;
        self.committing.take().into_iter().flatten().for_each(Receipt::tell);
        Ok(self.report())
    }

    fn known_or_begun(&mut self, key: &TextKey, told: Source, known: Option<(SourceId, u64)>) -> SourceId {
        match self.texts.get(key) {
            Some(text) => text.id,
            None => self.begin(key.clone(), told, known),
        }
    }

    /// A text that was not heard of since the start. `known` are the source that it goes on with and its last line.
    fn begin(&mut self, key: TextKey, told: Source, known: Option<(SourceId, u64)>) -> SourceId {
        // What strangers call a program may be anything: `kolla.nova`, a container, a unit.
        let daemon = told.daemon.filter(|name| self.knowledge.daemon(name).is_some());
        let place = Place { host: told.host, service: told.service, daemon };
        let mut source = locate(self.knowledge, &told.path, &place);
        source.host = source.host.or_else(|| self.options.host.clone());
        let id = match known {
            Some((id, _)) => id,
            None => self.writer.add_source(&source),
        };
        let annotator = Annotator::new(self.options.zones.of(source.host.as_deref())).telling_requests();
        let mut text = Text { id, source: Arc::new(source), annotator };
        text.recall(&self.reader, known.map_or(0, |(_, lines)| lines));
        self.texts.put(key, text);
        id
    }

    fn commit(&mut self, now: Duration) -> Result<(), LiveError> {
        let state = std::mem::take(&mut self.checkpoints).into_iter();
        let checkpoints = state.map(|(source, state)| Checkpoint { source, state }).collect();
        // Ends the commit before this one.
        self.writer.start_commit(checkpoints).map_err(|source| LiveError::Write { source })?;
        let before = self.committing.replace(std::mem::take(&mut self.receipts));
        before.into_iter().flatten().for_each(Receipt::tell);
        self.committing_since = now;
        self.uncommitted = 0;
        self.noted = false;
        self.report.commits += 1;
        Ok(())
    }

    /// Drops what is older, or takes more room, than is to be kept.
    fn retain(&mut self, now: Duration) -> Result<(), LiveError> {
        self.retained = now;
        let Keep { days, most_bytes } = self.options.keep;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let ago = |days: u32| self.options.started.plus_seconds(seconds - i64::from(days) * SECONDS_A_DAY);
        let oldest = days.map(ago);
        if oldest.is_some() || most_bytes.is_some() {
            let dropped = self.writer.retain(oldest, most_bytes);
            dropped.map_err(|source| LiveError::Write { source })?;
        }
        Ok(())
    }

    /// Has those judged that are due, unless others are being judged.
    fn judge(&mut self, now: Duration) -> Result<(), LiveError> {
        if self.judging.is_due(now) {
            let fresh = self.writer.fresh().map_err(|source| LiveError::Write { source })?;
            self.judging.start(fresh, now);
        }
        Ok(())
    }

    fn findings(&mut self, wait: bool, now: Duration) -> Vec<News> {
        let Findings { notes, told } = self.judging.outcome(wait);
        let mut news: Vec<News> = self.incidents.take_over(now).into_iter().map(News::Over).collect();
        for summary in told {
            match summary.state {
                State::Stuck => self.counts.stuck += 1,
                State::Open | State::Settled => {
                    self.report.failures += 1;
                    self.counts.add_failure(summary.slug.as_deref());
                }
            }
            news.extend(self.incidents.hear(summary, now));
        }
        let begun = news.iter().filter(|news| matches!(news, News::Begins(_)));
        self.counts.incidents += begun.count() as u64;
        self.noted |= !notes.is_empty();
        self.writer.put_summaries(notes);
        news
    }
}

fn count(lines: &[(Line, Annotation)]) -> OriginCount {
    let mut count = OriginCount { lines: lines.len() as u64, ..OriginCount::default() };
    for (line, annotation) in lines {
        count.bytes += line.text.len() as u64 + 1;
        count.unparsed += u64::from(annotation.format == Annotation::PLAIN && annotation.continues.is_none());
        count.newest = count.newest.max(annotation.timestamp);
    }
    count
}

impl std::fmt::Debug for Live<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Live").field("report", &self.report()).finish_non_exhaustive()
    }
}
