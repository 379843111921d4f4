//! Rows of styled text, and the one door through which text reaches a terminal.
//!
//! Logs hold what strangers sent. [`Row::put`] makes every control character visible, so nothing that is shown can
//! move the cursor, change colours or reorder words; the only escape sequences in a screen are its own styles.

use std::borrow::Cow;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What the answer is shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Prose wraps here.
    pub(crate) width: usize,
    /// Tables are cut at the width of a terminal; a pipe gets them whole.
    pub(crate) terminal: bool,
    /// No box drawing, no arrows.
    pub(crate) ascii: bool,
}

impl Layout {
    /// `plain` on terminals and for readers that know only ASCII.
    pub(crate) const fn sign(self, sign: &'static str, plain: &'static str) -> &'static str {
        if self.ascii { plain } else { sign }
    }
}

/// Pieces of text that stand in one row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pieces: Vec<(Style, String)>,
    width: usize,
}

impl Row {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(crate) fn put(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = visible(text.as_ref());
        self.width += text.width();
        self.pieces.push((style, text.into_owned()));
        self
    }

    #[must_use]
    pub(crate) fn text(self, text: impl AsRef<str>) -> Self {
        self.put(Style::new(), text)
    }

    /// Fills with blanks up to `column`; one blank when it is passed already.
    #[must_use]
    pub(crate) fn pad_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width).max(1);
        self.text(" ".repeat(missing))
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// At most `width` columns; an ellipsis says that something is missing.
    #[must_use]
    pub(crate) fn cut(mut self, width: usize, layout: Layout) -> Self {
        if self.width <= width {
            return self;
        }
        let ellipsis = layout.sign("…", "~");
        let mut left = width.saturating_sub(1);
        let mut kept = Vec::new();
        for (style, text) in self.pieces {
            let piece = head(&text, left);
            left -= piece.width();
            let whole = piece.len() == text.len();
            kept.push((style, piece.to_owned()));
            if !whole {
                break;
            }
        }
        let style = kept.last().map_or_else(Style::new, |(style, _)| *style);
        kept.push((style, ellipsis.to_owned()));
        self.width = width - left;
        self.pieces = kept;
        self
    }
}

/// An answer, row by row.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) layout: Layout,
    text: String,
}

impl Screen {
    pub(crate) const fn new(layout: Layout) -> Self {
        Self { layout, text: String::new() }
    }

    /// With the styles as escape sequences; whoever prints it takes them out where they are not wanted.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    pub(crate) fn row(&mut self, row: Row) {
        let last = row.pieces.len().saturating_sub(1);
        for (at, (style, text)) in row.pieces.into_iter().enumerate() {
            let text = if at == last { text.trim_end() } else { &text };
            if style.is_plain() || text.is_empty() {
                self.text.push_str(text);
            } else {
                self.text.push_str(&format!("{style}{text}{style:#}"));
            }
        }
        self.text.push('\n');
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// `text` after `head`, wrapped at word ends; further rows begin where the first one did.
    pub(crate) fn paragraph(&mut self, head: Row, style: Style, text: &str) {
        let below = indented(head.width());
        self.hanging(head, &below, style, text);
    }

    /// A paragraph whose further rows begin with `below`, which is as wide as `head`.
    pub(crate) fn hanging(&mut self, head: Row, below: &Row, style: Style, text: &str) {
        let room = self.layout.width.saturating_sub(head.width()).max(20);
        let mut head = Some(head);
        for part in text.trim_end().split('\n').flat_map(|line| wrapped(line, room)) {
            let start = head.take().unwrap_or_else(|| below.clone());
            self.row(start.put(style, part));
        }
    }
}

pub(crate) fn indented(columns: usize) -> Row {
    Row::new().text(" ".repeat(columns))
}

/// Breaks at blanks; a word longer than a row stays whole, so that it can still be copied.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut row = String::new();
    let blanks = line.chars().take_while(|letter| *letter == ' ').count();
    row.push_str(&" ".repeat(blanks.min(width / 2)));
    let mut begun = false;
    for word in line.split_whitespace() {
        let word = visible(word);
        if begun && row.width() + 1 + word.width() > width {
            rows.push(std::mem::take(&mut row));
        } else if begun {
            row.push(' ');
        }
        row.push_str(&word);
        begun = true;
    }
    rows.push(row);
    rows
}

/// As many letters as fit into `columns`.
pub(crate) fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, letter)| {
        used += letter.width().unwrap_or(0);
        used > columns
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// `text` with every control character spelled out.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\t' => shown.push_str("    "),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            letter if is_hidden(letter) && letter.is_ascii() => {
                shown.push_str(&format!("\\x{:02x}", u32::from(letter)));
            }
            letter if is_hidden(letter) => shown.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            letter => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Characters that a terminal acts on, or that change how the letters around them are read: controls, marks of
/// writing direction, separators of lines, blanks without width, tags.
pub(crate) fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_out() {
        let check = |text: &str, shown: &str| assert_eq!(visible(text), shown);
        check("No valid host was found.", "No valid host was found.");
        check("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m");
        check("a\tb\rc\nd\x00\x7f", "a    b\\rc\\nd\\x00\\x7f");
        check("\u{9b}2J", "\\u{9b}2J");
        check("user\u{202e}txt.exe", "user\\u{202e}txt.exe");
        check("Größe 大", "Größe 大");
    }

    #[test]
    fn prose_breaks_at_blanks_and_keeps_long_words() {
        let check = |text: &str, rows: &[&str]| assert_eq!(wrapped(text, 12), rows);
        check("", &[""]);
        check("one two three four", &["one two", "three four"]);
        check("  indented words here", &["  indented", "words here"]);
        check(
            "id 4f3a0000-0000-4000-8000-000000000000 end",
            &["id", "4f3a0000-0000-4000-8000-000000000000", "end"],
        );
    }

    #[test]
    fn rows_are_cut_by_columns_not_bytes() {
        let layout = Layout { width: 80, terminal: true, ascii: false };
        let check = |text: &str, width, shown: &str| {
            let mut screen = Screen::new(layout);
            screen.row(Row::new().text(text).cut(width, layout));
            assert_eq!(screen.finish(), format!("{shown}\n"));
        };
        check("short", 5, "short");
        check("too long", 5, "too …");
        check("大大大", 5, "大大…");
        check("大大大", 4, "大…");
    }
}
