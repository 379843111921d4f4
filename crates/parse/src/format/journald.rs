//! systemd's journal: the export format (an entry is several lines, `__CURSOR=` first, an empty line last) and
//! `journalctl -o json` (an entry a line).
//!
//! Line by line, an export entry is a head and lines that continue it; [`entry`] reads the whole.
use std::borrow::Cow;

use model::Severity;
use serde_json_borrow::Value;

use super::json::{self, Object};
use super::syslog;
use super::wrapped::Wrapped;
use crate::format::Format;
use crate::header::{Continuation, Header, RawContext, Stamp};

/// Of the length in front of a value that is no plain text.
const LENGTH_BYTES: usize = 8;

/// One line of an export, or an entry as JSON.
pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    if let Some(cursor) = text.strip_prefix("__CURSOR=") {
        return Some(Header { stamp: stamp_of_cursor(cursor), body: text.into(), ..Header::default() });
    }
    if is_field(text) || is_binary_value(text) {
        let (continuation, severity) = (Continuation::Previous, severity_of_field(text));
        return Some(Header { continuation, severity, body: text.into(), ..Header::default() });
    }
    unwrap(text).map(Wrapped::into_header)
}

/// An entry as JSON.
pub(crate) fn unwrap(text: &str) -> Option<Wrapped<'_>> {
    let object = json::object(text)?;
    let known = object.contains_key("__REALTIME_TIMESTAMP") || object.contains_key("__CURSOR");
    known.then(|| from_fields(|name| field_of(&object, name)))
}

/// The lines of one export entry, from `__CURSOR=` on.
pub(crate) fn entry(lines: &[&str]) -> Option<Wrapped<'static>> {
    lines.first().filter(|line| line.starts_with("__CURSOR="))?;
    let fields = fields(lines);
    let field = |name: &str| {
        fields
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    };
    Some(from_fields(field))
}

fn from_fields(field: impl Fn(&str) -> Option<String>) -> Wrapped<'static> {
    let first = |names: &[&str]| names.iter().find_map(|name| field(name)).map(Cow::Owned);
    let micros = |name| field(name)?.parse::<i64>().ok()?.checked_mul(1_000);
    let stamp = ["_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"].into_iter().find_map(micros);
    let priority = field("PRIORITY").and_then(|priority| priority.parse().ok());
    let process = ["SYSLOG_PID", "_PID"].into_iter().find_map(|name| field(name)?.parse().ok());
    let context = RawContext {
        request: first(&["REQUEST_ID"]),
        user: first(&["USER_ID"]),
        project: first(&["PROJECT_ID"]),
        ..RawContext::default()
    };
    let outer = Header {
        stamp: stamp.map_or(Stamp::Missing, Stamp::Utc),
        severity: priority.map_or_else(Default::default, syslog::severity),
        process,
        logger: first(&["LOGGER_NAME"]),
        host: first(&["_HOSTNAME"]),
        program: first(&["SYSLOG_IDENTIFIER", "_COMM"]),
        context: RawContext {
            bracket: context.request.is_some(),
            identity: context.user.is_some() || context.project.is_some(),
            ..context
        },
        detail: field("EXCEPTION_TEXT")
            .map(|text| text.lines().map(str::to_owned).collect())
            .unwrap_or_default(),
        ..Header::default()
    };
    Wrapped { outer, inner: first(&["MESSAGE"]).unwrap_or_default(), cut: false }
}

/// A value is a text, a list of bytes when it is no UTF-8 or holds control characters, or a list of values when the
/// field came twice.
fn field_of(object: &Object<'_>, name: &str) -> Option<String> {
    let value = match object.get(name)? {
        Value::Str(text) => text.clone().into_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => match bytes(items) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => items.iter().find_map(Value::as_str)?.to_owned(),
        },
        _ => return None,
    };
    (!value.is_empty()).then_some(value)
}

fn bytes(items: &[Value<'_>]) -> Option<Vec<u8>> {
    items.iter().map(|item| item.as_u64().and_then(|byte| byte.try_into().ok())).collect()
}

/// `KEY=value`, or a `KEY` alone when a value with a length in front follows.
fn is_field(line: &str) -> bool {
    let name = line.split_once('=').map_or(line, |(name, _)| name);
    is_name(name)
}

/// The level of the entry, as far as this line tells: whoever looks for a level finds the entry by one of its lines.
fn severity_of_field(line: &str) -> Severity {
    let message =
        if is_binary_value(line) { line.get(LENGTH_BYTES..) } else { line.strip_prefix("MESSAGE=") };
    let told = message.and_then(Format::read_carried).map(|header| header.severity);
    let priority = || line.strip_prefix("PRIORITY=")?.parse().ok().map(syslog::severity);
    told.or_else(priority).unwrap_or_default()
}

/// A length of less than 4 GB stands in front.
fn is_binary_value(line: &str) -> bool {
    line.as_bytes().first_chunk::<LENGTH_BYTES>().is_some_and(|length| length.ends_with(&[0; 4]))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.len() > 1
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn fields<'a>(lines: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut fields = Vec::new();
    let mut lines = lines;
    while let Some((line, after)) = lines.split_first() {
        lines = after;
        if let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name)) {
            fields.push((name, value.to_owned()));
        } else if is_name(line) {
            let (value, rest) = binary_value(after);
            fields.push((line, value));
            lines = rest;
        }
    }
    fields
}

/// A 64-bit little-endian length, the value, a newline. The length's bytes count only while they survived the way
/// through text; otherwise the value ends before the next field.
fn binary_value<'a, 'b>(lines: &'b [&'a str]) -> (String, &'b [&'a str]) {
    let Some((first, after)) = lines.split_first() else { return (String::new(), lines) };
    let mut value: String = first.chars().skip(LENGTH_BYTES).collect();
    let length = length(first);
    let mut rest = after;
    while let Some((line, after)) = rest.split_first() {
        let complete =
            length.map_or_else(|| is_field(line) || line.is_empty(), |length| value.len() >= length);
        if complete {
            break;
        }
        value.push('\n');
        value.push_str(line);
        rest = after;
    }
    (value, rest)
}

fn length(line: &str) -> Option<usize> {
    let bytes = line.as_bytes().first_chunk::<LENGTH_BYTES>().filter(|bytes| bytes.is_ascii())?;
    usize::try_from(u64::from_le_bytes(*bytes)).ok()
}

/// `s=…;i=…;b=…;m=…;t=5f8a…;x=…`: `t` is the time in microseconds, in hex.
fn stamp_of_cursor(cursor: &str) -> Stamp<'static> {
    let time = cursor.split(';').find_map(|part| part.strip_prefix("t="));
    let micros = time.and_then(|time| i64::from_str_radix(time, 16).ok());
    micros.and_then(|micros| micros.checked_mul(1_000)).map_or(Stamp::Missing, Stamp::Utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::written_time::tests::shown;

    fn describe(wrapped: &Wrapped<'_>) -> String {
        let outer = &wrapped.outer;
        format!(
            "{} {} {}@{} {:?} {} | {}",
            shown(outer.stamp),
            outer.severity,
            outer.program.as_deref().unwrap_or("-"),
            outer.host.as_deref().unwrap_or("-"),
            outer.process,
            outer.context.request.as_deref().unwrap_or("-"),
            wrapped.inner
        )
    }

    #[test]
    fn a_json_entry_holds_an_inner_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(unwrap(text).map_or_else(String::new, |wrapped| describe(&wrapped)), expected);
        };
        check(
            r#"{"__REALTIME_TIMESTAMP":"1795231696763000","_HOSTNAME":"ctl1","SYSLOG_IDENTIFIER":"nova-compute","_PID":"17","PRIORITY":"4","REQUEST_ID":"req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb","MESSAGE":"WARNING nova.compute [-] hi"}"#,
            "2026-11-21T03:28:16.763Z WARNING nova-compute@ctl1 Some(17) req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb | WARNING nova.compute [-] hi",
        );
        check(
            r#"{"__CURSOR":"s=1","MESSAGE":[27,91,48,109,104,105,255],"_COMM":"qemu","SYSLOG_IDENTIFIER":["a","b"]}"#,
            "- UNSPECIFIED a@- None - | \u{1b}[0mhi\u{fffd}",
        );
        check(r#"{"MESSAGE":"of some other program"}"#, "");
    }

    #[test]
    fn an_export_entry_is_a_head_and_its_fields() {
        let lines = [
            "__CURSOR=s=739ad4;i=4ece7;b=6c7c6013;m=4fc72436e;t=660c0f3933878;x=4e1",
            "__REALTIME_TIMESTAMP=1795231696763000",
            "_HOSTNAME=ctl1",
            "MESSAGE",
            "\u{d}\0\0\0\0\0\0\0one",
            "PID=two",
            "x",
            "SYSLOG_IDENTIFIER=neutron-server",
        ];
        let kinds: Vec<_> = lines.iter().map(|line| read(line).map(|header| header.continuation)).collect();
        assert_eq!(kinds.first(), Some(&Some(Continuation::Head)));
        assert_eq!(kinds.get(1), Some(&Some(Continuation::Previous)));
        assert_eq!(
            read(lines[0]).map(|header| shown(header.stamp)).as_deref(),
            Some("2026-11-21T03:28:16.763Z")
        );
        let entry = entry(&lines).expect("a whole entry");
        assert_eq!(
            describe(&entry),
            "2026-11-21T03:28:16.763Z UNSPECIFIED neutron-server@ctl1 None - | one\nPID=two\nx"
        );
    }

    #[test]
    fn the_lines_of_an_entry_tell_its_level() {
        let check = |line: &str, expected: Severity| {
            assert_eq!(read(line).map(|header| header.severity), Some(expected), "{line}");
        };
        check("PRIORITY=3", Severity::Error);
        check("PRIORITY=x", Severity::Unspecified);
        check("MESSAGE=WARNING nova.compute [-] hi", Severity::Warning);
        check("\u{d}\0\0\0\0\0\0\0ERROR nova.compute [-] hi", Severity::Error);
        check("_COMM=ERROR nova.compute [-] hi", Severity::Unspecified);
    }

    #[test]
    fn a_broken_length_ends_at_the_next_field() {
        let lines = ["__CURSOR=x", "MESSAGE", "\u{fffd}\0\0\0\0\0\0\0one", "two", "_PID=3"];
        let entry = entry(&lines).expect("a whole entry");
        assert_eq!((&*entry.inner, entry.outer.process), ("one\ntwo", Some(3)));
        assert_eq!(super::entry(&["MESSAGE=x"]), None);
        assert_eq!(super::entry(&["__CURSOR=x", "MESSAGE"]).map(|entry| entry.inner), Some("".into()));
    }
}
