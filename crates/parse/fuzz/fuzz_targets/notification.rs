//! Any bytes may arrive as a notification: a line of its own, without a file around it.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use model::{Line, Source};
use parse::{Annotator, Zone};

fuzz_target!(|bytes: &[u8]| {
    let mut line = Line { number: 1, text: bytes.to_vec() };
    let annotation = Annotator::new(Zone::UTC).annotate(&mut line);
    let event = parse::event(&Arc::new(Source::default()), &[line], &annotation);
    assert_eq!(event.line, 1);
});
