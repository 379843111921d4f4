//! Lines of many files, merged by time.

use model::Severity;

use super::screen::indented;
use super::style::{DIM, PLACE, PLAIN, of_severity};
use super::words;
use super::{Layout, Row, Screen};
use crate::engine::Passage;

pub(crate) fn lines(passages: &[Passage], layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    for passage in passages {
        screen.row(first(passage));
        for (_, line) in passage.lines.iter().skip(1) {
            let style = if passage.matched { PLAIN } else { DIM };
            screen.row(indented(4).put(style, line));
        }
    }
    screen.finish()
}

/// `2026-11-21 03:28:16.763 INFO     nova-api@controller controller/nova/nova-api.log:2418  HTTP exception thrown…`
fn first(passage: &Passage) -> Row {
    let (told, place, body) = match passage.matched {
        true => (PLAIN, PLACE, of_severity(passage.severity)),
        false => (DIM, DIM, DIM),
    };
    let severity = match passage.severity {
        Severity::Unspecified => "-",
        severity => severity.name(),
    };
    Row::new()
        .put(DIM, words::date_and_clock(passage.timestamp))
        .text(" ")
        .put(body, format!("{severity:<8}"))
        .text(" ")
        .put(told, words::program(passage.daemon.as_deref(), passage.host.as_deref()))
        .text(" ")
        .put(place, format!("{}:{}", passage.path, passage.line))
        .text("  ")
        .put(body, &passage.body)
}
