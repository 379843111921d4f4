//! The filters of the program, read once when it is built: to read 400 KB of TOML took most of the time of a short command.
//! Twice: whole, and without what only a look at the filters themselves asks for.

#![expect(clippy::disallowed_methods, reason = "cargo tells build scripts through the environment")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Serialize;
use toml::Spanned;

/// A file whose entries are of many sorts: each with its line, for those who look at filters.
type Entries = BTreeMap<String, Vec<Spanned<toml::Table>>>;

/// By their names.
type Files = BTreeMap<String, BTreeMap<String, Vec<(usize, toml::Table)>>>;

/// A third of the signatures' text.
const FOR_CHECKS: [&str; 5] = ["samples", "counter_samples", "logged_by", "source", "releases"];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../filters");
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Files::new();
    for path in toml_files(&folder)? {
        let name = format!("filters/{}", path.strip_prefix(&folder)?.display());
        let text = fs::read_to_string(&path)?;
        match toml::from_str::<Entries>(&text) {
            Ok(entries) => drop(files.insert(name, with_lines(entries, &text))),
            // A file of a shape of its own.
            Err(_) => {
                let words: toml::Table = toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
                write(&out.join(path.file_name().ok_or("a file has a name")?), &words)?;
            }
        }
    }
    write(&out.join("whole"), &files)?;
    for (_, entry) in files.values_mut().flat_map(BTreeMap::values_mut).flatten() {
        entry.retain(|key, _| !FOR_CHECKS.contains(&key));
    }
    write(&out.join("filters"), &files)
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(path.with_extension("msgpack"), rmp_serde::to_vec_named(value)?)?)
}

fn with_lines(entries: Entries, text: &str) -> BTreeMap<String, Vec<(usize, toml::Table)>> {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let placed = |entry: Spanned<toml::Table>| (line(entry.span().start), entry.into_inner());
    entries.into_iter().map(|(sort, list)| (sort, list.into_iter().map(placed).collect())).collect()
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(toml_files(&path)?),
            false => files
                .extend(Some(path).filter(|path| path.extension().is_some_and(|suffix| suffix == "toml"))),
        }
    }
    Ok(files)
}
