//! A table of requests, one a row, so that it can be filtered and sorted by other programs.

use model::Summary;

use super::style::{DIM, PLAIN, STRONG, of_outcome};
use super::words;
use super::{Layout, Row, Screen};

const CAUSE_NEEDS: usize = 30;

pub(crate) fn requests(summaries: &[Summary], layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    let columns = columns(summaries, layout);
    let mut head = Row::new();
    for column in &columns {
        head = begin(head, column).put(STRONG, column.title);
    }
    screen.row(head);
    for summary in summaries {
        let mut row = Row::new();
        for column in &columns {
            let (style, text) = (column.cell)(summary);
            row = begin(row, column).put(style, text);
        }
        // A slug is what one searches and counts by: it stays whole even if the row gets too long.
        let may_cut = layout.terminal && summary.slug.is_none();
        screen.row(if may_cut { row.cut(layout.width, layout) } else { row });
    }
    screen.finish()
}

type Cell = (anstyle::Style, String);
/// A title, and what stands below it.
type Field = (&'static str, fn(&Summary) -> Cell);

struct Column {
    title: &'static str,
    cell: fn(&Summary) -> Cell,
    at: usize,
}

fn begin(row: Row, column: &Column) -> Row {
    if column.at == 0 { row } else { row.pad_to(column.at) }
}

/// All columns; without the least needed ones where the cause would have no room.
fn columns(summaries: &[Summary], layout: Layout) -> Vec<Column> {
    let all: [Field; 8] = [
        ("TIME (UTC)", time),
        ("OUTCOME", outcome),
        ("ACTION", action),
        ("TOOK", |summary| (DIM, words::duration(summary.end.seconds_since(summary.start)))),
        ("REQUEST", |summary| (PLAIN, words::request_id(&summary.request))),
        ("INSTANCE", |summary| (DIM, or_dash(summary.instance.as_ref().map(ToString::to_string)))),
        ("USER", |summary| (DIM, or_dash(summary.user.clone()))),
        ("CAUSE", cause),
    ];
    let narrowings: [&[&str]; 4] = [&[], &["USER"], &["USER", "INSTANCE"], &["USER", "INSTANCE", "TOOK"]];
    let mut columns = Vec::new();
    for left_out in narrowings {
        columns = placed(all.iter().filter(|(title, _)| !left_out.contains(title)), summaries);
        let fits = columns.last().is_some_and(|cause| cause.at + CAUSE_NEEDS <= layout.width);
        if fits || !layout.terminal {
            break;
        }
    }
    columns
}

/// Each column begins two blanks after the widest cell of the one before.
fn placed<'a>(columns: impl Iterator<Item = &'a Field>, summaries: &[Summary]) -> Vec<Column> {
    let mut at = 0;
    columns
        .map(|&(title, cell)| {
            let column = Column { title, cell, at };
            let cells = summaries.iter().map(|summary| Row::new().text(cell(summary).1).width());
            at += cells.max().unwrap_or(0).max(title.len()) + 2;
            column
        })
        .collect()
}

fn time(summary: &Summary) -> Cell {
    let time = words::date_and_clock(Some(summary.start));
    (PLAIN, time.split_once('.').map_or(time.as_str(), |(second, _)| second).to_owned())
}

fn outcome(summary: &Summary) -> Cell {
    (of_outcome(summary.outcome), words::ending(summary).to_owned())
}

/// A request that has no name yet is called by its path, which may be long; it stands in full in `trace` and in JSON.
fn action(summary: &Summary) -> Cell {
    const LONGEST: usize = 24;
    let head: String = summary.action.chars().take(LONGEST).collect();
    (PLAIN, if head == summary.action { head } else { format!("{head}~") })
}

/// The slug, which is what one groups by; the line itself when no signature knows it.
fn cause(summary: &Summary) -> Cell {
    let text = summary.slug.as_ref().or(summary.cause.as_ref());
    let text = text.map(|text| text.lines().next().unwrap_or_default().to_owned());
    (of_outcome(summary.outcome), or_dash(text))
}

fn or_dash(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned())
}
