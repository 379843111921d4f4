//! systemd's journal, as `journalctl` gives it.
//!
//! Entries are asked for as JSON: an entry is one line then, whatever bytes are in its fields, and that line is what is
//! stored and what `parse` reads. The state of the stream is the cursor of its last entry.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::delivery::{hand_over, stream_delivery};
use crate::line_splitter::{LineSplitter, Piece};
use crate::{Delivery, LiveSource, ReadError, Start};

#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// `journalctl`, or whatever takes its arguments.
    pub command: PathBuf,
    /// More arguments: `--directory=…`, `--unit=…`.
    pub arguments: Vec<String>,
    pub host: String,
    /// Where to begin when there is no cursor.
    pub start: Start,
    pub max_line: usize,
    pub batch_lines: usize,
    pub batch_bytes: usize,
    /// The pauses before it is started again, from the first to the longest.
    pub pauses: (Duration, Duration),
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            command: PathBuf::from("journalctl"),
            arguments: Vec::new(),
            host: "localhost".to_owned(),
            start: Start::Beginning,
            max_line: 1 << 20,
            batch_lines: 512,
            batch_bytes: 128 << 10,
            pauses: (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }
}

/// Follows the journal.
#[derive(Debug)]
pub struct Journal {
    settings: JournalSettings,
    cursor: Option<String>,
    restarts: Arc<AtomicU64>,
}

impl Journal {
    /// `state` is what was stored with the last entry; empty at the first start.
    #[must_use]
    pub fn new(settings: JournalSettings, state: &[u8]) -> Self {
        let cursor = String::from_utf8(state.to_vec()).ok().filter(|cursor| !cursor.is_empty());
        Self { settings, cursor, restarts: Arc::default() }
    }

    /// The name of its stream.
    #[must_use]
    pub fn name(&self) -> String {
        format!("journald/{}", self.settings.host)
    }

    /// How often `journalctl` ended and was started again.
    #[must_use]
    pub fn restarts(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.restarts)
    }

    fn start(&self) -> Result<(Child, ChildStdout), ReadError> {
        let settings = &self.settings;
        let mut command = Command::new(&settings.command);
        command.args(["--output=json", "--all", "--quiet", "--follow"]).args(&settings.arguments);
        match (&self.cursor, settings.start) {
            (Some(cursor), _) => command.arg("--no-tail").arg(format!("--after-cursor={cursor}")),
            (None, Start::Beginning) => command.arg("--no-tail"),
            (None, Start::End) => command.arg("--lines=0"),
        };
        let failed = |source| ReadError::Start { command: settings.command.display().to_string(), source };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        let stdout = child.stdout.take().expect("it is piped");
        Ok((child, stdout))
    }

    /// Hands over what one child says, until it ends. Tells whether it said anything; `None` when it is time to end.
    async fn follow(
        &mut self,
        mut from: ChildStdout,
        out: &mpsc::Sender<Delivery>,
        stop: &CancellationToken,
    ) -> Option<bool> {
        let mut splitter = LineSplitter::new(self.settings.max_line);
        let mut buffer = vec![0; 64 << 10];
        let mut said = false;
        loop {
            let read = tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                () = out.closed() => return None,
                read = from.read(&mut buffer) => read,
            };
            // An entry without its end comes again, from the cursor before it.
            let Ok(length @ 1..) = read else { return Some(said) };
            let mut bytes = buffer.get(..length).unwrap_or_default();
            while !bytes.is_empty() {
                let entries = self.take(&mut splitter, &mut bytes);
                let Some(state) = self.cursor.clone().filter(|_| !entries.is_empty()) else { continue };
                said = true;
                let host = Some(self.settings.host.clone());
                let delivery = stream_delivery(self.name(), host, state.into_bytes(), entries);
                if !hand_over(out, delivery, stop).await {
                    return None;
                }
            }
        }
    }

    /// As many whole entries as fit into a batch.
    fn take(&mut self, splitter: &mut LineSplitter, bytes: &mut &[u8]) -> Vec<Piece> {
        let mut entries = Vec::new();
        let mut size = 0;
        while !bytes.is_empty()
            && entries.len() < self.settings.batch_lines
            && size < self.settings.batch_bytes
        {
            let (taken, line) = splitter.push(bytes);
            *bytes = bytes.get(taken..).unwrap_or_default();
            // What has no cursor is no entry: a message of journalctl itself.
            if let Some((entry, cursor)) = line.and_then(|line| Some((cursor(&line.text)?, line))) {
                size += cursor.text.len();
                self.cursor = Some(entry);
                entries.push(cursor);
            }
        }
        entries
    }
}

impl LiveSource for Journal {
    async fn run(mut self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let (shortest, longest) = self.settings.pauses;
        let mut pause = shortest;
        let mut started_before = false;
        loop {
            match self.start() {
                Ok((child, stdout)) => {
                    started_before = true;
                    let said = self.follow(stdout, &out, &stop).await;
                    end(child).await;
                    let Some(said) = said else { return Ok(()) };
                    pause = if said { shortest } else { pause };
                }
                // Whoever has it installed anew may need a moment.
                Err(_) if started_before => {}
                Err(error) => return Err(error),
            }
            self.restarts.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = out.closed() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(longest);
        }
    }
}

/// Nobody is left behind.
async fn end(mut child: Child) {
    // It may have ended by itself, and then there is nothing to kill.
    child.kill().await.ok();
}

/// The value of `__CURSOR`, which no program can set: fields that begin so are the journal's own. It stands before
/// the fields of programs.
fn cursor(entry: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"__CURSOR\"";
    let at = memchr::memmem::find(entry, KEY)? + KEY.len();
    let rest =
        entry.get(at..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', rest)?;
    let cursor = rest.get(..end).filter(|cursor| !cursor.is_empty() && !cursor.contains(&b'\\'))?;
    String::from_utf8(cursor.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_of_an_entry_is_found() {
        let check = |entry: &str, expected: Option<&str>| {
            assert_eq!(cursor(entry.as_bytes()).as_deref(), expected, "{entry}");
        };
        check(r#"{"__CURSOR":"s=7;i=1","MESSAGE":"x"}"#, Some("s=7;i=1"));
        check(r#"{"__CURSOR" : "s=7", "MESSAGE":[1,2]}"#, Some("s=7"));
        check(r#"{"MESSAGE":"\"__CURSOR\":\"fake\"","__CURSOR":"s=8"}"#, Some("s=8"));
        check(r#"{"MESSAGE":"x"}"#, None);
        check("-- No entries --", None);
    }
}
