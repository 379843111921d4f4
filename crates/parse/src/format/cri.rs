//! What a Kubernetes runtime writes: `<time> stdout|stderr F|P <line>`; `P` is a part of a longer line.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag};
use nom::character::complete::char;
use nom::combinator::{opt, rest};
use nom::sequence::{preceded, terminated};

use super::wrapped::Wrapped;
use super::written_time::{Read, iso};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    unwrap(text).map(Wrapped::into_header)
}

pub(crate) fn unwrap(text: &str) -> Option<Wrapped<'_>> {
    let (_, (stamp, tags, inner)) = line(text).ok()?;
    let cut = tags.split(':').any(|tag| tag == "P");
    Some(Wrapped { outer: Header { stamp, ..Header::default() }, inner: inner.into(), cut })
}

fn line(text: &str) -> Read<'_, (Stamp<'_>, &str, &str)> {
    let (text, stamp) = terminated(iso, char(' ')).parse(text)?;
    let (text, _) = terminated(alt((tag("stdout"), tag("stderr"))), char(' ')).parse(text)?;
    let (text, tags) = is_not(" ").parse(text)?;
    if !tags.split(':').all(|tag| matches!(tag, "F" | "P")) {
        return Err(nom::Err::Error(nom::error::make_error(text, nom::error::ErrorKind::OneOf)));
    }
    let (text, inner) = opt(preceded(char(' '), rest)).parse(text)?;
    Ok((text, (stamp, tags, inner.unwrap_or_default())))
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
    fn the_runtime_prefix_comes_off() {
        check(
            "2026-11-21T03:14:18.123456789Z stdout F 2026-11-21 03:14:18.100 7 INFO nova.api [-] ready",
            Some(("2026-11-21T03:14:18.123Z", "2026-11-21 03:14:18.100 7 INFO nova.api [-] ready", false)),
        );
        check(
            "2026-11-21T03:14:18.1+01:00 stderr P half a li",
            Some(("2026-11-21T02:14:18.100Z", "half a li", true)),
        );
        check("2026-11-21T03:14:18.1Z stderr F", Some(("2026-11-21T03:14:18.100Z", "", false)));
        check("2026-11-21T03:14:18.1Z stdin F x", None);
        check("2026-11-21T03:14:18.1Z stdout Full x", None);
    }
}
