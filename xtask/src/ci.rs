//! What continuous integration runs.

use anyhow::Result;
use culprit_tests::binary::checked_binary;
use culprit_tests::score::{BARS, Bar, LEAVE_ONE_OUT_BAR};

use crate::options::Options;
use crate::{check, fuzz, score};

pub(crate) const HELP: &str = "\
Everything of `cargo xtask test`, then `score` with the project's bars, then ten seconds of each fuzz target, and as
the last line `N passed, N failed`. Fuzzing is skipped, and says so, where no nightly toolchain can be had.

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
    match fuzz::install_missing() {
        Ok(()) => tally.step("fuzzing", || fuzz::fuzz(FUZZ_SECONDS, None)),
        Err(error) => println!("\nFuzzing is skipped: {error:#}."),
    }
    tally.close()
}
