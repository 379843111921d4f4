use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use correlate::Evidence;
use index::{Reader, StoredEvent};
use model::{Event, Id, Severity, TimeRange};
use parse::Knowledge;

/// All that was ever written, parsed again as it is asked for.
#[derive(Debug)]
pub(crate) struct StoreEvidence<'a> {
    reader: &'a Reader,
    knowledge: &'a Knowledge,
    /// By source and line: one answer asks for the same event through many ids.
    parsed: RefCell<HashMap<Place, Parsed>>,
}

/// The address of the source, and the number of the head line.
type Place = (usize, u64);
type Parsed = (Arc<Event>, StoredEvent);

impl<'a> StoreEvidence<'a> {
    pub(crate) fn new(reader: &'a Reader, knowledge: &'a Knowledge) -> Self {
        Self { reader, knowledge, parsed: RefCell::default() }
    }

    /// The lines of an event that this evidence gave.
    pub(crate) fn lines_of(&self, event: &Event) -> Option<StoredEvent> {
        let place = (Arc::as_ptr(&event.source) as usize, event.line);
        self.parsed.borrow().get(&place).map(|(_, stored)| stored.clone())
    }

    fn event(&self, stored: StoredEvent) -> Arc<Event> {
        let head = stored.lines.first().map_or(0, |line| line.number);
        let place = (Arc::as_ptr(&stored.source) as usize, head);
        let mut parsed = self.parsed.borrow_mut();
        let (event, _) = parsed.entry(place).or_insert_with(|| {
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
