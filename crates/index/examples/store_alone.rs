//! How fast lines are stored and found: `store_alone FOLDER STORE [TIMES]` imports every file below a folder that holds `logs`;
//! `store_alone STORE ID…` looks ids up in a fresh process,
//! `store_alone STORE --ids FILE` all ids of a file, and asks what goes over everything. Times of lines are guessed; this measures the store alone.
#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use index::{CountFilter, Dimension, Limits, Options, Query, Reader, StoredEvent, Writer};
use model::{Annotation, Id, Line, Severity, Source, TemplateId, TimeRange, Timestamp};

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if Path::new(&arguments[0]).join("logs").exists() {
        let rounds = arguments.get(2).map_or(1, |rounds| rounds.parse().expect("a number"));
        import(Path::new(&arguments[0]), Path::new(&arguments[1]), rounds);
        return;
    }
    let store = arguments.remove(0);
    if arguments.first().is_some_and(|first| first == "--ids") {
        let ids = fs::read_to_string(&arguments[1]).expect("a file of ids");
        look_up(Path::new(&store), &ids.lines().filter_map(Id::parse).collect::<Vec<Id>>());
        return;
    }
    let start = Instant::now();
    let reader = Reader::open(Path::new(&store)).expect("a store");
    println!("open: {:?}", start.elapsed());
    for round in ["cold", "warm"] {
        for text in &arguments {
            let start = Instant::now();
            let events = match Id::parse(text) {
                Some(id) => reader.lines_with(&id, TimeRange::ALL),
                None => {
                    reader
                        .search(
                            &Query::Word(text.clone()),
                            &Limits { events: 50, ..Limits::NONE },
                            &mut |_| true,
                        )
                        .events
                }
            };
            println!("{round} {text}: {} events, {:?}", events.len(), start.elapsed());
        }
    }
    let start = Instant::now();
    let time = reader.stats().time.expect("times");
    let middle = TimeRange { start: time.start, end: time.start.plus_seconds(60) };
    let events = reader.events_near(Some("controller"), middle, Severity::Warning);
    println!("events near: {} events, {:?}", events.len(), start.elapsed());
    println!("{:?} {:?}", reader.stats(), reader.damage());
}

/// Every id once, warm; then what goes over everything.
fn look_up(store: &Path, ids: &[Id]) {
    let start = Instant::now();
    let reader = Reader::open(store).expect("a store");
    let first = reader.lines_with(&ids[0], TimeRange::ALL).len();
    println!("open and look up: {:?}, {first} events", start.elapsed());
    let mut times = Vec::new();
    let mut events = 0;
    for id in ids {
        let start = Instant::now();
        events += reader.lines_with(id, TimeRange::ALL).len();
        times.push(start.elapsed());
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{} ids, {events} events: p50 {:?}, p99 {:?}, max {:?}", ids.len(), at(50), at(99), at(100));
    let timed = |what: &str, ask: &dyn Fn() -> usize| {
        for round in ["first", "again"] {
            let start = Instant::now();
            let found = ask();
            println!("{what}, {round}: {found}, {:?}", start.elapsed());
        }
    };
    let all = CountFilter::default();
    timed("levels by minute", &|| reader.histogram(TimeRange::ALL, 1, Dimension::Level, &all).len());
    timed("hosts by hour", &|| reader.histogram(TimeRange::ALL, 60, Dimension::Host, &all).len());
    timed("patterns", &|| reader.patterns(TimeRange::ALL, &all).len());
    let newest = Limits { events: 100, ..Limits::NONE };
    let errors = |event: &StoredEvent| event.annotation.severity >= Severity::Error;
    timed("newest errors", &|| {
        reader.search(&Query::Level(Severity::Error), &newest, &mut |event| errors(event)).events.len()
    });
    let word = Query::Word("exhausted".to_owned());
    let holds = |event: &StoredEvent| {
        event.lines.iter().any(|line| line.text.windows(9).any(|window| window == b"exhausted"))
    };
    timed("newest with a word", &|| reader.search(&word, &newest, &mut |event| holds(event)).events.len());
    println!("{:?} {:?}", reader.stats(), reader.damage());
}

fn import(folder: &Path, store: &Path, rounds: u8) {
    let mut files = Vec::new();
    walk(folder, &mut files);
    let mut writer = Writer::open(store, Options::default()).expect("a store");
    let (start, mut cpu) = (Instant::now(), cpu_time());
    let (mut raw, mut uncommitted) = (0, 0);
    for (round, path) in (0..rounds).flat_map(|round| files.iter().map(move |path| (round, path))) {
        let before = cpu_time();
        let mut content = fs::read(path).expect("a file");
        renew_ids(&mut content, round);
        let rows = rows(&content);
        // To read the lines is not the store's work.
        cpu += cpu_time() - before;
        raw += content.len();
        let name = path.strip_prefix(folder).expect("below").display();
        let id = writer.add_source(&source(format!("{round}/{name}")));
        for rows in rows.chunks(4096) {
            writer.append(id, rows).expect("space");
            uncommitted += rows.iter().map(|(line, _)| line.text.len()).sum::<usize>();
            if uncommitted > 256 << 20 {
                writer.commit(Vec::new()).expect("space");
                uncommitted = 0;
            }
        }
    }
    writer.commit(Vec::new()).expect("space");
    let (settling, settling_cpu) = (Instant::now(), cpu_time());
    writer.settle().expect("space");
    println!("settle: wall {:?}, CPU {:?}", settling.elapsed(), cpu_time() - settling_cpu);
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    let disk = size(store);
    let megabytes = raw as f64 / 1e6;
    println!(
        "{megabytes:.1} MB, wall {wall:?}, CPU {cpu:?}: {:.1} MB per CPU second",
        megabytes / cpu.as_secs_f64()
    );
    for part in ["blocks", "words", "summaries", "manifest"] {
        let bytes: u64 =
            files_of(store).iter().filter(|(name, _)| name.contains(part)).map(|(_, size)| size).sum();
        println!("{part}: {:.2} MB", bytes as f64 / 1e6);
    }
    println!("on disk {:.1} MB: {:.3} of raw", disk as f64 / 1e6, disk as f64 / raw as f64);
}

/// Another cloud of the same kind.
fn renew_ids(content: &mut [u8], round: u8) {
    let mut ranges = Vec::new();
    if round > 0 {
        model::scan_ids(content, |found| ranges.push(found.range));
    }
    for at in ranges.into_iter().flat_map(|range| range.start + 3..range.start + 8) {
        if let Some(byte @ b'0'..=b'9') = content.get_mut(at) {
            *byte = b'0' + (*byte - b'0' + round) % 10;
        }
    }
}

fn source(path: String) -> Source {
    let host = path.split_once('/').map(|(host, _)| host.to_owned());
    Source { path, host, ..Source::default() }
}

fn rows(content: &[u8]) -> Vec<(Line, Annotation)> {
    let mut before: Option<(u64, Timestamp)> = None;
    let lines = content.strip_suffix(b"\n").unwrap_or(content).split(|byte| *byte == b'\n');
    (1..)
        .zip(lines)
        .map(|(number, text)| {
            let time = time(text);
            before = time.map(|time| (number, time)).or(before);
            let annotation = Annotation {
                format: "oslo",
                timestamp: before.map(|(_, time)| time),
                severity: if text.windows(7).any(|word| word == b" ERROR ") {
                    Severity::Error
                } else {
                    Severity::Info
                },
                continues: before.map(|(head, _)| head).filter(|head| time.is_none() && *head < number),
                defect: None,
                notable: false,
                template: Some(TemplateId(text.len() as u64 % 500)),
                signature: None,
            };
            (Line { number, text: text.to_vec() }, annotation)
        })
        .collect()
}

/// `2026-11-21 03:28:16.763`, as if all months had 31 days.
fn time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text.get(..23)?).ok()?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = (number(0, 4)? * 12 + number(5, 7)?) * 31 + number(8, 10)?;
    let seconds = days * 86_400 + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some(Timestamp::from_nanos((seconds - 63_000_000_000) * 1_000_000_000 + number(20, 23)? * 1_000_000))
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
    files.sort();
}

fn size(folder: &Path) -> u64 {
    files_of(folder).iter().map(|(_, size)| size).sum()
}

fn files_of(folder: &Path) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    walk(folder, &mut files);
    files.iter().map(|file| (file.display().to_string(), file.metadata().expect("a file").len())).collect()
}

/// Of this process, all threads, in the kernel's ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks: u64 = fields[11..=12].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}
