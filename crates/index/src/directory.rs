//! What is known of the blocks of a segment without reading them.

use std::collections::BTreeMap;

use model::{TimeRange, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use crate::block::{Draft, level_bits};
use crate::codec::{Decoder, Encoder};
use crate::counts::CountsAt;
use crate::ids::Pages;
use crate::manifest::SourceId;
use crate::table::Record;
use crate::verify::FileSum;

/// What is known of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) source: SourceId,
    /// The numbers of the first and the last line.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) count: u32,
    /// Where the columns lie; the text follows them.
    pub(crate) at: u64,
    pub(crate) columns: Piece,
    pub(crate) text: Piece,
    /// Of the text, unpacked.
    pub(crate) raw: u32,
    /// From the first time to the last; the other way round when no line has one.
    pub(crate) time: TimeRange,
    /// Lines from this number on are there again, newer, in another block.
    pub(crate) dead_from: u64,
    /// Some line has no time.
    pub(crate) untimed: bool,
    /// One bit for each level, and one for notable lines.
    pub(crate) levels: u8,
}

/// Compressed bytes and their checksum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) length: u32,
    pub(crate) checksum: u32,
}

impl Piece {
    pub(crate) fn of(packed: &[u8]) -> Self {
        let length = u32::try_from(packed.len()).expect("a block is far smaller than 4 GiB");
        Self { length, checksum: checksum(packed) }
    }
}

pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let [a, b, c, d, ..] = xxh3_64(bytes).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl Entry {
    pub(crate) fn of(source: SourceId, draft: &Draft, at: u64, columns: Piece, text: Piece) -> Self {
        let rows = &draft.rows;
        let times = || rows.annotations.iter().filter_map(|annotation| annotation.timestamp);
        let small = |length: usize| u32::try_from(length).expect("a block is far smaller than 4 GiB");
        Self {
            source,
            first: rows.numbers.first().copied().unwrap_or(0),
            last: rows.numbers.last().copied().unwrap_or(0),
            count: small(rows.len()),
            at,
            columns,
            text,
            raw: small(draft.text.len()),
            time: TimeRange {
                start: times().min().unwrap_or(Timestamp::MAX),
                end: times().max().unwrap_or(Timestamp::MIN),
            },
            dead_from: u64::MAX,
            untimed: times().count() < rows.len(),
            levels: rows.annotations.iter().fold(0, |levels, annotation| levels | level_bits(annotation)),
        }
    }

    pub(crate) fn may_be_in(&self, range: TimeRange) -> bool {
        self.untimed || (self.time.start <= range.end && range.start <= self.time.end)
    }
}

/// Takes fields off the front of a record.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("a record is as long as its fields");
        self.0 = rest;
        *field
    }

    fn small(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::from_nanos(i64::from_le_bytes(self.take()))
    }

    fn piece(&mut self) -> Piece {
        Piece { length: self.small(), checksum: self.small() }
    }
}

fn record<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = bytes.as_mut_slice();
    for field in fields {
        let (place, after) = rest.split_at_mut(field.len());
        place.copy_from_slice(field);
        rest = after;
    }
    bytes
}

pub(crate) const ENTRY_BYTES: usize = 78;

impl Record<ENTRY_BYTES> for Entry {
    fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        record(&[
            &self.source.0.to_le_bytes(),
            &self.first.to_le_bytes(),
            &self.last.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.at.to_le_bytes(),
            &self.columns.length.to_le_bytes(),
            &self.columns.checksum.to_le_bytes(),
            &self.text.length.to_le_bytes(),
            &self.text.checksum.to_le_bytes(),
            &self.raw.to_le_bytes(),
            &self.time.start.nanos().to_le_bytes(),
            &self.time.end.nanos().to_le_bytes(),
            &self.dead_from.to_le_bytes(),
            &[u8::from(self.untimed), self.levels],
        ])
    }

    fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let from = &mut Fields(bytes);
        Self {
            source: SourceId(from.small()),
            first: from.long(),
            last: from.long(),
            count: from.small(),
            at: from.long(),
            columns: from.piece(),
            text: from.piece(),
            raw: from.small(),
            time: TimeRange { start: from.time(), end: from.time() },
            dead_from: from.long(),
            untimed: from.take() != [0],
            levels: u8::from_le_bytes(from.take()),
        }
    }
}

/// A line of a source and a block: in the table of places the first line of the block, in the table of carried events
/// the head of one that began in an earlier block and goes on in this one. Both tables are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) source: SourceId,
    pub(crate) line: u64,
    pub(crate) block: u32,
}

pub(crate) const PLACE_BYTES: usize = 16;

impl Record<PLACE_BYTES> for Place {
    fn to_bytes(&self) -> [u8; PLACE_BYTES] {
        record(&[&self.source.0.to_le_bytes(), &self.line.to_le_bytes(), &self.block.to_le_bytes()])
    }

    fn from_bytes(bytes: &[u8; PLACE_BYTES]) -> Self {
        let from = &mut Fields(bytes);
        Self { source: SourceId(from.small()), line: from.long(), block: from.small() }
    }
}

/// The events that a block goes on with, by their heads.
pub(crate) fn carried(draft: &Draft) -> Vec<u64> {
    let rows = &draft.rows;
    let first = rows.numbers.first().copied().unwrap_or(0);
    let continued = rows.annotations.iter().filter_map(|annotation| annotation.continues);
    let mut heads: Vec<u64> = continued.filter(|head| *head < first).collect();
    heads.sort_unstable();
    heads.dedup();
    heads
}

/// From the first line to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// Which lines of which sources a segment holds; there may be gaps.
pub(crate) fn spans<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<SourceId, Span> {
    let mut spans = BTreeMap::new();
    for entry in entries {
        let span = spans.entry(entry.source).or_insert(Span { first: entry.first, last: entry.last });
        span.first = span.first.min(entry.first);
        span.last = span.last.max(entry.last);
    }
    spans
}

/// What lies where in a segment's file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Footer {
    pub(crate) spans: BTreeMap<SourceId, Span>,
    /// Where the tables begin: entries, then places, then carried events.
    pub(crate) tables: u64,
    pub(crate) entries: usize,
    pub(crate) carried: usize,
    pub(crate) ids: Pages,
    pub(crate) counts: CountsAt,
    /// The files of the words.
    pub(crate) words: Vec<FileSum>,
}

impl Footer {
    pub(crate) fn encode(&self) -> Encoder {
        let mut out = Encoder::default();
        out.number(self.spans.len() as u64);
        let mut before = 0;
        for (source, span) in &self.spans {
            out.number((source.0 - before).into());
            before = source.0;
            out.number(span.first);
            out.number(span.last.saturating_sub(span.first));
        }
        for number in [self.tables, self.entries as u64, self.carried as u64, self.ids.at, self.ids.length] {
            out.number(number);
        }
        out.number(self.ids.fences.len() as u64);
        self.ids.fences.iter().for_each(|fence| out.0.extend_from_slice(&fence.to_le_bytes()));
        self.counts.encode(&mut out);
        out.number(self.words.len() as u64);
        for sum in &self.words {
            out.bytes(sum.name.as_bytes());
            out.number(sum.length);
            out.word(sum.checksum);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let from = &mut Decoder::new(bytes);
        let mut before = 0;
        let spans = from.list(|from| {
            before += from.small()?;
            let first = from.number()?;
            Some((SourceId(before), Span { first, last: first + from.number()? }))
        })?;
        let footer = Self {
            spans: spans.into_iter().collect(),
            tables: from.number()?,
            entries: usize::try_from(from.number()?).ok()?,
            carried: usize::try_from(from.number()?).ok()?,
            ids: Pages { at: from.number()?, length: from.number()?, fences: from.fences()? },
            counts: CountsAt::decode(from)?,
            words: from.list(|from| {
                Some(FileSum { name: from.text()?, length: from.number()?, checksum: from.word()? })
            })?,
        };
        from.is_empty().then_some(footer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back() {
        let entry = Entry {
            source: SourceId(3),
            first: 5,
            last: 9,
            count: 4,
            at: 1 << 40,
            columns: Piece { length: 6, checksum: 7 },
            text: Piece { length: 8, checksum: u32::MAX },
            raw: 10,
            time: TimeRange { start: Timestamp::from_nanos(-11), end: Timestamp::MAX },
            dead_from: 12,
            untimed: true,
            levels: 0x81,
        };
        assert_eq!(Entry::from_bytes(&entry.to_bytes()), entry);
        let place = Place { source: SourceId(1), line: 2, block: 3 };
        assert_eq!(Place::from_bytes(&place.to_bytes()), place);
        let footer = Footer {
            spans: spans(&[entry, Entry { first: 1, last: 2, ..entry }]),
            tables: 1,
            entries: 2,
            carried: 3,
            ids: Pages { at: 4, length: 5, fences: vec![6, u32::MAX] },
            counts: CountsAt::default(),
            words: vec![FileSum { name: "meta.json".into(), length: 7, checksum: 8 }],
        };
        assert_eq!(footer.spans[&SourceId(3)], Span { first: 1, last: 9 });
        assert_eq!(Footer::decode(&footer.encode().0), Some(footer));
    }
}
