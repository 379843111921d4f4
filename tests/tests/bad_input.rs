//! What goes wrong is told, ends with its own code, and keeps nothing else from being done.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use culprit_tests::session::{Run, Session};
use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = "2026-11-21 03:28:16.763 12845 INFO nova.api [None req-da87e23c-3212-4e7e-ba34-16b6f983548e - - - - -] fine\n";
const KNOWN: &str = "da87e23c-3212-4e7e-ba34-16b6f983548e";
const UNKNOWN: &str = "req-4f3a5566-0000-4000-8000-0123456789ab";

/// A folder `logs` with one good file, and a store to be.
struct Place {
    folder: TempDir,
    session: Session,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        let place = Self { session: Session::new(&folder.path().join("store")), folder };
        place.write("good.log", GOOD.as_bytes());
        place
    }

    fn imported() -> Self {
        let place = Self::new();
        assert_eq!(place.import().code, 0);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path("logs").join(name), content).unwrap();
    }

    fn import(&self) -> Run {
        self.session.run(&["--json", "import", self.path("logs").to_str().unwrap()])
    }
}

/// What the import of one odd file tells.
struct Odd {
    code: i32,
    lines: u64,
    defects: String,
    skipped: String,
}

/// Imports `content` beside the good file, which must be read whatever happens.
fn import_odd(name: &str, content: &[u8]) -> Odd {
    let place = Place::new();
    place.write(name, content);
    let run = place.import();
    let rows = run.json();
    let file = |wanted: &str| rows.iter().find(|row| row["record"] == "file" && row["path"] == wanted);
    assert_eq!(file("good.log").unwrap()["lines"], 1, "{name}: the good file was not read");
    let odd = file(name);
    let skipped =
        rows.iter().find(|row| row["record"] == "skipped" && row["path"].as_str().unwrap().ends_with(name));
    Odd {
        code: run.code,
        lines: odd.and_then(|row| row["lines"].as_u64()).unwrap_or(0),
        defects: odd.map_or(Value::Null, |row| row["defects"].clone()).to_string(),
        skipped: skipped.map_or(Value::Null, Clone::clone).to_string(),
    }
}

fn check(run: &Run, code: i32, messages: &[&str]) {
    let told = messages.iter().all(|message| run.stderr.contains(message));
    assert!(run.code == code && told, "not {code} with {messages:?}: {run:?}");
    assert!(!run.stderr.contains("panicked"), "{run:?}");
}

#[test]
fn a_missing_path_is_named_and_the_others_are_read() {
    let place = Place::new();
    let (missing, logs) = (place.path("nowhere"), place.path("logs"));
    let run = place.session.run(&["import", missing.to_str().unwrap(), logs.to_str().unwrap()]);
    assert_eq!(run.code, 66, "{run:?}");
    assert!(run.stdout.contains("does not exist") && run.stdout.contains("nowhere"), "{run:?}");
    assert_eq!(place.session.json(&["lines", KNOWN]).len(), 1);
}

#[test]
fn an_unreadable_file_is_named_and_the_others_are_read() {
    let place = Place::new();
    place.write("secret.log", GOOD.as_bytes());
    let secret = place.path("logs/secret.log");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&secret).is_ok() {
        return eprintln!("not tried: this user may read every file");
    }
    let run = place.import();
    assert_eq!(run.code, 66, "{run:?}");
    assert!(run.stdout.contains("no permission to read"), "{run:?}");
    assert_eq!(place.session.json(&["lines", KNOWN]).len(), 1);
}

#[test]
fn a_truncated_archive_gives_what_came_before() {
    // Lines that do not compress well, so that half of the archive holds some of them.
    let lines: Vec<String> =
        (0..20_000_u64).map(|line| format!("{:x}\n", line.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(lines.concat().as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let odd = import_odd("cut.log.gz", &packed[..packed.len() / 2]);
    assert_eq!(odd.code, 66);
    assert!(odd.lines > 1000 && odd.lines < 20_000, "{} lines", odd.lines);
    assert!(odd.skipped.contains("ends too early"), "{}", odd.skipped);
}

#[test]
fn files_without_lines_are_skipped() {
    let check = |name: &str, content: &[u8], reason: &str| {
        let odd = import_odd(name, content);
        assert_eq!((odd.code, odd.lines), (0, 0), "{name}");
        assert!(odd.skipped.contains(reason), "{name}: {}", odd.skipped);
    };
    check("program", &fs::read("/bin/sh").unwrap()[..4096], "a program");
    let utf16: Vec<u8> = "\u{feff}one\r\ntwo\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("windows.log", &utf16, "iconv");
}

#[test]
fn odd_lines_are_kept() {
    let check = |name: &str, content: &[u8], lines: u64, defect: &str| {
        let odd = import_odd(name, content);
        assert_eq!((odd.code, odd.lines), (0, lines), "{name}: {}", odd.skipped);
        assert!(odd.defects.contains(defect), "{name}: {}", odd.defects);
    };
    check("empty.log", b"", 0, "[]");
    check("nuls.log", GOOD.replace("fine", "fi\0ne").as_bytes(), 1, "[]");
    check("crlf.log", GOOD.repeat(3).replace('\n', "\r\n").as_bytes(), 3, "[]");
    check("bom.log", format!("\u{feff}{GOOD}").as_bytes(), 1, "[]");
    check(
        "latin-1.log",
        &[GOOD.as_bytes(), b"2026-11-21 03:28:16.763 1 INFO nova.api [-] gr\xfc\xdfe\n"].concat(),
        2,
        "not UTF-8",
    );
    check("half.log", GOOD.trim_end().as_bytes(), 1, "[]");
    check("prose.log", b"there is no format in this\n", 1, "unknown format");
}

#[test]
fn a_line_of_100_megabytes_is_cut() {
    let mut content = GOOD.as_bytes().to_vec();
    content.resize(content.len() + 100_000_000, b'x');
    content.extend_from_slice(b"\n");
    content.extend_from_slice(GOOD.as_bytes());
    let odd = import_odd("huge.log", &content);
    assert_eq!((odd.code, odd.lines), (0, 3), "{}", odd.skipped);
    assert!(odd.defects.contains("too long"), "{}", odd.defects);
}

#[test]
fn ids_that_nothing_knows() {
    let place = Place::imported();
    for command in ["why", "trace", "lines"] {
        check(&place.session.run(&[command, UNKNOWN]), 2, &["no line holds the id", UNKNOWN, "try:"]);
        check(&place.session.run(&[command, "req-zzz"]), 64, &["req-zzz", "is no id"]);
    }
    let answer = place.session.run(&["why", "--json", UNKNOWN]);
    assert_eq!((answer.code, &answer.json()[0]["outcome"]), (2, &"not_found".into()));
}

#[test]
fn stores_that_cannot_be_used() {
    let place = Place::new();
    check(&place.session.run(&["why", KNOWN]), 66, &["there is none yet", "culprit import"]);

    let logs = place.path("logs");
    let logs = logs.to_str().unwrap();
    check(&place.session.run(&["--store", logs, "import", logs]), 73, &["holds other files and no store"]);
    assert_eq!(fs::read_dir(logs).unwrap().count(), 1, "nothing may be added to it");
    check(&place.session.run(&["--store", logs, "why", KNOWN]), 66, &["there is none yet"]);

    let file = place.path("logs/good.log");
    check(&place.session.run(&["--store", file.to_str().unwrap(), "import", logs]), 73, &["good.log"]);
    check(&place.session.run(&["--store", "/proc/none/store", "import", logs]), 73, &["/proc/none/store"]);
}

#[test]
fn a_store_of_another_version_is_left_alone() {
    let place = Place::imported();
    let manifest = place.path("store/manifest");
    let text = fs::read(&manifest).unwrap();
    let end = text.iter().position(|byte| *byte == b'\n').unwrap();
    let other = [b"culprit store 999", &text[end..]].concat();
    fs::write(&manifest, &other).unwrap();
    for run in [place.session.run(&["why", KNOWN]), place.import()] {
        check(&run, 65, &["format 999", "use the version that wrote it"]);
    }
    assert_eq!(fs::read(&manifest).unwrap(), other);
}

#[test]
fn no_damage_goes_unnoticed_or_stops_the_program() {
    let place = Place::imported();
    let whole = place.session.run(&["lines", KNOWN]).stdout;
    for file in files_below(&place.path("store")) {
        let content = fs::read(&file).unwrap();
        for at in [0, content.len() / 2, content.len().saturating_sub(1)] {
            let mut damaged = content.clone();
            let Some(byte) = damaged.get_mut(at) else { continue };
            *byte ^= 0xff;
            fs::write(&file, &damaged).unwrap();
            for command in ["lines", "why", "search"] {
                let run = place.session.run(&[command, KNOWN]);
                let what = format!("{command} with byte {at} of {} changed: {run:?}", file.display());
                assert!(!run.stderr.contains("panicked") && run.code != 70, "{what}");
                let silent = run.stderr.is_empty();
                assert!(command != "lines" || run.stdout == whole || !silent, "{what}");
            }
        }
        fs::write(&file, &content).unwrap();
    }
    assert_eq!(place.session.run(&["lines", KNOWN]).stdout, whole);
}

#[test]
fn one_writer_at_a_time() {
    let place = Place::imported();
    let mut import = place.session.command(&["import", "-"]);
    let mut writer = import.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // It holds the store until its input ends; who holds it stands in the lock.
    let (lock, holder) = (place.path("store/lock"), writer.id().to_string());
    while !fs::read_to_string(&lock).is_ok_and(|text| text.contains(&holder)) {
        assert!(writer.try_wait().unwrap().is_none(), "the writer ended before it began");
        std::thread::yield_now();
    }
    check(&place.import(), 74, &["is being written by", "wait for it to finish"]);
    assert_eq!(place.session.run(&["lines", KNOWN]).code, 0, "reading needs no lock");
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    assert_eq!(place.import().code, 0);
}

#[test]
fn a_broken_filter_names_its_file_and_line() {
    let place = Place::imported();
    let write = |name: &str, text: &str| {
        let path = place.path("filters").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("signatures/own.toml", "[[signature]]\nslug = \"own.thing\"\nroll = \"cause\"\n");
    let filters = place.path("filters");
    let filters = filters.to_str().unwrap();
    for arguments in [&["filters", "check", filters][..], &["--filters", filters, "why", KNOWN]] {
        check(&place.session.run(arguments), 65, &["own.toml:3", "roll", "try:"]);
    }
    write("signatures/own.toml", "[[signature]\n");
    check(&place.session.run(&["filters", "check", filters]), 65, &["own.toml:1"]);
    check(&place.session.run(&["filters", "check", "/nowhere"]), 66, &["/nowhere"]);
    assert_eq!(place.session.run(&["filters", "check"]).code, 0);
}

#[test]
fn a_query_that_cannot_be_read_shows_where() {
    let place = Place::imported();
    check(
        &place.session.run(&["search", "levle:error"]),
        65,
        &["levle:error\n         ^", "did you mean `level:`"],
    );
    check(&place.session.run(&["search", "nova (level:error"]), 65, &["nova (level:error", "^"]);
    check(&place.session.run(&["search", "since:yesterdayish"]), 65, &["^"]);
    check(&place.session.run(&["requests", "--since", "soon"]), 64, &["soon"]);
    check(
        &place.session.run(&["import", "--zone", "Mars/Olympus", "x"]),
        64,
        &["Mars/Olympus", "no time zone"],
    );
}

#[test]
fn a_full_disk_keeps_what_was_there() {
    let place = Place::imported();
    // Every file that grows beyond this many blocks fails to: no need for a file system of its own.
    let mut big = Vec::new();
    for line in 0..200_000_u64 {
        writeln!(
            big,
            "2026-11-21 03:28:16.763 1 INFO nova.api [-] {:x}",
            line.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        )
        .unwrap();
    }
    place.write("big.log", &big);
    let script = format!(
        "trap '' XFSZ; ulimit -f 100; exec '{}' import '{}'",
        place.session.binary.display(),
        place.path("logs").display()
    );
    let run =
        Command::new("sh").args(["-c", &script]).env("CULPRIT_STORE", &place.session.store).output().unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(74), "{stderr}");
    assert!(stderr.contains("disk is full"), "{stderr}");
    assert_eq!(place.session.json(&["lines", KNOWN]).len(), 1);
    assert_eq!(place.import().code, 0, "and with room again it goes on");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
