//! Which blocks name an id: pairs of a hash and a block, sorted, in pages that are fetched one at a time.
//!
//! 32 bits of the hash are enough: another id of the same hash costs a look into a block that does not name this one,
//! for one lookup in two thousand at ten million pairs. Differences between neighbours take 3 to 4 bytes a pair.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{Decoder, Encoder};
use crate::table::wrong;

/// A page with its checksum; only the last one is shorter.
pub(crate) const PAGE_BYTES: usize = 4096;
const CHECKSUM_BYTES: usize = 8;
/// A pair takes at most two numbers of 32 bits.
const LONGEST_PAIR: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) hash: u32,
    pub(crate) block: u32,
}

/// The part of an id's hash that is stored. Its bits are mixed first: the highest ones of FNV-1a are poor.
pub(crate) const fn short(hash: u64) -> u32 {
    ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// Writes pairs that come in order.
pub(crate) struct IdsWriter {
    page: Encoder,
    before: Option<Pair>,
    pub(crate) fences: Vec<u32>,
    pub(crate) written: u64,
}

impl IdsWriter {
    pub(crate) fn new() -> Self {
        Self { page: Encoder::default(), before: None, fences: Vec::new(), written: 0 }
    }

    pub(crate) fn push(&mut self, pair: Pair, out: &mut impl Write) -> io::Result<()> {
        if self.before == Some(pair) {
            return Ok(());
        }
        if self.page.0.len() + LONGEST_PAIR > PAGE_BYTES - CHECKSUM_BYTES {
            self.page.0.resize(PAGE_BYTES - CHECKSUM_BYTES, 0);
            self.end_page(out)?;
        }
        let before = self.before.unwrap_or_else(|| {
            self.fences.push(pair.hash);
            Pair { hash: 0, block: 0 }
        });
        let from = if before.hash == pair.hash { before.block } else { 0 };
        // A zero ends a short page: the first number is one more than the difference.
        self.page.number(u64::from(pair.hash - before.hash) + 1);
        self.page.number((pair.block - from).into());
        self.before = Some(pair);
        Ok(())
    }

    fn end_page(&mut self, out: &mut impl Write) -> io::Result<()> {
        let page = std::mem::take(&mut self.page).seal();
        self.written += page.len() as u64;
        self.before = None;
        out.write_all(&page)
    }

    /// The last page.
    pub(crate) fn finish(mut self, out: &mut impl Write) -> io::Result<(Vec<u32>, u64)> {
        if self.before.is_some() {
            self.end_page(out)?;
        }
        Ok((self.fences, self.written))
    }
}

/// Says of most ids that are not in a table that they are not, without a look at it: a Bloom filter of two bits an id.
pub(crate) struct Filter {
    bits: Vec<u64>,
}

impl Filter {
    const BITS_PER_ID: usize = 10;

    fn of(hashes: &[u32]) -> Self {
        let words = (hashes.len() * Self::BITS_PER_ID / 64).max(1).next_power_of_two();
        let mut filter = Self { bits: vec![0; words] };
        for &hash in hashes {
            for (word, bit) in filter.places(hash) {
                filter.bits[word] |= bit;
            }
        }
        filter
    }

    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        self.places(short(hash)).into_iter().all(|(word, bit)| self.bits[word] & bit != 0)
    }

    fn places(&self, hash: u32) -> [(usize, u64); 2] {
        let spread = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        [spread, spread.rotate_left(32)].map(|hash| {
            let word = usize::try_from(hash >> 6).unwrap_or(usize::MAX) & (self.bits.len() - 1);
            (word, 1 << (hash & 63))
        })
    }
}

/// Where the pages lie, and the first hash of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pages {
    pub(crate) at: u64,
    pub(crate) length: u64,
    pub(crate) fences: Vec<u32>,
}

impl Pages {
    /// The blocks that name the id, in order; an error when a page is damaged.
    pub(crate) fn look_up(&self, file: &File, hash: u64) -> io::Result<Vec<u32>> {
        let hash = short(hash);
        let mut blocks = Vec::new();
        let first = self.fences.partition_point(|fence| *fence < hash).saturating_sub(1);
        for (at, _) in self.fences.iter().enumerate().skip(first).take_while(|(_, fence)| **fence <= hash) {
            each_pair(&self.read(file, at)?, |pair| {
                if pair.hash == hash {
                    blocks.push(pair.block);
                }
                pair.hash <= hash
            });
        }
        Ok(blocks)
    }

    /// A filter of all ids, for a table that is asked again and again; an error when a page is damaged.
    pub(crate) fn filter(&self, file: &File) -> io::Result<Filter> {
        let mut hashes = Vec::new();
        for page in 0..self.fences.len() {
            each_pair(&self.read(file, page)?, |pair| {
                hashes.push(pair.hash);
                true
            });
        }
        hashes.dedup();
        Ok(Filter::of(&hashes))
    }

    /// All pairs of a page, in order.
    pub(crate) fn pairs(&self, file: &File, page: usize) -> io::Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        each_pair(&self.read(file, page)?, |pair| {
            pairs.push(pair);
            true
        });
        Ok(pairs)
    }

    /// Without its checksum.
    fn read(&self, file: &File, page: usize) -> io::Result<Vec<u8>> {
        let start = (page * PAGE_BYTES) as u64;
        let length = self.length.saturating_sub(start).min(PAGE_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).expect("at most a page")];
        let at = self.at + start;
        file.read_exact_at(&mut bytes, at)?;
        let sealed = bytes.split_last_chunk::<CHECKSUM_BYTES>();
        match sealed {
            Some((content, sum)) if xxh3_64(content) == u64::from_le_bytes(*sum) => {
                bytes.truncate(bytes.len() - CHECKSUM_BYTES);
                Ok(bytes)
            }
            _ => Err(wrong(&format!("wrong checksum of the page at byte {at}"))),
        }
    }
}

fn each_pair(page: &[u8], mut visit: impl FnMut(Pair) -> bool) {
    let from = &mut Decoder::new(page);
    let mut before = Pair { hash: 0, block: 0 };
    while let Some((difference, block)) = next(from) {
        let hash = before.hash.wrapping_add(difference);
        let start = if hash == before.hash { before.block } else { 0 };
        before = Pair { hash, block: start.wrapping_add(block) };
        if !visit(before) {
            return;
        }
    }
}

/// `None` at the end of the page.
fn next(from: &mut Decoder<'_>) -> Option<(u32, u32)> {
    let difference = u32::try_from(from.number()?.checked_sub(1)?).ok()?;
    Some((difference, from.small()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_pair_is_found_and_nothing_else() {
        let mut expected = BTreeMap::<u64, Vec<u32>>::new();
        for n in 0..50_000_u64 {
            let id = (n % 17_000).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            expected.entry(id).or_default().push(u32::try_from(n).unwrap());
        }
        expected.insert(7, (0..9000).collect()); // one id over several pages
        let mut pairs: Vec<Pair> = expected
            .iter()
            .flat_map(|(id, blocks)| blocks.iter().map(|block| Pair { hash: short(*id), block: *block }))
            .collect();
        pairs.extend([Pair { hash: 0, block: 0 }, Pair { hash: u32::MAX, block: u32::MAX }]);
        pairs.sort_unstable();
        pairs.dedup();
        let mut bytes = b"before".to_vec();
        let mut writer = IdsWriter::new();
        pairs.iter().for_each(|pair| writer.push(*pair, &mut bytes).unwrap());
        let (fences, length) = writer.finish(&mut bytes).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let pages = Pages { at: 6, length, fences };
        assert_eq!(bytes.len() as u64, 6 + length);
        for (id, blocks) in &expected {
            assert_eq!(pages.look_up(&file, *id).unwrap(), *blocks);
            assert_eq!(pages.look_up(&file, id + 1).unwrap(), [0_u32; 0]);
        }
        let all: Vec<Pair> =
            (0..pages.fences.len()).flat_map(|page| pages.pairs(&file, page).unwrap()).collect();
        assert!(all == pairs, "all pairs read back");
        assert_eq!(Pages::default().look_up(&file, 7).unwrap(), [0_u32; 0]);
    }
}
