//! The process that is killed: it writes to a store as an import does, in small steps, at random, and goes on where the
//! store says. Its checkpoints say what a commit holds, so that whoever reads can tell whether one is whole.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use index::{Checkpoint, Options, Reader, SourceId, Writer};
use model::{Annotation, Line, Severity, Source, TemplateId, Timestamp};

use crate::account;
use crate::truth::Truth;
use culprit_tests::random::Random;

/// How far a source was stored: whole lines, and whether half of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) lines: u64,
    pub(crate) half: bool,
}

impl Progress {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.lines.to_le_bytes().to_vec();
        bytes.push(u8::from(self.half));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (lines, half) = bytes.split_at_checked(8)?;
        Some(Self { lines: u64::from_le_bytes(lines.try_into().ok()?), half: half == [1] })
    }
}

struct Text<'a> {
    path: &'a str,
    lines: &'a [Vec<u8>],
    /// What it is in the store, once it was begun.
    source: Option<SourceId>,
    done: Progress,
    /// The last head line, and its time.
    head: Option<(u64, Timestamp)>,
}

/// `wait` says that the store is open and goes on when standard input ends.
pub(crate) fn run(store: &Path, truth: &Truth, seed: u64, wait: bool) -> Result<()> {
    let mut random = Random::new(seed);
    let options = Options {
        segment_bytes: random.size(4 << 10, 256 << 10),
        draft_bytes: random.size(2 << 10, 64 << 10),
    };
    let mut writer = Writer::open(store, options)?;
    if wait {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "open").and_then(|()| stdout.flush())?;
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    }
    let mut texts: Vec<Text<'_>> =
        truth.files.iter().map(|(path, lines)| resume(&writer, path, lines)).collect();
    let (mut uncommitted, mut enough) = (0, random.size(1 << 10, 512 << 10));
    loop {
        let left: Vec<usize> = (0..texts.len()).filter(|at| !texts[*at].is_done()).collect();
        if left.is_empty() {
            break;
        }
        let at = *random.pick(&left);
        uncommitted += texts[at].append(&mut writer, &mut random)?;
        if random.one_in(40) {
            let reader = Reader::of(store, writer.fresh()?);
            let text = &texts[at];
            let number = text.done.lines;
            let stored = text.source.map(|source| reader.at(source, number..=number)).unwrap_or_default();
            let same = number == 0
                || stored.iter().map(|(line, _)| &line.text).eq([&text.lines[account::row(number)]]);
            anyhow::ensure!(same, "line {number} of `{}` is not found before it is committed", text.path);
        }
        if uncommitted > enough {
            commit(&mut writer, &texts, &mut random)?;
            (uncommitted, enough) = (0, random.size(1 << 10, 512 << 10));
        }
    }
    commit(&mut writer, &texts, &mut random)?;
    writer.settle()?;
    // What retention drops is another question: this only puts its steps under test.
    writer.retain(Some(Timestamp::MIN), Some(u64::MAX))?;
    Ok(())
}

fn commit(writer: &mut Writer, texts: &[Text<'_>], random: &mut Random) -> Result<()> {
    let begun = texts.iter().filter_map(|text| Some((text.source?, text.done)));
    let checkpoints = begun.map(|(source, done)| Checkpoint { source, state: done.to_bytes() }).collect();
    if random.one_in(2) {
        let (key, value) = (random.below(500).to_le_bytes(), random.number().to_le_bytes());
        writer.put_summaries(vec![(key.to_vec(), value.to_vec())]);
    }
    // Most go on beside the writing, and the next waits for them.
    if random.one_in(4) {
        writer.commit(checkpoints)?;
    } else {
        writer.start_commit(checkpoints)?;
    }
    if random.one_in(30) {
        writer.settle()?;
    }
    Ok(())
}

fn resume<'a>(writer: &Writer, path: &'a str, lines: &'a [Vec<u8>]) -> Text<'a> {
    let of_path =
        |checkpoint: &&Checkpoint| writer.source(checkpoint.source).is_some_and(|source| source.path == path);
    let known = writer.checkpoints().iter().find(of_path);
    let done = known.and_then(|known| Progress::from_bytes(&known.state)).unwrap_or_default();
    let mut text = Text { path, lines, source: known.map(|known| known.source), done, head: None };
    for number in 1..=done.lines {
        text.annotate(number);
    }
    text
}

impl Text<'_> {
    const fn is_done(&self) -> bool {
        self.done.lines == self.lines.len() as u64
    }

    /// Some lines, perhaps half of the next one too; how many bytes.
    fn append(&mut self, writer: &mut Writer, random: &mut Random) -> Result<usize> {
        let source = *self.source.get_or_insert_with(|| {
            let host = self.path.split('/').nth(1).map(str::to_owned);
            writer.add_source(&Source { path: self.path.to_owned(), host, ..Source::default() })
        });
        let first = self.done.lines + 1;
        let last = (self.done.lines + random.below(400) + 1).min(self.lines.len() as u64);
        let mut rows: Vec<(Line, Annotation)> =
            (first..=last).map(|number| (self.line(number), self.annotate(number))).collect();
        self.done = Progress { lines: last, half: false };
        if random.one_in(4) && !self.is_done() {
            let mut line = self.line(last + 1);
            line.text.truncate(line.text.len() / 2);
            let before = self.head;
            let annotation = self.annotate(last + 1);
            // When it comes again, it may turn out to be a head line, or not.
            self.head = before;
            rows.push((line, annotation));
            self.done.half = true;
        }
        let bytes = rows.iter().map(|(line, _)| line.text.len()).sum();
        writer.append(source, &rows).context("failed to append")?;
        Ok(bytes)
    }

    fn line(&self, number: u64) -> Line {
        Line { number, text: self.lines[account::row(number)].clone() }
    }

    /// A line that begins with a date is a head, others continue it.
    fn annotate(&mut self, number: u64) -> Annotation {
        let text = &self.lines[account::row(number)];
        let time = written_time(text);
        let continues = if time.is_none() { self.head.map(|(head, _)| head) } else { None };
        if let Some(time) = time {
            self.head = Some((number, time));
        }
        let is_error = text.windows(7).any(|word| word == b" ERROR ");
        Annotation {
            format: if time.is_some() { "oslo" } else { "plain" },
            timestamp: self.head.map(|(_, time)| time),
            severity: if is_error { Severity::Error } else { Severity::Info },
            continues,
            defect: None,
            notable: number.is_multiple_of(97),
            template: Some(TemplateId(text.len() as u64 % 100)),
            signature: None,
        }
    }
}

/// The time of some line.
pub(crate) fn some_time(truth: &Truth, random: &mut Random) -> Option<Timestamp> {
    let lines: Vec<&Vec<u8>> = truth.files.values().flatten().collect();
    let first = random.size(0, lines.len());
    lines.iter().skip(first).find_map(|line| written_time(line))
}

/// `2026-11-21 03:28:16.763`. Every other hour is taken for a day of its own, so that a store has segments of many days.
fn written_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text.get(..23)?).ok()?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (day, hour) = (number(8, 10)?, number(11, 13)?);
    let seconds = (day * 12 + hour / 2) * 86_400 + hour * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some(Timestamp::from_nanos((1_700_000_000 + seconds) * 1_000_000_000 + number(20, 23)? * 1_000_000))
}
