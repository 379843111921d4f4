//! Which requests stand or fall together: whatever changed one server, port or volume, from its birth to its end.

use std::collections::{BTreeSet, HashMap};

use super::ownership::{Births, split};
use super::recording::{LIVE, Line, LogFile, Recording};
use super::scan::{IdIndex, Kind};

/// Where the users' calls arrive, and those that services make for them.
const APIS: [&str; 5] =
    ["nova-api.log", "neutron-server.log", "cinder-api.log", "glance-api.log", "heat-api.log"];

const CHANGES: [&[u8]; 4] = [b"\"POST /", b"\"PUT /", b"\"DELETE /", b"\"PATCH /"];

/// Neutron tells nova about several ports at once: such a call follows from others and holds none together.
const EVENTS: &[u8] = b"os-server-external-events";

/// What more requests change or use is shared: a network, a security group, an image. Nothing that one request made
/// is named by more than 12 others in the recording; the shared things by 34 and more.
const MOST_REQUESTS: usize = 20;

/// Position in [`Recording::lives`].
pub(super) type LifeIndex = u16;

/// Requests that are repeated together or not at all.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// The failed cases in it.
    pub(super) cases: Vec<u16>,
}

/// Range of [`Recording::named_lives`].
pub(super) type LifeRange = (u32, u32);

#[derive(Debug)]
pub(super) struct Lives {
    of_root: HashMap<IdIndex, LifeIndex>,
    of_id: HashMap<IdIndex, LifeIndex>,
    shared: BTreeSet<IdIndex>,
    others: HashMap<IdIndex, Other>,
    ranges: HashMap<BTreeSet<LifeIndex>, LifeRange>,
    named: Vec<LifeIndex>,
}

/// A request that changes nothing: who looks, and who follows.
#[derive(Debug, Default)]
struct Other {
    names: BTreeSet<LifeIndex>,
    /// It is about something else, too.
    names_more: bool,
    asks: bool,
    follows: bool,
}

/// What a line is about, and whether it only looks at it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About {
    pub(super) lives: LifeRange,
    pub(super) looks: bool,
}

/// Whether a call that changes something ended with this line of `file`.
pub(super) fn is_change(recording: &Recording, file: &LogFile, line: &Line) -> bool {
    let text = recording.text_of(line);
    is_api(recording, file) && CHANGES.iter().any(|change| holds(text, change)) && !holds(text, EVENTS)
}

fn is_api(recording: &Recording, file: &LogFile) -> bool {
    APIS.iter().any(|name| recording.text_of(&file.path).ends_with(name.as_bytes()))
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut starts = text.iter().enumerate().filter(|(_, byte)| **byte == first);
    starts.any(|(at, _)| text[at..].starts_with(wanted))
}

impl Lives {
    pub(super) fn find(recording: &Recording, births: &Births) -> Self {
        let lines =
            || recording.files.iter().flat_map(|file| file.lines.iter().map(move |line| (file, line)));
        let request = |line: &Line| births.root_of(split(recording, line).0?);
        let mut joined: HashMap<IdIndex, IdIndex> = lines()
            .filter(|(file, line)| line.second >= LIVE && is_change(recording, file, line))
            .filter_map(|(_, line)| request(line))
            .map(|root| (root, root))
            .collect();
        let mut users: HashMap<IdIndex, BTreeSet<IdIndex>> = HashMap::new();
        for (_, line) in lines() {
            let Some(root) = request(line).filter(|root| joined.contains_key(root)) else { continue };
            for id in split(recording, line).1 {
                users.entry(id).or_default().insert(root);
            }
        }
        let shared =
            users.iter().filter(|(_, roots)| roots.len() > MOST_REQUESTS).map(|(id, _)| *id).collect();
        users.retain(|_, roots| roots.len() <= MOST_REQUESTS);
        let mut ids: Vec<_> = users.into_iter().collect();
        ids.sort();
        for (id, roots) in &ids {
            let maker = births.root_of(*id).filter(|root| joined.contains_key(root));
            let mut roots = roots.iter().copied().chain(maker);
            let first = roots.next().expect("somebody names the id");
            roots.for_each(|other| join(&mut joined, first, other));
        }
        let mut lives = Self {
            of_root: number(&joined),
            of_id: HashMap::new(),
            shared,
            others: HashMap::new(),
            ranges: HashMap::new(),
            named: Vec::new(),
        };
        lives.of_id =
            (ids.iter()).filter_map(|(id, roots)| Some((*id, *lives.of_root.get(roots.first()?)?))).collect();
        for (file, line) in lines() {
            lives.add_other(recording, births, file, line);
        }
        lives
    }

    /// What a request that changes nothing is about is known when all its lines were read.
    fn add_other(&mut self, recording: &Recording, births: &Births, file: &LogFile, line: &Line) {
        let (Some(request), ids) = split(recording, line) else { return };
        let Some(root) = births.root_of(request).filter(|root| !self.of_root.contains_key(root)) else {
            return;
        };
        let (names, names_more) = self.names(births, Some(root), &ids);
        let text = recording.text_of(line);
        let other = self.others.entry(root).or_default();
        other.names.extend(names);
        other.names_more |= names_more;
        other.asks |= is_api(recording, file) && holds(text, b"\"GET /");
        // Nobody is told that something is gone when it was never there.
        other.follows |= holds(text, EVENTS) || holds(text, b" 404");
    }

    /// The lives of these ids, and whether there are ids outside of all.
    fn names(&self, births: &Births, root: Option<IdIndex>, ids: &[IdIndex]) -> (BTreeSet<LifeIndex>, bool) {
        let mut lives = BTreeSet::new();
        let mut more = false;
        let foreign =
            |id: &&IdIndex| !self.shared.contains(id) && (root.is_none() || births.root_of(**id) != root);
        for id in ids.iter().filter(foreign) {
            match self.life_of(births, *id) {
                Some(life) => drop(lives.insert(life)),
                None => more = true,
            }
        }
        (lives, more)
    }

    pub(super) fn life_of(&self, births: &Births, id: IdIndex) -> Option<LifeIndex> {
        let of_root = || self.of_root.get(&births.root_of(id)?).copied();
        self.of_id.get(&id).copied().or_else(of_root)
    }

    pub(super) fn about(&mut self, recording: &Recording, births: &Births, line: &Line) -> About {
        let (request, ids) = split(recording, line);
        let root = request.and_then(|request| births.root_of(request));
        if let Some(life) = root.and_then(|root| self.of_root.get(&root)) {
            return About { lives: self.range([*life].into()), looks: false };
        }
        let other = root.and_then(|root| self.others.get(&root));
        let looks = other.is_some_and(|other| other.asks && !other.follows);
        let named = match (self.names(births, root, &ids), other) {
            ((lives, true), _) if !lives.is_empty() => BTreeSet::new(),
            ((lives, false), _) if !lives.is_empty() => lives,
            ((_, false), Some(other)) if !other.names_more => other.names.clone(),
            _ => BTreeSet::new(),
        };
        About { lives: self.range(named), looks }
    }

    fn range(&mut self, lives: BTreeSet<LifeIndex>) -> LifeRange {
        let position = |length| u32::try_from(length).expect("far fewer lives");
        let named = &mut self.named;
        *self.ranges.entry(lives).or_insert_with_key(|lives| {
            let start = position(named.len());
            named.extend(lives);
            (start, position(named.len()))
        })
    }

    /// The lives, whose failed cases `cases` knows, and what the ranges mean.
    pub(super) fn finish(self, cases: &[Option<LifeIndex>]) -> (Vec<Life>, Vec<LifeIndex>) {
        let count = self.of_root.values().max().map_or(0, |last| usize::from(*last) + 1);
        let mut lives: Vec<Life> = (0..count).map(|_| Life::default()).collect();
        for (case, of_case) in (0_u16..).zip(cases) {
            if let Some(life) = of_case {
                lives[usize::from(*life)].cases.push(case);
            }
        }
        (lives, self.named)
    }
}

/// Whether the file is that of one instance: libvirt names it by its domain.
pub(super) fn is_of_one_instance(recording: &Recording, file: &LogFile) -> bool {
    recording.holes_of(&file.path).iter().any(|hole| matches!(hole.kind, Kind::Domain(_)))
}

fn join(joined: &mut HashMap<IdIndex, IdIndex>, one: IdIndex, other: IdIndex) {
    let (one, other) = (end_of(joined, one), end_of(joined, other));
    joined.insert(one.max(other), one.min(other));
}

fn end_of(joined: &HashMap<IdIndex, IdIndex>, mut root: IdIndex) -> IdIndex {
    while joined[&root] != root {
        root = joined[&root];
    }
    root
}

/// One number for all that were joined.
fn number(joined: &HashMap<IdIndex, IdIndex>) -> HashMap<IdIndex, LifeIndex> {
    let ends: BTreeSet<IdIndex> = joined.keys().map(|root| end_of(joined, *root)).collect();
    let numbers: HashMap<IdIndex, LifeIndex> = ends.into_iter().zip(0..).collect();
    joined.keys().map(|root| (*root, numbers[&end_of(joined, *root)])).collect()
}
