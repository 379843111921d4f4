//! MariaDB and MySQL: the error log in its old and new shapes (Galera's `WSREP:` lines among them), and the slow log.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, space0, space1};
use nom::combinator::{opt, peek, rest};
use nom::sequence::{delimited, preceded, terminated};

use model::Severity;

use super::written_time::{Read, iso, two_digit_year, word};
use crate::header::{Continuation, Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    alt((error_line, safe_line, slow_query, slow_log_start)).parse(text).ok().map(|(_, header)| header)
}

/// `2026-11-21  3:18:22 171 [Warning] text`, `261121  3:18:22 [Note] text`, MySQL's `…Z 0 [Note] [MY-010] [Server] text`.
fn error_line(text: &str) -> Read<'_, Header<'_>> {
    let thread = |text| take_while1(|c: char| c.is_ascii_hexdigit() || c == 'x').parse(text);
    let level = delimited(char('['), is_not(" []"), char(']')).map_opt(Severity::parse);
    let now = (word(iso), word(thread)).map(|(stamp, _)| stamp);
    let before = (word(two_digit_year), opt(word(thread))).map(|(stamp, _)| stamp);
    let (text, stamp) = alt((now, before)).parse(text)?;
    // InnoDB used to write without a level.
    let (text, severity) =
        alt((word(level), peek(tag("InnoDB:")).map(|_| Severity::Unspecified))).parse(text)?;
    let (text, body) = rest(text)?;
    Ok((text, Header { stamp, severity, body: body.into(), ..Header::default() }))
}

/// `261121 03:18:22 mysqld_safe Starting mariadbd daemon …`
fn safe_line(text: &str) -> Read<'_, Header<'_>> {
    let (text, stamp) = word(alt((two_digit_year, iso))).parse(text)?;
    let (text, _) = opt(word(tag("0"))).parse(text)?;
    let (text, program) = word(alt((tag("mysqld_safe"), tag("mariadbd-safe")))).parse(text)?;
    let (text, body) = rest(text)?;
    Ok((text, Header { stamp, program: Some(program.into()), body: body.into(), ..Header::default() }))
}

/// `# Time: …` begins a slow query; more `# …` lines and the statement follow. A second query in the same second comes
/// without a time of its own and is kept with the first.
fn slow_query(text: &str) -> Read<'_, Header<'_>> {
    let time = preceded((tag("Time:"), space1), alt((two_digit_year, iso)));
    let more = alt((
        tag("User@Host:"),
        tag("Thread_id:"),
        tag("Query_time:"),
        tag("Rows_affected:"),
        tag("Bytes_sent:"),
    ));
    let (text, _) = tag("# ").parse(text)?;
    let body = text;
    let head = (time, space0).map(|(stamp, _)| (stamp, Continuation::Head));
    let (_, (stamp, continuation)) =
        alt((head, more.map(|_| (Stamp::Missing, Continuation::Previous)))).parse(text)?;
    Ok(("", Header { stamp, continuation, body: body.into(), ..Header::default() }))
}

/// `mariadbd, Version: 10.11.19-MariaDB … started with:` and the two lines below it.
fn slow_log_start(text: &str) -> Read<'_, Header<'_>> {
    let version = (is_not(", "), tag(", Version: "), is_not("\n")).map(|_| Continuation::Head);
    let below = alt((tag("Tcp port:"), tag("Time\t\t"))).map(|_| Continuation::Previous);
    let (_, continuation) = alt((terminated(version, opt(char('\n'))), below)).parse(text)?;
    Ok(("", Header { continuation, body: text.into(), ..Header::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn error_lines_of_every_age() {
        check(
            read,
            "2026-11-21  3:05:13 14 [Warning] Aborted connection 14 to db: 'glance'",
            "2026-11-21T03:05:13.000 local WARNING | Aborted connection 14 to db: 'glance'",
        );
        check(
            read,
            "2015-10-28 14:28:50 140737353963520 [ERROR] WSREP: gcs/src/gcs.cpp: failed to open",
            "2015-10-28T14:28:50.000 local ERROR | WSREP: gcs/src/gcs.cpp: failed to open",
        );
        check(
            read,
            "150101 12:00:00 [Note] WSREP: Synced",
            "2015-01-01T12:00:00.000 local INFO | WSREP: Synced",
        );
        check(
            read,
            "2013-05-01 12:00:00 7f93d1e5d720 InnoDB: Warning: x",
            "2013-05-01T12:00:00.000 local UNSPECIFIED | InnoDB: Warning: x",
        );
        check(
            read,
            "2026-11-21T03:14:18.123456Z 0 [ERROR] [MY-010119] [Server] Aborting",
            "2026-11-21T03:14:18.123Z ERROR | [MY-010119] [Server] Aborting",
        );
        check(
            read,
            "150101 12:00:00 mysqld_safe Starting mysqld daemon",
            "2015-01-01T12:00:00.000 local UNSPECIFIED mysqld_safe | Starting mysqld daemon",
        );
    }

    #[test]
    fn slow_queries_are_blocks() {
        check(
            read,
            "# Time: 261121  3:29:38",
            "2026-11-21T03:29:38.000 local UNSPECIFIED | Time: 261121  3:29:38",
        );
        check(
            read,
            "# User@Host: neutron[neutron] @  [10.0.0.11]",
            "- UNSPECIFIED Previous | User@Host: neutron[neutron] @  [10.0.0.11]",
        );
        check(
            read,
            "mariadbd, Version: 10.11.19-MariaDB-0+deb12u1-log (Debian 12). started with:",
            "- UNSPECIFIED | mariadbd, Version: 10.11.19-MariaDB-0+deb12u1-log (Debian 12). started with:",
        );
        check(read, "SET timestamp=1795231778;", "");
        check(read, "2026-11-21 03:05:40.134 17 INFO nova [-] hi", "");
    }
}
