//! Every format is shown real lines.

use std::fs;

use culprit_tests::binary::project_root;

/// Files below `format/` that need no lines of their own, each with the reason.
const EXCEPTIONS: [(&str, &str); 10] = [
    ("plain", "what no format fits, shown in every file"),
    ("payload", "the bodies of notifications, shown in notification"),
    ("python_repr", "a part of other formats"),
    ("quoted", "a part of other formats"),
    ("wrapped", "a part of other formats"),
    ("wall_clock", "a part of other formats"),
    ("written_time", "a part of other formats"),
    ("timestamped", "a part of other formats"),
    ("json", "what the JSON formats share"),
    ("access", "the access lines of every API, shown in oslo"),
];

fn stems(folder: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(project_root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.strip_suffix(extension)?.replace('-', "_"))).collect()
}

#[test]
fn every_format_has_golden_lines() {
    let golden = stems("crates/parse/corpus", ".log");
    let formats = stems("crates/parse/src/format", ".rs");
    let shown =
        |format: &String| golden.iter().any(|file| file == format || file.starts_with(&format!("{format}_")));
    let excepted = |format: &String| EXCEPTIONS.iter().any(|(known, _)| known == format);
    let missing: Vec<_> = formats.iter().filter(|format| !shown(format) && !excepted(format)).collect();
    assert!(missing.is_empty(), "no lines in crates/parse/corpus for {missing:?}");
}
