//! Bytes that come in pieces become lines, none longer than a limit.

/// A line, or a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: Vec<u8>,
    /// It was longer.
    pub(crate) cut: bool,
    /// It does not go on with the line before it.
    pub(crate) begins: bool,
}

#[derive(Debug)]
pub(crate) struct LineSplitter {
    max_line: usize,
    line: Vec<u8>,
    cut: bool,
}

impl LineSplitter {
    pub(crate) const fn new(max_line: usize) -> Self {
        Self { max_line, line: Vec::new(), cut: false }
    }

    /// Takes bytes up to and including the first line end. Gives how many those are, and the line when it is whole.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> (usize, Option<Piece>) {
        let end = memchr::memchr(b'\n', bytes);
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
        // One more, so that a line as long as the limit can be told from one that a carriage return ends.
        let room = (self.max_line + 1).saturating_sub(self.line.len());
        self.cut |= part.len() > room;
        self.line.extend_from_slice(part.get(..room).unwrap_or(part));
        (part.len() + usize::from(end.is_some()), end.map(|_| self.take()))
    }

    /// The last line, when it has no end.
    pub(crate) fn finish(&mut self) -> Option<Piece> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Piece {
        let mut text = std::mem::take(&mut self.line);
        let mut cut = std::mem::take(&mut self.cut);
        if !cut && text.last() == Some(&b'\r') {
            text.pop();
        }
        cut |= text.len() > self.max_line;
        text.truncate(self.max_line);
        Piece { text, cut, begins: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines split by `|`, cut ones with a `+`; whatever the size of the pieces.
    fn check(bytes: &str, expected: &str) {
        for size in 1..bytes.len() {
            let mut splitter = LineSplitter::new(5);
            let mut lines = Vec::new();
            for mut piece in bytes.as_bytes().chunks(size) {
                while !piece.is_empty() {
                    let (taken, line) = splitter.push(piece);
                    lines.extend(line);
                    piece = &piece[taken..];
                }
            }
            lines.extend(splitter.finish());
            let shown = |line: &Piece| {
                format!("{}{}", String::from_utf8_lossy(&line.text), if line.cut { "+" } else { "" })
            };
            assert_eq!(lines.iter().map(shown).collect::<Vec<_>>().join("|"), expected, "{size}");
        }
    }

    #[test]
    fn lines_are_split_and_cut() {
        check("a\nb\r\n\nc", "a|b||c");
        check("12345\n12345\r\n123456\n1234567\r\nx\n", "12345|12345|12345+|12345+|x");
        check("123456789", "12345+");
    }
}
