//! What `culprit agent` keeps until it is sent.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use culprit_tests::growing::Place;
use culprit_tests::running::Running;
use flate2::read::DeflateDecoder;

#[test]
fn no_secret_stands_in_the_buffer() {
    let place = Place::default();
    let buffer = place.folder.path().join("buffer");
    let digits = "MIIEpAIBAAKCAQEA1234567890";
    let lines = [
        "2026-11-21 03:00:00.000 1 INFO nova.first [-] connection = mysql+pymysql://nova:hunter2@10.0.0.11/nova",
        "2026-11-21 03:00:01.000 1 INFO nova.first [-] {'adminPass': 'hunter2', 'name': 'x'}",
        "-----BEGIN PRIVATE KEY-----",
        digits,
        "-----END PRIVATE KEY-----",
        "2026-11-21 03:00:02.000 1 INFO nova.first [-] the last one",
    ];
    // Nobody listens there: the lines wait.
    let arguments =
        ["agent", "--to", "http://127.0.0.1:9", "--host", "probe", "--buffer", buffer.to_str().unwrap()];
    let logs = place.logs().join("*.log").display().to_string();
    let agent = Running::start(place.session.command(&[&arguments[..], &[&logs]].concat()), "watching");
    for line in lines {
        place.append("nova.log", format!("{line}\n").as_bytes());
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let kept = loop {
        let kept = inflated(&buffer);
        if kept.contains("the last one") {
            break kept;
        }
        assert!(Instant::now() < deadline, "the lines are not kept");
    };
    agent.end();
    for masked in
        ["//nova:***@10.0.0.11/nova", "{'adminPass': '***', 'name': 'x'}", "-----BEGIN PRIVATE KEY-----***"]
    {
        assert!(kept.contains(masked), "{masked}\n{kept}");
    }
    for secret in ["hunter2", digits] {
        assert!(!kept.contains(secret), "{kept}");
    }
}

/// All that stands in the files of a folder, as it is and decompressed from wherever that is possible.
fn inflated(folder: &Path) -> String {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(inflated(&path).into_bytes());
            continue;
        }
        // It may be gone by now.
        let bytes = fs::read(&path).unwrap_or_default();
        for start in 0..bytes.len() {
            let mut piece = Vec::new();
            // What cannot be decompressed ends early.
            DeflateDecoder::new(&bytes[start..]).take(1 << 20).read_to_end(&mut piece).ok();
            all.extend(piece);
        }
        all.extend(bytes);
    }
    String::from_utf8_lossy(&all).into_owned()
}
