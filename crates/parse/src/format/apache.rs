//! Apache: access lines (common, combined, with a duration as devstack and kolla add it) and error lines, which under
//! mod_wsgi hold lines of the program. Swift's storage nodes write access lines of this shape too.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_until, take_while1};
use nom::character::complete::{alphanumeric1, char, digit1, space0};
use nom::combinator::{opt, rest};
use nom::sequence::{delimited, preceded, terminated};

use model::{Exchange, Severity};

use super::quoted::quoted;
use super::wrapped::Wrapped;
use super::written_time::{Read, bracketed, common_log, ctime, iso, number};
use crate::header::Header;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    access(text).ok().map(|(_, header)| header).or_else(|| unwrap(text).map(Wrapped::into_header))
}

/// An error line, which may hold a line of the program that Apache runs.
pub(crate) fn unwrap(text: &str) -> Option<Wrapped<'_>> {
    error(text).ok().map(|(inner, outer)| Wrapped { outer, inner: inner.into(), cut: false })
}

/// `10.0.0.1 - bob [21/Nov/2026:03:14:18 +0000] "GET / HTTP/1.1" 200 123 "-" "curl" 1234(us)`
fn access(text: &str) -> Read<'_, Header<'_>> {
    let (text, who) = terminated(is_not("[\""), char(' ').or(nom::combinator::success(' '))).parse(text)?;
    let (text, stamp) = terminated(bracketed(common_log), space0).parse(text)?;
    let body = text;
    let (text, (method, target)) = request_line(text)?;
    let (text, (status, _)) = (number, preceded(char(' '), alt((digit1, tag("-"))))).parse(text)?;
    let micros = micros_before_referer.or(micros_at_end);
    let (text, micros) = opt(micros).parse(text)?;
    let client = client(who)
        .ok_or_else(|| nom::Err::Error(nom::error::make_error(text, nom::error::ErrorKind::Space)))?;
    let exchange = Exchange {
        method: method.to_owned(),
        target: target.to_owned(),
        status: status.try_into().ok(),
        seconds: micros.map(|micros| f64::from(micros) / 1e6),
        client: Some(client.to_owned()),
        action: None,
    };
    Ok((text, Header { stamp, body: body.into(), exchange: Some(exchange), ..Header::default() }))
}

/// Two names, often `-`, follow the client; a virtual host or forwarded addresses may precede it.
fn client(who: &str) -> Option<&str> {
    who.split_whitespace().rev().nth(2)
}

/// `"GET /path HTTP/1.1" `; a request that made no sense has fewer words.
fn request_line(text: &str) -> Read<'_, (&str, &str)> {
    let line = terminated(quoted, char(' '));
    line.map(|line| {
        let (method, target) = line.split_once(' ').unwrap_or(("", line));
        (method, target.rsplit_once(" HTTP/").map_or(target, |(target, _)| target))
    })
    .parse(text)
}

/// kolla writes `%D` right after the size.
fn micros_before_referer(text: &str) -> Read<'_, u32> {
    delimited(char(' '), number, (char(' '), char('"'), rest).map(|_| ())).parse(text)
}

/// devstack writes `%D(us)` last.
fn micros_at_end(text: &str) -> Read<'_, u32> {
    let last = text.trim_end().rsplit(' ').next().unwrap_or_default();
    terminated(number, tag("(us)")).parse(last)
}

/// `[Sat Nov 21 03:14:18.123456 2026] [wsgi:error] [pid 12:tid 140] [client 10.0.0.1:55] text`; the module came with
/// 2.4, and the TLS proxy of devstack writes the time without brackets.
fn error(text: &str) -> Read<'_, Header<'_>> {
    let module = || terminated(take_while1(|c: char| c.is_alphanumeric() || "_-".contains(c)), char(':'));
    let level = || alphanumeric1.map_opt(level);
    let old = (terminated(bracketed(ctime), tag(" [")), preceded(opt(module()), level()));
    let of_proxy = (terminated(iso, tag(" [")), preceded(module(), level()));
    let pid = delimited((tag("[pid"), char(' ')), number, (take_until("]"), char(']'), space0));
    let client = delimited(alt((tag("[client "), tag("[remote "))), is_not("]"), (char(']'), space0));
    let (text, (stamp, severity)) = terminated(alt((old, of_proxy)), (char(']'), space0)).parse(text)?;
    let (text, (process, _)) = (opt(pid), opt(client)).parse(text)?;
    Ok((text, Header { stamp, severity, process, ..Header::default() }))
}

/// `trace1` to `trace8` besides the usual words.
fn level(word: &str) -> Option<Severity> {
    Severity::parse(word.trim_end_matches(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn access_lines() {
        check(
            read,
            r#"10.0.0.1 - bob [21/Nov/2026:03:14:18 +0000] "GET /v3/auth HTTP/1.1" 401 123"#,
            r#"2026-11-21T03:14:18.000Z UNSPECIFIED 10.0.0.1 GET /v3/auth Some(401) None | "GET /v3/auth HTTP/1.1" 401 123"#,
        );
        check(
            read,
            r#"10.0.0.1 - - [21/Nov/2026:03:14:18 +0000] "POST /identity/v3/auth/tokens HTTP/1.1" 201 7331 "-" "a \"b\"" 250000(us)"#,
            r#"2026-11-21T03:14:18.000Z UNSPECIFIED 10.0.0.1 POST /identity/v3/auth/tokens Some(201) Some(0.25) | "POST /identity/v3/auth/tokens HTTP/1.1" 201 7331 "-" "a \"b\"" 250000(us)"#,
        );
        check(
            read,
            r#"1.2.3.4 10.0.0.1 - - [21/Nov/2026:03:14:18 +0000] "GET / HTTP/1.1" 200 - 1500 "-" "curl""#,
            r#"2026-11-21T03:14:18.000Z UNSPECIFIED 10.0.0.1 GET / Some(200) Some(0.0015) | "GET / HTTP/1.1" 200 - 1500 "-" "curl""#,
        );
        check(
            read,
            r#"10.0.0.1 - - [21/Nov/2026:03:14:18 +0000] "\x16\x03" 400 226"#,
            r#"2026-11-21T03:14:18.000Z UNSPECIFIED 10.0.0.1  \x16\x03 Some(400) None | "\x16\x03" 400 226"#,
        );
    }

    #[test]
    fn error_lines() {
        check(
            read,
            "[Sat Nov 21 03:14:18.123456 2026] [wsgi:error] [pid 12:tid 140] [remote 10.0.0.1:55] mod_wsgi (pid=12): Target WSGI script cannot be loaded",
            "2026-11-21T03:14:18.123 local ERROR 12 | mod_wsgi (pid=12): Target WSGI script cannot be loaded",
        );
        check(
            read,
            "[Sat Nov 21 03:14:18 2026] [error] [client 10.0.0.1] File does not exist: /x",
            "2026-11-21T03:14:18.000 local ERROR | File does not exist: /x",
        );
        check(
            read,
            "2026-11-21 03:14:18.123456 [ssl:info] [pid 1:tid 2]   file.c(1): x",
            "2026-11-21T03:14:18.123 local INFO 1 | file.c(1): x",
        );
        let wrapped = unwrap(
            "[Sat Nov 21 03:14:18.1 2026] [wsgi:error] [pid 12] 2026-11-21 03:14:18.1 7 INFO nova.api [-] hi",
        );
        assert_eq!(
            wrapped.map(|wrapped| wrapped.inner),
            Some("2026-11-21 03:14:18.1 7 INFO nova.api [-] hi".into())
        );
    }

    #[test]
    fn other_lines_are_not_apache() {
        for line in [
            "[pid: 1|app: 0|req: 1/2] x",
            "2026-11-21 03:02:55.8+00:00 [noise] <0.1.0> x",
            "\"",
            "[",
            "a [21/Nov/2026:03:14:18 +0000] \"GET / HTTP/1.1\" 200 1",
        ] {
            check(read, line, "");
        }
    }
}
