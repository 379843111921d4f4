//! How a store is: what it holds, what of it is damaged; and what was dropped of it.

use super::screen::indented;
use super::style::{CAUTION, COMMAND, DIM, FAILURE, PLACE, PLAIN, STRONG, SUCCESS};
use super::words;
use super::{Layout, Row, Screen};
use crate::engine::{Dropped, Health, Holdings};

const GUTTER: usize = 11;
/// JSON names every one.
const MOST_SHOWN: usize = 50;

pub(crate) fn doctor(health: &Health, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    let damaged = health.damage.len() as u64;
    let verdict = match damaged {
        0 => label(SUCCESS.bold(), "sound").text("every byte is as it was written"),
        _ => label(FAILURE.bold(), "damaged").text(words::many(damaged, "place", "places")),
    };
    screen.row(verdict);
    holdings(&mut screen, &health.holdings);
    for damage in health.damage.iter().take(MOST_SHOWN) {
        screen.blank();
        screen.row(Row::new().put(PLACE, damage.path.to_string_lossy()));
        let (problem, cost) = damage.what.rsplit_once("; ").unwrap_or((&damage.what, ""));
        screen.paragraph(indented(2), CAUTION, problem);
        if !cost.is_empty() {
            screen.paragraph(indented(2), PLAIN, cost);
        }
    }
    if health.damage.len() > MOST_SHOWN {
        let more = words::count((health.damage.len() - MOST_SHOWN) as u64);
        screen.row(indented(2).put(DIM, format!("and {more} more; --json names every one")));
    }
    if damaged > 0 {
        screen.blank();
        let advice = "All else still answers. Look at the disk first (`dmesg`, `smartctl -a DEVICE`). To get back what is \
                      missing, restore the files from a backup, or import the same logs into a new store:";
        screen.paragraph(label(STRONG, "do"), PLAIN, advice);
        screen.row(indented(GUTTER).put(COMMAND, "culprit import --store NEW /var/log"));
    }
    screen.finish()
}

#[expect(clippy::cast_precision_loss, reason = "megabytes and shares for people")]
fn holdings(screen: &mut Screen, held: &Holdings) {
    let share = if held.raw > 0 { held.disk as f64 / held.raw as f64 } else { 0.0 };
    let lines = format!("{} of {}", words::count(held.lines), words::many(held.sources, "source", "sources"));
    screen.row(label(STRONG, "lines").text(lines));
    let sizes =
        format!("{} of text, {} on disk ({share:.3})", words::bytes(held.raw), words::bytes(held.disk));
    screen.row(label(STRONG, "size").text(sizes));
    let parts = format!(
        "{}, {}, {} blocks, {} ids in blocks",
        words::many(held.days, "day", "days"),
        words::many(held.segments, "segment", "segments"),
        words::count(held.blocks),
        words::count(held.ids)
    );
    screen.row(label(STRONG, "parts").text(parts));
    if let Some(time) = held.time {
        let (start, end) = words::span_of_time(time);
        screen.row(label(STRONG, "time").text(format!("{start} to {end} UTC")));
    }
    screen.row(label(STRONG, "format").text(held.format.to_string()));
}

pub(crate) fn dropped(dropped: Dropped, dry_run: bool, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    let what = if dry_run { "would drop" } else { "dropped" };
    let text = match dropped.days {
        0 => "nothing: no whole day is too old or too much".to_owned(),
        days => format!(
            "{}: {}, {} on disk",
            words::many(days as u64, "day", "days"),
            words::many(dropped.lines, "line", "lines"),
            words::bytes(dropped.bytes)
        ),
    };
    screen.row(label(STRONG, what).text(text));
    screen.finish()
}

fn label(style: anstyle::Style, label: &str) -> Row {
    Row::new().put(style, label).pad_to(GUTTER)
}
