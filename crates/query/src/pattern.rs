//! Regular expressions in queries: bounded, and looked through for words that every match must hold.

use index::Query;
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

use crate::execute::{part_of_words, with_text};

const MOST_CHARACTERS: usize = 1_000;
const COMPILED_BYTES: usize = 1 << 20;
const MOST_NESTED: u32 = 50;
/// Shorter texts stand in nearly every block.
const SHORTEST_TEXT: usize = 3;

/// A regular expression; case does not matter.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// An error names the character, counted from 0, and what is wrong there.
    pub(crate) fn new(text: &str) -> Result<Self, (usize, String)> {
        if text.chars().count() > MOST_CHARACTERS {
            return Err((MOST_CHARACTERS, "the regular expression is too long".to_owned()));
        }
        if let Err(error) = regex_syntax::ParserBuilder::new().nest_limit(MOST_NESTED).build().parse(text) {
            return Err(place_of(&error));
        }
        let regex = RegexBuilder::new(text)
            .case_insensitive(true)
            .multi_line(true)
            .nest_limit(MOST_NESTED)
            .size_limit(COMPILED_BYTES)
            .dfa_size_limit(2 * COMPILED_BYTES)
            .build();
        let regex = regex.map_err(|_| (0, "the regular expression is too large".to_owned()))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The blocks that may hold a match.
    pub(crate) fn plan(&self) -> Query {
        // Read with regard to case: else each letter would be a class of two, and no text left. Words are looked up
        // without regard to case anyway.
        regex_syntax::parse(&self.text).map_or(Query::All, |hir| required(&hir))
    }
}

fn place_of(error: &regex_syntax::Error) -> (usize, String) {
    match error {
        regex_syntax::Error::Parse(error) => (error.span().start.column - 1, error.kind().to_string()),
        regex_syntax::Error::Translate(error) => (error.span().start.column - 1, error.kind().to_string()),
        _ => (0, "the regular expression cannot be read".to_owned()),
    }
}

fn required(hir: &Hir) -> Query {
    match hir.kind() {
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) if text.len() >= SHORTEST_TEXT => with_text(part_of_words(text), text),
            _ => Query::All,
        },
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => {
            let parts = parts.iter().map(required).filter(|part| *part != Query::All);
            Query::And(parts.collect())
        }
        HirKind::Alternation(choices) => {
            let choices: Vec<Query> = choices.iter().map(required).collect();
            if choices.contains(&Query::All) { Query::All } else { Query::Or(choices) }
        }
        _ => Query::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_match_must_hold_is_found() {
        let check =
            |text: &str, expected: Query| assert_eq!(Pattern::new(text).unwrap().plan(), expected, "{text}");
        let text = |text: &str| Query::Text(text.to_owned());
        let host = || Query::And(vec![Query::Prefix(" valid host".to_owned()), text("no valid host")]);
        check("no valid host", host());
        check("(no valid host)+.*", Query::And(vec![host()]));
        let valid = Query::And(vec![Query::Phrase(" valid ".to_owned()), text("a valid ")]);
        check("a valid (host|port)?", Query::And(vec![valid]));
        check("(a valid x|b)", Query::All);
        check(".*", Query::All);
        check("exhausted", text("exhausted"));
        check("größe", text("gr"));
    }

    #[test]
    fn mistakes_and_excesses_are_refused() {
        let check = |text: &str, column, what: &str| {
            let (found, problem) = Pattern::new(text).unwrap_err();
            assert_eq!(found, column, "{problem}");
            assert!(problem.contains(what), "{problem}");
        };
        check("a(b", 1, "unclosed group");
        check("a[b-", 1, "unclosed");
        check("(?:a{1000}){1000}", 0, "too large");
        check(&format!("{}a{}", "(".repeat(200), ")".repeat(200)), 50, "nested");
    }
}
