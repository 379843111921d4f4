//! A small cloud, generated from the real recording.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::Path;

use serde_json::Value;

use super::clock;
use super::plan::{Plan, Wishes};
use super::recording::{Line, Recording};
use super::{Size, recorded_cloud, write};

const WISHES: Wishes = Wishes { bytes: 90_000_000, notifications: 0.1, hours: 24.0, failures: 0.3, seed: 7 };

fn generate(recording: &Recording, wishes: &Wishes, folder: &Path) {
    let plan = Plan::new(recording, wishes);
    write::write_cloud(recording, &plan, wishes, folder, |_| {}).unwrap();
}

/// Every file below `folder`, by its path there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn hash_of(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, content) in files(folder) {
        hasher.write(name.as_bytes());
        hasher.write(&content);
    }
    hasher.finish()
}

#[test]
fn a_generated_cloud_is_like_the_recorded_one() {
    let recording = Recording::read(&recorded_cloud().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    generate(&recording, &WISHES, folder.path());
    let files = files(folder.path());
    let truth: Vec<Value> =
        lines(&files["truth.jsonl"]).map(|line| serde_json::from_slice(line).unwrap()).collect();

    check_account(&files);
    check_places(&files, &truth);
    check_ids(&recording, &files, &truth);
    check_order(&recording, &files);
    check_nothing_survives(&recording, &files);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let recording = Recording::read(&recorded_cloud().unwrap()).unwrap();
    let hash = |seed| {
        let folder = tempfile::tempdir().unwrap();
        // Several cells, the last of which are cut short.
        let wishes = Wishes { bytes: 20_000_000, hours: 0.3, seed, ..WISHES };
        generate(&recording, &wishes, folder.path());
        hash_of(folder.path())
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap())
}

/// The manifest is exact, and the wishes came true.
fn check_account(files: &BTreeMap<String, Vec<u8>>) {
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let account = manifest["files"].as_object().unwrap();
    let mut total = 0;
    for (name, content) in
        files.iter().filter(|(name, _)| !matches!(name.as_str(), "manifest.json" | "truth.jsonl"))
    {
        let (count, bytes) = (lines(content).count() as u64, content.len() as u64);
        assert_eq!(account[name]["lines"].as_u64(), Some(count), "{name}");
        assert_eq!(account[name]["bytes"].as_u64(), Some(bytes), "{name}");
        total += bytes;
    }
    assert_eq!(manifest["bytes"].as_u64(), Some(total));
    assert_eq!(account.len(), files.len() - 2);
    assert!(total.abs_diff(WISHES.bytes) < WISHES.bytes / 20, "{total}");
    let notifications = files["notifications.jsonl"].len() as u64;
    assert!((total / 20..total / 6).contains(&notifications), "{notifications} of {total}");
}

/// The lines that explain a failure stand where the truth says, and there are some.
fn check_places(files: &BTreeMap<String, Vec<u8>>, truth: &[Value]) {
    let mut explained = 0;
    for cause in truth.iter().map(|case| &case["root_cause"]).filter(|cause| !cause.is_null()) {
        let number = usize::try_from(cause["line"].as_u64().unwrap()).unwrap();
        let line = lines(&files[cause["file"].as_str().unwrap()]).nth(number - 1).unwrap();
        assert_eq!(String::from_utf8_lossy(line), cause["text"].as_str().unwrap());
        for place in cause["also"].as_array().unwrap() {
            let (file, number) = place.as_str().unwrap().rsplit_once(':').unwrap();
            assert!(lines(&files[file]).count() >= number.parse().unwrap(), "{place}");
        }
        explained += 1;
    }
    assert!(explained > 10, "{explained}");
}

/// A case's ids stand in the logs of the same daemons as in the recording.
fn check_ids(recording: &Recording, files: &BTreeMap<String, Vec<u8>>, truth: &[Value]) {
    let recorded: Vec<Value> = (recording.cases.iter())
        .map(|case| serde_json::from_slice(recording.text_of(&case.line)).unwrap())
        .collect();
    let logs = |files: Vec<(&str, &[u8])>, id: &str| -> BTreeSet<String> {
        let holds = |content: &[u8]| find(content, id.as_bytes());
        files.into_iter().filter(|(_, content)| holds(content)).map(|(name, _)| daemon_of(name)).collect()
    };
    let log_files = recording.files.iter().map(|file| {
        let (first, last) = (file.lines.first().unwrap(), file.lines.last().unwrap());
        let content = &recording.text[first.text.0 as usize..last.text.1 as usize];
        (str::from_utf8(recording.text_of(&file.path)).unwrap(), content)
    });
    let recorded_logs: Vec<(&str, &[u8])> = log_files.collect();
    let written_logs: Vec<(&str, &[u8])> = (files.iter())
        .filter(|(name, _)| name.starts_with("logs/"))
        .map(|(name, content)| (name.as_str(), content.as_slice()))
        .collect();
    for case in truth.iter().filter(|case| case["root_cause"]["line"].is_u64()).take(20) {
        let name = case["case"].as_str().unwrap();
        let original =
            recorded.iter().find(|other| name.starts_with(&format!("{}-", other["case"].as_str().unwrap())));
        let original = original.unwrap();
        for field in ["request_id", "instance_uuid"] {
            if let (Some(id), Some(new)) = (original[field].as_str(), case[field].as_str()) {
                let (expected, found) = (logs(recorded_logs.clone(), id), logs(written_logs.clone(), new));
                assert_eq!(found, expected, "{name} {field} {id} {new}");
            }
        }
    }
}

/// `nova/nova-api` of `logs/controller/nova/nova-api.log`; files of instances count as one daemon's.
fn daemon_of(path: &str) -> String {
    let path = path.splitn(3, '/').nth(2).unwrap();
    path.split("instance-").next().unwrap().replace("-01", "")
}

fn find(content: &[u8], wanted: &[u8]) -> bool {
    content.windows(wanted.len()).any(|window| window == wanted)
}

/// No file goes further back in time than the recorded one did.
fn check_order(recording: &Recording, files: &BTreeMap<String, Vec<u8>>) {
    let seconds = |content: &[u8]| -> Vec<i32> {
        let of_line = |line: &[u8]| second_of(line);
        lines(content).filter_map(of_line).collect()
    };
    let furthest_back = |seconds: &[i32]| {
        let steps = seconds.windows(2).map(|pair| pair[0] - pair[1]);
        steps.max().unwrap_or_default().max(0)
    };
    let recorded_steps = recording.files.iter().map(|file| {
        let texts = |line: &Line| second_of(recording.text_of(line));
        furthest_back(&file.lines.iter().filter_map(texts).collect::<Vec<_>>())
    });
    let allowed = recorded_steps.max().unwrap();
    assert!(allowed < 10, "{allowed}");
    for (name, content) in files.iter().filter(|(name, _)| name.ends_with(".log")) {
        assert!(furthest_back(&seconds(content)) <= allowed, "{name}");
    }
    let received: Vec<&[u8]> = lines(&files["notifications.jsonl"]).map(|line| &line[..40]).collect();
    assert!(received.is_sorted());
}

fn second_of(line: &[u8]) -> Option<i32> {
    clock::read(line).map(|(_, second, _)| second)
}

/// Except nobody's, no id of the recording is in the copy: found by its shape alone.
fn check_nothing_survives(recording: &Recording, files: &BTreeMap<String, Vec<u8>>) {
    let recorded = ids_in(&recording.text);
    assert!(recorded.len() > 10_000);
    for (name, content) in files {
        let survivors: Vec<&[u8]> = ids_in(content).intersection(&recorded).copied().collect();
        let survivors = survivors
            .iter()
            .map(|id| String::from_utf8_lossy(id))
            .filter(|id| !id.trim_matches(['0', '-']).is_empty());
        assert_eq!(survivors.collect::<Vec<_>>(), [""; 0], "{name}");
    }
}

/// Whatever looks like an id with dashes, whichever signs stand around it.
fn ids_in(text: &[u8]) -> HashSet<&[u8]> {
    let is_id = |text: &&[u8]| {
        text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        })
    };
    text.windows(36).filter(|window| window[8] == b'-' && window[13] == b'-').filter(is_id).collect()
}

#[test]
fn sizes_have_units() {
    for (text, bytes) in [("500M", 500_000_000), ("10G", 10_000_000_000), ("64K", 64_000), ("123", 123)] {
        assert_eq!(text.parse::<Size>().unwrap(), Size(bytes));
    }
    for odd in ["", "G", "10T", "1GG", "1.5G", "-1", "99999999999G"] {
        assert!(odd.parse::<Size>().is_err(), "{odd}");
    }
}
