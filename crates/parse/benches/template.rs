//! The header of a line, read by the annotator, by the header parser alone, and by the usual regular expression.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use regex::Regex;

fn main() {
    divan::main();
}

/// Lines of every service, as many as they are in a real cloud.
fn lines() -> Vec<&'static str> {
    include_str!("../corpus/oslo.log").lines().collect()
}

fn bytes(lines: &[&str]) -> BytesCount {
    BytesCount::new(lines.iter().map(|line| line.len() + 1).sum::<usize>())
}

#[divan::bench]
fn nom(bencher: Bencher<'_, '_>) {
    let lines = lines();
    bencher
        .counter(bytes(&lines))
        .bench(|| lines.iter().filter(|line| parse::bench_header(black_box(line))).count());
}

/// As fluentd's, logstash's and Vector's recipes for OpenStack do it.
#[divan::bench]
fn regex(bencher: Bencher<'_, '_>) {
    let lines = lines();
    let header = Regex::new(
        r"(?x)^(\d{4})-(\d\d)-(\d\d)[\ T](\d\d):(\d\d):(\d\d)[.,](\d+)\ (?:(\d+)\ )?([A-Z]+)\ (\S+)
        (?:\ \[(?:-|(?:(None|g?req-\S+)\ )?(req-\S+|-)(?:\ (\S+)\ (\S+)\ (\S+)\ (\S+)\ (\S+)(?:\ (\S+))?)?)\])?\ ?(.*)$",
    )
    .expect("it is written right");
    bencher
        .counter(bytes(&lines))
        .bench(|| lines.iter().filter(|line| black_box(header.captures(black_box(line))).is_some()).count());
}

#[divan::bench]
fn annotator(bencher: Bencher<'_, '_>) {
    let lines = lines();
    bencher.counter(bytes(&lines)).bench(|| {
        let mut annotator = parse::Annotator::new(parse::Zone::UTC);
        for (number, line) in (1..).zip(&lines) {
            let mut line = model::Line { number, text: line.as_bytes().to_vec() };
            black_box(annotator.annotate(&mut line));
        }
    });
}
