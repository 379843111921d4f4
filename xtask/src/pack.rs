//! The recorded cloud in the repository.

use std::path::Path;

use anyhow::{Context as _, Result};
use culprit_tests::corpus;

use crate::options::Options;

pub(crate) const HELP: &str = "\
Packs a recorded cloud into tests/data/zed-a.tar.xz: sorted, without times or owners, so that the same files give
the same bytes. Takes a few minutes.

Usage: cargo xtask pack-corpus DIR

DIR holds logs/, notifications.jsonl and cases.jsonl; anything else in it is left out.";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let cloud = options.positional().context("which folder? See `cargo xtask pack-corpus --help`")?;
    options.finish()?;
    let archive = corpus::archive();
    let size = corpus::pack(Path::new(&cloud), &archive)?;
    println!("{}: {size} bytes", archive.display());
    Ok(())
}
