//! Whose message it is. What else its header says is for `parse`.

use std::net::SocketAddr;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sender {
    pub(super) host: String,
    pub(super) program: String,
}

/// Longer names are cut.
const MAX_NAME: usize = 64;

/// A host that the message does not name is the peer's address.
pub(super) fn sender(message: &[u8], peer: SocketAddr) -> Sender {
    // Only the header counts, and no header is longer.
    let head = message.get(..512).unwrap_or(message);
    let head = String::from_utf8_lossy(head);
    let text = after_priority(&head);
    let (host, program) = match text.strip_prefix("1 ") {
        Some(text) => new_header(text),
        None => old_header(text),
    };
    let host = host.map(name).filter(|host| !host.is_empty()).unwrap_or_else(|| peer.ip().to_string());
    let program = program.map(name).filter(|program| !program.is_empty());
    Sender { host, program: program.unwrap_or_else(|| "-".to_owned()) }
}

fn after_priority(text: &str) -> &str {
    let priority = text.strip_prefix('<').and_then(|text| text.split_once('>'));
    priority.filter(|(number, _)| number.parse::<u8>().is_ok()).map_or(text, |(_, rest)| rest)
}

/// `2026-11-21T03:14:18.1Z host program …`
fn new_header(text: &str) -> (Option<&str>, Option<&str>) {
    let mut fields = text.split(' ').skip(1).map(|field| Some(field).filter(|field| *field != "-"));
    (fields.next().flatten(), fields.next().flatten())
}

/// `Nov 21 03:14:18 host program[pid]: …` or with an ISO time; some leave out the host.
fn old_header(text: &str) -> (Option<&str>, Option<&str>) {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let is_iso = first.contains('T') && first.starts_with(|c: char| c.is_ascii_digit());
    if !is_iso {
        let is_month = first.len() == 3 && first.chars().all(char::is_alphabetic);
        let time = words.nth(1).filter(|time| time.contains(':'));
        if !is_month || time.is_none() {
            return (None, None);
        }
    }
    let (first, second) = (words.next(), words.next());
    match first.and_then(tag) {
        Some(program) => (None, Some(program)),
        None => (first, second.and_then(tag)),
    }
}

/// `nova-compute[17]:` is `nova-compute`.
fn tag(word: &str) -> Option<&str> {
    let word = word.strip_suffix(':')?;
    Some(word.split_once('[').map_or(word, |(program, _)| program))
}

/// A name leads nowhere: no slashes, nothing that a terminal or a file system would heed.
fn name(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.:@".contains(c) { c } else { '_' };
    text.trim_start_matches('.').chars().take(MAX_NAME).map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_tell_their_host_and_program() {
        let check = |message: &str, expected: &str| {
            let Sender { host, program } = sender(message.as_bytes(), ([10, 0, 0, 7], 514).into());
            assert_eq!(format!("{host}/{program}"), expected, "{message}");
        };
        check("<11>Nov  1 03:14:18 ctl1 nova-api[17]: boom", "ctl1/nova-api");
        check("<11>Nov 21 03:14:18 dnsmasq-dhcp[99]: DHCPDISCOVER(tap2c99782f-4f)", "10.0.0.7/dnsmasq-dhcp");
        check("2026-11-21T03:14:18.123456+00:00 ctl1 kernel: [ 12.5] Out of memory", "ctl1/kernel");
        check(
            "<165>1 2026-11-21T03:14:18.003Z ctl1 nova-api 8710 ID47 [ex@32473 a=\"b\"] hello",
            "ctl1/nova-api",
        );
        check("<34>1 - - su - - - 'su root' failed", "10.0.0.7/su");
        check("<34>no header at all", "10.0.0.7/-");
        check("", "10.0.0.7/-");
        check("<11>Nov 21 03:14:18 ../../etc postfix/smtpd\u{1b}[2: x", "_.._etc/postfix_smtpd_");
    }
}
