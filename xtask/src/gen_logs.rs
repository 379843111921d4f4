//! The recorded cloud, scaled up.

mod clock;
mod ownership;
mod plan;
mod random;
mod recording;
mod render;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use culprit_tests::binary::project_root;
use culprit_tests::corpus;

use crate::options::Options;
use plan::{Plan, Wishes};
use recording::Recording;

pub(crate) const HELP: &str = "\
Writes logs of any size: the recorded cloud of this repository again and again, with fresh ids, later times and other
hosts. What went wrong in the recording all the time goes wrong rarely here. The same options give the same bytes.

  DIR/logs/HOST/PROJECT/DAEMON.log   as the daemons wrote them
  DIR/notifications.jsonl            as the broker delivered them
  DIR/truth.jsonl                    requests whose truth is known: the shape of the recording's cases.jsonl
  DIR/manifest.json                  lines and bytes of every file

Usage: cargo xtask gen-logs --size SIZE --out DIR [OPTIONS]

SIZE is 500M, 10G, or a number of bytes; DIR must be empty or not exist.

Options:
  --seed N                 Another cloud for every number [default: 1]
  --hours H                The longest time that one cell lives; more bytes make more cells [default: 24]
  --notifications SHARE    Of all bytes, those that are notifications [default: 0.1]
  --failures SHARE         Of all boots, those that fail [default: 0.02]";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let Size(bytes) = options.value("--size")?.context("how large? See `cargo xtask gen-logs --help`")?;
    let folder: PathBuf = options.value("--out")?.context("where to? See `cargo xtask gen-logs --help`")?;
    let wishes = Wishes {
        bytes,
        notifications: share(&mut options, "--notifications", 0.1)?,
        hours: options.value("--hours")?.unwrap_or(24.0),
        failures: share(&mut options, "--failures", 0.02)?,
        seed: options.value("--seed")?.unwrap_or(1),
    };
    options.finish()?;
    ensure!(wishes.hours >= 0.1, "--hours cannot be below 0.1");
    if folder.exists() && folder.read_dir()?.next().is_some() {
        bail!("`{}` is not empty", folder.display());
    }
    let began = Instant::now();
    let recording = Recording::read(&recorded_cloud()?)?;
    let plan = Plan::new(&recording, &wishes);
    let prepared = began.elapsed();
    let account = write::write_cloud(&recording, &plan, &wishes, &folder, |written| report(written, bytes))?;
    let seconds = (began.elapsed() - prepared).as_secs_f64();
    let total = account.total();
    let megabytes = plan::ratio(total.bytes, 1_000_000);
    println!(
        "{megabytes:.0} MB, {} lines, {} cells, {} cases ({} failed) in {seconds:.1} s = {:.0} MB/s, after {:.1} s of reading",
        total.lines,
        plan.cells,
        account.cases,
        account.failed_cases,
        megabytes / seconds,
        prepared.as_secs_f64(),
    );
    Ok(())
}

/// Unpacked below `target`, where the next run finds it.
fn recorded_cloud() -> Result<PathBuf> {
    corpus::unpack(&corpus::archive(), &project_root().join("target/gen-logs"))
}

fn share(options: &mut Options, name: &str, default: f64) -> Result<f64> {
    let share = options.value(name)?.unwrap_or(default);
    ensure!((0.0..=0.9).contains(&share), "{name} lies between 0 and 0.9");
    Ok(share)
}

/// One line that is written over and over.
fn report(written: u64, wanted: u64) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let percent = written.saturating_mul(100) / wanted.max(1);
        // A terminal that went away is no reason to stop.
        drop(write!(stderr, "\r{percent:3} % {} MB ", written / 1_000_000));
    }
}

/// Bytes; `K`, `M` and `G` are powers of 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.trim_end_matches(['K', 'M', 'G']);
        let unit: u64 = match text.strip_prefix(digits) {
            Some("") => 1,
            Some("K") => 1_000,
            Some("M") => 1_000_000,
            Some("G") => 1_000_000_000,
            _ => bail!("a size ends in K, M or G"),
        };
        let number: u64 = digits.parse()?;
        Ok(Self(number.checked_mul(unit).context("too large")?))
    }
}
