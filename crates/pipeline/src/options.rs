use std::collections::HashMap;
use std::path::PathBuf;

use correlate::IncidentRule;
use ingest::Settings;
use model::Timestamp;
use parse::Zone;

use crate::watched::StuckRule;

/// What to import, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub store: PathBuf,
    /// Files and folders; `-` is the standard input.
    pub paths: Vec<PathBuf>,
    pub zones: Zones,
    /// Wins over what paths tell.
    pub place: Place,
    pub settings: Settings,
    pub sizes: Sizes,
}

/// Where live lines go, and how.
#[derive(Clone, Debug, Default)]
pub struct LiveOptions {
    pub store: PathBuf,
    pub zones: Zones,
    /// Wrote what neither its source nor its path tells a host of: this machine.
    pub host: Option<String>,
    pub sizes: Sizes,
    pub stuck: StuckRule,
    pub incidents: IncidentRule,
    pub keep: Keep,
    /// What the clock said at the start.
    pub started: Timestamp,
}

/// What is dropped, whole days at a time. Without either, nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    pub days: Option<u32>,
    /// On the disk.
    pub most_bytes: Option<u64>,
}

/// Who wrote the lines, as far as the user says.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub host: Option<String>,
    pub service: Option<String>,
    pub daemon: Option<String>,
}

/// How much is done at a time. Tests make them small, so that little input makes many commits.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Bytes of text between commits: a crash costs no more than reading so much again.
    pub commit_bytes: usize,
    pub store: index::Options,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { commit_bytes: 256 << 20, store: index::Options::default() }
    }
}

/// In which zone hosts write times that do not say theirs.
#[derive(Clone, Debug)]
pub struct Zones {
    pub usual: Zone,
    pub of_host: HashMap<String, Zone>,
}

impl Default for Zones {
    fn default() -> Self {
        Self { usual: Zone::UTC, of_host: HashMap::new() }
    }
}

impl Zones {
    #[must_use]
    pub fn of(&self, host: Option<&str>) -> Zone {
        host.and_then(|host| self.of_host.get(host)).copied().unwrap_or(self.usual)
    }
}
