//! How a store is, and what was dropped of it.

use serde::Serialize;

use super::row;
use super::verdict::rfc_3339;
use crate::engine::{Dropped, Health};
use crate::exit::Failure;

#[derive(Serialize)]
struct HealthRow<'a> {
    sound: bool,
    format: u32,
    sources: u64,
    lines: u64,
    raw_bytes: u64,
    disk_bytes: u64,
    days: u64,
    segments: u64,
    blocks: u64,
    ids: u64,
    start: Option<String>,
    end: Option<String>,
    damage: Vec<DamageRow<'a>>,
}

#[derive(Serialize)]
struct DamageRow<'a> {
    file: String,
    what: &'a str,
}

#[derive(Serialize)]
struct DroppedRow {
    dry_run: bool,
    days: usize,
    segments: usize,
    lines: u64,
    disk_bytes: u64,
}

pub(crate) fn health(health: &Health) -> Result<String, Failure> {
    let held = &health.holdings;
    let damage = health.damage.iter();
    row(&HealthRow {
        sound: health.damage.is_empty(),
        format: held.format,
        sources: held.sources,
        lines: held.lines,
        raw_bytes: held.raw,
        disk_bytes: held.disk,
        days: held.days,
        segments: held.segments,
        blocks: held.blocks,
        ids: held.ids,
        start: held.time.and_then(|time| rfc_3339(Some(time.start))),
        end: held.time.and_then(|time| rfc_3339(Some(time.end))),
        damage: damage
            .map(|damage| DamageRow { file: damage.path.display().to_string(), what: &damage.what })
            .collect(),
    })
}

pub(crate) fn dropped(dropped: Dropped, dry_run: bool) -> Result<String, Failure> {
    let Dropped { days, segments, lines, bytes } = dropped;
    row(&DroppedRow { dry_run, days, segments, lines, disk_bytes: bytes })
}
