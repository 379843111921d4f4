use std::borrow::Cow;

use crate::header::Header;

/// A line that travelled inside another: what the carrier says of it, and the line itself.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wrapped<'a> {
    /// Its body is empty: the inner line is the body until somebody reads that too.
    pub(crate) outer: Header<'a>,
    pub(crate) inner: Cow<'a, str>,
    /// The carrier cut the line: the next one of its stream goes on in the middle of a word.
    pub(crate) cut: bool,
}

impl<'a> Wrapped<'a> {
    /// For inner lines of no format of their own.
    pub(crate) fn into_header(self) -> Header<'a> {
        Header { body: self.inner, ..self.outer }
    }
}
