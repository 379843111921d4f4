//! Pieces that were compressed one by one, sent as one gzip stream.
//!
//! Each is a run of whole deflate blocks that refers to nothing before it, so they can stand one after the other; only
//! the check sum of all has to be put together. Receivers that read one gzip member alone are not surprised.

use flate2::{Compress, Compression, FlushCompress, Status};

/// Deflate blocks, without the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) deflated: Vec<u8>,
    pub(crate) crc: u32,
    pub(crate) plain_length: u64,
}

/// Deflate, no name, no time, unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty block that is the last one.
const LAST_BLOCK: [u8; 2] = [3, 0];

pub(crate) fn compress(plain: &[u8]) -> Part {
    let mut compressor = Compress::new(Compression::fast(), false);
    let mut deflated = Vec::with_capacity(plain.len() / 4 + 64);
    let mut rest = plain;
    loop {
        let before = compressor.total_in();
        let status = compressor.compress_vec(rest, &mut deflated, FlushCompress::Sync);
        assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "there is nothing to be refused");
        let taken = usize::try_from(compressor.total_in() - before).expect("no more than was given");
        rest = rest.get(taken..).unwrap_or_default();
        // Room that is left tells that nothing waits to be flushed.
        if rest.is_empty() && deflated.len() < deflated.capacity() {
            break;
        }
        deflated.reserve(deflated.capacity().max(64));
    }
    deflated.shrink_to_fit();
    Part { deflated, crc: crc32fast::hash(plain), plain_length: plain.len() as u64 }
}

pub(crate) fn join(parts: &[Part]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.deflated.len()).sum();
    let mut out = Vec::with_capacity(length + HEAD.len() + LAST_BLOCK.len() + 8);
    out.extend_from_slice(&HEAD);
    let mut check = crc32fast::Hasher::new();
    let mut plain_length = 0_u64;
    for part in parts {
        out.extend_from_slice(&part.deflated);
        check.combine(&crc32fast::Hasher::new_with_initial_len(part.crc, part.plain_length));
        plain_length = plain_length.wrapping_add(part.plain_length);
    }
    out.extend_from_slice(&LAST_BLOCK);
    out.extend_from_slice(&check.finalize().to_le_bytes());
    let [a, b, c, d, ..] = plain_length.to_le_bytes();
    out.extend_from_slice(&[a, b, c, d]);
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn check(pieces: &[Vec<u8>]) {
        let parts: Vec<Part> = pieces.iter().map(|piece| compress(piece)).collect();
        let (gzip, mut plain) = (join(&parts), Vec::new());
        // One member alone, and its check sum is right.
        GzDecoder::new(&gzip[..]).read_to_end(&mut plain).unwrap();
        assert!(plain == pieces.concat());
    }

    #[test]
    fn pieces_are_one_stream() {
        check(&[]);
        check(&[Vec::new()]);
        check(&[b"a".to_vec(), Vec::new(), b"a".to_vec()]);
        let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        check(&[noise.clone(), vec![b'x'; 1 << 20], noise]);
    }

    proptest! {
        #[test]
        fn any_pieces_are_one_stream(
            pieces in proptest::collection::vec(proptest::collection::vec(0_u8..4, 0..2000), 0..6)
        ) {
            check(&pieces);
        }
    }
}
