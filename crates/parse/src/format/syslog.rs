//! RFC 3164 and RFC 5424 as they arrive and as rsyslog files them: with or without the priority, the year and the host.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, space0};
use nom::combinator::{opt, verify};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};

use model::Severity;

use super::quoted::quoted;
use super::wrapped::Wrapped;
use super::written_time::{Read, iso, number, word, yearless};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    unwrap(text).map(Wrapped::into_header)
}

pub(crate) fn unwrap(text: &str) -> Option<Wrapped<'_>> {
    let (text, priority) = opt(priority).parse(text).ok()?;
    let (inner, outer) = match priority {
        Some(_) => alt((new_header, old_header)).parse(text).ok()?,
        None => old_header(text).ok()?,
    };
    let severity = priority.map_or(Severity::Unspecified, severity);
    Some(Wrapped { outer: Header { severity, ..outer }, inner: inner.into(), cut: false })
}

/// The severities of RFC 5424 §6.2.1, as journald's `PRIORITY` too.
pub(super) fn severity(priority: u32) -> Severity {
    match priority & 7 {
        0..=2 => Severity::Critical,
        3 => Severity::Error,
        4 => Severity::Warning,
        5 | 6 => Severity::Info,
        _ => Severity::Debug,
    }
}

fn priority(text: &str) -> Read<'_, u32> {
    verify(delimited(char('<'), number, char('>')), |priority| *priority < 192).parse(text)
}

/// `Nov 21 03:14:18 host program[pid]: `; dnsmasq leaves out the host, rsyslog's own format has an ISO time.
fn old_header(text: &str) -> Read<'_, Header<'_>> {
    let named = || (word(host).map(Some), tag_of_program);
    let nameless = tag_of_program.map(|tag| (None, tag));
    let (text, (stamp, (host, (program, process)))) =
        alt(((word(yearless), alt((named(), nameless))), (word(iso_with_t), named()))).parse(text)?;
    Ok((text, header(stamp, host, Some(program), process)))
}

/// `1 2026-11-21T03:14:18.1Z host program pid msgid [structured data] `
fn new_header(text: &str) -> Read<'_, Header<'_>> {
    let dash = || tag("-").map(|_| Stamp::Missing);
    let field = || terminated(is_not(" "), char(' ')).map(|text: &str| (text != "-").then_some(text));
    let (text, stamp) = preceded(tag("1 "), terminated(alt((iso_with_t, dash())), char(' '))).parse(text)?;
    let (text, (host, program, process, _)) = (field(), field(), field(), field()).parse(text)?;
    let (text, _) = structured_data(text)?;
    let (text, _) = (space0, opt(char('\u{feff}'))).parse(text)?;
    let process = process.and_then(|process| process.parse().ok());
    Ok((text, header(stamp, host, program, process)))
}

fn header<'a>(
    stamp: Stamp<'a>,
    host: Option<&'a str>,
    program: Option<&'a str>,
    process: Option<u32>,
) -> Header<'a> {
    Header {
        stamp,
        process,
        host: host.map(Into::into),
        program: program.map(Into::into),
        ..Header::default()
    }
}

/// With a blank instead of the `T` it would be the time of nearly any other log.
fn iso_with_t(text: &str) -> Read<'_, Stamp<'_>> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return Err(nom::Err::Error(nom::error::make_error(text, nom::error::ErrorKind::Char)));
    }
    iso(text)
}

/// A level in its place means that this is no syslog line.
fn host(text: &str) -> Read<'_, &str> {
    let name = take_while1(|c: char| c.is_alphanumeric() || "-._:%".contains(c));
    verify(name, |name: &str| !name.ends_with(':') && Severity::parse(name).is_none()).parse(text)
}

/// `nova-compute[1234]: `, `kernel: `; a program may be a path or, under systemd, `devstack@n-cpu.service`.
fn tag_of_program(text: &str) -> Read<'_, (&str, Option<u32>)> {
    let name = take_while1(|c: char| c.is_alphanumeric() || "-._/@()".contains(c));
    (name, terminated(opt(delimited(char('['), number, char(']'))), (char(':'), opt(char(' '))))).parse(text)
}

/// `-`, or elements whose quoted values may hold escaped quotes and brackets.
fn structured_data(text: &str) -> Read<'_, ()> {
    let parameter = (char(' '), is_not("= ]\""), char('='), quoted);
    let element = (char('['), is_not(" ]\""), many0_count(parameter), char(']'));
    alt((char('-').map(|_| ()), nom::multi::many1_count(element).map(|_| ()))).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::written_time::tests::shown;

    fn check(text: &str, expected: &str) {
        let seen = unwrap(text).map_or_else(String::new, |wrapped| {
            let Header { stamp, severity, host, program, process, .. } = wrapped.outer;
            let or_dash = |text: Option<std::borrow::Cow<'_, str>>| {
                text.map_or("-".to_owned(), |text| text.to_string())
            };
            let process = process.map_or("-".to_owned(), |process| process.to_string());
            let (host, program) = (or_dash(host), or_dash(program));
            format!("{} {severity} {host} {program} {process} | {}", shown(stamp), wrapped.inner)
        });
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn old_syslog_with_and_without_its_parts() {
        check(
            "Nov 21 03:14:18 ctl1 haproxy[2211]: backend nova_api has no server available!",
            "11/21 11658000ms UNSPECIFIED ctl1 haproxy 2211 | backend nova_api has no server available!",
        );
        check("<11>Nov  1 03:14:18 ctl1 nova-api: boom", "11/1 11658000ms ERROR ctl1 nova-api - | boom");
        check(
            "Mar 31 04:50:23.795709 ctl1 devstack@n-cpu.service[17]: INFO nova.compute [-] hi",
            "3/31 17423795ms UNSPECIFIED ctl1 devstack@n-cpu.service 17 | INFO nova.compute [-] hi",
        );
        check(
            "Nov 21 03:14:18 dnsmasq-dhcp[99]: DHCPDISCOVER(tap2c99782f-4f) fa:16:3e:42:a1:73 no address available",
            "11/21 11658000ms UNSPECIFIED - dnsmasq-dhcp 99 | DHCPDISCOVER(tap2c99782f-4f) fa:16:3e:42:a1:73 no address available",
        );
        check(
            "2026-11-21T03:14:18.123456+00:00 ctl1 kernel: [ 12.5] Out of memory",
            "2026-11-21T03:14:18.123Z UNSPECIFIED ctl1 kernel - | [ 12.5] Out of memory",
        );
    }

    #[test]
    fn new_syslog_with_structured_data() {
        check(
            r#"<165>1 2026-11-21T03:14:18.003Z ctl1 nova-api 8710 ID47 [ex@32473 iut="3" eventSource="a \"b\" ]c"][x] hello"#,
            "2026-11-21T03:14:18.003Z INFO ctl1 nova-api 8710 | hello",
        );
        check("<34>1 - - su - - - 'su root' failed", "- CRITICAL - su - | 'su root' failed");
        check("<34>1 2026-11-21T03:14:18Z h p - - -", "2026-11-21T03:14:18.000Z CRITICAL h p - | ");
    }

    #[test]
    fn other_lines_are_not_syslog() {
        check("2026-11-21 03:14:18.123 1234 INFO nova.compute [-] hi: there", "");
        check(
            "2026-11-21T03:29:10.768950Z qemu-system-x86_64: terminating on signal 15 from pid 6470 (libvirtd)",
            "",
        );
        check("2026-11-21T03:29:10Z error etcd: nothing", "");
        check("<999>Nov 21 03:14:18 h p: x", "");
        check("<", "");
    }
}
