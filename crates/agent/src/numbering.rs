//! Which text lines belong to, and how many of it were taken before.

use std::collections::HashMap;

use ingest::{Checkpoint, Delivery, Place, SentPlace};
use model::Line;

use crate::gather::{Gathered, Run};
use crate::states::{States, TextName, TextPlace, TextState};

/// The texts of this process.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    /// As they were handed to the sources, which refer to them by their places.
    known: Vec<(TextName, Checkpoint)>,
    files: HashMap<u64, TextName>,
    streams: HashMap<String, TextName>,
}

/// Twice as many as are remembered: what is beyond it is over.
const MOST_FILES: usize = 60_000;

impl Numbering {
    pub(crate) fn new(states: &States) -> Self {
        let mut numbering = Self::default();
        for (name, state) in states.iter() {
            match &state.place {
                TextPlace::File(bytes) => {
                    let checkpoint = Checkpoint::from_bytes(bytes);
                    numbering.known.extend(checkpoint.map(|checkpoint| (name, checkpoint)));
                }
                TextPlace::Stream { name: stream, .. } => {
                    numbering.streams.insert(stream.clone(), name);
                }
            }
        }
        numbering
    }

    pub(crate) fn known_files(&self) -> Vec<Checkpoint> {
        self.known.iter().map(|(_, checkpoint)| checkpoint.clone()).collect()
    }

    /// Numbers lines, and gathers them. `states` are those before what is gathered.
    pub(crate) fn take(&mut self, delivery: Delivery, states: &States, gathered: &mut Gathered) {
        let Delivery { source, batch, place, receipt } = delivery;
        gathered.receipts.push(receipt);
        let mut run = Run { source, text: TextName(0), before: 0, lines: batch.lines, cut: batch.cut };
        let taken = |text: &TextName| {
            let state = gathered.changes.get(text).or_else(|| states.get(*text));
            state.map(|state| (*text, state.lines))
        };
        let place = match place {
            Place::Sent(SentPlace { text, before }) => {
                // It has its numbers. The machine that sent it goes on by itself.
                (run.text, run.before) = (TextName(text), before);
                gathered.add(run);
                return;
            }
            Place::File { text, continues, checkpoint } => {
                let known = continues.and_then(|place| self.known.get(place)).map(|(name, _)| name);
                let name = self.files.get(&text).or(known);
                (run.text, run.before) = name.and_then(taken).unwrap_or_else(begun);
                self.files.insert(text, run.text);
                TextPlace::File(checkpoint.to_bytes())
            }
            Place::Stream { name, state } => {
                (run.text, run.before) = self.streams.get(&name).and_then(taken).unwrap_or_else(begun);
                number_on(&mut run.lines, &mut run.cut, run.before);
                self.streams.insert(name.clone(), run.text);
                TextPlace::Stream { name, state }
            }
        };
        let lines = run.before + run.lines.len() as u64;
        gathered.changes.insert(run.text, TextState { lines, place });
        gathered.add(run);
        if self.files.len() > MOST_FILES {
            self.files.retain(|_, name| states.get(*name).is_some() || gathered.changes.contains_key(name));
        }
    }
}

fn begun() -> (TextName, u64) {
    (TextName::draw(), 0)
}

fn number_on(lines: &mut [Line], cut: &mut [u64], before: u64) {
    lines.iter_mut().for_each(|line| line.number += before);
    cut.iter_mut().for_each(|number| *number += before);
}
