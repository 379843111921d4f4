//! What was sent, within its bounds: a body as long as allowed, that unpacks to as much as allowed, in the time that is
//! allowed.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::refusal::Refusal;
use super::{Door, DoorSettings};
use crate::budget::Share;
use crate::unpack::{Encoding, UnpackError, unpacked};

/// The text of a request, and what it holds of the budget while it is there.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) share: Share,
}

/// What a body was packed with.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let Some(told) = headers.get(header::CONTENT_ENCODING) else { return Ok(Encoding::Plain) };
    match told.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(Encoding::Plain),
        b"gzip" | b"x-gzip" => Ok(Encoding::Gzip),
        b"deflate" => Ok(Encoding::Deflate),
        b"zstd" => Ok(Encoding::Zstd),
        b"snappy" => Ok(Encoding::Snappy),
        other => Err(Refusal::Encoding(String::from_utf8_lossy(other).into_owned())),
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
    let unpacked = door.aside(move || match unpacked(packed, encoding, max_text, &mut share) {
        Ok(bytes) => Ok(Text { bytes, share }),
        Err(UnpackError::TooMuch) => Err(Refusal::TooMuch { limit: max_text }),
        Err(UnpackError::NoRoom) => Err(Refusal::Busy),
        Err(UnpackError::Broken(error)) => {
            Err(Refusal::Malformed(format!("the body cannot be unpacked: {error}")))
        }
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
