//! Any bytes are lines, and any lines are events.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use model::{Annotation, Line, Source};
use parse::{Annotator, Knowledge, Zone};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::embedded);

fuzz_target!(|bytes: &[u8]| {
    let mut annotator = Annotator::new(Zone::UTC);
    let mut events: BTreeMap<u64, (Vec<Line>, Annotation)> = BTreeMap::new();
    for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let mut line = Line { number, text: text.to_vec() };
        let annotation = annotator.annotate(&mut line);
        let head = annotation.continues.unwrap_or(number);
        assert!(head == number || events.contains_key(&head));
        events.entry(head).or_insert_with(|| (Vec::new(), annotation)).0.push(line);
    }
    let source = Arc::new(Source::default());
    for (head, (lines, annotation)) in &events {
        let event = KNOWLEDGE.event(&source, lines, annotation);
        assert_eq!(event.line, *head);
    }
});
