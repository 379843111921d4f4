//! The closed set of formats. Each file under `format/` reads one: `pub(crate) fn read(text: &str) -> Option<Header<'_>>`.
//! A new format is one file, one `mod` line and one line in each function below.

pub(crate) mod access;
pub(crate) mod oslo;
mod plain;
pub(crate) mod wall_clock;

use std::borrow::Cow;

use crate::header::Header;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Oslo,
    /// What no other format reads.
    Plain,
}

impl Format {
    /// In the order in which they are tried: the strict before the lax. [`Format::Plain`] reads everything: last.
    pub(crate) const ALL: [Self; 2] = [Self::Oslo, Self::Plain];

    /// The name in [`model::Annotation`] and in indexes: never rename one.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Oslo => "oslo",
            Self::Plain => "plain",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// `None` when the line is not of this format.
    pub(crate) fn read(self, text: &str) -> Option<Header<'_>> {
        match self {
            Self::Oslo => oslo::read(text),
            Self::Plain => Some(plain::read(text)),
        }
    }

    /// For the formats of container runtimes: the program's own text, to be glued to a line that was [`Header::cut`].
    pub(crate) fn piece(self, _text: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Oslo | Self::Plain => None,
        }
    }

    /// Whether events of this format may go on in lines without any prefix. Access logs do not.
    pub(crate) const fn spans_lines(self) -> bool {
        match self {
            Self::Oslo => true,
            Self::Plain => true,
        }
    }
}
