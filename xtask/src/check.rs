//! Everything that must hold before a change goes in.

use std::process::Command;

use anyhow::{Result, ensure};
use culprit_tests::binary::checked_binary;

use crate::command::{command, run as run_command, run_watched, works};
use crate::options::Options;
use crate::setup;

pub(crate) const HELP: &str = "\
Installs what is missing (see `cargo xtask setup`), then checks everything and says at the end what failed:
formatting, lints, all tests, documentation, the filters, and, where cargo-deny is installed, licences.

Usage: cargo xtask test";

/// What was checked so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    broken_steps: Vec<String>,
}

pub(crate) fn run(options: Options) -> Result<()> {
    options.finish()?;
    let tally = check_all()?;
    tally.close()
}

/// A step that fails does not stop the others. The quick ones come first.
pub(crate) fn check_all() -> Result<Tally> {
    setup::install_missing()?;
    let mut tally = Tally::default();
    tally.step("formatting", || run_command(command(&["cargo", "fmt", "--all", "--check"])));
    if works(&["cargo", "deny", "--version"]) {
        tally.step("licences", || run_command(command(&["cargo", "deny", "check", "licenses", "sources"])));
    } else {
        println!("\nLicences are not checked: cargo-deny is not installed.");
    }
    tally.step("lints", || {
        let lints = ["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        run_command(command(&lints))
    });
    tally.step("documentation", || {
        let mut docs = command(&["cargo", "doc", "--workspace", "--no-deps", "--locked"]);
        docs.env("RUSTDOCFLAGS", "-D warnings");
        run_command(docs)
    });
    let tests = ["cargo", "test", "--profile", "checked", "--workspace", "--locked", "--no-fail-fast"];
    tally.tests(command(&tests));
    tally.step("filters", || {
        let mut filters = Command::new(checked_binary()?);
        filters.args(["filters", "check"]);
        run_command(filters)
    });
    Ok(tally)
}

impl Tally {
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        if let Err(error) = step() {
            self.broken_steps.push(format!("{name}: {error:#}"));
        }
    }

    fn tests(&mut self, tests: Command) {
        let mut failures = 0;
        let ended = run_watched(tests, |line| {
            if let Some((passed, failed)) = test_result(line) {
                self.passed += passed;
                failures += failed;
            }
        });
        self.failed += failures;
        // Failures are counted one by one; what is left are tests that did not compile, or crashed.
        self.step("tests", || {
            ensure!(ended? || failures > 0, "the run broke off, see above");
            Ok(())
        });
    }

    /// Prints what failed, then the one line that sums it up. A step that is no test counts only when it fails.
    pub(crate) fn close(self) -> Result<()> {
        for step in &self.broken_steps {
            println!("\nFAILED {step}");
        }
        let failed = self.failed + self.broken_steps.len();
        println!("\n{} passed, {failed} failed", self.passed);
        ensure!(failed == 0, "not everything holds");
        Ok(())
    }
}

/// What cargo says at the end of each test program: `test result: ok. 10 passed; 0 failed; …`.
fn test_result(line: &str) -> Option<(usize, usize)> {
    let counts = line.strip_prefix("test result: ")?;
    let count = |what: &str| {
        let (before, _) = counts.split_once(what)?;
        before.trim_end().rsplit(' ').next()?.parse().ok()
    };
    Some((count("passed;")?, count("failed;")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_test_programs_are_read() {
        let check = |line, expected| assert_eq!(test_result(line), expected, "{line}");
        check("test result: ok. 10 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", Some((10, 0)));
        check(
            "test result: FAILED. 3 passed; 12 failed; 0 ignored; 0 measured; 0 filtered out",
            Some((3, 12)),
        );
        check("test marking::passed; ... ok", None);
        check("test result: unheard of", None);
    }

    #[test]
    fn a_step_counts_when_it_fails() {
        let mut tally = Tally { passed: 5, ..Tally::default() };
        tally.step("formatting", || Ok(()));
        assert!(Tally { passed: 5, ..Tally::default() }.close().is_ok());
        tally.step("lints", || anyhow::bail!("ended with 1"));
        assert_eq!(tally.broken_steps, ["lints: ended with 1"]);
        assert!(tally.close().is_err());
    }
}
