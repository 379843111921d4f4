//! Which files the patterns mean.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::ReadError;
use crate::identity::unrotated;

/// Device and inode.
pub(super) type FileId = (u64, u64);

/// Tells whether a file was touched.
pub(super) type Stamp = (u64, Option<SystemTime>);

/// Deeper folders are not entered, so that links that lead in circles end.
const MAX_DEPTH: usize = 24;

/// So many folders are looked into.
const MAX_FOLDERS: usize = 20_000;

#[derive(Debug)]
pub(super) struct Patterns {
    globs: GlobSet,
    /// Where each pattern's first `*` begins to count, and how deep it goes below.
    roots: Vec<(PathBuf, usize)>,
}

#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) stamp: Stamp,
    /// Its own name fits a pattern; else it is what rotation made of one that did.
    pub(super) asked: bool,
}

#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files that were written first come first: what rotation put aside before what took its place. Each once,
    /// whatever links lead to it.
    pub(super) files: Vec<Found>,
    /// Every folder where a new file, or a folder that leads to one, would be of interest.
    pub(super) folders: Vec<PathBuf>,
    pub(super) problems: Vec<ReadError>,
    entered: HashSet<FileId>,
}

impl Patterns {
    pub(super) fn new(patterns: &[String]) -> Result<Self, ReadError> {
        let mut globs = GlobSetBuilder::new();
        let mut roots = Vec::new();
        for pattern in patterns {
            let failed = |source| ReadError::Pattern { pattern: pattern.clone(), source };
            let glob: Glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(failed)?;
            globs.add(glob);
            roots.push(root(pattern));
        }
        let first = patterns.first().cloned().unwrap_or_default();
        let globs = globs.build().map_err(|source| ReadError::Pattern { pattern: first, source })?;
        Ok(Self { globs, roots })
    }

    pub(super) fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for (folder, depth) in &self.roots {
            listing.entered.clear();
            self.enter(folder, *depth, &mut listing);
        }
        // A link comes after the file itself, which so keeps its own name.
        listing.files.sort_by(|one, other| {
            let link = |found: &Found| found.path.is_symlink();
            (one.id, !one.asked, link(one), &one.path).cmp(&(
                other.id,
                !other.asked,
                link(other),
                &other.path,
            ))
        });
        listing.files.dedup_by_key(|found| found.id);
        listing.files.sort_by(|one, other| (one.stamp.1, &one.path).cmp(&(other.stamp.1, &other.path)));
        listing.folders.sort();
        listing.folders.dedup();
        listing
    }

    fn enter(&self, folder: &Path, depth: usize, listing: &mut Listing) {
        if listing.folders.len() >= MAX_FOLDERS {
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // What is not there yet may come, and is told where it would begin.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let there = folder.ancestors().skip(1).find(|folder| folder.is_dir());
                return listing.folders.extend(there.map(Path::to_owned));
            }
            Err(error) => return listing.problems.push(ReadError::open(folder, error)),
        };
        listing.folders.push(folder.to_owned());
        for entry in entries.flatten() {
            let path = entry.path();
            // A file that vanished meanwhile is none.
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    if self.fit(&path).is_some() {
                        listing.problems.push(ReadError::open(&path, error));
                    }
                    continue;
                }
            };
            let id = (metadata.dev(), metadata.ino());
            if metadata.is_dir() {
                if depth > 1 && listing.entered.insert(id) {
                    self.enter(&path, depth - 1, listing);
                }
            } else if let Some(asked) = self.fit(&path).filter(|_| metadata.is_file()) {
                listing.files.push(Found { stamp: stamp(&metadata), path, id, asked });
            }
        }
    }

    /// Whether the file is asked for by its own name; `None` when it is not of interest at all.
    fn fit(&self, path: &Path) -> Option<bool> {
        if self.globs.is_match(path) {
            return Some(true);
        }
        let path = path.to_string_lossy();
        let before = unrotated(&path);
        (before != path && self.globs.is_match(before)).then_some(false)
    }
}

pub(super) fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

/// The folders before the first one with a pattern in its name, and how many levels below may fit.
fn root(pattern: &str) -> (PathBuf, usize) {
    let is_pattern = |part: &str| part.contains(['*', '?', '[', '{', '\\']);
    let parts: Vec<Component<'_>> = Path::new(pattern).components().collect();
    // The last part is a file's name even when it is no pattern.
    let names = parts.len().saturating_sub(1);
    let fixed = parts
        .iter()
        .take(names)
        .position(|part| is_pattern(&part.as_os_str().to_string_lossy()))
        .unwrap_or(names);
    let any_depth = pattern.contains("**") || pattern.contains('{');
    let depth = if any_depth { MAX_DEPTH } else { (parts.len() - fixed).max(1) };
    (parts.iter().take(fixed).collect(), depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_begin_below_their_fixed_folders() {
        let check = |pattern, folder: &str, depth| {
            assert_eq!(root(pattern), (PathBuf::from(folder), depth), "{pattern}");
        };
        check("/var/log/nova/*.log", "/var/log/nova", 1);
        check("/var/log/nova/nova-api.log", "/var/log/nova", 1);
        check("/var/log/*/*.log", "/var/log", 2);
        check("/var/log/**/*.log", "/var/log", MAX_DEPTH);
        check("/var/log/{nova,neutron}/*.log", "/var/log", MAX_DEPTH);
    }
}
