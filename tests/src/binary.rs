//! The program as users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// The folder that holds the workspace.
#[must_use]
pub fn project_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package stands in the workspace's folder")
}

/// Names a program to test instead of a fresh build: an installed package's, or one that was just built.
const GIVEN: &str = "CULPRIT_BINARY";

/// Builds `culprit` in the release profile and tells where it is.
///
/// Cargo tells tests of other packages nothing about a binary, and only a release build is quick enough for the
/// recorded cloud; when nothing changed this takes a fraction of a second.
pub fn release_binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(GIVEN) {
        return Ok(PathBuf::from(given));
    }
    let build = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "culprit"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(project_root())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start cargo")?;
    ensure!(build.status.success(), "failed to build culprit: {}", build.status);
    String::from_utf8_lossy(&build.stdout)
        .lines()
        .find_map(executable)
        .context("cargo built culprit and did not say where it is")
}

#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

fn executable(message: &str) -> Option<PathBuf> {
    serde_json::from_str::<Artifact>(message).ok()?.executable
}
