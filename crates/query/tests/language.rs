//! The language against a naive model: whatever a plan leaves out, no line that fits is missed.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use index::{Options, Writer};
use model::{Line, Severity, Timestamp};
use parse::{Annotator, Knowledge, Zone};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use query::{Engine, Expression, Passage, Question};

struct Store {
    engine: Engine,
    /// Every event, the newest first.
    all: Vec<Passage>,
    /// In lower case, without the times that lines begin with.
    texts: Vec<String>,
    _folder: tempfile::TempDir,
}

/// The lines that every format is shown, in a store of several segments.
fn store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let knowledge = Knowledge::embedded();
        let mut writer =
            Writer::open(&path, Options { segment_bytes: 64 << 10, draft_bytes: 16 << 10 }).unwrap();
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parse/corpus");
        let mut files: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "log"));
        for (at, file) in files.iter().enumerate() {
            let name = file.file_name().unwrap().to_string_lossy();
            // Half of them stand where nothing tells whose they are.
            let folder = if at % 2 == 0 { "compute-01/nova/" } else { "" };
            let source = knowledge.locate(&format!("{folder}{name}"));
            let id = writer.add_source(&source);
            let mut annotator = Annotator::new(Zone::parse("UTC").unwrap());
            let text = fs::read(file).unwrap();
            let mut lines = Vec::new();
            for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
                let mut line = Line { number, text: line.to_vec() };
                let annotation = annotator.annotate(&mut line);
                lines.push((line, annotation));
            }
            writer.append(id, &lines).unwrap();
        }
        writer.commit(Vec::new()).unwrap();
        drop(writer);
        let engine = Engine::open(&path, knowledge).unwrap();
        let all = ask(&engine, &Expression::All(Vec::new()));
        let texts = all.iter().map(text).collect();
        Store { engine, all, texts, _folder: folder }
    })
}

fn ask(engine: &Engine, expression: &Expression) -> Vec<Passage> {
    let question = Question { expression, after: None, limit: usize::MAX, keep_going: &|| true };
    engine.search(question).passages
}

fn text(passage: &Passage) -> String {
    let mut text = String::new();
    for (_, line) in &passage.lines {
        text.push_str(line.get(index::stamp_length(line.as_bytes())..).unwrap());
        text.push('\n');
    }
    text.to_lowercase()
}

/// A query, and what it means.
#[derive(Clone, Debug)]
enum Model {
    Word(String),
    Prefix(String),
    Phrase(String),
    Host(String),
    Service(String),
    Level(Severity),
    Since(Timestamp),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Model {
    fn query(&self) -> String {
        let joined = |parts: &[Self], by: &str| {
            let parts: Vec<String> = parts.iter().map(Self::query).collect();
            format!("({})", parts.join(by))
        };
        match self {
            Self::Word(word) => word.clone(),
            Self::Prefix(word) => format!("{word}*"),
            Self::Phrase(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            Self::Host(host) => format!("host:\"{host}\""),
            Self::Service(service) => format!("service:\"{service}\""),
            Self::Level(level) => format!("level>={level}"),
            Self::Since(time) => format!("since:{time}"),
            Self::Not(part) => format!("NOT ({})", part.query()),
            Self::And(parts) => joined(parts, " "),
            Self::Or(parts) => joined(parts, " OR "),
        }
    }

    fn fits(&self, passage: &Passage, text: &str) -> bool {
        let is = |name: &Option<String>, wanted: &str| {
            name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        };
        match self {
            Self::Word(word) => words(text).any(|found| found == word.to_lowercase()),
            Self::Prefix(word) => words(text).any(|found| found.starts_with(&word.to_lowercase())),
            Self::Phrase(phrase) => text.contains(&phrase.to_lowercase()),
            Self::Host(host) => is(&passage.host, host),
            Self::Service(name) => is(&passage.service, name) || is(&passage.daemon, name),
            Self::Level(level) => passage.severity >= *level,
            Self::Since(time) => passage.timestamp.is_some_and(|at| at >= *time),
            Self::Not(part) => !part.fits(passage, text),
            Self::And(parts) => parts.iter().all(|part| part.fits(passage, text)),
            Self::Or(parts) => parts.iter().any(|part| part.fits(passage, text)),
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// A piece of one event.
fn leaf(event: Index, part: Index, length: usize, kind: usize) -> Model {
    let store = store();
    let at = event.index(store.all.len());
    let (passage, text) = (&store.all[at], &store.texts[at]);
    // What reads as an id is asked for as one; that is another test.
    let known: Vec<&str> = words(text).filter(|word| model::Id::parse(word).is_none()).collect();
    let word = if known.is_empty() { "nothing" } else { known[part.index(known.len())] };
    let phrase = || {
        let letters: Vec<char> = text.chars().collect();
        let start = part.index(letters.len());
        let phrase: String = letters.iter().skip(start).take(length).collect();
        phrase.lines().next().unwrap_or_default().to_owned()
    };
    let absent = || "absent".to_owned();
    match kind {
        0 => Model::Word(word.to_owned()),
        1 => Model::Prefix(word.chars().take(length.max(1)).collect()),
        2 | 3 => match phrase() {
            empty if empty.is_empty() => Model::Word(word.to_owned()),
            phrase => Model::Phrase(phrase),
        },
        4 => Model::Host(passage.host.clone().unwrap_or_else(absent)),
        5 => Model::Service(passage.service.clone().unwrap_or_else(absent)),
        6 => Model::Service(passage.daemon.clone().unwrap_or_else(absent)),
        7 => Model::Level(Severity::ALL[1 + part.index(6)]),
        // Times are written to the millisecond.
        _ => {
            let nanos = passage.timestamp.unwrap_or_default().nanos();
            Model::Since(Timestamp::from_nanos(nanos - nanos.rem_euclid(1_000_000)))
        }
    }
}

fn models() -> impl Strategy<Value = Model> {
    let leaf = (any::<Index>(), any::<Index>(), 1_usize..30, select((0..9).collect::<Vec<_>>()))
        .prop_map(|(event, part, length, kind)| leaf(event, part, length, kind));
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Model::Not(Box::new(part))),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Model::And),
            prop::collection::vec(inner, 1..3).prop_map(Model::Or),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_a_look_at_every_line_finds(model in models()) {
        let store = store();
        // Times are written to the millisecond.
        let text = model.query();
        let expression = query::parse(&text, Timestamp::default()).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let found: Vec<_> = ask(&store.engine, &expression).into_iter().map(|passage| passage.cursor).collect();
        let fitting = store.all.iter().zip(&store.texts).filter(|(passage, text)| model.fits(passage, text));
        let expected: Vec<_> = fitting.map(|(passage, _)| passage.cursor).collect();
        prop_assert_eq!(found, expected, "{}", text);
    }
}

#[test]
fn what_people_paste_is_found_in_lines_of_every_format() {
    let check = |query: &str, holds: &str| {
        let expression = query::parse(query, Timestamp::default()).unwrap();
        let found = ask(&store().engine, &expression);
        assert!(!found.is_empty(), "nothing for {query}");
        for passage in &found {
            assert!(text(passage).contains(holds), "{query}: {}", passage.body);
        }
        let naive = store().texts.iter().filter(|text| text.contains(holds)).count();
        assert!(found.len() <= naive, "{query}");
    };
    // Of every sort, what the lines hold.
    let mut kinds = [0; 5];
    for passage in &store().all {
        model::scan_ids(text(passage).as_bytes(), |found| {
            let spelled = found.id.to_string();
            kinds[0] += 1;
            if kinds[0] > 200 {
                return;
            }
            let hits = ask(&store().engine, &Expression::Id(found.id));
            assert!(hits.iter().any(|hit| hit.cursor == passage.cursor), "{spelled}");
        });
        for token in text(passage).split([' ', '\'', '"', ',', '(', ')', '[', ']', '\n']) {
            let dotted =
                token.split('.').count() > 2 && token.chars().all(|c| c.is_ascii_lowercase() || c == '.');
            let kind = match token {
                _ if token.parse::<std::net::Ipv4Addr>().is_ok() => 1,
                _ if token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) => 2,
                _ if token.starts_with('/') && token.len() > 5 && !token.ends_with('/') => 3,
                _ if dotted && token.ends_with(|c: char| c != '.') => 4,
                _ => continue,
            };
            kinds[kind] += 1;
            if kinds[kind] <= 40 && !token.contains(['*', '"']) {
                check(token, token);
            }
        }
    }
    assert!(kinds[0] > 100 && kinds[1] > 10 && kinds[3] > 10 && kinds[4] > 10, "{kinds:?}");
}
