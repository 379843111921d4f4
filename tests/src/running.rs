//! A command that goes on until it is stopped: `up`, `agent`, `watch`, `tail`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use serde_json::Value;

/// It is killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    rows: Option<BufReader<ChildStdout>>,
    remarks: BufReader<ChildStderr>,
}

impl Running {
    /// Started, and so far that it says `sign` on its standard error.
    #[must_use]
    pub fn start(mut command: Command, sign: &str) -> Self {
        command.stdout(Stdio::piped());
        let mut running = Self::spawn(command);
        running.wait_for(sign);
        running
    }

    /// For whom what it prints is of no interest.
    #[must_use]
    pub fn start_silently(mut command: Command) -> Self {
        command.stdout(Stdio::null());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the program was just built");
        let rows = child.stdout.take().map(BufReader::new);
        let remarks = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, rows, remarks }
    }

    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a row on its standard error that holds this.
    pub fn wait_for(&mut self, sign: &str) -> String {
        let mut said = String::new();
        loop {
            let before = said.len();
            self.remarks.read_line(&mut said).expect("it is text");
            assert!(said.len() > before, "it ended without `{sign}`: {said}");
            if said.get(before..).is_some_and(|row| row.contains(sign)) {
                return said.split_off(before);
            }
        }
    }

    /// Waits for the next object that it prints.
    pub fn next_row(&mut self) -> Value {
        let mut row = String::new();
        let rows = self.rows.as_mut().expect("it was not started silently");
        rows.read_line(&mut row).expect("it is text");
        serde_json::from_str(&row).unwrap_or_else(|error| panic!("{error}: `{row}`"))
    }

    pub fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args([format!("-{name}"), process]).status();
        assert!(sent.expect("`kill` is everywhere").success());
    }

    /// Asks it to end, and waits for that; what it said last.
    pub fn end(mut self) -> String {
        self.signal("TERM");
        let mut rest = String::new();
        self.remarks.read_line(&mut rest).expect("it is text");
        assert!(self.child.wait().expect("it was started").success(), "{rest}");
        rest
    }

    /// As a power failure would.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
