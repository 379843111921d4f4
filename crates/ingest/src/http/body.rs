//! What was sent, within its bounds: a body as long as allowed, that unpacks to as much as allowed, in the time that is
//! allowed.

use std::io::{self, Read};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::budget::Share;
use super::refusal::Refusal;
use super::{Door, DoorSettings};

/// The text of a request, and what it holds of the budget while it is there.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) share: Share,
}

/// What a body was packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
    Deflate,
    Zstd,
    /// One block, without a frame.
    Snappy,
}

impl Encoding {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(told) = headers.get(header::CONTENT_ENCODING) else { return Ok(Self::Plain) };
        match told.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Self::Plain),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"deflate" => Ok(Self::Deflate),
            b"zstd" => Ok(Self::Zstd),
            b"snappy" => Ok(Self::Snappy),
            other => Err(Refusal::Encoding(String::from_utf8_lossy(other).into_owned())),
        }
    }
}

/// The media type, in lower case and without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let told = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let told = told.split(|byte| *byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(told.trim_ascii()).to_ascii_lowercase()
}

/// Reads and unpacks.
pub(super) async fn text(door: &Door, request: Request, encoding: Encoding) -> Result<Text, Refusal> {
    let mut share = door.budget.share();
    let settings = &door.settings;
    let packed = timeout(settings.body_timeout, packed(settings, request.into_body(), &mut share));
    let packed = packed.await.map_err(|_| Refusal::Slow)??;
    let max_text = door.settings.max_text;
    let unpacked = door.aside(move || {
        let bytes = unpacked(packed, encoding, max_text, &mut share)?;
        Ok(Text { bytes, share })
    });
    unpacked.await
}

async fn packed(settings: &DoorSettings, mut body: Body, share: &mut Share) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|_| Refusal::Ended)?.into_data() else { continue };
        if bytes.len() + part.len() > settings.max_body {
            return Err(Refusal::TooLong { limit: settings.max_body });
        }
        share.grow(part.len())?;
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Of what zstd looks back to: it asks for it all at once.
const MOST_WINDOW_LOG: u32 = 23;

fn unpacked(
    packed: Vec<u8>,
    encoding: Encoding,
    limit: usize,
    share: &mut Share,
) -> Result<Vec<u8>, Refusal> {
    let bytes = packed.as_slice();
    match encoding {
        Encoding::Plain if bytes.len() > limit => Err(Refusal::TooMuch { limit }),
        Encoding::Plain => Ok(packed),
        Encoding::Gzip => read(MultiGzDecoder::new(bytes), limit, share),
        // The standard means zlib; some send the bare stream.
        Encoding::Deflate if bytes.first().is_some_and(|first| first & 0x0f == 8) => {
            read(ZlibDecoder::new(bytes), limit, share)
        }
        Encoding::Deflate => read(DeflateDecoder::new(bytes), limit, share),
        Encoding::Zstd => {
            let mut decoder = zstd::Decoder::new(bytes).map_err(broken)?;
            decoder.window_log_max(MOST_WINDOW_LOG).map_err(broken)?;
            read(decoder, limit, share)
        }
        Encoding::Snappy => {
            // It says how long it will be.
            let length = snap::raw::decompress_len(bytes).map_err(broken)?;
            if length > limit {
                return Err(Refusal::TooMuch { limit });
            }
            share.grow(length)?;
            snap::raw::Decoder::new().decompress_vec(bytes).map_err(broken)
        }
    }
}

fn read(mut packed: impl Read, limit: usize, share: &mut Share) -> Result<Vec<u8>, Refusal> {
    const PART: usize = 64 << 10;
    let mut bytes = Vec::new();
    loop {
        share.grow(PART)?;
        let before = bytes.len();
        packed.by_ref().take(PART as u64).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() > limit {
            return Err(Refusal::TooMuch { limit });
        }
        if bytes.len() == before {
            return Ok(bytes);
        }
    }
}

fn broken(error: impl Into<io::Error>) -> Refusal {
    Refusal::Malformed(format!("the body cannot be unpacked: {}", error.into()))
}
