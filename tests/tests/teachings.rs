//! What the logs of a real cloud teach: each lesson on the lines that taught it.
//!
//! The cases are those of `cases.jsonl`; lines are named by what they say, never by their number.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use culprit_tests::score::read_cases;
use culprit_tests::session::{RecordedCloud, Run, recorded_cloud};
use serde_json::Value;

/// A line of a trace: as it was written, and what tied it to the request.
struct Entry {
    file: String,
    written: String,
    link: String,
    via: String,
}

fn cloud() -> &'static RecordedCloud {
    static CLOUD: OnceLock<RecordedCloud> = OnceLock::new();
    CLOUD.get_or_init(|| recorded_cloud(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap())
}

fn request_of(case: &str) -> String {
    let cases = read_cases(&cloud().folder.join("cases.jsonl")).unwrap();
    cases.into_iter().find(|known| known.case == case).expect("a known case").request_id
}

fn why(case: &str) -> Run {
    cloud().session.run(&["why", "--json", &request_of(case)])
}

fn cause(case: &str) -> Value {
    why(case).json().remove(0)["cause"].take()
}

fn trace(case: &str) -> Vec<Entry> {
    let mut files: HashMap<String, Vec<String>> = HashMap::new();
    let rows = cloud().session.json(&["trace", &request_of(case)]);
    let entries = rows.iter().filter(|row| row["record"] == "entry");
    entries
        .map(|row| {
            let file = row["attributes"]["log.file.path"].as_str().unwrap();
            let lines = files.entry(file.to_owned()).or_insert_with(|| read_lines(file));
            let number = row["attributes"]["log.file.line"].as_u64().unwrap();
            Entry {
                file: file.to_owned(),
                written: lines[usize::try_from(number).unwrap() - 1].clone(),
                link: row["link"]["kind"].as_str().unwrap().to_owned(),
                via: row["link"]["via"].as_str().unwrap_or_default().to_owned(),
            }
        })
        .collect()
}

fn read_lines(file: &str) -> Vec<String> {
    let folder = &cloud().folder;
    let path = Some(folder.join("logs").join(file)).filter(|path| path.exists());
    let bytes = fs::read(path.unwrap_or_else(|| folder.join(file))).unwrap();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

/// The case's trace holds a line of `file` that says all of `words`, tied by one of `links`.
fn check_joined(case: &str, file: &str, words: &[&str], links: &[&str]) {
    let trace = trace(case);
    let says: Vec<&Entry> = trace
        .iter()
        .filter(|entry| entry.file.contains(file) && words.iter().all(|word| entry.written.contains(word)))
        .collect();
    let found: Vec<(&str, &str)> =
        says.iter().map(|entry| (entry.link.as_str(), entry.via.as_str())).collect();
    let joined = found.iter().any(|(link, _)| links.contains(link));
    assert!(joined, "{case}: {words:?} in {file} is tied by {found:?}, not by {links:?}");
}

/// The case's cause stands in `file` and says `words`.
fn check_cause(case: &str, file: &str, words: &str) {
    let cause = cause(case);
    let (named, text) =
        (cause["file"].as_str().unwrap_or_default(), cause["text"].as_str().unwrap_or_default());
    assert!(named.contains(file) && text.contains(words), "{case}: {cause:#}");
}

#[test]
fn neutron_s_own_request_id_stays_tied_to_the_caller_s() {
    // `[req-USER req-LOCAL …]` first; after the quota reservation `[None req-LOCAL …]` only.
    check_joined("c0003", "neutron-server", &["[req-89837e5c-", "req-"], &["global"]);
    check_joined("c0006", "neutron-server", &["[None req-3808e1d5-"], &["callee"]);
    check_joined(
        "c0029",
        "neutron-server",
        &["[None req-b051b7ba-", "POST failed (client error)"],
        &["callee"],
    );
}

#[test]
fn what_binding_says_is_tied_by_its_port_or_its_local_id() {
    check_joined("c0003", "neutron-server", &["Failed to bind port"], &["callee", "entity"]);
    check_joined("c0224", "neutron-server", &["Refusing to bind port"], &["callee", "entity"]);
    check_cause("c0003", "controller/neutron/neutron-server.log", "Failed to bind port");
    check_cause("c0224", "controller/neutron/neutron-server.log", "dead agent");
}

#[test]
fn glance_adopts_the_caller_s_id_and_placement_and_cinder_name_it() {
    check_joined("c0026", "glance-api", &["[None req-cfe370b2-", "data failed"], &["adopted"]);
    check_joined("c0026", "placement-api", &["[req-cfe370b2-"], &["global"]);
    check_joined("c0088", "cinder-api", &["[req-dceb1b10-"], &["global"]);
    check_cause("c0088", "cinder-scheduler.log", "No valid backend");
}

#[test]
fn heat_s_stack_leads_to_the_server_that_it_made() {
    // heat passes no id on: only the server's UUID joins.
    check_joined("c0201", "heat-engine", &["[None req-1fb63b54-", "Creating stack"], &["request"]);
    check_joined("c0201", "heat-engine", &["CREATE: Server", "[a940f997-"], &["request", "entity"]);
    let server = cloud().session.json(&["trace", "a940f997-726b-4340-8986-c261c10af00b"]);
    let from_heat = |row: &&Value| row["resource"]["service.name"] == "heat-engine";
    assert!(server.iter().any(|row| from_heat(&row)), "the server's trace holds no line of heat");
}

#[test]
fn bridges_tie_what_shares_no_request_id() {
    // What nova-compute's traceback quotes, what neutron tells nova about a port, what an agent does to a tap.
    check_joined("c0006", "nova-compute", &["[instance: 5a8326a8-"], &["request", "entity"]);
    check_joined("c0003", "neutron-server", &["Nova event matching", "0978facb-"], &["bridge"]);
    check_joined("c0038", "compute-03/neutron/linuxbridge-agent", &["tap2c99782f-4f"], &["entity"]);
    check_cause("c0038", "compute-03/neutron/linuxbridge-agent.log", "Operation not supported");
}

#[test]
fn a_healthy_boot_has_no_cause() {
    let run = why("c0001");
    let answer = &run.json()[0];
    assert_eq!((run.code, &answer["outcome"], &answer["cause"]), (0, &"succeeded".into(), &Value::Null));
    // The first line with both ids; before it, access lines and two warnings that mean nothing.
    check_joined(
        "c0001",
        "compute-05/nova/nova-compute",
        &["nova.compute.claims", "c35db14d-"],
        &["request"],
    );
    check_joined("c0001", "nova-conductor", &["Using RPCClient manually"], &["request"]);
}

#[test]
fn what_no_line_explains_is_called_unexplained() {
    let check = |case: &str| {
        let run = why(case);
        let answer = &run.json()[0];
        assert_eq!(
            (run.code, &answer["outcome"], &answer["cause"]),
            (1, &"failed".into(), &Value::Null),
            "{case}"
        );
        let missing = &answer["missing"];
        assert!(missing["look_in"].as_str().is_some_and(|place| !place.is_empty()), "{case}: {missing}");
        assert!(missing["because"].as_str().is_some_and(|reason| !reason.is_empty()), "{case}: {missing}");
    };
    check("c0012");
    check("c0019");
    check("c0035");
}

#[test]
fn a_misleading_answer_is_not_taken_for_the_cause() {
    // The user read "The requested availability zone is not available".
    for case in ["c0222", "c0223"] {
        let answer = why(case).json().remove(0);
        assert!(answer["shown"].as_str().unwrap().contains("availability zone"), "{case}");
        check_cause(case, "nova-compute.log", "libvirt");
    }
    // "Exceeded maximum number of retries"
    check_cause("c0224", "neutron-server.log", "Refusing to bind port");
}

#[test]
fn an_event_keeps_its_lines() {
    let check = |query: &str, words: &[&str]| {
        let found = cloud().session.json(&["search", "-n", "1", query]);
        let original = found[0]["attributes"]["log.record.original"].as_str().unwrap();
        for word in words {
            assert!(original.contains(word), "{query}: {original}");
        }
    };
    check("\"Error defining a guest with XML\"", &["<domain type=\"qemu\">", "</domain>"]);
    check("\"Glance tried all active locations\" service:glance", &["have failed"]);
    let cause = cause("c0208");
    assert!(cause["end_line"].as_u64() > cause["line"].as_u64(), "the traceback belongs to {cause:#}");
    let quoting = cloud().session.json(&["lines", &request_of("c0006")]);
    let traceback = quoting.iter().filter_map(|row| row["attributes"]["log.record.original"].as_str());
    let whole = traceback.filter(|text| {
        text.contains("Traceback (most recent call last)")
            && text.contains("Neutron server returns request_ids")
    });
    assert!(whole.count() > 0, "tracebacks carry no id and still belong to their head");
}

#[test]
fn the_telling_line_may_be_older_than_the_request() {
    for case in ["c0222", "c0223"] {
        let answer = why(case).json().remove(0);
        let (began, told) = (&answer["request"]["start"], &answer["cause"]["timestamp"]);
        assert!(told.as_str().unwrap() < began.as_str().unwrap(), "{case}: {told} is not before {began}");
    }
}
