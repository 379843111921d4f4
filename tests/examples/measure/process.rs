//! What processes use: the kernel's own account.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The most memory that was resident, in bytes.
    pub(crate) memory: u64,
}

/// Runs a command to its end, which must be a good one.
pub(crate) fn run(command: &mut Command) -> Result<Usage> {
    let mut child = silenced(command).spawn().context("failed to start a program")?;
    let began = Instant::now();
    let mut memory = 0;
    // A process that ended keeps its times until somebody waits for it, and gives its memory back at once.
    while !has_ended(&child)? {
        memory = memory.max(peak_memory(&child.id().to_string()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    let usage = Usage { wall: began.elapsed(), cpu: cpu(&child.id().to_string())?, memory };
    let status = child.wait()?;
    ensure!(status.success(), "{:?} ended with {status}", command.get_program());
    Ok(usage)
}

/// How long a command takes that looks for something, from its start to its end: nobody looks on meanwhile, which would
/// take time of its own. It ends with 1 when there is nothing, and takes words for something else than we do.
pub(crate) fn clock(command: &mut Command) -> Result<Duration> {
    let began = Instant::now();
    let status = silenced(command).status().context("failed to start a program")?;
    let wall = began.elapsed();
    ensure!(matches!(status.code(), Some(0 | 1)), "{:?} ended with {status}", command.get_program());
    Ok(wall)
}

fn silenced(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null())
}

fn has_ended(child: &Child) -> Result<bool> {
    Ok(stat(&child.id().to_string())?.first().is_some_and(|state| state == "Z"))
}

/// Of a process or of `self`, all threads.
pub(crate) fn cpu(process: &str) -> Result<Duration> {
    // The kernel counts in ticks of 10 ms on every machine that we know.
    let fields = stat(process)?;
    let ticks = fields.get(11..=12).context("`stat` is too short")?;
    let ticks: u64 = ticks.iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// The fields from the state on; the name before it may hold anything.
fn stat(process: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).context("only Linux has `/proc`")?;
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    Ok(fields.map(str::to_owned).collect())
}

/// Of a process or of `self`, in bytes.
pub(crate) fn peak_memory(process: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}
