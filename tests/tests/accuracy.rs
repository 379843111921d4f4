//! `why` is right about the recorded cloud.

use std::path::Path;

use culprit_tests::binary::checked_binary;
use culprit_tests::corpus;
use culprit_tests::score::{BARS, Bar, Examination};

#[test]
#[ignore = "`import` and `why` are not there yet"]
fn the_recorded_cloud_is_understood() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cloud = corpus::unpack(&corpus::archive(), scratch).unwrap();
    let store = tempfile::tempdir_in(scratch).unwrap();
    let binary = checked_binary().unwrap();
    let score = Examination::prepare(&binary, &cloud, store.path()).unwrap().mark().unwrap();
    // How fast an answer comes is measured where nothing else runs: `cargo xtask score`.
    let bars: Vec<Bar> =
        Bar::parse_list(BARS).unwrap().into_iter().filter(|bar| bar.figure != "p95").collect();
    let shortfalls = score.shortfalls(&bars);
    assert!(shortfalls.is_empty(), "{shortfalls:?}\n{score}\n{}", score.misses.join("\n"));
}
