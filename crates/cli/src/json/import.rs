//! An import: a row for each file, a row for what was skipped, and the sum last.

use std::collections::BTreeMap;

use serde::Serialize;

use super::row;
use crate::engine::{FileReport, ImportReport, Skipped};
use crate::exit::Failure;

#[derive(Serialize)]
struct FileRow<'a> {
    record: &'static str,
    path: &'a str,
    unchanged: bool,
    lines: u64,
    new_lines: u64,
    formats: BTreeMap<&'a str, u64>,
    defects: Vec<DefectPart<'a>>,
}

#[derive(Serialize)]
struct DefectPart<'a> {
    kind: &'static str,
    count: u64,
    line: u64,
    text: &'a str,
}

#[derive(Serialize)]
struct SkippedRow<'a> {
    record: &'static str,
    path: &'a str,
    reason: &'a str,
    advice: &'a str,
    failure: bool,
}

#[derive(Serialize)]
struct TotalRow {
    record: &'static str,
    files: usize,
    skipped: usize,
    lines: u64,
    new_lines: u64,
    bytes: u64,
    seconds: f64,
    interrupted: bool,
}

pub(crate) fn import(report: &ImportReport) -> Result<String, Failure> {
    let mut text = String::new();
    for file in &report.files {
        text.push_str(&row(&FileRow::new(file))?);
    }
    for skipped in &report.skipped {
        text.push_str(&row(&SkippedRow::new(skipped))?);
    }
    text.push_str(&row(&TotalRow {
        record: "total",
        files: report.files.len(),
        skipped: report.skipped.len(),
        lines: report.lines(),
        new_lines: report.new_lines(),
        bytes: report.bytes,
        seconds: report.seconds,
        interrupted: report.interrupted,
    })?);
    Ok(text)
}

impl<'a> FileRow<'a> {
    fn new(file: &'a FileReport) -> Self {
        let part = |found: &'a crate::engine::DefectCount| DefectPart {
            kind: found.defect.name(),
            count: found.count,
            line: found.line,
            text: &found.text,
        };
        Self {
            record: "file",
            path: &file.path,
            unchanged: file.unchanged,
            lines: file.lines,
            new_lines: file.new_lines,
            formats: file.formats.clone(),
            defects: file.defects.iter().map(part).collect(),
        }
    }
}

impl<'a> SkippedRow<'a> {
    fn new(skipped: &'a Skipped) -> Self {
        Self {
            record: "skipped",
            path: &skipped.path,
            reason: &skipped.reason,
            advice: &skipped.advice,
            failure: skipped.failure,
        }
    }
}
