use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use memchr::memmem;
use model::{Annotation, Defect, Id, Line, Severity, TimeRange, Timestamp, scan_ids};

use crate::codec::{Decoder, Encoder};
use crate::segment::Wanted;

/// A block is full at this many lines …
pub(crate) const MAX_LINES: usize = 1024;
/// What a row's number in its block takes.
const ROW_BITS: u64 = MAX_LINES as u64 - 1;
/// … or this many bytes.
pub(crate) const MAX_BYTES: usize = 512 << 10;

/// Consecutive lines of one source: the columns of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) numbers: Vec<u64>,
    pub(crate) annotations: Vec<Annotation>,
    /// Where each line ends in the text; a line feed stands between two lines.
    ends: Vec<usize>,
}

impl Rows {
    pub(crate) const fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Where a line stands in the text.
    pub(crate) fn range(&self, row: usize) -> Range<usize> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        start..self.ends[row]
    }

    /// The row that holds this place of the text.
    pub(crate) fn row_at(&self, place: usize) -> usize {
        self.ends.partition_point(|end| *end < place)
    }

    /// The number of the line that begins the event of this one.
    pub(crate) fn head(&self, row: usize) -> u64 {
        self.annotations[row].continues.unwrap_or(self.numbers[row])
    }
}

/// Lines that wait until they fill a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) rows: Rows,
    pub(crate) text: Vec<u8>,
}

impl Draft {
    /// A line whose number is not new replaces the last one: it had been read half.
    pub(crate) fn push(&mut self, line: &Line, annotation: &Annotation) {
        while self.rows.numbers.last().is_some_and(|last| *last >= line.number) {
            self.pop();
        }
        if !self.rows.numbers.is_empty() {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(&line.text);
        self.rows.numbers.push(line.number);
        self.rows.annotations.push(annotation.clone());
        self.rows.ends.push(self.text.len());
    }

    /// An empty one, in the same memory.
    pub(crate) fn emptied(mut self) -> Self {
        self.rows.numbers.clear();
        self.rows.annotations.clear();
        self.rows.ends.clear();
        self.text.clear();
        self
    }

    fn pop(&mut self) {
        self.rows.numbers.pop();
        self.rows.annotations.pop();
        self.rows.ends.pop();
        self.text.truncate(self.rows.ends.last().copied().unwrap_or(0));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.numbers.is_empty()
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.rows.len() >= MAX_LINES || self.text.len() >= MAX_BYTES
    }
}

/// A block read back. The text is fetched when somebody asks for it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) rows: Rows,
    pub(crate) text: OnceLock<Vec<u8>>,
    /// Bytes that were looked through for ids.
    searched: AtomicUsize,
    /// The ids of the lines, sorted, for blocks that are asked again and again: a hash, its last bits replaced by the row.
    ids: OnceLock<Vec<u64>>,
    /// The latest time up to each row, and the earliest from it on.
    times: OnceLock<(Vec<Timestamp>, Vec<Timestamp>)>,
    /// The lines that go on with an event: (number of its head, row), sorted.
    continuing: OnceLock<Vec<(u64, usize)>>,
}

impl Block {
    pub(crate) const fn new(rows: Rows) -> Self {
        Self {
            rows,
            text: OnceLock::new(),
            searched: AtomicUsize::new(0),
            ids: OnceLock::new(),
            times: OnceLock::new(),
            continuing: OnceLock::new(),
        }
    }

    pub(crate) fn of_draft(draft: &Draft) -> Self {
        let block = Self::new(draft.rows.clone());
        block.text.get_or_init(|| draft.text.clone());
        block
    }

    /// The rows that name the id and stand in this stretch of time, or bear no time, in order. Needs the text.
    pub(crate) fn rows_with(&self, id: &Id, range: TimeRange) -> Vec<usize> {
        let rows = self.rows_in(range);
        let mut found = match self.ids_of_many_searches(&rows) {
            None => self.search(id, &rows),
            Some(ids) => {
                let hash = id.stable_hash() & !ROW_BITS;
                let from = ids.partition_point(|other| *other < hash);
                let named = ids.iter().skip(from).take_while(|other| *other & !ROW_BITS == hash);
                named.filter_map(|id| usize::try_from(id & ROW_BITS).ok()).collect()
            }
        };
        found.retain(|row| self.rows.annotations[*row].timestamp.is_none_or(|time| range.contains(time)));
        found
    }

    /// Once as much was looked through as to read all ids of the block costs.
    fn ids_of_many_searches(&self, rows: &Range<usize>) -> Option<&Vec<u64>> {
        const SCAN_COSTS_SEARCHES: usize = 32;
        let before = self.searched.fetch_add(self.text_of(rows).len(), Ordering::Relaxed);
        let whole = self.rows.ends.last().copied().unwrap_or(0);
        (before >= SCAN_COSTS_SEARCHES * whole).then(|| self.ids.get_or_init(|| self.scan()))
    }

    /// Where these rows stand in the text.
    fn text_of(&self, rows: &Range<usize>) -> Range<usize> {
        match rows.clone().next_back() {
            Some(last) => self.rows.range(rows.start).start..self.rows.range(last).end,
            None => 0..0,
        }
    }

    /// No other row stands in this stretch of time.
    fn rows_in(&self, range: TimeRange) -> Range<usize> {
        if range == TimeRange::ALL {
            return 0..self.rows.len();
        }
        let (latest_until, earliest_from) = self.times.get_or_init(|| {
            let times = || self.rows.annotations.iter().map(|annotation| annotation.timestamp);
            let running = |latest: &mut Timestamp, time: Option<Timestamp>| {
                *latest = time.unwrap_or(Timestamp::MAX).max(*latest);
                Some(*latest)
            };
            let latest_until = times().scan(Timestamp::MIN, running).collect();
            let running = |earliest: &mut Timestamp, time: Option<Timestamp>| {
                *earliest = time.unwrap_or(Timestamp::MIN).min(*earliest);
                Some(*earliest)
            };
            let mut earliest_from: Vec<Timestamp> = times().rev().scan(Timestamp::MAX, running).collect();
            earliest_from.reverse();
            (latest_until, earliest_from)
        });
        let start = latest_until.partition_point(|time| *time < range.start);
        start..earliest_from.partition_point(|time| *time <= range.end).max(start)
    }

    /// The rows of the event with this head, in order.
    pub(crate) fn rows_of(&self, head: u64) -> Vec<usize> {
        let itself = self.rows.numbers.binary_search(&head).ok();
        let itself = itself.filter(|row| self.rows.annotations[*row].continues.is_none());
        let continuing = self.continuing.get_or_init(|| {
            let annotations = self.rows.annotations.iter().enumerate();
            let mut rows: Vec<_> =
                annotations.filter_map(|(row, annotation)| Some((annotation.continues?, row))).collect();
            rows.sort_unstable();
            rows
        });
        itself.into_iter().chain(paired(continuing, head)).collect()
    }

    fn search(&self, id: &Id, rows: &Range<usize>) -> Vec<usize> {
        let span = self.text_of(rows);
        let text = self.text.get().and_then(|text| text.get(span.clone())).unwrap_or_default();
        let mut found = Vec::new();
        for at in Needle::of(id).find_in(text) {
            let row = self.rows.row_at(span.start + at);
            if found.last() != Some(&row) && self.names(row, id) {
                found.push(row);
            }
        }
        found
    }

    fn scan(&self) -> Vec<u64> {
        let mut ids = Vec::new();
        for row in 0..self.rows.len() {
            scan_ids(self.line(row), |found| {
                ids.push(found.id.stable_hash() & !ROW_BITS | row as u64 & ROW_BITS);
            });
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn names(&self, row: usize, id: &Id) -> bool {
        let mut named = false;
        scan_ids(self.line(row), |found| named |= found.id == *id);
        named
    }

    /// Empty when the text is not there.
    pub(crate) fn line(&self, row: usize) -> &[u8] {
        self.text.get().and_then(|text| text.get(self.rows.range(row))).unwrap_or_default()
    }
}

/// What stands beside a key in a sorted list of pairs.
fn paired(pairs: &[(u64, usize)], key: u64) -> Vec<usize> {
    let start = pairs.partition_point(|(other, _)| *other < key);
    pairs.iter().skip(start).take_while(|(other, _)| *other == key).map(|(_, row)| *row).collect()
}

/// Characters that stand in a row wherever the id is written, in whatever spelling: a part of a UUID between two of its
/// dashes, or the end of a name, whose prefix may differ. To look for them is many times faster than to read all ids of a
/// block, and even faster for those of them that have no case.
struct Needle {
    /// In lower case.
    characters: String,
    without_case: Range<usize>,
}

impl Needle {
    fn of(id: &Id) -> Self {
        const LONGEST_NAME: usize = 8;
        let text = id.to_string();
        let from = if id.uuid().is_some() { 0 } else { text.len().saturating_sub(LONGEST_NAME) };
        let text = text.get(from..).unwrap_or_default();
        let parts = text.split(|character| id.uuid().is_some() && character == '-');
        let (part, without_case) = parts
            .map(|part| (part, longest_without_case(part)))
            .max_by_key(|(_, without_case)| without_case.len())
            .expect("a split text has a part");
        Self { characters: part.to_owned(), without_case }
    }

    /// Where it begins.
    fn find_in<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> {
        let rare = self.characters.get(self.without_case.clone()).unwrap_or_default();
        memmem::find_iter(text, rare.as_bytes()).filter_map(|at| {
            let start = at.checked_sub(self.without_case.start)?;
            let there = text.get(start..start + self.characters.len())?;
            there.eq_ignore_ascii_case(self.characters.as_bytes()).then_some(start)
        })
    }
}

/// The longest run of characters other than letters. When there is none it is empty, and found everywhere.
fn longest_without_case(text: &str) -> Range<usize> {
    let mut longest = 0..0;
    let mut start = 0;
    for run in text.split(|character: char| character.is_ascii_alphabetic()) {
        if run.len() > longest.len() {
            longest = start..start + run.len();
        }
        start += run.len() + 1;
    }
    longest
}

/// Whether lines are at a level, one bit for each.
pub(crate) const fn level_bit(severity: Severity) -> u8 {
    1 << severity as u8
}

/// Beside the levels: some line is notable.
pub(crate) const NOTABLE: u8 = 0x80;

pub(crate) fn level_bits(annotation: &Annotation) -> u8 {
    level_bit(annotation.severity) | if annotation.notable { NOTABLE } else { 0 }
}

const DEFECTS: [Defect; 6] = [
    Defect::UnknownFormat,
    Defect::BadEncoding,
    Defect::TooLong,
    Defect::BadTimestamp,
    Defect::Malformed,
    Defect::Orphan,
];

/// Column after column, so that like stands beside like: numbers, lengths, flags, times, formats, heads.
pub(crate) fn encode(rows: &Rows, formats: &mut Vec<&'static str>) -> Vec<u8> {
    let mut out = Encoder::default();
    let mut before = rows.numbers.first().copied().unwrap_or(0);
    for &number in &rows.numbers {
        out.number(number - before);
        before = number;
    }
    for row in 0..rows.len() {
        out.number(rows.range(row).len() as u64);
    }
    for annotation in &rows.annotations {
        out.0.push(flags(annotation));
    }
    encode_times(&rows.annotations, &mut out);
    for annotation in &rows.annotations {
        out.number(place_of(annotation.format, formats));
    }
    for (number, annotation) in rows.numbers.iter().zip(&rows.annotations) {
        out.number(annotation.continues.map_or(0, |head| number.saturating_sub(head)));
    }
    out.0
}

/// In a row's flags: its time is known.
const TIMED: u8 = 8;

/// Severity in three bits, a bit for a known time, the defect in three more, a bit for a notable line.
fn flags(annotation: &Annotation) -> u8 {
    let defect =
        annotation.defect.as_ref().and_then(|defect| DEFECTS.iter().position(|other| other == defect));
    let defect = defect.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0);
    let (timed, notable) = (u8::from(annotation.timestamp.is_some()), u8::from(annotation.notable));
    annotation.severity as u8 | timed << 3 | defect << 4 | notable << 7
}

/// Differences, in the coarsest unit that loses nothing.
fn encode_times(annotations: &[Annotation], out: &mut Encoder) {
    let times = || annotations.iter().filter_map(|annotation| annotation.timestamp).map(Timestamp::nanos);
    let unit = [1_000_000_000, 1_000_000, 1_000]
        .into_iter()
        .find(|unit| times().all(|time| time % unit == 0))
        .unwrap_or(1);
    out.signed(unit);
    let mut before = 0_i64;
    for time in times() {
        let time = time / unit;
        out.signed(time.wrapping_sub(before));
        before = time;
    }
}

fn place_of(format: &'static str, formats: &mut Vec<&'static str>) -> u64 {
    let place = formats.iter().position(|known| *known == format).unwrap_or_else(|| {
        formats.push(format);
        formats.len() - 1
    });
    place as u64
}

/// Whether some line is at one of these levels and in this stretch of time: a tenth of the work of [`decode`]. `None` for
/// what is no block.
pub(crate) fn holds(bytes: &[u8], count: usize, wanted: Wanted) -> Option<bool> {
    let from = &mut Decoder::new(bytes);
    from.skip_numbers(2 * count)?;
    let flags = from.take(count)?;
    let level = |flag: u8| level_bit(Severity::ALL[usize::from(flag & 7)]) | (flag & NOTABLE);
    let unit = from.signed()?;
    let mut time = 0_i64;
    for &flag in flags.iter().filter(|flag| **flag & TIMED != 0) {
        time = time.wrapping_add(from.signed()?);
        let in_range = || wanted.range.contains(Timestamp::from_nanos(time.wrapping_mul(unit)));
        if level(flag) & wanted.levels != 0 && in_range() {
            return Some(true);
        }
    }
    Some(false)
}

/// The columns of a block of `count` lines, the first of which has the number `first`.
pub(crate) fn decode(bytes: &[u8], first: u64, count: usize, formats: &[&'static str]) -> Option<Rows> {
    let from = &mut Decoder::new(bytes);
    let mut number = first;
    // Each row takes more than a byte: what is longer is no block.
    let room = count.min(bytes.len());
    let mut rows = Rows {
        numbers: Vec::with_capacity(room),
        annotations: Vec::with_capacity(room),
        ends: Vec::with_capacity(room),
    };
    for _ in 0..count {
        number = number.checked_add(from.number()?)?;
        rows.numbers.push(number);
    }
    let mut end = 0_usize;
    for row in 0..count {
        let length = usize::try_from(from.number()?).ok()?;
        end = end.checked_add(length)?.checked_add(usize::from(row > 0))?;
        rows.ends.push(end);
    }
    let flags = from.take(count)?;
    let unit = from.signed()?;
    let mut time = 0_i64;
    for &flag in flags {
        let mut annotation = Annotation {
            severity: *Severity::ALL.get(usize::from(flag & 7))?,
            defect: usize::from(flag >> 4 & 7).checked_sub(1).and_then(|at| DEFECTS.get(at).cloned()),
            notable: flag & 0x80 != 0,
            ..Annotation::default()
        };
        if flag & TIMED != 0 {
            time = time.wrapping_add(from.signed()?);
            annotation.timestamp = Some(Timestamp::from_nanos(time.wrapping_mul(unit)));
        }
        rows.annotations.push(annotation);
    }
    for annotation in &mut rows.annotations {
        annotation.format = formats.get(usize::try_from(from.number()?).ok()?)?;
    }
    for (number, annotation) in rows.numbers.iter().zip(&mut rows.annotations) {
        let distance = from.number()?;
        annotation.continues = (distance > 0).then(|| number.saturating_sub(distance));
    }
    from.is_empty().then_some(rows)
}

/// One copy of each format's name for the whole program: an annotation borrows it for ever. There are as many names
/// as `parse` has formats.
pub(crate) fn intern(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDS: [&str; 4] = [
        "0679010f-c12e-4d7d-a1f6-9c887eb0e4f8",
        "abcdefab-cdef-4abc-abcd-efabcdefabcd",
        "tap2c99782f-4f",
        "fa:16:3e:aa:bb:cc",
    ];

    /// An id as programs write it, and what only looks like it.
    fn written() -> impl Strategy<Value = String> {
        let id = prop::sample::select(IDS.to_vec());
        (id, 0..5_u8).prop_map(|(id, spelling)| match spelling {
            0 => id.to_owned(),
            1 => id.to_ascii_uppercase(),
            2 => format!("req-{id}"),
            3 => id.replace('-', ""),
            _ => id.get(2..).unwrap_or_default().to_owned(),
        })
    }

    /// Words, and how long after the line before; some bear no time.
    fn line() -> impl Strategy<Value = (Vec<String>, Option<i64>)> {
        (
            prop::collection::vec(prop_oneof![written(), "[a-f0-9: -]{0,12}"], 0..4),
            prop::option::weighted(0.95, -5..20_i64),
        )
    }

    proptest! {
        #[test]
        fn an_id_is_found_in_every_spelling_and_only_in_the_time_that_is_asked_for(
            lines in prop::collection::vec(line(), 1..40),
            (start, length) in (0..100_i64, 0..20_i64),
        ) {
            let mut draft = Draft::default();
            let mut time = 0;
            for (number, (words, step)) in (1..).zip(&lines) {
                let line = Line { number, text: words.join(" ").into_bytes() };
                time += step.unwrap_or(0);
                let timestamp = step.map(|_| Timestamp::from_nanos(time));
                draft.push(&line, &Annotation { timestamp, ..Annotation::default() });
            }
            let (start, end) = (Timestamp::from_nanos(start), Timestamp::from_nanos(start + length));
            for range in [TimeRange::ALL, TimeRange { start, end }] {
                let block = Block::of_draft(&draft);
                let in_range = |row: &usize| draft.rows.annotations[*row].timestamp.is_none_or(|time| range.contains(time));
                // The last looks find their answer in the list of all ids.
                for _ in 0..40 {
                    for id in IDS {
                        let id = Id::parse(id).expect("it is one");
                        let expected: Vec<usize> =
                            (0..lines.len()).filter(in_range).filter(|row| block.names(*row, &id)).collect();
                        prop_assert_eq!(block.rows_with(&id, range), expected);
                    }
                }
            }
        }
    }
}
