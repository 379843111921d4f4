//! Counts over time, with bars.

use model::Severity;

use super::style::{DIM, PLAIN, STRONG, of_severity};
use super::words;
use super::{Layout, Row, Screen};
use crate::engine::Count;

const LONGEST_BAR: usize = 40;

pub(crate) fn count(counts: &[Count], layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    let most = counts.iter().map(|count| count.count).max().unwrap_or(1).max(1);
    let width = |cell: fn(&Count) -> String, title: &str| {
        counts.iter().map(|count| Row::new().text(cell(count)).width()).max().unwrap_or(0).max(title.len())
    };
    let keyed = counts.iter().any(|count| count.key.is_some());
    let keys = if keyed { width(key, "WHAT") + 2 } else { 0 };
    let numbers = width(|count| words::count(count.count), "COUNT");
    let (at_key, at_count) = (18, 18 + keys);
    let mut head = Row::new().put(STRONG, "TIME (UTC)");
    if keyed {
        head = head.pad_to(at_key).put(STRONG, "WHAT");
    }
    screen.row(head.pad_to(at_count).put(STRONG, format!("{:>numbers$}", "COUNT")));
    let mut last = None;
    for count in counts {
        let time = words::date_and_clock(Some(count.time)).chars().take(16).collect::<String>();
        // A time is told once.
        let shown = if last == Some(count.time) { String::new() } else { time };
        last = Some(count.time);
        let style = count.severity.map_or(PLAIN, of_severity);
        let mut row = Row::new().put(DIM, shown);
        if keyed {
            row = row.pad_to(at_key).put(style, key(count));
        }
        let row = row.pad_to(at_count).text(format!("{:>numbers$}  ", words::count(count.count)));
        let row = row.put(style, bar(count.count, most, layout));
        screen.row(if layout.terminal { row.cut(layout.width, layout) } else { row });
    }
    screen.finish()
}

fn key(count: &Count) -> String {
    match (count.severity, &count.key) {
        (Some(Severity::Unspecified), _) | (_, None) => "-".to_owned(),
        (_, Some(key)) => key.clone(),
    }
}

/// At least a sign for what is there at all.
fn bar(count: u64, most: u64, layout: Layout) -> String {
    let length = u128::from(count) * LONGEST_BAR as u128 / u128::from(most);
    layout.sign("█", "#").repeat(usize::try_from(length).unwrap_or(LONGEST_BAR).max(1))
}
