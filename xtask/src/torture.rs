//! Follows live logs while everything breaks and counts every line afterwards.

use anyhow::{Result, ensure};
use culprit_tests::binary::{checked_binary, project_root};

use crate::command::{example, run_watched};
use crate::options::Options;
use crate::setup;

pub(crate) const HELP: &str = "\
Writers append numbered lines to logs, in bursts, in halves, with bytes of other encodings, and rotate them: rename and
create, move a chain of files on, compress some later, switch a symbolic link, and let new files appear. `culprit up`
follows them, agents send them to it, a broker's notifications are read, or all of that at once. Meanwhile processes are
killed with -9, also while they start, restarted, frozen and asked to reload; the central server is away for seconds; the
disk of the store or of an agent's buffer is full until somebody makes room (small ones are mounted when root runs it); the
broker is killed or stopped; also two of these at once. In the end everything is started once more where it is down, and
every line and notification must be in the store once, byte for byte, and nothing else.

What nobody could hold is not asked for: `copytruncate` loses what is written between the copy and the truncation, and what
is deleted, or cannot be found by any name after a link was switched, before it was read is gone. So writers do these three
only when all that they wrote is stored. A file that was put aside before the very first look is old: the first line
of each writer is stored before anything is disturbed.

The last line counts everything. A run that fails keeps its folder below `target/torture`: `events` tells what happened
when, the processes' standard errors lie beside it. Its seed repeats the same writers and blows, though not the same
microseconds.

Usage: cargo xtask torture [--runs N] [--seed N]

Options:
  --runs N    How many runs [default: 100]
  --seed N    The seed of the first run; each next run has the next seed [default: 1]";

/// What continuous integration does.
pub(crate) const SHORT_RUNS: u64 = 10;

pub(crate) fn run(mut options: Options) -> Result<()> {
    let runs = options.value("--runs")?.unwrap_or(100);
    let seed = options.value("--seed")?.unwrap_or(1);
    options.finish()?;
    torture(runs, seed)
}

pub(crate) fn torture(runs: u64, seed: u64) -> Result<()> {
    setup::install_missing()?;
    let binary = checked_binary()?;
    let mut harness = example("torture");
    harness
        .arg(binary)
        .args([runs, seed].map(|number| number.to_string()))
        .arg(project_root().join("target/torture"));
    ensure!(run_watched(harness, |_| ())?, "see above");
    Ok(())
}
