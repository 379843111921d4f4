//! A message of the forward protocol: one event, a list of them, or a packed list.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::msgpack::{self, Stuck, Token};
use crate::budget::{NoRoom, Share};
use crate::shipped::{Body, NoMoreLines, Record, Sorted, Time};
use crate::unpack::{Encoding, UnpackError, unpacked};

/// Longer events are refused: decoded, one can be thirty times as large.
const MOST_EVENT: usize = 1 << 20;

/// What a message asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// To be acknowledged by this name.
    pub(super) chunk: Option<Vec<u8>>,
    encoding: Option<Vec<u8>>,
}

/// Why a message is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadMessage {
    Malformed,
    TooMuch,
    NoRoom,
}

/// How much a message may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) text: usize,
    pub(super) events: usize,
}

/// What a message held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) chunk: Option<Vec<u8>>,
    pub(super) events: usize,
    /// Events that were too long or no maps.
    pub(super) refused: usize,
}

/// Takes the events of a whole message.
pub(super) fn read(
    message: &[u8],
    bounds: Bounds,
    share: &mut Share,
    sorted: &mut Sorted<'_>,
) -> Result<Found, BadMessage> {
    let (Token::List(2..=4), rest) = msgpack::token(message)? else { return Err(BadMessage::Malformed) };
    let (tag, rest) = text(rest)?;
    let tag = String::from_utf8_lossy(tag).into_owned();
    let tag = Map::from_iter([("tag".to_owned(), Value::String(tag))]);
    let mut events = Events { tag: Arc::new(tag), bounds, sorted, found: Found::default() };
    let (entries, options) = msgpack::value(rest)?;
    match msgpack::token(entries)? {
        (Token::List(count), list) => {
            events.found.chunk = self::options(options)?.chunk;
            let mut rest = list;
            for _ in 0..count {
                rest = events.entry(rest)?;
            }
        }
        (Token::Text(packed) | Token::Bytes(packed), _) => {
            let options = self::options(options)?;
            events.found.chunk = options.chunk;
            let encoding = match options.encoding.as_deref() {
                None | Some(b"text") => Encoding::Plain,
                Some(b"gzip") => Encoding::Gzip,
                Some(b"zstd") => Encoding::Zstd,
                Some(_) => return Err(BadMessage::Malformed),
            };
            share.grow(packed.len())?;
            let unpacked = unpacked(packed.to_vec(), encoding, bounds.text, share)?;
            let mut rest = unpacked.as_slice();
            while !rest.is_empty() {
                rest = events.entry(rest)?;
            }
        }
        // One event: its time, then its record.
        _ => {
            let after = events.event(rest)?;
            events.found.chunk = self::options(after)?.chunk;
        }
    }
    Ok(events.found)
}

/// Takes the events of a message.
struct Events<'a, 'b> {
    tag: Arc<Map<String, Value>>,
    bounds: Bounds,
    sorted: &'a mut Sorted<'b>,
    found: Found,
}

impl Events<'_, '_> {
    /// A time and a record, in a list. Gives what comes after it.
    fn entry<'c>(&mut self, bytes: &'c [u8]) -> Result<&'c [u8], BadMessage> {
        match msgpack::token(bytes)? {
            (Token::List(2), rest) => self.event(rest),
            _ => Err(BadMessage::Malformed),
        }
    }

    fn event<'c>(&mut self, bytes: &'c [u8]) -> Result<&'c [u8], BadMessage> {
        if self.found.events == self.bounds.events {
            return Err(BadMessage::TooMuch);
        }
        let (written, rest) = msgpack::value(bytes)?;
        let (record, rest) = msgpack::value(rest)?;
        self.found.events += 1;
        let fields = match record.len() {
            ..=MOST_EVENT => msgpack::json(record)?.0,
            _ => Value::Null,
        };
        let Value::Object(fields) = fields else {
            self.found.refused += 1;
            return Ok(rest);
        };
        self.sorted.push(Record {
            time: time(written)?,
            body: Body::Fields(fields),
            resource: Arc::clone(&self.tag),
            ..Record::default()
        })?;
        Ok(rest)
    }
}

/// Seconds since 1970; or an extension with seconds and nanoseconds, and with fluent-bit's metadata in a list beside it.
fn time(bytes: &[u8]) -> Result<Time, BadMessage> {
    let stamped =
        |seconds: u64, nanos: u64| Time::Stamped(seconds.saturating_mul(1_000_000_000).saturating_add(nanos));
    Ok(match msgpack::token(bytes)? {
        (Token::Unsigned(seconds), _) => stamped(seconds, 0),
        (Token::Float(seconds), _) if seconds.is_finite() && seconds >= 0.0 => {
            match std::time::Duration::try_from_secs_f64(seconds) {
                Ok(time) => stamped(time.as_secs(), time.subsec_nanos().into()),
                Err(_) => Time::Unknown,
            }
        }
        (Token::Extension(0, written), _) => match written.split_first_chunk::<4>() {
            Some((seconds, nanos)) => {
                let nanos = nanos.try_into().map(u32::from_be_bytes).unwrap_or_default();
                stamped(u32::from_be_bytes(*seconds).into(), nanos.into())
            }
            None => Time::Unknown,
        },
        (Token::List(2), inner) => time(inner)?,
        _ => Time::Unknown,
    })
}

fn options(bytes: &[u8]) -> Result<Options, BadMessage> {
    let mut options = Options::default();
    if bytes.is_empty() {
        return Ok(options);
    }
    let (Token::Map(pairs), mut rest) = msgpack::token(bytes)? else { return Ok(options) };
    for _ in 0..pairs {
        let (key, after) = msgpack::value(rest)?;
        let (value, after) = msgpack::value(after)?;
        rest = after;
        let wanted = match text(key) {
            Ok((b"chunk", _)) => &mut options.chunk,
            Ok((b"compressed", _)) => &mut options.encoding,
            _ => continue,
        };
        *wanted = text(value).ok().map(|(text, _)| text.to_vec());
    }
    Ok(options)
}

pub(super) fn text(bytes: &[u8]) -> Result<(&[u8], &[u8]), BadMessage> {
    match msgpack::token(bytes)? {
        (Token::Text(text) | Token::Bytes(text), rest) => Ok((text, rest)),
        _ => Err(BadMessage::Malformed),
    }
}

impl From<Stuck> for BadMessage {
    fn from(_: Stuck) -> Self {
        Self::Malformed
    }
}

impl From<NoRoom> for BadMessage {
    fn from(NoRoom: NoRoom) -> Self {
        Self::NoRoom
    }
}

impl From<NoMoreLines> for BadMessage {
    fn from(_: NoMoreLines) -> Self {
        Self::TooMuch
    }
}

impl From<UnpackError> for BadMessage {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::TooMuch => Self::TooMuch,
            UnpackError::NoRoom => Self::NoRoom,
            UnpackError::Broken(_) => Self::Malformed,
        }
    }
}
