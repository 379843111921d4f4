//! RFC 6587: each message of a stream says how long it is, or ends with its line. Which of the two is told anew for each.

use crate::line_splitter::{LineSplitter, Piece};

/// Nobody logs more at once; a peer that says so speaks something else.
const MAX_FRAME: usize = 16 << 20;

/// Digits of a length that is not too long.
const MAX_DIGITS: usize = 8;

/// A stream that is no syslog. Where the next message begins is not known any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadFrame;

#[derive(Debug)]
pub(super) struct Frames {
    max_line: usize,
    state: State,
    line: LineSplitter,
}

#[derive(Debug)]
enum State {
    /// The digits of a length, or what looks like them.
    Length(Vec<u8>),
    Line,
    Counted {
        left: usize,
        text: Vec<u8>,
        cut: bool,
    },
}

impl Frames {
    pub(super) const fn new(max_line: usize) -> Self {
        Self { max_line, state: State::Length(Vec::new()), line: LineSplitter::new(max_line) }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], messages: &mut Vec<Piece>) -> Result<(), BadFrame> {
        while let Some((&first, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Length(digits) if first.is_ascii_digit() && digits.len() < MAX_DIGITS => {
                    digits.push(first);
                    bytes = rest;
                }
                State::Length(digits) if first == b' ' && !digits.is_empty() => {
                    self.state = counted(digits)?;
                    bytes = rest;
                }
                // Between messages, some send an extra line end.
                State::Length(digits) if digits.is_empty() && matches!(first, b'\n' | b'\r' | 0) => {
                    bytes = rest;
                }
                State::Length(digits) => {
                    // It was the beginning of a line.
                    self.line.push(digits);
                    self.state = State::Line;
                }
                State::Line => {
                    let (taken, line) = self.line.push(bytes);
                    bytes = bytes.get(taken..).unwrap_or_default();
                    if let Some(line) = line {
                        messages.push(line);
                        self.state = State::Length(Vec::new());
                    }
                }
                State::Counted { left, text, cut } => {
                    let (part, after) = bytes.split_at(bytes.len().min(*left));
                    let room = self.max_line.saturating_sub(text.len());
                    *cut |= part.len() > room;
                    text.extend_from_slice(part.get(..room).unwrap_or(part));
                    *left -= part.len();
                    bytes = after;
                    if *left == 0 {
                        lines(text, *cut, messages);
                        self.state = State::Length(Vec::new());
                    }
                }
            }
        }
        Ok(())
    }

    /// What came of a message that has no end.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let mut messages = Vec::new();
        match std::mem::replace(&mut self.state, State::Length(Vec::new())) {
            State::Length(digits) => {
                self.line.push(&digits);
                messages.extend(self.line.finish());
            }
            State::Line => messages.extend(self.line.finish()),
            State::Counted { text, .. } => lines(&text, true, &mut messages),
        }
        messages
    }
}

fn counted(digits: &[u8]) -> Result<State, BadFrame> {
    let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(BadFrame)?;
    if !(1..=MAX_FRAME).contains(&length) {
        return Err(BadFrame);
    }
    Ok(State::Counted { left: length, text: Vec::new(), cut: false })
}

/// A datagram is one message.
pub(super) fn datagram(bytes: &[u8], max_line: usize, messages: &mut Vec<Piece>) {
    let text = bytes.get(..max_line).unwrap_or(bytes);
    lines(text, bytes.len() > max_line, messages);
}

/// A message may have several lines, as tracebacks do; those after the first go on with it.
fn lines(text: &[u8], cut: bool, messages: &mut Vec<Piece>) {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |last| last + 1);
    let Some(text) = text.get(..end).filter(|text| !text.is_empty()) else { return };
    let first = messages.len();
    messages.extend(text.split(|byte| *byte == b'\n').map(|line| Piece {
        text: line.strip_suffix(b"\r").unwrap_or(line).to_vec(),
        cut: false,
        begins: false,
    }));
    if let Some(piece) = messages.get_mut(first) {
        piece.begins = true;
    }
    if let Some(piece) = messages.last_mut() {
        piece.cut = cut;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(messages: &[Piece]) -> String {
        let shown = messages.iter().map(|message| {
            let before = if message.begins { "" } else { ">" };
            let after = if message.cut { "+" } else { "" };
            format!("{before}{}{after}", String::from_utf8_lossy(&message.text))
        });
        shown.collect::<Vec<_>>().join("|")
    }

    fn check(bytes: &str, expected: &str) {
        for size in 1..=bytes.len() {
            let mut frames = Frames::new(20);
            let mut messages = Vec::new();
            let outcome: Result<(), BadFrame> =
                bytes.as_bytes().chunks(size).try_for_each(|piece| frames.push(piece, &mut messages));
            match outcome {
                Ok(()) => messages.extend(frames.finish()),
                Err(BadFrame) => {
                    assert_eq!(format!("{} BAD", shown(&messages)).trim_start(), expected);
                    continue;
                }
            }
            assert_eq!(shown(&messages), expected, "{size}");
        }
    }

    #[test]
    fn both_framings_may_alternate() {
        check("<13>one\n<13>two\n", "<13>one|<13>two");
        check("7 <13>one8 <13>four<13>line\n7 <13>two", "<13>one|<13>four|<13>line|<13>two");
        check("8 <13>one\n7 <13>two\n", "<13>one|<13>two");
        check("8 <13>a\nb\nc", "<13>a|>b|c"); // The count ends before the c.
        check("2026-11-21 no priority\n", "2026-11-21 no priori+");
        check("123\n", "123");
        check("<13>without end", "<13>without end");
        check("30 <13>0123456789abcdefghijklmnopx\n", "<13>0123456789abcdef+|x");
        check("50 <13>ended", "<13>ended+");
    }

    #[test]
    fn lengths_that_nobody_means_are_refused() {
        check("<13>a\n99999999 x", "<13>a BAD");
        check("0 x", "BAD");
        check("123456789 x\n", "123456789 x");
    }

    #[test]
    fn a_datagram_is_a_message() {
        let mut messages = Vec::new();
        datagram(b"<13>a\r\nb\n\0", 20, &mut messages);
        datagram(b"\n", 20, &mut messages);
        datagram(b"<13>0123456789abcdefghijk", 20, &mut messages);
        assert_eq!(shown(&messages), "<13>a|>b|<13>0123456789abcdef+");
    }
}
