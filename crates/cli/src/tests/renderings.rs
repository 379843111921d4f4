use anstream::adapter::strip_str;
use expect_test::{Expect, expect};
use model::Outcome;

use super::sample::{self, PIPE, TERMINAL};
use crate::json;
use crate::render::{Layout, filters, import, lines, requests, trace, why};

/// Without colours, as a pipe gets it.
fn plain(text: &str, expected: Expect) {
    expected.assert_eq(&strip_str(text).to_string());
}

/// With colours; `␛` stands for the escape character.
fn coloured(text: &str, expected: Expect) {
    expected.assert_eq(&text.replace('\x1b', "␛"));
}

#[test]
fn a_failure_is_explained() {
    plain(&why::why(&sample::failed(), PIPE), expect![[]]);
    coloured(&why::why(&sample::failed(), PIPE), expect![[]]);
    plain(&why::why(&sample::failed(), Layout { width: 60, ascii: true, ..TERMINAL }), expect![[]]);
}

#[test]
fn a_failure_that_nobody_logged_is_said_to_be_one() {
    plain(&why::why(&sample::not_logged(), PIPE), expect![[]]);
}

#[test]
fn a_success_names_no_cause() {
    plain(&why::why(&sample::ended(Outcome::Succeeded), PIPE), expect![[]]);
}

#[test]
fn an_open_end_shows_the_last_line() {
    plain(&why::why(&sample::ended(Outcome::Unfinished), PIPE), expect![[]]);
}

#[test]
fn a_trace_is_a_waterfall() {
    plain(&trace::trace(&sample::failed(), PIPE), expect![[]]);
    plain(&trace::trace(&sample::failed(), Layout { width: 80, ascii: true, ..TERMINAL }), expect![[]]);
    coloured(&trace::trace(&sample::failed(), PIPE), expect![[]]);
}

#[test]
fn lines_are_merged_and_their_surroundings_dimmed() {
    plain(&lines::lines(&sample::passages(), PIPE), expect![[]]);
    coloured(&lines::lines(&sample::passages(), PIPE), expect![[]]);
}

#[test]
fn requests_are_a_table() {
    plain(&requests::requests(&sample::summaries(), PIPE), expect![[]]);
    plain(&requests::requests(&sample::summaries(), TERMINAL), expect![[]]);
    coloured(&requests::requests(&sample::summaries(), TERMINAL), expect![[]]);
}

#[test]
fn an_import_is_summed_up() {
    plain(&import::import(&sample::report(), PIPE), expect![[]]);
    coloured(&import::import(&sample::report(), PIPE), expect![[]]);
}

#[test]
fn findings_name_file_and_line() {
    plain(&filters::filters(&sample::findings(), PIPE), expect![[]]);
}

#[test]
fn json_is_one_object_a_row() {
    plain(&json::why("4f3a", &sample::failed()).unwrap(), expect![[]]);
    plain(&json::why("4f3a", &sample::not_logged()).unwrap(), expect![[]]);
    plain(&json::not_found("4f3a").unwrap(), expect![[]]);
    plain(&json::trace(&sample::failed()).unwrap(), expect![[]]);
    plain(&json::passages(&sample::passages()).unwrap(), expect![[]]);
    plain(&json::requests(&sample::summaries()).unwrap(), expect![[]]);
    plain(&json::import(&sample::report()).unwrap(), expect![[]]);
    plain(&json::filters(&sample::findings()).unwrap(), expect![[]]);
}
