//! What an import took in, and what was odd about it.

use std::collections::BTreeMap;

use super::screen::indented;
use super::style::{CAUTION, DIM, FAILURE, PLACE, PLAIN, STRONG, SUCCESS};
use super::words;
use super::{Layout, Row, Screen};
use crate::engine::{DefectCount, ImportReport};

const GUTTER: usize = 11;
/// A folder of photographs should not fill the screen.
const MOST_SKIPPED: usize = 20;

pub(crate) fn import(report: &ImportReport, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    files(&mut screen, report);
    lines(&mut screen, report);
    formats(&mut screen, report);
    defects(&mut screen, report);
    skipped(&mut screen, report);
    screen.finish()
}

fn label(style: anstyle::Style, label: &str) -> Row {
    Row::new().put(style, label).pad_to(GUTTER)
}

fn files(screen: &mut Screen, report: &ImportReport) {
    let unchanged = report.files.iter().filter(|file| file.unchanged).count();
    let read = report.files.len() - unchanged;
    let (head, style) = if report.interrupted { ("stopped", CAUTION) } else { ("imported", SUCCESS) };
    let skipped = report.skipped.len();
    let mut row = label(style.bold(), head).text(words::many(read as u64, "file", "files"));
    for (number, what) in [(unchanged, "unchanged"), (skipped, "skipped")] {
        if number > 0 {
            row = row.text(format!(", {} {what}", words::count(number as u64)));
        }
    }
    screen.row(row);
    if report.interrupted {
        let text = "what was read so far is kept; the same command goes on from there";
        screen.paragraph(indented(GUTTER), PLAIN, text);
    }
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn lines(screen: &mut Screen, report: &ImportReport) {
    let (lines, new) = (report.lines(), report.new_lines());
    let megabytes = report.bytes as f64 / 1e6;
    let took = words::duration(report.seconds);
    let speed = if report.seconds > 0.0 { megabytes / report.seconds } else { 0.0 };
    let row = label(STRONG, "lines").text(words::count(lines));
    let row = if new == lines { row } else { row.text(format!(", {} of them new", words::count(new))) };
    screen.row(row.put(DIM, format!("   {megabytes:.1} MB in {took}, {speed:.1} MB/s")));
}

#[expect(clippy::cast_precision_loss, reason = "a share of lines for people")]
fn formats(screen: &mut Screen, report: &ImportReport) {
    let mut formats: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, lines) in report.files.iter().flat_map(|file| &file.formats) {
        *formats.entry(name).or_default() += lines;
    }
    let all: u64 = formats.values().sum();
    if all == 0 {
        return;
    }
    let unknown = formats.get(UNKNOWN).copied().unwrap_or(0);
    // Rounded down: 100 % must mean that every line has its format.
    let share = ((all - unknown) as f64 / all as f64 * 10_000.0).floor() / 100.0;
    screen.row(label(STRONG, "formats").text(format!("{share:.2} % of the lines have a known format")));
    let mut formats: Vec<_> = formats.into_iter().collect();
    formats.sort_by_key(|&(name, lines)| (std::cmp::Reverse(lines), name));
    for (name, lines) in formats {
        let style = if name == UNKNOWN { CAUTION } else { PLAIN };
        screen.row(indented(GUTTER).put(DIM, format!("{:>12}  ", words::count(lines))).put(style, name));
    }
}

/// The format of lines that fit no other.
const UNKNOWN: &str = "plain";

/// By kind, with the first place of each.
fn defects(screen: &mut Screen, report: &ImportReport) {
    let mut kinds: BTreeMap<&str, (u64, &str, &DefectCount)> = BTreeMap::new();
    for file in &report.files {
        for found in &file.defects {
            kinds.entry(found.defect.name()).or_insert((0, &file.path, found)).0 += found.count;
        }
    }
    let mut head = Some(label(STRONG, "oddities"));
    for (kind, (count, path, first)) in kinds {
        let begin = head.take().unwrap_or_else(|| indented(GUTTER));
        let row = begin
            .put(DIM, format!("{:>12}  ", words::count(count)))
            .put(CAUTION, kind)
            .text(", first at ")
            .put(PLACE, format!("{path}:{}", first.line));
        screen.row(row);
        let example = indented(GUTTER + 14).put(DIM, first.text.trim());
        screen.row(example.cut(screen.layout.width, screen.layout));
    }
}

fn skipped(screen: &mut Screen, report: &ImportReport) {
    let mut head = Some(label(STRONG, "skipped"));
    for skipped in report.skipped.iter().take(MOST_SKIPPED) {
        let begin = head.take().unwrap_or_else(|| indented(GUTTER));
        let style = if skipped.failure { FAILURE } else { PLAIN };
        screen.row(begin.put(PLACE, &skipped.path).text(": ").put(style, &skipped.reason));
        if !skipped.advice.is_empty() {
            screen.paragraph(indented(GUTTER + 2), DIM, &skipped.advice);
        }
    }
    let more = report.skipped.len().saturating_sub(MOST_SKIPPED);
    if more > 0 {
        let more = words::count(more as u64);
        screen.row(indented(GUTTER).put(DIM, format!("and {more} more; --json names every one")));
    }
}
