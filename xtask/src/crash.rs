//! Kills writers of stores at any moment and counts every line afterwards.

use anyhow::{Result, ensure};
use culprit_tests::binary::{checked_binary, project_root};
use culprit_tests::corpus;

use crate::command::{example, run_watched};
use crate::options::Options;
use crate::setup;

pub(crate) const HELP: &str = "\
Writes stores and gets in the way: kill -9 at any moment, right around a commit and (with strace) at a chosen system call;
calls that fail with EIO, ENOSPC or EDQUOT; files torn that were not synced yet; full disks (small ones are mounted when
root runs it; files that cannot grow stand in for them otherwise); too few open files. After every blow, what is committed
must be whole, and must have been synced before it was committed. In the end every line of every file must be there once,
byte for byte, and be found by its ids and words; readers beside the writer must see whole commits only; a second writer
must be told who holds the store; a wrong byte anywhere must be noticed, named, and cost no more than its block; retention
that is killed must have dropped whole days or nothing. Seven runs of eight use a writer that does nothing but write, at
random, in very small steps; the eighth imports files with the program itself. What cannot be done here is said.

The last line counts everything. A run that fails keeps its folder below `target/crash`; its seed repeats the same
files, steps and faults, though not the same microseconds.

Usage: cargo xtask crash [--runs N] [--seed N]

Options:
  --runs N    How many runs [default: 100]
  --seed N    The seed of the first run; each next run has the next seed [default: 1]";

/// What continuous integration does.
pub(crate) const SHORT_RUNS: u64 = 30;

pub(crate) fn run(mut options: Options) -> Result<()> {
    let runs = options.value("--runs")?.unwrap_or(100);
    let seed = options.value("--seed")?.unwrap_or(1);
    options.finish()?;
    crash(runs, seed)
}

pub(crate) fn crash(runs: u64, seed: u64) -> Result<()> {
    if let Err(error) = setup::install_missing_for_crash() {
        println!("Without strace: {error:#}.");
    }
    let scratch = project_root().join("target/crash");
    let cloud = corpus::unpack(&corpus::archive(), &scratch)?;
    let binary = checked_binary()?;
    let mut harness = example("crash");
    harness
        .arg(cloud)
        .arg(binary)
        .args([runs, seed].map(|number| number.to_string()))
        .arg(scratch.join("runs"));
    ensure!(run_watched(harness, |_| ())?, "see above");
    Ok(())
}
