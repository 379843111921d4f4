//! Disks that can be full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A disk of its own that is soon full. Only root may make one.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    pub fn mount(folder: &Path, kilobytes: u64) -> Result<Self> {
        fs::create_dir_all(folder)?;
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs", &folder.display().to_string()],
        )?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Somebody made room.
    pub fn grow(&self) -> Result<()> {
        run("mount", &["-o", "remount,size=1g", &self.folder.display().to_string()])
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What cannot be unmounted stays until the machine stops; the run's outcome does not depend on it.
        drop(run("umount", &["-l", &self.folder.display().to_string()]));
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("failed to start {program}"))?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
