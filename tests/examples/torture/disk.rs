//! A disk that others fill.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use culprit_tests::small_disk::SmallDisk;

#[derive(Debug)]
pub(crate) struct Disk {
    _mounted: SmallDisk,
    /// What others keep on it.
    ballast: PathBuf,
}

/// More than a run writes.
const KILOBYTES: u64 = 48 << 10;

impl Disk {
    pub(crate) fn mount(folder: &Path) -> Result<Self> {
        let mounted = SmallDisk::mount(folder, KILOBYTES)?;
        Ok(Self { _mounted: mounted, ballast: folder.join("ballast") })
    }

    /// Whatever room there is, also what came free meanwhile.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut ballast: File = OpenOptions::new().create(true).append(true).open(&self.ballast)?;
        for block in [1 << 20, 1 << 12] {
            let zeros = vec![0; block];
            while ballast.write_all(&zeros).is_ok() {}
        }
        Ok(())
    }

    pub(crate) fn make_room(&self) -> Result<()> {
        if self.ballast.exists() {
            fs::remove_file(&self.ballast)?;
        }
        Ok(())
    }
}
