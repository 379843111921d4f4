//! libvirtd, virtqemud and their siblings: `2026-11-21 03:09:28.371+0000: 6507: error : function:line : message`.
use nom::Parser;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{alpha1, char};
use nom::combinator::{opt, rest};
use nom::sequence::{delimited, terminated};

use model::Severity;

use super::written_time::{Read, iso, number};
use crate::header::Header;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|(_, header)| header)
}

fn line(text: &str) -> Read<'_, Header<'_>> {
    let level = delimited(char(' '), alpha1, tag(" :")).map_opt(Severity::parse);
    // The number is a thread, which changes from call to call.
    let (text, (stamp, _, severity)) =
        (terminated(iso, tag(": ")), terminated(number, char(':')), level).parse(text)?;
    let (text, (_, function, body)) = (opt(char(' ')), opt(function), rest).parse(text)?;
    Ok((
        text,
        Header { stamp, severity, logger: function.map(Into::into), body: body.into(), ..Header::default() },
    ))
}

/// `virCommandWait:2725 : `
fn function(text: &str) -> Read<'_, &str> {
    let name = take_while1(|c: char| c.is_alphanumeric() || c == '_');
    terminated(name, (char(':'), number, tag(" : "))).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn lines_with_and_without_a_function() {
        check(
            read,
            "2026-11-21 03:09:28.371+0000: 6507: error : virGDBusGetSystemBus:99 : internal error: Unable to get system bus connection",
            "2026-11-21T03:09:28.371Z ERROR virGDBusGetSystemBus | internal error: Unable to get system bus connection",
        );
        check(
            read,
            "2026-11-21 03:09:28.371+0000: 6507: info : hostname: compute-01",
            "2026-11-21T03:09:28.371Z INFO | hostname: compute-01",
        );
        check(read, "2017-09-18 18:08:49.163+0000: 4523: warning :", "2017-09-18T18:08:49.163Z WARNING | ");
        check(read, "2026-11-21 03:27:05.214+0000: Domain id=4 is tainted: high-privileges", "");
        check(read, "", "");
    }
}
