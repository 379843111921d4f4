//! What people and programs at a terminal rely on: help, JSON, completions, colours, pipes.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use culprit_tests::session::{Session, recorded_cloud};

const COMMANDS: [&[&str]; 15] = [
    &[],
    &["import"],
    &["why"],
    &["trace"],
    &["lines"],
    &["search"],
    &["count"],
    &["errors"],
    &["doctor"],
    &["retain"],
    &["requests"],
    &["filters"],
    &["filters", "check"],
    &["demo"],
    &["completions"],
];

const FAILED: &str = "req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8";

fn session() -> Session {
    recorded_cloud(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap().session
}

fn without_a_store() -> Session {
    Session::new(Path::new("/nowhere"))
}

#[test]
fn every_command_has_help_with_examples() {
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let run = without_a_store().run(&[command, &[flag]].concat());
            assert_eq!(run.code, 0, "{command:?}");
            assert!(run.stdout.contains("Examples:\n  culprit"), "{command:?} {flag}: {}", run.stdout);
            let widest = run.stdout.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(130), "{command:?} {flag} is {widest:?} wide");
        }
    }
}

#[test]
fn every_answer_can_be_had_as_json() {
    let session = session();
    let check = |arguments: &[&str], rows: std::ops::RangeInclusive<usize>| {
        let found = session.json(arguments);
        assert!(rows.contains(&found.len()), "{arguments:?}: {} rows", found.len());
        assert!(found.iter().all(serde_json::Value::is_object), "{arguments:?}");
    };
    check(&["why", FAILED], 1..=1);
    check(&["trace", FAILED], 50..=5000);
    check(&["lines", FAILED], 10..=5000);
    check(&["lines", "-C", "2", FAILED], 12..=10_000);
    check(&["search", "-n", "25", "level>=error"], 25..=25);
    check(&["requests", "--failed", "-n", "0"], 160..=5000);
    check(&["demo"], 1..=1);
    // Findings are a list; of filters that are well it is empty.
    let checked = session.run(&["--json", "filters", "check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (0, ""));
    let empty = session.run(&["--json", "search", "nosuchwordanywhere"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (0, ""));
}

#[test]
fn shells_can_complete() {
    let check = |shell: &str, begin: &str| {
        let run = without_a_store().run(&["completions", shell]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stdout.contains(begin) && run.stdout.contains("requests"), "{shell}");
    };
    check("bash", "complete -F");
    check("zsh", "#compdef culprit");
    check("fish", "complete -c culprit");
    assert_eq!(without_a_store().run(&["completions", "tcsh"]).code, 64);
}

#[test]
fn colours_are_for_terminals() {
    let session = session();
    let coloured = |arguments: &[&str]| session.run(arguments).stdout.contains('\u{1b}');
    assert!(!coloured(&["why", FAILED]));
    assert!(coloured(&["--color", "always", "why", FAILED]));
    assert!(!coloured(&["--color", "never", "why", FAILED]));
    assert!(!coloured(&["--color", "always", "--json", "why", FAILED]));
    let plain = session.run(&["--ascii", "trace", FAILED]).stdout;
    let drawn = plain.chars().filter(|letter| "─│├└█▌▏▕→✗▲…".contains(*letter)).count();
    assert_eq!(drawn, 0, "{plain}");
}

#[test]
fn a_reader_may_go_away() {
    for arguments in
        [&["search", "-n", "0", "level>=info"][..], &["--json", "requests", "-n", "0"], &["demo"]]
    {
        let session = session();
        let mut command = session.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !complaint.contains("error"), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_failure_without_a_store_is_explained_from_its_logs() {
    let cloud = recorded_cloud(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let logs = cloud.folder.join("logs/controller/nova/nova-api.log");
    let refused = "req-da87e23c-3212-4e7e-ba34-16b6f983548e";
    let run = without_a_store().run(&["why", "--logs", logs.to_str().unwrap(), refused]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("nova.quota_ram") && run.stdout.contains("nova-api.log:2418"), "{run:?}");
    assert!(!Path::new("/nowhere").exists());
}
