//! What continuous integration runs.

use anyhow::Result;
use culprit_tests::binary::checked_binary;
use culprit_tests::score::{BARS, Bar, LEAVE_ONE_OUT_BAR};

use crate::options::Options;
use crate::{check, crash, fuzz, score, torture};

pub(crate) const HELP: &str = "\
Everything of `cargo xtask test`, then `score` with the project's bars, 30 runs of `crash`, 10 of `torture`, ten seconds of
each fuzz target, and as the last line `N passed, N failed`. Fuzzing is skipped, and says so, where no nightly toolchain can be had.

Usage: cargo xtask ci";

const FUZZ_SECONDS: u64 = 10;

pub(crate) fn run(options: Options) -> Result<()> {
    options.finish()?;
    let mut tally = check::check_all()?;
    tally.step("score", || {
        println!("\nHow often `why` is right:");
        let score = score::measure(&checked_binary()?, None, score::Depth::Full)?;
        println!("{score}");
        score::require(&score, &Bar::parse_list(&format!("{BARS},{LEAVE_ONE_OUT_BAR}"))?)
    });
    tally.step("crashes", || {
        println!("\nWriters are killed, every line is counted:");
        crash::crash(crash::SHORT_RUNS, 1)
    });
    tally.step("tortures", || {
        println!("\nLive logs are followed while everything breaks, every line is counted:");
        torture::torture(torture::SHORT_RUNS, 1)
    });
    match fuzz::install_missing() {
        Ok(()) => tally.step("fuzzing", || fuzz::fuzz(FUZZ_SECONDS, None)),
        Err(error) => println!("\nFuzzing is skipped: {error:#}."),
    }
    tally.close()
}
