//! What goes wrong while a process writes.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use culprit_tests::random::Random;

use crate::system_calls::Injection;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    None,
    /// kill -9 after a while.
    Kill(Duration),
    /// kill -9 when so many commits were seen, as near to the renaming as can be.
    KillAtCommit(u64),
    /// Like `KillAtCommit`, right before.
    KillBeforeCommit(u64),
    /// No file can grow beyond so many KiB.
    SmallFiles(u64),
    /// So many files can be open.
    FewFiles(u64),
    /// At a system call.
    Traced(Injection),
}

impl Fault {
    /// `usual` is how long a run takes that nobody disturbs.
    pub(crate) fn choose(random: &mut Random, usual: Duration, traced: bool) -> Self {
        let micros = u64::try_from(usual.as_micros()).unwrap_or(u64::MAX);
        match random.below(if traced { 20 } else { 12 }) {
            0..6 => Self::Kill(Duration::from_micros(random.mostly_small(micros))),
            6 | 7 => Self::KillAtCommit(1 + random.below(6)),
            8 | 9 => Self::KillBeforeCommit(random.below(6)),
            10 => Self::SmallFiles(1 + random.below(200)),
            11 => Self::FewFiles(8 + random.below(40)),
            12..16 => Self::Traced(Injection::kill(random)),
            _ => Self::Traced(Injection::refuse(random)),
        }
    }

    /// Limits are set by a shell, as only the process itself can lower its own. `calls` is where a traced process has its
    /// system calls written.
    pub(crate) fn command(self, program: &Path, calls: &Path) -> Command {
        let limit = match self {
            Self::Traced(injection) => return injection.command(program, calls),
            // The signal would end the process; ignored, the write fails.
            Self::SmallFiles(kilobytes) => {
                format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kilobytes * 2)
            }
            Self::FewFiles(files) => format!("ulimit -n {files}; exec \"$0\" \"$@\""),
            _ => return Command::new(program),
        };
        let mut command = Command::new("sh");
        command.args(["-c", &limit]).arg(program);
        command
    }

    /// Whether the world failed the process, so that it may end with an error.
    pub(crate) fn may_fail(self) -> bool {
        match self {
            Self::SmallFiles(_) | Self::FewFiles(_) => true,
            Self::Traced(injection) => !injection.is_kill(),
            _ => false,
        }
    }

    fn kills_itself(self) -> bool {
        matches!(self, Self::Traced(injection) if injection.is_kill())
    }
}

/// How a disturbed process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Killed,
    Failed,
}

/// Runs the command, and does to it what the fault says. An end that no fault explains is an error.
pub(crate) fn suffer(mut command: Command, fault: Fault, store: &Path, small_disk: bool) -> Result<End> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start a writer")?;
    let killed = strike(&mut child, fault, store)? || fault.kills_itself();
    let mut said = String::new();
    let mut stderr = child.stderr.take().context("stderr is piped")?;
    stderr.read_to_string(&mut said)?;
    let status = child.wait()?;
    end(status, killed, fault.may_fail() || small_disk, &said)
}

fn end(status: ExitStatus, killed: bool, may_fail: bool, said: &str) -> Result<End> {
    const PANICKED: i32 = 101;
    match status.code() {
        Some(0) => Ok(End::Done),
        None if killed => Ok(End::Killed),
        Some(code) if may_fail && code != PANICKED && !said.contains("panicked") => Ok(End::Failed),
        _ => anyhow::bail!("a writer ended with {status}: {said}"),
    }
}

/// Kills the process when its moment has come; false when it ended before.
fn strike(child: &mut Child, fault: Fault, store: &Path) -> Result<bool> {
    let began = Instant::now();
    let pause = Duration::from_micros(50);
    let manifest = store.join("manifest");
    let modified = || fs::metadata(&manifest).and_then(|metadata| metadata.modified()).ok();
    let (mut last, mut commits) = (modified(), 0);
    loop {
        let due = match fault {
            Fault::Kill(after) => began.elapsed() >= after,
            Fault::KillAtCommit(wanted) => commits >= wanted,
            Fault::KillBeforeCommit(after) => commits >= after && store.join("manifest.new").exists(),
            _ => return Ok(false),
        };
        if due {
            child.kill()?;
            return Ok(true);
        }
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        let now = modified();
        commits += u64::from(now != last);
        last = now;
        std::thread::sleep(pause);
    }
}

/// After a power failure, what was not synced may be cut, filled with zeros, garbled or gone. Everything that is younger
/// than the manifest is not committed. How many files were torn.
pub(crate) fn tear(store: &Path, random: &mut Random) -> Result<u64> {
    let Ok(committed) = fs::metadata(store.join("manifest")).and_then(|metadata| metadata.modified()) else {
        return Ok(0);
    };
    let mut torn = 0;
    for path in files(store)? {
        let metadata = fs::metadata(&path)?;
        if metadata.modified()? > committed && random.one_in(2) {
            tear_file(&path, metadata.len(), random)?;
            torn += 1;
        }
    }
    if random.one_in(3) {
        fs::write(store.join("manifest.new"), b"culprit store ")?;
        let stray = store.join("segments").join((random.below(1000) + 1_000_000).to_string());
        fs::create_dir_all(stray.join("words"))?;
        fs::write(stray.join("blocks"), b"half a block")?;
        torn += 2;
    }
    Ok(torn)
}

fn tear_file(path: &Path, length: u64, random: &mut Random) -> Result<()> {
    let mut file = fs::File::options().write(true).open(path)?;
    let at = random.below(length + 1);
    match random.below(4) {
        0 => fs::remove_file(path)?,
        1 => file.set_len(at)?,
        2 => {
            file.set_len(at)?;
            file.set_len(length)?;
        }
        _ => {
            file.seek(SeekFrom::Start(at))?;
            let noise: Vec<u8> = (at..length).map(|_| random.number().to_le_bytes()[0]).collect();
            file.write_all(&noise)?;
        }
    }
    Ok(())
}

/// All files of a store.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("failed to list `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}
