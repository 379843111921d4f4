//! How long answers take: `asking STORE [QUERY…]` asks for the newest hundred lines of each query, then counts, warm, in
//! one process. Without queries, it asks what people ask. `cargo run --release -p query --example asking -- STORE`.
#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::path::Path;
use std::time::{Duration, Instant};

use model::{Severity, TimeRange, Timestamp};
use parse::Knowledge;
use query::{CountBy, CountQuestion, Engine, ErrorQuestion, Expression, Question};

const ROUNDS: usize = 7;
const LIMIT: usize = 100;
const USUAL: [&str; 18] = [
    "level:error",
    "level>=error service:neutron",
    "service:nova-compute level>=warning",
    "NOT level:debug",
    "host:compute-001",
    "level:critical",
    "nosuchwordanywhere",
    "\"No valid host\"",
    "\"no such phrase anywhere\"",
    "exhaus*",
    "/in network: [0-9a-f-]{36}/",
    "nova.compute.manager level:error",
    "status>=500",
    "took>2s",
    "signature:neutron.ip_exhausted",
    "timeout OR refused",
    "\"xhauste\"",
    "/xq.?zz/",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let store = arguments.next().expect("the folder of a store");
    let given: Vec<String> = arguments.collect();
    let engine = Engine::open(Path::new(&store), Knowledge::embedded()).expect("a store");
    let queries: Vec<&str> =
        if given.is_empty() { USUAL.to_vec() } else { given.iter().map(String::as_str).collect() };
    for query in queries {
        let expression = query::parse(query, Timestamp::default()).expect("a query");
        let question = Question { expression: &expression, after: None, limit: LIMIT, keep_going: &|| true };
        measure(query, || engine.search(question).passages.len());
    }
    for by in [CountBy::Nothing, CountBy::Level, CountBy::Service, CountBy::Host, CountBy::Template] {
        let question = CountQuestion { expression: None, by, step_minutes: 1, keep_going: &|| true };
        measure(&format!("count by {by:?}"), || engine.count(&question).counts.len());
    }
    let level = Expression::All(vec![query::parse("level>=error", Timestamp::default()).expect("a query")]);
    let question =
        CountQuestion { expression: Some(&level), by: CountBy::Host, step_minutes: 1, keep_going: &|| true };
    measure("count level>=error by host", || engine.count(&question).counts.len());
    let question =
        ErrorQuestion { range: TimeRange::ALL, level: Severity::Error, service: None, new: false, limit: 20 };
    measure("errors", || engine.errors(&question).1);
}

/// The first time and the middle one.
fn measure(what: &str, ask: impl Fn() -> usize) {
    let mut answers = 0;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        answers = ask();
        times.push(start.elapsed());
    }
    let first = times[0];
    times.sort_unstable();
    println!("{what:40} {answers:8} answers  first {first:>10.2?}  median {:>10.2?}", times[ROUNDS / 2]);
}
