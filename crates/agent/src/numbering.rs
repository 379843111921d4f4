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

#[cfg(test)]
mod tests {
    use ingest::{Batch, Receipt};
    use model::Source;

    use super::*;

    /// An agent that was started with what was written before.
    #[derive(Default)]
    struct Case {
        states: States,
        numbering: Numbering,
        gathered: Gathered,
        frames: u64,
    }

    impl Case {
        fn take(&mut self, place: Place, lines: u64) {
            let line = |number| Line { number, text: Vec::new() };
            let batch = Batch { lines: (1..=lines).map(line).collect(), cut: vec![1], ..Batch::default() };
            let source = Source::default();
            let delivery = Delivery { source, batch, place, receipt: Receipt::unwanted() };
            self.numbering.take(delivery, &self.states, &mut self.gathered);
        }

        /// Text, lines before, and the numbers of the first line and of the one that was cut.
        fn runs(&self) -> Vec<(TextName, u64, u64, u64)> {
            self.gathered
                .runs
                .iter()
                .map(|run| (run.text, run.before, run.lines[0].number, run.cut[0]))
                .collect()
        }

        fn write(&mut self) {
            self.frames += 1;
            let gathered = std::mem::take(&mut self.gathered);
            self.states.apply(gathered.changes, self.frames);
        }

        fn restart(&mut self) {
            self.numbering = Numbering::new(&self.states);
            self.gathered = Gathered::default();
        }
    }

    fn file(text: u64, continues: Option<usize>) -> Place {
        let checkpoint = Checkpoint {
            path: "/var/log/nova/nova-api.log".to_owned(),
            origin: String::new(),
            host: None,
            header_hash: 1,
            header_length: 2,
            consumed: 3,
            lines: 0,
            half: 0,
            hash: 4,
            earlier_hash: 5,
            file: None,
            written: None,
            since: None,
        };
        Place::File { text, continues, checkpoint }
    }

    fn stream(name: &str) -> Place {
        Place::Stream { name: name.to_owned(), state: b"s=1".to_vec() }
    }

    #[test]
    fn lines_are_numbered_on_in_their_text() {
        let mut case = Case::default();
        case.take(file(1, None), 2);
        case.take(stream("journald/a"), 2);
        case.take(file(1, None), 3); // Joins the first.
        case.take(stream("journald/b"), 1);
        let [of_file, of_a, of_b] = case.runs()[..] else { panic!("{:?}", case.runs()) };
        assert_eq!([of_file.1, of_a.1, of_b.1], [0; 3]);
        assert!(of_file.0 != of_a.0 && of_a.0 != of_b.0);
        case.write();
        case.take(file(1, None), 1);
        case.take(stream("journald/a"), 1);
        // A file has its own numbers, a stream is numbered on.
        assert_eq!(case.runs(), [(of_file.0, 5, 1, 1), (of_a.0, 2, 3, 3)]);
    }

    #[test]
    fn texts_go_on_after_a_restart_from_what_was_written() {
        let mut case = Case::default();
        case.take(file(1, None), 2);
        case.take(stream("journald/a"), 2);
        case.write();
        let names: Vec<TextName> = case.states.iter().map(|(name, _)| name).collect();
        case.take(file(1, None), 7); // Not written.
        case.restart();
        case.take(file(1, None), 1); // Another text, that happens to be the first one now.
        case.take(file(2, Some(0)), 1);
        case.take(stream("journald/a"), 1);
        let [other, file, stream] = case.runs()[..] else { panic!("{:?}", case.runs()) };
        assert!(!names.contains(&other.0) && other.1 == 0);
        assert!(names.contains(&file.0) && names.contains(&stream.0));
        assert_eq!((file.1, stream.1, stream.2), (2, 2, 3));
    }

    #[test]
    fn a_text_that_was_forgotten_begins_under_another_name() {
        let mut case = Case::default();
        case.take(file(1, None), 2);
        case.write();
        let before = case.states.iter().next().unwrap().0;
        case.states = States::default();
        case.take(file(1, None), 1);
        assert!(case.runs()[0].0 != before && case.runs()[0].1 == 0);
    }

    #[test]
    fn what_another_machine_numbered_stays_as_it_is() {
        let mut case = Case::default();
        let sent = |before| Place::Sent(SentPlace { text: 77, before });
        case.take(sent(10), 2);
        case.take(sent(12), 2); // Joins it.
        case.take(sent(12), 2); // Comes again.
        assert_eq!(case.runs(), [(TextName(77), 10, 1, 1), (TextName(77), 12, 1, 1)]);
        assert!(case.gathered.changes.is_empty());
    }
}
