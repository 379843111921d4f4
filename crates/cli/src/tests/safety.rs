//! Whatever a log holds, no control character of it reaches a terminal.

use std::sync::Arc;

use anstream::adapter::strip_str;
use correlate::Case;
use model::{Event, Outcome, Signature, Source};
use proptest::prelude::*;

use super::sample::{self, PIPE, TERMINAL};
use crate::exit::{Exit, Failure};
use crate::json;
use crate::render::screen::is_hidden;
use crate::render::{Layout, filters, import, lines, requests, trace, why};

/// Puts `text` wherever a text can stand.
fn spoiled(mut case: Case, text: &str) -> Case {
    let spoil = |event: &Arc<Event>| {
        let mut event = Event::clone(event);
        event.source = Arc::new(Source { path: text.to_owned(), ..Source::default() });
        event.host = Some(text.to_owned());
        event.daemon = Some(text.to_owned());
        event.body = text.to_owned();
        Arc::new(event)
    };
    for entry in &mut case.trace.entries {
        entry.event = spoil(&entry.event);
    }
    for candidate in &mut case.verdict.candidates {
        candidate.event = spoil(&candidate.event);
        candidate.text = text.to_owned();
        candidate.reasons[0].text = text.to_owned();
        candidate.captures = vec![("network".to_owned(), text.to_owned())];
        candidate.signature = Some(Arc::new(Signature {
            slug: text.to_owned(),
            explain: text.to_owned(),
            remedy: format!("{text} {{network}}"),
            ..sample::signature()
        }));
    }
    for step in &mut case.verdict.path {
        step.event = spoil(&step.event);
        step.text = text.to_owned();
    }
    for span in &mut case.trace.spans {
        span.service = text.to_owned();
        span.host = Some(text.to_owned());
        span.name = text.to_owned();
    }
    for attempt in &mut case.trace.attempts {
        attempt.host = text.to_owned();
    }
    if let Some(missing) = &mut case.verdict.missing {
        missing.look_in = text.to_owned();
        missing.because = text.to_owned();
    }
    case.verdict.shown = Some(text.to_owned());
    case.trace.request.action = text.to_owned();
    case.trace.request.user = Some(text.to_owned());
    case.trace.request.project = Some(text.to_owned());
    case
}

fn answers(text: &str, layout: Layout) -> Vec<String> {
    let cases = [
        spoiled(sample::failed(), text),
        spoiled(sample::not_logged(), text),
        spoiled(sample::ended(Outcome::Succeeded), text),
        spoiled(sample::ended(Outcome::Unfinished), text),
    ];
    let mut answers = Vec::new();
    for case in &cases {
        answers.extend([why::why(case, layout), trace::trace(case, layout)]);
        answers.extend([json::why(text, case).unwrap(), json::trace(case).unwrap()]);
    }
    let mut passages = sample::passages();
    for passage in &mut passages {
        passage.path = text.to_owned();
        passage.host = Some(text.to_owned());
        passage.daemon = Some(text.to_owned());
        passage.body = text.to_owned();
        passage.lines.push((9, text.to_owned()));
    }
    answers.extend([lines::lines(&passages, layout), json::passages(&passages).unwrap()]);
    let mut summaries = sample::summaries();
    for summary in &mut summaries {
        summary.action = text.to_owned();
        summary.user = Some(text.to_owned());
        summary.slug = None;
        summary.cause = Some(text.to_owned());
    }
    answers.extend([requests::requests(&summaries, layout), json::requests(&summaries).unwrap()]);
    let mut report = sample::report();
    report.files[0].path = text.to_owned();
    report.files[0].defects[0].text = text.to_owned();
    report.skipped[0].path = text.to_owned();
    report.skipped[0].reason = text.to_owned();
    report.skipped[0].advice = text.to_owned();
    answers.extend([import::import(&report, layout), json::import(&report).unwrap()]);
    let mut findings = sample::findings();
    findings.findings[0].what = text.to_owned();
    answers.extend([filters::filters(&findings, layout), json::filters(&findings).unwrap()]);
    let failure =
        Failure::new(Exit::Data, anyhow::anyhow!(text.to_owned()).context(text.to_owned())).advise(text);
    answers.push(failure.to_string());
    answers
}

/// Only colours, and nothing that a terminal acts on besides.
fn assert_harmless(answer: &str) {
    let mut rest = answer;
    while let Some((_, sequence)) = rest.split_once('\x1b') {
        let after = sequence.strip_prefix('[').expect("a sequence that is no style");
        let parameters = after.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';');
        rest = parameters.strip_prefix('m').expect("a sequence that is no colour");
    }
    let shown = strip_str(answer).to_string();
    let hidden = shown.chars().find(|letter| *letter != '\n' && is_hidden(*letter));
    assert_eq!(hidden, None, "in {answer:?}");
}

fn check(text: &str) {
    for layout in [PIPE, TERMINAL, Layout { width: 60, terminal: true, ascii: true }] {
        for answer in answers(text, layout) {
            assert_harmless(&answer);
            // A colour that text brought along would be taken for one of ours.
            assert!(!answer.contains("\x1b[35m"), "in {answer:?}");
        }
    }
}

#[test]
fn known_tricks_do_nothing() {
    check("");
    check("\x1b[35mpurple\x1b[0m");
    check("\x1b]0;title\x07\x1b[2J\x1b[H");
    check("\u{9b}2J\u{202e}gpj.exe\u{2066}");
    check("line\nline\r\n\ttab\0\x08\x7f");
    check("大きな e\u{301} \u{1f468}\u{200d}\u{1f469}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_control_character_reaches_the_output(text in "(\\PC|[\x00-\x20\x7f-\u{9f}\u{200b}-\u{206f}]|\x1b\\[35m){0,24}") {
        check(&text);
    }
}
