//! The project's speed in one table, each figure beside its reference.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use culprit_tests::binary::{project_root, release_binary};

use crate::command::{command, run_watched};
use crate::options::Options;
use crate::{gen_logs, score, setup};

pub(crate) const HELP: &str = "\
Runs every benchmark, asks `why` about the recorded cloud, imports generated logs and asks about them, and prints one
table. A benchmark named `regex` is the reference of the others in its file: the same work with the regex crate. The
store's references are measured in the same run: a tantivy document a line, `zstd -3`, `rg` and `zgrep` on the same files.

Usage: cargo xtask bench [--size SIZE | --corpus DIR] [--store-only]

Options:
  --size SIZE     Generate logs of this size for the store [default: 300M]
  --corpus DIR    Take these, which `cargo xtask gen-logs` wrote
  --store-only    Leave the other benchmarks out";

/// The median of one benchmark that counts bytes.
#[derive(Debug, PartialEq)]
struct Throughput {
    file: String,
    name: String,
    megabytes: f64,
}

pub(crate) fn run(mut options: Options) -> Result<()> {
    let size: Option<String> = options.value("--size")?;
    let corpus: Option<PathBuf> = options.value("--corpus")?;
    let store_only = options.flag("--store-only");
    options.finish()?;
    setup::install_missing_for_bench()?;
    let parts = if store_only { Vec::new() } else { parts()? };
    let folder = project_root().join("target/bench");
    let corpus = match corpus {
        Some(corpus) => corpus,
        None => generated(&folder, size.as_deref().unwrap_or("300M"))?,
    };
    let example = ["cargo", "run", "--quiet", "--release", "--locked", "--package", "culprit-tests"];
    let mut store = command(&[&example[..], &["--example", "measure", "--"]].concat());
    store.arg(corpus.canonicalize()?).arg(release_binary()?).arg(folder.join("scratch"));
    // Its progress goes to standard error.
    let store = store.stderr(Stdio::inherit()).output().context("failed to start the store's benchmark")?;
    println!("\n{:<30}{:>32}   reference", "what", "figure");
    parts.iter().for_each(|row| println!("{row}"));
    print!("{}", String::from_utf8_lossy(&store.stdout));
    ensure!(store.status.success(), "the store's benchmark broke off, see above");
    Ok(())
}

/// Logs of this size; those of an earlier run, when there are any.
fn generated(folder: &Path, size: &str) -> Result<PathBuf> {
    let corpus = folder.join(format!("logs-{size}"));
    if !corpus.join("manifest.json").exists() {
        let out = corpus.display().to_string();
        gen_logs::run(Options::new(["--size", size, "--out", &out].map(str::to_owned).into()))?;
    }
    Ok(corpus)
}

/// What does not need much to read.
fn parts() -> Result<Vec<String>> {
    let mut report = Vec::new();
    let benches = command(&["cargo", "bench", "--workspace", "--locked", "--bench", "*"]);
    let succeeded = run_watched(benches, |line| report.push(line.to_owned()))?;
    ensure!(succeeded, "a benchmark broke off, see above");
    let answers = score::measure(&release_binary()?, None, score::Depth::Quick)?;

    let mut rows = rows(&throughputs(&report));
    rows.push(format!(
        "{:<30}{:>30.3} s   at most 0.2 s",
        "why, whole process, p95",
        answers.percentile(0.95)
    ));
    Ok(rows)
}

fn rows(measured: &[Throughput]) -> Vec<String> {
    let (references, figures): (Vec<_>, Vec<_>) = measured.iter().partition(|bench| bench.name == "regex");
    let row = |bench: &Throughput| {
        let what = format!("{}: {}", bench.file, bench.name);
        let reference = references.iter().find(|reference| reference.file == bench.file).map(|reference| {
            let times = bench.megabytes / reference.megabytes;
            format!("   {times:.1} times the regex crate's {:.0} MB/s", reference.megabytes)
        });
        format!("{what:<30}{:>27.0} MB/s{}", bench.megabytes, reference.unwrap_or_default())
    };
    figures.into_iter().map(row).collect()
}

/// Reads divan's tree: a name with its times, and in the next line how many bytes a second that is.
fn throughputs(report: &[String]) -> Vec<Throughput> {
    let (mut file, mut name) = (String::new(), String::new());
    let mut found = Vec::new();
    for line in report {
        if let Some((program, _)) = line.split_once(" fastest ") {
            program.trim().clone_into(&mut file);
        } else if let Some((_, node)) = line.rsplit_once("─ ") {
            node.split_whitespace().next().unwrap_or_default().clone_into(&mut name);
        } else if let Some(megabytes) = median_megabytes(line) {
            found.push(Throughput { file: file.clone(), name: name.clone(), megabytes });
        }
    }
    found
}

/// The columns are fastest, slowest, median and mean.
fn median_megabytes(line: &str) -> Option<f64> {
    let median = line.split('│').filter(|column| column.contains("B/s")).nth(2)?;
    let (number, unit) = median.trim().split_once(' ')?;
    let scale = match unit {
        "B/s" => 1e-6,
        "KB/s" => 1e-3,
        "MB/s" => 1.0,
        "GB/s" => 1e3,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_medians_of_a_report_stand_beside_their_reference() {
        let report = "\
Timer precision: 16 ns
header       fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ plain     0.577 ns      │ 0.596 ns      │ 0.581 ns      │ 0.581 ns      │ 100     │ 204800
╰─ oslo                    │               │               │               │         │
   ├─ nom    184.9 µs      │ 16.28 ms      │ 187.7 µs      │ 719.6 µs      │ 100     │ 100
   │         5.669 GB/s    │ 64.39 MB/s    │ 1.584 GB/s    │ 1.457 GB/s    │         │
   ╰─ regex  1.323 ms      │ 17.39 ms      │ 1.378 ms      │ 4.05 ms       │ 100     │ 100
             792.2 MB/s    │ 60.29 MB/s    │ 792 MB/s      │ 258.8 MB/s    │         │
";
        let report: Vec<String> = report.lines().map(str::to_owned).collect();
        let measured = throughputs(&report);
        assert_eq!(measured.len(), 2, "{measured:?}");
        assert_eq!(
            rows(&measured),
            [
                "header: nom                                          1584 MB/s   2.0 times the regex crate's 792 MB/s"
            ]
        );
    }
}
