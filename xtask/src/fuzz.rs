//! Odd input, made by a fuzzer.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use culprit_tests::binary::project_root;

use crate::command::{command, run as run_command, works};
use crate::options::Options;

pub(crate) const HELP: &str = "\
Runs the fuzz targets of crates/parse/fuzz, starting from the real lines in crates/parse/corpus. Installs
cargo-fuzz and a nightly toolchain when they are missing.

Usage: cargo xtask fuzz [OPTIONS]

Options:
  --seconds N      How long each target runs [default: 60]
  --target NAME    Run this target only";

const FOLDER: &str = "crates/parse/fuzz";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let seconds = options.value("--seconds")?.unwrap_or(60);
    let target: Option<String> = options.value("--target")?;
    options.finish()?;
    install_missing()?;
    fuzz(seconds, target.as_deref())
}

pub(crate) fn install_missing() -> Result<()> {
    if !works(&["rustup", "run", "nightly", "cargo", "--version"]) {
        println!("A nightly toolchain is missing: installing it.");
        run_command(command(&["rustup", "toolchain", "install", "nightly", "--profile", "minimal"]))
            .context("fuzzing needs a nightly toolchain, and it cannot be had")?;
    }
    if !works(&["cargo", "fuzz", "--version"]) {
        println!("cargo-fuzz is missing: installing it.");
        run_command(command(&["cargo", "install", "cargo-fuzz", "--locked"]))
            .context("fuzzing needs cargo-fuzz, and it cannot be had")?;
    }
    Ok(())
}

pub(crate) fn fuzz(seconds: u64, only: Option<&str>) -> Result<()> {
    let mut targets = targets()?;
    if let Some(only) = only {
        ensure!(
            targets.iter().any(|target| target == only),
            "no such target; there are {}",
            targets.join(", ")
        );
        targets.retain(|target| target == only);
    }
    for target in &targets {
        fuzz_target(target, seconds).with_context(|| format!("fuzz target `{target}`"))?;
    }
    println!("\n{} fuzz targets ran for {seconds} s each and found nothing.", targets.len());
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let folder = project_root().join(FOLDER).join("fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("failed to list `{}`", folder.display()))?;
    let mut targets = Vec::new();
    for file in files {
        let path = file?.path();
        if let (Some("rs"), Some(name)) = (path.extension().and_then(|x| x.to_str()), path.file_stem()) {
            targets.push(name.to_string_lossy().into_owned());
        }
    }
    if targets.is_empty() {
        bail!("`{}` holds no target", folder.display());
    }
    targets.sort();
    Ok(targets)
}

/// The fuzzer keeps what it finds in the first folder and only reads the second.
fn fuzz_target(target: &str, seconds: u64) -> Result<()> {
    let found = format!("{FOLDER}/corpus/{target}");
    fs::create_dir_all(project_root().join(&found))?;
    let limits =
        [&format!("-max_total_time={seconds}"), "-timeout=10", "-max_len=16384", "-print_final_stats=1"];
    let start =
        ["cargo", "+nightly", "fuzz", "run", "--fuzz-dir", FOLDER, target, &found, "crates/parse/corpus"];
    run_command(command(&[&start[..], &["--"], &limits].concat()))
}
