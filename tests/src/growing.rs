//! Logs that grow, and a store beside them.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::running::Running;
use crate::session::{Session, recorded_cloud};

/// The logs of the recorded cloud, by their paths, and what each holds.
#[must_use]
pub fn recorded_logs(scratch: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let logs = recorded_cloud(scratch).expect("it comes with the project").folder.join("logs");
    let mut files = Vec::new();
    let mut folders = vec![logs.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it was unpacked") {
            let path = entry.expect("it was unpacked").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "log") {
                let name = path.strip_prefix(&logs).expect("it lies below").to_owned();
                files.push((name, fs::read(&path).expect("it was unpacked")));
            }
        }
    }
    files.sort();
    files
}

/// A folder with logs that grow and a store.
#[derive(Debug)]
pub struct Place {
    pub folder: TempDir,
    pub session: Session,
}

impl Default for Place {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let session = Session::new(&folder.path().join("store"));
        fs::create_dir_all(folder.path().join("logs")).expect("there is room");
        Self { folder, session }
    }
}

impl Place {
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    pub fn append(&self, name: impl AsRef<Path>, text: &[u8]) {
        let path = self.logs().join(name);
        fs::create_dir_all(path.parent().expect("it lies below")).expect("there is room");
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(text)).expect("there is room");
    }

    /// `culprit up --json` on the logs, with more arguments.
    #[must_use]
    pub fn up(&self, arguments: &[&str]) -> Running {
        let logs = self.logs().join("**/*.log").display().to_string();
        let usual = ["--json", "up", "--host", "recorded", &logs];
        Running::start(self.session.command(&[&usual, arguments].concat()), "watching")
    }

    /// Another command on the same store, while it is being written.
    #[must_use]
    pub fn follow(&self, arguments: &[&str]) -> Running {
        Running::start(self.session.command(&[&["--json"], arguments].concat()), "following")
    }

    /// How every request ended, and why.
    #[must_use]
    pub fn verdicts(&self) -> Vec<String> {
        let told = |request: &Value| {
            let cause = &request["cause"];
            format!("{} {} {} {}", request["request"], request["outcome"], cause["slug"], cause["text"])
        };
        let mut verdicts: Vec<String> =
            self.session.json(&["requests", "--limit", "0"]).iter().map(told).collect();
        verdicts.sort();
        verdicts
    }
}
