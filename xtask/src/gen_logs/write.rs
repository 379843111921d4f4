//! Writes the files of a generated cloud.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::plan::{PartOf, Plan, Tile, Wishes};
use super::random::{chance, mix};
use super::recording::{Line, Place, Recording};
use super::render::Renderer;

/// Bytes that are gathered before they are written.
const BLOCK: usize = 1 << 20;

/// What was written, file by file.
#[derive(Debug, Default)]
pub(super) struct Account {
    files: BTreeMap<String, Written>,
    pub(super) cases: u64,
    pub(super) failed_cases: u64,
    requests: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

impl Account {
    pub(super) fn total(&self) -> Written {
        self.files.values().fold(Written::default(), |sum, file| Written {
            lines: sum.lines + file.lines,
            bytes: sum.bytes + file.bytes,
        })
    }

    fn add(&mut self, path: &str, written: Written) {
        let file = self.files.entry(path.to_owned()).or_default();
        file.lines += written.lines;
        file.bytes += written.bytes;
    }

    fn lines_of(&self, path: &str) -> u64 {
        self.files.get(path).map_or(0, |file| file.lines)
    }
}

/// Writes a cloud into `folder`; `progress` hears how many bytes there are.
pub(super) fn write_cloud(
    recording: &Recording,
    plan: &Plan,
    wishes: &Wishes,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Account> {
    fs::create_dir_all(folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    let parts = PartOf::new();
    let mut account = Account::default();
    let mut truth = BufWriter::new(File::create(folder.join("truth.jsonl"))?);
    let writer = TileWriter { recording, parts: &parts, folder };
    for tile in &plan.tiles {
        let mut renderer = Renderer::new(recording, tile, wishes.seed);
        let places = writer.write_logs(tile, &mut renderer, &mut account)?;
        for index in 0..recording.cases.len() {
            if tile.has_case(&parts, recording, index) {
                let case = writer.case(tile, index, &mut renderer, &places)?;
                let Some(case) = case else { continue };
                writeln!(truth, "{case}")?;
                account.cases += 1;
                account.failed_cases += u64::from(recording.cases[index].failed);
            }
        }
        progress(account.total().bytes);
    }
    truth.flush()?;
    write_notifications(recording, plan, wishes, &parts, folder, &mut account)?;
    progress(account.total().bytes);
    write_manifest(plan, wishes, folder, &account)?;
    Ok(account)
}

#[derive(Debug)]
struct TileWriter<'a> {
    recording: &'a Recording,
    parts: &'a PartOf,
    folder: &'a Path,
}

/// Where a recorded line stands in the copy.
#[derive(Debug)]
struct NewPlace {
    file: String,
    line: u64,
    text: String,
}

impl TileWriter<'_> {
    /// Appends the tile to the cell's files and returns where the explaining lines went.
    fn write_logs(
        &self,
        tile: &Tile,
        renderer: &mut Renderer<'_>,
        account: &mut Account,
    ) -> Result<HashMap<Place, NewPlace>> {
        let mut places = HashMap::new();
        let mut block = Vec::with_capacity(BLOCK + BLOCK / 4);
        let mut requests = vec![false; self.recording.ids.all.len()];
        for (file, log) in self.recording.files.iter().enumerate() {
            let mut path = Vec::new();
            renderer.write(&log.path, 0, &mut path);
            let path = String::from_utf8(path)?;
            let before = account.lines_of(&path);
            let mut written = Written::default();
            let mut output: Option<File> = None;
            for (number, line) in log.lines.iter().enumerate() {
                let Some(shift) = tile.shift(self.parts, line) else { continue };
                let start = block.len();
                renderer.write(line, shift, &mut block);
                written.lines += 1;
                written.bytes += (block.len() - start) as u64;
                if let Some(root) = line.owner.root {
                    requests[root as usize] = true;
                }
                if line.explains {
                    let text = String::from_utf8_lossy(&block[start..]).trim_end().to_owned();
                    let line = before + written.lines;
                    places.insert(Place { file, line: number }, NewPlace { file: path.clone(), line, text });
                }
                if block.len() >= BLOCK {
                    append(&mut output, self.folder, &path, &mut block)?;
                }
            }
            if !block.is_empty() {
                append(&mut output, self.folder, &path, &mut block)?;
            }
            if written.lines > 0 {
                account.add(&path, written);
            }
        }
        account.requests += requests.iter().filter(|seen| **seen).count() as u64;
        Ok(places)
    }

    /// The case as it happened here; nothing when its line is not there.
    fn case(
        &self,
        tile: &Tile,
        index: usize,
        renderer: &mut Renderer<'_>,
        places: &HashMap<Place, NewPlace>,
    ) -> Result<Option<Value>> {
        let case = &self.recording.cases[index];
        let Some(shift) = tile.shift(self.parts, &case.line) else { return Ok(None) };
        let mut text = Vec::new();
        renderer.write(&case.line, shift, &mut text);
        let mut value: Value = serde_json::from_slice(&text)?;
        let name = value["case"].as_str().unwrap_or_default();
        value["case"] = json!(format!("{name}-{}-{}", tile.cell + 1, tile.number + 1));
        if let Some(root_cause) = &case.root_cause {
            let Some(place) = places.get(root_cause) else { return Ok(None) };
            value["root_cause"]["file"] = json!(place.file);
            value["root_cause"]["line"] = json!(place.line);
            value["root_cause"]["text"] = json!(place.text);
            let also = case.also.iter().filter_map(|place| places.get(place));
            value["root_cause"]["also"] =
                also.map(|place| format!("{}:{}", place.file, place.line)).collect();
        }
        Ok(Some(value))
    }
}

fn append(output: &mut Option<File>, folder: &Path, path: &str, block: &mut Vec<u8>) -> Result<()> {
    let file = match output {
        Some(file) => file,
        None => output.insert(open(&folder.join(path))?),
    };
    file.write_all(block).with_context(|| format!("failed to write `{path}`"))?;
    block.clear();
    Ok(())
}

fn open(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("failed to create `{}`", parent.display()))?;
    }
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.with_context(|| format!("failed to create `{}`", path.display()))
}

/// The notifications of all cells in the order in which one listener got them.
fn write_notifications(
    recording: &Recording,
    plan: &Plan,
    wishes: &Wishes,
    parts: &PartOf,
    folder: &Path,
    account: &mut Account,
) -> Result<()> {
    const NAME: &str = "notifications.jsonl";
    let mut output = Some(File::create(folder.join(NAME))?);
    let lines = &recording.notifications;
    let mut renderers: Vec<Renderer<'_>> = Vec::new();
    let mut cursors = Vec::new();
    for (index, tile) in plan.tiles.iter().enumerate() {
        if tile.number == 0 {
            renderers.push(Renderer::new(recording, tile, wishes.seed));
            cursors.push(Cursor { tile: index, line: 0 });
        }
    }
    let is_kept = |tile: &Tile, line: &Line| {
        chance(mix(tile.key, u64::from(line.owner.root.unwrap_or_default())), plan.notified)
    };
    let next = |cursor: &mut Cursor| -> Option<(i64, u16)> {
        let cell = plan.tiles[cursor.tile].cell;
        while let Some(tile) = plan.tiles.get(cursor.tile).filter(|tile| tile.cell == cell) {
            while let Some(line) = lines.get(cursor.line) {
                match tile.shift(parts, line) {
                    Some(shift) if is_kept(tile, line) => {
                        return Some((i64::from(line.second) + shift, line.milliseconds));
                    }
                    _ => cursor.line += 1,
                }
            }
            *cursor = Cursor { tile: cursor.tile + 1, line: 0 };
        }
        None
    };
    let mut heap = BinaryHeap::new();
    for (cell, cursor) in cursors.iter_mut().enumerate() {
        heap.extend(next(cursor).map(|moment| Reverse((moment, cell))));
    }
    let mut block = Vec::with_capacity(BLOCK + BLOCK / 4);
    let mut written = Written::default();
    while let Some(Reverse(((second, _), cell))) = heap.pop() {
        let cursor = &mut cursors[cell];
        let (tile, line) = (&plan.tiles[cursor.tile], &lines[cursor.line]);
        let start = block.len();
        renderers[cell].turn_to(tile);
        renderers[cell].write(line, second - i64::from(line.second), &mut block);
        written.lines += 1;
        written.bytes += (block.len() - start) as u64;
        if block.len() >= BLOCK {
            append(&mut output, folder, NAME, &mut block)?;
        }
        cursor.line += 1;
        heap.extend(next(cursor).map(|moment| Reverse((moment, cell))));
    }
    append(&mut output, folder, NAME, &mut block)?;
    account.add(NAME, written);
    Ok(())
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    tile: usize,
    line: usize,
}

fn write_manifest(plan: &Plan, wishes: &Wishes, folder: &Path, account: &Account) -> Result<()> {
    let total = account.total();
    let files = account.files.iter();
    let files: BTreeMap<&String, Value> =
        files.map(|(path, file)| (path, json!({ "lines": file.lines, "bytes": file.bytes }))).collect();
    let manifest = json!({
        "seed": wishes.seed,
        "size": wishes.bytes,
        "seconds": plan.seconds,
        "cells": plan.cells,
        "tiles": plan.tiles.len(),
        "requests": account.requests,
        "cases": account.cases,
        "failed_cases": account.failed_cases,
        "lines": total.lines,
        "bytes": total.bytes,
        "files": files,
    });
    let text = serde_json::to_string_pretty(&manifest)?;
    fs::write(folder.join("manifest.json"), text + "\n").context("failed to write the manifest")
}
