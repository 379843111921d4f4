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

/// The content of a copy that is good.
pub(crate) fn read(file: &File) -> io::Result<Vec<u8>> {
    let end = file.metadata()?.len();
    let length = read_trailer(file, end, 1).or_else(|_| read_trailer(file, end, 2));
    let length = length.map_err(|_| wrong("no footer"))?;
    let content = read_copy(file, end, length, 1).or_else(|_| read_copy(file, end, length, 2));
    content.map_err(|_| wrong("wrong checksum of the footer"))
}

/// The content, and what is wrong with one of its copies.
pub(crate) fn check(file: &File) -> io::Result<(Vec<u8>, Vec<String>)> {
    let content = read(file)?;
    let end = file.metadata()?.len();
    let trailers = [1, 2].map(|copy| read_trailer(file, end, copy));
    let length = trailers.iter().find_map(|length| length.as_ref().ok().copied()).unwrap_or(0);
    let copies = [1, 2].map(|copy| read_copy(file, end, length, copy));
    let of_trailers =
        trailers.into_iter().filter_map(Result::err).map(|error| format!("{error} in the trailer"));
    let of_copies = copies.into_iter().filter_map(Result::err).map(|error| format!("{error} in the footer"));
    Ok((content, of_trailers.chain(of_copies).collect()))
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
            let (content, found) = check(&file).unwrap();
            assert_eq!((&content[..], !found.is_empty()), (&b"content"[..], troubles));
            assert_eq!(read(&file).unwrap(), content);
        };
        check(&bytes, false);
        for at in 6..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 16;
            check(&wrong, true);
        }
    }
}
