//! The documents stay true.

use std::fs;
use std::process::Command;

use culprit_tests::binary::{checked_binary, project_root};

/// Where this project is developed is nobody's business. In halves, so that this file passes too.
const BUILD_MACHINES: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/tmp/", "brief"),
    concat!("shared", "/research"),
    concat!("shared", "/corpora"),
];

/// The text between backticks that looks like a path of this project.
fn paths(document: &str) -> impl Iterator<Item = &str> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        let plain = text.chars().all(|letter| letter.is_alphanumeric() || "/._-".contains(letter));
        let known_suffix = [".md", ".rs", ".toml", ".xz"].iter().any(|suffix| text.ends_with(suffix));
        plain && !text.starts_with('/') && (text.contains('/') || known_suffix)
    })
}

#[test]
fn paths_in_the_documents_exist() {
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        // Fenced code holds other machines' paths, and three backticks would put the count out of step.
        let document = fs::read_to_string(project_root().join(name)).unwrap_or_default();
        let prose: String = document.split("```").step_by(2).collect();
        let missing: Vec<_> = paths(&prose).filter(|path| !project_root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{name} names what is not there: {missing:?}");
    }
}

#[test]
fn commands_in_the_readme_are_real() {
    let binary = checked_binary().unwrap();
    let readme = fs::read_to_string(project_root().join("README.md")).unwrap_or_default();
    for line in readme.lines() {
        let Some(arguments) = line.trim_start().strip_prefix("$ culprit ") else { continue };
        let command = arguments.split_whitespace().next().unwrap();
        let help = Command::new(&binary).args([command, "--help"]).output().unwrap();
        assert!(help.status.success(), "`{line}`: there is no such command");
    }
}

#[test]
fn no_file_mentions_a_build_machine() {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(project_root()).output().unwrap();
    assert!(listed.status.success(), "git lists no files");
    for path in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
        // What is no text holds no sentence; a file deleted and not yet committed is still listed.
        let Ok(text) = fs::read_to_string(project_root().join(path)) else { continue };
        let found = BUILD_MACHINES.iter().find(|word| text.contains(**word));
        assert_eq!(found, None, "{path}");
    }
}
