//! Reading a segment: frame after frame, whatever happened to its bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::frame::{HEADER, Head, Header, Kind};

/// What stands at some place of a segment.
#[derive(Debug)]
pub(super) enum Look {
    Frame(Header),
    /// No frame, until this place.
    Damaged(u64),
    /// Nothing more, or what was never written to its end.
    End,
}

/// A header is looked for in pieces of this length.
const STEP: usize = 64 << 10;

pub(super) fn name(first: u64) -> String {
    format!("{first:016x}.frames")
}

/// The number of its first frame.
pub(super) fn number(name: &Path) -> Option<u64> {
    let name = name.file_name()?.to_str()?.strip_suffix(".frames")?;
    u64::from_str_radix(name, 16).ok().filter(|_| name.len() == 16)
}

pub(super) fn look(file: &File, at: u64, end: u64) -> io::Result<Look> {
    let room = end.saturating_sub(at);
    if room < HEADER as u64 {
        return Ok(Look::End);
    }
    let mut bytes = [0; HEADER];
    if !read(file, &mut bytes, at)? {
        return Ok(Look::End);
    }
    if let Some(header) = Header::from_bytes(&bytes) {
        let is_whole = HEADER as u64 + header.payload_length() <= room;
        return Ok(if is_whole { Look::Frame(header) } else { Look::End });
    }
    next_header(file, at + 1, end).map(|next| Look::Damaged(next.unwrap_or(end)))
}

/// Where the frame after this one begins.
pub(super) fn after(header: &Header, at: u64) -> u64 {
    at + HEADER as u64 + header.payload_length()
}

/// The states and the body of a frame; `None` when they are not what was written.
pub(super) fn payload(file: &File, header: &Header, at: u64) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let length = usize::try_from(header.payload_length()).map_err(io::Error::other)?;
    let mut states = vec![0; length];
    if !read(file, &mut states, at + HEADER as u64)? || !header.fits(&states) {
        return Ok(None);
    }
    let states_length = usize::try_from(header.states_length).map_err(io::Error::other)?;
    let body = states.split_off(states_length);
    Ok(Some((states, body)))
}

fn next_header(file: &File, from: u64, end: u64) -> io::Result<Option<u64>> {
    let mut at = from;
    let mut piece = Vec::new();
    while at + HEADER as u64 <= end {
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(STEP + HEADER);
        piece.resize(length, 0);
        if !read(file, &mut piece, at)? {
            return Ok(None);
        }
        let found = piece.windows(HEADER).position(|bytes| Header::from_bytes(bytes).is_some());
        if let Some(place) = found {
            return Ok(Some(at + place as u64));
        }
        at += (length - HEADER + 1) as u64;
    }
    Ok(None)
}

/// Whether there was as much: somebody may have cut the file.
fn read(file: &File, into: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(into, at) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| true),
    }
}

/// What a segment tells of the states.
#[derive(Debug)]
pub(super) struct Told {
    /// `None` when it cannot be read.
    pub(super) head: Option<Head>,
    /// What its frames change, in order.
    pub(super) changes: Vec<Vec<u8>>,
    /// The number that comes after all that are told of.
    pub(super) next: u64,
    pub(super) damages: Vec<Damage>,
}

#[derive(Debug)]
pub(super) struct Damage {
    pub(super) path: PathBuf,
    pub(super) at: u64,
    /// It held the states that the segment begins with: another one tells them too.
    pub(super) head: bool,
}

pub(super) fn read_states(path: &Path) -> io::Result<Told> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    let mut told = Told { head: None, changes: Vec::new(), next: 0, damages: Vec::new() };
    let mut at = 0;
    loop {
        let damaged = |head| Damage { path: path.to_owned(), at, head };
        let header = match look(&file, at, end)? {
            Look::End => return Ok(told),
            Look::Damaged(until) => {
                let first = number(path);
                let follows = look(&file, until, end)?;
                let head = at == 0 && matches!(follows, Look::Frame(next) if Some(next.number) == first);
                told.damages.push(damaged(head));
                at = until;
                continue;
            }
            Look::Frame(header) => header,
        };
        match (payload(&file, &header, at)?, header.kind) {
            (None, kind) => told.damages.push(damaged(kind == Kind::States)),
            (Some((states, _)), Kind::States) => told.head = Head::from_bytes(&states),
            (Some((states, _)), Kind::Lines) => told.changes.push(states),
        }
        let passed = if header.kind == Kind::Lines { header.number + 1 } else { header.number };
        told.next = told.next.max(passed);
        at = after(&header, at);
    }
}
