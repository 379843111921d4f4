//! The constant part of a message: what varies is replaced by its type, byte for byte the same on every machine.
//!
//! No state and no clustering, so that an id never depends on what was seen before. It runs on every line that is
//! stored, hence one pass that only stops at bytes where something that varies can begin.

#[cfg(test)]
mod tests;
mod varying;

use model::TemplateId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use varying::{Kind, Shape};

/// Bytes of a body that are looked at: bodies can be whole notifications.
const MAX_READ: usize = 4096;
/// Bytes of a pattern. Long dumps are told apart by their beginning only; a limit of the pattern cuts all lines of one
/// statement at the same place, a limit of the body would not.
const MAX_PATTERN: usize = 256;

/// Two bodies have the same id exactly when they have the same [`template_text`] and logger.
#[must_use]
pub fn template(body: &str, logger: Option<&str>) -> TemplateId {
    let pattern = Scanner::new(body).pattern();
    let logger = logger.filter(|_| !pattern.access);
    let seed = logger.map_or(0, |logger| xxh3_64_with_seed(logger.as_bytes(), 1));
    TemplateId(xxh3_64_with_seed(pattern.text(), seed))
}

/// The pattern of a body, to be read: `Took <num> seconds to build instance.`
#[must_use]
pub fn template_text(body: &str) -> String {
    String::from_utf8_lossy(Scanner::new(body).pattern().text()).into_owned()
}

struct Pattern {
    bytes: [u8; MAX_PATTERN],
    length: usize,
    /// An access line says itself what it is; which of a service's servers printed it is no part of that.
    access: bool,
}

impl Pattern {
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, text: &[u8]) {
        let Some(room) = self.bytes.get_mut(self.length..) else { return };
        let fits = text.len().min(room.len());
        if let (Some(room), Some(text)) = (room.get_mut(..fits), text.get(..fits)) {
            room.copy_from_slice(text);
            self.length += fits;
        }
    }

    const fn is_full(&self) -> bool {
        self.length == MAX_PATTERN
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    pattern: Pattern,
    /// Where the text begins that is constant and not yet in the pattern: the end of the last thing that varied.
    constant: usize,
    /// What the pattern ends with, when it ends with something that varies.
    last: Option<Kind>,
}

impl<'a> Scanner<'a> {
    fn new(body: &'a str) -> Self {
        let end = body.floor_char_boundary(MAX_READ);
        let text = body.as_bytes().get(..end).unwrap_or_default().trim_ascii_end();
        let pattern = Pattern { bytes: [0; MAX_PATTERN], length: 0, access: false };
        Self { text, pattern, constant: 0, last: None }
    }

    fn pattern(mut self) -> Pattern {
        let mut at = 0;
        while let Some(next) = self.interesting(at) {
            at = match self.byte(next) {
                b'\'' | b'"' => self.quoted(next),
                b'=' => self.value(next),
                b'(' => self.arguments(next),
                b'[' => self.list(next),
                b'{' => self.dictionary(next),
                _ => self.word(next),
            };
            if self.pattern.is_full() {
                return self.pattern;
            }
        }
        let rest = self.text.get(self.constant..).unwrap_or_default();
        self.pattern.push(rest);
        self.pattern
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(b' ')
    }

    fn before(&self, at: usize) -> u8 {
        at.checked_sub(1).map_or(b' ', |before| self.byte(before))
    }

    fn interesting(&self, from: usize) -> Option<usize> {
        let rest = self.text.get(from..)?;
        rest.iter().position(|&byte| class(byte) & BEGINS != 0).map(|found| from + found)
    }

    /// Replaces the text from `start` to `end`, and goes on there. A list of one type counts as one.
    fn replace(&mut self, start: usize, end: usize, kind: Kind) -> usize {
        let constant = self.text.get(self.constant..start).unwrap_or_default();
        let listed = self.last == Some(kind) && matches!(constant, b", " | b"," | b" ");
        if !listed {
            self.pattern.push(constant);
            self.pattern.push(kind.placeholder());
        }
        self.constant = end;
        self.last = Some(kind);
        end
    }

    /// A word with a digit or a slash at `at`.
    fn word(&mut self, at: usize) -> usize {
        let floor = self.constant;
        let before = self.text.get(floor..at).unwrap_or_default();
        let start =
            before.iter().rposition(|&byte| class(byte) & ENDS != 0).map_or(floor, |end| floor + end + 1);
        let mut end = self.word_end(at);
        let word = self.text.get(start..end).unwrap_or_default();
        if self.byte(at) == b'/' && word.contains(&b'?') {
            end = self.target_end(end);
        }
        if word.len() <= 2
            && let Some((start, end)) = self.day(start, end)
        {
            return self.replace(self.date_start(start), end, Kind::Time);
        }
        self.typed(start, end);
        end
    }

    /// The day of a date whose month is a word: `21 Nov 2026`, `Nov 21`.
    fn day(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let is_month = |word: &[u8]| varying::MONTHS.iter().any(|month| month.as_bytes() == word);
        let after = self.text.get(end..end + 9).unwrap_or_default();
        if let [b' ', month @ .., b' ', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] = after
            && is_month(month)
        {
            return Some((start, end + 9));
        }
        let from = start.checked_sub(4).filter(|from| *from >= self.constant)?;
        let month = self.text.get(from..start)?.strip_suffix(b" ")?;
        is_month(month).then_some((from, end))
    }

    fn word_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.iter().position(|&byte| class(byte) & ENDS != 0).map_or(self.text.len(), |end| at + end)
    }

    /// A query string holds bytes at which other words end.
    fn target_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'>' | b')'));
        end.map_or(self.text.len(), |end| at + end)
    }

    /// Replaces a word, or what varies in it.
    fn typed(&mut self, start: usize, end: usize) {
        let word = self.text.get(start..end).unwrap_or_default();
        let word = varying::without_punctuation(word);
        let end = start + word.len();
        let shape = Shape::of(word);
        if let Some(kind) = varying::kind(word, shape) {
            let start = if kind == Kind::Time { self.date_start(start) } else { start };
            self.replace(start, end, kind);
            return;
        }
        let Some(separator) = shape.separator() else {
            if let Some(id) = varying::trailing_uuid(word) {
                self.replace(end - id, end, Kind::Uuid);
            }
            return;
        };
        self.pattern.access |= word.starts_with(b"HTTP/") && self.byte(end) == b'"';
        let mut from = start;
        for part in word.split(|&byte| byte == separator) {
            if part.iter().any(|&byte| class(byte) & BEGINS != 0) {
                self.typed(from, from + part.len());
            }
            from += part.len() + 1;
        }
    }

    /// The name of a weekday belongs to the date after it: `Sat, 21 Nov 2026`, `Sat Nov 21`.
    fn date_start(&self, start: usize) -> usize {
        let before = self.text.get(self.constant..start).unwrap_or_default();
        varying::WEEKDAYS
            .iter()
            .find_map(|day| {
                let rest = before.strip_suffix(b" ")?;
                let rest = rest.strip_suffix(b",").unwrap_or(rest);
                rest.strip_suffix(day.as_bytes()).map(|rest| self.constant + rest.len())
            })
            .unwrap_or(start)
    }

    /// A single word in quotes is a name, with a digit or not.
    fn quoted(&mut self, quote: usize) -> usize {
        let mark = self.byte(quote);
        let Some(start) = self.string_start(quote) else { return quote + 1 };
        if let Some(end) = self.quoted_container(start, quote) {
            return end;
        }
        let rest = self.text.get(quote + 1..).unwrap_or_default();
        let Some(length) = rest.iter().position(|&byte| byte == mark || byte.is_ascii_whitespace()) else {
            return quote + 1;
        };
        let end = quote + 1 + length;
        if self.byte(end) != mark || class(self.byte(end + 1)) & ENDS == 0 && !is_stop(self.byte(end + 1)) {
            return quote + 1;
        }
        let word = rest.get(..length).unwrap_or_default();
        let kind = varying::kind(word, Shape::of(word)).unwrap_or(Kind::Name);
        self.replace(start, end + 1, kind)
    }

    /// `'{…}'`, `"[…]"`
    fn quoted_container(&mut self, start: usize, quote: usize) -> Option<usize> {
        let kind = match self.byte(quote + 1) {
            b'{' => Kind::Dictionary,
            b'[' => Kind::List,
            _ => return None,
        };
        let end = self.closing(quote + 1);
        (self.byte(end) == self.byte(quote)).then(|| self.replace(start, end + 1, kind))
    }

    /// Where a string literal begins whose opening quote this is: Python may write `u'…'` or `b'…'`.
    fn string_start(&self, quote: usize) -> Option<usize> {
        let before = self.before(quote);
        if class(before) & ENDS != 0 || before == b':' {
            return Some(quote);
        }
        let prefix = quote - 1;
        (matches!(before, b'u' | b'b') && class(self.before(prefix)) & ENDS != 0).then_some(prefix)
    }

    /// `key=…`
    fn value(&mut self, equals: usize) -> usize {
        let start = equals + 1;
        if class(self.before(equals)) & ENDS != 0 || matches!(self.byte(start), b' ' | b'=' | b'~') {
            return start;
        }
        let end = match self.byte(start) {
            b'\'' | b'"' => self.string_end(start),
            b'[' | b'{' | b'(' => self.closing(start),
            _ => self.bare_end(start),
        };
        self.replace(start, end, Kind::Value)
    }

    fn bare_end(&self, start: usize) -> usize {
        let mut end = self.word_end(start);
        // `vif=VIFBridge(…)`
        while matches!(self.byte(end), b'(' | b'[') && end > start {
            end = self.word_end(self.closing(end));
        }
        let value = self.text.get(start..end).unwrap_or_default();
        start + varying::without_punctuation(value).len()
    }

    fn string_end(&self, quote: usize) -> usize {
        let mark = self.byte(quote);
        let rest = self.text.get(quote + 1..).unwrap_or_default();
        rest.iter().position(|&byte| byte == mark).map_or(self.text.len(), |length| quote + length + 2)
    }

    /// What an object was made of: `NoMoreIps('…', 3)`.
    fn arguments(&mut self, open: usize) -> usize {
        if class(self.before(open)) & ENDS != 0 {
            let tuple = self.opens_string(open + 1);
            return if tuple { self.replace(open, self.closing(open), Kind::List) } else { open + 1 };
        }
        let before = self.text.get(self.constant..open).unwrap_or_default();
        let name = before.rsplit(|&byte| class(byte) & ENDS != 0 || byte == b'.').next().unwrap_or_default();
        let class_name =
            name.first().is_some_and(u8::is_ascii_uppercase) && name.iter().any(u8::is_ascii_lowercase);
        if !class_name {
            return open + 1;
        }
        let end = self.closing(open);
        // `Instance(s)`
        if end < open + 5 {
            return open + 1;
        }
        self.replace(open, end, Kind::Arguments)
    }

    fn list(&mut self, open: usize) -> usize {
        let inner = self.byte(open + 1);
        if matches!(inner, b']' | b'{' | b'(' | b'[') || self.opens_string(open + 1) {
            return self.replace(open, self.closing(open), Kind::List);
        }
        open + 1
    }

    fn dictionary(&mut self, open: usize) -> usize {
        if self.byte(open + 1) == b'}' || self.opens_string(open + 1) {
            return self.replace(open, self.closing(open), Kind::Dictionary);
        }
        open + 1
    }

    fn opens_string(&self, at: usize) -> bool {
        let quote = |byte| matches!(byte, b'\'' | b'"');
        quote(self.byte(at)) || matches!(self.byte(at), b'u' | b'b') && quote(self.byte(at + 1))
    }

    /// After the bracket that closes this one, or the end of the text when none does.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, &byte) in self.text.iter().enumerate().skip(open) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
        }
        self.text.len()
    }
}

/// Ends a sentence, may stand after a quoted word.
const fn is_stop(byte: u8) -> bool {
    matches!(byte, b'.' | b':' | b'?')
}

/// Something that varies can begin here, or lies around.
const BEGINS: u8 = 1;
/// No part of a word.
const ENDS: u8 = 2;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class_of(byte as u8);
        byte += 1;
    }
    classes
};

const fn class_of(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' | b'/' => BEGINS,
        b'\'' | b'"' | b'=' | b'(' | b'[' | b'{' => BEGINS | ENDS,
        0..=b' ' | 0x7f | b')' | b']' | b'}' | b'<' | b'>' | b',' | b';' | b'|' | b'!' | b'`' => ENDS,
        _ => 0,
    }
}

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}
