//! A store against a naive model, over crashes, damage and wrong versions.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use index::{
    Checkpoint, CountFilter, Cursor, Damage, Dimension, Field, Limits, Options, Query, Reader, SourceId,
    StoreError, StoredEvent, Value, Writer,
};
use model::{Annotation, Defect, Id, Line, Severity, Source, TemplateId, TimeRange, Timestamp};
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
        signature: None,
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

/// Source, kind of text, severity, distance to the head, what comes before: a commit and a new writer now and then, or
/// everything put together.
fn steps() -> impl Strategy<Value = Vec<(u32, usize, usize, u64, u8)>> {
    let before = prop_oneof![150 => Just(0_u8), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    prop::collection::vec((0..3_u32, 0..TEXTS.len(), 0..7_usize, 0..400_u64, before), 0..1500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_store_answers_like_a_naive_model(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut naive = Naive::default();
        let mut writer = Writer::open(folder.path(), small()).unwrap();
        let sources: Vec<SourceId> =
            (0..3).map(|n| writer.add_source(&Source { path: format!("s{n}"), ..Source::default() })).collect();
        let mut next = [1_u64; 3];
        for (source, text, severity, distance, before) in steps {
            if before > 0 {
                writer.commit(Vec::new()).unwrap();
                if before == 2 {
                    writer.settle().unwrap();
                }
                if before == 3 {
                    drop(writer);
                    writer = Writer::open(folder.path(), small()).unwrap();
                }
                // The last line had been read half.
                next[source as usize] = (next[source as usize] - 1).max(1);
            }
            let number = next[source as usize];
            next[source as usize] += 1;
            let (line, mut annotation) = row(number, TEXTS[text]);
            annotation.severity = Severity::ALL[severity];
            annotation.timestamp = (severity != 3).then_some(time(number * 7 % 1000 + number / 300 * 86_400));
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
        let fresh = Reader::of(folder.path(), writer.fresh().unwrap());
        naive.check(&fresh, &sources);
        writer.commit(Vec::new()).unwrap();
        let reader = Reader::open(folder.path()).unwrap();
        naive.check(&reader, &sources);
        writer.settle().unwrap();
        // Opened before the segments were put together.
        naive.check(&fresh, &sources);
        naive.check(&reader, &sources);
        reader.renew().unwrap();
        naive.check(&reader, &sources);
        prop_assert_eq!(index::verify(folder.path(), &mut |_| ()).unwrap(), vec![]);
        prop_assert_eq!(writer.troubles(), [""; 0]);
    }
}

impl Naive {
    fn check(&self, reader: &Reader, sources: &[SourceId]) {
        for (n, source) in (0..3).zip(sources) {
            let all: Vec<_> = self.0.range((n, 0)..(n + 1, 0)).map(|(_, row)| row.clone()).collect();
            assert_eq!(reader.at(*source, 1..=u64::MAX), all);
            let middle: Vec<_> = all.into_iter().filter(|row| (40..=300).contains(&row.0.number)).collect();
            assert_eq!(reader.at(*source, 40..=300), middle);
        }
        for name in
            [REQUEST, TAP, "f0e1d2c3b4a5968778695a4b3c2d1e0f", "req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f9"]
        {
            let bare = name.trim_start_matches("req-");
            assert_eq!(
                found(reader.lines_with(&id(name), TimeRange::ALL)),
                self.expected(|rows| holds(rows, bare))
            );
            let range = TimeRange { start: time(100), end: time(500) };
            assert_eq!(
                found(reader.lines_with(&id(name), range)),
                self.expected(
                    |rows| holds(rows, bare) && rows[0].1.timestamp.is_none_or(|at| range.contains(at))
                )
            );
        }
        let range = TimeRange { start: time(200), end: time(300) };
        let near = |row: &&(Line, Annotation)| {
            (row.1.severity >= Severity::Warning || row.1.notable)
                && row.1.timestamp.is_some_and(|at| range.contains(at))
        };
        assert_eq!(
            found(reader.events_near(None, range, Severity::Warning)),
            self.expected(|rows| rows.iter().any(near))
        );
        self.check_searches(reader);
        self.check_counts(reader);
        assert_eq!(reader.damage(), vec![]);
    }

    /// Half lines that came again count once, as what they turned out to be.
    fn check_counts(&self, reader: &Reader) {
        let mut expected = BTreeMap::<_, u64>::new();
        for (_, annotation) in self.0.values().filter(|(_, annotation)| annotation.continues.is_none()) {
            if let Some(time) = annotation.timestamp {
                let minute = time.nanos().div_euclid(60_000_000_000) * 60_000_000_000;
                let key = (Timestamp::from_nanos(minute), Value::Level(annotation.severity));
                *expected.entry(key).or_default() += 1;
            }
        }
        let counts = reader.histogram(TimeRange::ALL, 1, Dimension::Level, &CountFilter::default());
        let counts: BTreeMap<_, _> =
            counts.into_iter().map(|(time, level, count)| ((time, level), count)).collect();
        assert_eq!(counts, expected);
    }

    fn check_searches(&self, reader: &Reader) {
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
            let all = everything(reader, &query, &mut matches);
            assert!(all.is_sorted_by(|newer, older| newer.cursor() > older.cursor()), "{query:?}");
            assert_eq!(found(all.clone()), self.expected(|rows| holds(rows, needle)), "{query:?}");
            let page = reader.search(&query, &newest(10), &mut matches);
            assert_eq!(page.events[..], all[..all.len().min(10)]);
        }
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
    let reader = Reader::open(folder.path()).unwrap();
    for (key, newest) in &expected {
        assert_eq!(reader.summary(key).as_ref(), Some(newest));
    }
    assert_eq!(reader.summary(b"nobody"), None);
    assert_eq!(reader.summaries(), expected);
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
        "the store `{shown}` has format 99, this program reads format 4; \
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

#[test]
fn counts_are_those_of_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), small()).unwrap();
    let nova = writer.add_source(&controller("nova.log"));
    let other = writer.add_source(&Source { path: "other.log".into(), ..Source::default() });
    let mut events = Vec::new();
    for number in 1..4000_u64 {
        let source = if number % 3 == 0 { other } else { nova };
        let (line, mut annotation) = row(number, TEXTS[0]);
        annotation.timestamp = Some(time(number * 40));
        annotation.severity = Severity::ALL[usize::try_from(number % 7).unwrap()];
        annotation.template = Some(TemplateId(number % 5));
        annotation.continues = (number % 11 == 0).then(|| number - 3);
        writer.append(source, &[(line, annotation.clone())]).unwrap();
        if annotation.continues.is_none() {
            events.push((number, source, annotation));
        }
        if number % 400 == 0 {
            writer.commit(Vec::new()).unwrap();
        }
    }
    let check = |reader: &Reader| {
        let minute = |at: Timestamp| at.nanos().div_euclid(60_000_000_000);
        let range = TimeRange { start: time(20_000), end: time(90_000) };
        let mut levels = BTreeMap::new();
        let mut services = BTreeMap::new();
        let mut patterns = BTreeMap::<TemplateId, u64>::new();
        for (_, source, annotation) in &events {
            let at = minute(annotation.timestamp.unwrap());
            if !(minute(range.start)..=minute(range.end)).contains(&at) {
                continue;
            }
            let hour = Timestamp::from_nanos(at.div_euclid(60) * 3_600_000_000_000);
            *levels.entry((hour, Value::Level(annotation.severity))).or_insert(0_u64) += 1;
            *patterns.entry(annotation.template.unwrap()).or_default() += 1;
            if annotation.severity >= Severity::Error && annotation.template == Some(TemplateId(2)) {
                let service = Value::Name((*source == nova).then(|| "nova".to_owned()));
                *services.entry((hour, service)).or_insert(0_u64) += 1;
            }
        }
        let list = |counts: BTreeMap<(Timestamp, Value), u64>| -> Vec<_> {
            counts.into_iter().map(|((time, value), count)| (time, value, count)).collect()
        };
        let all = CountFilter::default();
        assert_eq!(reader.histogram(range, 60, Dimension::Level, &all), list(levels));
        let filter = CountFilter {
            level: Some(Severity::Error),
            template: Some(TemplateId(2)),
            ..CountFilter::default()
        };
        assert_eq!(reader.histogram(range, 60, Dimension::Service, &filter), list(services));
        let found = reader.patterns(range, &all);
        patterns.remove(&TemplateId(0));
        assert_eq!(
            found.iter().map(|pattern| (pattern.template, pattern.count)).collect::<BTreeMap<_, _>>(),
            patterns
        );
        for pattern in found {
            assert_eq!(pattern.services.into_iter().collect::<Vec<_>>(), ["nova"]);
            let (source, line) = pattern.example.unwrap();
            assert!(events.iter().any(|(number, of, annotation)| (*number, *of) == (line, source)
                && annotation.template == Some(pattern.template)));
        }
        assert_eq!(reader.damage(), []);
    };
    check(&Reader::of(folder.path(), writer.fresh().unwrap()));
    writer.commit(Vec::new()).unwrap();
    check(&Reader::open(folder.path()).unwrap());
    writer.settle().unwrap();
    assert!(Reader::open(folder.path()).unwrap().stats().segments < 16);
    check(&Reader::open(folder.path()).unwrap());
}

#[test]
fn retention_drops_whole_days_the_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), small()).unwrap();
    let source = writer.add_source(&controller("a.log"));
    for number in 1..=50 {
        let (line, mut annotation) = row(number, TAP);
        annotation.timestamp = (number % 10 != 9).then(|| time(number / 10 * 86_400));
        writer.append(source, &[(line, annotation)]).unwrap();
    }
    writer.commit(Vec::new()).unwrap();
    let first = || {
        let reader = Reader::open(folder.path()).unwrap();
        assert_eq!(index::verify(folder.path(), &mut |_| ()).unwrap(), vec![]);
        let events = reader.at(source, 1..=u64::MAX);
        (events.first().unwrap().0.number, events.len(), reader.stats().segments)
    };
    assert_eq!(first(), (1, 50, 6));
    let day = |day: u64| Some(time(day * 86_400 + 5));
    assert_eq!(writer.retain(day(0), None).unwrap().segments, 0);
    assert_eq!(writer.retain(day(2), None).unwrap().lines, 19);
    assert_eq!(first(), (20, 31, 4));
    assert_eq!(writer.retain(None, Some(u64::MAX)).unwrap().segments, 0);
    assert_eq!(writer.retain(None, Some(1)).unwrap().segments, 3);
    assert_eq!(first(), (50, 1, 1), "the newest day stays");
    assert_eq!(fs::read_dir(folder.path().join("segments")).unwrap().count(), 1);
    assert_eq!(writer.retain(day(99), Some(0)).unwrap().segments, 0);
}

/// One small segment a commit, each with the line of a day; how many segments are left when all is settled.
fn settled(folder: &Path, days: impl Iterator<Item = u64>, blocked: Option<u64>) -> (u64, usize) {
    let mut writer = Writer::open(folder, small()).unwrap();
    if let Some(number) = blocked {
        fs::write(folder.join("segments").join(number.to_string()), b"in the way").unwrap();
    }
    let source = writer.add_source(&controller("a.log"));
    for (number, day) in (1..).zip(days) {
        let (line, mut annotation) = row(number, TAP);
        annotation.timestamp = Some(time(day * 86_400));
        writer.append(source, &[(line, annotation)]).unwrap();
        writer.commit(Vec::new()).unwrap();
    }
    writer.settle().unwrap();
    let reader = Reader::open(folder).unwrap();
    assert_eq!(index::verify(folder, &mut |_| ()).unwrap(), vec![]);
    assert_eq!(reader.damage(), vec![]);
    (reader.stats().segments as u64, writer.troubles().len())
}

#[test]
fn past_days_do_not_wait_until_their_segments_are_many() {
    let folder = tempfile::tempdir().unwrap();
    let (segments, _) = settled(folder.path(), [1, 1, 2, 2, 2, 3, 3, 3].into_iter(), None);
    assert_eq!(segments, 1 + 1 + 3, "those of the newest day wait for more");
}

/// Each commit brings so many lines of each of ten sources, and the last one of before once more, which was half. Three
/// commits make two small segments with a larger one between them.
fn check_put_together(commits: [[u64; 10]; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), Options::default()).unwrap();
    let sources: Vec<SourceId> = (0..10).map(|_| writer.add_source(&controller("a.log"))).collect();
    let mut ends = [0_u64; 10];
    for commit in commits {
        for ((source, lines), end) in sources.iter().zip(commit).zip(&mut ends) {
            let again = (*end).max(1);
            *end += lines;
            let rows: Vec<_> =
                (again..=*end).filter(|_| lines > 0).map(|number| long_row(number, 0)).collect();
            writer.append(*source, &rows).unwrap();
        }
        writer.commit(Vec::new()).unwrap();
    }
    writer.append(sources[0], &[long_row(ends[0] + 1, 1)]).unwrap();
    ends[0] += 1;
    writer.settle().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.stats().segments, 2, "one a day");
    for (source, end) in sources.iter().zip(ends) {
        let stored = reader.at(*source, 1..=u64::MAX);
        assert!(stored.iter().map(|(line, _)| line.number).eq(1..=end), "{} of {end} lines", stored.len());
        for number in 1..=end {
            assert_eq!(reader.at(*source, number..=number).len(), 1, "line {number} of {source:?}");
        }
    }
    for number in 1..=10 {
        let id = Id::parse(&format!("{number:08x}-0000-4000-8000-000000000000")).unwrap();
        let holding = ends.iter().filter(|end| **end >= number).count();
        assert_eq!(reader.lines_with(&id, TimeRange::ALL).len(), holding, "line {number}");
    }
}

fn long_row(number: u64, day: u64) -> (Line, Annotation) {
    let (line, annotation) =
        row(number, &format!("{number:08x}-0000-4000-8000-000000000000 {}", ".".repeat(1000)));
    (line, Annotation { timestamp: Some(time(day * 86_400)), ..annotation })
}

#[test]
fn segments_are_put_together_over_what_lies_between_them() {
    // Written anew, and joined.
    check_put_together([[10; 10], [20; 10], [10; 10]]);
    check_put_together([[10; 10], [200, 0, 0, 0, 0, 0, 0, 0, 0, 0], [10; 10]]);
}

#[test]
fn what_could_not_be_put_together_is_tried_again_later() {
    // The first eight make the segment of number 8, whose place is taken.
    let few = tempfile::tempdir().unwrap();
    assert_eq!(settled(few.path(), [1; 8].into_iter(), Some(8)), (8, 1));
    let many = tempfile::tempdir().unwrap();
    assert_eq!(settled(many.path(), [1; 80].into_iter(), Some(8)), (3, 1));
}

#[test]
fn a_clock_that_lies_makes_no_block_of_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), Options::default()).unwrap();
    let source = writer.add_source(&controller("a.log"));
    for number in 1..=5000 {
        let (line, mut annotation) = row(number, TEXTS[0]);
        annotation.timestamp = Some(time(number * 7919 % 20_000 * 86_400));
        writer.append(source, &[(line, annotation)]).unwrap();
    }
    writer.commit(Vec::new()).unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    assert!(reader.stats().blocks < 200, "{:?}", reader.stats());
    assert_eq!(reader.at(source, 1..=u64::MAX).len(), 5000);
}

/// All files of a store.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

#[test]
fn a_wrong_byte_anywhere_is_named_and_costs_at_most_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    import(store, "a.log", &TEXTS);
    import(store, "b.log", &TEXTS);
    let mut writer = Writer::open(store, Options::default()).unwrap();
    writer.put_summaries(vec![(b"key".to_vec(), b"value".to_vec())]);
    writer.commit(Vec::new()).unwrap();
    drop(writer);
    let word = Query::Word("claims".into());
    let ask = |told: &mut Vec<Damage>| {
        let reader = Reader::open(store).unwrap();
        let by_id = reader.lines_with(&id(TAP), TimeRange::ALL);
        let by_word = reader.search(&word, &newest(9), &mut |event| holds_word(event)).events;
        told.extend(reader.damage());
        (found(by_id), found(by_word))
    };
    let expected = ask(&mut Vec::new());
    for path in files(store).iter().filter(|path| !path.ends_with("lock")) {
        let good = fs::read(path).unwrap();
        for at in (0..good.len()).step_by(if path.ends_with("manifest") { 3 } else { 11 }) {
            let mut wrong = good.clone();
            wrong[at] ^= 1 << (at % 8);
            fs::write(path, &wrong).unwrap();
            let verified = index::verify(store, &mut |_| ()).unwrap();
            assert!(verified.iter().any(|damage| damage.path == *path), "{} at {at}", path.display());
            assert!(verified.iter().all(|damage| damage.path == *path), "{verified:?}");
            let mut told = Vec::new();
            let (by_id, by_word) = ask(&mut told);
            let missing = |all: &[(String, Vec<u64>)], some: &[(String, Vec<u64>)]| {
                assert!(some.iter().all(|event| all.contains(event)), "{} at {at}", path.display());
                assert!(
                    some.iter().any(|event| event.0 == "b.log") || path.starts_with(store.join("segments/1"))
                );
                assert!(
                    some.len() == all.len() || !told.is_empty(),
                    "{} at {at}: in silence",
                    path.display()
                );
            };
            missing(&expected.0, &by_id);
            missing(&expected.1, &by_word);
        }
        fs::write(path, &good).unwrap();
    }
}

fn holds_word(event: &StoredEvent) -> bool {
    event.lines.iter().any(|line| String::from_utf8_lossy(&line.text).contains("claims"))
}
