//! Events, put together from their lines: a block is read once for all events that have lines in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use model::{Annotation, Line};

use crate::SourceId;
use crate::block::Block;
use crate::reader::{Found, Place, Reader, StoredEvent};
use crate::view::View;

/// So many blocks are taken together: all of them stay in memory until they are done with.
pub(crate) const AT_ONCE: usize = 64;

/// Lines of an event.
struct Piece {
    /// In order, never empty.
    lines: Vec<Line>,
    /// Of the first one.
    annotation: Annotation,
}

impl Reader {
    /// The events at these places, with all their lines, in order of time.
    pub fn events_at(&self, places: &BTreeSet<Place>) -> Vec<StoredEvent> {
        let mut events = self.events_of(&self.view(), places.iter().copied().collect());
        events.sort_by_key(StoredEvent::order);
        events
    }

    /// `places` come in order.
    pub(crate) fn events_of(&self, view: &View, places: Vec<Place>) -> Vec<StoredEvent> {
        let mut events: BTreeMap<Place, Piece> = BTreeMap::new();
        for batch in self.holding(view, &places).chunks(AT_ONCE) {
            self.fetch(batch.iter().map(|(found, _)| found), |_| true);
            for (found, heads) in batch {
                let Some(block) = self.block_with_text(found) else { continue };
                for &head in heads {
                    let Some(piece) = Piece::of(&block, head, found.dead_from) else { continue };
                    let place = Place { source: found.entry.source, head };
                    match events.get_mut(&place) {
                        Some(event) => event.add(piece),
                        None => drop(events.insert(place, piece)),
                    }
                }
            }
        }
        let event = |(place, piece): (Place, Piece)| {
            let source = Arc::clone(view.source(place.source)?);
            let Piece { lines, annotation } = piece;
            Some(StoredEvent { source, source_id: place.source, lines, annotation })
        };
        events.into_iter().filter_map(event).collect()
    }

    /// The blocks that may hold lines of the events at these places, with the heads of those events.
    fn holding<'a>(&self, view: &'a View, places: &[Place]) -> Vec<(Found<'a>, Vec<u64>)> {
        let by_source = places.chunk_by(|one, other| one.source == other.source);
        let heads = |of_source: &[Place]| of_source.iter().map(|place| place.head).collect();
        let by_source: Vec<(SourceId, Vec<u64>)> =
            by_source.map(|of_source| (of_source[0].source, heads(of_source))).collect();
        let mut holding = Vec::new();
        for segment in &view.segments {
            for (source, heads) in &by_source {
                let mut blocks = BTreeMap::new();
                self.noted(segment.add_blocks_of(*source, heads, &mut blocks));
                self.noted(segment.add_carrying(*source, heads, &mut blocks));
                let found = blocks.into_iter().filter_map(|(number, mut heads)| {
                    let found = self.found(view, segment, number)?;
                    heads.retain(|head| *head <= found.entry.last);
                    (!heads.is_empty()).then_some((found, heads))
                });
                holding.extend(found);
            }
        }
        holding
    }

    /// Unpacks the blocks that are not at hand, side by side when there are several; the text where it is `wanted`.
    pub(crate) fn fetch<'a, 'b: 'a>(
        &self,
        blocks: impl Iterator<Item = &'a Found<'b>>,
        wanted: impl Fn(&Block) -> bool + Sync,
    ) {
        /// It takes longer to start a thread than to unpack one of them.
        const FEW: usize = 4;
        const MOST_HELPERS: usize = 3;
        let absent = self.absent(blocks);
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(found) = absent.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Some(block) = self.block(found).filter(|block| wanted(block)) {
                    self.fetch_text(found, &block);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..(absent.len() / FEW).min(MOST_HELPERS) {
                // Without a helper it takes longer.
                drop(thread::Builder::new().spawn_scoped(scope, work));
            }
            work();
        });
    }
}

impl Piece {
    /// The lines of the event with this head that stand in a block, and not again in a newer one.
    fn of(block: &Block, head: u64, dead_from: u64) -> Option<Self> {
        let mut rows = block.rows_of(head);
        rows.retain(|row| block.rows.numbers[*row] < dead_from);
        let annotation = block.rows.annotations[*rows.first()?].clone();
        let line = |row| Line { number: block.rows.numbers[row], text: block.line(row).to_vec() };
        Some(Self { lines: rows.into_iter().map(line).collect(), annotation })
    }

    /// Adds those of a newer block.
    fn add(&mut self, other: Self) {
        if other.lines[0].number <= self.lines[0].number {
            self.annotation = other.annotation;
        }
        for line in other.lines {
            match self.lines.binary_search_by_key(&line.number, |line| line.number) {
                Ok(at) => self.lines[at] = line,
                Err(at) => self.lines.insert(at, line),
            }
        }
    }
}
