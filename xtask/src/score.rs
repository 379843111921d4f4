//! How often `why` is right.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use culprit_tests::binary::release_binary;
use culprit_tests::corpus;
use culprit_tests::score::{Bar, Examination, Score};

use crate::options::Options;

pub(crate) const HELP: &str = "\
Imports a cloud whose true causes are known into a fresh store, asks `culprit why` for every case by request id
and by instance, and prints how often the answer is right:

  top1            the cause named first is a true one      (cases whose cause stands in the logs)
  top3            one of the first three candidates is
  honest          failed, and no cause named for certain   (cases whose cause stands in no log)
  controls        succeeded, and no cause named            (requests that did not fail)
  instance_...    the same, asked by instance
  leave_one_out   top1 when no signature knows the true lines of the case's class: structure alone
  seconds         one `why` as a whole process

Usage: cargo xtask score [CORPUS] [OPTIONS]

CORPUS is a folder with logs/, notifications.jsonl and cases.jsonl, or what `cargo xtask gen-logs` wrote
[default: the recorded cloud of the repository].

Options:
  --require BARS   Fail below these: top1=92,controls=100 (percent), p95=0.2 (at most, in seconds)
  --verbose        Print every case that is answered wrong";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let bars = options.value::<String>("--require")?.map_or(Ok(Vec::new()), |text| Bar::parse_list(&text))?;
    let verbose = options.flag("--verbose");
    let cloud = options.positional().map(PathBuf::from);
    options.finish()?;
    let score = measure(&release_binary()?, cloud.as_deref(), Depth::Full)?;
    if verbose {
        score.misses.iter().for_each(|miss| println!("MISS {miss}"));
    }
    println!("{score}");
    require(&score, &bars)
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// One answer for each id.
    Quick,
    /// And how far structure alone comes, which asks for every case several times.
    Full,
}

/// Of `cloud`, or of the recorded one in this repository.
pub(crate) fn measure(binary: &Path, cloud: Option<&Path>, depth: Depth) -> Result<Score> {
    let scratch = tempfile::tempdir()?;
    let cloud = match cloud {
        Some(cloud) => cloud.to_path_buf(),
        None => corpus::unpack(&corpus::archive(), scratch.path())?,
    };
    let store = scratch.path().join("store");
    let began = Instant::now();
    let examination = Examination::prepare(binary, &cloud, &store)?;
    println!("{:<20}{:.1} s", "import", began.elapsed().as_secs_f64());
    let mut score = examination.mark()?;
    if depth == Depth::Full {
        score.shares.insert("leave_one_out".to_owned(), examination.leave_one_class_out()?);
    }
    Ok(score)
}

pub(crate) fn require(score: &Score, bars: &[Bar]) -> Result<()> {
    let shortfalls = score.shortfalls(bars);
    if !shortfalls.is_empty() {
        bail!("{}", shortfalls.join("; "));
    }
    Ok(())
}
