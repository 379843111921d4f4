use std::time::{Duration, SystemTime};

use xxhash_rust::xxh3::xxh3_128;

/// How many of a text's first bytes tell at a glance that it is another one.
pub(crate) const HEADER: usize = 1 << 10;

/// What is known of a text that was read before. Plain data, for a store to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// As shown to people.
    pub path: String,
    /// Where it lay on the machine that read it.
    pub origin: String,
    pub host: Option<String>,
    pub header_hash: u128,
    pub header_length: u16,
    /// Bytes of text, without compression.
    pub consumed: u64,
    pub lines: u64,
    /// How many of these bytes are a last line without its end.
    pub half: u64,
    /// Of all consumed bytes.
    pub hash: u128,
    /// Of the consumed bytes but for the last blocks: with it, these alone have to be read to verify the hash.
    pub earlier_hash: u128,
    /// Device and inode, for a file that held the text as it is. They tell which of two equal beginnings is meant.
    pub file: Option<(u64, u64)>,
    /// When the file was last written, as its file system says.
    pub written: Option<SystemTime>,
    /// Whoever follows files wants all that was written since then to a log of this name, also what rotation put aside
    /// before it was seen.
    pub since: Option<SystemTime>,
}

/// What is new in a text. `checkpoint` is the place in the list of known ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Never seen, or not what it was: everything is new.
    New,
    /// Nothing is new.
    Known { checkpoint: usize },
    /// It has grown: the first line to come has the number `line`. That number is a known one when the last line
    /// had been read half.
    GoOn { checkpoint: usize, line: u64 },
}

impl Checkpoint {
    /// Whether a text of this name may be the one read before. Equal content does not suffice: two hosts write equal
    /// short files.
    pub(crate) fn may_be(&self, path: &str, origin: &str, host: Option<&str>) -> bool {
        let same_place = !origin.is_empty() && unrotated(&self.origin) == unrotated(origin);
        let same_name = unrotated(&self.path) == unrotated(path) && self.host.as_deref() == host;
        let same_file =
            host.is_some() && self.host.as_deref() == host && file_name(&self.path) == file_name(path);
        same_place || same_name || same_file
    }

    pub(crate) fn begins_like(&self, header: &[u8]) -> bool {
        let known = usize::from(self.header_length);
        known > 0 && header.get(..known).is_some_and(|header| xxh3_128(header) == self.header_hash)
    }

    /// For a store that keeps it without looking inside.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for text in [&self.path, &self.origin, self.host.as_deref().unwrap_or_default()] {
            out.extend_from_slice(&(text.len() as u64).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.push(u8::from(self.host.is_some()));
        out.extend_from_slice(&self.header_hash.to_le_bytes());
        out.extend_from_slice(&self.header_length.to_le_bytes());
        for number in [self.consumed, self.lines, self.half] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.hash.to_le_bytes());
        out.extend_from_slice(&self.earlier_hash.to_le_bytes());
        out.push(u8::from(self.file.is_some()));
        let (device, inode) = self.file.unwrap_or_default();
        out.extend_from_slice(&device.to_le_bytes());
        out.extend_from_slice(&inode.to_le_bytes());
        for time in [self.written, self.since] {
            // A file that was written before 1970 was written at no time that could tell anything.
            let time = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
            let nanos = time.and_then(|time| u64::try_from(time.as_nanos()).ok());
            out.push(u8::from(nanos.is_some()));
            out.extend_from_slice(&nanos.unwrap_or_default().to_le_bytes());
        }
        out
    }

    /// `None` when the bytes are no checkpoint.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        let (path, origin, host) = (take_text(from)?, take_text(from)?, take_text(from)?);
        let has_host = take::<1>(from)? == [1];
        let checkpoint = Self {
            path,
            origin,
            host: has_host.then_some(host),
            header_hash: u128::from_le_bytes(take(from)?),
            header_length: u16::from_le_bytes(take(from)?),
            consumed: u64::from_le_bytes(take(from)?),
            lines: u64::from_le_bytes(take(from)?),
            half: u64::from_le_bytes(take(from)?),
            hash: u128::from_le_bytes(take(from)?),
            earlier_hash: u128::from_le_bytes(take(from)?),
            file: {
                let known = take::<1>(from)? == [1];
                let file = (u64::from_le_bytes(take(from)?), u64::from_le_bytes(take(from)?));
                known.then_some(file)
            },
            written: take_time(from)?,
            // It came later than the rest.
            since: if from.is_empty() { None } else { take_time(from)? },
        };
        let sound = checkpoint.half <= checkpoint.consumed && (checkpoint.half == 0 || checkpoint.lines > 0);
        (bytes.is_empty() && sound).then_some(checkpoint)
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*taken)
}

fn take_time(from: &mut &[u8]) -> Option<Option<SystemTime>> {
    let known = take::<1>(from)? == [1];
    let since_epoch = Duration::from_nanos(u64::from_le_bytes(take(from)?));
    Some(SystemTime::UNIX_EPOCH.checked_add(since_epoch).filter(|_| known))
}

fn take_text(from: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(u64::from_le_bytes(take(from)?)).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn file_name(path: &str) -> &str {
    let path = unrotated(path);
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Without what rotation adds: `nova.log.2.gz`, `nova.log-20261121.xz` and `nova.log.2026-11-21` are `nova.log`.
pub(crate) fn unrotated(path: &str) -> &str {
    const COMPRESSED: [&str; 4] = [".gz", ".xz", ".zst", ".bz2"];
    let path = COMPRESSED.iter().find_map(|suffix| path.strip_suffix(suffix)).unwrap_or(path);
    let bare = path.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '_'));
    // A name of digits alone (`containers/…/0.log` has an extension, `7` has not) is no suffix of anything.
    let has_suffix = path.get(bare.len()..).is_some_and(|suffix| suffix.starts_with(['.', '-', '_']));
    if has_suffix && !bare.is_empty() && !bare.ends_with('/') { bare } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_suffixes_are_no_part_of_a_name() {
        let check = |path, expected| assert_eq!(unrotated(path), expected);
        check("c/nova/nova-api.log", "c/nova/nova-api.log");
        check("c/nova/nova-api.log.1", "c/nova/nova-api.log");
        check("c/nova/nova-api.log.2.gz", "c/nova/nova-api.log");
        check("nova-api.log-20261121.xz", "nova-api.log");
        check("nova-api.log.2026-11-21", "nova-api.log");
        check("qemu/instance-00000001.log", "qemu/instance-00000001.log");
        check("pods/7", "pods/7");
    }

    #[test]
    fn checkpoints_read_back() {
        let checkpoint = Checkpoint {
            path: "a/b.log".into(),
            origin: "/var/log/a/b.log".into(),
            host: Some("controller".into()),
            header_hash: 1 << 100,
            header_length: 1024,
            consumed: 5000,
            lines: 40,
            half: 7,
            hash: 99,
            earlier_hash: 98,
            file: Some((1, 2)),
            written: SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(1_795_231_696_000_000_003)),
            since: SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(1_795_000_000_000_000_001)),
        };
        let bytes = checkpoint.to_bytes();
        assert_eq!(Checkpoint::from_bytes(&bytes), Some(checkpoint.clone()));
        let without_since = bytes.len() - 9;
        for length in (0..bytes.len()).filter(|length| *length != without_since) {
            assert_eq!(Checkpoint::from_bytes(&bytes[..length]), None);
        }
        let older = Checkpoint::from_bytes(&bytes[..without_since]);
        assert_eq!(older, Some(Checkpoint { since: None, ..checkpoint.clone() }));
        let hostless = Checkpoint { host: None, file: None, written: None, since: None, ..checkpoint };
        assert_eq!(Checkpoint::from_bytes(&hostless.to_bytes()), Some(hostless));
    }
}
