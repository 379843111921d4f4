//! How many events each minute had, by source, level, template and signature: counted when lines are written, so that
//! a histogram over everything opens no block.
//!
//! Two tables a segment, sorted by minute, in compressed chunks: a coarse one by source and level, a fine one by
//! everything. Segments that are put together have their counts added up. Continuation lines are no events, and lines
//! without a time are not counted. A half line that was counted is taken back where the whole one is: sums are right,
//! and one row of a segment may be below zero.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use model::{Annotation, Severity, TimeRange};
use rustc_hash::FxHashMap;

use crate::StoreError;
use crate::block::Draft;
use crate::codec::{Decoder, Encoder};
use crate::directory::{Piece, checksum};
use crate::manifest::SourceId;
use crate::segment_writer::BlocksFile;
use crate::table::wrong;

/// More of them in one minute of a segment count as [`OTHER`].
const MAX_ROWS_A_MINUTE: u32 = 4096;
/// The template of what was too varied to be told apart.
pub(crate) const OTHER: u64 = u64::MAX;

const ROWS_PER_CHUNK: usize = 4096;
const NANOS_PER_MINUTE: i64 = 60_000_000_000;

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Since 1970-01-01 UTC.
    pub(crate) minute: i64,
    pub(crate) source: SourceId,
    pub(crate) level: u8,
    /// 0 when there is none.
    pub(crate) template: u64,
    /// A hash of the signature's slug; 0 when none fits.
    pub(crate) signature: u64,
}

pub(crate) type Row = (Key, i64);

impl Key {
    pub(crate) fn of(source: SourceId, annotation: &Annotation) -> Option<Self> {
        let time = annotation.timestamp.filter(|_| annotation.continues.is_none())?;
        Some(Self {
            minute: time.nanos().div_euclid(NANOS_PER_MINUTE),
            source,
            level: annotation.severity as u8,
            template: annotation.template.map_or(0, |template| template.0),
            signature: 0,
        })
    }

    const fn coarse(self) -> Self {
        Self { template: 0, signature: 0, ..self }
    }

    pub(crate) fn severity(self) -> Severity {
        Severity::ALL.get(usize::from(self.level)).copied().unwrap_or_default()
    }
}

/// The minutes that a stretch of time touches.
pub(crate) const fn minutes(range: TimeRange) -> (i64, i64) {
    (range.start.nanos().div_euclid(NANOS_PER_MINUTE), range.end.nanos().div_euclid(NANOS_PER_MINUTE))
}

/// The counts of a segment that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    rows: FxHashMap<Key, i64>,
    in_minute: FxHashMap<i64, u32>,
    /// Where a template was seen first: source and line.
    examples: BTreeMap<u64, (SourceId, u64)>,
}

impl Counts {
    pub(crate) fn add(&mut self, source: SourceId, draft: &Draft) {
        for (number, annotation) in draft.rows.numbers.iter().zip(&draft.rows.annotations) {
            let Some(mut key) = Key::of(source, annotation) else { continue };
            if let Entry::Occupied(mut known) = self.rows.entry(key) {
                *known.get_mut() += 1;
                continue;
            }
            let in_minute = self.in_minute.entry(key.minute).or_default();
            if *in_minute >= MAX_ROWS_A_MINUTE {
                key.template = OTHER;
            }
            *in_minute += 1;
            self.examples.entry(key.template).or_insert((source, *number));
            *self.rows.entry(key).or_default() += 1;
        }
    }

    /// This was half a line, and the whole one is counted now.
    pub(crate) fn take_back(&mut self, half: Key) {
        *self.rows.entry(half).or_default() -= 1;
    }

    pub(crate) fn fine(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.rows.iter().map(|(key, count)| (*key, *count)).collect();
        rows.sort_unstable();
        rows
    }

    pub(crate) fn coarse(&self) -> Vec<Row> {
        let mut rows = BTreeMap::new();
        for (key, count) in &self.rows {
            *rows.entry(key.coarse()).or_default() += count;
        }
        rows.into_iter().collect()
    }

    pub(crate) const fn examples(&self) -> &BTreeMap<u64, (SourceId, u64)> {
        &self.examples
    }
}

/// Where the counts of a segment lie in its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CountsAt {
    pub(crate) coarse: Vec<Chunk>,
    pub(crate) fine: Vec<Chunk>,
    /// Templates and where each was seen first.
    pub(crate) examples: Option<(u64, Piece)>,
}

/// Rows in a row, compressed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chunk {
    first_minute: i64,
    last_minute: i64,
    at: u64,
    piece: Piece,
}

impl CountsAt {
    pub(crate) fn encode(&self, out: &mut Encoder) {
        for chunks in [&self.coarse, &self.fine] {
            out.number(chunks.len() as u64);
            for chunk in chunks {
                out.signed(chunk.first_minute);
                out.signed(chunk.last_minute);
                encode_place(chunk.at, chunk.piece, out);
            }
        }
        let (at, piece) = self.examples.unwrap_or((0, Piece { length: 0, checksum: 0 }));
        encode_place(at, piece, out);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let mut chunks = || {
            from.list(|from| {
                let (first_minute, last_minute) = (from.signed()?, from.signed()?);
                let (at, piece) = decode_place(from)?;
                Some(Chunk { first_minute, last_minute, at, piece })
            })
        };
        let (coarse, fine) = (chunks()?, chunks()?);
        let examples = decode_place(from)?;
        Some(Self { coarse, fine, examples: (examples.1.length > 0).then_some(examples) })
    }

    /// Visits the rows of a stretch of minutes; every chunk that cannot be read is told at the end.
    pub(crate) fn each(
        chunks: &[Chunk],
        file: &File,
        (first, last): (i64, i64),
        visit: &mut dyn FnMut(Row),
    ) -> io::Result<()> {
        let mut outcome = Ok(());
        for chunk in chunks.iter().filter(|chunk| chunk.first_minute <= last && first <= chunk.last_minute) {
            match chunk.read(file) {
                Ok(rows) => rows
                    .into_iter()
                    .filter(|(key, _)| (first..=last).contains(&key.minute))
                    .for_each(&mut *visit),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    pub(crate) fn read_examples(&self, file: &File) -> io::Result<BTreeMap<u64, (SourceId, u64)>> {
        let Some((at, piece)) = self.examples else { return Ok(BTreeMap::new()) };
        let bytes = read(file, at, piece)?;
        let from = &mut Decoder::new(&bytes);
        let examples = from.list(|from| Some((from.number()?, (SourceId(from.small()?), from.number()?))));
        examples.map(|examples| examples.into_iter().collect()).ok_or_else(|| wrong("unreadable examples"))
    }
}

fn encode_place(at: u64, piece: Piece, out: &mut Encoder) {
    for number in [at, piece.length.into(), piece.checksum.into()] {
        out.number(number);
    }
}

fn decode_place(from: &mut Decoder<'_>) -> Option<(u64, Piece)> {
    Some((from.number()?, Piece { length: from.small()?, checksum: from.small()? }))
}

/// Packed bytes, their checksum in front of whoever unpacks them.
fn read(file: &File, at: u64, piece: Piece) -> io::Result<Vec<u8>> {
    let mut packed = vec![0; piece.length as usize];
    file.read_exact_at(&mut packed, at)?;
    if checksum(&packed) != piece.checksum {
        return Err(wrong(&format!("wrong checksum at byte {at}")));
    }
    zstd::stream::decode_all(&packed[..])
}

impl Chunk {
    pub(crate) fn read(&self, file: &File) -> io::Result<Vec<Row>> {
        let bytes = read(file, self.at, self.piece)?;
        decode_rows(&bytes).ok_or_else(|| wrong(&format!("unreadable counts at byte {}", self.at)))
    }
}

/// Column after column; templates and signatures by their place in a list.
fn encode_rows(rows: &[Row]) -> Vec<u8> {
    let mut out = Encoder::default();
    out.number(rows.len() as u64);
    let mut before = 0;
    for (key, _) in rows {
        out.signed(key.minute - before);
        before = key.minute;
    }
    rows.iter().for_each(|(key, _)| out.number(key.source.0.into()));
    rows.iter().for_each(|(key, _)| out.0.push(key.level));
    for column in [|key: &Key| key.template, |key: &Key| key.signature] {
        let known: BTreeSet<u64> = rows.iter().map(|(key, _)| column(key)).collect();
        let known: Vec<u64> = known.into_iter().collect();
        out.number(known.len() as u64);
        known.iter().for_each(|value| out.word(*value));
        for (key, _) in rows {
            let place = known.binary_search(&column(key)).expect("it was listed");
            out.number(place as u64);
        }
    }
    rows.iter().for_each(|(_, count)| out.signed(*count));
    out.0
}

fn decode_rows(bytes: &[u8]) -> Option<Vec<Row>> {
    let from = &mut Decoder::new(bytes);
    let count = usize::try_from(from.number()?).ok().filter(|count| *count <= ROWS_PER_CHUNK)?;
    let mut minute = 0_i64;
    let mut rows: Vec<Row> = Vec::with_capacity(count);
    for _ in 0..count {
        minute = minute.checked_add(from.signed()?)?;
        rows.push((Key { minute, source: SourceId(0), level: 0, template: 0, signature: 0 }, 0));
    }
    for (key, _) in &mut rows {
        key.source = SourceId(from.small()?);
    }
    for (key, _) in &mut rows {
        key.level = from.byte()?;
    }
    for column in [|key: &mut Key, value| key.template = value, |key: &mut Key, value| key.signature = value]
    {
        let known = from.list(Decoder::word)?;
        for (key, _) in &mut rows {
            column(key, *known.get(usize::try_from(from.number()?).ok()?)?);
        }
    }
    for (_, number) in &mut rows {
        *number = from.signed()?;
    }
    from.is_empty().then_some(rows)
}

/// Writes rows that come in order; equal ones are added up.
pub(crate) fn write(
    file: &mut BlocksFile,
    rows: impl Iterator<Item = io::Result<Row>>,
) -> Result<Vec<Chunk>, StoreError> {
    let mut chunks = Vec::new();
    let mut waiting: Vec<Row> = Vec::new();
    for row in rows {
        let (key, count) = row.map_err(|error| file.error(error))?;
        if let Some((_, sum)) = waiting.last_mut().filter(|(last, _)| *last == key) {
            *sum += count;
            continue;
        }
        if waiting.len() == ROWS_PER_CHUNK {
            chunks.push(write_chunk(file, &waiting)?);
            waiting.clear();
        }
        waiting.push((key, count));
    }
    if !waiting.is_empty() {
        chunks.push(write_chunk(file, &waiting)?);
    }
    Ok(chunks)
}

fn write_chunk(file: &mut BlocksFile, rows: &[Row]) -> Result<Chunk, StoreError> {
    let (at, piece) = file.write_packed(&encode_rows(rows))?;
    let minute = |row: Option<&Row>| row.map_or(0, |(key, _)| key.minute);
    Ok(Chunk { first_minute: minute(rows.first()), last_minute: minute(rows.last()), at, piece })
}

pub(crate) fn write_examples(
    file: &mut BlocksFile,
    examples: &BTreeMap<u64, (SourceId, u64)>,
) -> Result<Option<(u64, Piece)>, StoreError> {
    let mut out = Encoder::default();
    out.number(examples.len() as u64);
    for (template, (source, line)) in examples {
        out.number(*template);
        out.number(source.0.into());
        out.number(*line);
    }
    file.write_packed(&out.0).map(Some)
}

/// The rows of several segments in order, a chunk of each in memory.
pub(crate) struct MergedRows<'a> {
    inputs: Vec<(&'a File, std::slice::Iter<'a, Chunk>, std::vec::IntoIter<Row>)>,
    heads: BTreeMap<(Key, usize), i64>,
    failed: Option<io::Error>,
}

impl<'a> MergedRows<'a> {
    pub(crate) fn new(inputs: impl Iterator<Item = (&'a File, &'a [Chunk])>) -> Self {
        let inputs = inputs.map(|(file, chunks)| (file, chunks.iter(), Vec::new().into_iter()));
        let mut merged = Self { inputs: inputs.collect(), heads: BTreeMap::new(), failed: None };
        (0..merged.inputs.len()).for_each(|input| merged.advance(input));
        merged
    }

    fn advance(&mut self, input: usize) {
        let (file, chunks, rows) = &mut self.inputs[input];
        let mut next = rows.next();
        while next.is_none() {
            let Some(chunk) = chunks.next() else { return };
            match chunk.read(file) {
                Ok(read) => *rows = read.into_iter(),
                Err(error) => {
                    self.failed = Some(error);
                    return;
                }
            }
            next = rows.next();
        }
        if let Some((key, count)) = next {
            self.heads.insert((key, input), count);
        }
    }
}

impl Iterator for MergedRows<'_> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.heads.clear();
            return Some(Err(error));
        }
        let ((key, input), count) = self.heads.pop_first()?;
        self.advance(input);
        Some(Ok((key, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back() {
        let key = |minute, source, template| Key {
            minute,
            source: SourceId(source),
            level: 3,
            template,
            signature: template / 2,
        };
        let rows = vec![(key(-5, 1, 7), -1), (key(0, 0, 7), 2), (key(0, 1, u64::MAX), 300)];
        assert_eq!(decode_rows(&encode_rows(&rows)), Some(rows));
        assert_eq!(decode_rows(&encode_rows(&[])), Some(Vec::new()));
        assert_eq!(decode_rows(b"\x05oops"), None);
    }
}
