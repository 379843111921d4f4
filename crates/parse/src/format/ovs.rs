//! Open vSwitch and OVN: `2024-01-01T12:00:00.123Z|00042|module(thread)|INFO|message`, and in syslog
//! `ovs|00042|binding|INFO|message`.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag};
use nom::character::complete::char;
use nom::combinator::{opt, rest};
use nom::sequence::{delimited, terminated};

use model::Severity;

use super::written_time::{Read, iso, number};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|(_, header)| header)
}

fn line(text: &str) -> Read<'_, Header<'_>> {
    let start = alt((iso, tag("ovs").map(|_| Stamp::Missing)));
    let level = is_not("|").map_opt(Severity::parse);
    let (text, (stamp, _, _)) = (start, char('|'), terminated(number, char('|'))).parse(text)?;
    let thread = opt(delimited(char('('), is_not("()|"), char(')')));
    let module = terminated(is_not("|("), (thread, char('|')));
    let (text, (module, severity, body)) = (module, terminated(level, char('|')), rest).parse(text)?;
    Ok((
        text,
        Header { stamp, severity, logger: Some(module.into()), body: body.into(), ..Header::default() },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn files_and_syslog() {
        check(
            read,
            "2024-01-01T12:00:00.123Z|00042|binding|INFO|Claiming lport e60d2fb5-64d0-410c-9948-262a74b647f1 for this chassis.",
            "2024-01-01T12:00:00.123Z INFO binding | Claiming lport e60d2fb5-64d0-410c-9948-262a74b647f1 for this chassis.",
        );
        check(
            read,
            "2024-01-01T12:00:00.123Z|00001|netdev_linux(handler3)|EMER|a|b",
            "2024-01-01T12:00:00.123Z CRITICAL netdev_linux | a|b",
        );
        check(read, "ovs|00042|bridge|WARN|x", "- WARNING bridge | x");
        check(read, "ovs|00042|bridge|LOUD|x", "");
        check(read, "a|b|c|INFO|x", "");
    }
}
