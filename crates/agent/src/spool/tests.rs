//! A spool against what was pushed to it, whatever happens in between.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;
use crate::gzip;
use crate::states::{Changes, TextName, TextPlace, TextState};

/// A spool, and what must be in it.
struct Case {
    folder: tempfile::TempDir,
    spool: Option<Spool>,
    settings: SpoolSettings,
    /// Frames that were pushed and not acknowledged.
    waiting: Vec<u64>,
    given: Option<(u64, usize)>,
    pushed: u64,
    acknowledged: u64,
    states: BTreeMap<String, u64>,
}

const TEXTS: u64 = 3;
const HOST: &str = "compute-02";

impl Case {
    fn new(segment_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let settings = SpoolSettings { segment_bytes, ..SpoolSettings::new(path) };
        let spool = Spool::open(settings.clone(), HOST).unwrap();
        Self {
            folder,
            spool: Some(spool),
            settings,
            waiting: Vec::new(),
            given: None,
            pushed: 0,
            acknowledged: 0,
            states: BTreeMap::new(),
        }
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    /// A frame whose lines are one number.
    fn push(&mut self) {
        let number = self.pushed;
        let frame = frame(number);
        self.spool().push(&frame).unwrap();
        self.pushed += 1;
        self.waiting.push(number);
        self.states.insert(stream(number), number);
    }

    fn send(&mut self, bytes: u64) {
        if self.given.is_some() {
            return;
        }
        let unsent = self.spool().next_unsent(bytes).unwrap();
        let numbers = unsent.as_ref().map(numbers).unwrap_or_default();
        assert_eq!(numbers, self.waiting[..numbers.len()], "what was pushed first is given first");
        assert_eq!(numbers.is_empty(), self.waiting.is_empty());
        self.given = unsent.map(|unsent| (unsent.last, numbers.len()));
    }

    fn acknowledge(&mut self) {
        let Some((last, frames)) = self.given.take() else { return };
        self.spool().acknowledge(last).unwrap();
        self.waiting.drain(..frames);
        self.acknowledged = last;
    }

    fn reopen(&mut self) {
        drop(self.spool.take());
        self.given = None;
        self.spool = Some(Spool::open(self.settings.clone(), HOST).unwrap());
    }

    fn check_states(&mut self) {
        let states = self.states.clone();
        assert_eq!(counted(self.spool()), states);
    }

    /// Segments, the newest last.
    fn files(&self) -> Vec<PathBuf> {
        let found = list(&self.settings.folder).unwrap();
        found.iter().map(|segment| self.settings.folder.join(segment::name(segment.first))).collect()
    }

    fn troubles(&mut self) -> Vec<String> {
        self.spool().take_troubles().iter().map(ToString::to_string).collect()
    }

    /// Sends all there is.
    fn drain(&mut self) -> Vec<u64> {
        let mut all = Vec::new();
        while let Some(unsent) = self.spool().next_unsent(50).unwrap() {
            all.extend(numbers(&unsent));
            self.spool().acknowledge(unsent.last).unwrap();
        }
        all
    }
}

fn stream(number: u64) -> String {
    format!("stream {}", number % TEXTS)
}

fn frame(number: u64) -> NewFrame {
    let place = TextPlace::Stream { name: stream(number), state: number.to_le_bytes().to_vec() };
    let state = TextState { lines: number, place };
    let mut plain = number.to_le_bytes().to_vec();
    // Lines of all lengths.
    plain.resize(8 + usize::try_from(number % 7).unwrap() * 8, 0xff);
    NewFrame {
        taken_at: number,
        lines: 1,
        body: gzip::compress(&plain),
        changes: Changes::from([(TextName(u128::from(number % TEXTS)), state)]),
    }
}

fn numbers(unsent: &Unsent) -> Vec<u64> {
    let mut plain = Vec::new();
    GzDecoder::new(&gzip::join(&unsent.parts)[..]).read_to_end(&mut plain).unwrap();
    let (words, rest) = plain.as_chunks();
    assert!(rest.is_empty());
    let numbers: Vec<u64> =
        words.iter().copied().map(u64::from_le_bytes).filter(|word| *word != u64::MAX).collect();
    assert_eq!(numbers.len() as u64, unsent.lines);
    numbers
}

/// The last number of each stream, as its source remembers it.
fn counted(spool: &Spool) -> BTreeMap<String, u64> {
    let of = |state: &TextState| match &state.place {
        TextPlace::Stream { name, state } => {
            (name.clone(), u64::from_le_bytes(state.as_slice().try_into().unwrap()))
        }
        TextPlace::File(_) => panic!("no file was pushed"),
    };
    spool.states().iter().map(|(_, state)| of(state)).collect()
}

fn all_renamed(spool: &Spool) -> bool {
    spool.states().iter().all(|(name, state)| name.0 >= u128::from(TEXTS) && state.lines == 0)
}

#[derive(Clone, Debug)]
enum Step {
    Push,
    Send(u64),
    Acknowledge,
    Reopen,
    /// The last frame was not written to its end.
    Tear(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Push),
        4 => (0_u64..200).prop_map(Step::Send),
        4 => Just(Step::Acknowledge),
        2 => Just(Step::Reopen),
        1 => (1_u16..).prop_map(Step::Tear),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn frames_come_in_order_and_none_is_lost(steps in steps(), segment_bytes in 1_u64..2000) {
        let mut case = Case::new(segment_bytes);
        for step in steps {
            match step {
                Step::Push => case.push(),
                Step::Send(bytes) => case.send(bytes),
                Step::Acknowledge => case.acknowledge(),
                Step::Reopen => case.reopen(),
                Step::Tear(length) => {
                    // A process was killed while it wrote: nobody was told that this frame is there.
                    let torn = frame::lines_to_bytes(&frame(case.pushed), case.spool().next).unwrap();
                    let length = 1 + usize::from(length) % (torn.len() - 1);
                    if case.spool().writing.is_some() {
                        let newest = case.files().pop().unwrap();
                        let file = File::options().append(true).open(newest).unwrap();
                        std::io::Write::write_all(&mut &file, &torn[..length]).unwrap();
                    }
                    case.reopen();
                }
            }
            case.check_states();
            assert_eq!(case.troubles(), Vec::<String>::new());
        }
        case.reopen();
        let waiting = case.waiting.clone();
        assert_eq!(case.drain(), waiting);
        // What is acknowledged is deleted, but for the newest and one before.
        assert!(case.files().len() <= 3, "{:?}", case.files());
        case.reopen();
        assert_eq!(case.drain(), Vec::<u64>::new());
        case.check_states();
    }
}

#[test]
fn a_last_frame_that_is_torn_anywhere_was_never_there() {
    let mut case = Case::new(1 << 20);
    (0..4).for_each(|_| case.push());
    let file = case.files().pop().unwrap();
    let whole = fs::read(&file).unwrap();
    case.push();
    let torn = fs::read(&file).unwrap();
    let before = BTreeMap::from([(stream(0), 3), (stream(1), 1), (stream(2), 2)]);
    for length in whole.len()..torn.len() {
        drop(case.spool.take());
        fs::write(&file, &torn[..length]).unwrap();
        case.spool = Some(Spool::open(case.settings.clone(), HOST).unwrap());
        assert_eq!(counted(case.spool()), before, "{length}");
        assert_eq!(case.troubles(), Vec::<String>::new(), "{length}");
        assert!(!all_renamed(case.spool()));
        assert_eq!(
            case.spool().next_unsent(1 << 20).unwrap().map(|unsent| numbers(&unsent)),
            Some(vec![0, 1, 2, 3])
        );
        // It goes on, as if that frame had not been tried.
        case.spool().push(&frame(4)).unwrap();
        assert_eq!(case.spool().next_unsent(1 << 20).unwrap().map(|unsent| numbers(&unsent)), Some(vec![4]));
        for newer in case.files().into_iter().filter(|other| *other != file) {
            fs::remove_file(newer).unwrap();
        }
    }
}

#[test]
fn a_flipped_byte_is_told_and_costs_at_most_its_frame() {
    let frames = 6;
    let mut case = Case::new(1 << 20);
    case.push();
    case.reopen(); // The head of the second segment says something.
    (1..frames).for_each(|_| case.push());
    let file = case.files().pop().unwrap();
    let sound = fs::read(&file).unwrap();
    let head_ends =
        File::open(&file).map(|file| match segment::look(&file, 0, sound.len() as u64).unwrap() {
            Look::Frame(header) => segment::after(&header, 0),
            other => panic!("{other:?}"),
        });
    let head_ends = usize::try_from(head_ends.unwrap()).unwrap();
    for place in 0..sound.len() {
        drop(case.spool.take());
        let mut flipped = sound.clone();
        flipped[place] ^= 0x10;
        fs::write(&file, &flipped).unwrap();
        case.spool = Some(Spool::open(case.settings.clone(), HOST).unwrap());
        let mut given = Vec::new();
        while let Some(unsent) = case.spool().next_unsent(1).unwrap() {
            given.extend(numbers(&unsent));
        }
        assert_eq!(case.troubles().len(), 1, "{place}");
        if place < head_ends {
            assert_eq!(given, (0..frames).collect::<Vec<_>>(), "{place}");
            case.check_states();
            assert!(!all_renamed(case.spool()), "the segment before tells the same");
        } else {
            assert_eq!(given.len() as u64, frames - 1, "{place}: {given:?}");
            assert!(all_renamed(case.spool()), "{place}: two lines could have the same number");
        }
        fs::remove_file(case.settings.folder.join("acknowledged")).unwrap();
    }
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    let mut case = Case::new(1 << 20);
    // No segment can be begun …
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let first = case.settings.folder.join(segment::name(1));
    std::os::unix::fs::symlink("/dev/full", &first).unwrap();
    let failed = case.spool().push(&frame(0)).unwrap_err();
    assert!(matches!(failed, SpoolError::Write { .. }), "{failed}");
    assert!(!first.exists(), "it gives back what it has taken");
    case.push();
    // … and later, one cannot be gone on with: half a frame was written.
    let half = frame::lines_to_bytes(&frame(1), 2).unwrap();
    let writing = case.spool().writing.as_mut().unwrap();
    writing.file.write_all_at(&half[..half.len() / 2], writing.end).unwrap();
    let file = std::mem::replace(&mut writing.file, full());
    case.spool().push(&frame(1)).unwrap_err();
    case.spool().push(&frame(1)).unwrap_err();
    case.spool().writing.as_mut().unwrap().file = file;
    case.push();
    case.push();
    case.reopen();
    assert_eq!((case.drain(), case.troubles()), (vec![0, 1, 2], Vec::new()));
    case.check_states();
}

#[test]
fn a_spool_has_one_process() {
    let case = Case::new(1);
    let second = Spool::open(case.settings.clone(), HOST).unwrap_err();
    let expected = format!(
        "the spool `{}` is used by process {}; stop that one, or give each agent a folder of its own",
        case.folder.path().join("spool").display(),
        std::process::id()
    );
    assert_eq!(second.to_string(), expected);
}

#[test]
fn a_full_spool_has_no_room_until_lines_are_acknowledged() {
    let mut case = Case::new(1 << 20);
    case.settings.max_bytes = 4000;
    case.reopen();
    while case.spool().has_room(500) {
        case.push();
        assert!(case.pushed < 100);
    }
    assert!(case.spool().bytes() > 2000 && case.spool().bytes() <= 4000);
    case.send(1);
    case.acknowledge();
    case.send(1 << 20);
    case.acknowledge();
    assert!(case.spool().has_room(500));
    // Even if nothing can be deleted: nobody else would make room.
    assert!(case.spool().has_room(1 << 30));
}

#[test]
fn a_spool_that_lost_its_files_is_told_and_begins_anew() {
    let check = |harm: fn(&Path), told: &str| {
        let mut case = Case::new(1);
        (0..4).for_each(|_| case.push());
        case.send(1 << 20);
        case.acknowledge();
        drop(case.spool.take());
        case.files().iter().for_each(|file| harm(file));
        case.spool = Some(Spool::open(case.settings.clone(), HOST).unwrap());
        let troubles = case.troubles();
        assert!(troubles.iter().any(|trouble| trouble.contains(told)), "{troubles:?}");
        assert!(all_renamed(case.spool()));
        // Numbers that were acknowledged are not used again.
        case.spool().push(&frame(9)).unwrap();
        assert_eq!(case.drain(), [9]);
    };
    check(|file| fs::remove_file(file).unwrap(), "part of the spool");
    check(|file| fs::write(file, "").unwrap(), "remembered of texts is gone");
    check(|file| fs::write(file, [7; 300]).unwrap(), "is damaged at byte 0");
}

#[test]
fn a_copy_of_a_spool_on_another_machine_names_its_texts_anew() {
    let check = |host: &str, renamed: bool| {
        let mut case = Case::new(1 << 20);
        (0..4).for_each(|_| case.push());
        drop(case.spool.take());
        case.spool = Some(Spool::open(case.settings.clone(), host).unwrap());
        case.check_states();
        assert_eq!((all_renamed(case.spool()), case.troubles()), (renamed, Vec::new()), "{host}");
        assert_eq!(case.drain(), [0, 1, 2, 3], "what waits is sent as it is");
    };
    check(HOST, false);
    check("compute-03", true);
}
