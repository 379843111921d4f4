use nom::Parser;
use nom::bytes::complete::take_while;
use nom::character::complete::char;
use nom::sequence::delimited;

use super::written_time::Read;

/// `"…"`, where `\"` does not end the text. What stands between the quotes, escapes as they are.
pub(super) fn quoted(text: &str) -> Read<'_, &str> {
    let escaped = std::cell::Cell::new(false);
    let inside = |c| {
        let before = escaped.replace(c == '\\' && !escaped.get());
        before || c != '"'
    };
    delimited(char('"'), take_while(inside), char('"')).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_quotes_stay_inside() {
        assert_eq!(quoted(r#""a \"b\" \\" c"#), Ok((" c", r#"a \"b\" \\"#)));
        assert!(quoted(r#""open \""#).is_err());
    }
}
