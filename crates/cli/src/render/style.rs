//! The colours, each named after what it says. Only the sixteen that every terminal theme chooses itself.

use anstyle::{AnsiColor, Style};
use model::{Outcome, Severity};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
/// The one line that matters.
pub(crate) const CULPRIT: Style = AnsiColor::Red.on_default().bold();
pub(crate) const FAILURE: Style = AnsiColor::Red.on_default();
pub(crate) const SUCCESS: Style = AnsiColor::Green.on_default();
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default();
/// A place to open: file and line.
pub(crate) const PLACE: Style = AnsiColor::Cyan.on_default();
/// Something to type.
pub(crate) const COMMAND: Style = AnsiColor::Green.on_default();

pub(crate) const fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Succeeded => SUCCESS,
        Outcome::Failed => FAILURE,
        Outcome::Unfinished => CAUTION,
    }
}

pub(crate) const fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => CULPRIT,
        Severity::Error => FAILURE,
        Severity::Warning => CAUTION,
        Severity::Info => PLAIN,
        Severity::Debug | Severity::Trace | Severity::Unspecified => DIM,
    }
}
