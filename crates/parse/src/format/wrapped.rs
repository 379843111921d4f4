use std::borrow::Cow;

use model::Severity;

use crate::format::Format;
use crate::header::{Header, Stamp};

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
    /// The program knows best; the carrier adds what the program left out. Its time is in UTC more often than not, but
    /// it is the time of the copy, so it only counts when the line has none.
    pub(crate) fn into_header(self) -> Header<'a> {
        let Self { outer, inner, cut } = self;
        let read = match &inner {
            Cow::Borrowed(text) => Format::read_carried(text),
            Cow::Owned(text) => Format::read_carried(text).map(Header::into_owned),
        };
        let Some(own) = read else { return Header { body: inner, cut, ..outer } };
        Header {
            stamp: if own.stamp == Stamp::Missing { outer.stamp } else { own.stamp },
            severity: if own.severity == Severity::Unspecified { outer.severity } else { own.severity },
            process: own.process.or(outer.process),
            host: own.host.or(outer.host),
            program: own.program.or(outer.program),
            cut,
            ..own
        }
    }
}
