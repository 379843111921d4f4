//! `why` is right about the recorded cloud.

use std::path::Path;

use culprit_tests::score::{BARS, Bar, Examination};
use culprit_tests::session::recorded_cloud;

#[test]
fn the_recorded_cloud_is_understood() {
    let cloud = recorded_cloud(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let session = &cloud.session;
    let score = Examination::over(&session.binary, &cloud.folder, &session.store).unwrap().mark().unwrap();
    // How fast an answer comes is measured where nothing else runs: `cargo xtask score`.
    let bars: Vec<Bar> =
        Bar::parse_list(BARS).unwrap().into_iter().filter(|bar| bar.figure != "p95").collect();
    let shortfalls = score.shortfalls(&bars);
    assert!(shortfalls.is_empty(), "{shortfalls:?}\n{score}\n{}", score.misses.join("\n"));
}
