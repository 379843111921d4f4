//! What a stream is, told by its first bytes, never by its name.

use std::io::{self, BufReader, Cursor, Read};

/// How many bytes are looked at: a tar header, and enough text to tell it from binary data.
pub(crate) const LOOK: usize = 8 << 10;

/// A stream without its compression, and what it then holds.
pub(crate) struct Decoded<'a> {
    pub(crate) stream: Box<dyn Read + 'a>,
    pub(crate) kind: Kind,
    /// The first bytes; `stream` yields them again.
    pub(crate) head: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Tar,
    /// Why it holds no lines.
    Binary(&'static str),
}

/// More layers than anybody writes on purpose.
const MAX_LAYERS: usize = 4;

/// Takes off every layer of compression.
pub(crate) fn decode<'a>(stream: Box<dyn Read + 'a>) -> io::Result<Decoded<'a>> {
    let mut stream = stream;
    for _ in 0..MAX_LAYERS {
        let (head, whole) = peek(stream)?;
        stream = match compression(&head) {
            None => return Ok(Decoded { stream: whole, kind: kind(&head), head }),
            Some(Compression::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            Some(Compression::Bzip2) => Box::new(bzip2::read::MultiBzDecoder::new(whole)),
            Some(Compression::Xz) => Box::new(liblzma::read::XzDecoder::new_multi_decoder(whole)),
            Some(Compression::Zstd) => Box::new(zstd::stream::read::Decoder::new(whole)?),
        };
    }
    let (head, stream) = peek(stream)?;
    Ok(Decoded { stream, kind: Kind::Binary("compressed too many times"), head })
}

/// An error behind the first bytes is left for the reader, who meets it again after them: a truncated archive gives
/// what it has.
fn peek<'a>(mut stream: Box<dyn Read + 'a>) -> io::Result<(Vec<u8>, Box<dyn Read + 'a>)> {
    let mut head = Vec::with_capacity(LOOK);
    let mut failure = None;
    if let Err(error) = stream.by_ref().take(LOOK as u64).read_to_end(&mut head) {
        if head.is_empty() {
            return Err(error);
        }
        failure = Some(error);
    }
    let rest = Rest { stream, failure };
    let whole = BufReader::with_capacity(64 << 10, Cursor::new(head.clone()).chain(rest));
    Ok((head, Box::new(whole)))
}

/// A stream that may already have failed.
struct Rest<'a> {
    stream: Box<dyn Read + 'a>,
    failure: Option<io::Error>,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.stream.read(buffer),
        }
    }
}

enum Compression {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

pub(crate) fn is_compressed(head: &[u8]) -> bool {
    compression(head).is_some()
}

fn compression(head: &[u8]) -> Option<Compression> {
    let block_of_bzip2 = || head.get(4..10) == Some(b"\x31\x41\x59\x26\x53\x59");
    match head {
        [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] if block_of_bzip2() => Some(Compression::Bzip2),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

pub(crate) fn kind(head: &[u8]) -> Kind {
    if head.get(257..262) == Some(b"ustar") {
        return Kind::Tar;
    }
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Kind::Binary(name);
    }
    // `copytruncate` leaves a hole at the start of a log: zeros before the first text do not count.
    let text =
        head.iter().position(|byte| *byte != 0).and_then(|start| head.get(start..)).unwrap_or_default();
    let zeros = text.iter().filter(|byte| **byte == 0).count();
    if !head.is_empty() && text.is_empty() {
        Kind::Binary("nothing but zero bytes")
    } else if zeros * 10 > text.len() * 3 {
        Kind::Binary("binary data")
    } else {
        Kind::Text
    }
}

/// What often lies beside logs and would only make noise as lines.
const MAGIC: [(&[u8], &str); 14] = [
    (b"\x7fELF", "a program"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"\xed\xab\xee\xdb", "an RPM package"),
    (b"SQLite format 3\0", "a database"),
    (b"LPKSHHRH", "a binary journal; write it out with `journalctl --file … -o export`"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture"),
    (b"\xff\xfe", "UTF-16 text; convert it with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "UTF-16 text; convert it with `iconv -f UTF-16 -t UTF-8`"),
    (b"\0asm", "a program"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_what_a_stream_holds() {
        let check = |head: &[u8], expected| assert_eq!(kind(head), expected, "{head:?}");
        check(b"2026-11-21 03:28:16.763 1 INFO nova.compute.manager [-] x", Kind::Text);
        check(b"", Kind::Text);
        check(b"\0\0\0\0\0\0\0\0\0\0\0[a log behind a hole]", Kind::Text);
        check(b"\x7fELF\x02", Kind::Binary("a program"));
        check(&[0; 100], Kind::Binary("nothing but zero bytes"));
        check(b"a\0b\0c\0d\0", Kind::Binary("binary data"));
        check(b"BZh9 is how bzip2 files begin, and this line", Kind::Text);
    }
}
