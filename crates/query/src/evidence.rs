use std::cell::RefCell;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use correlate::Evidence;
use index::{Place, Reader};
use lru::LruCache;
use model::{Annotation, Event, Id, Severity, TimeRange};
use parse::Knowledge;

/// All that was ever written, parsed again as it is asked for.
#[derive(Debug)]
pub struct StoreEvidence<'a> {
    reader: &'a Reader,
    knowledge: &'a Knowledge,
    /// One answer asks for the same event through many ids, and one request after the other for the same neighbours.
    parsed: RefCell<LruCache<Place, Arc<Event>>>,
}

/// More events than one answer looks at; about 60 MB of them.
const MOST_PARSED: NonZeroUsize = NonZeroUsize::new(24 << 10).expect("not zero");

impl<'a> StoreEvidence<'a> {
    #[must_use]
    pub fn new(reader: &'a Reader, knowledge: &'a Knowledge) -> Self {
        Self { reader, knowledge, parsed: RefCell::new(LruCache::new(MOST_PARSED)) }
    }

    fn events(&self, places: BTreeSet<Place>, range: TimeRange) -> Vec<Arc<Event>> {
        let events = places.into_iter().filter_map(|place| Some((place, self.event(place)?)));
        let mut events: Vec<(Place, Arc<Event>)> =
            events.filter(|(_, event)| event.timestamp.is_none_or(|time| range.contains(time))).collect();
        events.sort_by_key(|(place, event)| (event.timestamp, *place));
        events.into_iter().map(|(_, event)| event).collect()
    }

    fn event(&self, place: Place) -> Option<Arc<Event>> {
        let mut parsed = self.parsed.borrow_mut();
        if let Some(event) = parsed.get(&place) {
            return Some(Arc::clone(event));
        }
        let stored = self.reader.event_at(place)?;
        let event = Arc::new(self.knowledge.event(&stored.source, &stored.lines, &stored.annotation));
        parsed.put(place, Arc::clone(&event));
        Some(event)
    }
}

impl Evidence for StoreEvidence<'_> {
    fn with_id(&self, id: &Id, range: TimeRange) -> Vec<Arc<Event>> {
        self.events(self.reader.places_with(id, range, |_| true), range)
    }

    fn told(&self, id: &Id) -> Vec<Arc<Event>> {
        let brief = |line: &Annotation| line.severity != Severity::Debug && line.format != "notification";
        self.events(self.reader.places_with(id, TimeRange::ALL, brief), TimeRange::ALL)
    }

    fn troubles(&self, range: TimeRange) -> Vec<Arc<Event>> {
        self.events(self.reader.places_near(None, range, Severity::Warning), range)
    }
}
