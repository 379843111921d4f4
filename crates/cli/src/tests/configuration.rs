use std::collections::BTreeSet;

use crate::config::Config;

const EXAMPLE: &str = include_str!("../../../../packaging/culprit.toml");

/// As somebody has it who took every `#` away that stands before a key.
fn uncommented() -> String {
    let row = |row: &str| match row.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') && !key.is_empty() => key.to_owned(),
        _ => row.to_owned(),
    };
    EXAMPLE.lines().map(row).map(|row| row + "\n").collect()
}

#[test]
fn the_example_is_read() {
    let usual: Config = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(usual.listen.http.unwrap().to_string(), "127.0.0.1:7310");
    let all: Config = toml::from_str(&uncommented()).unwrap();
    assert_ne!(usual, all);
    assert_eq!(all.brokers.len(), 1);
}

/// A mistyped section says which keys there are: each of them stands in the example.
#[test]
fn the_example_has_every_key() {
    let sections = ["", "files", "journal", "syslog", "listen", "keep", "failures", "agent", "[brokers]"];
    let example: toml::Table = uncommented().parse().unwrap();
    for section in sections {
        let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
        let error = toml::from_str::<Config>(&format!("{header}no_such_key = 1\n")).unwrap_err().to_string();
        let (_, known) =
            error.split_once("expected one of ").or_else(|| error.split_once("expected ")).unwrap();
        let known: BTreeSet<&str> = known.split('`').skip(1).step_by(2).collect();
        let there = match section {
            "" => &example,
            "[brokers]" => example["brokers"][0].as_table().unwrap(),
            section => example[section].as_table().unwrap(),
        };
        assert!(!known.is_empty());
        assert_eq!(there.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "[{section}]");
    }
}
