//! Retention that is disturbed: whole days are there or gone, and nothing between.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use index::{Options, Writer, verify};
use model::Timestamp;

use crate::fault::files;
use crate::truth::Truth;

/// What a store holds before and after.
pub(crate) struct Retention {
    all: Truth,
    kept: Truth,
}

/// Drops what is older, in a process that may be killed.
pub(crate) fn run(store: &Path, oldest: Timestamp) -> Result<()> {
    Writer::open(store, Options::default())?.retain(Some(oldest), None)?;
    Ok(())
}

impl Retention {
    /// Tries it on a copy that nobody disturbs.
    pub(crate) fn rehearse(store: &Path, copy: &Path, oldest: Timestamp) -> Result<Self> {
        for path in files(store)? {
            let target = copy.join(path.strip_prefix(store)?);
            fs::create_dir_all(target.parent().context("a file stands in a folder")?)?;
            fs::copy(path, target)?;
        }
        let all = Truth::stored(store)?;
        run(copy, oldest)?;
        let kept = Truth::stored(copy)?;
        fs::remove_dir_all(copy)?;
        Ok(Self { all, kept })
    }

    /// After a disturbance, and after a run without one.
    pub(crate) fn check(&self, store: &Path, is_done: bool) -> Result<()> {
        let damage = verify(store, &mut |_| ())?;
        ensure!(damage.is_empty(), "the store is damaged: {damage:?}");
        let stored = Truth::stored(store)?;
        ensure!(
            stored == self.kept || (!is_done && stored == self.all),
            "retention left {} of {} lines, of which {} are to be kept",
            stored.line_count(),
            self.all.line_count(),
            self.kept.line_count()
        );
        Ok(())
    }
}
