//! MessagePack, as much of it as Fluentd's forward protocol needs: read in steps, so that nobody can make us hold more
//! than they sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

/// Deeper ones nobody sends.
const DEEPEST: usize = 32;

/// What a value begins with. Texts are whole; the parts of lists and maps come after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Boolean(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Extension(i8, &'a [u8]),
    List(u32),
    /// Of so many pairs.
    Map(u32),
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// It goes on for so many bytes at least.
    Short(usize),
    /// It is nothing that MessagePack knows, or too deep.
    Broken,
}

/// The first token, and what comes after it.
pub(super) fn token(bytes: &[u8]) -> Result<(Token<'_>, &[u8]), Stuck> {
    let (&marker, rest) = bytes.split_first().ok_or(Stuck::Short(1))?;
    let text = |(text, rest)| (Token::Text(text), rest);
    let binary = |(bytes, rest)| (Token::Bytes(bytes), rest);
    Ok(match marker {
        0x00..=0x7f => (Token::Unsigned(marker.into()), rest),
        0x80..=0x8f => (Token::Map((marker & 0x0f).into()), rest),
        0x90..=0x9f => (Token::List((marker & 0x0f).into()), rest),
        0xa0..=0xbf => text(split(rest, (marker & 0x1f).into())?),
        0xc0 => (Token::Nil, rest),
        0xc1 => return Err(Stuck::Broken),
        0xc2 | 0xc3 => (Token::Boolean(marker == 0xc3), rest),
        0xc4..=0xc6 => binary(sized(rest, 1 << (marker - 0xc4))?),
        0xc7..=0xc9 => {
            let (length, rest) = unsigned(rest, 1 << (marker - 0xc7))?;
            extension(rest, length)?
        }
        0xca => {
            let (bits, rest) = unsigned(rest, 4)?;
            (Token::Float(f32::from_bits(u32::try_from(bits).unwrap_or_default()).into()), rest)
        }
        0xcb => unsigned(rest, 8).map(|(bits, rest)| (Token::Float(f64::from_bits(bits)), rest))?,
        0xcc..=0xcf => {
            unsigned(rest, 1 << (marker - 0xcc)).map(|(number, rest)| (Token::Unsigned(number), rest))?
        }
        0xd0..=0xd3 => {
            let size = 1 << (marker - 0xd0);
            unsigned(rest, size).map(|(number, rest)| (Token::Signed(signed(number, size)), rest))?
        }
        0xd4..=0xd8 => extension(rest, 1 << (marker - 0xd4))?,
        0xd9..=0xdb => text(sized(rest, 1 << (marker - 0xd9))?),
        0xdc | 0xdd => counted(rest, marker - 0xdc, Token::List)?,
        0xde | 0xdf => counted(rest, marker - 0xde, Token::Map)?,
        0xe0..=0xff => (Token::Signed(i64::from(marker.cast_signed())), rest),
    })
}

/// A text or bytes, which a length of `size` bytes stands in front of.
fn sized(bytes: &[u8], size: usize) -> Result<(&[u8], &[u8]), Stuck> {
    let (length, rest) = unsigned(bytes, size)?;
    split(rest, length)
}

fn counted<'a>(
    bytes: &'a [u8],
    wide: u8,
    token: impl Fn(u32) -> Token<'a>,
) -> Result<(Token<'a>, &'a [u8]), Stuck> {
    let (count, rest) = unsigned(bytes, 2 << wide)?;
    Ok((token(u32::try_from(count).unwrap_or(u32::MAX)), rest))
}

fn extension(bytes: &[u8], length: u64) -> Result<(Token<'_>, &[u8]), Stuck> {
    let (kind, rest) = unsigned(bytes, 1)?;
    let (value, rest) = split(rest, length)?;
    let kind = u8::try_from(kind).unwrap_or_default().cast_signed();
    Ok((Token::Extension(kind, value), rest))
}

/// Big-endian.
fn unsigned(bytes: &[u8], size: usize) -> Result<(u64, &[u8]), Stuck> {
    let (number, rest) = split(bytes, size as u64)?;
    Ok((number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), rest))
}

const fn signed(number: u64, size: usize) -> i64 {
    let unused = 64 - 8 * size;
    (number << unused).cast_signed() >> unused
}

fn split(bytes: &[u8], length: u64) -> Result<(&[u8], &[u8]), Stuck> {
    let length = usize::try_from(length).map_err(|_| Stuck::Broken)?;
    bytes.split_at_checked(length).ok_or_else(|| Stuck::Short(length - bytes.len()))
}

/// Looks for the end of a value that comes in pieces, without looking at any byte twice.
#[derive(Debug)]
pub(super) struct Walk {
    /// Bytes that were walked over.
    at: usize,
    /// Values that are missing, of each list and map that is open.
    open: Vec<u64>,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self { at: 0, open: vec![1] }
    }

    /// Where the value ends that `bytes` begin with; they begin as at the last call.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<usize, Stuck> {
        loop {
            while self.open.last() == Some(&0) {
                self.open.pop();
            }
            let Some(missing) = self.open.last_mut() else { return Ok(self.at) };
            let rest = bytes.get(self.at..).unwrap_or_default();
            let (token, after) = token(rest)?;
            *missing -= 1;
            self.at += rest.len() - after.len();
            match token {
                Token::List(count) => self.open.push(count.into()),
                Token::Map(pairs) => self.open.push(2 * u64::from(pairs)),
                _ => {}
            }
            if self.open.len() > DEEPEST {
                return Err(Stuck::Broken);
            }
        }
    }
}

/// The first value, and what comes after it.
pub(super) fn value(bytes: &[u8]) -> Result<(&[u8], &[u8]), Stuck> {
    let end = Walk::new().end(bytes)?;
    split(bytes, end as u64)
}

/// The value that `bytes` begin with, as JSON, and what comes after it. For values that are known to be whole and small.
pub(super) fn json(bytes: &[u8]) -> Result<(Value, &[u8]), Stuck> {
    json_at(bytes, 0)
}

fn json_at(bytes: &[u8], depth: usize) -> Result<(Value, &[u8]), Stuck> {
    if depth > DEEPEST {
        return Err(Stuck::Broken);
    }
    let (token, mut rest) = token(bytes)?;
    let value = match token {
        Token::Nil => Value::Null,
        Token::Boolean(value) => Value::Bool(value),
        Token::Signed(number) => number.into(),
        Token::Unsigned(number) => number.into(),
        Token::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Token::Text(text) | Token::Bytes(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        Token::Extension(_, bytes) => Value::String(STANDARD.encode(bytes)),
        Token::List(count) => {
            let mut list = Vec::new();
            for _ in 0..count {
                let (value, after) = json_at(rest, depth + 1)?;
                list.push(value);
                rest = after;
            }
            Value::Array(list)
        }
        Token::Map(pairs) => {
            let mut map = Map::new();
            for _ in 0..pairs {
                let (key, after) = json_at(rest, depth + 1)?;
                let (value, after) = json_at(after, depth + 1)?;
                let key = match key {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                map.insert(key, value);
                rest = after;
            }
            Value::Object(map)
        }
    };
    Ok((value, rest))
}

/// A text as it is sent.
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(length @ ..32) => out.push(0xa0 | length),
        Ok(length) => out.extend([0xd9, length]),
        Err(_) => {
            out.push(0xdb);
            out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes: &[u8], expected: &str) {
        let seen = json(bytes).map(|(value, rest)| (value.to_string(), rest.len()));
        assert_eq!(seen, Ok((expected.to_owned(), 0)), "{bytes:x?}");
        for length in 0..bytes.len() {
            assert!(matches!(json(&bytes[..length]), Err(Stuck::Short(_))), "{length} of {bytes:x?}");
        }
    }

    #[test]
    fn every_sort_of_value_is_read() {
        check(b"\x7f", "127");
        check(b"\xff", "-1");
        check(b"\xcc\xff", "255");
        check(b"\xcd\x01\x00", "256");
        check(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
        check(b"\xd0\x80", "-128");
        check(b"\xd3\xff\xff\xff\xff\xff\xff\xff\xfe", "-2");
        check(b"\xca\x3f\xc0\x00\x00", "1.5");
        check(b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5");
        check(b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null");
        check(b"\xa2hi", "\"hi\"");
        check(b"\xd9\x02hi", "\"hi\"");
        check(b"\xda\x00\x02hi", "\"hi\"");
        check(b"\xc4\x02\xe9!", "\"\u{fffd}!\"");
        check(b"\xc6\x00\x00\x00\x01x", "\"x\"");
        check(b"\xd5\x00ab", "\"YWI=\"");
        check(b"\xc7\x01\x05a", "\"YQ==\"");
        check(b"\x93\xc0\xc2\xc3", "[null,false,true]");
        check(b"\xdc\x00\x01\x90", "[[]]");
        check(b"\x82\xa1a\x01\x02\x80", r#"{"2":{},"a":1}"#);
        check(b"\xdf\x00\x00\x00\x01\xa1a\x01", r#"{"a":1}"#);
        assert_eq!(json(b"\xc1"), Err(Stuck::Broken));
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(json(&[0x91; 1 << 20]), Err(Stuck::Broken));
        assert_eq!(Walk::new().end(&[0x91; 1 << 20]), Err(Stuck::Broken));
    }

    proptest! {
        #[test]
        fn pieces_come_to_the_same_end(bytes: Vec<u8>, step in 1usize..9) {
            let mut walk = Walk::new();
            let mut told = 0;
            let in_pieces = loop {
                told = (told + step).min(bytes.len());
                match walk.end(&bytes[..told]) {
                    Err(Stuck::Short(_)) if told < bytes.len() => {}
                    end => break end,
                }
            };
            prop_assert_eq!(in_pieces, Walk::new().end(&bytes));
            if let (Ok(end), Ok((_, rest))) = (in_pieces, json(&bytes)) {
                prop_assert_eq!(end, bytes.len() - rest.len());
            }
        }
    }
}
