//! Searching, counting, patterns, the doctor and retention, on the recorded cloud.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use culprit_tests::binary::project_root;
use culprit_tests::session::{RecordedCloud, Session, recorded_cloud};
use serde_json::Value;

fn cloud() -> &'static RecordedCloud {
    static CLOUD: OnceLock<RecordedCloud> = OnceLock::new();
    CLOUD.get_or_init(|| recorded_cloud(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap())
}

fn session() -> &'static Session {
    &cloud().session
}

/// What a search prints in JSON; it may be nothing.
fn found(arguments: &[&str]) -> Vec<Value> {
    let run = session().run(&[&["--json", "search", "--timeout", "0"], arguments].concat());
    assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn place(row: &Value) -> String {
    let attributes = &row["attributes"];
    format!("{}:{}", attributes["log.file.path"].as_str().unwrap(), attributes["log.file.line"])
}

#[test]
fn every_example_of_the_language_is_understood() {
    let document = fs::read_to_string(project_root().join("docs/query-language.md")).unwrap();
    let examples = document.lines().filter_map(|line| line.strip_prefix("    "));
    let mut seen = 0;
    for example in examples {
        let query = example.split("  ").next().unwrap();
        let run = session().run(&["search", "-n", "1", "--timeout", "50ms", query]);
        assert_eq!(run.code, 0, "{query}: {}", run.stderr);
        seen += 1;
    }
    assert!(seen > 40, "{seen} examples");
}

#[test]
fn the_help_holds_the_whole_language() {
    let document = fs::read_to_string(project_root().join("docs/query-language.md")).unwrap();
    let help = session().run(&["search", "--help"]).stdout;
    for line in document.lines() {
        assert!(help.contains(line.trim()), "`{line}` is missing from the help");
    }
}

#[test]
fn every_field_of_json_is_described() {
    let document = fs::read_to_string(project_root().join("docs/json.md")).unwrap();
    let check = |arguments: &[&str]| {
        let rows = session().json(arguments);
        assert!(!rows.is_empty(), "{arguments:?}");
        for row in &rows {
            for name in names(row) {
                assert!(
                    document.contains(&format!("`{name}`")),
                    "`{name}` of {arguments:?} is not described"
                );
            }
        }
    };
    check(&["search", "-n", "5", "level:error"]);
    check(&["search", "--timeout", "1ms", "-n", "0", "/q.?x.?z.?nothing/"]);
    check(&["count", "--step", "1h"]);
    check(&["count", "--timeout", "1ms", "status:100"]);
    check(&["errors", "-n", "0"]);
    check(&["requests", "-n", "5"]);
    check(&["doctor"]);
    check(&["retain", "--days", "36500", "--dry-run"]);
}

/// Of all fields, also those inside.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, inside)| std::iter::once(name.clone()).chain(names(inside)))
            .collect(),
        Value::Array(items) => items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn everything_that_people_paste_is_found() {
    let check = |query: &str, rows: std::ops::RangeInclusive<usize>, in_each: &str| {
        let rows_found = found(&["-n", "20", query]);
        assert!(rows.contains(&rows_found.len()), "{query}: {} rows", rows_found.len());
        for row in rows_found {
            let text = row["attributes"]["log.record.original"].as_str().unwrap().to_lowercase();
            assert!(text.contains(in_each), "{query}: {text}");
        }
    };
    check("req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8", 20..=20, "0679010f");
    check("0679010fc12e4d7da1f69c887eb0e4f8", 20..=20, "0679010f");
    check("0679010F-C12E-4D7D-A1F6-9C887EB0E4F8", 20..=20, "0679010f");
    check("request:0679010f*", 20..=20, "0679010f");
    check("0679010f-c12e", 20..=20, "0679010f-c12e");
    check("bbbad5f6-48b1-459d-be1c-ab12f7f3ac2c", 1..=20, "bbbad5f6");
    check("port:bbbad5f6-48b1-459d-be1c-ab12f7f3ac2c", 1..=20, "bbbad5f6");
    check("instance-00000037", 1..=20, "instance-00000037");
    check("user:40c27fd095ef4af792ff9cec1c286656", 20..=20, "40c27fd095ef4af792ff9cec1c286656");
    check("nova.compute.manager level>=error", 1..=20, "nova.compute.manager");
    check("nova.compute level>=error", 1..=20, "nova.compute");
    check("\"No more IP addresses\"", 1..=20, "no more ip addresses");
    check("exhaus*", 1..=20, "exhaus");
    check("\"xhauste\"", 1..=20, "xhauste");
    check(
        "26ce905f6811d1eddb9957ec32d518655b845e992133f836760da9913b0af60d",
        20..=20,
        "26ce905f6811d1eddb99",
    );
    check("26ce905f6811d1ed*", 20..=20, "26ce905f6811d1ed");
    check("fa:16:3e:0f:23:78", 20..=20, "fa:16:3e:0f:23:78");
    check("10.0.0.25", 20..=20, "10.0.0.25");
    check("/var/lib/libvirt/qemu", 20..=20, "/var/lib/libvirt/qemu");
    check("oslo_messaging.rpc.client", 1..=20, "oslo_messaging.rpc.client");
    check("host:* level:critical", 1..=20, "");
    check("/fixed IPs? in network: [0-9a-f-]{36}/", 1..=20, "in network: ");
    check("status:400..499 method:POST", 1..=20, "post");
    check("took>2s", 1..=20, "");
    check("signature:neutron.ip_exhausted", 1..=20, "");
    check("nosuchwordanywhere", 0..=0, "");
}

#[test]
fn pages_follow_each_other() {
    let query = "service:neutron level>=warning";
    let whole: Vec<String> = found(&["-n", "100", query]).iter().map(place).collect();
    assert!(whole.len() > 25, "{}", whole.len());
    let mut paged = Vec::new();
    let mut after = None::<String>;
    while paged.len() < whole.len() {
        let mut arguments = vec!["-n", "7", query];
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let rows = found(&arguments);
        assert!(!rows.is_empty());
        after = rows.last().map(|row| row["cursor"].as_str().unwrap().to_owned());
        paged.extend(rows.iter().map(place));
    }
    paged.truncate(whole.len());
    assert_eq!(paged, whole);
    let told = session().run(&["search", "-n", "7", query]).stderr;
    assert!(told.contains("--after "), "{told}");
    assert_eq!(session().run(&["search", "--after", "nonsense", query]).code, 64);
}

#[test]
fn no_time_is_no_answer_but_a_place_to_go_on() {
    let rows = session().json(&["search", "--timeout", "1ms", "-n", "0", "/q.?x.?z.?nothing/"]);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row["record"], "partial");
    let run = session().run(&["search", "--timeout", "1ms", "/q.?x.?z.?nothing/"]);
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("time ran out") && run.stderr.contains("--after"), "{}", run.stderr);
}

#[test]
fn mistakes_are_pointed_at_and_parts_of_words_explained() {
    let check = |query: &str, told: &str| {
        let run = session().run(&["search", query]);
        assert_eq!(run.code, 65, "{query}");
        assert!(run.stderr.contains(told), "{query}: {}", run.stderr);
    };
    check("a serivce:nova", "did you mean `service:`");
    check("a serivce:nova", "\n           ^\n");
    check("status>=many", "is no HTTP status");
    check("/a(b/", "unclosed group");
    let run = session().run(&["search", "exhauste"]);
    assert!(run.stderr.contains("`exhauste*`"), "{}", run.stderr);
}

#[test]
fn requests_come_in_pages_too() {
    let all = session().json(&["requests", "--failed", "-n", "20"]);
    let cursor = all[9]["cursor"].as_str().unwrap();
    let rest = session().json(&["requests", "--failed", "-n", "10", "--after", cursor]);
    assert_eq!(rest, all[10..]);
}

#[test]
fn counts_are_those_of_a_search() {
    let sum = |arguments: &[&str]| -> u64 {
        let rows = session().json(&[&["count", "--timeout", "0"], arguments].concat());
        rows.iter().map(|row| row["count"].as_u64().unwrap()).sum()
    };
    let check = |query: &str, by: &str| {
        let rows = found(&["-n", "0", query, "NOT time<2000-01-01"]);
        let timed = rows.iter().filter(|row| !row["time_unix_nano"].is_null()).count() as u64;
        assert!(timed > 0, "{query}");
        assert_eq!(sum(&[query, "--by", by]), timed, "{query} by {by}");
    };
    check("level:error", "level");
    check("level>=warning service:neutron-server", "host");
    check("level:critical OR level:error", "signature");
    check("\"No more IP addresses\"", "none");
    assert_eq!(sum(&["--by", "level"]), sum(&["--by", "template"]));
    let table = session().run(&["count", "level>=error", "--by", "level", "--step", "5m"]).stdout;
    assert!(table.contains("ERROR") && table.contains('█'), "{table}");
}

#[test]
fn patterns_tell_what_goes_wrong() {
    let all = session().json(&["errors", "-n", "0"]);
    let row =
        all.iter().find(|row| row["text"].as_str().is_some_and(|text| text.contains("No more fixed IPs")));
    let counts: Vec<u64> = all.iter().map(|row| row["count"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted_by(|one, other| one >= other));
    assert!(row.is_none_or(|row| row["count"].as_u64() > Some(0)));
    let latest = all.iter().max_by_key(|row| row["first"].as_str()).unwrap();
    let new = session().json(&["errors", "-n", "0", "--new", "--since", latest["first"].as_str().unwrap()]);
    assert!(new.iter().all(|row| row["new"] == true), "{new:?}");
    assert!(new.iter().any(|row| row["template"] == latest["template"]), "{latest:?} in {new:?}");
    assert!(new.len() < all.len(), "{} of {}", new.len(), all.len());
    let neutron = session().json(&["errors", "--service", "neutron", "--level", "warning"]);
    assert!(neutron.iter().all(|row| row["services"].as_array().unwrap().contains(&"neutron".into())));
    let template = neutron[0]["template"].as_str().unwrap();
    let lines = found(&["-n", "0", &format!("template:{template} service:neutron")]);
    assert_eq!(Some(lines.len() as u64), neutron[0]["count"].as_u64());
    assert!(session().run(&["errors", "-n", "3"]).stderr.contains("-n 0"));
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let run = session().run(&["doctor"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("sound"), "{}", run.stdout);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let spoiled = Session::new(&folder.path().join("store"));
    let log = cloud().folder.join("logs/compute-02/nova/nova-compute.log");
    assert_eq!(spoiled.run(&["import", "-q", log.to_str().unwrap()]).code, 0);
    let segment = fs::read_dir(spoiled.store.join("segments")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(segment.join("blocks")).unwrap();
    bytes[40] ^= 1;
    fs::write(segment.join("blocks"), bytes).unwrap();
    let run = spoiled.run(&["doctor"]);
    assert_eq!(run.code, 65, "{run:?}");
    assert!(run.stdout.contains("the lines of this block are missing"), "{}", run.stdout);
    assert!(run.stdout.contains("culprit import --store NEW"), "{}", run.stdout);
    let row = &spoiled.run(&["doctor", "--json"]).json()[0];
    assert_eq!((&row["sound"], row["damage"].as_array().unwrap().len()), (&Value::Bool(false), 1));
    assert_eq!(Session::new(Path::new("/nowhere")).run(&["doctor"]).code, 66);
}

#[test]
fn old_days_go_and_the_newest_stays() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let session = Session::new(&folder.path().join("store"));
    let lines =
        "2026-11-19 03:31:34.568 1 INFO nova.api [-] old\n2026-11-21 03:31:34.568 1 INFO nova.api [-] new\n";
    assert_eq!(session.run_with(&["import", "-q", "-"], lines.as_bytes()).code, 0);
    let sum = |dry: bool| {
        let flags: &[&str] =
            if dry { &["retain", "--max-bytes", "1", "--dry-run"] } else { &["retain", "--max-bytes", "1"] };
        session.json(flags)[0]["lines"].as_u64().unwrap()
    };
    let count = |query: &str| session.run(&["--json", "search", query]).stdout.lines().count();
    assert_eq!((sum(true), count("old"), count("new")), (1, 1, 1));
    assert_eq!((sum(false), count("old"), count("new")), (1, 0, 1));
    assert_eq!(session.run(&["retain"]).code, 64);
    assert_eq!(Session::new(Path::new("/nowhere")).run(&["retain", "--days", "1"]).code, 66);
}
