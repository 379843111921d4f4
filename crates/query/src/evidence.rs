use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::Arc;

use correlate::Evidence;
use index::{Reader, StoredEvent};
use lru::LruCache;
use model::{Event, Id, Severity, TimeRange};
use parse::Knowledge;

/// All that was ever written, parsed again as it is asked for.
#[derive(Debug)]
pub struct StoreEvidence<'a> {
    reader: &'a Reader,
    knowledge: &'a Knowledge,
    /// One answer asks for the same event through many ids, and one request after the other for the same neighbours.
    parsed: RefCell<LruCache<Place, Parsed>>,
}

/// The address of the source, and the number of the head line.
type Place = (usize, u64);
type Parsed = (Arc<Event>, StoredEvent);

/// More events than one answer looks at; about 60 MB of them.
const MOST_PARSED: NonZeroUsize = NonZeroUsize::new(24 << 10).expect("not zero");

impl<'a> StoreEvidence<'a> {
    #[must_use]
    pub fn new(reader: &'a Reader, knowledge: &'a Knowledge) -> Self {
        Self { reader, knowledge, parsed: RefCell::new(LruCache::new(MOST_PARSED)) }
    }

    /// The lines of an event that this evidence gave.
    pub(crate) fn lines_of(&self, event: &Event) -> Option<StoredEvent> {
        let place = (Arc::as_ptr(&event.source) as usize, event.line);
        self.parsed.borrow().peek(&place).map(|(_, stored)| stored.clone())
    }

    fn event(&self, stored: StoredEvent) -> Arc<Event> {
        let head = stored.lines.first().map_or(0, |line| line.number);
        let place = (Arc::as_ptr(&stored.source) as usize, head);
        let mut parsed = self.parsed.borrow_mut();
        let (event, _) = parsed.get_or_insert(place, || {
            (Arc::new(self.knowledge.event(&stored.source, &stored.lines, &stored.annotation)), stored)
        });
        Arc::clone(event)
    }
}

impl Evidence for StoreEvidence<'_> {
    fn with_id(&self, id: &Id, range: TimeRange) -> Vec<Arc<Event>> {
        self.reader.lines_with(id, range).into_iter().map(|stored| self.event(stored)).collect()
    }

    fn troubles(&self, range: TimeRange) -> Vec<Arc<Event>> {
        self.reader
            .events_near(None, range, Severity::Warning)
            .into_iter()
            .map(|stored| self.event(stored))
            .collect()
    }
}
