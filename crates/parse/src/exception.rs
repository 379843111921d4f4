//! Python's exceptions, out of what is logged of them.

use model::Exception;

const TRACEBACK: &str = "Traceback (most recent call last):";
/// A traceback that came over RPC twice is escaped twice; deeper nesting was not seen.
const MAX_NESTING: u8 = 4;
/// Lines of one exception's text: libvirt's and `ProcessExecutionError`'s go over several.
const MAX_MESSAGE_LINES: usize = 100;

/// What oslo.log appends to a message while an exception is handled: `…: nova.exception.NovaException: text`.
pub(crate) fn summary(body: &str) -> Option<Exception> {
    let from_start = std::iter::once(body);
    let after_colons = body.match_indices(": ").filter_map(|(at, _)| body.get(at + 2..));
    from_start.chain(after_colons).find_map(exception_line)
}

/// The exceptions of all tracebacks in an event, outermost first. Python prints the innermost of a chain first; what
/// a remote worker sent along is deeper still.
pub(crate) fn chain(body: &str, detail: &[String]) -> Vec<Exception> {
    let mut reader = Reader::default();
    reader.read(std::iter::once(body).chain(detail.iter().map(String::as_str)), MAX_NESTING);
    reader.finish()
}

/// `nova.exception.NoValidHost` and what old pythons print: `NoValidHost`.
pub(crate) fn same_class(one: &str, other: &str) -> bool {
    one.rsplit('.').next() == other.rsplit('.').next()
}

#[derive(Default)]
struct Reader {
    /// As printed: innermost first.
    local: Vec<Exception>,
    /// Outermost first.
    remote: Vec<Exception>,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Outside,
    /// Between `Traceback` and the line that names the exception.
    Frames,
    /// After that line: its text may go on.
    Message { lines: usize },
}

impl Reader {
    fn read<'a>(&mut self, lines: impl Iterator<Item = &'a str>, nesting: u8) {
        for line in lines {
            self.read_line(line, nesting);
        }
    }

    fn read_line(&mut self, line: &str, nesting: u8) {
        if let Some(embedded) = embedded_traceback(line).filter(|_| nesting > 0) {
            let mut remote = Self::default();
            remote.read(embedded.split('\n'), nesting - 1);
            self.remote.extend(remote.finish());
            // The list ends the text of the exception that brought it.
            self.state = State::Outside;
        } else if line.trim_end().ends_with(TRACEBACK) {
            self.state = State::Frames;
        } else {
            self.state = self.after(line);
        }
    }

    fn after(&mut self, line: &str) -> State {
        match self.state {
            State::Outside => State::Outside,
            // Frames are indented. `| ` stands before the lines of an exception group.
            State::Frames => match exception_line(line.trim_start_matches(['|', '+', '-'])) {
                Some(exception) => {
                    self.local.push(exception);
                    State::Message { lines: 1 }
                }
                None => State::Frames,
            },
            State::Message { .. }
                if line.starts_with("During handling of") || line.starts_with("The above exception") =>
            {
                State::Outside
            }
            State::Message { lines } if lines == MAX_MESSAGE_LINES => State::Outside,
            State::Message { lines } => {
                if let Some(exception) = self.local.last_mut() {
                    exception.message.push('\n');
                    exception.message.push_str(line);
                }
                State::Message { lines: lines + 1 }
            }
        }
    }

    fn finish(self) -> Vec<Exception> {
        let mut chain: Vec<Exception> = self.local.into_iter().rev().chain(self.remote).collect();
        for exception in &mut chain {
            exception.message = exception.message.trim().to_owned();
        }
        chain
    }
}

/// `nova.exception.NoValidHost: No valid host was found.`, `KeyError`: a class, and its text if it has one.
fn exception_line(line: &str) -> Option<Exception> {
    let end = line.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.')));
    let (class, rest) = line.split_at_checked(end.unwrap_or(line.len()))?;
    if !is_class(class) {
        return None;
    }
    let message = match rest.strip_prefix(':') {
        Some(message) => message.strip_prefix(' ').unwrap_or(message),
        None if rest.trim().is_empty() => "",
        None => return None,
    };
    Some(Exception { class: class.to_owned(), message: message.to_owned(), hollow: false })
}

/// A dotted path to a name with a capital, or a name that says what it is.
fn is_class(text: &str) -> bool {
    let mut segments = text.rsplit('.');
    let Some(name) = segments.next() else { return false };
    let mut modules = segments.peekable();
    let dotted = modules.peek().is_some();
    let identifier =
        |segment: &str| segment.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let speaks =
        ["Error", "Exception", "Timeout", "Exit", "Interrupt", "Warning", "NotFound", "StopIteration"]
            .iter()
            .any(|ending| name.ends_with(ending));
    let is_name = name.bytes().any(|letter| letter.is_ascii_lowercase());
    let is_capital = name.starts_with(|first: char| first.is_ascii_uppercase());
    // `libvirt.libvirtError` is the one that everybody meets without a capital.
    if dotted { is_name && (is_capital || speaks) && modules.all(identifier) } else { is_capital && speaks }
}

/// A traceback inside one line: a Python list of its lines (oslo.messaging's `Remote error`), or a text with `\n`
/// written out. With its real line ends.
fn embedded_traceback(line: &str) -> Option<String> {
    let at = line.find(TRACEBACK)?;
    let after = line.get(at + TRACEBACK.len()..)?;
    if !after.starts_with("\\n") && !after.starts_with("\\\\n") {
        return None;
    }
    let quote = at.checked_sub(1).and_then(|before| line.as_bytes().get(before)).copied();
    let in_list = quote.is_some_and(|quote| quote == b'\'' || quote == b'"');
    let items = at.checked_sub(1).and_then(|start| line.get(start..)).filter(|_| in_list);
    Some(items.map_or_else(|| unescaped(line.get(at..).unwrap_or("")), joined_list))
}

/// The strings of `'…', "…", u'…'`, one after the other, up to the end of the list or of the line.
fn joined_list(text: &str) -> String {
    let mut joined = String::new();
    let mut rest = text;
    while let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"')) {
        let string = rest.get(1..).unwrap_or("");
        let end = end_of_string(string, quote);
        joined.push_str(&unescaped(string.get(..end).unwrap_or(string)));
        let after = string.get(end + 1..).unwrap_or("");
        let Some(next) = after.strip_prefix(',') else { break };
        rest = next.trim_start().trim_start_matches(['u', 'b']);
    }
    joined
}

fn end_of_string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, letter)| {
        let ends = *letter == quote && !escaped;
        escaped = *letter == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at)
}

/// One level of escapes less.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            letter => letter,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(exceptions: &[Exception]) -> Vec<String> {
        exceptions.iter().map(|exception| format!("{} | {}", exception.class, exception.message)).collect()
    }

    #[test]
    fn the_summary_of_a_head_is_found() {
        let check = |body: &str, expected: &str| {
            let found = summary(body).map(|exception| format!("{} | {}", exception.class, exception.message));
            assert_eq!(found.as_deref().unwrap_or("none"), expected, "{body}");
        };
        check(
            "[instance: 7] Instance failed to spawn: nova.exception.VirtualInterfaceCreateException: Virtual Interface creation failed",
            "nova.exception.VirtualInterfaceCreateException | Virtual Interface creation failed",
        );
        check("Failed: ConnectionRefusedError: [Errno 111] x", "ConnectionRefusedError | [Errno 111] x");
        check(
            "Timed out: oslo_messaging.exceptions.MessagingTimeout",
            "oslo_messaging.exceptions.MessagingTimeout | ",
        );
        check("Error: something", "Error | something");
        check("Started: nova.compute.manager: x", "none");
        check("Listening on 10.0.0.11:8774", "none");
        check("", "none");
    }

    #[test]
    fn chains_are_told_outermost_first() {
        let check = |text: &str, expected: &[&str]| {
            let detail: Vec<String> = text.lines().map(str::to_owned).collect();
            assert_eq!(show(&chain("head", &detail)), expected);
        };
        check(
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\na.b.Inner: one\n\n\
             During handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\na.b.Outer: two\nStderr: 'x'\n\n",
            &["a.b.Outer | two\nStderr: 'x'", "a.b.Inner | one"],
        );
        check(
            "Traceback (most recent call last):\n  File \"a.py\"\noslo_messaging.rpc.client.RemoteError: Remote error: X y\n\
             ['Traceback (most recent call last):\\n', '  File \"a.py\"\\n    f()\\n', \"a.b.Remote: it's\\n\"].",
            &["oslo_messaging.rpc.client.RemoteError | Remote error: X y", "a.b.Remote | it's"],
        );
        check("Traceback (most recent call last):\\n  File \"a.py\"\\nKeyError: 'x'\\n", &["KeyError | 'x'"]);
        check("Traceback (most recent call last):\n  File \"a.py\"\nKeyError", &["KeyError | "]);
        check("Traceback (most recent call last):\n  cut", &[]);
        check("no traceback", &[]);
    }
}
