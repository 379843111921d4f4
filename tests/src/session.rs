//! Somebody at a terminal: the built program, a store, and what each command printed.

use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::binary::checked_binary;
use crate::corpus;
use crate::score::import_cloud;

/// The program, with the store that it works on.
#[derive(Clone, Debug)]
pub struct Session {
    pub binary: PathBuf,
    pub store: PathBuf,
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The recorded cloud on disk, and in a store.
#[derive(Clone, Debug)]
pub struct RecordedCloud {
    pub folder: PathBuf,
    pub session: Session,
}

impl Session {
    /// With a store of its own, which need not exist yet.
    #[must_use]
    pub fn new(store: &Path) -> Self {
        Self { binary: binary().to_owned(), store: store.to_owned() }
    }

    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    /// With something on its standard input.
    #[must_use]
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was just built");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = input.to_owned();
        // Beside it, as a shell would: a pipe holds less than what we may have to say. It may also end without listening.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it was started");
        writer.join().expect("it does not panic");
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Not started yet, away from the user's own settings.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("CULPRIT_STORE", &self.store);
        for name in ["CULPRIT_CONFIG", "CULPRIT_FILTERS", "NO_COLOR", "CLICOLOR_FORCE", "TERM"] {
            command.env_remove(name);
        }
        command
    }

    /// The objects that a command prints with `--json`.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.run(&[&["--json"], arguments].concat());
        run.json()
    }
}

impl Run {
    /// One object a line, and nothing else.
    #[must_use]
    pub fn json(&self) -> Vec<Value> {
        let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in `{line}`"));
        assert!(!self.stdout.is_empty(), "nothing was printed: {self:?}");
        self.stdout.lines().map(read).collect()
    }
}

/// Imported once for all tests that run with this build: the folder is named after the program and the archive.
pub fn recorded_cloud(scratch: &Path) -> Result<RecordedCloud> {
    let folder = corpus::unpack(&corpus::archive(), scratch)?;
    let cloud = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(binary()).context("failed to read the program")?);
    let store = scratch.join(format!("store-{:016x}-{cloud}", hasher.finish()));
    if !store.exists() {
        // As with the folder itself: whoever is ready first gives it its name.
        let unfinished = tempfile::tempdir_in(scratch)?;
        import_cloud(binary(), &folder, &unfinished.path().join("store"))?;
        match fs::rename(unfinished.path().join("store"), &store) {
            Err(error) if !store.exists() => return Err(error).context("failed to name the store"),
            _ => {}
        }
    }
    Ok(RecordedCloud { folder, session: Session::new(&store) })
}

fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| checked_binary().expect("culprit builds"))
}
