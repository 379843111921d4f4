//! uWSGI's own log: request lines, what the master says with and without a time.
//!
//! A request line carries no request id; time, path and process are all that ties it to the program's own log.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_until};
use nom::character::complete::{char, digit1, space1};
use nom::combinator::{consumed, opt, rest, value};
use nom::sequence::{delimited, preceded, terminated};

use model::{Exchange, Severity};

use super::written_time::{Read, bracketed, ctime, number};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    alt((request, timed, start)).parse(text).ok().map(|(_, header)| header).or_else(|| notice(text))
}

/// `[pid: 7|app: 0|req: 3/3] 10.0.0.24 (user) {28 vars in 382 bytes} [Sat Nov 21 03:15:30 2026] GET / => generated …`
fn request(text: &str) -> Read<'_, Header<'_>> {
    let counters = (tag("|app: "), is_not("|]"), tag("|req: "), is_not("]"));
    let (text, (process, _)) = delimited(tag("[pid: "), (number, counters), tag("] ")).parse(text)?;
    let (text, client) = terminated(is_not(" "), take_until("{")).parse(text)?;
    let (text, stamp) =
        preceded((is_not("}"), tag("} ")), terminated(bracketed(ctime), char(' '))).parse(text)?;
    let (text, (body, (method, target, (status, seconds)))) = consumed((
        terminated(is_not(" "), char(' ')),
        terminated(is_not(" "), tag(" => generated ")),
        answer,
    ))
    .parse(text)?;
    let exchange = Exchange {
        method: method.to_owned(),
        target: target.to_owned(),
        status,
        seconds: Some(seconds),
        client: Some(client.to_owned()),
        action: None,
    };
    let process = Some(process);
    Ok((text, Header { stamp, process, body: body.into(), exchange: Some(exchange), ..Header::default() }))
}

/// `136 bytes in 1 msecs (HTTP/1.1 200) 6 headers …`; older releases write no blank before the bracket.
fn answer(text: &str) -> Read<'_, (Option<u16>, f64)> {
    let unit = alt((value(1e3, tag("msecs")), value(1e6, tag("micros")), value(1.0, tag("secs"))));
    let time = (digit1.map_res(str::parse::<f64>), char(' '), unit).map(|(count, _, unit)| count / unit);
    let status = delimited((opt(char(' ')), tag("(HTTP/"), is_not(" "), char(' ')), number, char(')'));
    let (text, _) = (digit1, tag(" bytes in ")).parse(text)?;
    let (text, (seconds, _, status)) = (time, opt(tag(" via sendfile()")), opt(status)).parse(text)?;
    let (text, _) = rest(text)?;
    Ok((text, (status.and_then(|status| status.try_into().ok()), seconds)))
}

/// `Sat Nov 21 03:55:37 2026 - SIGPIPE: writing to a closed pipe …`
fn timed(text: &str) -> Read<'_, Header<'_>> {
    let (text, (stamp, body)) = (terminated(ctime, tag(" - ")), rest).parse(text)?;
    Ok((text, Header { stamp, severity: severity(body), body: body.into(), ..Header::default() }))
}

/// `*** Starting uWSGI 2.0.21 (64bit) on [Sat Nov 21 03:14:18 2026] ***`
fn start(text: &str) -> Read<'_, Header<'_>> {
    let (_, stamp) =
        preceded((tag("*** Starting uWSGI "), take_until(" on ["), tag(" on"), space1), bracketed(ctime))
            .parse(text)?;
    Ok(("", Header { stamp, body: text.into(), ..Header::default() }))
}

/// Lines without a time that begin something new. What else has no time (the settings after a start, the frames after a
/// crash) goes on with the line before it.
const NOTICES: [&str; 12] = [
    "!!! uWSGI process ",
    "DAMN ! ",
    "SIGINT/SIGQUIT received",
    "SIGINT/SIGTERM received",
    "...gracefully killing workers",
    "Gracefully killing worker ",
    "HARAKIRI",
    "Respawned uWSGI worker ",
    "WSGI app ",
    "spawned uWSGI ",
    "unable to load app ",
    "worker ",
];

fn notice(text: &str) -> Option<Header<'_>> {
    let known = NOTICES.iter().any(|notice| text.starts_with(notice)) || is_traceback(text);
    known.then(|| Header {
        stamp: Stamp::Missing,
        severity: severity(text),
        body: text.into(),
        ..Header::default()
    })
}

/// Of an application that could not be loaded, or that let an exception through.
fn is_traceback(text: &str) -> bool {
    text == "Traceback (most recent call last):"
}

fn severity(text: &str) -> Severity {
    let worst = ["!!! uWSGI process ", "DAMN ! ", "HARAKIRI", "unable to load app ", "Traceback "];
    if worst.iter().any(|start| text.starts_with(start)) || text.contains("HARAKIRI") {
        Severity::Error
    } else {
        Severity::Unspecified
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn requests_and_their_answers() {
        check(
            read,
            "[pid: 12634|app: 0|req: 3/3] 10.0.0.24 () {28 vars in 382 bytes} [Sat Nov 21 03:15:30 2026] GET / => generated 136 bytes in 1 msecs (HTTP/1.1 200) 6 headers in 224 bytes (1 switches on core 2)",
            "2026-11-21T03:15:30.000 local UNSPECIFIED 12634 10.0.0.24 GET / Some(200) Some(0.001) | GET / => generated 136 bytes in 1 msecs (HTTP/1.1 200) 6 headers in 224 bytes (1 switches on core 2)",
        );
        check(
            read,
            "[pid: 1|app: 0|req: 1/2] ::1 (bob) {4 vars in 3 bytes} [Sun Nov  1 03:15:30 2026] POST /v3?a={b} => generated 0 bytes in 500 micros(HTTP/1.0 500) 0 headers",
            "2026-11-01T03:15:30.000 local UNSPECIFIED 1 ::1 POST /v3?a={b} Some(500) Some(0.0005) | POST /v3?a={b} => generated 0 bytes in 500 micros(HTTP/1.0 500) 0 headers",
        );
        check(read, "[pid: 1|app: 0|req: 1/2] cut o", "");
    }

    #[test]
    fn what_the_master_says() {
        check(
            read,
            "Sat Nov 21 03:55:37 2026 - SIGPIPE: writing to a closed pipe/socket/fd",
            "2026-11-21T03:55:37.000 local UNSPECIFIED | SIGPIPE: writing to a closed pipe/socket/fd",
        );
        check(
            read,
            "*** Starting uWSGI 2.0.21-debian (64bit) on [Sat Nov 21 03:14:18 2026] ***",
            "2026-11-21T03:14:18.000 local UNSPECIFIED | *** Starting uWSGI 2.0.21-debian (64bit) on [Sat Nov 21 03:14:18 2026] ***",
        );
        check(
            read,
            "!!! uWSGI process 12634 got Segmentation Fault !!!",
            "- ERROR | !!! uWSGI process 12634 got Segmentation Fault !!!",
        );
        check(read, "uwsgi_python3(end_me+0x25) [0x56]", "");
        check(read, "nodename: vm", "");
    }
}
