//! The kernel: `[ 123.456789] text` (seconds since boot, perhaps after a priority) and `dmesg -T`'s `[Sat Nov 21 … 2026]`.
//! In syslog this is the text of the program `kernel`.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1, space0};
use nom::combinator::{opt, rest};
use nom::sequence::{delimited, terminated};

use model::Severity;

use super::syslog;
use super::written_time::{Read, bracketed, ctime, number};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|(_, header)| header)
}

fn line(text: &str) -> Read<'_, Header<'_>> {
    let priority = delimited(char('<'), number, char('>'));
    let since_boot = (char('['), space0, digit1, char('.'), digit1, char(']')).map(|_| Stamp::Missing);
    let (text, priority) = opt(priority).parse(text)?;
    let (text, stamp) = terminated(alt((since_boot, bracketed(ctime))), tag(" ")).parse(text)?;
    let (text, body) = rest(text)?;
    let severity = priority.map_or(Severity::Unspecified, syslog::severity);
    Ok((text, Header { stamp, severity, body: body.into(), ..Header::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn dmesg_in_its_three_shapes() {
        check(
            read,
            "[ 8123.456789] Out of memory: Killed process 4711 (qemu-kvm) total-vm:1kB",
            "- UNSPECIFIED | Out of memory: Killed process 4711 (qemu-kvm) total-vm:1kB",
        );
        check(
            read,
            "<4>[    0.000000] nf_conntrack: table full, dropping packet",
            "- WARNING | nf_conntrack: table full, dropping packet",
        );
        check(
            read,
            "[Sat Nov 21 03:14:18 2026] I/O error, dev sdb",
            "2026-11-21T03:14:18.000 local UNSPECIFIED | I/O error, dev sdb",
        );
        check(read, "[pid: 1|app: 0]", "");
    }
}
