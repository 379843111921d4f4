//! OpenStack's side: oslo.messaging, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is published, and how.
#[derive(Clone, Copy)]
pub(crate) struct Notifier<'a> {
    pub(crate) url: &'a str,
    pub(crate) exchange: &'a str,
    pub(crate) driver: &'a str,
    pub(crate) topics: &'a str,
    pub(crate) versioned: bool,
    /// Exchanges and queues outlive the broker.
    pub(crate) durable: bool,
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// Seconds between two.
    pub(crate) pause: &'a str,
}

impl Notifier<'_> {
    pub(crate) fn publish(self) {
        let published = numbers(&mut self.start());
        assert_eq!(published, self.count, "the notifier ended early");
    }

    pub(crate) fn start(self) -> Child {
        let python = python();
        assert!(python.exists(), "oslo.messaging is missing: run `cargo xtask setup`");
        let mut command = Command::new(python);
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/amqp/notify.py"))
            .args(["--url", &self.url.replacen("amqp://", "rabbit://", 1)])
            .args(["--exchange", self.exchange, "--driver", self.driver, "--topics", self.topics])
            .args(["--first", &self.first.to_string(), "--count", &self.count.to_string()])
            .args(["--pause", self.pause])
            .args(self.versioned.then_some("--versioned"))
            .args(self.durable.then_some("--durable"))
            // Its libraries warn of each other.
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command.spawn().unwrap()
    }
}

/// How many it published in all; waits for its end.
pub(crate) fn numbers(notifier: &mut Child) -> u64 {
    let lines = BufReader::new(notifier.stdout.take().unwrap()).lines().count() as u64;
    assert!(notifier.wait().unwrap().success());
    lines
}

/// Made by `cargo xtask setup`.
fn python() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv").join("bin/python")
}
