//! How well templates group lines: `cargo run --release --example grouping -- LABELLED.csv | FOLDER`.
//!
//! With a CSV of loghub's (columns `Component`, `Content`, `EventId`): the grouping accuracy, the share of lines whose
//! group has exactly the members that it should have. With a folder of logs: how many templates there are, the biggest
//! and those that stand on one line only.
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use model::{Annotation, Line, Source, TemplateId};
use parse::{Annotator, Knowledge, Zone, template, template_text};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::embedded);

/// Templates that are shown of each sort.
const SHOWN: usize = 40;

fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args().nth(1).unwrap_or_default());
    if path.is_dir() { survey(&path) } else { accuracy(&path) }
}

fn accuracy(path: &Path) -> Result<()> {
    let rows = records(&std::fs::read_to_string(path)?);
    let Some((names, rows)) = rows.split_first() else { return Ok(()) };
    let column = |name: &str| names.iter().position(|other| other == name).unwrap_or(usize::MAX);
    let (logger, body, label) = (column("Component"), column("Content"), column("EventId"));
    let field = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let truth: Vec<String> = rows.iter().map(|row| field(row, label)).collect();
    let plain: Vec<TemplateId> = rows.iter().map(|row| template(&field(row, body), None)).collect();
    let named: Vec<TemplateId> =
        rows.iter().map(|row| template(&field(row, body), Some(&field(row, logger)))).collect();
    println!("{} lines", rows.len());
    println!("grouping accuracy by body {:.4}", share(&truth, &plain));
    println!("grouping accuracy by body and logger {:.4}", share(&truth, &named));
    let mut groups: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    for (row, label) in rows.iter().zip(&truth) {
        groups.entry(label).or_default().insert(template_text(&field(row, body)));
    }
    for (label, patterns) in groups.iter().filter(|(_, patterns)| patterns.len() > 1) {
        println!("split {label}: {patterns:#?}");
    }
    Ok(())
}

/// The share of lines whose group holds the same lines as their true group.
fn share(truth: &[String], found: &[TemplateId]) -> f64 {
    let mut true_groups: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
    let mut groups: BTreeMap<TemplateId, Vec<usize>> = BTreeMap::new();
    for (at, (label, template)) in truth.iter().zip(found).enumerate() {
        true_groups.entry(label).or_default().push(at);
        groups.entry(*template).or_default().push(at);
    }
    let right: usize = true_groups
        .values()
        .filter(|lines| lines.first().and_then(|first| groups.get(&found[*first])) == Some(lines))
        .map(Vec::len)
        .sum();
    right as f64 / truth.len().max(1) as f64
}

/// The fields of a CSV file; quotes are doubled inside quotes.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(row) = rows.last_mut() else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                row.last_mut().expect("a row has a field").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\n' if !quoted => rows.push(vec![String::new()]),
            '\r' if !quoted => {}
            _ => row.last_mut().expect("a row has a field").push(character),
        }
    }
    rows.retain(|row| row.len() > 1);
    rows
}

#[derive(Default)]
struct Group {
    lines: usize,
    pattern: String,
    example: String,
    logger: String,
}

fn survey(folder: &Path) -> Result<()> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    let mut groups: BTreeMap<TemplateId, Group> = BTreeMap::new();
    for file in files {
        read(&std::fs::read(&file)?, &mut groups);
    }
    let mut sorted: Vec<&Group> = groups.values().collect();
    sorted.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.pattern.cmp(&b.pattern)));
    let lines: usize = sorted.iter().map(|group| group.lines).sum();
    let single: Vec<&&Group> = sorted.iter().filter(|group| group.lines == 1).collect();
    println!("{lines} heads, {} templates, {} of them on one line", sorted.len(), single.len());
    let shown = if std::env::args().nth(2).is_some() { usize::MAX } else { SHOWN };
    println!("\nbiggest");
    for group in sorted.iter().take(shown) {
        println!("{:7} {} | {}", group.lines, group.logger, group.pattern);
    }
    println!("\non one line");
    for group in single.into_iter().take(shown) {
        println!("  {} | {}\n       {}", group.logger, group.pattern, group.example);
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    files.sort();
    Ok(())
}

fn read(bytes: &[u8], groups: &mut BTreeMap<TemplateId, Group>) {
    let source = Arc::new(Source::default());
    let mut annotator = Annotator::new(Zone::UTC);
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let mut line = Line { number, text: text.to_vec() };
        let annotation: Annotation = annotator.annotate(&mut line);
        let Some(id) = annotation.template else { continue };
        let group = groups.entry(id).or_default();
        group.lines += 1;
        if group.lines == 1 {
            let event = KNOWLEDGE.event(&source, &[line], &annotation);
            group.pattern = template_text(&event.body);
            group.logger = event.logger.unwrap_or_default();
            group.example = event.body.chars().take(300).collect();
        }
    }
}
