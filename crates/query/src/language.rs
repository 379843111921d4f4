//! The language of `culprit search`, as a type: `service:nova level>=warning "No valid host" since:1h`.

use std::fmt;

use model::{Id, IdKind, Severity, Timestamp};

use crate::pattern::Pattern;

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// A word of the line, in any case.
    Word(Text),
    /// These characters in this order, in any case.
    Phrase(String),
    Regex(Pattern),
    /// A line that holds this id, in whatever spelling.
    Id(Id),
    Field {
        field: Field,
        value: Text,
    },
    /// An id of this kind, as far as the words around it tell; of users and projects also the name.
    Mention {
        kind: IdKind,
        value: Text,
    },
    Level {
        comparison: Comparison,
        severity: Severity,
    },
    Number {
        field: Number,
        comparison: Comparison,
        value: f64,
    },
    Since(Timestamp),
    Until(Timestamp),
}

/// A text, or with `*` the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    pub prefix: bool,
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
    Template,
    /// Of a call to an API.
    Method,
}

impl Field {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("service", Self::Service),
        ("daemon", Self::Service),
        ("host", Self::Host),
        ("file", Self::File),
        ("logger", Self::Logger),
        ("format", Self::Format),
        ("signature", Self::Signature),
        ("template", Self::Template),
        ("method", Self::Method),
    ];
}

/// What has an order, besides levels and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The HTTP status of an answer.
    Status,
    /// The seconds that a call took.
    Took,
    Process,
}

impl Number {
    pub(crate) const ALL: [(&'static str, Self); 4] =
        [("status", Self::Status), ("took", Self::Took), ("process", Self::Process), ("pid", Self::Process)];
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
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::AtLeast => left >= right,
            Self::Above => left > right,
            Self::AtMost => left <= right,
            Self::Below => left < right,
        }
    }
}

impl Expression {
    /// Everything that holds for both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut parts) => {
                parts.push(other);
                Self::All(parts)
            }
            one => Self::All(vec![one, other]),
        }
    }

    /// A whole word that is asked for: who finds nothing may have meant a part of it.
    #[must_use]
    pub fn whole_word(&self) -> Option<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().find_map(Self::whole_word),
            Self::Word(Text { text, prefix: false }) => Some(text),
            _ => None,
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
