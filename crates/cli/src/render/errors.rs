//! Patterns of lines, the most frequent first.

use std::collections::BTreeSet;

use super::screen::indented;
use super::style::{CAUTION, DIM, PLACE, PLAIN, STRONG, of_severity};
use super::words;
use super::{Layout, Row, Screen};
use crate::engine::ErrorPattern;

const GUTTER: usize = 10;
/// Longer lists of hosts are cut; JSON has them whole.
const MOST_NAMES: usize = 6;

pub(crate) fn errors(patterns: &[ErrorPattern], layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    for (at, pattern) in patterns.iter().enumerate() {
        if at > 0 {
            screen.blank();
        }
        let number = format!("{:>width$}", words::count(pattern.count), width = GUTTER - 2);
        let head = Row::new().put(STRONG, number).pad_to(GUTTER);
        let text = pattern.text.as_deref().unwrap_or("(its lines are gone)");
        screen.paragraph(head, of_severity(pattern.severity), text);
        facts(&mut screen, pattern);
    }
    screen.finish()
}

fn facts(screen: &mut Screen, pattern: &ErrorPattern) {
    let (first, last) = (minute(pattern.first), minute(pattern.last));
    let mut row = indented(GUTTER);
    if pattern.new {
        row = row.put(CAUTION, "new").text("  ");
    }
    row = row.put(PLAIN, pattern.severity.name()).put(DIM, format!("  {first} to {last}"));
    if !pattern.services.is_empty() {
        row = row.text("  ").text(some(&pattern.services));
    }
    screen.row(row);
    if !pattern.hosts.is_empty() {
        screen.paragraph(indented(GUTTER), PLAIN, &some(&pattern.hosts));
    }
    if let Some(exception) = &pattern.exception {
        let one_line = exception.lines().next().unwrap_or_default();
        screen.paragraph(indented(GUTTER).put(DIM, "such as "), PLAIN, one_line);
    }
    if let Some((path, line)) = &pattern.example {
        let mut row = indented(GUTTER).put(PLACE, format!("{path}:{line}"));
        if let Some(signature) = &pattern.signature {
            row = row.text("  ").put(STRONG, signature);
        }
        screen.row(row);
    }
    let query = format!("culprit search template:{}", pattern.template);
    screen.row(indented(GUTTER).put(DIM, query));
}

fn minute(at: model::Timestamp) -> String {
    words::date_and_clock(Some(at)).chars().take(16).collect()
}

fn some(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().map(String::as_str).take(MOST_NAMES).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
