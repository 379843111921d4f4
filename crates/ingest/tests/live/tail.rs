//! Files that grow while the system tells of it.

use std::fs;
use std::io::Write;
use std::time::Duration;

use ingest::{LiveTail, TailSettings};

use crate::Running;

/// So rare that nothing is found by it while a test runs.
const NEVER: Duration = Duration::from_secs(3600);

fn start(folder: &tempfile::TempDir, patterns: &[&str]) -> Running {
    let patterns = patterns.iter().map(|pattern| format!("{}/{pattern}", folder.path().display())).collect();
    let settings = TailSettings { patterns, rescan: NEVER, ..TailSettings::default() };
    Running::start(LiveTail::new(settings, Vec::new()).unwrap(), 4)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_files_and_folders_are_told_by_the_system() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.log"), "1\n").unwrap();
    let mut running = start(&folder, &["**/*.log"]);
    assert_eq!(running.lines(1).await, ["1"]);
    fs::create_dir_all(folder.path().join("new/deep")).unwrap();
    fs::write(folder.path().join("new/deep/b.log"), "2\n").unwrap();
    assert_eq!(running.lines(1).await, ["2"]);
    let mut file = fs::File::options().append(true).open(folder.path().join("new/deep/b.log")).unwrap();
    for number in 3..20 {
        writeln!(file, "{number}").unwrap();
        assert_eq!(running.lines(1).await, [number.to_string()]);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_that_a_pattern_names_may_come_later() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.log"), "1\n").unwrap();
    let mut running = start(&folder, &["a.log", "later/deep/er/*.log"]);
    assert_eq!(running.lines(1).await, ["1"]);
    for (part, number) in [("later", 2), ("later/deep", 3), ("later/deep/er", 4)] {
        fs::create_dir(folder.path().join(part)).unwrap();
        let mut file = fs::File::options().append(true).open(folder.path().join("a.log")).unwrap();
        writeln!(file, "{number}").unwrap();
        assert_eq!(running.lines(1).await, [number.to_string()]);
    }
    fs::write(folder.path().join("later/deep/er/b.log"), "5\n").unwrap();
    assert_eq!(running.lines(1).await, ["5"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_under_load_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: String| folder.path().join(name);
    let mut running = start(&folder, &["a.log*"]);
    let (files, per_file) = (20, 500);
    for round in 0..files {
        let mut file = fs::File::options().create(true).append(true).open(at("a.log".into())).unwrap();
        for number in 0..per_file {
            writeln!(file, "{}", round * per_file + number).unwrap();
        }
        fs::rename(at("a.log".into()), at(format!("a.log.{}", files - round))).unwrap();
    }
    let mut lines: Vec<usize> =
        running.lines(files * per_file).await.iter().map(|line| line.parse().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..files * per_file).collect::<Vec<_>>());
    running.stop().await;
}

#[test]
fn a_pattern_that_is_none_is_an_error() {
    let settings = TailSettings { patterns: vec!["/var/log/[".into()], ..TailSettings::default() };
    let error = LiveTail::new(settings, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "`/var/log/[` is no pattern for files; write it as in `/var/log/**/*.log`");
}
