//! RabbitMQ: a line per line of text since 3.7, blocks of Erlang's error logger before.
use nom::Parser;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, space0};
use nom::combinator::{opt, rest};
use nom::sequence::{delimited, terminated};

use model::Severity;

use super::json;
use super::oslo_json::owned_stamp;
use super::written_time::{Read, erlang, iso, word};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).or_else(|_| report(text)).ok().map(|(_, header)| header).or_else(|| json_line(text))
}

/// `2026-11-21 03:02:55.865866+00:00 [notice] <0.223.0> text`; 3.7 and 3.8 write milliseconds and no zone.
fn line(text: &str) -> Read<'_, Header<'_>> {
    let level = delimited(char('['), is_not(" []"), char(']')).map_opt(Severity::parse);
    let erlang_process =
        delimited(char('<'), take_while1(|c: char| c.is_ascii_digit() || c == '.'), char('>'));
    let (text, (stamp, severity)) = (word(iso), word(level)).parse(text)?;
    let (text, _) = (erlang_process, opt(char(' '))).parse(text)?;
    let (text, body) = rest(text)?;
    Ok((text, Header { stamp, severity, body: body.into(), ..Header::default() }))
}

/// `=ERROR REPORT==== 1-Jan-2015::12:00:00 ===`; what happened stands in the lines below.
fn report(text: &str) -> Read<'_, Header<'_>> {
    let kind = delimited(char('='), is_not("="), tag("===="));
    let (text, (kind, stamp, _)) = (terminated(kind, space0), word(erlang), tag("===")).parse(text)?;
    let level = kind.split(' ').next().unwrap_or_default();
    let severity = match level {
        "CRASH" | "SUPERVISOR" => Severity::Error,
        level => Severity::parse(level).unwrap_or(Severity::Info),
    };
    Ok((text, Header { stamp, severity, body: kind.into(), ..Header::default() }))
}

/// The JSON formatter: `{"time":…,"level":…,"msg":…,"pid":"<0.223.0>"}`.
fn json_line(text: &str) -> Option<Header<'static>> {
    let object = json::object(text)?;
    json::text(&object, "pid").filter(|process| process.starts_with('<'))?;
    let stamp = json::text(&object, "time").map_or(Stamp::Missing, owned_stamp);
    let severity = json::text(&object, "level").and_then(Severity::parse)?;
    Some(Header {
        stamp,
        severity,
        body: json::shown(object.get("msg")?).into_owned().into(),
        ..Header::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn old_and_new_lines() {
        check(
            read,
            "2026-11-21 03:05:40.134805+00:00 [warning] <0.700.0> client unexpectedly closed TCP connection",
            "2026-11-21T03:05:40.134Z WARNING | client unexpectedly closed TCP connection",
        );
        check(
            read,
            "2019-01-01 12:00:00.123 [error] <0.8.0> CRASH REPORT",
            "2019-01-01T12:00:00.123 local ERROR | CRASH REPORT",
        );
        check(read, "2026-11-21 03:02:56.243582+00:00 [info] <0.223.0> ", "2026-11-21T03:02:56.243Z INFO | ");
        check(
            read,
            "=ERROR REPORT==== 1-Jan-2015::12:00:00 ===",
            "2015-01-01T12:00:00.000 local ERROR | ERROR REPORT",
        );
        check(
            read,
            r#"{"time":"2026-11-21 03:02:56.243582+00:00","level":"error","msg":"down","pid":"<0.1.0>"}"#,
            "2026-11-21T03:02:56.243Z ERROR | down",
        );
        check(read, "2026-11-21 03:05:40.134 17 INFO nova [-] <0.1.0>", "");
        check(read, "client unexpectedly closed TCP connection", "");
    }
}
