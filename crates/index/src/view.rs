//! What a reader sees at a time: the segments of one manifest, and what is not committed when it may see that.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use model::Source;

use crate::directory::Entry;
use crate::fresh::{Fresh, Pin};
use crate::manifest::{Manifest, SourceId};
use crate::segment::{Segment, Stored};
use crate::{Damage, StoreError};

pub(crate) struct View {
    pub(crate) manifest: Manifest,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// From which line on lines are dead, by segment and source.
    dead: HashMap<(u64, SourceId), u64>,
    _pin: Option<Pin>,
}

impl View {
    /// As the manifest on the disk says. What `old` has open is not opened again.
    pub(crate) fn open(store: &Path, old: Option<&Self>) -> Result<(Self, Vec<Damage>), StoreError> {
        let mut manifest = Manifest::read(store)?;
        loop {
            let (segments, damage) = open_segments(store, &manifest, old);
            if damage.is_empty() {
                return Ok((Self::new(manifest, segments, None), damage));
            }
            // A writer may have put segments together in the meantime, and removed them.
            let newer = Manifest::read(store)?;
            if newer.segments == manifest.segments {
                return Ok((Self::new(manifest, segments, None), damage));
            }
            manifest = newer;
        }
    }

    pub(crate) fn of_fresh(store: &Path, fresh: Fresh, old: Option<&Self>) -> (Self, Vec<Damage>) {
        let Fresh { manifest, segments: uncommitted, pin } = fresh;
        let (mut segments, damage) = open_segments(store, &manifest, old);
        segments.extend(uncommitted);
        (Self::new(manifest, segments, Some(pin)), damage)
    }

    fn new(manifest: Manifest, segments: Vec<Arc<Segment>>, pin: Option<Pin>) -> Self {
        let mut dead = HashMap::new();
        for line in &manifest.dead {
            let from = dead.entry((line.segment, line.source)).or_insert(line.from);
            *from = line.from.min(*from);
        }
        Self { manifest, segments, dead, _pin: pin }
    }

    pub(crate) fn source(&self, id: SourceId) -> Option<&Arc<Source>> {
        self.manifest.sources.get(id)
    }

    /// Lines of a block from this number on are there again, newer, in another one.
    pub(crate) fn dead_from(&self, segment: &Segment, entry: &Entry) -> u64 {
        let dead = self.dead.get(&(segment.number(), entry.source)).copied().unwrap_or(u64::MAX);
        entry.dead_from.min(dead)
    }
}

fn open_segments(store: &Path, manifest: &Manifest, old: Option<&View>) -> (Vec<Arc<Segment>>, Vec<Damage>) {
    let formats: Arc<[&'static str]> = manifest.formats.as_slice().into();
    let known: HashMap<u64, &Arc<Segment>> = old
        .map(|old| old.segments.iter())
        .into_iter()
        .flatten()
        .filter(|segment| matches!(***segment, Segment::Committed(_)))
        .map(|segment| (segment.number(), segment))
        .collect();
    let (mut segments, mut damage) = (Vec::new(), Vec::new());
    for info in &manifest.segments {
        if let Some(segment) = known.get(&info.number) {
            segments.push(Arc::clone(segment));
            continue;
        }
        match Stored::open(store, info, &formats) {
            Ok(stored) => segments.push(Arc::new(Segment::Committed(Box::new(stored)))),
            Err(error) => damage.push(error),
        }
    }
    (segments, damage)
}
