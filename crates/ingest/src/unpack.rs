//! Packed bytes, unpacked as far as allowed.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::budget::{NoRoom, Share};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
    Deflate,
    Zstd,
    /// One block, without a frame.
    Snappy,
}

#[derive(Debug)]
pub(crate) enum UnpackError {
    TooMuch,
    NoRoom,
    Broken(io::Error),
}

/// Of what zstd looks back to: it asks for it all at once.
const MOST_WINDOW_LOG: u32 = 23;

pub(crate) fn unpacked(
    packed: Vec<u8>,
    encoding: Encoding,
    limit: usize,
    share: &mut Share,
) -> Result<Vec<u8>, UnpackError> {
    let bytes = packed.as_slice();
    match encoding {
        Encoding::Plain if bytes.len() > limit => Err(UnpackError::TooMuch),
        Encoding::Plain => Ok(packed),
        Encoding::Gzip => read(MultiGzDecoder::new(bytes), limit, share),
        // The standard means zlib; some send the bare stream.
        Encoding::Deflate if bytes.first().is_some_and(|first| first & 0x0f == 8) => {
            read(ZlibDecoder::new(bytes), limit, share)
        }
        Encoding::Deflate => read(DeflateDecoder::new(bytes), limit, share),
        Encoding::Zstd => {
            let mut decoder = zstd::Decoder::new(bytes).map_err(UnpackError::Broken)?;
            decoder.window_log_max(MOST_WINDOW_LOG).map_err(UnpackError::Broken)?;
            read(decoder, limit, share)
        }
        Encoding::Snappy => {
            // It says how long it will be.
            let broken = |error: snap::Error| UnpackError::Broken(error.into());
            let length = snap::raw::decompress_len(bytes).map_err(broken)?;
            if length > limit {
                return Err(UnpackError::TooMuch);
            }
            share.grow(length)?;
            snap::raw::Decoder::new().decompress_vec(bytes).map_err(broken)
        }
    }
}

fn read(mut packed: impl Read, limit: usize, share: &mut Share) -> Result<Vec<u8>, UnpackError> {
    const PART: usize = 64 << 10;
    let mut bytes = Vec::new();
    loop {
        share.grow(PART)?;
        let before = bytes.len();
        packed.by_ref().take(PART as u64).read_to_end(&mut bytes).map_err(UnpackError::Broken)?;
        if bytes.len() > limit {
            return Err(UnpackError::TooMuch);
        }
        if bytes.len() == before {
            return Ok(bytes);
        }
    }
}

impl From<NoRoom> for UnpackError {
    fn from(NoRoom: NoRoom) -> Self {
        Self::NoRoom
    }
}
