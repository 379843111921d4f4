//! A store against a naive model, over crashes, damage and wrong versions.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use index::{
    Checkpoint, Cursor, Field, Limits, Options, Query, Reader, SourceId, StoreError, StoredEvent, Writer,
};
use model::{Annotation, Defect, Id, Line, Severity, Source, TimeRange, Timestamp};
use proptest::prelude::*;

const REQUEST: &str = "req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8";
const TAP: &str = "tap2c99782f-4f";

/// Lines as zed-a has them, some of which name an id.
const TEXTS: [&str; 8] = [
    "2026-11-21 03:28:16.763 6620 INFO nova.compute.claims [None req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8 demo] Claim successful on node compute-01",
    "2026-11-21 03:28:17.101 6620 ERROR nova.compute.manager [None req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8 demo] Build of instance aborted: No valid host",
    "Traceback (most recent call last):",
    "  File \"/usr/lib/python3/dist-packages/nova/compute/manager.py\", line 2409, in _build_resources",
    "oslo_messaging.exceptions.MessagingTimeout: Timed out waiting for a reply to message ID f0e1d2c3b4a5968778695a4b3c2d1e0f",
    "",
    "linuxbridge agent: device tap2c99782f-4f removed from bridge brq340882cb-e4",
    "10.20.0.5 \"POST /v2.1/servers HTTP/1.1\" status: 202 len: 1234 time: 0.9876543",
];

fn annotation(number: u64) -> Annotation {
    Annotation {
        format: "oslo",
        timestamp: Some(time(number)),
        severity: Severity::Info,
        continues: None,
        defect: None,
        notable: false,
        template: None,
    }
}

fn time(second: u64) -> Timestamp {
    Timestamp::from_nanos(i64::try_from(second).unwrap() * 1_000_000_000 + 763_000_000)
}

fn row(number: u64, text: &str) -> (Line, Annotation) {
    (Line { number, text: text.as_bytes().to_vec() }, annotation(number))
}

fn controller(path: &str) -> Source {
    Source {
        path: path.to_owned(),
        host: Some("controller".into()),
        service: Some("nova".into()),
        daemon: Some("nova-api".into()),
    }
}

fn small() -> Options {
    Options { segment_bytes: 16 << 10, draft_bytes: 8 << 10 }
}

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// `number` of each event's lines.
fn numbers(events: &[StoredEvent]) -> Vec<Vec<u64>> {
    events.iter().map(|event| event.lines.iter().map(|line| line.number).collect()).collect()
}

fn import(store: &Path, path: &str, texts: &[&str]) -> SourceId {
    let mut writer = Writer::open(store, Options::default()).unwrap();
    let source = writer.add_source(&controller(path));
    let rows: Vec<_> = (1..).zip(texts).map(|(number, text)| row(number, text)).collect();
    writer.append(source, &rows).unwrap();
    writer.commit(vec![Checkpoint { source, state: path.as_bytes().to_vec() }]).unwrap();
    source
}

const fn newest(events: usize) -> Limits<'static> {
    Limits { events, ..Limits::NONE }
}

/// Over pages of 7 events, with a budget of 3 blocks a page.
fn everything(
    reader: &Reader,
    query: &Query,
    matches: &mut dyn FnMut(&StoredEvent) -> bool,
) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let left = Cell::new(3);
        let keep_going = || {
            left.set(left.get() - 1);
            left.get() >= 0
        };
        let mut page = reader.search(query, &Limits { after, events: 7, keep_going: &keep_going }, matches);
        assert!(page.next.is_none() || page.next < after || after.is_none(), "no way forward");
        events.append(&mut page.events);
        after = page.next;
        if after.is_none() {
            return events;
        }
    }
}

/// What the store is compared with.
#[derive(Default)]
struct Naive(BTreeMap<(u32, u64), (Line, Annotation)>);

impl Naive {
    fn events(&self) -> BTreeMap<(u32, u64), Vec<&(Line, Annotation)>> {
        let mut events = BTreeMap::<_, Vec<_>>::new();
        for ((source, number), row) in &self.0 {
            events.entry((*source, row.1.continues.unwrap_or(*number))).or_default().push(row);
        }
        events
    }

    /// Path and numbers of each event that fits, sorted.
    fn expected(&self, fits: impl Fn(&[&(Line, Annotation)]) -> bool) -> Vec<(String, Vec<u64>)> {
        let events = self.events();
        let fitting = events.iter().filter(|(_, rows)| fits(rows));
        let mut all: Vec<_> = fitting
            .map(|((source, _), rows)| (format!("s{source}"), rows.iter().map(|row| row.0.number).collect()))
            .collect();
        all.sort();
        all
    }
}

fn found(events: Vec<StoredEvent>) -> Vec<(String, Vec<u64>)> {
    let mut all: Vec<_> = events
        .iter()
        .map(|event| (event.source.path.clone(), event.lines.iter().map(|line| line.number).collect()))
        .collect();
    all.sort();
    all
}

fn holds(rows: &[&(Line, Annotation)], needle: &str) -> bool {
    rows.iter().any(|(line, _)| String::from_utf8_lossy(&line.text).contains(needle))
}

/// Source, kind of text, severity, distance to the head, whether a commit comes first.
fn steps() -> impl Strategy<Value = Vec<(u32, usize, usize, u64, bool)>> {
    prop::collection::vec(
        (0..3_u32, 0..TEXTS.len(), 0..7_usize, 0..400_u64, prop::bool::weighted(0.005)),
        0..2000,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_store_answers_like_a_naive_model(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut naive = Naive::default();
        let mut writer = Writer::open(folder.path(), small()).unwrap();
        let sources: Vec<SourceId> =
            (0..3).map(|n| writer.add_source(&Source { path: format!("s{n}"), ..Source::default() })).collect();
        let mut next = [1_u64; 3];
        for (source, text, severity, distance, commit) in steps {
            if commit {
                writer.commit(Vec::new()).unwrap();
                drop(writer);
                writer = Writer::open(folder.path(), small()).unwrap();
                // The last line had been read half.
                next[source as usize] = (next[source as usize] - 1).max(1);
            }
            let number = next[source as usize];
            next[source as usize] += 1;
            let (line, mut annotation) = row(number, TEXTS[text]);
            annotation.severity = Severity::ALL[severity];
            annotation.timestamp = (severity != 3).then_some(time(number * 7 % 1000));
            annotation.defect = (severity == 4).then_some(Defect::BadTimestamp);
            annotation.notable = distance == 5;
            let head = number.saturating_sub(distance);
            let is_head = naive.0.get(&(source, head)).is_some_and(|row| row.1.continues.is_none());
            annotation.continues = (distance % 3 != 0 && head < number && is_head).then_some(head);
            if let Some(head) = annotation.continues {
                annotation.timestamp = naive.0[&(source, head)].1.timestamp;
            }
            writer.append(sources[source as usize], &[(line.clone(), annotation.clone())]).unwrap();
            naive.0.insert((source, number), (line, annotation));
        }
        writer.commit(Vec::new()).unwrap();

        let reader = Reader::open(folder.path()).unwrap();
        for (n, source) in (0..3).zip(&sources) {
            let all: Vec<_> = naive.0.range((n, 0)..(n + 1, 0)).map(|(_, row)| row.clone()).collect();
            prop_assert_eq!(reader.at(*source, 1..=u64::MAX), all.clone());
            let middle: Vec<_> = all.into_iter().filter(|row| (40..=300).contains(&row.0.number)).collect();
            prop_assert_eq!(reader.at(*source, 40..=300), middle);
        }
        for name in [REQUEST, TAP, "f0e1d2c3b4a5968778695a4b3c2d1e0f", "req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f9"] {
            let bare = name.trim_start_matches("req-");
            prop_assert_eq!(
                found(reader.lines_with(&id(name), TimeRange::ALL)),
                naive.expected(|rows| holds(rows, bare))
            );
            let range = TimeRange { start: time(100), end: time(500) };
            prop_assert_eq!(
                found(reader.lines_with(&id(name), range)),
                naive.expected(|rows| holds(rows, bare) && rows[0].1.timestamp.is_none_or(|at| range.contains(at)))
            );
        }
        let range = TimeRange { start: time(200), end: time(300) };
        let near = |row: &&(Line, Annotation)| {
            (row.1.severity >= Severity::Warning || row.1.notable) && row.1.timestamp.is_some_and(|at| range.contains(at))
        };
        prop_assert_eq!(
            found(reader.events_near(None, range, Severity::Warning)),
            naive.expected(|rows| rows.iter().any(near))
        );
        for (query, needle) in [
            (Query::Word("TRACEBACK".into()), "Traceback"),
            (Query::Phrase("No valid host".into()), "No valid host"),
            (Query::Word("nova.compute.claims".into()), "nova.compute.claims"),
            (Query::Word("10.20.0.5".into()), "10.20.0.5"),
            (Query::Prefix("oslo_mess".into()), "oslo_mess"),
            (Query::Prefix("device tap2c".into()), "device tap2c"),
            (Query::Word("0.9876543".into()), "0.9876543"),
            (Query::Word("c12e".into()), "c12e"),
            (Query::Or(vec![Query::Word("nowhere".into()), Query::Id(id(TAP))]), TAP),
        ] {
            let mut matches = |event: &StoredEvent| {
                event.lines.iter().any(|line| String::from_utf8_lossy(&line.text).contains(needle))
            };
            prop_assert_eq!(
                found(everything(&reader, &query, &mut matches)),
                naive.expected(|rows| holds(rows, needle)),
                "{:?}", query
            );
            let newest = reader.search(&query, &newest(10), &mut matches).events;
            let all = everything(&reader, &query, &mut matches);
            prop_assert_eq!(&newest[..], &all[..all.len().min(10)]);
        }
        prop_assert_eq!(reader.damage(), vec![]);
    }
}

#[test]
fn what_was_written_is_there_when_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let source = import(folder.path(), "controller/nova/nova-api.log", &TEXTS);
    let mut writer = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(
        writer.checkpoints(),
        [Checkpoint { source, state: b"controller/nova/nova-api.log".to_vec() }]
    );
    assert_eq!(writer.source(source), Some(&controller("controller/nova/nova-api.log")));
    let before = fs::read(folder.path().join("manifest")).unwrap();
    writer.commit(Vec::new()).unwrap();
    assert_eq!(fs::read(folder.path().join("manifest")).unwrap(), before, "nothing new, nothing written");
    writer.append(source, &[row(9, "goes on")]).unwrap();
    writer.commit(vec![Checkpoint { source, state: b"further".to_vec() }]).unwrap();

    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.checkpoints(), [Checkpoint { source, state: b"further".to_vec() }]);
    assert_eq!(reader.find_source("controller/nova/nova-api.log"), Some(source));
    assert_eq!(reader.at(source, 9..=9), [row(9, "goes on")]);
    let stats = reader.stats();
    assert_eq!((stats.sources, stats.segments, stats.blocks, stats.lines), (1, 2, 2, 9));
    assert_eq!(stats.time, Some(TimeRange { start: time(1), end: time(9) }));
}

#[test]
fn fields_choose_blocks_by_source() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path(), "a.log", &["the same"]);
    let reader = Reader::open(folder.path()).unwrap();
    let check = |query, expected: usize| {
        assert_eq!(reader.search(&query, &newest(10), &mut |_| true).events.len(), expected, "{query:?}");
    };
    check(Query::Field(Field::Host, "Controller".into()), 1);
    check(Query::Field(Field::Host, "compute-01".into()), 0);
    check(Query::Field(Field::Daemon, "nova-api".into()), 1);
    check(Query::Level(Severity::Info), 1);
    check(Query::Level(Severity::Warning), 0);
    check(Query::Time(TimeRange { start: time(2), end: time(3) }), 0);
    check(Query::And(vec![Query::Word("same".into()), Query::Field(Field::Service, "nova".into())]), 1);
    check(Query::Not(Box::new(Query::Word("same".into()))), 1);
    assert_eq!(reader.events_near(Some("controller"), TimeRange::ALL, Severity::Info).len(), 1);
    assert_eq!(reader.events_near(Some("compute-01"), TimeRange::ALL, Severity::Info).len(), 0);
}

#[test]
fn the_newest_summary_of_a_key_counts_over_many_commits() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    for n in 0..30_u8 {
        let mut writer = Writer::open(folder.path(), Options::default()).unwrap();
        let new = vec![(vec![n % 4], vec![n]), (vec![100 + n], vec![])];
        expected.extend(new.clone());
        writer.put_summaries(new);
        writer.commit(Vec::new()).unwrap();
    }
    assert_eq!(Reader::open(folder.path()).unwrap().summaries(), expected);
    assert!(fs::read_dir(folder.path().join("summaries")).unwrap().count() <= 8);
}

#[test]
fn what_a_crash_leaves_is_ignored_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let source = import(store, "a.log", &TEXTS);
    let committed = fs::read(store.join("manifest")).unwrap();
    // A whole further commit, of which the rename did not happen.
    import(store, "b.log", &TEXTS);
    fs::rename(store.join("manifest"), store.join("manifest.new")).unwrap();
    fs::write(store.join("manifest"), &committed).unwrap();
    // A segment that was being written, and a file of summaries.
    fs::create_dir_all(store.join("segments/7/words")).unwrap();
    fs::write(store.join("segments/7/lines"), b"half").unwrap();
    fs::write(store.join("summaries/8"), b"half").unwrap();

    let reader = Reader::open(store).unwrap();
    assert_eq!(numbers(&reader.lines_with(&id(TAP), TimeRange::ALL)), [[7]]);
    assert_eq!((reader.stats().sources, reader.damage()), (1, vec![]));

    let mut writer = Writer::open(store, Options::default()).unwrap();
    let left = |name| fs::read_dir(store.join(name)).unwrap().count();
    assert_eq!((left("segments"), left("summaries")), (1, 0));
    assert!(!store.join("manifest.new").exists());
    writer.append(source, &[row(9, TAP)]).unwrap();
    writer.commit(Vec::new()).unwrap();
    assert_eq!(numbers(&Reader::open(store).unwrap().lines_with(&id(TAP), TimeRange::ALL)), [[7], [9]]);
}

#[test]
fn what_is_not_committed_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), small()).unwrap();
    let source = writer.add_source(&controller("a.log"));
    for number in 1..1000 {
        writer.append(source, &[row(number, TEXTS[1])]).unwrap(); // more than a segment
    }
    drop(writer);
    assert!(matches!(Reader::open(folder.path()), Err(StoreError::Missing { .. })));
    import(folder.path(), "b.log", &TEXTS);
    assert_eq!(Reader::open(folder.path()).unwrap().stats().lines, 8);
}

fn message(result: Result<impl std::fmt::Debug, StoreError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_store_that_cannot_be_opened_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let shown = store.display();
    assert_eq!(
        message(Reader::open(&store)),
        format!("there is no store in `{shown}`; import some logs first")
    );

    let writer = Writer::open(&store, Options::default()).unwrap();
    assert_eq!(
        message(Writer::open(&store, Options::default())),
        format!(
            "the store `{shown}` is being written by process {}; wait for it to finish, or stop it",
            std::process::id()
        )
    );
    drop(writer);
    import(&store, "a.log", &TEXTS);

    let manifest = store.join("manifest");
    let good = fs::read(&manifest).unwrap();
    fs::write(&manifest, [b"culprit store 99\n".as_slice(), b"who knows"].concat()).unwrap();
    let refused = format!(
        "the store `{shown}` has format 99, this program reads format 2; \
         use the version that wrote it, or remove the folder and import again"
    );
    assert_eq!(message(Reader::open(&store)), refused);
    assert_eq!(message(Writer::open(&store, Options::default())), refused);
    fs::write(&manifest, &good[..good.len() - 1]).unwrap();
    let damaged = format!(
        "`{}` is damaged; restore it from a backup, or remove the store and import again",
        manifest.display()
    );
    assert_eq!(message(Reader::open(&store)), damaged);

    fs::write(folder.path().join("holiday.jpg"), b"").unwrap();
    assert!(matches!(Writer::open(folder.path(), Options::default()), Err(StoreError::NotAStore { .. })));
}

/// Flips one bit of every stretch of a file and asks; what comes back must be right or be told as missing.
fn check_damage(file: &str, told_by_id: bool, told_by_word: bool) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    import(store, "a.log", &TEXTS);
    import(store, "b.log", &TEXTS);
    let path = fs::read_dir(store.join("segments/0/words"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| file == "words" && path.extension().is_some_and(|extension| extension == "term"))
        .unwrap_or_else(|| store.join("segments/0").join(file));
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(good.len() / 7 + 1) {
        let mut wrong = good.clone();
        wrong[at] ^= 1;
        fs::write(&path, &wrong).unwrap();
        let ask = |search: &dyn Fn(&Reader) -> Vec<StoredEvent>, told: bool| {
            let reader = Reader::open(store).unwrap();
            let paths: Vec<String> = search(&reader).iter().map(|event| event.source.path.clone()).collect();
            assert!(paths.contains(&"b.log".to_owned()), "{file}: the other segment answers");
            let damage = reader.damage();
            assert_eq!(!damage.is_empty(), told, "{file} at {at}: {damage:?}");
            assert!(
                damage.iter().all(|damage| damage.path.starts_with(store.join("segments/0"))),
                "{damage:?}"
            );
            assert!(told || paths.contains(&"a.log".to_owned()), "{file} at {at}: lost in silence");
        };
        ask(&|reader| reader.lines_with(&id(TAP), TimeRange::ALL), told_by_id);
        ask(
            &|reader| reader.search(&Query::Word("claims".into()), &newest(9), &mut |_| true).events,
            told_by_word,
        );
    }
}

#[test]
fn damage_is_named_and_the_other_segments_answer() {
    check_damage("words", false, true);
}
