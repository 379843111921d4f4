use std::fmt;
use std::ops::Range;

/// 16 bytes. OpenStack writes it with dashes (instances, requests) or without (users, projects, message ids).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(u128);

impl Uuid {
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// Reads `8-4-4-4-12` or 32 hex digits, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        match text.len() {
            36 => dashed(text),
            32 => hex_value(text, PLAIN),
            _ => None,
        }
    }
}

/// The value of 32 hex digits that stand in pairs at these places.
fn hex_value(text: &[u8], pairs: [usize; 16]) -> Option<Uuid> {
    let mut bytes = [0; 16];
    let mut seen = 0;
    for (byte, at) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (HEX_DIGITS[usize::from(text[at])], HEX_DIGITS[usize::from(text[at + 1])]);
        seen |= high | low;
        *byte = high << 4 | low & 0xf;
    }
    (seen <= 0xf).then(|| Uuid(u128::from_be_bytes(bytes)))
}

/// Of `8-4-4-4-12`.
const DASHED: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const PLAIN: [usize; 16] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];

const NO_DIGIT: u8 = 0xff;
const HEX_DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0_u8;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        digits[digit as usize] = value;
        digits[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    digits
};

/// With dashes.
impl fmt::Display for Uuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        write!(
            out,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            value >> 96,
            value >> 80 & 0xffff,
            value >> 64 & 0xffff,
            value >> 48 & 0xffff,
            value & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What an operator can paste, in the one form in which two stages compare it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// Requests (without `req-`), instances, ports, volumes, images, projects, users, ….
    Uuid(Uuid),
    /// What is no UUID: `instance-0000009f`, `tap2c99782f-4f`, a MAC address. Lower case.
    Name(Box<str>),
}

impl Id {
    /// Reads what somebody typed: with or without `req-` or `greq-`, dashes or not, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = ["greq-", "req-"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        if let Some(uuid) = Uuid::parse(bare) {
            return Some(Self::Uuid(uuid));
        }
        let mut whole = None;
        scan_ids(text.as_bytes(), |found| {
            if found.range == (0..text.len()) {
                whole = Some(found.id);
            }
        });
        whole
    }

    #[must_use]
    pub const fn uuid(&self) -> Option<Uuid> {
        match self {
            Self::Uuid(uuid) => Some(*uuid),
            Self::Name(_) => None,
        }
    }

    /// A hash that is the same on every machine and in every release: FNV-1a over a tag byte and the value.
    #[must_use]
    pub fn stable_hash(&self) -> u64 {
        match self {
            Self::Uuid(uuid) => fnv1a(1, &uuid.0.to_be_bytes()),
            Self::Name(name) => fnv1a(2, name.as_bytes()),
        }
    }

    /// How the kernel and libvirt name the network device of this port: `tap` and the first 11 characters
    /// (`NIC_NAME_LEN` is 14, nova/network/neutron.py). Bridges and OVS ports differ in the prefix only, and
    /// are read as `tap…` too.
    #[must_use]
    pub fn device_of_port(port: Uuid) -> Self {
        let text = port.to_string();
        Self::Name(format!("tap{}", text.get(..11).unwrap_or(&text)).into())
    }
}

fn fnv1a(tag: u8, bytes: &[u8]) -> u64 {
    let mut hash = (0xcbf2_9ce4_8422_2325_u64 ^ u64::from(tag)).wrapping_mul(0x0100_0000_01b3);
    for &byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => fmt::Display::fmt(uuid, out),
            Self::Name(name) => out.write_str(name),
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What an id names, as far as the words around it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    Request,
    Instance,
    Port,
    Volume,
    Attachment,
    Snapshot,
    Backup,
    Image,
    Network,
    Subnet,
    Router,
    FloatingIp,
    SecurityGroup,
    Stack,
    LoadBalancer,
    Node,
    ResourceProvider,
    Migration,
    Agent,
    User,
    Project,
    /// A reply of oslo.messaging, a notification.
    Message,
    /// `instance-0000009f`
    Domain,
    /// `tap2c99782f-4f`
    Device,
    MacAddress,
    Other,
}

impl IdKind {
    pub const ALL: [Self; 26] = [
        Self::Request,
        Self::Instance,
        Self::Port,
        Self::Volume,
        Self::Attachment,
        Self::Snapshot,
        Self::Backup,
        Self::Image,
        Self::Network,
        Self::Subnet,
        Self::Router,
        Self::FloatingIp,
        Self::SecurityGroup,
        Self::Stack,
        Self::LoadBalancer,
        Self::Node,
        Self::ResourceProvider,
        Self::Migration,
        Self::Agent,
        Self::User,
        Self::Project,
        Self::Message,
        Self::Domain,
        Self::Device,
        Self::MacAddress,
        Self::Other,
    ];

    /// The name in `filters/` and in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Instance => "instance",
            Self::Port => "port",
            Self::Volume => "volume",
            Self::Attachment => "attachment",
            Self::Snapshot => "snapshot",
            Self::Backup => "backup",
            Self::Image => "image",
            Self::Network => "network",
            Self::Subnet => "subnet",
            Self::Router => "router",
            Self::FloatingIp => "floating_ip",
            Self::SecurityGroup => "security_group",
            Self::Stack => "stack",
            Self::LoadBalancer => "load_balancer",
            Self::Node => "node",
            Self::ResourceProvider => "resource_provider",
            Self::Migration => "migration",
            Self::Agent => "agent",
            Self::User => "user",
            Self::Project => "project",
            Self::Message => "message",
            Self::Domain => "domain",
            Self::Device => "device",
            Self::MacAddress => "mac_address",
            Self::Other => "other",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether events of one request may be joined through an id of this kind. Networks, images, projects and hosts
    /// are shared by many requests and tie nothing together.
    #[must_use]
    pub const fn joins(self) -> bool {
        matches!(
            self,
            Self::Instance
                | Self::Port
                | Self::Volume
                | Self::Attachment
                | Self::Snapshot
                | Self::Backup
                | Self::FloatingIp
                | Self::Stack
                | Self::LoadBalancer
                | Self::Migration
                | Self::Domain
                | Self::Device
                | Self::MacAddress
        )
    }
}

/// An id in an event, and what it names there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mention {
    pub kind: IdKind,
    pub id: Id,
}

/// An id and where it stands in the scanned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedId {
    pub id: Id,
    /// Without `req-`.
    pub range: Range<usize>,
}

/// Visits every id-shaped token: UUIDs with dashes, runs of exactly 32 hex digits, `instance-%08x` domain names,
/// network devices of ports (`tap`, `qvo`, `qvb`, `qbr`, `qvm`, `qr-`, `qg-`, `ha-` and 11 characters; all read as
/// `tap…`), and MAC addresses. `parse` types what it finds, `index` makes it findable: both use this scan.
///
/// But for MAC addresses an id begins with a run of at least eight letters and digits: of what stands between ids every
/// eighth byte is looked at.
pub fn scan_ids(text: &[u8], mut visit: impl FnMut(ScannedId)) {
    const SHORTEST: usize = 8;
    // A run that begins before this place was looked at.
    let mut from = 0;
    while let Some(probe) = text.get(from + SHORTEST - 1) {
        let probed = from + SHORTEST - 1;
        let (found, end) = if probe.is_ascii_alphanumeric() {
            let (start, end) = run_around(text, probed, from);
            match end - start {
                SHORTEST.. => (id_at(text, start, end), end),
                2 => (address_of_pair(text, start, from), end),
                _ => (None, end),
            }
        } else {
            let pair = probed.checked_sub(2).filter(|_| *probe == b':');
            (pair.and_then(|start| address_of_pair(text, start, from)), probed + 1)
        };
        from = found.as_ref().map_or(end, |found| found.range.end);
        if let Some(found) = found {
            visit(found);
        }
    }
}

/// The letters and digits around `at`, none of which stands before `from`.
fn run_around(text: &[u8], at: usize, from: usize) -> (usize, usize) {
    let before = text[from..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let after = text[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    (at - before, at + after)
}

/// The MAC address one of whose first three pairs stands at `pair`.
fn address_of_pair(text: &[u8], pair: usize, from: usize) -> Option<ScannedId> {
    if text.get(pair + 2) != Some(&b':') {
        return None;
    }
    let starts = [6, 3, 0].into_iter().filter_map(|before| pair.checked_sub(before));
    starts.filter(|start| *start >= from).find_map(|start| mac_address(text, start))
}

/// The id whose first run of letters and digits is `start..end`, if there is one: what [`scan_ids`] finds there. For
/// whoever cuts a text into words anyway.
#[must_use]
pub fn id_at(text: &[u8], start: usize, end: usize) -> Option<ScannedId> {
    let run = text.get(start..end)?;
    match (run.len(), text.get(end)) {
        (2, Some(b':')) => mac_address(text, start),
        (8.., Some(b'-')) => dashed_id(text, start, end),
        (8, _) => domain(text, start),
        (32, _) => Some(ScannedId { id: Id::Uuid(hex_value(run, PLAIN)?), range: start..end }),
        _ => None,
    }
}

/// A UUID, a device or a domain whose first eight digits end at the dash at `end`.
fn dashed_id(text: &[u8], start: usize, end: usize) -> Option<ScannedId> {
    let hex = text[start..end].iter().rev().take(9).take_while(|byte| byte.is_ascii_hexdigit()).count();
    if hex < 8 {
        return None;
    }
    // A device name glues its prefix to the digits: the digits of `qvb2c99782f-4f` begin at the `b`.
    let digits = end - 8;
    let uuid_end = digits + 36;
    let ends_there = !text.get(uuid_end).is_some_and(u8::is_ascii_hexdigit);
    match text.get(digits..uuid_end).filter(|_| hex == 8 && ends_there).and_then(dashed) {
        Some(uuid) => Some(ScannedId { id: Id::Uuid(uuid), range: digits..uuid_end }),
        None => device(text, digits).or_else(|| domain(text, digits).filter(|_| digits == start)),
    }
}

fn dashed(text: &[u8]) -> Option<Uuid> {
    let dashes = text[8] == b'-' && text[13] == b'-' && text[18] == b'-' && text[23] == b'-';
    dashes.then(|| hex_value(text, DASHED)).flatten()
}

const DEVICE_PREFIXES: [&[u8]; 8] = [b"tap", b"qvo", b"qvb", b"qbr", b"qvm", b"qr-", b"qg-", b"ha-"];

/// `tap2c99782f-4f`: 8 digits at `digits`, a dash, 2 more.
fn device(text: &[u8], digits: usize) -> Option<ScannedId> {
    let start = digits.checked_sub(3)?;
    let end = digits + 11;
    let tail = text.get(digits + 9..end)?;
    let known = DEVICE_PREFIXES.contains(&&text[start..digits]);
    if !known || !tail.iter().all(u8::is_ascii_hexdigit) || word_before(text, start) || word_after(text, end)
    {
        return None;
    }
    let digits = std::str::from_utf8(&text[digits..end]).ok()?.to_ascii_lowercase();
    Some(ScannedId { id: Id::Name(format!("tap{digits}").into()), range: start..end })
}

/// `instance-0000009f`: nova's default `instance_name_template`.
fn domain(text: &[u8], digits: usize) -> Option<ScannedId> {
    const PREFIX: &[u8] = b"instance-";
    let start = digits.checked_sub(PREFIX.len())?;
    let end = digits + 8;
    let hex = text.get(digits..end)?.iter().all(u8::is_ascii_hexdigit);
    if !hex || &text[start..digits] != PREFIX || word_before(text, start) || word_after(text, end) {
        return None;
    }
    let name = std::str::from_utf8(&text[start..end]).ok()?.to_ascii_lowercase();
    Some(ScannedId { id: Id::Name(name.into()), range: start..end })
}

/// `fa:16:3e:c1:2b:a3`
fn mac_address(text: &[u8], start: usize) -> Option<ScannedId> {
    let end = start + 17;
    let address = text.get(start..end)?;
    let shaped = address.iter().enumerate().all(|(at, byte)| match at % 3 {
        2 => *byte == b':',
        _ => byte.is_ascii_hexdigit(),
    });
    let inside_longer =
        start.checked_sub(1).is_some_and(|before| text[before] == b':') || text.get(end) == Some(&b':');
    if !shaped || inside_longer || word_before(text, start) || word_after(text, end) {
        return None;
    }
    let name = std::str::from_utf8(address).ok()?.to_ascii_lowercase();
    Some(ScannedId { id: Id::Name(name.into()), range: start..end })
}

fn word_before(text: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| text[before].is_ascii_alphanumeric())
}

fn word_after(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        scan_ids(text.as_bytes(), |scanned| found.push(scanned.id.to_string()));
        found
    }

    #[test]
    fn every_shape_of_id_is_found() {
        let check = |text, expected: &[&str]| assert_eq!(ids(text), expected, "{text}");
        let uuid = "0679010f-c12e-4d7d-a1f6-9c887eb0e4f8";
        check("[req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8 -]", &[uuid]);
        check("volume-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8", &[uuid]);
        check("0679010FC12E4D7DA1F69C887EB0E4F8,", &[uuid]);
        check("device 'tap2c99782f-4f' of qvo2c99782f-4f", &["tap2c99782f-4f", "tap2c99782f-4f"]);
        check("tapf956e7bb-af", &["tapf956e7bb-af"]);
        check("domain instance-0000009f died", &["instance-0000009f"]);
        check("FA:16:3e:c1:2b:a3", &["fa:16:3e:c1:2b:a3"]);
        check("_0679010f-c12e-4d7d-a1f6-9c887eb0e4f8_disk", &[uuid]);
    }

    #[test]
    fn what_only_looks_like_an_id_is_not_one() {
        let check = |text| assert_eq!(ids(text), Vec::<String>::new(), "{text}");
        check("340882cbe4f1a9b7039785867dc13fdf43a478f3"); // sha1
        check("2026-11-21 03:28:16.763");
        check("0679010f-c12e-4d7d-a1f6-9c887eb0e4f8a"); // one digit too many
        check("0679010f-c12e-4d7d-a1f6");
        check("fe80:00:00:00:00:00:00:01");
    }

    /// The scan without its leaps: every run of letters and digits is asked.
    fn plain_scan(text: &[u8]) -> Vec<ScannedId> {
        let (mut found, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let run = text[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let id = if run > 0 { id_at(text, at, at + run) } else { None };
            at = id.as_ref().map_or(at + run.max(1), |id| id.range.end);
            found.extend(id);
        }
        found
    }

    proptest! {
        #[test]
        fn leaps_miss_nothing(pieces in prop::collection::vec(prop_oneof![
            "[ -~]{0,12}",
            "[0-9a-fA-F]{1,9}",
            "[0-9a-f]{32}",
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "(tap|qvo|qr-|instance-)?[0-9a-f]{8}(-[0-9a-f]{2})?",
            "[0-9a-f]{2}(:[0-9a-f]{2}){4,6}",
            "[-: _.\n]{1,3}",
            "é",
        ], 0..12)) {
            let text = pieces.concat();
            let mut found = Vec::new();
            scan_ids(text.as_bytes(), |scanned| found.push(scanned));
            prop_assert_eq!(found, plain_scan(text.as_bytes()));
        }
    }

    #[test]
    fn what_people_type_becomes_the_same_id() {
        let id = Id::parse("0679010f-c12e-4d7d-a1f6-9c887eb0e4f8");
        assert!(id.is_some());
        assert_eq!(Id::parse("req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8"), id);
        assert_eq!(Id::parse(" 0679010FC12E4D7DA1F69C887EB0E4F8 "), id);
        assert_eq!(Id::parse("tap2c99782f-4f"), Some(Id::Name("tap2c99782f-4f".into())));
        assert_eq!(Id::parse("web-7"), None);
    }

    #[test]
    fn kinds_read_back() {
        for kind in IdKind::ALL {
            assert_eq!(IdKind::parse(kind.name()), Some(kind));
        }
    }
}
