//! The waterfall: who worked for the request, called by whom, for how long, and where it broke.

use std::sync::Arc;

use correlate::Case;
use model::{Candidate, Entry, Span, TimeRange, Timestamp, Trace};

use super::style::{CULPRIT, DIM, FAILURE, PLACE, PLAIN, STRONG};
use super::why::heading;
use super::words;
use super::{Layout, Row, Screen};

const DURATION_WIDTH: usize = 12;
/// Narrower than this, bars tell nothing.
const NARROWEST_BAR: usize = 12;

pub(crate) fn trace(case: &Case, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    heading(&mut screen, case);
    screen.blank();
    let waterfall = Waterfall::new(case, layout);
    screen.row(waterfall.scale());
    for &(at, ref stem) in &waterfall.order {
        screen.row(waterfall.span(at, stem));
        waterfall.cause_below(at, stem, &mut screen);
    }
    screen.blank();
    legend(&mut screen, case);
    screen.finish()
}

/// What stands before a span: the lines of the tree.
#[derive(Clone, Debug, Default)]
struct Stem {
    /// Before the span itself.
    own: String,
    /// Before what stands below it.
    below: String,
}

struct Waterfall<'a> {
    trace: &'a Trace,
    cause: Option<&'a Candidate>,
    layout: Layout,
    order: Vec<(usize, Stem)>,
    /// All that the spans cover.
    time: TimeRange,
    label_width: usize,
    bar_width: usize,
}

impl<'a> Waterfall<'a> {
    fn new(case: &'a Case, layout: Layout) -> Self {
        let trace = &case.trace;
        let order = tree(&trace.spans, layout);
        let widest =
            order.iter().map(|(at, stem)| label(&trace.spans[*at], stem, layout).width()).max().unwrap_or(0);
        // On a wide terminal the labels stand in full; else the bars get a third of the row.
        let room = layout.width.saturating_sub(DURATION_WIDTH);
        let label_width = widest.min((room * 2 / 3).max(24));
        let bar_width = room.saturating_sub(label_width + 2).clamp(NARROWEST_BAR, 80);
        Self {
            trace,
            cause: case.verdict.cause(),
            layout,
            order,
            time: covered(trace),
            label_width,
            bar_width,
        }
    }

    fn scale(&self) -> Row {
        let whole = words::duration(self.time.end.seconds_since(self.time.start));
        let end = self.label_width + DURATION_WIDTH + 2 + self.bar_width;
        Row::new()
            .pad_to(self.label_width + DURATION_WIDTH + 1)
            .put(DIM, "0")
            .pad_to(end.saturating_sub(whole.len()))
            .put(DIM, whole)
    }

    fn span(&self, at: usize, stem: &Stem) -> Row {
        let span = &self.trace.spans[at];
        let style = if span.failed { FAILURE } else { PLAIN };
        let edge = |left| match (self.layout.ascii, left) {
            (true, true) => "[",
            (true, false) => "]",
            (false, true) => "▕",
            (false, false) => "▏",
        };
        let took = words::duration(span.time.end.seconds_since(span.time.start));
        label(span, stem, self.layout)
            .cut(self.label_width, self.layout)
            .pad_to(self.label_width + DURATION_WIDTH - took.len() - 1)
            .put(DIM, took)
            .pad_to(self.label_width + DURATION_WIDTH)
            .put(DIM, edge(true))
            .put(style, bar(span.time, self.time, self.bar_width, self.layout))
            .put(DIM, edge(false))
    }

    /// The line of the cause, below the span in which it stands.
    fn cause_below(&self, at: usize, stem: &Stem, screen: &mut Screen) {
        let Some(cause) = self.cause else { return };
        let is_cause = |entry: &&Entry| Arc::ptr_eq(&entry.event, &cause.event);
        if self.trace.entries.iter().find(is_cause).is_none_or(|entry| entry.span != at) {
            return;
        }
        let mark = self.layout.sign("▲ cause ", "^ cause ");
        let clock = words::clock(cause.event.timestamp);
        let head = Row::new().put(DIM, &stem.below).put(CULPRIT, mark).put(PLAIN, clock).text("  ");
        let below = Row::new().put(DIM, &stem.below).pad_to(head.width());
        screen.hanging(head, &below, CULPRIT, cause.text.lines().next().unwrap_or_default());
    }
}

/// Spans below their parents, in the order in which they began.
fn tree(spans: &[Span], layout: Layout) -> Vec<(usize, Stem)> {
    let mut order = Vec::with_capacity(spans.len());
    let children = |parent: Option<usize>| {
        let mut children: Vec<usize> =
            (0..spans.len()).filter(|at| parent_of(spans, *at) == parent).collect();
        children.sort_by_key(|at| (spans[*at].time.start, *at));
        children
    };
    let mut waiting: Vec<(usize, Stem)> =
        children(None).into_iter().rev().map(|root| (root, Stem::default())).collect();
    while let Some((at, stem)) = waiting.pop() {
        let below = children(Some(at));
        let last = below.last().copied();
        let stems = below.into_iter().rev().map(|child| {
            let (fork, line) = if Some(child) == last {
                (layout.sign("└─ ", "`- "), "   ")
            } else {
                (layout.sign("├─ ", "|- "), layout.sign("│  ", "|  "))
            };
            (child, Stem { own: format!("{}{fork}", stem.below), below: format!("{}{line}", stem.below) })
        });
        waiting.extend(stems.collect::<Vec<_>>());
        order.push((at, stem));
    }
    order
}

/// A parent always stands earlier; anything else would be a circle.
fn parent_of(spans: &[Span], at: usize) -> Option<usize> {
    spans[at].parent.filter(|parent| *parent < at)
}

fn label(span: &Span, stem: &Stem, layout: Layout) -> Row {
    let row = Row::new().put(DIM, &stem.own);
    let row = if span.failed { row.put(CULPRIT, layout.sign("✗ ", "x ")) } else { row };
    let style = if span.failed { FAILURE } else { STRONG };
    let row = row.put(style, words::program(Some(&span.service), span.host.as_deref()));
    if span.name == span.service { row } else { row.text(" ").text(&span.name) }
}

fn covered(trace: &Trace) -> TimeRange {
    let known = || trace.spans.iter().filter(|span| span.time.start != Timestamp::MIN);
    let start = known().map(|span| span.time.start).min().unwrap_or(trace.time.start);
    let end = known().map(|span| span.time.end).max().unwrap_or(trace.time.end);
    TimeRange { start, end: end.max(start) }
}

/// A stretch of time, drawn in eighths of a column.
fn bar(span: TimeRange, whole: TimeRange, width: usize, layout: Layout) -> String {
    let length = whole.end.seconds_since(whole.start);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and 8 times a screen's width"
    )]
    let eighths = |at: Timestamp| {
        let share = if length > 0.0 { at.seconds_since(whole.start) / length } else { 0.0 };
        (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize
    };
    // Even the shortest work leaves a mark, inside the frame.
    let from = eighths(span.start).min(width * 8 - 1);
    let to = eighths(span.end).max(from + 1);
    (0..width).map(|column| cell(from, to, column * 8, layout)).collect()
}

/// One column, which covers the eighths from `left` on. Blocks fill from the left only, so a bar that begins inside
/// a column is drawn from its middle or its edge.
fn cell(from: usize, to: usize, left: usize, layout: Layout) -> char {
    const BLOCKS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let (begin, end) = (from.clamp(left, left + 8) - left, to.clamp(left, left + 8) - left);
    let filled = end - begin;
    match (filled, layout.ascii) {
        (0, _) => ' ',
        (_, true) => '=',
        (_, false) if begin == 0 => BLOCKS[filled],
        (_, false) if end == 8 && begin >= 4 => '▐',
        (_, false) if end == 8 => '█',
        (_, false) => BLOCKS[filled],
    }
}

fn legend(screen: &mut Screen, case: &Case) {
    let layout = screen.layout;
    let failed = layout.sign("   ✗ an error was logged or answered", "   x an error was logged or answered");
    screen.row(Row::new().put(DIM, layout.sign("█ at work", "= at work")).put(DIM, failed));
    if let Some(cause) = case.verdict.cause() {
        let mark = Row::new().put(CULPRIT, layout.sign("▲ cause ", "^ cause "));
        screen.row(mark.put(PLACE, words::place(&cause.event)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_drawn_in_eighths() {
        let check = |from, to, text: &str| {
            let range =
                |from, to| TimeRange { start: Timestamp::from_nanos(from), end: Timestamp::from_nanos(to) };
            let layout = Layout { width: 100, terminal: true, ascii: false };
            assert_eq!(bar(range(from, to), range(0, 32), 4, layout), text);
        };
        check(0, 32, "████");
        check(0, 1, "▏   ");
        check(0, 12, "█▌  ");
        check(12, 32, " ▐██");
        check(9, 32, " ███");
        check(9, 11, " ▎  ");
        check(32, 32, "   ▐");
        check(-50, 99, "████");
    }
}
