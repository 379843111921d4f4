//! What an import takes in: everything once, however it is packed, and no secrets.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use culprit_tests::session::{RecordedCloud, Session, recorded_cloud};
use serde_json::Value;
use tempfile::TempDir;

/// Of the file below: a boot that its project's quota refused.
const REFUSED: &str = "req-da87e23c-3212-4e7e-ba34-16b6f983548e";

fn cloud() -> RecordedCloud {
    recorded_cloud(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

/// Lines 2,301 to 2,500 of nova-api's log, in which [`REFUSED`] failed.
fn slice() -> Vec<u8> {
    let log = fs::read(cloud().folder.join("logs/controller/nova/nova-api.log")).unwrap();
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    lines[2300..2500].concat()
}

/// A folder with a store to be, and room for logs.
struct Place {
    folder: TempDir,
    session: Session,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::new(&folder.path().join("store"));
        Self { folder, session }
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join("logs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Imports the logs, and tells of `(files, lines, new lines)`.
    fn import(&self, arguments: &[&str]) -> (u64, u64, u64) {
        let logs = self.folder.path().join("logs");
        let total = self.import_path(&logs, arguments).pop().unwrap();
        let number = |name: &str| total[name].as_u64().unwrap();
        (number("files"), number("lines"), number("new_lines"))
    }

    fn import_path(&self, path: &Path, arguments: &[&str]) -> Vec<Value> {
        self.session.json(&[&["import", path.to_str().unwrap()], arguments].concat())
    }

    /// The cause of [`REFUSED`]: what it says and the line it stands in.
    fn cause(&self) -> (String, u64) {
        let answer = self.session.json(&["why", REFUSED]).remove(0);
        let cause = &answer["cause"];
        (cause["text"].as_str().unwrap_or_default().to_owned(), cause["line"].as_u64().unwrap_or_default())
    }

    fn check_cause(&self, line: u64) {
        let (text, at) = self.cause();
        assert!(text.contains("Quota exceeded for ram"), "{text}");
        assert_eq!(at, line);
    }
}

#[test]
fn the_same_files_again_add_nothing() {
    let place = Place::new();
    place.write("controller/nova/nova-api.log", &slice());
    assert_eq!(place.import(&[]), (1, 200, 200));
    assert_eq!(place.import(&[]), (1, 200, 0));
    // Not even under the name of its folder's folder.
    let total = place.import_path(place.folder.path().join("logs/controller").as_path(), &[]).pop().unwrap();
    assert_eq!(total["new_lines"], 0);
    place.check_cause(118);
    assert_eq!(place.session.json(&["lines", REFUSED]).len(), place.session.json(&["search", REFUSED]).len());
}

#[test]
fn a_grown_file_adds_what_is_new() {
    let place = Place::new();
    let all = slice();
    // In the middle of a line, as a log is met while it is written.
    let written = all.len() / 3;
    place.write("controller/nova/nova-api.log", &all[..written]);
    let (_, before, _) = place.import(&[]);
    place.write("controller/nova/nova-api.log", &all);
    let (files, lines, new) = place.import(&[]);
    assert_eq!((files, lines), (1, 200));
    assert!(before + new >= 200 && before + new <= 201, "{before} lines, then {new}");
    place.check_cause(118);
    assert_eq!(place.import(&[]), (1, 200, 0));
}

#[test]
fn a_year_of_days_can_be_asked_with_the_usual_limit_of_open_files() {
    let place = Place::new();
    let line = |day: u32| {
        let (month, day) = (1 + day / 28, 1 + day % 28);
        format!(
            "2026-{month:02}-{day:02} 03:28:16.763 6620 ERROR nova.compute.manager [{REFUSED}] No valid host\n"
        )
    };
    let year: String = (0..300).map(line).collect();
    place.write("controller/nova/nova-compute.log", year.as_bytes());
    assert_eq!(place.import(&[]), (1, 300, 300));
    let output = Command::new("sh")
        .args(["-c", "ulimit -S -n 64; exec \"$0\" --json lines \"$1\""])
        .arg(&place.session.binary)
        .arg(REFUSED)
        .env("CULPRIT_STORE", &place.session.store)
        .output()
        .unwrap();
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 301, "{output:?}");
}

#[test]
fn a_rotated_file_is_recognised() {
    let place = Place::new();
    let all = slice();
    let (old, new) =
        all.split_at(all.len() / 2 + all[all.len() / 2..].iter().position(|b| *b == b'\n').unwrap() + 1);
    let log = place.write("controller/nova/nova-api.log", old);
    let (_, first, _) = place.import(&[]);
    // logrotate with `delaycompress`, then without.
    fs::rename(&log, log.with_extension("log.1")).unwrap();
    place.write("controller/nova/nova-api.log", new);
    assert_eq!(place.import(&[]), (2, 200, 200 - first));
    fs::remove_file(log.with_extension("log.1")).unwrap();
    place.write("controller/nova/nova-api.log.2.gz", &gz(old));
    assert_eq!(place.import(&[]), (2, 200, 0));
}

#[test]
fn packed_logs_give_the_same_answers() {
    let plain = Place::new();
    plain.write("controller/nova/nova-api.log", &slice());
    plain.import(&[]);
    let (expected, errors) = (plain.cause(), plain.session.json(&["search", "level>=info"]).len());
    assert!(errors > 0);

    let check = |name: &str, packed: &[u8]| {
        let place = Place::new();
        place.write(name, packed);
        assert_eq!(place.import(&[]), (1, 200, 200), "{name}");
        assert_eq!(place.cause(), expected, "{name}");
        assert_eq!(place.session.json(&["search", "level>=info"]).len(), errors, "{name}");
        let host = &place.session.json(&["lines", REFUSED])[0]["resource"]["host.name"];
        assert_eq!(host, "controller", "{name}");
    };
    let (log, tar) = (slice(), tar("controller/nova/nova-api.log", &slice()));
    check("controller/nova/nova-api.log.gz", &gz(&log));
    check("controller/nova/nova-api.log.xz", &xz(&log));
    check("controller/nova/nova-api.log.bz2", &bz2(&log));
    check("controller/nova/nova-api.log.zst", &zstd::encode_all(log.as_slice(), 3).unwrap());
    check("logs.tar", &tar);
    check("logs.tar.gz", &gz(&tar));
    check("logs.tar.xz", &xz(&tar));
    check("logs.tar.bz2", &bz2(&tar));
    check("logs.tar.zst", &zstd::encode_all(tar.as_slice(), 3).unwrap());
    check("inside.tar", &self::tar("controller/nova/nova-api.log.gz", &gz(&log)));
}

#[test]
fn standard_input_is_read() {
    let place = Place::new();
    let run = place
        .session
        .run_with(&["--json", "import", "--host", "api-1", "--daemon", "nova-api", "-"], &slice());
    assert_eq!((run.code, &run.json()[1]["new_lines"]), (0, &200.into()), "{run:?}");
    place.check_cause(118);
    let resource = &place.session.json(&["lines", REFUSED])[0]["resource"];
    assert_eq!((&resource["host.name"], &resource["service.name"]), (&"api-1".into(), &"nova-api".into()));
}

#[test]
fn the_host_comes_from_the_path_unless_it_is_told() {
    let check = |name: &str, arguments: &[&str], host: Value| {
        let place = Place::new();
        place.write(name, &slice());
        place.import(arguments);
        assert_eq!(place.session.json(&["lines", REFUSED])[0]["resource"]["host.name"], host, "{name}");
    };
    check("sosreport-host7-2026-11-21-abcdefg/var/log/nova/nova-api.log", &[], "host7".into());
    check(
        "sosreport-host7-2026-11-21-abcdefg/var/log/nova/nova-api.log",
        &["--host", "other"],
        "other".into(),
    );
    check("controller/nova/nova-api.log", &[], "controller".into());
    check("nova-api.log", &[], Value::Null);
    check("nova-api.log", &["--host", "controller"], "controller".into());
}

#[test]
fn times_without_a_zone_get_the_one_that_is_told() {
    let check = |zones: &[&str], expected: &str| {
        let place = Place::new();
        place.write("controller/nova/nova-api.log", &slice());
        place.import(zones);
        assert_eq!(place.session.json(&["why", REFUSED])[0]["cause"]["timestamp"], expected, "{zones:?}");
    };
    check(&[], "2026-11-21T03:28:16.763Z");
    check(&["--zone", "+02:00"], "2026-11-21T01:28:16.763Z");
    check(&["--zone", "America/New_York"], "2026-11-21T08:28:16.763Z");
    check(&["--zone", "+02:00", "--zone", "controller=UTC"], "2026-11-21T03:28:16.763Z");
    check(&["--zone", "compute-01=+02:00"], "2026-11-21T03:28:16.763Z");
}

#[test]
fn secrets_never_reach_the_store() {
    let cloud = cloud();
    let written = fs::read_to_string(cloud.folder.join("notifications.jsonl")).unwrap();
    let tokens = written.matches("gAAAAAB").count();
    assert!(tokens > 100, "the recording holds tokens");
    let session = &cloud.session;
    assert_eq!(session.run(&["search", "-n", "0", "gAAAAAB"]).stdout, "");
    // What held them is there, with stars instead.
    let masked = session.run(&["--json", "search", "-n", "50", "auth_token \"***\""]).stdout;
    assert!(masked.contains("***"), "{masked}");

    // Throw-away secrets in every shape that daemons log, byte by byte in every file of the store and every answer.
    let place = Place::new();
    let shapes = [
        "connection string: mysql+pymysql://nova:s3cr3tone@10.0.0.11/nova_api",
        "REQ: curl -g -i -X POST http://10.0.0.11:5000/v3/auth/tokens -d '{\"auth\": {\"password\": \"s3cr3ttwo\"}}'",
        "headers: {'X-Auth-Token': 's3cr3tthree', 'Accept': 'application/json'}",
        "body {\"server\": {\"name\": \"web\", \"adminPass\": \"s3cr3tfour\"}}",
        "transport_url = rabbit://openstack:s3cr3tfive@10.0.0.11:5672/",
    ];
    let header = "2026-11-21 03:28:16.763 12845 INFO nova.api";
    let lines =
        shapes.map(|shape| format!("{header} [None {REFUSED} f098 b2c5 - - default default] {shape}\n"));
    place.write("controller/nova/nova-api.log", lines.concat().as_bytes());
    assert_eq!(place.import(&[]), (1, 5, 5));
    let answers = [
        &["lines", REFUSED][..],
        &["--json", "lines", REFUSED],
        &["--json", "trace", REFUSED],
        &["search", "nova"],
    ];
    for answer in answers {
        let text = place.session.run(answer).stdout;
        assert!(text.contains("***") && !text.contains("s3cr3t"), "{text}");
    }
    for word in ["s3cr3tone", "s3cr3ttwo", "s3cr3tthree", "s3cr3tfour", "s3cr3tfive"] {
        assert_eq!(place.session.run(&["search", word]).stdout, "", "{word}");
    }
}

fn gz(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 3);
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

fn bz2(text: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, content).unwrap();
    archive.into_inner().unwrap()
}
