use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use correlate::Evidence;
use index::{Near, Place, Reader, SourceId, StoredEvent};
use lru::LruCache;
use model::{Annotation, Event, Id, Severity, Source, TimeRange, Timestamp};
use parse::Knowledge;

/// All that was ever written, parsed again as it is asked for.
#[derive(Debug)]
pub struct StoreEvidence<'a> {
    reader: &'a Reader,
    knowledge: &'a Knowledge,
    /// One answer asks for the same event through many ids, and one request after the other for the same neighbours.
    parsed: RefCell<ParsedEvents>,
    /// The sources of these events, by the places in memory that all events of a source share.
    sources: RefCell<HashMap<*const Source, SourceId>>,
    /// Where the events stand that name the id that was asked for last: to find out what an id is and to answer ask for the same.
    named: RefCell<Option<(Id, BTreeSet<Place>)>>,
    /// Where something went wrong in a minute: everything that failed about then asks for it.
    troubles: RefCell<LruCache<i64, Arc<Troubles>>>,
}

/// Where something went wrong.
#[derive(Debug, Default)]
struct Troubles {
    /// Under none stands what was said on hosts that are not known.
    of_host: HashMap<Option<String>, Vec<Near>>,
    /// What is known to matter, the newest first.
    notable: Vec<Near>,
}

/// Events that were parsed, to be taken over by whoever asks the same store again when it has grown.
#[derive(Debug)]
pub struct ParsedEvents {
    events: LruCache<Place, Parsed>,
    /// Counts those who asked.
    turn: u64,
}

#[derive(Debug)]
struct Parsed {
    event: Arc<Event>,
    /// Lines and bytes: an event grows when lines continue it, and a half line when its rest comes.
    size: (usize, usize),
    /// When it was looked up last.
    turn: u64,
}

impl Default for ParsedEvents {
    fn default() -> Self {
        Self { events: LruCache::new(MOST_PARSED), turn: 0 }
    }
}

/// More events than one answer looks at; about 30 MB of them.
const MOST_PARSED: NonZeroUsize = NonZeroUsize::new(12 << 10).expect("not zero");
/// Minutes whose troubles are kept. Longer stretches of time are looked up as a whole.
const MOST_MINUTES: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");
/// Of what is known to matter and was said on hosts that the request did not touch, the last: a large cloud has hundreds
/// of such lines in three minutes, and each may stand in another block.
const MOST_ELSEWHERE: usize = 96;
const NANOS_PER_MINUTE: i64 = 60_000_000_000;

impl<'a> StoreEvidence<'a> {
    #[must_use]
    pub fn new(reader: &'a Reader, knowledge: &'a Knowledge) -> Self {
        Self::with(reader, knowledge, ParsedEvents::default())
    }

    /// Goes on with what others parsed, who asked the same store with the same knowledge.
    #[must_use]
    pub fn with(reader: &'a Reader, knowledge: &'a Knowledge, mut parsed: ParsedEvents) -> Self {
        parsed.turn += 1;
        Self {
            reader,
            knowledge,
            parsed: RefCell::new(parsed),
            sources: RefCell::default(),
            named: RefCell::default(),
            troubles: RefCell::new(LruCache::new(MOST_MINUTES)),
        }
    }

    /// For the next one who asks.
    #[must_use]
    pub fn into_parsed(self) -> ParsedEvents {
        self.parsed.into_inner()
    }

    /// Where the events stand that name the id.
    pub(crate) fn places_with(&self, id: &Id) -> BTreeSet<Place> {
        if let Some((_, places)) = self.named.borrow().as_ref().filter(|(named, _)| named == id) {
            return places.clone();
        }
        let places = self.reader.places_with(id, TimeRange::ALL, |_| true);
        self.named.replace(Some((id.clone(), places.clone())));
        places
    }

    /// Where events of this evidence stand.
    pub(crate) fn places_of(&self, events: &[Arc<Event>]) -> Vec<Place> {
        let sources = self.sources.borrow();
        let place = |event: &Arc<Event>| {
            Some(Place { source: *sources.get(&Arc::as_ptr(&event.source))?, head: event.line })
        };
        events.iter().filter_map(place).collect()
    }

    fn events(&self, places: BTreeSet<Place>, range: TimeRange) -> Vec<Arc<Event>> {
        let (mut events, mut unknown) = (Vec::new(), BTreeSet::new());
        for place in places {
            match self.known(place) {
                Some(event) => events.push((place, event)),
                None => drop(unknown.insert(place)),
            }
        }
        let stored = self.reader.events_at(&unknown);
        events.extend(stored.iter().map(|stored| (stored.place(), self.parsed(stored))));
        events.retain(|(_, event)| event.timestamp.is_none_or(|time| range.contains(time)));
        events.sort_by_key(|(place, event)| (event.timestamp, *place));
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// What was looked up for the same answer.
    fn known(&self, place: Place) -> Option<Arc<Event>> {
        let ParsedEvents { events, turn } = &mut *self.parsed.borrow_mut();
        let known = events.get(&place).filter(|known| known.turn == *turn)?;
        Some(Arc::clone(&known.event))
    }

    /// The event that was read, parsed unless that was done before.
    pub(crate) fn parsed(&self, stored: &StoredEvent) -> Arc<Event> {
        let ParsedEvents { events, turn } = &mut *self.parsed.borrow_mut();
        let size = (stored.lines.len(), stored.lines.iter().map(|line| line.text.len()).sum());
        let known = events.get(&stored.place()).filter(|known| known.size == size);
        let event = known.map(|known| Arc::clone(&known.event)).unwrap_or_else(|| {
            Arc::new(self.knowledge.event(&stored.source, &stored.lines, &stored.annotation))
        });
        self.sources.borrow_mut().insert(Arc::as_ptr(&event.source), stored.source_id);
        events.put(stored.place(), Parsed { event: Arc::clone(&event), size, turn: *turn });
        event
    }

    fn troubles_of(&self, minute: i64) -> Arc<Troubles> {
        if let Some(known) = self.troubles.borrow_mut().get(&minute) {
            return Arc::clone(known);
        }
        let start = Timestamp::from_nanos(minute.saturating_mul(NANOS_PER_MINUTE));
        let end = Timestamp::from_nanos(start.nanos().saturating_add(NANOS_PER_MINUTE - 1));
        let found = Arc::new(self.troubles_in(TimeRange { start, end }));
        self.troubles.borrow_mut().put(minute, Arc::clone(&found));
        found
    }

    fn troubles_in(&self, range: TimeRange) -> Troubles {
        let mut troubles = Troubles::default();
        for near in self.reader.places_near(range, Severity::Error) {
            if near.notable {
                troubles.notable.push(near.clone());
            }
            troubles.of_host.entry(near.source.host.clone()).or_default().push(near);
        }
        troubles.notable.sort_by_key(|near| Reverse((near.time, near.place)));
        troubles
    }
}

const fn minute_of(time: Timestamp) -> i64 {
    time.nanos().div_euclid(NANOS_PER_MINUTE)
}

impl Evidence for StoreEvidence<'_> {
    fn with_id(&self, id: &Id, range: TimeRange) -> Vec<Arc<Event>> {
        let places = match range == TimeRange::ALL {
            true => self.places_with(id),
            false => self.reader.places_with(id, range, |_| true),
        };
        self.events(places, range)
    }

    fn told(&self, id: &Id) -> Vec<Arc<Event>> {
        let brief = |line: &Annotation| line.severity != Severity::Debug && line.format != "notification";
        self.events(self.reader.places_with(id, TimeRange::ALL, brief), TimeRange::ALL)
    }

    fn troubles(&self, range: TimeRange, hosts: &[String]) -> Vec<Arc<Event>> {
        let (first, last) = (minute_of(range.start), minute_of(range.end));
        let newest_first: Vec<Arc<Troubles>> =
            if last.saturating_sub(first).unsigned_abs() >= MOST_MINUTES.get() as u64 {
                vec![Arc::new(self.troubles_in(range))]
            } else {
                (first..=last).rev().map(|minute| self.troubles_of(minute)).collect()
            };
        let hosts: HashSet<Option<String>> = hosts.iter().cloned().map(Some).chain([None]).collect();
        let in_range = |near: &&Near| range.contains(near.time);
        let here = newest_first
            .iter()
            .flat_map(|troubles| hosts.iter().filter_map(|host| troubles.of_host.get(host)))
            .flatten()
            .filter(in_range);
        let elsewhere = newest_first
            .iter()
            .flat_map(|troubles| &troubles.notable)
            .filter(in_range)
            .filter(|near| !hosts.contains(&near.source.host))
            .take(MOST_ELSEWHERE);
        self.events(here.chain(elsewhere).map(|near| near.place).collect(), range)
    }
}
