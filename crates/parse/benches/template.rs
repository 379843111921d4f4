//! The template of a message, and the usual way to it: a regular expression that replaces what varies.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use model::{Line, Source};
use parse::{Annotator, Knowledge, Zone};
use regex::Regex;

fn main() {
    divan::main();
}

/// Logger and body of the heads of every service, as many as they are in a real cloud.
fn messages() -> Vec<(Option<String>, String)> {
    let (mut annotator, source) = (Annotator::new(Zone::UTC), Source::default().into());
    let knowledge = Knowledge::embedded();
    let lines = (1..).zip(include_str!("../corpus/oslo.log").lines());
    lines
        .filter_map(|(number, text)| {
            let mut line = Line { number, text: text.as_bytes().to_vec() };
            let annotation = annotator.annotate(&mut line);
            annotation.template?;
            let event = knowledge.event(&source, &[line], &annotation);
            Some((event.logger, event.body))
        })
        .collect()
}

fn bytes(messages: &[(Option<String>, String)]) -> BytesCount {
    BytesCount::new(messages.iter().map(|(_, body)| body.len()).sum::<usize>())
}

#[divan::bench]
fn template(bencher: Bencher<'_, '_>) {
    let messages = messages();
    bencher.counter(bytes(&messages)).counter(ItemsCount::new(messages.len())).bench(|| {
        let ids = messages.iter().map(|(logger, body)| parse::template(black_box(body), logger.as_deref()));
        ids.fold(0, |sum: u64, id| sum.wrapping_add(id.0))
    });
}

/// One body of common length.
#[divan::bench]
fn one_body_of_150_bytes(bencher: Bencher<'_, '_>) {
    let body = "[instance: 95960536-049b-41f6-9049-05fc479b6a7c] Took 20.72 seconds to build the instance on \
                compute-03, the network was ready on the port after 3 attempts.";
    bencher.counter(BytesCount::new(body.len())).bench(|| parse::template(black_box(body), None));
}

/// Fewer types than the scanner knows.
#[divan::bench]
fn regex(bencher: Bencher<'_, '_>) {
    let messages = messages();
    let varying = Regex::new(
        r#"(?x) [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12} | \b[0-9a-f]{32}\b | \b\d+\.\d+\.\d+\.\d+\b
        | (?:[0-9a-f]{2}:){5}[0-9a-f]{2} | https?://[^\s"']+ | /[^\s"',]+ | \b[a-z]+-?\d[\w.-]* | -?\b\d+(?:\.\d+)?\b
        | '[^'\s]*' | \{'.*\}"#,
    )
    .expect("it is written right");
    bencher.counter(bytes(&messages)).bench(|| {
        messages.iter().map(|(_, body)| varying.replace_all(black_box(body), "<*>").len()).sum::<usize>()
    });
}
