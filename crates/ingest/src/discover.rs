use std::collections::HashSet;
use std::fs::{self, FileType, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::{Input, ReadError, Skipped};

/// What the named places hold.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Sorted by path within each named place.
    pub inputs: Vec<Input>,
    /// What cannot hold lines: sockets, devices, dangling links.
    pub skipped: Vec<Skipped>,
    /// What could not be looked at. The rest is listed all the same.
    pub problems: Vec<ReadError>,
}

/// Lists the files in and below `roots`, each once, whatever links lead to it; `-` is the standard input.
#[must_use]
pub fn discover(roots: &[PathBuf]) -> Discovery {
    let mut walk = Walk::default();
    for root in roots {
        let begin = walk.found.inputs.len();
        if root.as_os_str() == "-" {
            walk.found.inputs.push(Input::stdin());
        } else {
            walk.root(root);
        }
        if let Some(new) = walk.found.inputs.get_mut(begin..) {
            new.sort_by(|one, other| one.path.cmp(&other.path));
        }
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    found: Discovery,
    /// Device and inode of every file and folder seen: links may lead in circles.
    seen: HashSet<(u64, u64)>,
    /// Followed after everything else, so that a file keeps its own name when a link leads to it too.
    links: Vec<(PathBuf, String)>,
}

impl Walk {
    fn root(&mut self, root: &Path) {
        match fs::metadata(root) {
            Err(error) => self.found.problems.push(ReadError::open(root, error)),
            Ok(metadata) if metadata.is_dir() => self.visit(root, "", &metadata),
            Ok(metadata) => {
                let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy();
                // A pipe that the user names is read like a file (`<(zcat …)`); in a folder it could wait for ever.
                if metadata.file_type().is_fifo() {
                    self.found.inputs.push(Input::file(root, &name, &metadata));
                } else {
                    self.visit(root, &name, &metadata);
                }
            }
        }
        while let Some((path, shown)) = self.links.pop() {
            match fs::metadata(&path) {
                Ok(metadata) => self.visit(&path, &shown, &metadata),
                Err(_) => self.skip(shown, "a link that leads nowhere"),
            }
        }
    }

    fn visit(&mut self, path: &Path, shown: &str, metadata: &Metadata) {
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        if metadata.is_dir() {
            self.folder(path, shown);
        } else if let Some(reason) = not_a_file(metadata.file_type()) {
            self.skip(shown.to_owned(), reason);
        } else {
            self.found.inputs.push(Input::file(path, shown, metadata));
        }
    }

    fn folder(&mut self, path: &Path, shown: &str) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.found.problems.push(ReadError::open(path, error)),
        };
        for entry in entries {
            let looked = entry.and_then(|entry| Ok((entry.metadata()?, entry)));
            let (metadata, entry) = match looked {
                Ok(looked) => looked,
                Err(error) => {
                    self.found.problems.push(ReadError::open(path, error));
                    continue;
                }
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            let shown = if shown.is_empty() { name } else { format!("{shown}/{name}") };
            if metadata.is_symlink() {
                self.links.push((entry.path(), shown));
            } else {
                self.visit(&entry.path(), &shown, &metadata);
            }
        }
    }

    fn skip(&mut self, path: String, reason: &'static str) {
        self.found.skipped.push(Skipped { path, reason });
    }
}

fn not_a_file(kind: FileType) -> Option<&'static str> {
    if kind.is_socket() {
        Some("a socket")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else {
        None
    }
}
