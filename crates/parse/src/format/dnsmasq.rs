//! dnsmasq with `--log-facility=<file>` (syslog's time, no host) or on stderr (no time): `dnsmasq-dhcp[99]: DHCPACK(…) …`.
use nom::Parser;
use nom::bytes::complete::tag;
use nom::character::complete::{alpha1, char};
use nom::combinator::{opt, recognize, rest};
use nom::sequence::{delimited, preceded, terminated};

use super::written_time::{Read, number, word, yearless};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|(_, header)| header)
}

fn line(text: &str) -> Read<'_, Header<'_>> {
    let program = recognize((tag("dnsmasq"), opt(preceded(char('-'), alpha1))));
    let process = terminated(opt(delimited(char('['), number, char(']'))), tag(": "));
    let (text, (stamp, program, process, body)) =
        (opt(word(yearless)), program, process, rest).parse(text)?;
    let stamp = stamp.unwrap_or(Stamp::Missing);
    Ok((
        text,
        Header { stamp, process, program: Some(program.into()), body: body.into(), ..Header::default() },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn files_and_stderr() {
        check(
            read,
            "Nov 21 03:14:18 dnsmasq-dhcp[99]: DHCPDISCOVER(tap2c99782f-4f) fa:16:3e:42:a1:73 no address available",
            "11/21 11658000ms UNSPECIFIED dnsmasq-dhcp 99 | DHCPDISCOVER(tap2c99782f-4f) fa:16:3e:42:a1:73 no address available",
        );
        check(
            read,
            "dnsmasq: failed to create listening socket for 10.0.0.2: Address already in use",
            "- UNSPECIFIED dnsmasq | failed to create listening socket for 10.0.0.2: Address already in use",
        );
        check(read, "Nov 21 03:14:18 ctl1 dnsmasq: x", "");
    }
}
