//! Events that match, the newest first, a page at a time: blocks are opened from the newest backwards, and no more of
//! them than the page needs.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use model::Timestamp;

use crate::directory::Entry;
use crate::query::{Filter, Opened, Query, needs_words};
use crate::reader::{Found, Reader, StoredEvent};
use crate::segment::{Segment, Wanted};
use crate::view::View;
use crate::{Damage, SourceId};

/// Where a page ended. The next one begins behind it, whatever was appended in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// Events without a time come last.
    pub time: Option<Timestamp>,
    pub source: SourceId,
    /// Of the first line.
    pub line: u64,
}

/// Text to hand out and to be given back: `18e9f2a3b4c5d6e7.3.1f4`.
impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time {
            Some(time) => write!(out, "{:x}", time.nanos())?,
            None => out.write_str("none")?,
        }
        write!(out, ".{:x}.{:x}", self.source.0, self.line)
    }
}

impl Cursor {
    /// Reads what was handed out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '.');
        let time = match parts.next()? {
            "none" => None,
            // Times before 1970 are written as the bits of a negative number.
            time => Some(Timestamp::from_nanos(u64::from_str_radix(time, 16).ok()?.cast_signed())),
        };
        let source = SourceId(u32::from_str_radix(parts.next()?, 16).ok()?);
        let line = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self { time, source, line })
    }
}

/// A page of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub events: Vec<StoredEvent>,
    /// Where to go on: none when everything was looked at.
    pub next: Option<Cursor>,
}

/// What limits a page.
pub struct Limits<'a> {
    pub after: Option<Cursor>,
    pub events: usize,
    /// Asked before a further block is opened; whoever says no gets what was found so far, and where to go on.
    pub keep_going: &'a dyn Fn() -> bool,
}

impl Limits<'_> {
    /// Everything.
    pub const NONE: Self = Self { after: None, events: usize::MAX, keep_going: &|| true };
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Limits").field("after", &self.after).field("events", &self.events).finish()
    }
}

impl Reader {
    /// Events that match, the newest first. The query chooses the blocks, `matches` has the last word. The time of its
    /// first line is an event's time; its other lines are taken to be no older.
    pub fn search(
        &self,
        query: &Query,
        limits: &Limits<'_>,
        matches: &mut dyn FnMut(&StoredEvent) -> bool,
    ) -> Page {
        let view = self.view_for(query);
        let mut walk = Walk {
            reader: self,
            view: &view,
            after: limits.after,
            waiting: waiting_segments(&view, query, self),
            listed: BTreeMap::new(),
            blocks: BinaryHeap::new(),
            seen: BTreeSet::new(),
            found: BTreeMap::new(),
        };
        walk.page(limits, matches)
    }

    /// The words of a segment are opened when they are asked for. When the writer has put segments together since this
    /// reader was opened, they are gone, and the newer segments are asked.
    fn view_for(&self, query: &Query) -> Arc<View> {
        for _ in 0..3 {
            let view = self.view();
            let gone = |segment: &Arc<Segment>| match &**segment {
                Segment::Committed(stored) => stored.words_gone(),
                Segment::Open(_) => false,
            };
            if !needs_words(query) || !view.segments.iter().any(gone) || self.renew().is_err() {
                return view;
            }
        }
        self.view()
    }
}

/// Segments whose blocks were not listed so far, by their newest line.
type Waiting = BTreeMap<(Timestamp, usize), Filter>;

fn waiting_segments(view: &View, query: &Query, reader: &Reader) -> Waiting {
    let filters = view.segments.iter().enumerate().map(|(at, segment)| {
        let end = segment.time().end;
        ((end, at), Filter::new(reader, view, segment, query))
    });
    filters.filter(|(_, filter)| !filter.is_empty()).collect()
}

struct Walk<'a> {
    reader: &'a Reader,
    view: &'a View,
    after: Option<Cursor>,
    waiting: Waiting,
    /// Those of the segments whose blocks were listed.
    listed: BTreeMap<usize, Rc<Filter>>,
    /// The blocks to open, the one with the newest line first.
    blocks: BinaryHeap<Place>,
    /// Events that lie in more than one block.
    seen: BTreeSet<(SourceId, u64)>,
    /// What was found and may not be the next: a block that was not opened may hold newer ones.
    found: BTreeMap<Reverse<Cursor>, StoredEvent>,
}

/// Its newest time, segment and number.
type Place = (Timestamp, Reverse<(usize, u32)>);

impl Walk<'_> {
    fn page(&mut self, limits: &Limits<'_>, matches: &mut dyn FnMut(&StoredEvent) -> bool) -> Page {
        let mut page = Page::default();
        loop {
            self.list_blocks();
            let bound = self.blocks.peek().map(|(end, _)| *end);
            while let Some(first) = self.found.first_entry() {
                let Reverse(cursor) = *first.key();
                // What is left may be as new as `bound`.
                if bound.is_some_and(|bound| cursor.time.is_none_or(|time| time <= bound)) {
                    break;
                }
                if page.events.len() == limits.events {
                    page.next = page.events.last().map(StoredEvent::cursor).or(self.after);
                    return page;
                }
                page.events.push(first.remove());
            }
            let Some((end, Reverse((segment, block)))) = self.blocks.pop() else { return page };
            // Blocks that the page before had to open too are free: else a small budget would never get past them.
            let is_new = self.after.is_none_or(|after| after.time.is_some_and(|time| end < time));
            if is_new && !(limits.keep_going)() {
                page.next = Some(Cursor { time: Some(end), source: SourceId(u32::MAX), line: u64::MAX });
                return page;
            }
            let filter = &self.listed[&segment];
            let segment = &self.view.segments[segment];
            if let Some(found) = self.reader.found(self.view, segment, block) {
                let left = limits.events - page.events.len();
                self.open(&found, &Rc::clone(filter), left, matches);
            }
        }
    }

    /// Lists the blocks of every segment that may hold something newer than the blocks that are listed.
    fn list_blocks(&mut self) {
        while let Some(((end, at), _)) = self.waiting.last_key_value() {
            let (end, at) = (*end, *at);
            if self.blocks.peek().is_some_and(|(newest, _)| *newest > end) {
                return;
            }
            let Some((_, filter)) = self.waiting.pop_last() else { return };
            let segment = &self.view.segments[at];
            let mut wanted = filter.wanted();
            let rest = self.after.map(|after| after.time);
            if let Some(Some(time)) = rest {
                let range = model::TimeRange { start: Timestamp::MIN, end: time };
                wanted = wanted.and(Wanted { range, ..Wanted::ALL });
            }
            let Self { reader, blocks, .. } = self;
            let mut visit = |number: u32, entry: &Entry| {
                if filter.fits(number, entry) && (rest != Some(None) || entry.untimed) {
                    blocks.push((entry.time.end, Reverse((at, number))));
                }
            };
            let outcome: Result<(), Damage> = segment.each_entry(wanted, &mut visit);
            reader.noted(outcome);
            self.listed.insert(at, Rc::new(filter));
        }
    }

    fn open(
        &mut self,
        found: &Found<'_>,
        filter: &Filter,
        limit: usize,
        matches: &mut dyn FnMut(&StoredEvent) -> bool,
    ) {
        let needs_text = filter.needs_text();
        let block = if needs_text { self.reader.block_with_text(found) } else { self.reader.block(found) };
        let Some(block) = block else { return };
        let source = found.entry.source;
        let rows = block.rows.numbers.partition_point(|number| *number < found.dead_from);
        let lower = OnceCell::new();
        let opened = Opened { block: &block, number: found.number, entry: &found.entry, rows, lower };
        let all = || (0..rows).map(|row| block.rows.head(row)).collect();
        let heads: BTreeSet<u64> = filter.heads(&opened).unwrap_or_else(all);
        // The newest first: they show soonest what is too old for this page.
        for head in heads.into_iter().rev() {
            let row = block.rows.numbers.binary_search(&head).ok();
            let time = row.map(|row| block.rows.annotations[row].timestamp);
            let here = time.map(|time| Cursor { time, source, line: head });
            if here.is_some_and(|cursor| !self.is_of_page(cursor, limit))
                || self.seen.contains(&(source, head))
            {
                continue;
            }
            let Some(event) = self.reader.event(self.view, source, head) else { continue };
            let last = event.lines.last().map_or(head, |line| line.number);
            if head < found.entry.first || last > found.entry.last {
                self.seen.insert((source, head));
            }
            let cursor = event.cursor();
            if self.is_of_page(cursor, limit) && matches(&event) {
                self.found.insert(Reverse(cursor), event);
                if self.found.len() > limit.saturating_add(1) {
                    self.found.pop_last();
                }
            }
        }
    }

    /// It stands behind the page before, and not behind what fills this one.
    fn is_of_page(&self, cursor: Cursor, limit: usize) -> bool {
        let full = self.found.len() > limit;
        let too_old = full && self.found.last_key_value().is_some_and(|(Reverse(last), _)| cursor < *last);
        !too_old && self.after.is_none_or(|after| cursor < after)
    }
}

impl StoredEvent {
    /// Its place in the order of a search.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        let (time, source, line) = self.order();
        Cursor { time, source, line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back() {
        let check = |time: Option<i64>, line: u64| {
            let cursor = Cursor { time: time.map(Timestamp::from_nanos), source: SourceId(7), line };
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        };
        check(Some(1_795_231_696_763_000_000), 90);
        check(Some(-1), u64::MAX);
        check(None, 0);
        for text in ["", "1.2", "x.1.1", "1.1.1.1", "none.none.none"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
