//! Real lines of each format, and the events that they become: `corpus/<format>.log` and `<format>.expected`.
//! `UPDATE_EXPECT=1 cargo test -p parse` writes the latter anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use model::{Annotation, Event, Line, Source, Timestamp};
use parse::{Annotator, Knowledge, Zone};
use proptest::prelude::*;

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::embedded);

#[test]
fn every_corpus_file_becomes_the_expected_events() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut checked = 0;
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let shown: String = events(&std::fs::read(&path).unwrap()).iter().map(show).collect();
            expect_test::expect_file![path.with_extension("expected")].assert_eq(&shown);
            checked += 1;
        }
    }
    assert!(checked > 0);
}

/// Everything that an event holds, as somebody would note it down.
fn show(event: &Event) -> String {
    let mut text = format!("{}-{} {}", event.line, event.end_line, event.format);
    let time = event.timestamp.map_or_else(|| "no time".to_owned(), |time| time.to_string());
    let process = event.process.map(|process| format!(" pid {process}")).unwrap_or_default();
    writeln!(text, " {time} {}{process} {}", event.severity, event.logger.as_deref().unwrap_or("~")).unwrap();
    let mut note = |name: &str, value: String| writeln!(text, "    {name}: {value}").unwrap();
    let context = &event.context;
    if context.request.is_some() {
        note("context", format!("{context:?}"));
    }
    note("body", event.body.clone());
    for exception in &event.exceptions {
        note("exception", format!("{} | {:?}", exception.class, exception.message));
    }
    if let Some(exchange) = &event.exchange {
        note("exchange", format!("{exchange:?}"));
    }
    if let Some(notification) = &event.notification {
        note("notification", format!("{notification:?}"));
    }
    for mention in &event.mentions {
        note("mentions", format!("{} {}", mention.kind.name(), mention.id));
    }
    for defect in &event.defects {
        note("defect", defect.name().to_owned());
    }
    for line in &event.detail {
        note("|", line.clone());
    }
    text
}

fn events(bytes: &[u8]) -> Vec<Event> {
    let source = Arc::new(Source { path: "corpus".to_owned(), ..Source::default() });
    groups(bytes).values().map(|(lines, annotation)| KNOWLEDGE.event(&source, lines, annotation)).collect()
}

/// The lines of each event, by the number of its head.
fn groups(bytes: &[u8]) -> BTreeMap<u64, (Vec<Line>, Annotation)> {
    let late = Timestamp::from_nanos(1_795_300_000_000_000_000);
    let mut annotator = Annotator::new(Zone::UTC).with_year_hint(late);
    let mut groups: BTreeMap<u64, (Vec<Line>, Annotation)> = BTreeMap::new();
    for (number, text) in (1..).zip(bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n')) {
        let mut line = Line { number, text: text.to_vec() };
        let annotation = annotator.annotate(&mut line);
        let head = annotation.continues.unwrap_or(number);
        assert!(
            head <= number && (head == number || groups.contains_key(&head)),
            "line {number} continues {head}"
        );
        groups.entry(head).or_insert_with(|| (Vec::new(), annotation)).0.push(line);
    }
    groups
}

/// Each line is in one event, no byte of a line is lost, each event says what its lines say, and nobody panics.
fn check_total(bytes: &[u8]) {
    let groups = groups(bytes);
    let mut written: Vec<&Line> = groups.values().flat_map(|(lines, _)| lines).collect();
    written.sort_by_key(|line| line.number);
    let written: Vec<&[u8]> = written.iter().map(|line| line.text.as_slice()).collect();
    assert_eq!(written.join(&b'\n'), bytes.strip_suffix(b"\n").unwrap_or(bytes), "no piece holds a secret");
    let source = Arc::new(Source::default());
    for (head, (lines, annotation)) in &groups {
        let event = KNOWLEDGE.event(&source, lines, annotation);
        assert_eq!((event.line, event.end_line), (*head, lines.last().unwrap().number));
        assert_eq!(event.detail.len() + 1, lines.len());
        for (line, text) in lines.iter().zip(std::iter::once(&event.body).chain(&event.detail)) {
            let line = String::from_utf8_lossy(&line.text);
            let line = line.trim_end_matches('\r');
            let coloured = line.contains('\u{1b}');
            assert!(coloured || line.ends_with(text.trim_end_matches('\r')), "{line} | {text}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_become_events(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_total(&bytes);
    }

    /// Pieces of real lines in any order get deeper than noise does.
    #[test]
    fn any_pieces_become_events(pieces in proptest::collection::vec(0..PIECES.len(), 0..40)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        check_total(text.as_bytes());
    }
}

const PIECES: [&str; 42] = [
    "\n",
    "\n",
    "\r\n",
    " ",
    " ",
    "2026-11-21 03:16:09.300",
    "2026-11-21T03:16:09,300Z",
    "9999-99-99 99:99:99.999",
    " 12810 ",
    "ERROR",
    "TRACE",
    " INFO ",
    " nova.compute.manager ",
    "[-]",
    "[None req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8 - - - - - -]",
    "[req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8 u p - - -]",
    "[instance: 0679010f-c12e-4d7d-a1f6-9c887eb0e4f8] ",
    "[",
    "]",
    "Traceback (most recent call last):",
    "['Traceback (most recent call last):\\n', '",
    "\\n",
    "  File \"a.py\"",
    "a.b.Error: x",
    "During handling of the above exception, another exception occurred:",
    "é",
    "\u{1b}[00;36m",
    "\u{1b}[",
    "(nova): TRACE: ",
    "\"GET /v2 HTTP/1.1\" status: 200 ",
    "10.0.0.1 - - [",
    "\"",
    "'",
    "\\",
    ": ",
    "\u{feff}",
    "\0",
    " returned with HTTP 200",
    "{{(pid=1) f}}",
    "#",
    "tap2c99782f-4f",
    "GET http://a/b",
];
