//! One process a spool.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::SpoolError;

/// The lock ends with the process, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "it is locked as long as it is open")] File);

impl Lock {
    pub(super) fn take(folder: &Path) -> Result<Self, SpoolError> {
        let path = folder.join("lock");
        let failed = |source| SpoolError::Open { path: path.clone(), source };
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Whoever holds it may not have written yet who it is.
                (&mut file).take(20).read_to_string(&mut holder).ok();
                let holder = holder.trim().parse().ok();
                return Err(SpoolError::Locked { folder: folder.to_owned(), holder: Holder(holder) });
            }
        }
        // On a full disk nobody reads who it is, and it is locked all the same.
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).ok();
        Ok(Self(file))
    }
}

/// The process that has a spool, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(pub(crate) Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(process) => write!(out, "process {process}"),
            None => write!(out, "another process"),
        }
    }
}
