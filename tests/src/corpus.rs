//! The recorded cloud in its archive.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use liblzma::read::XzDecoder;
use liblzma::write::XzEncoder;

use crate::binary::project_root;

/// What a packed cloud holds, beside its folder `logs`.
const FILES: [&str; 2] = ["cases.jsonl", "notifications.jsonl"];

/// xz's `-9e`.
const STRONGEST: u32 = 9 | 1 << 31;

/// When the recording ended: 2026-11-21T04:00:00Z. Lines without a year take it from their file's age.
const RECORDED: u64 = 1_795_233_600;

/// The archive in this repository.
#[must_use]
pub fn archive() -> PathBuf {
    project_root().join("tests/data/zed-a.tar.xz")
}

/// Unpacks `archive` below `scratch`, unless an earlier call did, and returns the folder.
pub fn unpack(archive: &Path, scratch: &Path) -> Result<PathBuf> {
    let packed = fs::read(archive).with_context(|| format!("failed to read `{}`", archive.display()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&packed);
    let folder = scratch.join(format!("cloud-{:016x}", hasher.finish()));
    if folder.exists() {
        return Ok(folder);
    }
    // Tests run side by side: whoever is ready first gives the folder its name, the others find it there.
    fs::create_dir_all(scratch)?;
    let unfinished = tempfile::tempdir_in(scratch)?;
    tar::Archive::new(XzDecoder::new(packed.as_slice()))
        .unpack(unfinished.path())
        .with_context(|| format!("failed to unpack `{}`", archive.display()))?;
    match fs::rename(unfinished.path(), &folder) {
        Err(error) if !folder.exists() => Err(error).context("failed to name the unpacked folder"),
        _ => Ok(folder),
    }
}

/// Packs a recorded cloud, the same bytes for the same files, and returns the archive's size.
pub fn pack(cloud: &Path, archive: &Path) -> Result<u64> {
    let mut files: Vec<PathBuf> = FILES.map(|name| cloud.join(name)).into();
    collect_files(&cloud.join("logs"), &mut files)?;
    files.sort();
    let mut tar = tar::Builder::new(XzEncoder::new(File::create(archive)?, STRONGEST));
    for path in &files {
        append(&mut tar, cloud, path).with_context(|| format!("failed to pack `{}`", path.display()))?;
    }
    tar.into_inner()?.finish()?.flush()?;
    Ok(fs::metadata(archive)?.len())
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to list `{}`", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => collect_files(&entry.path(), files)?,
            kind if kind.is_file() => files.push(entry.path()),
            _ => bail!("`{}` is neither a file nor a folder", entry.path().display()),
        }
    }
    Ok(())
}

fn append(tar: &mut tar::Builder<XzEncoder<File>>, cloud: &Path, path: &Path) -> Result<()> {
    let file = File::open(path)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(file.metadata()?.len());
    header.set_mode(0o644);
    header.set_mtime(RECORDED);
    tar.append_data(&mut header, path.strip_prefix(cloud)?, file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_cloud_comes_back_and_packs_to_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let cloud = folder.path().join("cloud");
        fs::create_dir_all(cloud.join("logs/host-b/nova")).unwrap();
        for name in ["cases.jsonl", "notifications.jsonl", "logs/host-b/nova/nova-api.log", "logs/a.log"] {
            fs::write(cloud.join(name), name).unwrap();
        }
        let archives = ["first", "second"].map(|name| folder.path().join(name));
        for archive in &archives {
            pack(&cloud, archive).unwrap();
        }
        assert_eq!(fs::read(&archives[0]).unwrap(), fs::read(&archives[1]).unwrap());

        let unpacked = unpack(&archives[0], &folder.path().join("scratch")).unwrap();
        assert_eq!(unpacked, unpack(&archives[1], &folder.path().join("scratch")).unwrap());
        let line = fs::read_to_string(unpacked.join("logs/host-b/nova/nova-api.log")).unwrap();
        assert_eq!(line, "logs/host-b/nova/nova-api.log");
    }
}
