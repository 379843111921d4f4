//! Questions to a store that goes on growing, and questions that nobody should ask.

use std::cell::Cell;
use std::collections::BTreeSet;

use index::{Cursor, Options, SourceId, Writer};
use model::{Line, Timestamp};
use parse::{Annotator, Knowledge, Zone};
use query::{Engine, Expression, Question};

/// A store that lines are appended to, a source for each path.
struct Growing {
    folder: tempfile::TempDir,
    writer: Writer,
    /// With the number of the last line.
    sources: Vec<(SourceId, u64)>,
}

impl Growing {
    fn new(sources: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 8 << 10, draft_bytes: 2 << 10 };
        let mut writer = Writer::open(&folder.path().join("store"), options).unwrap();
        let knowledge = Knowledge::embedded();
        let sources = sources.iter().map(|path| (writer.add_source(&knowledge.locate(path)), 0)).collect();
        Self { folder, writer, sources }
    }

    fn append(&mut self, source: usize, texts: &[String]) {
        let mut annotator = Annotator::new(Zone::parse("UTC").unwrap());
        let (source, number) = &mut self.sources[source];
        let mut rows = Vec::new();
        for text in texts {
            *number += 1;
            let mut line = Line { number: *number, text: text.clone().into_bytes() };
            let annotation = annotator.annotate(&mut line);
            rows.push((line, annotation));
        }
        self.writer.append(*source, &rows).unwrap();
        self.writer.commit(Vec::new()).unwrap();
    }

    fn engine(&self) -> Engine {
        Engine::open(&self.folder.path().join("store"), Knowledge::embedded()).unwrap()
    }
}

fn page(engine: &Engine, query: &str, after: Option<Cursor>, limit: usize) -> (Vec<String>, Option<Cursor>) {
    let expression = query::parse(query, Timestamp::default()).unwrap();
    let found = engine.search(Question { expression: &expression, after, limit, keep_going: &|| true });
    (found.passages.into_iter().map(|passage| passage.body).collect(), found.next)
}

#[test]
fn levels_are_those_that_an_entry_of_several_lines_tells() {
    let mut store = Growing::new(&["compute-01/journal.export"]);
    let entry = "__CURSOR=s=739ad4;i=4ece7;b=6c7c6013;m=4fc72436e;t=660c0f3933878;x=4e1\nPRIORITY=4\n_COMM=nova\nMESSAGE=spam";
    store.append(0, &entry.lines().map(str::to_owned).collect::<Vec<_>>());
    let engine = store.engine();
    let check = |query: &str, expected: &[&str]| {
        assert_eq!(page(&engine, query, None, 10).0, expected, "{query}");
    };
    check("level>=trace", &["spam"]);
    check("level:warning", &["spam"]);
    check("level>warning", &[]);
    check("NOT level:warning", &[]);
}

#[test]
fn services_are_found_in_files_that_hold_lines_of_all() {
    let line = "2026-11-21T04:50:23.795709+00:00 ctl1 devstack@n-cpu.service[17]: INFO nova.compute.claims [-] Claim successful";
    let mut store = Growing::new(&["ctl1/syslog", "ctl1/other.log"]);
    store.append(0, &[line.to_owned()]);
    store.append(1, &[line.to_owned()]);
    let engine = store.engine();
    let check = |query: &str, expected: usize| {
        assert_eq!(page(&engine, query, None, 10).0.len(), expected, "{query}");
    };
    check("service:nova-compute", 2);
    check("daemon:nova-compute service:nova", 2);
    check("host:ctl1", 2);
    check("service:neutron", 0);
}

#[test]
fn what_looks_like_nothing_else_is_found() {
    let lines = [
        "2026-11-21 03:31:34.568 18277 INFO neutron.agent.l3.router_info [-] address fd00:17:3::f816:3eff:fec1:2ba3/64 on qr-2c99782f-4f, fa:16:3e:c1:2b:a3",
        "2026-11-21 03:31:35.568 18277 DEBUG glanceclient.common.http [-] sha512 26ce905f6811d1eddb9957ec32d518655b845e992133f836760da9913b0af60d for 10.0.0.25:9292",
        "2026-11-21 03:31:36.568 18277 WARNING nova.virt.libvirt.imagecache [-] Größe of /var/lib/nova/instances/_base/2fabdb98bb67 is 21474836480",
        "2026-11-21 03:31:37.568 18277 INFO nova.virt.libvirt.driver [-] [instance: 0773a2bc-2671-4809-81f6-7f3946933055] unexhausted_capacity",
    ];
    let mut store = Growing::new(&["compute-01/nova/nova-compute.log"]);
    store.append(0, &lines.map(str::to_owned));
    let engine = store.engine();
    let check = |query: &str, line: usize| {
        let found = page(&engine, query, None, 10).0;
        assert_eq!(found.len(), 1, "{query}: {found:?}");
        assert!(lines[line].ends_with(&found[0]), "{query}: {found:?}");
    };
    check("fd00:17:3::f816:3eff:fec1:2ba3", 0);
    check("fd00:17:3::f816:3eff:fec1:2ba3/64", 0);
    check("\"fec1:2ba3\"", 0);
    check("fa:16:3e:c1:2b:a3", 0);
    check("FA:16:3E:C1:2B:A3", 0);
    check("neutron.agent.l3", 0);
    check("26ce905f6811d1eddb9957ec32d518655b845e992133f836760da9913b0af60d", 1);
    check("26ce905f6811d1ed*", 1);
    check("10.0.0.25", 1);
    check("10.0.0.25:9292", 1);
    check("GRÖßE", 2);
    check("größe", 2);
    check("grö*", 2);
    check("/gr[oö]ße/", 2);
    check("/var/lib/nova/instances", 2);
    check("21474836480", 2);
    check("2147*", 2);
    check("\"4748364\"", 2);
    check("0773a2bc2671480981f67f3946933055", 3);
    check("0773a2bc-2671-4809-81f6-7f3946933055", 3);
    check("0773a2bc", 3);
    check("unexhausted*", 3);
    check("\"xhausted_cap\"", 3);
    check("/x[a-z]+_capac/", 3);
}

#[test]
fn pages_hold_everything_once_while_lines_are_appended() {
    let line = |second: usize, text: &str| {
        let (minute, second) = (second / 60 % 60, second % 60);
        format!("2026-11-21 03:{minute:02}:{second:02}.568 18277 ERROR nova.api [-] {text}")
    };
    for limit in [3, 8] {
        let mut store = Growing::new(&["controller/nova/nova-api.log", "controller/nova/nova-scheduler.log"]);
        // Many at the same time, of both sources.
        for source in 0..2 {
            let texts: Vec<String> =
                (0..16).map(|at| line(at / 4, &format!("error old {source} {at}"))).collect();
            store.append(source, &texts);
        }
        let (mut seen, mut after, mut round) = (Vec::new(), None, 0);
        loop {
            let (found, next) = page(&store.engine(), "error level:error", after, limit);
            assert!(found.len() <= limit);
            seen.extend(found);
            after = next;
            if after.is_none() {
                break;
            }
            // Newer ones, and late ones that belong to pages to come, to pages that went, and among those at hand.
            if round < 6 {
                let places = [
                    ("newer", 600 + round),
                    ("late", round % 4),
                    ("late at the end", 3),
                    ("late at the start", 0),
                ];
                let texts = places.map(|(what, at)| line(at, &format!("error {what} {round}")));
                store.append(round % 2, &texts);
            }
            round += 1;
            assert!(round < 30, "pages without an end");
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "twice with pages of {limit}: {seen:?}");
        let old = seen.iter().filter(|text| text.contains("old")).count();
        assert_eq!(old, 32, "with pages of {limit}");
        assert!(!seen.iter().any(|text| text.contains("newer")), "newer than the first page");
    }
}

#[test]
fn cursors_of_elsewhere_are_places_in_time() {
    let mut store = Growing::new(&["controller/nova/nova-api.log"]);
    store.append(0, &["2026-11-21 03:00:00.000 1 INFO nova.api [-] here".to_owned()]);
    let engine = store.engine();
    let check = |cursor: &str, expected: usize| {
        let found = page(&engine, "here", Some(Cursor::parse(cursor).unwrap()), 10).0;
        assert_eq!(found.len(), expected, "{cursor}");
    };
    check("7fffffffffffffff.0.0", 1);
    check("7fffffffffffffff.ffffffff.ffffffffffffffff", 1);
    check("0.0.0", 0);
    check("ffffffffffffffff.7.7", 0);
    check("none.ffffffff.ffffffffffffffff", 0);
}

/// Whatever is typed is refused, or answered: here with what the first three blocks hold.
#[test]
fn hostile_queries_end() {
    let mut store = Growing::new(&["controller/nova/nova-api.log"]);
    let body = "a".repeat(200);
    let texts: Vec<String> =
        (0..400).map(|at| format!("2026-11-21 03:00:00.{at:03} 1 INFO nova.api [-] {body}{at}")).collect();
    store.append(0, &texts);
    let engine = store.engine();
    let check = |query: &str, refused: bool| {
        let shown: String = query.chars().take(40).collect();
        let expression = query::parse(query, Timestamp::default());
        assert_eq!(expression.is_err(), refused, "{shown}: {expression:?}");
        let Ok(expression) = expression else { return };
        let left = Cell::new(3_i32);
        let keep_going = || left.replace(left.get() - 1) > 0;
        let question = Question { expression: &expression, after: None, limit: 10, keep_going: &keep_going };
        drop(engine.search(question));
    };
    check(&"(".repeat(10_000), true);
    check(&"(".repeat(20_000), true);
    check(&format!("{}a{}", "(".repeat(31), ")".repeat(31)), false);
    check(&"NOT ".repeat(1_000), true);
    check(&format!("{}zzz", "NOT ".repeat(31)), false);
    check(&format!("{}a", "-".repeat(5_000)), true);
    check(&"a OR ".repeat(300), true);
    check(&vec!["a*"; 128].join(" OR "), false);
    check(&vec!["NOT"; 300].join(" "), true);
    check("/(a?){64}(a?){64}(a?){64}a{64}b/", false);
    check("/(.*.*.*.*)*b$/", false);
    check("/((a*)*)*b/", false);
    check("/(?:.{0,50}x.{0,50}y){60}/", true);
    check("/\\p{L}{900}/", true);
    check(&format!("/{}/", "a|".repeat(600)), true);
    check(&format!("/{}/", "(".repeat(400)), true);
    check("/a(?<=b)/", true);
    check("\u{202e}\u{0}\u{7}", false);
    check("日本語 🦀* \"\u{301}\"", false);
    check("", true);
    check(" \t\n", true);
    check("\"\"", true);
    check("()", true);
    check("*", false);
    check("since:1h until:2h", false);
    check("since:2030-01-01 until:2020-01-01", false);
    check("since:99999999999999w", true);
    check("since:-1h", true);
    check("status:599..400", false);
    check("status:-1", true);
    check("took>1e400", true);
    check("host:\"\"", true);
    check("AND", true);
    check("a AND AND b", true);
    check("OR OR", true);
    check("-", false);
    let everything = Expression::All(Vec::new());
    let question = Question { expression: &everything, after: None, limit: 0, keep_going: &|| true };
    assert!(engine.search(question).passages.is_empty());
}
