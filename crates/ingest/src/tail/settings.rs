use std::time::Duration;

use crate::Settings;

/// What a tail reads, and its bounds.
#[derive(Clone, Debug)]
pub struct TailSettings {
    /// Absolute, as in `/var/log/**/*.log`: `*` stays within one folder's name.
    pub patterns: Vec<String>,
    /// The host that writes the files, when it is known: a text is only gone on with where the host is the same.
    pub host: Option<String>,
    /// Lines and batches.
    pub lines: Settings,
    /// What stands in files that are there before the first look and that no checkpoint knows.
    pub start: Start,
    pub max_files: usize,
    /// Files held open. Others are opened when they grow; what is then written and deleted between two looks is lost.
    pub max_open: usize,
    /// A last line without its end is handed over after such a time.
    pub half_after: Duration,
    /// A deleted file is let go when nothing was written to it for such a time.
    pub release_deleted: Duration,
    /// A file that rotation put aside, or that no pattern means any more, is let go when nothing was written to it for
    /// such a time.
    pub release_aside: Duration,
    /// A compressed file is read when it did not change for such a time, and a copy is told from another file.
    pub settle: Duration,
    /// Look at every file so often, without being told by the system that one changed.
    pub poll: Option<Duration>,
    /// Search the folders anew so often, whatever the system told.
    pub rescan: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Beginning,
    End,
}

impl Default for TailSettings {
    fn default() -> Self {
        Self {
            patterns: Vec::new(),
            host: None,
            lines: Settings::default(),
            start: Start::Beginning,
            max_files: 10_000,
            max_open: 512,
            half_after: Duration::from_secs(5),
            release_deleted: Duration::from_secs(5),
            release_aside: Duration::from_secs(600),
            settle: Duration::from_secs(2),
            poll: None,
            rescan: Duration::from_secs(10),
        }
    }
}
