//! Records of one length, in pages with checksums, read by position: what is needed of a large table costs a page or
//! two, whatever its length. Every table stands on the disk twice: it is small beside the lines, and a wrong byte in it
//! costs nothing.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use xxhash_rust::xxh3::xxh3_64;

const PAGE_BYTES: usize = 4096;
const CHECKSUM_BYTES: usize = 8;

/// So many pages of a table stay in memory.
const KEPT_PAGES: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");

/// Something that is stored as `N` bytes.
pub(crate) trait Record<const N: usize>: Sized {
    fn to_bytes(&self) -> [u8; N];
    fn from_bytes(bytes: &[u8; N]) -> Self;
}

pub(crate) const fn records_per_page(record: usize) -> usize {
    (PAGE_BYTES - CHECKSUM_BYTES) / record
}

/// The table, both copies of it.
pub(crate) fn encode<R: Record<N>, const N: usize>(records: &[R]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * length_of(records.len(), N));
    for page in records.chunks(records_per_page(N)) {
        let start = out.len();
        page.iter().for_each(|record| out.extend_from_slice(&record.to_bytes()));
        let sum = xxh3_64(&out[start..]);
        out.extend_from_slice(&sum.to_le_bytes());
    }
    out.extend_from_within(..);
    out
}

/// Of one copy.
const fn length_of(records: usize, record: usize) -> usize {
    records * record + records.div_ceil(records_per_page(record)) * CHECKSUM_BYTES
}

/// A table in a file.
pub(crate) struct Table<R, const N: usize> {
    file: Arc<File>,
    at: u64,
    pub(crate) count: usize,
    pages: Mutex<LruCache<usize, Arc<Vec<R>>>>,
}

impl<R: Record<N>, const N: usize> Table<R, N> {
    pub(crate) fn new(file: Arc<File>, at: u64, count: usize) -> Self {
        Self { file, at, count, pages: Mutex::new(LruCache::new(KEPT_PAGES)) }
    }

    /// Both copies.
    pub(crate) const fn length(count: usize) -> u64 {
        2 * length_of(count, N) as u64
    }

    pub(crate) fn page_count(&self) -> usize {
        self.count.div_ceil(records_per_page(N))
    }

    /// The record at a place that is in the table, with others around it.
    pub(crate) fn get<T>(&self, place: usize, take: impl FnOnce(&R) -> T) -> io::Result<T> {
        let page = self.page(place / records_per_page(N))?;
        let record = page.get(place % records_per_page(N));
        record.map(take).ok_or_else(|| wrong("there is no such record"))
    }

    /// Visits the records from a place on, until `visit` says no.
    pub(crate) fn each_from(&self, place: usize, mut visit: impl FnMut(usize, &R) -> bool) -> io::Result<()> {
        let per_page = records_per_page(N);
        for number in place / per_page..self.page_count() {
            let page = self.page(number)?;
            for (at, record) in page.iter().enumerate() {
                let at = number * per_page + at;
                if at >= place && !visit(at, record) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The first place whose record is not `before`; the records are sorted.
    pub(crate) fn partition_point(&self, before: impl Fn(&R) -> bool) -> io::Result<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle, &before)? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The records of one page, in order.
    pub(crate) fn page(&self, number: usize) -> io::Result<Arc<Vec<R>>> {
        if let Some(page) = self.kept().get(&number) {
            return Ok(Arc::clone(page));
        }
        let page = self.read_page(number, 0).or_else(|_| self.read_page(number, 1))?;
        let page = Arc::new(page);
        self.kept().put(number, Arc::clone(&page));
        Ok(page)
    }

    /// From one of the two copies.
    pub(crate) fn read_page(&self, number: usize, copy: u64) -> io::Result<Vec<R>> {
        let per_page = records_per_page(N);
        let first = number * per_page;
        let records = self.count.saturating_sub(first).min(per_page);
        let mut bytes = vec![0; records * N + CHECKSUM_BYTES];
        let at = self.page_at(number, copy);
        self.file.read_exact_at(&mut bytes, at)?;
        let (content, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().expect("longer than a checksum");
        if xxh3_64(content) != u64::from_le_bytes(*sum) {
            return Err(wrong(&format!("wrong checksum of the page at byte {at}")));
        }
        Ok(content.as_chunks::<N>().0.iter().map(R::from_bytes).collect())
    }

    fn page_at(&self, number: usize, copy: u64) -> u64 {
        let page = (records_per_page(N) * N + CHECKSUM_BYTES) as u64;
        self.at + number as u64 * page + copy * length_of(self.count, N) as u64
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, LruCache<usize, Arc<Vec<R>>>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    impl Record<8> for u64 {
        fn to_bytes(&self) -> [u8; 8] {
            self.to_le_bytes()
        }
        fn from_bytes(bytes: &[u8; 8]) -> Self {
            Self::from_le_bytes(*bytes)
        }
    }

    fn table(bytes: &[u8], count: usize) -> Table<u64, 8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        file.write_all(bytes).unwrap();
        Table::new(Arc::new(file), 6, count)
    }

    #[test]
    fn records_are_found_by_place_and_by_order() {
        for count in [0, 1, 511, 512, 5000] {
            let records: Vec<u64> = (0..count).map(|n| n * 3).collect();
            let bytes = encode(&records);
            assert_eq!(bytes.len() as u64, Table::<u64, 8>::length(records.len()));
            let table = table(&bytes, records.len());
            let mut seen = Vec::new();
            table
                .each_from(0, |_, record| {
                    seen.push(*record);
                    true
                })
                .unwrap();
            assert_eq!(seen, records);
            for sought in [0, 1, 1500, 1_000_000] {
                let expected = records.partition_point(|record| *record < sought);
                assert_eq!(table.partition_point(|record| *record < sought).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_wrong_byte_costs_nothing_and_two_are_noticed() {
        let records: Vec<u64> = (0..1200).collect();
        let mut bytes = encode(&records);
        bytes[700] ^= 1;
        assert_eq!(table(&bytes, 1200).get(87, |record| *record).unwrap(), 87);
        let other = 700 + bytes.len() / 2;
        bytes[other] ^= 1;
        assert!(table(&bytes, 1200).get(87, |record| *record).is_err());
        assert_eq!(table(&bytes, 1200).get(600, |record| *record).unwrap(), 600);
    }
}
