use std::collections::HashMap;
use std::path::PathBuf;

use ingest::Settings;
use parse::Zone;

/// What to import, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub store: PathBuf,
    /// Files and folders; `-` is the standard input.
    pub paths: Vec<PathBuf>,
    pub zones: Zones,
    /// Win over what paths tell.
    pub host: Option<String>,
    pub service: Option<String>,
    pub daemon: Option<String>,
    pub settings: Settings,
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
