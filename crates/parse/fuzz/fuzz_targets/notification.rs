//! Any bytes may arrive as a notification: a line of its own, without a file around it.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use model::{Line, Source};
use parse::{Annotator, Knowledge, Zone};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::embedded);

fuzz_target!(|bytes: &[u8]| {
    let mut line = Line { number: 1, text: bytes.to_vec() };
    let annotation = Annotator::new(Zone::UTC).annotate(&mut line);
    let event = KNOWLEDGE.event(&Arc::new(Source::default()), &[line], &annotation);
    assert_eq!(event.line, 1);
});
