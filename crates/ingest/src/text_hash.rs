//! The hash of a text up to some place, which can go on there without all that came before being read again.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Text is hashed block by block, and the hash of each block goes into the next: whoever knows the hash of all blocks
/// but the last ones needs only those to go on, and has verified at least one whole block on the way.
pub(crate) const BLOCK: u64 = 64 << 10;

#[derive(Clone, Default)]
pub(crate) struct TextHash {
    /// Of all whole blocks but the last.
    earlier: u128,
    /// Of all whole blocks.
    whole: u128,
    block: Xxh3,
    filled: u64,
}

impl TextHash {
    /// Where reading has to begin for the hash of the first `length` bytes to be known again.
    pub(crate) const fn restart(length: u64) -> u64 {
        (length / BLOCK).saturating_sub(1) * BLOCK
    }

    /// Goes on at [`Self::restart`].
    pub(crate) fn restarted(earlier: u128) -> Self {
        Self { earlier, whole: earlier, ..Self::default() }
    }

    pub(crate) const fn earlier(&self) -> u128 {
        self.earlier
    }

    pub(crate) fn update(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let room = usize::try_from(BLOCK - self.filled).unwrap_or(usize::MAX).min(text.len());
            let (piece, rest) = text.split_at(room);
            self.block.update(piece);
            self.filled += piece.len() as u64;
            if self.filled == BLOCK {
                self.earlier = self.whole;
                self.whole = self.digest();
                self.block.reset();
                self.filled = 0;
            }
            text = rest;
        }
    }

    pub(crate) fn digest(&self) -> u128 {
        let mut both = [0; 32];
        both[..16].copy_from_slice(&self.whole.to_le_bytes());
        both[16..].copy_from_slice(&self.block.digest128().to_le_bytes());
        xxh3_128(&both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_goes_on_where_it_was_left() {
        let text: Vec<u8> = (0..5 * BLOCK as u32).flat_map(|n| [n as u8, (n >> 8) as u8]).collect();
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK - 1, 3 * BLOCK, 9 * BLOCK + 7] {
            let read = |from: u64, to: u64, hash: &mut TextHash| {
                text[from as usize..to as usize].chunks(1000).for_each(|piece| hash.update(piece));
            };
            let mut whole = TextHash::default();
            read(0, length, &mut whole);
            let restart = TextHash::restart(length);
            assert!(length - restart >= BLOCK.min(length) && length - restart < 2 * BLOCK, "{length}");
            let mut again = TextHash::restarted(whole.earlier());
            read(restart, length, &mut again);
            assert_eq!((again.digest(), again.earlier()), (whole.digest(), whole.earlier()), "{length}");
            let end = text.len() as u64;
            read(length, end, &mut whole);
            read(length, end, &mut again);
            assert_eq!((again.digest(), again.earlier()), (whole.digest(), whole.earlier()), "{length}");
        }
    }

    #[test]
    fn other_bytes_have_another_hash() {
        let of = |text: &[u8]| {
            let mut hash = TextHash::default();
            hash.update(text);
            hash.digest()
        };
        assert_ne!(of(b"a"), of(b"b"));
        assert_ne!(of(&[0; 65536]), of(&[0; 65537]));
        assert_ne!(of(b""), of(&[0; 65536]));
    }
}
