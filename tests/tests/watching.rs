//! `culprit watch` and `culprit tail` beside a `culprit up` that goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use culprit_tests::growing::{Place, recorded_logs};

fn recorded() -> Vec<(std::path::PathBuf, Vec<u8>)> {
    recorded_logs(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// As a terminal shows it: the errors of the neutron server, in the order of the file.
#[test]
fn tail_shows_every_line_that_fits_once() {
    let place = Place::default();
    place.append("first.log", b"2026-11-21 03:00:00.000 1 INFO nova.first [-] before\n");
    let up = place.up(&[]);
    while place.session.json(&["doctor"])[0]["lines"] != 1 {
        std::thread::yield_now();
    }
    let mut tail = place.follow(&["tail", "-n", "0", "level>=info"]);
    // A source that grows shows nothing of what it held before.
    place.append("first.log", b"2026-11-21 03:00:01.000 1 INFO nova.first [-] after\n");
    assert_eq!(tail.next_row()["body"], "after");
    drop(tail);
    let mut tail = place.follow(&["tail", "-n", "0", "level>=warning"]);
    let log = recorded().into_iter().find(|(path, _)| path.ends_with("neutron/neutron-server.log")).unwrap();
    let text = String::from_utf8(log.1).unwrap();
    let level = |line: &str| line.split(' ').nth(3).unwrap_or_default().to_owned();
    let warned = |line: &&str| ["WARNING", "ERROR", "CRITICAL"].contains(&level(line).as_str());
    let lines: Vec<&str> = text.lines().take(6000).collect();
    let expected: Vec<&str> =
        lines.iter().copied().filter(warned).filter(|line| !line.contains("Traceback")).collect();
    assert!(expected.len() > 20, "{}", expected.len());
    for piece in lines.chunks(700) {
        let piece: String = piece.iter().map(|line| format!("{line}\n")).collect();
        place.append("neutron/neutron-server.log", piece.as_bytes());
    }
    let mut shown = BTreeMap::new();
    while shown.len() < expected.len() {
        let row = tail.next_row();
        let line = row["attributes"]["log.file.line"].as_u64().unwrap();
        let body = row["body"].as_str().unwrap().to_owned();
        assert_eq!(shown.insert(line, body), None, "line {line} came twice");
    }
    for (line, body) in shown {
        let written = lines[usize::try_from(line).unwrap() - 1];
        assert!(written.contains(&body), "{line}: {body}");
    }
    up.end();
}

#[test]
fn an_entry_that_goes_on_is_shown_as_far_as_it_is_new() {
    let place = Place::default();
    place.append("nova/nova-compute.log", b"2026-11-21 03:00:00.000 1 INFO nova.first [-] before\n");
    let up = place.up(&[]);
    let mut tail = place.follow(&["tail", "-n", "0"]);
    let mut only_value_errors = place.follow(&["tail", "-n", "0", "ValueError"]);
    let shown = |tail: &mut culprit_tests::running::Running| {
        let row = tail.next_row();
        let original = row["attributes"]["log.record.original"].as_str().map(str::to_owned);
        original.unwrap_or_else(|| row["body"].as_str().unwrap().to_owned())
    };
    let head = "2026-11-21 03:00:01.000 1 ERROR nova.compute [-] it broke";
    let trace = "2026-11-21 03:00:01.000 1 ERROR nova.compute Traceback (most recent call last):";
    let last = "2026-11-21 03:00:01.000 1 ERROR nova.compute ValueError: no";
    place.append("nova/nova-compute.log", format!("{head}\n").as_bytes());
    // The line before may have been committed after the tail began.
    let first = std::iter::repeat_with(|| shown(&mut tail)).find(|text| !text.contains("before")).unwrap();
    assert!(first.contains("it broke"), "{first}");
    place.append("nova/nova-compute.log", format!("{trace}\n{last}\n").as_bytes());
    let more = shown(&mut tail);
    assert!(more.contains("ValueError: no") && !more.contains("it broke"), "{more}");
    let whole = shown(&mut only_value_errors);
    assert!(whole.contains("it broke") && whole.contains("ValueError: no"), "{whole}");
    up.end();
}

#[test]
fn watch_tells_what_up_tells_and_incidents_once() {
    let place = Place::default();
    place.append("first.log", b"2026-11-21 03:00:00.000 1 INFO nova.first [-] before\n");
    let mut up = place.up(&[]);
    let mut watch = place.follow(&["watch"]);
    // As a site may set it.
    let file = place.folder.path().join("culprit.toml");
    std::fs::write(&file, "[failures]\nincident_failures = 2\n").unwrap();
    let mut hasty = place.follow(&["watch", "--config", file.to_str().unwrap()]);
    let recorded = recorded();
    for (path, text) in &recorded {
        place.append(path, text);
    }
    let mut told = BTreeSet::new();
    let mut incidents = BTreeMap::new();
    // Whoever reads neither lets it wait.
    while told.len() < 300 {
        let news = up.next_row();
        match news["event"].as_str().unwrap() {
            "failed" => _ = told.insert(news["request"].as_str().unwrap().to_owned()),
            "incident" => {
                let key = (news["slug"].to_string(), news["host"].to_string());
                assert_eq!(news["requests"].as_array().unwrap().len(), 3, "{news}");
                assert_eq!(incidents.insert(key, news.clone()), None, "told twice: {news}");
            }
            other => panic!("{other}: {news}"),
        }
    }
    assert!(!incidents.is_empty());
    let mut watched = BTreeSet::new();
    while !told.is_subset(&watched) {
        let news = watch.next_row();
        if news["event"] == "failed" {
            watched.insert(news["request"].as_str().unwrap().to_owned());
        }
    }
    let news = std::iter::repeat_with(|| hasty.next_row()).find(|news| news["event"] == "incident").unwrap();
    assert_eq!(news["requests"].as_array().unwrap().len(), 2, "{news}");
}

#[test]
fn a_configuration_is_checked_and_said_where_it_is_wrong() {
    let place = Place::default();
    let file = place.folder.path().join("culprit.toml");
    let check = |text: &str, code: i32, said: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let run = place.session.run(&["check-config", file.to_str().unwrap()]);
        assert_eq!(run.code, code, "{text}\n{run:?}");
        let all = run.stdout + &run.stderr;
        said.iter().for_each(|part| assert!(all.contains(part), "{part}\n{all}"));
    };
    check("", 0, &["is sound", "/var/log/**/*.log"]);
    check("[files]\npatterns = ['/srv/*.log']\n", 0, &["/srv/*.log"]);
    check("[file]\npatterns = []\n", 65, &["line 1, column 2", "unknown field `file`", "expected one of"]);
    check("[syslog]\nudp = '127.0.0.1'\n", 65, &["line 2", "invalid socket address"]);
    check("zones = ['Nowhere/Town']\n", 65, &["`Nowhere/Town` is no time zone", "Europe/Berlin"]);
    check("[keep]\nmax_bytes = 'much'\n", 65, &["line 2", "write a size"]);
    check("[syslog]\nudp = '0.0.0.0:514'\n", 0, &["warning:", "whoever reaches 0.0.0.0:514"]);
    check("[[brokers]]\nname = 'cloud'\n", 65, &["the broker `cloud` cannot be used", "url_file"]);
    check("[[brokers]]\nname = 'cloud'\nurl_file = '/nowhere/url'\n", 66, &["/nowhere/url"]);
    let missing = place.session.run(&["check-config", "/nowhere/culprit.toml"]);
    assert_eq!(missing.code, 66, "{missing:?}");
}

#[test]
fn what_is_configured_is_done_and_read_anew_when_asked() {
    let place = Place::default();
    let file = place.folder.path().join("culprit.toml");
    let logs = |folder: &str| place.logs().join(folder).join("*.log").display().to_string();
    let configure = |patterns: &[String]| {
        let store = place.session.store.display().to_string();
        std::fs::write(&file, format!("store = {store:?}\n[files]\npatterns = {patterns:?}\n")).unwrap();
    };
    configure(&[logs("one")]);
    for folder in ["one", "two"] {
        let line = format!("2026-11-21 03:00:00.000 1 ERROR nova.first [-] in {folder}\n");
        place.append(Path::new(folder).join("nova.log"), line.as_bytes());
    }
    let mut command = place.session.command(&["up", "--config", file.to_str().unwrap()]);
    command.env_remove("CULPRIT_STORE");
    let mut up = culprit_tests::running::Running::start(command, "watching");
    let wait_until = |lines: u64| {
        while place.session.json(&["doctor"])[0]["lines"] != lines {
            std::thread::yield_now();
        }
    };
    wait_until(1);
    std::fs::write(&file, "[files]\npattern = 3\n").unwrap();
    up.signal("HUP");
    up.wait_for("it goes on with the filters and the configuration that it has");
    place.append("one/nova.log", b"2026-11-21 03:00:01.000 1 INFO nova.first [-] goes on\n");
    wait_until(2);
    configure(&[logs("one"), logs("two")]);
    up.signal("HUP");
    up.wait_for("watching");
    wait_until(3);
    up.end();
}
