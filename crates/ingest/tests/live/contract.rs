//! What every live source keeps to.

use std::fs::OpenOptions;
use std::io::{PipeWriter, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use ingest::{Journal, LiveSource, LiveTail, Place, Settings, Stdin, Syslog, SyslogSettings, TailSettings};
use tokio::io::AsyncWriteExt;

use crate::journal::Recorded;
use crate::{Running, texts};

const BATCH: usize = 7;

/// A world that a source listens to.
trait World {
    type Source: LiveSource + 'static;

    /// Whether it can give again what was not stored.
    const REPEATS: bool;

    async fn new() -> Self;

    /// The source, as it starts with what was stored last.
    async fn source(&mut self, stored: Option<Place>) -> Self::Source;

    /// Says lines, each with its number at the end.
    async fn say(&mut self, numbers: Range<usize>);
}

async fn keeps_to_the_contract<W: World>() {
    hands_over_in_order_and_in_bounded_batches::<W>().await;
    ends_when_nobody_takes::<W>().await;
    waits_while_there_is_no_room::<W>().await;
    if W::REPEATS {
        gives_again_what_was_not_stored::<W>().await;
    }
}

async fn hands_over_in_order_and_in_bounded_batches<W: World>() {
    let mut world = W::new().await;
    let mut running = Running::start(world.source(None).await, 4);
    world.say(0..50).await;
    let mut seen = Vec::new();
    while seen.len() < 50 {
        let delivery = running.next().await;
        assert!(delivery.batch.lines.len() <= BATCH, "{delivery:?}");
        assert!(!delivery.source.path.is_empty());
        seen.extend(numbers(&texts(&delivery)));
    }
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    running.stop().await;
}

async fn ends_when_nobody_takes<W: World>() {
    let mut world = W::new().await;
    let Running { out, stop, task } = Running::start(world.source(None).await, 1);
    drop(out);
    world.say(0..50).await;
    let ended = tokio::time::timeout(crate::GUARD, task).await.expect("it ends");
    ended.expect("no panic").expect("no error");
    drop(stop);
}

async fn waits_while_there_is_no_room<W: World>() {
    let mut world = W::new().await;
    let mut running = Running::start(world.source(None).await, 1);
    world.say(0..100).await;
    let first = numbers(&texts(&running.next().await));
    // There is room for one more; the rest waits with the source, and comes.
    let mut seen = first;
    while seen.len() < 100 {
        seen.extend(numbers(&texts(&running.next().await)));
        assert!(running.out.len() <= 1);
    }
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
    world.say(100..200).await;
    running.next().await;
    running.stop().await; // Although nobody makes room for the rest.
}

async fn gives_again_what_was_not_stored<W: World>() {
    let mut world = W::new().await;
    let mut running = Running::start(world.source(None).await, 2);
    world.say(0..50).await;
    let mut stored = Vec::new();
    let mut place = None;
    while stored.len() < 10 {
        let delivery = running.next().await;
        stored.extend(numbers(&texts(&delivery)));
        place = Some(delivery.place);
        delivery.receipt.tell();
    }
    drop(running.next().await);
    running.stop().await;
    let mut running = Running::start(world.source(place).await, 2);
    world.say(50..60).await;
    while stored.len() < 60 {
        stored.extend(numbers(&texts(&running.next().await)));
    }
    assert_eq!(stored, (0..60).collect::<Vec<_>>());
    running.stop().await;
}

fn numbers(lines: &[String]) -> Vec<usize> {
    let number = |line: &String| {
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    lines.iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files() {
    keeps_to_the_contract::<Files<false>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polled_files() {
    keeps_to_the_contract::<Files<true>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syslog_by_tcp() {
    keeps_to_the_contract::<Tcp>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journald() {
    keeps_to_the_contract::<Recorded>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stdin() {
    keeps_to_the_contract::<Pipe>().await;
}

fn lines_settings() -> Settings {
    Settings { batch_lines: BATCH, ..Settings::default() }
}

struct Files<const POLLED: bool>(tempfile::TempDir);

impl<const POLLED: bool> World for Files<POLLED> {
    type Source = LiveTail;
    const REPEATS: bool = true;

    async fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn source(&mut self, stored: Option<Place>) -> LiveTail {
        let known = match stored {
            Some(Place::File { checkpoint, .. }) => vec![checkpoint],
            _ => Vec::new(),
        };
        let settings = TailSettings {
            patterns: vec![format!("{}/*.log", self.0.path().display())],
            lines: lines_settings(),
            poll: POLLED.then_some(Duration::from_millis(1)),
            ..TailSettings::default()
        };
        LiveTail::new(settings, known).unwrap()
    }

    async fn say(&mut self, numbers: Range<usize>) {
        let path = self.0.path().join("a.log");
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        for number in numbers {
            writeln!(file, "{number}").unwrap();
        }
    }
}

struct Tcp(Option<SocketAddr>, Option<tokio::net::TcpStream>);

impl World for Tcp {
    type Source = Syslog;
    const REPEATS: bool = false;

    async fn new() -> Self {
        Self(None, None)
    }

    async fn source(&mut self, _: Option<Place>) -> Syslog {
        let tcp = Some(([127, 0, 0, 1], 0).into());
        let settings = SyslogSettings { tcp, batch_lines: BATCH, ..SyslogSettings::default() };
        let source = Syslog::bind(settings).await.unwrap();
        self.0 = source.addresses().1;
        source
    }

    async fn say(&mut self, numbers: Range<usize>) {
        if self.1.is_none() {
            self.1 = Some(tokio::net::TcpStream::connect(self.0.unwrap()).await.unwrap());
        }
        let text: String = numbers.map(|number| format!("says {number}\n")).collect();
        // Nobody may be there to hear it.
        self.1.as_mut().unwrap().write_all(text.as_bytes()).await.ok();
    }
}

struct Pipe(Option<PipeWriter>);

impl World for Pipe {
    type Source = Stdin;
    const REPEATS: bool = false;

    async fn new() -> Self {
        Self(None)
    }

    async fn source(&mut self, _: Option<Place>) -> Stdin {
        let (reader, writer) = std::io::pipe().unwrap();
        self.0 = Some(writer);
        Stdin::from_reader(Box::new(reader), lines_settings())
    }

    async fn say(&mut self, numbers: Range<usize>) {
        let text: String = numbers.map(|number| format!("{number}\n")).collect();
        self.0.as_mut().unwrap().write_all(text.as_bytes()).ok();
    }
}

impl World for Recorded {
    type Source = Journal;
    const REPEATS: bool = true;

    async fn new() -> Self {
        Self::create()
    }

    async fn source(&mut self, stored: Option<Place>) -> Journal {
        let state = match stored {
            Some(Place::Stream { state, .. }) => state,
            _ => Vec::new(),
        };
        self.journal(BATCH, &state)
    }

    async fn say(&mut self, numbers: Range<usize>) {
        numbers.for_each(|number| self.record(&format!("c-{number}"), "hi"));
    }
}

#[tokio::test]
async fn the_standard_input_ends_with_its_last_line() {
    let text: &[u8] = b"one\ntwo\r\nthree";
    let mut running = Running::start(Stdin::from_reader(Box::new(text), lines_settings()), 1);
    assert_eq!(running.lines(3).await, ["one", "two", "three"]);
    running.ends().await;
}
