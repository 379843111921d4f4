//! A recorded journal, and a script that gives it as `journalctl` does.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ingest::{Journal, JournalSettings, Place};
use std::sync::atomic::Ordering;

use crate::{Running, texts};

pub(crate) struct Recorded(tempfile::TempDir);

/// Follows the recorded entries from the one after the cursor on. With a file `once`, it ends instead of following.
const SCRIPT: &str = r#"#!/bin/sh
entries=$(dirname "$0")/entries
from=1
for argument in "$@"; do
    case $argument in
        --after-cursor=*)
            line=$(grep -nF "\"__CURSOR\":\"${argument#*=}\"" "$entries" | cut -d: -f1)
            from=$((line + 1)) ;;
    esac
done
if [ -e "$(dirname "$0")/once" ]; then
    tail -n "+$from" "$entries" | head -n 2
    exit
fi
exec tail -n "+$from" -f "$entries"
"#;

impl Recorded {
    pub(crate) fn create() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("journalctl");
        fs::write(&script, SCRIPT).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("entries"), "").unwrap();
        Self(folder)
    }

    pub(crate) fn record(&self, cursor: &str, message: &str) {
        let entry = format!("{{\"__CURSOR\":\"{cursor}\",\"MESSAGE\":\"{message}\"}}\n");
        self.append(entry.as_bytes());
    }

    fn append(&self, text: &[u8]) {
        let path = self.0.path().join("entries");
        OpenOptions::new().append(true).open(path).unwrap().write_all(text).unwrap();
    }

    pub(crate) fn journal(&self, batch_lines: usize, state: &[u8]) -> Journal {
        let settings = JournalSettings {
            command: self.0.path().join("journalctl"),
            host: "compute-02".to_owned(),
            batch_lines,
            pauses: (Duration::from_millis(1), Duration::from_millis(2)),
            ..JournalSettings::default()
        };
        Journal::new(settings, state)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_dies_is_started_again_where_it_was() {
    let recorded = Recorded::create();
    fs::write(recorded.0.path().join("once"), "").unwrap();
    (0..9).for_each(|number| recorded.record(&format!("s=1;i={number}"), "hi"));
    let journal = recorded.journal(100, b"");
    let restarts = journal.restarts();
    let mut running = Running::start(journal, 1);
    let lines = running.lines(9).await;
    let cursors: Vec<&str> = lines.iter().map(|line| line.split('"').nth(3).unwrap()).collect();
    assert_eq!(cursors, (0..9).map(|number| format!("s=1;i={number}")).collect::<Vec<_>>());
    assert!(restarts.load(Ordering::Relaxed) >= 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_stored_as_they_are_and_the_state_is_the_cursor() {
    let recorded = Recorded::create();
    recorded.append(b"-- No entries --\n");
    recorded.record("a", "one");
    // Binary fields are lists of bytes.
    recorded.append(b"{\"__CURSOR\":\"b\",\"MESSAGE\":[27,91,48,109,255]}\n{\"__CURSOR\":\"half");
    let mut running = Running::start(recorded.journal(1, b""), 8);
    running.next().await;
    let delivery = running.next().await;
    assert_eq!(texts(&delivery), [r#"{"__CURSOR":"b","MESSAGE":[27,91,48,109,255]}"#]);
    let name = "journald/compute-02".to_owned();
    assert_eq!(delivery.place, Place::Stream { name, state: b"b".to_vec() });
    assert_eq!(delivery.source.host.as_deref(), Some("compute-02"));
    running.stop().await;
}

#[tokio::test]
async fn a_command_that_is_not_there_is_an_error() {
    let settings = JournalSettings { command: "/nowhere/journalctl".into(), ..JournalSettings::default() };
    let running = Running::start(Journal::new(settings, b""), 1);
    let error = running.task.await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to start `/nowhere/journalctl`; check that it is installed and may be run"
    );
}
