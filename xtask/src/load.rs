//! A large cloud's worth of lines, for minutes.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use culprit_tests::binary::release_binary;

use crate::command::{example, run_watched};
use crate::options::Options;

pub(crate) const HELP: &str = "\
Writes generated logs at a steady rate while `culprit up` follows them with every door open, and sends lines of an agent's
through the network to it. Prints every fifteen seconds what is written, how far behind it is, the memory of both and the
time they took of the processor; in the end how soon the agent's lines were found.

Usage: cargo xtask load CORPUS [OPTIONS]

CORPUS is what `cargo xtask gen-logs` wrote; ten minutes at the usual rate need --size 10G.

Options:
  --rate N       Lines a second [default: 50000]
  --seconds N    How long [default: 600]";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let rate = options.value::<u32>("--rate")?.unwrap_or(50_000);
    let seconds = options.value::<u32>("--seconds")?.unwrap_or(600);
    let corpus = options.positional().map(PathBuf::from);
    options.finish()?;
    let corpus = corpus.context("name a folder that `cargo xtask gen-logs` wrote")?;
    let scratch = tempfile::tempdir()?;
    let mut load = example("live_load");
    load.arg(release_binary()?).arg(corpus.canonicalize()?).arg(scratch.path());
    load.args([rate, seconds].map(|number| number.to_string()));
    ensure!(run_watched(load, |_| ())?, "see above");
    Ok(())
}
