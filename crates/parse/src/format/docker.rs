//! Docker's json-file driver: `{"log":"…\n","stream":"stderr","time":"…"}`. Long lines come in pieces of 16 KiB, of
//! which only the last ends in a newline.
use super::json;
use super::oslo_json::owned_stamp;
use super::wrapped::Wrapped;
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    unwrap(text).map(Wrapped::into_header)
}

pub(crate) fn unwrap(text: &str) -> Option<Wrapped<'_>> {
    let object = json::object(text)?;
    let log = object.get("log")?.as_str()?;
    if !object.contains_key("stream") && !object.contains_key("time") {
        return None;
    }
    let stamp = json::text(&object, "time").map_or(Stamp::Missing, owned_stamp);
    let cut = !log.ends_with('\n');
    let inner = log.trim_end_matches(['\r', '\n']).to_owned();
    Some(Wrapped { outer: Header { stamp, ..Header::default() }, inner: inner.into(), cut })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::written_time::tests::shown;

    fn check(text: &str, expected: Option<(&str, &str, bool)>) {
        let seen = unwrap(text).map(|wrapped| (shown(wrapped.outer.stamp), wrapped.inner, wrapped.cut));
        let seen = seen.as_ref().map(|(stamp, inner, cut)| (stamp.as_str(), &**inner, *cut));
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn the_line_comes_out_of_its_json() {
        check(
            r#"{"log":"2026-11-21 03:14:18.100 7 INFO nova.api [-] \"ready\"\n","stream":"stderr","time":"2026-11-21T03:14:18.123456789Z"}"#,
            Some((
                "2026-11-21T03:14:18.123Z",
                "2026-11-21 03:14:18.100 7 INFO nova.api [-] \"ready\"",
                false,
            )),
        );
        check(r#"{"log":"half a li","stream":"stdout","time":"yesterday"}"#, Some(("?", "half a li", true)));
        check(r#"{"log":"another program's JSON"}"#, None);
        check(r#"{"log":"cut off","stre"#, None);
        check(r#"{"log":7,"stream":"stdout"}"#, None);
    }
}
