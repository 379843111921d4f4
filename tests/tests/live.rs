//! `culprit up` on files that grow, as users run it.

use std::fs;
use std::path::Path;

use culprit_tests::growing::{Place, recorded_logs};
use culprit_tests::running::Running;

/// The request that the quota refused fails in these lines of nova-api's log.
const REFUSED: &str = "req-da87e23c-3212-4e7e-ba34-16b6f983548e";

#[test]
fn a_failure_is_told_as_it_happens_and_nothing_is_read_twice() {
    let place = Place::default();
    let log = recorded_logs(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .into_iter()
        .find(|(path, _)| path.ends_with("nova/nova-api.log"))
        .unwrap();
    let lines: Vec<&[u8]> = log.1.split_inclusive(|byte| *byte == b'\n').collect();
    place.append(&log.0, &lines[2300..2310].concat());
    let mut up = place.up(&[]);
    // A line that comes in two pieces.
    let (half, whole) = lines[2310].split_at(40);
    place.append(&log.0, half);
    place.append(&log.0, &[whole, &lines[2311..2430].concat()].concat());
    let told = std::iter::repeat_with(|| up.next_row()).find(|told| told["request"] == REFUSED).unwrap();
    assert_eq!(told["outcome"], "failed");
    assert!(told["cause"]["text"].as_str().unwrap().contains("Quota exceeded"), "{told}");
    // Killed, and rotated before it comes back.
    up.kill();
    fs::rename(place.logs().join(&log.0), place.logs().join("controller/nova/nova-api.log.1")).unwrap();
    place.append(&log.0, &lines[2430..2480].concat());
    let up = place.up(&[]);
    let end = end_when_stored(&place, up, 180);
    assert!(end.starts_with("stored "), "{end}");
    let again = place.session.json(&["import", place.logs().to_str().unwrap(), "--host", "recorded"]);
    assert_eq!(again.last().unwrap()["new_lines"], 0, "{again:?}");
}

/// Waits until so many lines are committed, which is soon; then ends it.
fn end_when_stored(place: &Place, up: Running, lines: u64) -> String {
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
    let (live, imported) = (Place::default(), Place::default());
    let recorded = recorded_logs(Path::new(env!("CARGO_TARGET_TMPDIR")));
    for (path, text) in &recorded {
        imported.append(path, text);
    }
    let report = imported.session.json(&["import", imported.logs().to_str().unwrap(), "--host", "recorded"]);
    assert_eq!(report.last().unwrap()["files"], recorded.len());
    let expected = imported.verdicts();
    let failed = expected.iter().filter(|verdict| verdict.contains("\"failed\"")).count();
    assert!(failed > 100, "{failed}");

    let mut up = live.up(&[]);
    // In three pieces, each file after the other: the order in which lines come changes nothing.
    for piece in 0..3 {
        for (path, text) in &recorded {
            let cut = |at: usize| text.len() * at / 3;
            live.append(path, &text[cut(piece)..cut(piece + 1)]);
        }
    }
    let mut told = std::collections::BTreeSet::new();
    while told.len() < failed {
        let news = up.next_row();
        if news["event"] == "failed" {
            told.insert(news["request"].to_string());
        }
    }
    up.end();
    assert_eq!(live.verdicts(), expected);
}
