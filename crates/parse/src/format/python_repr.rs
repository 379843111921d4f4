//! Exceptions as Python prints them: `libvirtError("Failed to …")` and nova's `{'kwargs': {…}, 'message': '…', 'class':
//! 'InvalidInput'}`. One pass, no recursion.
use model::Exception;

pub(super) fn exception(text: &str) -> Option<Exception> {
    let text = text.trim();
    if text.starts_with('{') { dictionary(text) } else { call(text) }
}

/// `Class('message', …)`; the class may be dotted.
fn call(text: &str) -> Option<Exception> {
    let (class, arguments) = text.split_once('(')?;
    let name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let named = class.starts_with(|c: char| c.is_alphabetic() || c == '_') && class.chars().all(name);
    if !named || !text.ends_with(')') {
        return None;
    }
    let message = tokens(arguments).find_map(|token| match token {
        Token::Text(text) => Some(text),
        Token::Mark(_) => None,
    });
    Some(Exception { class: class.to_owned(), message: message.unwrap_or_default(), hollow: false })
}

/// The texts under `class` and `message` of the outermost dictionary.
fn dictionary(text: &str) -> Option<Exception> {
    let (mut class, mut message) = (None, None);
    let mut depth = 0_usize;
    let (mut last, mut key) = (None, None);
    for token in tokens(text) {
        match token {
            Token::Mark('{' | '[' | '(') => depth += 1,
            Token::Mark('}' | ']' | ')') => depth = depth.saturating_sub(1),
            Token::Mark(':') if depth == 1 => key = last.take(),
            Token::Mark(',') if depth == 1 => key = None,
            Token::Text(text) if depth == 1 => match key.as_deref() {
                Some("class") => class = Some(text),
                Some("message") => message = Some(text),
                Some(_) => {}
                None => last = Some(text),
            },
            _ => {}
        }
    }
    Some(Exception { class: class?, message: message.unwrap_or_default(), hollow: false })
}

enum Token {
    Text(String),
    Mark(char),
}

fn tokens(text: &str) -> impl Iterator<Item = Token> {
    let mut chars = text.chars();
    std::iter::from_fn(move || {
        let c = chars.find(|c| !c.is_whitespace())?;
        Some(if matches!(c, '\'' | '"') { Token::Text(quoted(&mut chars, c)) } else { Token::Mark(c) })
    })
}

fn quoted(chars: &mut std::str::Chars<'_>, quote: char) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(escaped) => text.push(escaped),
                None => {}
            },
            c if c == quote => break,
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let seen = exception(text);
        let seen = seen.as_ref().map(|exception| (exception.class.as_str(), exception.message.as_str()));
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn exceptions_come_out_of_their_repr() {
        check(
            "{'kwargs': {'reason': 'x', 'message': 'inner', 'code': 400}, 'message': \"Fixed IP isn't valid\", 'class': 'InvalidInput'}",
            Some(("InvalidInput", "Fixed IP isn't valid")),
        );
        check(
            r#"libvirtError("Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory")"#,
            Some((
                "libvirtError",
                "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory",
            )),
        );
        check(r"ValueError('it\'s\nhere', 3)", Some(("ValueError", "it's\nhere")));
        check("KeyError()", Some(("KeyError", "")));
        check("No valid host was found (today)", None);
        check("{'a': 1}", None);
        check("{'class': 'X', 'message': 'cut", Some(("X", "cut")));
        check(&"{[(".repeat(100_000), None);
    }
}
