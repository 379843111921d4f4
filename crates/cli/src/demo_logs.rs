//! The logs of `culprit demo`, which are part of the binary; see `demo/README.md`.

use std::path::Path;

use anyhow::Context;
use liblzma::read::XzDecoder;

use crate::args::AskedId;
use crate::exit::{Exit, Failure};

const LOGS: &[u8] = include_bytes!("../demo/logs.tar.xz");
const REQUEST: &str = include_str!("../demo/request");

/// Unpacks them, and tells the request to ask about.
pub(crate) fn unpack(into: &Path) -> Result<AskedId, Failure> {
    let unpacked = tar::Archive::new(XzDecoder::new(LOGS)).unpack(into);
    unpacked.context("failed to unpack the built-in logs").map_err(|error| {
        Failure::new(Exit::CannotCreate, error).advise("set TMPDIR to a folder with room")
    })?;
    REQUEST.trim().parse().map_err(|message: String| Failure::because(Exit::Internal, message))
}
