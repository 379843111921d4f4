//! Ceph: a daemon's log (`<time> <hex thread> <level> text`) and the cluster log (`<time> mon.a (mon.0) 12 : cluster
//! [WRN] text`).
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, take_while_m_n};
use nom::character::complete::{char, i32, space1};
use nom::combinator::{opt, peek, rest};
use nom::sequence::{delimited, preceded, terminated};

use model::Severity;

use super::written_time::{Read, iso, number, word};
use crate::header::Header;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    alt((cluster, daemon)).parse(text).ok().map(|(_, header)| header)
}

/// Levels run from -1, an error, over 0 to 20, ever more debugging.
fn daemon(text: &str) -> Read<'_, Header<'_>> {
    let thread = take_while_m_n(8, 16, |c: char| c.is_ascii_hexdigit());
    let (text, (stamp, _, level)) = (word(iso), word(thread), i32).parse(text)?;
    let (text, body) = preceded(space1, rest).parse(text)?;
    let severity = match level {
        ..0 => Severity::Error,
        0 => Severity::Info,
        _ => Severity::Debug,
    };
    Ok((text, Header { stamp, severity, body: body.into(), ..Header::default() }))
}

/// Before Nautilus the address of the daemon stood between its name and the number.
fn cluster(text: &str) -> Read<'_, Header<'_>> {
    let name = |text| word(is_not(" :")).parse(text);
    let address = |text| word(is_not(" ")).parse(text);
    let word_of_level = delimited(char('['), is_not("[]"), char(']')).map_opt(Severity::parse);
    let level = alt((word_of_level, terminated(number, peek(char(' '))).map_opt(level_of_number)));
    let (text, (stamp, daemon)) = (word(iso), name).parse(text)?;
    let number = |text| terminated(number, (space1, char(':'), space1)).parse(text);
    let (text, _) = alt((number, preceded(name, number), preceded((name, address), number))).parse(text)?;
    let (text, (_, severity, body)) = (opt(name), terminated(level, opt(char(' '))), rest).parse(text)?;
    Ok((
        text,
        Header { stamp, severity, program: Some(daemon.into()), body: body.into(), ..Header::default() },
    ))
}

/// Quincy writes the number in place of `[WRN]`: `clog_type`.
fn level_of_number(number: u32) -> Option<Severity> {
    match number {
        0 => Some(Severity::Debug),
        1 | 2 => Some(Severity::Info),
        3 => Some(Severity::Warning),
        4 => Some(Severity::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn daemons_and_the_cluster() {
        check(
            read,
            "2026-11-21T03:14:18.123+0000 7f3a1c2d1700 -1 osd.3 123 heartbeat_check: no reply",
            "2026-11-21T03:14:18.123Z ERROR | osd.3 123 heartbeat_check: no reply",
        );
        check(
            read,
            "2019-01-01 12:00:00.123456 7f3a1c2d1700  0 set uid:gid",
            "2019-01-01T12:00:00.123 local INFO | set uid:gid",
        );
        check(
            read,
            "2026-11-21T03:14:18.123456+0000 mon.a (mon.0) 123 : cluster [WRN] Health check failed: 1 osds down (OSD_DOWN)",
            "2026-11-21T03:14:18.123Z WARNING mon.a | Health check failed: 1 osds down (OSD_DOWN)",
        );
        check(
            read,
            "2019-01-01 12:00:00.123456 mon.a mon.0 10.0.0.1:6789/0 123 : cluster [INF] ok",
            "2019-01-01T12:00:00.123 local INFO mon.a | ok",
        );
        check(
            read,
            "2026-11-21T03:14:18.123456+0000 mon.a (mon.0) 123 : cluster 3 Health check failed: 1 osds down (OSD_DOWN)",
            "2026-11-21T03:14:18.123Z WARNING mon.a | Health check failed: 1 osds down (OSD_DOWN)",
        );
        check(read, "2026-11-21 03:05:40.134 17 INFO nova [-] hi", "");
        check(read, "2026-11-21 03:05:40.134 12345678 INFO nova [-] hi", "");
    }
}
