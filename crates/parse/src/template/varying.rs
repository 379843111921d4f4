//! Which type a word that varies has.

pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
pub(super) const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Text that varies from line to line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Number,
    /// A number with its unit.
    Size,
    Version,
    Time,
    Address,
    Mac,
    Hexadecimal,
    Path,
    Url,
    Name,
    Value,
    Arguments,
    List,
    Dictionary,
}

impl Kind {
    pub(super) const fn placeholder(self) -> &'static [u8] {
        match self {
            Self::Uuid => b"<uuid>",
            Self::Number => b"<num>",
            Self::Size => b"<size>",
            Self::Version => b"<version>",
            Self::Time => b"<time>",
            Self::Address => b"<ip>",
            Self::Mac => b"<mac>",
            Self::Hexadecimal => b"<hex>",
            Self::Path => b"<path>",
            Self::Url => b"<url>",
            Self::Name => b"<name>",
            Self::Value => b"<value>",
            Self::Arguments => b"(<arguments>)",
            Self::List => b"<list>",
            Self::Dictionary => b"<dict>",
        }
    }
}

const DIGIT: u64 = 1 << 56;
const HEX: u64 = 1 << 57;
const LOWER: u64 = 1 << 58;
const UPPER: u64 = 1 << 59;
const DOT: u64 = 1 << 60;
const COLON: u64 = 1 << 61;
const DASH: u64 = 1 << 62;
const OTHER: u64 = 1 << 63;

/// What a byte adds to a shape: its class, and one to the count of its punctuation mark (12 bits each).
const FACTS: [u64; 256] = {
    let mut facts = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        facts[byte] = facts_of(byte as u8);
        byte += 1;
    }
    facts
};

const fn facts_of(byte: u8) -> u64 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b'a'..=b'f' => HEX,
        b'A'..=b'F' => HEX | UPPER,
        b'G'..=b'Z' => LOWER | UPPER,
        b'g'..=b'z' => LOWER,
        b'.' => DOT | 1,
        b':' => COLON | 1 << 12,
        b'-' => DASH | 1 << 24,
        b'/' => OTHER | 1 << 36,
        _ => OTHER,
    }
}

/// What a word is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// Which classes of bytes there are.
    seen: u64,
    /// How often each punctuation mark stands in it.
    counts: u64,
}

/// Bytes of a word that are looked at: what the counts can hold.
const MAX_WORD: usize = 4095;

impl Shape {
    pub(super) fn of(word: &[u8]) -> Self {
        let mut shape = Self::default();
        for &byte in word.iter().take(MAX_WORD) {
            let facts = FACTS[usize::from(byte)];
            shape.seen |= facts;
            shape.counts += facts & ((1 << 48) - 1);
        }
        shape
    }

    const fn dots(self) -> u64 {
        self.counts & 0xfff
    }

    const fn colons(self) -> u64 {
        self.counts >> 12 & 0xfff
    }

    const fn dashes(self) -> u64 {
        self.counts >> 24 & 0xfff
    }

    const fn slashes(self) -> u64 {
        self.counts >> 36
    }

    const fn has(self, class: u64) -> bool {
        self.seen & class != 0
    }

    const fn only(self, classes: u64) -> bool {
        (self.seen >> 56) & !(classes >> 56) == 0
    }

    /// At which byte a word falls into parts that have types of their own.
    pub(super) const fn separator(self) -> Option<u8> {
        if self.slashes() > 0 {
            Some(b'/')
        } else if self.colons() > 0 {
            Some(b':')
        } else {
            None
        }
    }
}

/// `None` when the word is constant, or a compound of parts with types of their own.
pub(super) fn kind(word: &[u8], shape: Shape) -> Option<Kind> {
    if shape.slashes() > 0 {
        return slashed(word, shape);
    }
    if !shape.has(DIGIT) {
        return None;
    }
    if shape.colons() > 0 {
        return with_colons(word, shape);
    }
    if shape.only(DIGIT | DOT) {
        return Some(match shape.dots() {
            0 | 1 => Kind::Number,
            3 => Kind::Address,
            _ => Kind::Version,
        });
    }
    if shape.only(DIGIT | HEX | UPPER | DASH)
        && let Some(kind) = hexadecimal(word, shape)
    {
        return Some(kind);
    }
    if word[0].is_ascii_digit() || matches!(word[0], b'-' | b'+' | b'~') {
        return numeric(word, shape);
    }
    named(word, shape)
}

fn slashed(word: &[u8], shape: Shape) -> Option<Kind> {
    if matches!(word.first(), Some(b'/')) || word.starts_with(b"./") {
        return Some(Kind::Path);
    }
    if word.windows(3).any(|three| three == b"://") {
        return Some(Kind::Url);
    }
    // `21/Nov/2026:03:16:07`
    if shape.slashes() == 2 && matches!(word.len(), 10 | 11 | 20) && word[0].is_ascii_digit() {
        return Some(Kind::Time);
    }
    let (network, _) = word.split_at(word.iter().position(|&byte| byte == b'/')?);
    let network = Shape::of(network);
    if shape.slashes() == 1
        && (network.only(DIGIT | DOT) && network.dots() == 3
            || network.only(DIGIT | HEX | COLON) && network.colons() > 1)
    {
        return Some(Kind::Address);
    }
    (shape.slashes() > 1 && !shape.only(DIGIT | OTHER)).then_some(Kind::Path)
}

fn with_colons(word: &[u8], shape: Shape) -> Option<Kind> {
    if shape.only(DIGIT | HEX | UPPER | COLON) {
        if shape.colons() == 5 && word.len() == 17 {
            return Some(Kind::Mac);
        }
        if shape.colons() > 2 || word.windows(2).any(|two| two == b"::") {
            return Some(Kind::Address);
        }
    }
    let clock = shape.only(DIGIT | DOT | COLON) && word.len() >= 5 && word.get(2) == Some(&b':');
    let stamp =
        shape.dashes() >= 2 && word.len() >= 16 && word[0].is_ascii_digit() && word.get(10) == Some(&b'T');
    if clock || stamp {
        return Some(Kind::Time);
    }
    // The name that a client gives its connection: `nova-compute:12823:UUID`.
    (shape.colons() > 1 && trailing_uuid(word).is_some()).then_some(Kind::Name)
}

/// Only digits, letters up to f, and dashes.
fn hexadecimal(word: &[u8], shape: Shape) -> Option<Kind> {
    let letters = shape.has(HEX);
    match (word.len(), shape.dashes()) {
        (36, 4) if is_uuid(word) => Some(Kind::Uuid),
        (32, 0) => Some(Kind::Uuid),
        (8.., 0) if letters => Some(Kind::Hexadecimal),
        (10, 2) if !letters && word.get(4) == Some(&b'-') => Some(Kind::Time),
        _ => None,
    }
}

fn is_uuid(word: &[u8]) -> bool {
    [8, 13, 18, 23].iter().all(|&at| word.get(at) == Some(&b'-'))
}

/// The length of the UUID that the word ends with: `req-…`.
pub(super) fn trailing_uuid(word: &[u8]) -> Option<usize> {
    let start = word.len().checked_sub(36)?;
    let (_, id) = word.split_at(start);
    let shape = Shape::of(id);
    (shape.only(DIGIT | HEX | UPPER | DASH) && shape.dashes() == 4 && is_uuid(id)).then_some(36)
}

/// Begins with a digit or a sign.
fn numeric(word: &[u8], shape: Shape) -> Option<Kind> {
    if word.starts_with(b"0x") {
        return Some(Kind::Hexadecimal);
    }
    let number =
        word.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'~')).count();
    let (_, unit) = word.split_at(number);
    let exponent = unit.first() == Some(&b'e')
        && unit.iter().skip(1).all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+'));
    Some(match unit.len() {
        // Not `31415926-53`: the beginning of an id.
        0 if word.iter().skip(1).all(|byte| *byte != b'-') => Kind::Number,
        _ if exponent => Kind::Number,
        1..=5 if unit.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'%') => Kind::Size,
        _ if shape.dots() > 0 => Kind::Version,
        _ => Kind::Name,
    })
}

/// Begins with a letter.
fn named(word: &[u8], shape: Shape) -> Option<Kind> {
    if let Some(uuid) = trailing_uuid(word) {
        return if uuid == word.len() { Some(Kind::Uuid) } else { None };
    }
    // `IPv4`, `L3`, `ML2`: hosts and devices are written in lower case.
    let capital = word[0].is_ascii_uppercase();
    if capital && shape.only(DIGIT | HEX | LOWER | UPPER) && digits(word) == 1 {
        return None;
    }
    let last = word.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let class_name = shape.dots() > 0 && last.first().is_some_and(u8::is_ascii_uppercase);
    if class_name {
        return None;
    }
    let version = word[0] == b'v' && word.iter().skip(1).all(|byte| byte.is_ascii_digit() || *byte == b'.');
    Some(if version { Kind::Version } else { Kind::Name })
}

fn digits(word: &[u8]) -> usize {
    word.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// What ends a sentence or introduces the next word is no part of a word.
pub(super) fn without_punctuation(word: &[u8]) -> &[u8] {
    let end =
        word.iter().rposition(|byte| !matches!(byte, b'.' | b':' | b'?' | b'-')).map_or(0, |last| last + 1);
    word.get(..end).unwrap_or_default()
}
