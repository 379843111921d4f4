//! A process that is started again whenever it ends, as systemd would.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::world::World;

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    binary: PathBuf,
    arguments: Vec<OsString>,
    said: PathBuf,
    running: Option<Running>,
    /// Somebody wants it to be away for a while.
    away: bool,
    again_at: Instant,
    pub(crate) disk_is_full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Up,
    Agent,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// What was done to it that may end it.
    signals: Vec<i32>,
    /// Its disk was full at some time, or already when it began.
    met_full_disk: bool,
    began_with_full_disk: bool,
    asked_to_end: Option<Instant>,
}

/// `RestartSec`
const RESTART: Duration = Duration::from_millis(100);
/// To end takes no longer, whatever happens.
const PATIENCE: Duration = Duration::from_secs(40);

const HUP: i32 = 1;
const KILL: i32 = 9;
const TERM: i32 = 15;

const INTERRUPTED: i32 = 130;
/// `EX_CANTCREAT` and `EX_IOERR`.
const NO_ROOM: [i32; 2] = [73, 74];

impl Service {
    pub(crate) fn new(
        name: &str,
        kind: Kind,
        binary: &Path,
        arguments: Vec<OsString>,
        folder: &Path,
    ) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            binary: binary.to_owned(),
            arguments,
            said: folder.join(format!("{name}.stderr")),
            running: None,
            away: false,
            again_at: Instant::now(),
            disk_is_full: false,
        }
    }

    /// Looks after it: starts what ended.
    pub(crate) fn tend(&mut self, world: &World) -> Result<()> {
        let disk_is_full = self.disk_is_full;
        if let Some(running) = &mut self.running {
            running.met_full_disk |= disk_is_full;
            if let Some(status) = running.child.try_wait()? {
                world.note(format!("{} ended with {status}", self.name));
                self.ended(status)?;
                self.again_at = Instant::now() + RESTART;
            } else if running.asked_to_end.is_some_and(|asked| asked.elapsed() > PATIENCE) {
                bail!("{} does not end", self.name);
            }
        }
        if self.running.is_none() && !self.away && Instant::now() >= self.again_at {
            self.start()?;
            world.note(format!("{} starts", self.name));
        }
        Ok(())
    }

    /// As far as following its files.
    pub(crate) fn is_ready(&self) -> bool {
        fs::read_to_string(&self.said).is_ok_and(|said| said.contains("watching"))
    }

    pub(crate) fn kill(&mut self) {
        if let Some(running) = &mut self.running {
            running.signals.push(KILL);
            // It may just have ended.
            running.child.kill().ok();
        }
    }

    pub(crate) fn end(&mut self) -> Result<()> {
        if let Some(running) = &mut self.running {
            running.asked_to_end.get_or_insert_with(Instant::now);
        }
        self.signal("TERM", TERM)
    }

    pub(crate) fn hang_up(&mut self) -> Result<()> {
        self.signal("HUP", HUP)
    }

    pub(crate) fn freeze(&mut self) -> Result<()> {
        self.signal("STOP", 0)
    }

    pub(crate) fn thaw(&mut self) -> Result<()> {
        self.signal("CONT", 0)
    }

    pub(crate) fn stay_away(&mut self, away: bool) {
        self.away = away;
    }

    /// At last: asks it to end, and waits for that.
    pub(crate) fn close(&mut self, world: &World) -> Result<()> {
        self.away = true;
        self.end()?;
        while self.running.is_some() {
            self.tend(world)?;
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        let said = OpenOptions::new().create(true).append(true).open(&self.said)?;
        let mut command = Command::new(&self.binary);
        for name in ["CULPRIT_CONFIG", "CULPRIT_FILTERS", "CULPRIT_STORE", "CULPRIT_NOTIFICATIONS"] {
            command.env_remove(name);
        }
        let child = command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(File::create(self.said.with_extension("stdout"))?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("failed to start {}", self.name))?;
        let full = self.disk_is_full;
        self.running = Some(Running {
            child,
            signals: Vec::new(),
            met_full_disk: full,
            began_with_full_disk: full,
            asked_to_end: None,
        });
        Ok(())
    }

    fn signal(&mut self, name: &str, number: i32) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.signals.push(number);
        // It is not waited for, so the id is still its own, even when it has ended.
        let sent = Command::new("kill").args([format!("-{name}"), running.child.id().to_string()]).status();
        sent.context("failed to send a signal")?;
        Ok(())
    }

    /// Whether something that was done to it explains how it ended.
    fn ended(&mut self, status: ExitStatus) -> Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let said = String::from_utf8_lossy(&fs::read(&self.said)?).into_owned();
        ensure!(!said.contains("panicked"), "{} panicked", self.name);
        let no_room = match self.kind {
            Kind::Up => running.met_full_disk,
            // It waits, unless there is no room to begin.
            Kind::Agent => running.began_with_full_disk,
        };
        let asked = running.signals.iter().filter(|signal| **signal == TERM).count();
        let explained = match (status.code(), status.signal()) {
            (Some(0), _) => asked > 0,
            // Whoever asks twice does not want to wait.
            (Some(INTERRUPTED), _) => asked > 1,
            (Some(code), _) => no_room && NO_ROOM.contains(&code),
            (_, Some(signal)) => running.signals.contains(&signal),
            _ => false,
        };
        let last = said.lines().rev().take(4).collect::<Vec<_>>();
        let last: Vec<_> = last.into_iter().rev().collect();
        ensure!(explained, "{} ended with {status}: {}", self.name, last.join("\n"));
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may have ended by itself.
            running.child.kill().ok();
            running.child.wait().ok();
        }
    }
}
