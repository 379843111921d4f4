use std::borrow::Cow;

use crate::header::{Continuation, Header};

/// Text without any prefix: it goes on with whatever came before.
pub(crate) fn read(text: &str) -> Header<'_> {
    Header { body: Cow::Borrowed(text), continuation: Continuation::Previous, ..Header::default() }
}
