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

/// Builds `culprit` as tests want it, and tells where it is: see the profile in the workspace's manifest.
///
/// Cargo tells tests of other packages nothing about a binary; when nothing changed this takes a fraction of a second.
pub fn checked_binary() -> Result<PathBuf> {
    build("checked")
}

/// Builds `culprit` as users get it.
pub fn release_binary() -> Result<PathBuf> {
    build("release")
}

fn build(profile: &str) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(GIVEN) {
        return Ok(PathBuf::from(given));
    }
    let build = Command::new("cargo")
        .args(["build", "--profile", profile, "--locked", "--package", "culprit"])
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
