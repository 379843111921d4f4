//! haproxy's `httplog` and `tcplog` as they stand after the syslog header, and what it says of its servers.
//!
//! A request id is there only when the site captures its header; it then stands between braces in the body.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, digit1, space0, space1};
use nom::combinator::{opt, peek, rest, verify};
use nom::sequence::{delimited, preceded};

use model::{Exchange, Severity};

use super::written_time::{Read, bracketed, common_log, number, word};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    alt((connection, alert)).parse(text).ok().map(|(_, header)| header).or_else(|| event(text))
}

/// `10.0.0.5:43252 [06/Feb/2009:12:14:14.655] frontend backend/server 10/0/30/69/109 200 2750 - - ---- … "GET / HTTP/1.1"`
fn connection(text: &str) -> Read<'_, Header<'_>> {
    let (text, (client, stamp)) = (word(is_not(" ")), word(bracketed(common_log))).parse(text)?;
    let (_, (frontend, exchange)) = (is_not(" "), opt(preceded(space1, http))).parse(text)?;
    let client = client.rsplit_once(':').map_or(client, |(address, _)| address);
    let exchange = exchange.map(|exchange| Exchange { client: Some(client.to_owned()), ..exchange });
    // `frontend: SSL handshake failure`
    let severity = if frontend.ends_with(':') { Severity::Error } else { Severity::Unspecified };
    Ok(("", Header { stamp, severity, body: text.into(), exchange, ..Header::default() }))
}

fn http(text: &str) -> Read<'_, Exchange> {
    let (text, (_, milliseconds)) = (word(is_not(" ")), word(timers)).parse(text)?;
    let status = alt((number.map(Some), tag("-1").map(|_| None)));
    // tcplog has bytes and a state of two letters here.
    let (text, (status, _)) = (word(status), word(digit1)).parse(text)?;
    let (_, line) = request_line(text)?;
    let (method, target) = line.split_once(' ').unwrap_or(("", line));
    let target = target.rsplit_once(" HTTP/").map_or(target, |(target, _)| target);
    let exchange = Exchange {
        method: method.to_owned(),
        target: target.to_owned(),
        status: status.and_then(|status| status.try_into().ok()),
        seconds: milliseconds.map(|milliseconds| f64::from(milliseconds) / 1e3),
        client: None,
        action: None,
    };
    Ok(("", exchange))
}

/// The last quoted text of the line; a line that syslog cut has no closing quote.
fn request_line(text: &str) -> Read<'_, &str> {
    match text.split_once(" \"").map(|(_, line)| line) {
        Some(line) => Ok(("", line.strip_suffix('"').unwrap_or(line))),
        None => Err(nom::Err::Error(nom::error::make_error(text, nom::error::ErrorKind::Char))),
    }
}

/// `Tq/Tw/Tc/Tr/Tt`: the last is the total; -1 is an aborted step, `+` means that the line was written early.
fn timers(text: &str) -> Read<'_, Option<u32>> {
    let numbers = take_while1(|c: char| c.is_ascii_digit() || "-+/".contains(c));
    let several = verify(numbers, |timers: &str| timers.matches('/').count() >= 2);
    several
        .map(|timers: &str| {
            timers.rsplit('/').next().and_then(|total| total.trim_start_matches('+').parse().ok())
        })
        .parse(text)
}

/// On stderr: `[WARNING]  (7) : Server nova_api/ctl1 is DOWN, …`; before 2.3 with the day and time of the year.
fn alert(text: &str) -> Read<'_, Header<'_>> {
    let level = delimited(char('['), is_not("[]"), char(']')).map_opt(Severity::parse);
    let day = opt((digit1, char('/'), digit1, space1));
    let process = delimited(char('('), number, char(')'));
    let (text, (severity, _, _, process)) = (level, space0, day, process).parse(text)?;
    let (text, body) = preceded((space0, char(':'), space0), rest).parse(text)?;
    Ok((text, Header { severity, process: Some(process), body: body.into(), ..Header::default() }))
}

/// The levels are those that haproxy hands to syslog.
fn event(text: &str) -> Option<Header<'_>> {
    let server = |text| {
        preceded(alt((tag("Server "), tag("Backup Server "))), word((is_not(" /"), char('/'), is_not(" "))))
            .parse(text)
    };
    let down = (server, alt((tag("is DOWN"), tag("is going DOWN")))).map(|_| Severity::Critical);
    let up = (server, tag("is UP")).map(|_| Severity::Info);
    let other = (server, alt((tag("is stopping"), tag("is "), tag("was ")))).map(|_| Severity::Warning);
    let check = (tag("Health check for "), is_not("\n")).map(|_| Severity::Info);
    let empty = (alt((tag("backend "), tag("proxy "))), word(is_not(" ")), tag("has no server available"));
    let proxy = (
        alt((tag("Proxy "), tag("Stopping "))),
        is_not(" "),
        alt((tag(" started"), tag(" stopped"), tag(" FE"))),
    )
        .map(|_| Severity::Info);
    let (_, severity) =
        alt((down, up, other, check, empty.map(|_| Severity::Critical), peek(proxy))).parse(text).ok()?;
    Some(Header { stamp: Stamp::Missing, severity, body: text.into(), ..Header::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn http_and_tcp_lines() {
        check(
            read,
            r#"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#,
            r#"2009-02-06T12:14:14.655 local UNSPECIFIED 10.0.1.2 GET /index.html Some(200) Some(0.109) | http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#,
        );
        check(
            read,
            r#"10.0.1.2:33318 [06/Feb/2009:12:15:13.202] nova nova/<NOSRV> 0/-1/-1/-1/+5 503 212 - - SC-- 0/0/0/0/0 0/0 "POST /v2.1/servers HTTP/1.1""#,
            r#"2009-02-06T12:15:13.202 local UNSPECIFIED 10.0.1.2 POST /v2.1/servers Some(503) Some(0.005) | nova nova/<NOSRV> 0/-1/-1/-1/+5 503 212 - - SC-- 0/0/0/0/0 0/0 "POST /v2.1/servers HTTP/1.1""#,
        );
        check(
            read,
            "10.0.1.2:33313 [06/Feb/2009:12:12:51.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
            "2009-02-06T12:12:51.443 local UNSPECIFIED | fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
        );
        check(
            read,
            "10.0.1.2:33313 [06/Feb/2009:12:12:51.443] nova/1: SSL handshake failure",
            "2009-02-06T12:12:51.443 local ERROR | nova/1: SSL handshake failure",
        );
    }

    #[test]
    fn servers_come_and_go() {
        let down = r#"Server nova_api/ctl1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms."#;
        check(read, down, &format!("- CRITICAL | {down}"));
        check(
            read,
            "Server nova_api/ctl1 is UP, reason: Layer7 check passed",
            "- INFO | Server nova_api/ctl1 is UP, reason: Layer7 check passed",
        );
        check(
            read,
            "backend nova_api has no server available!",
            "- CRITICAL | backend nova_api has no server available!",
        );
        check(read, "[WARNING]  (7) : Server a/b is DOWN", "- WARNING 7 | Server a/b is DOWN");
        check(
            read,
            "[ALERT] 324/031418 (17) : backend 'x' has no server available!",
            "- CRITICAL 17 | backend 'x' has no server available!",
        );
        check(read, "Server is busy", "");
        check(read, "Proxy war", "");
    }
}
