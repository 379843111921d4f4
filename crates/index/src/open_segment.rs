//! What is appended and not yet committed, for readers in the writer's process: as it was when they asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::Damage;
use crate::block::{Block, Draft};
use crate::counts::{Counts, Key};
use crate::directory::{Entry, Piece, Place, Span, carried, spans};
use crate::ids::{Pair, short};
use crate::manifest::SourceId;
use crate::segment::{read_columns, read_text};

/// The blocks of a segment that is being written, or the drafts that wait to become blocks.
pub(crate) struct OpenSegment {
    pub(crate) number: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) spans: BTreeMap<SourceId, Span>,
    /// Sorted.
    pub(crate) places: Vec<Place>,
    /// Sorted.
    pub(crate) carried: Vec<Place>,
    pub(crate) counts: Arc<Counts>,
    body: Body,
}

enum Body {
    Written { path: PathBuf, file: Arc<File>, formats: Arc<[&'static str]>, ids: Ids },
    Drafts(Vec<Arc<Draft>>),
}

/// Pairs as they came, and sorted as soon as somebody asks.
struct Ids {
    pairs: Vec<Pair>,
    sorted: OnceLock<Vec<Pair>>,
}

/// What a segment's writer hands out.
pub(crate) struct Snapshot {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) carried: Vec<Place>,
    pub(crate) ids: Vec<Pair>,
    pub(crate) counts: Arc<Counts>,
}

impl OpenSegment {
    pub(crate) fn of_blocks(number: u64, snapshot: Snapshot, formats: &Arc<[&'static str]>) -> Self {
        let Snapshot { path, file, entries, carried, ids, counts } = snapshot;
        let ids = Ids { pairs: ids, sorted: OnceLock::new() };
        let body = Body::Written { path, file, formats: Arc::clone(formats), ids };
        Self::new(number, entries, carried, counts, body)
    }

    /// `halves` are what was counted of lines that are whole in the drafts.
    pub(crate) fn of_drafts(number: u64, drafts: &[(SourceId, Arc<Draft>)], halves: &[Key]) -> Self {
        let nowhere = Piece { length: 0, checksum: 0 };
        let entries = drafts.iter().map(|(source, draft)| Entry::of(*source, draft, 0, nowhere, nowhere));
        let carried = (0..).zip(drafts).flat_map(|(block, (source, draft))| {
            carried(draft).into_iter().map(move |line| Place { source: *source, line, block })
        });
        let body = Body::Drafts(drafts.iter().map(|(_, draft)| Arc::clone(draft)).collect());
        let mut counts = Counts::default();
        drafts.iter().for_each(|(source, draft)| counts.add(*source, draft));
        halves.iter().for_each(|half| counts.take_back(*half));
        Self::new(number, entries.collect(), carried.collect(), Arc::new(counts), body)
    }

    fn new(
        number: u64,
        entries: Vec<Entry>,
        mut carried: Vec<Place>,
        counts: Arc<Counts>,
        body: Body,
    ) -> Self {
        carried.sort_unstable();
        let mut places: Vec<Place> = (0..)
            .zip(&entries)
            .map(|(block, entry)| Place { source: entry.source, line: entry.first, block })
            .collect();
        places.sort_unstable();
        Self { number, spans: spans(&entries), places, carried, counts, entries, body }
    }

    /// Lines of a source from this number on are in a draft again.
    pub(crate) fn supersede(&mut self, source: SourceId, from: u64) {
        for entry in self.entries.iter_mut().filter(|entry| entry.source == source && entry.last >= from) {
            entry.dead_from = entry.dead_from.min(from);
        }
    }

    pub(crate) fn blocks_with_id(&self, hash: u64) -> Vec<u32> {
        match &self.body {
            Body::Written { ids, .. } => {
                let sorted = ids.sorted.get_or_init(|| {
                    let mut pairs = ids.pairs.clone();
                    pairs.sort_unstable();
                    pairs
                });
                let hash = short(hash);
                let start = sorted.partition_point(|pair| pair.hash < hash);
                let found = sorted.iter().skip(start).take_while(|pair| pair.hash == hash);
                found.map(|pair| pair.block).collect()
            }
            // A look at all of them costs less than to keep an index of what changes with every line.
            Body::Drafts(drafts) => (0..).take(drafts.len()).collect(),
        }
    }

    pub(crate) fn block(&self, entry: &Entry, number: u32) -> Result<Block, Damage> {
        match &self.body {
            Body::Written { file, formats, .. } => {
                read_columns(file, entry, formats).map_err(|error| self.damage(&error))
            }
            Body::Drafts(drafts) => Ok(Block::of_draft(&drafts[number as usize])),
        }
    }

    pub(crate) fn text(&self, entry: &Entry) -> Result<Vec<u8>, Damage> {
        match &self.body {
            Body::Written { file, .. } => read_text(file, entry).map_err(|error| self.damage(&error)),
            Body::Drafts(_) => Ok(Vec::new()),
        }
    }

    pub(crate) fn damage(&self, error: &io::Error) -> Damage {
        let path = match &self.body {
            Body::Written { path, .. } => path.clone(),
            Body::Drafts(_) => PathBuf::new(),
        };
        Damage { path, what: format!("{error}; the newest lines are missing from the answers") }
    }
}
