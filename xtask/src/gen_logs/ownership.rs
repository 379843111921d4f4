//! Whose lines are whose: which request brought an id into the world, and which lines vanish with a failed case.

use std::collections::HashMap;

use super::recording::{Line, Recording};
use super::scan::{Hole, IdIndex};

/// A resource counts as made for its case when it appeared at most so many seconds before.
const PREPARATION: i32 = 30;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// The id from which this line's ids descend.
    pub(super) root: Option<IdIndex>,
    /// The failed case without which this line would not have been written.
    pub(super) case: Option<u16>,
}

/// An id belongs to the request in whose line it appears first.
#[derive(Debug)]
struct Births {
    /// For each id its root, and when it was born.
    roots: Vec<Option<(IdIndex, i32)>>,
}

pub(super) fn assign(recording: &mut Recording) {
    let mut births = Births { roots: vec![None; recording.ids.all.len()] };
    let mut logs: Vec<Line> = recording.files.iter().flat_map(|file| &file.lines).copied().collect();
    logs.sort_by_key(|line| (line.second, line.milliseconds));
    // Notifications come second: they repeat what a request did under ids of their own.
    for line in logs.iter().chain(&recording.notifications) {
        births.add(recording, line);
    }
    let cases = births.cases(recording);
    let mut files = std::mem::take(&mut recording.files);
    let mut notifications = std::mem::take(&mut recording.notifications);
    for file in &mut files {
        births.assign_events(recording, &mut file.lines, &cases);
    }
    for line in &mut notifications {
        line.owner = births.owner(recording, line, &cases);
    }
    (recording.files, recording.notifications) = (files, notifications);
}

impl Births {
    fn add(&mut self, recording: &Recording, line: &Line) {
        let (request, others) = split(recording, line);
        let parent = match request {
            Some(request) => self.roots[request as usize].map_or(request, |(root, _)| root),
            None => match others.iter().find_map(|id| self.roots[*id as usize]) {
                Some((root, _)) => root,
                None => match others.first() {
                    Some(first) => *first,
                    None => return,
                },
            },
        };
        for id in request.into_iter().chain(others) {
            self.roots[id as usize].get_or_insert((parent, line.second));
        }
    }

    /// For each root the failed case that made it.
    fn cases(&self, recording: &Recording) -> Vec<Option<u16>> {
        let mut cases = vec![None; self.roots.len()];
        for (index, case) in recording.cases.iter().enumerate().filter(|(_, case)| case.failed) {
            for root in case
                .ids
                .iter()
                .filter(|id| !recording.ids.all[**id as usize].lasting)
                .filter_map(|id| self.roots[*id as usize])
            {
                let (root, _) = root;
                let born = self.roots[root as usize].map_or(i32::MIN, |(_, born)| born);
                if born >= case.line.second - PREPARATION {
                    cases[root as usize] = u16::try_from(index).ok();
                }
            }
        }
        cases
    }

    /// A traceback's lines rarely name the request: they go with their head.
    fn assign_events(&self, recording: &Recording, lines: &mut [Line], cases: &[Option<u16>]) {
        let mut heads: HashMap<&[u8], Owner> = HashMap::new();
        let mut previous = Owner::default();
        for line in lines {
            let own = self.owner(recording, line, cases);
            line.owner = match split_header(recording.text_of(line)) {
                _ if recording.time_of(line).is_none() => previous,
                Some((header, rest)) if rest.starts_with(b"[") => {
                    heads.insert(header, own);
                    own
                }
                // Oslo repeats time, process, level and logger before every line of an event, but not its context.
                Some((header, _)) => heads.get(header).copied().unwrap_or(own),
                None => own,
            };
            previous = line.owner;
        }
    }

    fn owner(&self, recording: &Recording, line: &Line, cases: &[Option<u16>]) -> Owner {
        let (request, others) = split(recording, line);
        let case_of = |id: IdIndex| self.roots[id as usize].and_then(|(root, _)| cases[root as usize]);
        let root =
            request.or(others.first().copied()).and_then(|id| self.roots[id as usize]).map(|(root, _)| root);
        if let Some(case) = request.and_then(case_of) {
            return Owner { root, case: Some(case) };
        }
        // Somebody else's line that is about nothing but the case: its user looking how it goes, an agent at work.
        let resources = others.iter().copied().filter(|id| Some(*id) != request);
        let mut all = resources
            .filter(|id| self.roots[*id as usize].is_some_and(|(root, _)| Some(root) != request))
            .map(case_of);
        let first = all.next().flatten();
        Owner { root, case: first.filter(|case| all.all(|other| other == Some(*case))) }
    }
}

/// `2026-11-21 03:28:16.763 12846 INFO nova.api.openstack.wsgi `, and what follows.
fn split_header(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let spaces = text.iter().enumerate().filter(|(_, byte)| **byte == b' ');
    let end = spaces.map(|(index, _)| index).nth(4)?;
    text.split_at_checked(end + 1)
}

/// The request that wrote the line, and what else it names; nothing that lasts.
fn split(recording: &Recording, line: &Line) -> (Option<IdIndex>, Vec<IdIndex>) {
    let passing = |hole: &&Hole| hole.kind.id().is_some_and(|id| !recording.ids.all[id as usize].lasting);
    let holes = recording.holes_of(line);
    let request = holes.iter().filter(passing).find(|hole| recording.is_request(hole));
    let request = request.and_then(|hole| hole.kind.id());
    let others = holes.iter().filter(passing).filter_map(|hole| hole.kind.id());
    (request, others.filter(|id| Some(*id) != request).collect())
}
