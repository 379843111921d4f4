//! Folders and files as an operator has them, read from a temporary place.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use ingest::{Checkpoint, Content, ReadError, Resume, Settings, discover};

const LINES: &str = "\
2026-11-21 03:28:16.763 6620 INFO nova.compute.claims [None req-aee7bcd6 demo] Claim successful on node compute-01
2026-11-21 03:28:17.101 6620 WARNING nova.virt.libvirt.driver [-] This host is old
2026-11-21 03:28:18.000 6620 ERROR nova.compute.manager [-] Build of instance aborted
";

/// What a visit of everything below a path gave: `path: line|line`, `path skipped: reason`, `failed: message`.
fn read_all(roots: &[&Path], settings: &Settings) -> Vec<String> {
    let roots: Vec<PathBuf> = roots.iter().map(|root| root.to_path_buf()).collect();
    let found = discover(&roots);
    let mut seen: Vec<String> = found.problems.iter().map(|error| format!("failed: {error}")).collect();
    seen.extend(found.skipped.iter().map(|skipped| format!("{} skipped: {}", skipped.path, skipped.reason)));
    let progress = AtomicU64::new(0);
    for input in &found.inputs {
        input.read(settings, &progress, &mut |content| match content {
            Content::Skipped(skipped) => seen.push(format!("{} skipped: {}", skipped.path, skipped.reason)),
            Content::Failed(error) => seen.push(format!("failed: {error}")),
            Content::Lines(mut reader) => {
                let mut texts = Vec::new();
                let outcome = loop {
                    match reader.next_batch() {
                        Ok(Some(batch)) => texts.extend(
                            batch.lines.iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()),
                        ),
                        Ok(None) => break None,
                        Err(error) => break Some(error),
                    }
                };
                seen.push(format!("{}: {}", reader.path, texts.join("|")));
                seen.extend(outcome.map(|error| format!("failed: {error}")));
            }
        });
    }
    seen
}

fn check(root: &Path, expected: &[&str]) {
    assert_eq!(read_all(&[root], &Settings::default()), expected);
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut out = liblzma::write::XzEncoder::new(Vec::new(), 6);
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

fn bz2(content: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_795_231_696);
        out.append_data(&mut header, name, *content).unwrap();
    }
    out.into_inner().unwrap()
}

#[test]
fn folders_are_read_in_order_with_paths_below_the_named_one() {
    let root = folder(&[
        ("controller/nova/nova-api.log", b"b\r\nc\n"),
        ("compute-01/nova/nova-compute.log", b"a\n"),
        ("empty.log", b""),
    ]);
    check(
        root.path(),
        &["compute-01/nova/nova-compute.log: a", "controller/nova/nova-api.log: b|c", "empty.log: "],
    );
    check(&root.path().join("controller/nova/nova-api.log"), &["nova-api.log: b|c"]);
}

#[test]
fn links_are_followed_once_and_may_lead_in_circles() {
    let root = folder(&[("pods/1/0.log", b"x\n")]);
    symlink(root.path().join("pods/1/0.log"), root.path().join("a-link.log")).unwrap();
    symlink(root.path(), root.path().join("pods/up")).unwrap();
    symlink("nowhere", root.path().join("dangling")).unwrap();
    check(root.path(), &["dangling skipped: a link that leads nowhere", "pods/1/0.log: x"]);
}

#[test]
fn compression_is_told_by_content_and_taken_off_layer_by_layer() {
    let zst = zstd::encode_all(&b"z\n"[..], 1).unwrap();
    let twice = gz(&xz(b"t\n"));
    let two_members = [gz(b"g\n"), gz(b"h\n")].concat();
    let root = folder(&[
        ("a.gz", &two_members),
        ("b.log", &xz(b"x\n")),
        ("c", &bz2(b"b\n")),
        ("d.zst", &zst),
        ("e.gz", &twice),
    ]);
    check(root.path(), &["a.gz: g|h", "b.log: x", "c: b", "d.zst: z", "e.gz: t"]);
}

#[test]
fn archives_are_read_member_by_member() {
    let inner = tar(&[("deep.log", b"d\n")]);
    let members = tar(&[
        ("./sos/var/log/nova/nova-compute.log", b"n\n"),
        ("sos/var/log/messages-20261121.gz", &gz(b"m\n")),
        ("sos/inner.tar.xz", &xz(&inner)),
        ("sos/bin", b"\x7fELF\x02\x01"),
    ]);
    let root = folder(&[("host7.tar.xz", &xz(&members)), ("plain.tar", &inner)]);
    check(
        root.path(),
        &[
            "host7.tar.xz/sos/var/log/nova/nova-compute.log: n",
            "host7.tar.xz/sos/var/log/messages-20261121.gz: m",
            "host7.tar.xz/sos/inner.tar.xz/deep.log: d",
            "host7.tar.xz/sos/bin skipped: a program",
            "plain.tar/deep.log: d",
        ],
    );
}

#[test]
fn bad_input_is_named_and_the_rest_is_read() {
    let whole = gz(LINES.repeat(2000).as_bytes());
    let root = folder(&[
        ("a.bin", b"\x7fELF\x02\x01\x01\0"),
        ("b.log", b"good\nhalf"),
        ("c.log.gz", &whole[..whole.len() / 2]),
        ("d.log", b"\xff\xfea\0b\0"),
    ]);
    let missing = root.path().join("missing");
    let seen = read_all(&[&missing, root.path()], &Settings::default());
    assert_eq!(
        seen[0],
        format!("failed: `{}` does not exist; check the spelling of the path", missing.display())
    );
    assert_eq!(seen[1], "a.bin skipped: a program");
    assert_eq!(seen[2], "b.log: good|half");
    assert!(seen[3].starts_with("c.log.gz: 2026-11-21 03:28:16.763 6620 INFO"), "{}", seen[3]);
    assert!(seen[4].starts_with("failed: `c.log.gz` ends too early, after "), "{}", seen[4]);
    assert!(seen[5].starts_with("d.log skipped: UTF-16"), "{}", seen[5]);
}

#[test]
fn a_file_without_permission_is_named() {
    let root = folder(&[("secret.log", b"x\n")]);
    let path = root.path().join("secret.log");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    let readable_all_the_same = fs::File::open(&path).is_ok();
    if readable_all_the_same {
        check(root.path(), &["secret.log: x"]); // root may read everything
    } else {
        let expected = format!(
            "failed: no permission to read `{}`; run as a user who may read it, or add yourself to its group",
            path.display()
        );
        check(root.path(), &[&expected]);
    }
}

#[test]
fn a_line_of_100_mb_is_cut_and_the_file_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("long.log");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"before\n").unwrap();
    for _ in 0..100 {
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    file.write_all(b"\nafter\n").unwrap();
    let found = discover(&[path]);
    let mut seen = Vec::new();
    found.inputs[0].read(&Settings::default(), &AtomicU64::new(0), &mut |content| {
        let Content::Lines(mut reader) = content else { panic!("text expected") };
        while let Some(batch) = reader.next_batch().unwrap() {
            seen.extend(
                batch
                    .lines
                    .iter()
                    .map(|line| (line.number, line.text.len(), batch.cut.contains(&line.number))),
            );
        }
    });
    assert_eq!(seen, [(1, 6, false), (2, 1 << 20, true), (3, 5, false)]);
}

/// Reads one file against what is known; gives the decision and the new lines (`number:text`), and keeps the
/// checkpoint as an import does.
fn import(path: &Path, host: Option<&str>, known: &mut Vec<Checkpoint>) -> (Resume, Vec<String>) {
    let found = discover(&[path.to_owned()]);
    let mut result = None;
    found.inputs[0].read(&Settings::default(), &AtomicU64::new(0), &mut |content| {
        let Content::Lines(mut reader) = content else { panic!("text expected in {content:?}") };
        let resume = reader.resume(known, host).unwrap();
        let mut lines = Vec::new();
        loop {
            match reader.next_batch() {
                Ok(Some(batch)) => lines.extend(
                    batch.lines.iter().map(|l| format!("{}:{}", l.number, String::from_utf8_lossy(&l.text))),
                ),
                Ok(None) | Err(ReadError::Truncated { .. }) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let checkpoint = Checkpoint::from_bytes(&reader.checkpoint(host).to_bytes()).unwrap();
        match resume {
            Resume::New => known.push(checkpoint),
            Resume::Known { checkpoint: at } | Resume::GoOn { checkpoint: at, .. } => known[at] = checkpoint,
        }
        result = Some((resume, lines));
    });
    result.unwrap()
}

#[test]
fn the_same_again_adds_nothing_and_growth_adds_only_its_part() {
    let root = folder(&[]);
    let path = root.path().join("nova-api.log");
    let mut known = Vec::new();
    let mut check = |content: &[u8], resume, lines: &[&str]| {
        fs::write(&path, content).unwrap();
        assert_eq!(
            import(&path, Some("controller"), &mut known),
            (resume, lines.iter().map(|l| l.to_string()).collect())
        );
    };
    check(b"a\nb\n", Resume::New, &["1:a", "2:b"]);
    check(b"a\nb\n", Resume::Known { checkpoint: 0 }, &[]);
    check(b"a\nb\nc\nd", Resume::GoOn { checkpoint: 0, line: 3 }, &["3:c", "4:d"]);
    check(b"a\nb\nc\nd", Resume::Known { checkpoint: 0 }, &[]);
    check(b"a\nb\nc\nd, the rest\ne\n", Resume::GoOn { checkpoint: 0, line: 4 }, &["4:d, the rest", "5:e"]);
    check(b"a\nb\nc\nd, the rest\ne\n", Resume::Known { checkpoint: 0 }, &[]);
    check(b"a\n", Resume::New, &["1:a"]);
    check(b"other\n", Resume::New, &["1:other"]);
}

#[test]
fn rotated_and_compressed_copies_are_recognised() {
    let root = folder(&[]);
    let log = LINES.repeat(50);
    let grown = format!("{log}one more\n");
    let at = |name: &str, content: &[u8]| {
        let path = root.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let host = Some("controller");
    let mut known = Vec::new();
    assert_eq!(import(&at("nova-api.log", log.as_bytes()), host, &mut known).0, Resume::New);
    let rotated = at("nova-api.log.1", grown.as_bytes());
    assert_eq!(
        import(&rotated, host, &mut known),
        (Resume::GoOn { checkpoint: 0, line: 151 }, vec!["151:one more".to_owned()])
    );
    let compressed = at("nova-api.log.2.gz", &gz(grown.as_bytes()));
    assert_eq!(import(&compressed, host, &mut known).0, Resume::Known { checkpoint: 0 });
    let fresh = at("nova-api.log", b"a new day\n");
    assert_eq!(import(&fresh, host, &mut known).0, Resume::New);
    assert_eq!(import(&at("nova-conductor.log", grown.as_bytes()), host, &mut known).0, Resume::New);
    assert_eq!(import(&compressed, Some("network-01"), &mut known).0, Resume::Known { checkpoint: 0 });
}

#[test]
fn equal_beginnings_and_equal_short_files_are_kept_apart() {
    let root = folder(&[
        ("a/one.log", b"started\n"),
        ("b/one.log", b"started\n"),
        ("c/x.log", format!("{LINES}{LINES}{LINES}{LINES}to the left\n").as_bytes()),
        ("c/x.log.1", format!("{LINES}{LINES}{LINES}{LINES}to the right\n").as_bytes()),
    ]);
    let mut known = Vec::new();
    let mut check = |name: &str, host, expected| {
        assert_eq!(import(&root.path().join(name), Some(host), &mut known).0, expected, "{name}");
    };
    check("a/one.log", "host-a", Resume::New);
    check("b/one.log", "host-b", Resume::New);
    check("c/x.log", "host-c", Resume::New);
    check("c/x.log.1", "host-c", Resume::New);
    check("c/x.log", "host-c", Resume::Known { checkpoint: 2 });
    check("c/x.log.1", "host-c", Resume::Known { checkpoint: 3 });
}

#[test]
fn archive_members_are_known_again_and_grow() {
    let root = folder(&[]);
    let path = root.path().join("sos.tar.gz");
    let mut known = Vec::new();
    let mut check = |content: &str, resume, new_lines| {
        fs::write(&path, gz(&tar(&[("var/log/nova-api.log", content.as_bytes())]))).unwrap();
        let (decision, lines) = import(&path, None, &mut known);
        assert_eq!((decision, lines.len()), (resume, new_lines));
    };
    let log = LINES.repeat(5000);
    check(&log, Resume::New, 15_000);
    check(&log, Resume::Known { checkpoint: 0 }, 0);
    check(&format!("{log}half"), Resume::GoOn { checkpoint: 0, line: 15_001 }, 1);
    check(&format!("{log}half and whole\n"), Resume::GoOn { checkpoint: 0, line: 15_001 }, 1);
    let changed_late = log.replacen("old", "new", 4000);
    check(&changed_late, Resume::New, 15_000);
}

#[test]
fn a_truncated_archive_goes_on_when_it_is_whole() {
    let root = folder(&[]);
    let path = root.path().join("nova-api.log.gz");
    let whole = gz(&(0..20_000)
        .flat_map(|n: u32| format!("line {}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
        .collect::<Vec<u8>>());
    let mut known = Vec::new();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (first, lines) = import(&path, None, &mut known);
    assert_eq!(first, Resume::New);
    assert_eq!(import(&path, None, &mut known), (Resume::Known { checkpoint: 0 }, vec![]));
    fs::write(&path, &whole).unwrap();
    let (then, more) = import(&path, None, &mut known);
    assert!(matches!(then, Resume::GoOn { checkpoint: 0, .. }), "{then:?}");
    let once = lines.len() + more.len();
    assert!((20_000..=20_001).contains(&once), "{once}: at most the half line comes twice");
}
