//! Which blocks name an id: (hash, block) pairs, sorted, in pages that are fetched one at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::xxh3_64;

/// 12 bytes each: close to a page of the disk.
const PAIRS_PER_PAGE: usize = 341;
const PAIR: usize = 12;

/// What is kept in memory of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence {
    pub(crate) first: u64,
    pub(crate) checksum: u64,
}

/// Sorts the pairs and writes them out; gives the bytes and the fences.
pub(crate) fn encode(mut pairs: Vec<(u64, u32)>) -> (Vec<u8>, Vec<Fence>) {
    pairs.sort_unstable();
    let mut bytes = Vec::with_capacity(pairs.len() * PAIR);
    let mut fences = Vec::new();
    for page in pairs.chunks(PAIRS_PER_PAGE) {
        let start = bytes.len();
        for (hash, block) in page {
            bytes.extend_from_slice(&hash.to_le_bytes());
            bytes.extend_from_slice(&block.to_le_bytes());
        }
        fences.push(Fence { first: page[0].0, checksum: xxh3_64(&bytes[start..]) });
    }
    (bytes, fences)
}

/// The blocks that name the id, in order; an error when a page is damaged.
pub(crate) fn look_up(file: &File, fences: &[Fence], hash: u64) -> io::Result<Vec<u32>> {
    let mut blocks = Vec::new();
    let first = fences.partition_point(|fence| fence.first < hash).saturating_sub(1);
    for (at, fence) in fences.iter().enumerate().skip(first).take_while(|(_, fence)| fence.first <= hash) {
        let page = read_page(file, at, fence, at + 1 == fences.len())?;
        let pairs = page.as_chunks::<PAIR>().0;
        let start = pairs.partition_point(|pair| split(*pair).0 < hash);
        let hits = pairs.iter().skip(start).map(|pair| split(*pair)).take_while(|(other, _)| *other == hash);
        blocks.extend(hits.map(|(_, block)| block));
    }
    Ok(blocks)
}

fn read_page(file: &File, at: usize, fence: &Fence, last: bool) -> io::Result<Vec<u8>> {
    let offset = (at * PAIRS_PER_PAGE * PAIR) as u64;
    let mut page = vec![0; PAIRS_PER_PAGE * PAIR];
    if last {
        let length = file.metadata()?.len().saturating_sub(offset);
        page.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    }
    file.read_exact_at(&mut page, offset)?;
    if xxh3_64(&page) == fence.checksum {
        Ok(page)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("wrong checksum of the page at byte {offset}"),
        ))
    }
}

fn split(pair: [u8; PAIR]) -> (u64, u32) {
    let [a, b, c, d, e, f, g, h, block @ ..] = pair;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u32::from_le_bytes(block))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write;

    use super::*;

    #[test]
    fn every_pair_is_found_and_nothing_else() {
        let mut expected = BTreeMap::<u64, Vec<u32>>::new();
        let mut pairs = Vec::new();
        for n in 0..5000_u64 {
            let hash = (n % 1700).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let block = u32::try_from(n).unwrap();
            pairs.push((hash, block));
            expected.entry(hash).or_default().push(block);
        }
        pairs.extend((0..1000).map(|block| (7, block))); // one id over three pages
        expected.insert(7, (0..1000).collect());
        let (bytes, fences) = encode(pairs);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        for (hash, blocks) in expected {
            assert_eq!(look_up(&file, &fences, hash).unwrap(), blocks);
            assert_eq!(look_up(&file, &fences, hash + 1).unwrap(), [0_u32; 0]);
        }
        assert_eq!(look_up(&file, &fences, u64::MAX).unwrap(), [0_u32; 0]);
        assert_eq!(look_up(&file, &[], 7).unwrap(), [0_u32; 0]);
    }
}
