//! What a frame looks like on the disk: a header of fixed length, what its lines change, and the lines, ready to be sent.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::gzip::Part;
use crate::states::{Changes, States, changes_to_bytes};

/// Some lines, to be written.
#[derive(Debug)]
pub(crate) struct NewFrame {
    /// Milliseconds since 1970.
    pub(crate) taken_at: u64,
    pub(crate) lines: u32,
    pub(crate) body: Part,
    pub(crate) changes: Changes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Frames of lines are numbered from 1. A frame of states has the number of the first frame of lines after it.
    pub(super) number: u64,
    pub(super) taken_at: u64,
    pub(super) lines: u32,
    /// Of the lines as they are before compression.
    pub(super) crc: u32,
    pub(super) plain_length: u64,
    pub(super) states_length: u32,
    pub(super) body_length: u32,
    payload_hash: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The states of all texts.
    States = 1,
    /// Lines, and the states of their texts after them.
    Lines = 2,
}

/// What a segment begins with.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    /// Whose lines these are.
    pub(super) host: String,
    /// After all frames before it.
    pub(super) states: States,
}

pub(super) const HEADER: usize = 72;
const MAGIC: &[u8; 8] = b"culprit\x01";

impl Header {
    pub(super) fn payload_length(&self) -> u64 {
        u64::from(self.states_length) + u64::from(self.body_length)
    }

    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        xxh3_64(payload) == self.payload_hash
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(self.kind as u64).to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.taken_at.to_le_bytes());
        out.extend_from_slice(&self.lines.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.plain_length.to_le_bytes());
        out.extend_from_slice(&self.states_length.to_le_bytes());
        out.extend_from_slice(&self.body_length.to_le_bytes());
        out.extend_from_slice(&self.payload_hash.to_le_bytes());
        out.extend_from_slice(&xxh3_64(&out).to_le_bytes());
        out
    }

    /// `None` when no frame begins here.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = bytes.strip_prefix(MAGIC)?;
        let (hashed, hash) = bytes.get(..HEADER)?.split_last_chunk::<8>()?;
        if u64::from_le_bytes(*hash) != xxh3_64(hashed) {
            return None;
        }
        let from = &mut from;
        Some(Self {
            kind: match take_u64(from)? {
                1 => Kind::States,
                2 => Kind::Lines,
                _ => return None,
            },
            number: take_u64(from)?,
            taken_at: take_u64(from)?,
            lines: take_u32(from)?,
            crc: take_u32(from)?,
            plain_length: take_u64(from)?,
            states_length: take_u32(from)?,
            body_length: take_u32(from)?,
            payload_hash: take_u64(from)?,
        })
    }
}

/// `None` when something in it is too long for a frame.
pub(super) fn lines_to_bytes(frame: &NewFrame, number: u64) -> Option<Vec<u8>> {
    let states = changes_to_bytes(&frame.changes, number);
    let body = &frame.body;
    let header = Header {
        kind: Kind::Lines,
        number,
        taken_at: frame.taken_at,
        lines: frame.lines,
        crc: body.crc,
        plain_length: body.plain_length,
        states_length: states.len().try_into().ok()?,
        body_length: body.deflated.len().try_into().ok()?,
        payload_hash: hash_of(&states, &body.deflated),
    };
    Some([&header.to_bytes(), &states, &body.deflated].map(Vec::as_slice).concat())
}

pub(super) fn head_to_bytes(host: &str, states: &States, number: u64) -> Option<Vec<u8>> {
    let length = u32::try_from(host.len()).ok()?;
    let states = [&length.to_le_bytes(), host.as_bytes(), &states.to_bytes()].concat();
    let header = Header {
        kind: Kind::States,
        number,
        taken_at: 0,
        lines: 0,
        crc: 0,
        plain_length: 0,
        states_length: states.len().try_into().ok()?,
        body_length: 0,
        payload_hash: hash_of(&states, &[]),
    };
    Some([header.to_bytes(), states].concat())
}

impl Head {
    pub(super) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let length = usize::try_from(take_u32(&mut bytes)?).ok()?;
        let (host, states) = bytes.split_at_checked(length)?;
        let host = String::from_utf8(host.to_vec()).ok()?;
        Some(Self { host, states: States::from_bytes(states)? })
    }
}

fn hash_of(states: &[u8], body: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(states);
    hash.update(body);
    hash.digest()
}

fn take_u64(from: &mut &[u8]) -> Option<u64> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u64::from_le_bytes(*taken))
}

fn take_u32(from: &mut &[u8]) -> Option<u32> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u32::from_le_bytes(*taken))
}
