//! How the program ends: a code for scripts, and a message for people. Described in `docs/exit-codes.md`.

use std::fmt;
use std::io;
use std::process;

use crate::render::screen::visible;
use crate::render::style::{FAILURE, STRONG};

/// From 64 on as in `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Answered = 0,
    /// The request failed, and its cause does not stand in the logs.
    NotLogged = 1,
    /// No line holds the id.
    NotFound = 2,
    Usage = 64,
    /// A query or a filter that cannot be read; a store that is damaged.
    Data = 65,
    /// A path that is missing or cannot be read; no store.
    NoInput = 66,
    Internal = 70,
    CannotCreate = 73,
    Io = 74,
    /// Stopped with Ctrl-C, as a shell would tell it.
    Interrupted = 130,
}

impl Exit {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Answered,
        Self::NotLogged,
        Self::NotFound,
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::Internal,
        Self::CannotCreate,
        Self::Io,
        Self::Interrupted,
    ];
}

impl From<Exit> for process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: anyhow::Error,
    /// What to do next.
    advice: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), advice: None }
    }

    /// A failure without a cause behind it.
    pub(crate) fn because(exit: Exit, message: impl fmt::Display) -> Self {
        Self::new(exit, anyhow::anyhow!("{message}"))
    }

    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same mistake means another thing elsewhere.
    #[must_use]
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Whether the reader of our output went away, as `head` does: no failure at all.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// One row a cause; with styles, which the stream takes out when it is no terminal.
impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bad = FAILURE.bold();
        writeln!(out, "{bad}error:{bad:#} {}", lines(&self.error.to_string(), 7))?;
        for cause in self.error.chain().skip(1) {
            writeln!(out, "{STRONG}because:{STRONG:#} {}", lines(&cause.to_string(), 9))?;
        }
        match &self.advice {
            Some(advice) => writeln!(out, "{STRONG}try:{STRONG:#} {}", lines(advice, 5)),
            None => Ok(()),
        }
    }
}

/// Messages may quote what stood in a file.
fn lines(text: &str, indent: usize) -> String {
    let rows: Vec<_> = text.lines().map(visible).collect();
    rows.join(&format!("\n{}", " ".repeat(indent)))
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Io, anyhow::Error::new(error).context("failed to write the answer"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Exit::Internal, anyhow::Error::new(error).context("failed to write the answer as JSON"))
    }
}

pub(crate) fn after_parsing(stop: &clap::Error) -> Exit {
    match stop.print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Io,
        _ => of_parsing(stop),
    }
}

/// Help and version are answers; all else is wrong usage. `clap` would end with 2, which means something else here.
pub(crate) fn of_parsing(stop: &clap::Error) -> Exit {
    if stop.use_stderr() { Exit::Usage } else { Exit::Answered }
}
