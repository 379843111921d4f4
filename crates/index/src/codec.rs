//! Numbers and texts as bytes: LEB128 varints, and a checksum at the end of whatever is sealed.

use xxhash_rust::xxh3::xxh3_64;

#[derive(Default)]
pub(crate) struct Encoder(pub(crate) Vec<u8>);

impl Encoder {
    pub(crate) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    pub(crate) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// For hashes and checksums, which do not get shorter as varints.
    pub(crate) fn word(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn optional(&mut self, text: Option<&str>) {
        match text {
            None => self.0.push(0),
            Some(text) => {
                self.0.push(1);
                self.bytes(text.as_bytes());
            }
        }
    }

    pub(crate) fn seal(mut self) -> Vec<u8> {
        let sum = xxh3_64(&self.0);
        self.word(sum);
        self.0
    }
}

/// Every reading ends with `None` on bytes that no encoder wrote.
pub(crate) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Checks and removes the checksum.
    pub(crate) fn unseal(bytes: &'a [u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        (xxh3_64(content) == u64::from_le_bytes(*sum)).then_some(Self(content))
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        // Most are small.
        if let [byte @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Some(u64::from(*byte));
        }
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Leaves numbers out.
    pub(crate) fn skip_numbers(&mut self, count: usize) -> Option<()> {
        let mut ends = 0;
        let mut at = 0;
        while ends < count {
            ends += usize::from(*self.0.get(at)? < 0x80);
            at += 1;
        }
        self.take(at).map(drop)
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(crate) fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    /// As many parts of hashes, of four bytes each, as a number in front of them says.
    pub(crate) fn fences(&mut self) -> Option<Vec<u32>> {
        let count = usize::try_from(self.number()?).ok()?;
        let (fences, _) = self.take(count.checked_mul(4)?)?.as_chunks();
        Some(fences.iter().copied().map(u32::from_le_bytes).collect())
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub(crate) fn optional(&mut self) -> Option<Option<String>> {
        match self.byte()? {
            0 => Some(None),
            _ => self.text().map(Some),
        }
    }

    pub(crate) fn skip_optional(&mut self) -> Option<()> {
        match self.byte()? {
            0 => Some(()),
            _ => self.bytes().map(drop),
        }
    }

    /// How many bytes are left.
    pub(crate) const fn rest(&self) -> usize {
        self.0.len()
    }

    /// As many items as a number in front of them says.
    pub(crate) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.number()?).ok()?;
        // Each item takes a byte: what is longer is no list.
        let mut list = Vec::with_capacity(count.min(self.rest()));
        for _ in 0..count {
            list.push(item(self)?);
        }
        Some(list)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for value in [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN] {
            let mut out = Encoder::default();
            out.signed(value);
            out.number(value.cast_unsigned());
            let bytes = out.seal();
            let mut from = Decoder::unseal(&bytes).unwrap();
            assert_eq!((from.signed(), from.number()), (Some(value), Some(value.cast_unsigned())));
            assert!(from.is_empty());
        }
        assert!(Decoder::unseal(b"123456789").is_none());
    }
}
