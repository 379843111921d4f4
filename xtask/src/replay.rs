//! A recorded cloud, live once more.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use culprit_tests::binary::release_binary;
use culprit_tests::corpus;

use crate::command::{example, run_watched};
use crate::options::Options;

pub(crate) const HELP: &str = "\
Writes a recorded cloud's logs and notifications anew, each line when it once came but faster, while `culprit up` follows
them. Prints how long after its last line each failure was told, how many requests are judged otherwise than by an import of
the same files, and how often `culprit why` is right about the store that came of it (see `cargo xtask score`).

Usage: cargo xtask replay [CORPUS] [--speed N]

CORPUS is a folder with logs/, notifications.jsonl and cases.jsonl [default: the recorded cloud of the repository].

Options:
  --speed N    So many times as fast as it was [default: 20]";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let speed = options.value::<f64>("--speed")?.unwrap_or(20.0);
    let cloud = options.positional().map(PathBuf::from);
    options.finish()?;
    let scratch = tempfile::tempdir()?;
    let cloud = match cloud {
        Some(cloud) => cloud,
        None => corpus::unpack(&corpus::archive(), scratch.path())?,
    };
    let binary = release_binary()?;
    let mut replay = example("replay");
    replay.arg(cloud).arg(binary).arg(scratch.path().join("replay")).arg(speed.to_string());
    ensure!(run_watched(replay, |_| ())?, "see above");
    Ok(())
}
