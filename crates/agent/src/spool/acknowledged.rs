//! Up to which frame everything is acknowledged.
//!
//! Written in place and not waited for: whoever reads an older number, or none, sends again what is dropped there.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::SpoolError;

#[derive(Debug)]
pub(super) struct Acknowledged {
    path: PathBuf,
    file: File,
    pub(super) number: u64,
}

impl Acknowledged {
    pub(super) fn open(folder: &Path) -> Result<Self, SpoolError> {
        let path = folder.join("acknowledged");
        let mut options = File::options();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|source| SpoolError::Open { path: path.clone(), source })?;
        let mut bytes = [0; 16];
        let number = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => number(bytes).unwrap_or(0),
            Err(_) => 0,
        };
        Ok(Self { path, file, number })
    }

    pub(super) fn set(&mut self, number: u64) -> Result<(), SpoolError> {
        self.number = number;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..].copy_from_slice(&xxh3_64(&number.to_le_bytes()).to_le_bytes());
        let failed = |source| SpoolError::Write { path: self.path.clone(), source };
        self.file.write_all_at(&bytes, 0).map_err(failed)
    }
}

fn number(bytes: [u8; 16]) -> Option<u64> {
    let (number, hash) = bytes.split_first_chunk::<8>()?;
    (xxh3_64(number).to_le_bytes() == hash).then_some(u64::from_le_bytes(*number))
}
