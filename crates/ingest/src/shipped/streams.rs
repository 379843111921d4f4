//! In which stream a record's lines go on.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use model::Source;

use super::fields::find;
use super::{Body, Record, ShippedSettings, form};
use crate::Delivery;
use crate::delivery::stream_delivery;
use crate::line_splitter::Piece;

/// The streams that there are.
#[derive(Debug)]
pub(crate) struct Streams {
    settings: ShippedSettings,
    known: Mutex<HashSet<String>>,
}

/// Where a record came from, as far as it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Origin {
    host: String,
    path: Option<String>,
    service: Option<String>,
}

/// Shared by what came when there were enough.
const OTHERS: &str = "others";
/// Of a host's, file's or program's name.
const MOST_NAME: usize = 512;

/// Records of one request, sorted into streams.
#[derive(Debug)]
pub(crate) struct Sorted<'a> {
    streams: &'a Streams,
    /// The first part of the streams' names.
    door: &'static str,
    /// For records that name no host.
    peer: &'a str,
    texts: Vec<(Origin, Vec<Piece>)>,
    by_origin: HashMap<Origin, usize>,
    bytes: usize,
    most_bytes: usize,
}

/// The lines of a request would need more room than a request may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoMoreLines {
    pub(crate) limit: usize,
}

impl Streams {
    pub(crate) fn new(settings: ShippedSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    pub(crate) const fn settings(&self) -> &ShippedSettings {
        &self.settings
    }

    /// For one request, whose lines may have so many bytes.
    pub(crate) fn sorted<'a>(&'a self, door: &'static str, peer: &'a str, most_bytes: usize) -> Sorted<'a> {
        let (texts, by_origin) = (Vec::new(), HashMap::new());
        Sorted { streams: self, door, peer, texts, by_origin, bytes: 0, most_bytes }
    }

    fn origin(&self, record: &Record, peer: &str) -> Origin {
        let names = &self.settings.names;
        let fields = match &record.body {
            Body::Fields(fields) => Some(fields),
            _ => None,
        };
        let places = [fields, Some(&record.attributes), Some(&*record.resource)];
        let told = |names: &[String]| places.iter().flatten().find_map(|fields| find(fields, names));
        Origin {
            host: plain(told(&names.hosts).unwrap_or(peer)).replace('/', "_"),
            path: told(&names.paths).map(plain),
            service: told(&names.services).map(plain),
        }
    }

    fn bounded(&self, name: String, source: Source) -> (String, Source) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&name) {
            return (name, source);
        }
        if known.len() < self.settings.max_streams {
            known.insert(name.clone());
            return (name, source);
        }
        let door = name.split('/').next().unwrap_or_default();
        (format!("{door}/{OTHERS}/{OTHERS}"), Source::default())
    }
}

impl Sorted<'_> {
    pub(crate) fn push(&mut self, record: Record) -> Result<(), NoMoreLines> {
        let settings = &self.streams.settings;
        let origin = self.streams.origin(&record, self.peer);
        let lines = form::lines(record, origin.path.is_some(), &settings.names, settings.max_line);
        self.bytes += lines.iter().map(|line| line.text.len() + size_of::<Piece>()).sum::<usize>();
        if self.bytes > self.most_bytes {
            return Err(NoMoreLines { limit: self.most_bytes });
        }
        let index = match self.by_origin.get(&origin) {
            Some(index) => *index,
            None => {
                self.texts.push((origin.clone(), Vec::new()));
                self.by_origin.insert(origin, self.texts.len() - 1);
                self.texts.len() - 1
            }
        };
        if let Some((_, text)) = self.texts.get_mut(index) {
            text.extend(lines);
        }
        Ok(())
    }

    /// Bounded batches, in the order of each stream.
    pub(crate) fn into_deliveries(self) -> Vec<Delivery> {
        let Self { streams, door, texts, .. } = self;
        let mut deliveries = Vec::new();
        for (origin, lines) in texts {
            let (name, source) = origin.named(door);
            let (name, source) = streams.bounded(name, source);
            for lines in batches(lines, &streams.settings) {
                let mut delivery = stream_delivery(name.clone(), source.host.clone(), Vec::new(), lines);
                delivery.source.daemon.clone_from(&source.daemon);
                deliveries.push(delivery);
            }
        }
        deliveries
    }
}

impl Origin {
    fn named(self, door: &str) -> (String, Source) {
        let Self { host, path, service } = self;
        let place = path.as_deref().map(|path| path.trim_start_matches('/'));
        let place = place.or(service.as_deref()).unwrap_or(OTHERS);
        let name = format!("{door}/{host}/{place}");
        let source = Source { path: name.clone(), host: Some(host), daemon: service, service: None };
        (name, source)
    }
}

fn batches(lines: Vec<Piece>, settings: &ShippedSettings) -> Vec<Vec<Piece>> {
    let mut batches: Vec<Vec<Piece>> = Vec::new();
    let mut bytes = 0;
    for line in lines {
        bytes += line.text.len() + 1;
        match batches.last_mut() {
            Some(batch) if batch.len() < settings.batch_lines && bytes <= settings.batch_bytes => {
                batch.push(line);
            }
            _ => {
                bytes = line.text.len() + 1;
                batches.push(vec![line]);
            }
        }
    }
    batches
}

/// A name that can be shown, of bounded length.
fn plain(name: &str) -> String {
    let shown = |c: char| if c.is_control() { '_' } else { c };
    name.trim().chars().take(MOST_NAME).map(shown).collect()
}
