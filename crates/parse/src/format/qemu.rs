//! An instance's log under `/var/log/libvirt/qemu`: what libvirt notes there (with its zone), the command line of qemu
//! (continuation lines), and qemu's own words, with `…Z qemu-system-x86_64: ` or bare.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::char;
use nom::combinator::{not, recognize, rest};
use nom::sequence::terminated;

use model::Severity;

use super::written_time::{Read, iso, number};
use crate::header::{Continuation, Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    alt((libvirt_note, timed, untimed))
        .parse(text)
        .ok()
        .map(|(_, header)| header)
        .or_else(|| command_line(text))
}

/// `2026-11-21 03:29:12.781+0000: shutting down, reason=destroyed`
fn libvirt_note(text: &str) -> Read<'_, Header<'_>> {
    let (text, stamp) = terminated(iso, tag(": ")).parse(text)?;
    // libvirtd's own lines have the number of a thread here.
    not(number).parse(text)?;
    let (text, body) = rest(text)?;
    Ok((text, Header { stamp, severity: severity_of_end(body), body: body.into(), ..Header::default() }))
}

/// The reasons are those of libvirt's `virDomainShutoffReason`.
fn severity_of_end(body: &str) -> Severity {
    match body.strip_prefix("shutting down, reason=") {
        Some("crashed" | "failed") => Severity::Error,
        _ => Severity::Info,
    }
}

fn timed(text: &str) -> Read<'_, Header<'_>> {
    let (text, stamp) = terminated(iso, char(' ')).parse(text)?;
    let (text, (program, body)) = (program, rest).parse(text)?;
    Ok((text, said(stamp, program, body)))
}

/// Without `-msg timestamp=on`, and what qemu says before it has read that option.
fn untimed(text: &str) -> Read<'_, Header<'_>> {
    let (text, (program, body)) =
        alt(((program, rest), (tag("libvirt:  error : ").map(|_| "libvirt"), rest))).parse(text)?;
    Ok((text, said(Stamp::Missing, program, body)))
}

fn program(text: &str) -> Read<'_, &str> {
    let name = recognize((tag("qemu"), take_while1(|c: char| c.is_alphanumeric() || "-_".contains(c))));
    terminated(name, tag(": ")).parse(text)
}

/// qemu marks warnings and information; errors stand bare, and so does much that is no error.
fn said<'a>(stamp: Stamp<'a>, program: &'a str, body: &'a str) -> Header<'a> {
    let severity = match body.split_once(": ").map(|(word, _)| word) {
        Some(word @ ("warning" | "info" | "error")) => Severity::parse(word).unwrap_or_default(),
        _ if program == "libvirt" => Severity::Error,
        _ => Severity::Unspecified,
    };
    Header { stamp, severity, program: Some(program.into()), body: body.into(), ..Header::default() }
}

/// The environment, the binary, and an option per line; all but the last end in a backslash. A device that qemu tells
/// of follows it at once.
fn command_line(text: &str) -> Option<Header<'_>> {
    let open =
        text.ends_with('\\') && text.starts_with(|c: char| c == '/' || c == '-' || c.is_ascii_uppercase());
    let option =
        text.strip_prefix('-').is_some_and(|option| option.starts_with(|c: char| c.is_ascii_lowercase()));
    let device = text.starts_with("char device redirected to ");
    (open || option || device).then(|| Header {
        continuation: Continuation::Previous,
        body: text.into(),
        ..Header::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn a_domain_starts_talks_and_ends() {
        check(
            read,
            "2026-11-21 03:27:05.213+0000: starting up libvirt version: 9.0.0, hostname: compute-01",
            "2026-11-21T03:27:05.213Z INFO | starting up libvirt version: 9.0.0, hostname: compute-01",
        );
        for line in [
            "LC_ALL=C \\",
            "/usr/bin/qemu-system-x86_64 \\",
            "-name guest=instance-0000001a \\",
            "-msg timestamp=on",
            "char device redirected to /dev/pts/0 (label charserial0)",
        ] {
            check(read, line, &format!("- UNSPECIFIED Previous | {line}"));
        }
        check(
            read,
            "2026-11-21T03:29:10.768950Z qemu-system-x86_64: terminating on signal 15 from pid 6470 (libvirtd)",
            "2026-11-21T03:29:10.768Z UNSPECIFIED qemu-system-x86_64 | terminating on signal 15 from pid 6470 (libvirtd)",
        );
        check(
            read,
            "2026-11-21 03:29:12.781+0000: shutting down, reason=crashed",
            "2026-11-21T03:29:12.781Z ERROR | shutting down, reason=crashed",
        );
        check(
            read,
            "qemu-kvm: warning: host doesn't support requested feature",
            "- WARNING qemu-kvm | warning: host doesn't support requested feature",
        );
        check(
            read,
            "libvirt:  error : cannot execute binary /usr/bin/qemu: Permission denied",
            "- ERROR libvirt | cannot execute binary /usr/bin/qemu: Permission denied",
        );
    }

    #[test]
    fn other_lines_are_not_qemu() {
        check(read, "2026-11-21 03:09:28.371+0000: 6507: info : hostname: compute-01", "");
        check(read, "-", "");
        check(read, "- - -", "");
        check(read, "2026-11-21T03:29:10Z something else: x", "");
    }
}
