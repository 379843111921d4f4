//! `culprit up` on files that grow, as users run it.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use culprit_tests::binary::checked_binary;
use culprit_tests::session::{RecordedCloud, Session, recorded_cloud};
use serde_json::Value;
use tempfile::TempDir;

fn cloud() -> RecordedCloud {
    recorded_cloud(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

/// The logs of the recorded cloud, and what each holds.
fn recorded() -> Vec<(PathBuf, Vec<u8>)> {
    let logs = cloud().folder.join("logs");
    let mut files = Vec::new();
    let mut folders = vec![logs.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "log") {
                files.push((path.strip_prefix(&logs).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// A folder with logs that grow and a store.
struct Place {
    folder: TempDir,
    session: Session,
}

/// `culprit up --json`, running.
struct Up {
    child: Child,
    news: BufReader<ChildStdout>,
    remarks: BufReader<ChildStderr>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::new(&folder.path().join("store"));
        Self { folder, session }
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    fn append(&self, name: &Path, text: &[u8]) {
        let path = self.logs().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text).unwrap();
    }

    fn up(&self) -> Up {
        let mut child = Command::new(checked_binary().unwrap())
            .arg("--store")
            .arg(self.folder.path().join("store"))
            .args(["--json", "up", "--host", "recorded"])
            .arg(self.logs().join("**/*.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let news = BufReader::new(child.stdout.take().unwrap());
        let mut remarks = BufReader::new(child.stderr.take().unwrap());
        let mut ready = String::new();
        remarks.read_line(&mut ready).unwrap();
        assert!(ready.starts_with("watching"), "{ready}");
        Up { child, news, remarks }
    }

    /// How every request ended, and why.
    fn verdicts(&self) -> Vec<String> {
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

impl Up {
    /// Waits for the next failure.
    fn next(&mut self) -> Value {
        let mut row = String::new();
        self.news.read_line(&mut row).unwrap();
        serde_json::from_str(&row).unwrap_or_else(|error| panic!("{error}: `{row}`"))
    }

    /// Asks it to end, and waits for that; what it said last.
    fn end(mut self) -> String {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        let mut rest = String::new();
        self.remarks.read_line(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The request that the quota refused fails in these lines of nova-api's log.
const REFUSED: &str = "req-da87e23c-3212-4e7e-ba34-16b6f983548e";

#[test]
fn a_failure_is_told_as_it_happens_and_nothing_is_read_twice() {
    let place = Place::new();
    let log = recorded().into_iter().find(|(path, _)| path.ends_with("nova/nova-api.log")).unwrap();
    let lines: Vec<&[u8]> = log.1.split_inclusive(|byte| *byte == b'\n').collect();
    place.append(&log.0, &lines[2300..2310].concat());
    let mut up = place.up();
    // A line that comes in two pieces.
    let (half, whole) = lines[2310].split_at(40);
    place.append(&log.0, half);
    place.append(&log.0, &[whole, &lines[2311..2430].concat()].concat());
    let told = std::iter::repeat_with(|| up.next()).find(|told| told["request"] == REFUSED).unwrap();
    assert_eq!(told["outcome"], "failed");
    assert!(told["cause"]["text"].as_str().unwrap().contains("Quota exceeded"), "{told}");
    // Killed, and rotated before it comes back.
    up.kill();
    fs::rename(place.logs().join(&log.0), place.logs().join("controller/nova/nova-api.log.1")).unwrap();
    place.append(&log.0, &lines[2430..2480].concat());
    let up = place.up();
    let end = end_when_stored(&place, up, 180);
    assert!(end.starts_with("stored "), "{end}");
    let again = place.session.json(&["import", place.logs().to_str().unwrap(), "--host", "recorded"]);
    assert_eq!(again.last().unwrap()["new_lines"], 0, "{again:?}");
}

/// Waits until so many lines are committed, which is soon; then ends it.
fn end_when_stored(place: &Place, up: Up, lines: u64) -> String {
    let stored = || place.session.json(&["doctor"])[0]["lines"].as_u64().unwrap();
    while stored() < lines {
        std::thread::yield_now();
    }
    let end = up.end();
    assert_eq!(stored(), lines);
    end
}

#[test]
fn what_is_followed_is_judged_like_what_is_imported() {
    let (live, imported) = (Place::new(), Place::new());
    let recorded = recorded();
    for (path, text) in &recorded {
        imported.append(path, text);
    }
    let report = imported.session.json(&["import", imported.logs().to_str().unwrap(), "--host", "recorded"]);
    assert_eq!(report.last().unwrap()["files"], recorded.len());
    let expected = imported.verdicts();
    let failed = expected.iter().filter(|verdict| verdict.contains("\"failed\"")).count();
    assert!(failed > 100, "{failed}");

    fs::create_dir_all(live.logs()).unwrap();
    let mut up = live.up();
    // In three pieces, each file after the other: the order in which lines come changes nothing.
    for piece in 0..3 {
        for (path, text) in &recorded {
            let cut = |at: usize| text.len() * at / 3;
            live.append(path, &text[cut(piece)..cut(piece + 1)]);
        }
    }
    let mut told = std::collections::BTreeSet::new();
    while told.len() < failed {
        told.insert(up.next()["request"].to_string());
    }
    up.end();
    assert_eq!(live.verdicts(), expected);
}
