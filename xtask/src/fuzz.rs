//! Odd input, made by a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use culprit_tests::binary::project_root;

use crate::command::{command, run as run_command, works};
use crate::options::Options;

pub(crate) const HELP: &str = "\
Runs the fuzz targets of crates/parse/fuzz, starting from the real lines in crates/parse/corpus and the entries of
filters/. Installs cargo-fuzz and a nightly toolchain when they are missing.

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
    let files = files_below(&folder, "rs")?;
    let targets: Vec<String> =
        files.iter().filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned())).collect();
    ensure!(!targets.is_empty(), "`{}` holds no target", folder.display());
    Ok(targets)
}

/// The fuzzer keeps what it finds beside its seeds, so that the next run goes on where this one ended.
fn fuzz_target(target: &str, seconds: u64) -> Result<()> {
    let corpus = project_root().join(FOLDER).join("corpus").join(target);
    sow(target, &corpus).context("failed to copy the seeds")?;
    let limits =
        [&format!("-max_total_time={seconds}"), "-timeout=10", "-max_len=65536", "-print_final_stats=1"];
    let start = ["cargo", "+nightly", "fuzz", "run", "--fuzz-dir", FOLDER, target];
    run_command(command(&[&start[..], &["--"], &limits].concat()))
}

/// Real inputs of a target: files of lines, the lines one by one, or the entries of the filters with a line each.
fn sow(target: &str, corpus: &Path) -> Result<()> {
    fs::create_dir_all(corpus)?;
    let (folder, extension) = match target {
        "filter" => ("filters", "toml"),
        _ => ("crates/parse/corpus", "log"),
    };
    for file in files_below(&project_root().join(folder), extension)? {
        let text = fs::read(&file)?;
        let seeds: Vec<Vec<u8>> = match target {
            "line" => vec![text],
            "filter" => String::from_utf8_lossy(&text).split("\n\n").map(filter_seed).collect(),
            _ => text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
        };
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        for (number, seed) in seeds.iter().enumerate().filter(|(_, seed)| !seed.is_empty()) {
            fs::write(corpus.join(format!("{name}-{number}")), seed)?;
        }
    }
    Ok(())
}

/// An entry, and its first sample as the line to read with it.
fn filter_seed(entry: &str) -> Vec<u8> {
    let sample = entry.lines().skip_while(|line| !line.starts_with("samples")).nth(1).unwrap_or_default();
    format!("{entry}\n{}", sample.trim().trim_matches(['"', '\'', ','])).into_bytes()
}

fn files_below(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("failed to list `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
