//! Finds what has to change in a copy of a line: ids, times, and names of hosts.

use std::collections::HashMap;

use super::clock::{self, Format};

/// A piece of recorded text that every copy writes anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    /// Where it begins in the recording's text.
    pub(super) at: u32,
    /// Recorded bytes that it replaces.
    pub(super) length: u8,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Seconds since the recording's day.
    Time(Format, i32),
    /// `c35db14d-a7a8-4368-a794-28cad7a3fd6e`
    Uuid(IdIndex),
    /// The same without dashes.
    Hex(IdIndex),
    /// `c35db14d-a7`: what names of devices keep of a port's or network's id.
    Prefix(IdIndex),
    /// The last three octets of `fa:16:3e:0a:1c:8d`.
    Mac(u32),
    /// The digits of libvirt's `instance-000000c6`.
    Domain(u32),
    /// The part after `r-` of nova's reservation id.
    Reservation(IdIndex),
    Controller,
    /// The digits of `network-01`.
    Network,
    /// The digits of `compute-03`.
    Compute(u32),
    /// The first three octets of a host's address, with the last dot.
    Addresses,
}

/// Position in [`Ids`].
pub(super) type IdIndex = u32;

#[derive(Clone, Copy, Debug)]
pub(super) struct Id {
    pub(super) value: u128,
    /// Was there when the cloud was set up, or is a user or a project: one for the whole life of a cell.
    pub(super) lasting: bool,
}

/// Every id of the recording.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub(super) all: Vec<Id>,
    by_value: HashMap<u128, IdIndex>,
    prefixes: HashMap<u64, IdIndex>,
}

impl Ids {
    fn add(&mut self, value: u128) -> IdIndex {
        *self.by_value.entry(value).or_insert_with(|| push(&mut self.all, value))
    }

    fn add_prefix(&mut self, prefix: u64) -> IdIndex {
        // Apart from the ids, in case no whole one follows.
        let value = u128::from(prefix) << 88;
        *self.prefixes.entry(prefix).or_insert_with(|| push(&mut self.all, value))
    }

    /// Makes each prefix one with the id that it abbreviates, which may have come later.
    pub(super) fn resolve_prefixes(&mut self, holes: &mut [Hole]) {
        let whole: HashMap<u64, IdIndex> = (self.by_value.iter())
            .filter_map(|(value, index)| Some((u64::try_from(value >> 88).ok()?, *index)))
            .collect();
        let resolved: HashMap<IdIndex, IdIndex> = (self.prefixes.iter())
            .filter_map(|(prefix, index)| Some((*index, *whole.get(prefix)?)))
            .collect();
        for hole in holes {
            if let Kind::Prefix(index) = &mut hole.kind
                && let Some(whole) = resolved.get(index)
            {
                *index = *whole;
            }
        }
    }
}

fn push(all: &mut Vec<Id>, value: u128) -> IdIndex {
    all.push(Id { value, lasting: false });
    u32::try_from(all.len() - 1).expect("the recording holds far fewer ids")
}

/// Appends the holes of `text`, which begins at `offset` of the recording's text.
pub(super) fn find_holes(text: &[u8], offset: usize, ids: &mut Ids, holes: &mut Vec<Hole>) {
    let mut at = 0;
    while at < text.len() {
        match hole_at(text, at, ids) {
            Some((skipped, length, kind)) => {
                let start = u32::try_from(offset + at + skipped).expect("the recording is below 4 GB");
                holes.push(Hole { at: start, length: u8::try_from(length).expect("a hole is short"), kind });
                at += skipped + length;
            }
            None => at += 1,
        }
    }
}

/// How many bytes before the hole, its length, and what it is.
type Found = Option<(usize, usize, Kind)>;

fn hole_at(text: &[u8], at: usize, ids: &mut Ids) -> Found {
    let first = text[at];
    let before = at.checked_sub(1).map(|index| text[index]);
    match first {
        b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'Z'
            if !before.is_some_and(|byte| byte.is_ascii_alphanumeric()) =>
        {
            let rest = &text[at..];
            read_time(rest)
                .or_else(|| read_uuid(rest, ids))
                .or_else(|| read_hex(rest, ids))
                .or_else(|| read_mac(rest))
                .or_else(|| read_host(text, at))
                .or_else(|| read_addresses(rest, before))
        }
        // `dhcp`, `%3A` and names of devices have no sign between them and the id.
        b'0'..=b'9' | b'a'..=b'f' => read_device(text, at, ids).or_else(|| {
            let inside = before.is_some_and(|byte| nibble(byte).is_some());
            if inside { None } else { read_uuid(&text[at..], ids) }
        }),
        b'i' => read_domain(&text[at..]),
        b'r' => read_reservation(text, at, ids),
        b'n' => read_host(text, at),
        _ => None,
    }
}

fn read_time(rest: &[u8]) -> Found {
    let (format, second, length) = clock::read(rest)?;
    Some((0, length, Kind::Time(format, second)))
}

fn read_uuid(rest: &[u8], ids: &mut Ids) -> Found {
    let dashed = rest.get(..36).filter(|_| !rest.get(36).is_some_and(u8::is_ascii_hexdigit))?;
    let mut value = 0;
    for (index, byte) in dashed.iter().enumerate() {
        match (index, byte) {
            (8 | 13 | 18 | 23, b'-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            _ => value = value << 4 | u128::from(nibble(*byte)?),
        }
    }
    // Nil means nobody, everywhere.
    (value != 0).then(|| (0, 36, Kind::Uuid(ids.add(value))))
}

fn read_hex(rest: &[u8], ids: &mut Ids) -> Found {
    let digits = rest.get(..32).filter(|_| !rest.get(32).is_some_and(u8::is_ascii_alphanumeric))?;
    let value = read_nibbles(digits)?;
    // Numbers of 32 decimal digits are no ids, and no id has so few different digits as padding has.
    let is_id = digits.iter().any(u8::is_ascii_alphabetic) && digits.iter().any(u8::is_ascii_digit);
    is_id.then(|| (0, 32, Kind::Hex(ids.add(value))))
}

fn read_mac(rest: &[u8]) -> Found {
    let octets = rest.get(..17).filter(|mac| mac.get(2..9) == Some(b":16:3e:"))?;
    let [a1, a2, b':', b1, b2, b':', c1, c2] = octets[9..] else { return None };
    let value = read_nibbles(&[a1, a2, b1, b2, c1, c2])?;
    Some((9, 8, Kind::Mac(u32::try_from(value).ok()?)))
}

fn read_addresses(rest: &[u8], before: Option<u8>) -> Found {
    let found = rest.starts_with(b"10.0.0.") && before != Some(b'.');
    found.then_some((0, 7, Kind::Addresses))
}

/// `tap3acd1927-3c`, `brq27147d91-11`, `qvo…`, `qbr…`
fn read_device(text: &[u8], at: usize, ids: &mut Ids) -> Found {
    let kind = text.get(at.checked_sub(3)?..at)?;
    if !matches!(kind, b"tap" | b"brq" | b"qvo" | b"qvb" | b"qbr") {
        return None;
    }
    let rest = &text[at..];
    let (head, tail) = (rest.get(..8)?, rest.get(9..11)?);
    if rest[8] != b'-' || rest.get(11).is_some_and(u8::is_ascii_hexdigit) {
        return None;
    }
    let prefix = read_nibbles(head)? << 8 | read_nibbles(tail)?;
    Some((0, 11, Kind::Prefix(ids.add_prefix(u64::try_from(prefix).ok()?))))
}

fn read_domain(rest: &[u8]) -> Found {
    let digits = rest.strip_prefix(b"instance-")?.get(..8)?;
    if rest.get(17).is_some_and(u8::is_ascii_alphanumeric) || rest.get(17) == Some(&b'-') {
        return None;
    }
    Some((9, 8, Kind::Domain(u32::try_from(read_nibbles(digits)?).ok()?)))
}

fn read_reservation(text: &[u8], at: usize, ids: &mut Ids) -> Found {
    let free = at.checked_sub(1).is_none_or(|before| matches!(text[before], b'"' | b'\'' | b' '));
    let rest = text[at..].strip_prefix(b"r-").filter(|_| free)?;
    let letters = rest.get(..8).filter(|_| !rest.get(8).is_some_and(|next| is_word(*next)))?;
    if !letters.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return None;
    }
    let value = letters.iter().fold(0, |value, byte| value << 8 | u128::from(*byte));
    Some((2, 8, Kind::Reservation(ids.add(value))))
}

fn read_host(text: &[u8], at: usize) -> Found {
    let rest = &text[at..];
    let free = at.checked_sub(1).is_none_or(|before| !text[before].is_ascii_alphanumeric());
    if !free {
        return None;
    }
    if let Some(digits) = rest.strip_prefix(b"compute-").and_then(two_digits) {
        return Some((8, 2, Kind::Compute(digits)));
    }
    if rest.strip_prefix(b"network-").and_then(two_digits) == Some(1) {
        return Some((8, 2, Kind::Network));
    }
    let after = rest.strip_prefix(b"controller")?;
    is_controller(&text[..at], after).then_some((0, 10, Kind::Controller))
}

fn two_digits(rest: &[u8]) -> Option<u32> {
    let [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = *rest.get(..2)? else { return None };
    let free = !rest.get(2).is_some_and(u8::is_ascii_alphanumeric);
    free.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

/// Whether the word is the host: code, XML and cgroups have controllers of their own.
fn is_controller(before: &[u8], after: &[u8]) -> bool {
    let next = after.first().copied();
    if next.is_some_and(is_word) {
        return false;
    }
    match before.last() {
        None | Some(b'@' | b':' | b'"' | b'\'' | b'\\') => true,
        Some(b'/') => matches!(next, Some(b'/')),
        // The end of a queue's name, not the middle of a module's.
        Some(b'.') => !matches!(next, Some(b'.' | b'(')),
        Some(b'=') => next != Some(b'('),
        Some(b' ') => before.ends_with(b"host ") || before.ends_with(b"hostname: "),
        Some(_) => false,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn read_nibbles(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, byte| Some(value << 4 | u128::from(nibble(*byte)?)))
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of `text` that would be written anew.
    fn check(text: &str, expected: &[&str]) {
        let (mut ids, mut holes) = (Ids::default(), Vec::new());
        find_holes(text.as_bytes(), 0, &mut ids, &mut holes);
        let found: Vec<&str> = (holes.iter())
            .map(|hole| text.get(hole.at as usize..hole.at as usize + usize::from(hole.length)).unwrap())
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn ids_times_and_hosts_are_found_in_real_lines() {
        check(
            "2026-11-21 03:28:16.763 12846 INFO nova.api.openstack.wsgi [None req-da87e23c-3212-4e7e-ba34-16b6f983548e \
             f098ee2a31a2497a9d2bb3756b3c38d0 b2c5f3266dfa40c4b21262cb48306da5 - - default default] HTTP exception",
            &[
                "2026-11-21 03:28:16",
                "da87e23c-3212-4e7e-ba34-16b6f983548e",
                "f098ee2a31a2497a9d2bb3756b3c38d0",
                "b2c5f3266dfa40c4b21262cb48306da5",
            ],
        );
        check(
            "Port tap9fecd3ab-f5 on brq27147d91-11 has fa:16:3e:0a:1c:8d of instance-000000c6 at 10.0.0.11:5672",
            &["9fecd3ab-f5", "27147d91-11", "0a:1c:8d", "000000c6", "10.0.0."],
        );
        check(r#"\"reservation_id\": \"r-9utcwdzo\", \"node\": \"compute-03\""#, &["9utcwdzo", "03"]);
        check("Time: 261121  3:29:38 SET timestamp=1795231778;", &["261121  3:29:38", "1795231778"]);
        check(
            "member_of=in%3A6709fa2b-f812-408f-8fc8-d39859f6495d 'dhcpecba8eb8-92ef-57ea-ae54-719c2d328cb2-de671d'",
            &["6709fa2b-f812-408f-8fc8-d39859f6495d", "ecba8eb8-92ef-57ea-ae54-719c2d328cb2"],
        );
        check("domain-30-instance-0000000c, network-01 and xcompute-01 compute-011", &["0000000c", "01"]);
    }

    #[test]
    fn the_controller_is_a_host_and_a_word() {
        for host in
            ["nova-api:controller\\\"", "rabbit@controller.log", "controller@nfs", "logs/controller/nova"]
        {
            check(host, &["controller"]);
        }
        check("topic compute.controller\"", &["controller"]);
        check("hostname: controller", &["controller"]);
        for word in [
            "getattr(controller, method)",
            "<controller type='usb'/>",
            "</controller>",
            "cgroup.controllers",
            "os_ken.controller.controller(",
            "no cgroup controller is mounted",
            "invoke_controller(controller",
        ] {
            check(word, &[]);
        }
    }

    #[test]
    fn nobody_and_digests_stay() {
        check("cell 00000000-0000-0000-0000-000000000000", &[]);
        check("_base/2aae09730a04c4289880d7373ff878e0afc49dc5", &[]);
    }
}
