//! The end of a file that says what lies where in it: twice, each with a checksum, and at the very end its length,
//! twice too.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{Decoder, Encoder};
use crate::table::wrong;

/// The length, and its checksum.
const TRAILER_BYTES: u64 = 16;

pub(crate) fn encode(content: Encoder) -> Vec<u8> {
    let mut out = content.seal();
    let length = (out.len() as u64).to_le_bytes();
    out.extend_from_within(..);
    for _ in 0..2 {
        out.extend_from_slice(&length);
        out.extend_from_slice(&xxh3_64(&length).to_le_bytes());
    }
    out
}

/// The content, and what is wrong with one of its copies.
pub(crate) fn read(file: &File) -> io::Result<(Vec<u8>, Vec<String>)> {
    let end = file.metadata()?.len();
    let mut troubles = Vec::new();
    let mut lengths = Vec::new();
    for copy in [1, 2] {
        match read_trailer(file, end, copy) {
            Ok(length) => lengths.push(length),
            Err(error) => troubles.push(format!("{error} in the trailer")),
        }
    }
    let length = *lengths.first().ok_or_else(|| wrong("no footer"))?;
    let mut found = None;
    for copy in [1, 2] {
        match read_copy(file, end, length, copy) {
            Ok(content) => found = found.or(Some(content)),
            Err(error) => troubles.push(format!("{error} in the footer")),
        }
    }
    found.map(|content| (content, troubles)).ok_or_else(|| wrong("wrong checksum of the footer"))
}

fn read_trailer(file: &File, end: u64, copy: u64) -> io::Result<u64> {
    let at = end.checked_sub(copy * TRAILER_BYTES).ok_or_else(|| wrong("too short a file"))?;
    let mut bytes = [0; TRAILER_BYTES as usize];
    file.read_exact_at(&mut bytes, at)?;
    let (length, sum) = bytes.split_at(8);
    if xxh3_64(length).to_le_bytes() != sum {
        return Err(wrong(&format!("wrong checksum at byte {at}")));
    }
    Ok(u64::from_le_bytes(*length.first_chunk().expect("split at 8")))
}

fn read_copy(file: &File, end: u64, length: u64, copy: u64) -> io::Result<Vec<u8>> {
    let at = length
        .checked_mul(copy)
        .and_then(|back| end.checked_sub(2 * TRAILER_BYTES)?.checked_sub(back))
        .ok_or_else(|| wrong("too short a file"))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, at)?;
    Decoder::unseal(&bytes).ok_or_else(|| wrong(&format!("wrong checksum at byte {at}")))?;
    bytes.truncate(bytes.len().saturating_sub(8));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn any_wrong_byte_is_noticed_and_costs_nothing() {
        let mut bytes = b"blocks".to_vec();
        bytes.extend_from_slice(&encode(Encoder(b"content".to_vec())));
        let check = |bytes: &[u8], troubles: bool| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            let (content, found) = read(&file).unwrap();
            assert_eq!((&content[..], !found.is_empty()), (&b"content"[..], troubles));
        };
        check(&bytes, false);
        for at in 6..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 16;
            check(&wrong, true);
        }
    }
}
