//! The closed set of formats. Each file under `format/` reads one: `pub(crate) fn read(text: &str) -> Option<Header<'_>>`.
