//! The language of `culprit search`, as a type: `service:nova level>=warning "No valid host" since:1h`.

use std::fmt;

use model::{Id, Severity, Timestamp};

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// A word of the line, in any case; `prefix` when it ended in `*`.
    Word {
        text: String,
        prefix: bool,
    },
    /// These characters in this order, in any case.
    Phrase(String),
    /// A line that holds this id, in whatever spelling.
    Id(Id),
    Field {
        field: Field,
        value: String,
    },
    Level {
        comparison: Comparison,
        severity: Severity,
    },
    Since(Timestamp),
    Until(Timestamp),
}

/// What `field:value` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The project (`nova`) or the program (`nova-compute`).
    Service,
    Host,
    /// The path of the file, or its end.
    File,
    Logger,
    Format,
    /// A signature's slug, or its beginning.
    Signature,
}

impl Field {
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("service", Self::Service),
        ("daemon", Self::Service),
        ("host", Self::Host),
        ("file", Self::File),
        ("logger", Self::Logger),
        ("format", Self::Format),
        ("signature", Self::Signature),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Comparison {
    #[must_use]
    pub fn holds(self, left: Severity, right: Severity) -> bool {
        match self {
            Self::Equal => left == right,
            Self::AtLeast => left >= right,
            Self::Above => left > right,
            Self::AtMost => left <= right,
            Self::Below => left < right,
        }
    }
}

/// What is wrong with a query, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// 1-based, in characters.
    pub column: usize,
    pub problem: String,
    pub hint: Option<String>,
}

impl fmt::Display for QueryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at column {}", self.problem, self.column)?;
        match &self.hint {
            Some(hint) => write!(out, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}
