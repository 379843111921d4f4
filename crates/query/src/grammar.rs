//! Text → [`Expression`]. Words stand for themselves and are joined by AND; `OR`, `NOT` (or `-`) and parentheses do the rest.

use model::{Id, Severity, Timestamp};

use crate::language::{Comparison, Expression, Field, QueryError};
use crate::moment::moment;

const MOST_CHARACTERS: usize = 10_000;
const DEEPEST: usize = 32;
const MOST_TERMS: usize = 256;

/// `now` is what `since:1h` counts from.
pub fn parse(text: &str, now: Timestamp) -> Result<Expression, QueryError> {
    if text.chars().count() > MOST_CHARACTERS {
        return Err(QueryError {
            column: MOST_CHARACTERS,
            problem: "the query is too long".into(),
            hint: None,
        });
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, end: text.chars().count() + 1, now };
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(error(token.column, "a closing parenthesis without an opening one", None)),
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    column: usize,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Open,
    Close,
    Minus,
    Quoted(String),
    /// Everything else up to a space or parenthesis: a word, `field:value`, `level>=warning`.
    Bare(String),
    /// `field:"quoted value"`
    QuotedField(String, String),
}

fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let column = at + 1;
        let kind = match character {
            ' ' | '\t' | '\n' => {
                at += 1;
                continue;
            }
            '(' => Kind::Open,
            ')' => Kind::Close,
            '-' if characters.get(at + 1).is_some_and(|next| !next.is_whitespace()) => Kind::Minus,
            '"' => {
                let (quoted, next) = quoted(&characters, at)?;
                at = next - 1;
                Kind::Quoted(quoted)
            }
            _ => {
                let end = (at..characters.len())
                    .find(|end| matches!(characters[*end], ' ' | '\t' | '\n' | '(' | ')' | '"'))
                    .unwrap_or(characters.len());
                let bare: String = characters[at..end].iter().collect();
                at = end - 1;
                if bare.ends_with(':') && characters.get(end) == Some(&'"') {
                    let (value, next) = quoted(&characters, end)?;
                    at = next - 1;
                    Kind::QuotedField(bare.trim_end_matches(':').to_owned(), value)
                } else {
                    Kind::Bare(bare)
                }
            }
        };
        tokens.push(Token { column, kind });
        at += 1;
        if tokens.len() > MOST_TERMS {
            return Err(error(column, "the query has too many terms", None));
        }
    }
    Ok(tokens)
}

/// The text between the quote at `start` and the next one, and the place after it. `\"` stands for a quote.
fn quoted(characters: &[char], start: usize) -> Result<(String, usize), QueryError> {
    let mut text = String::new();
    let mut at = start + 1;
    loop {
        match characters.get(at) {
            None => return Err(error(start + 1, "a quote that is never closed", Some("add \" at the end"))),
            Some('"') => return Ok((text, at + 1)),
            Some('\\') if matches!(characters.get(at + 1), Some('"' | '\\')) => {
                text.extend(characters.get(at + 1));
                at += 2;
            }
            Some(character) => {
                text.push(*character);
                at += 1;
            }
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    end: usize,
    now: Timestamp,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token { kind: Kind::Bare(bare), .. }) if bare == word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Expression, QueryError> {
        let mut choices = vec![self.all()?];
        while self.takes_word("OR") {
            choices.push(self.all()?);
        }
        Ok(if choices.len() == 1 { choices.swap_remove(0) } else { Expression::Any(choices) })
    }

    fn all(&mut self) -> Result<Expression, QueryError> {
        let mut parts = vec![self.one()?];
        loop {
            let explicit = self.takes_word("AND");
            let ends = match self.peek() {
                None => true,
                Some(token) => token.kind == Kind::Close || token.kind == Kind::Bare("OR".into()),
            };
            if ends && !explicit {
                return Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::All(parts) });
            }
            parts.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Expression, QueryError> {
        let Some(token) = self.next() else {
            return Err(error(self.end, "the query ends where a word should stand", None));
        };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(error(token.column, "too many parentheses inside each other", None));
        }
        let expression = match &token.kind {
            Kind::Open => self.group(token.column),
            Kind::Close => Err(error(token.column, "a closing parenthesis where a word should stand", None)),
            Kind::Minus => Ok(Expression::Not(Box::new(self.one()?))),
            Kind::Quoted(text) if text.is_empty() => Err(error(token.column, "an empty phrase", None)),
            Kind::Quoted(text) => Ok(Expression::Phrase(text.clone())),
            Kind::QuotedField(field, value) => self.field(token.column, field, value),
            Kind::Bare(word) if word == "NOT" => Ok(Expression::Not(Box::new(self.one()?))),
            Kind::Bare(word) if word == "AND" || word == "OR" => Err(error(
                token.column,
                &format!("{word} where a word should stand"),
                Some("quote it to search for the word"),
            )),
            Kind::Bare(word) => self.bare(token.column, word),
        };
        self.depth -= 1;
        expression
    }

    fn group(&mut self, column: usize) -> Result<Expression, QueryError> {
        let inner = self.any()?;
        match self.next() {
            Some(Token { kind: Kind::Close, .. }) => Ok(inner),
            _ => Err(error(column, "a parenthesis that is never closed", Some("add ) at the end"))),
        }
    }

    fn bare(&self, column: usize, word: &str) -> Result<Expression, QueryError> {
        if let Some(id) = Id::parse(word) {
            return Ok(Expression::Id(id));
        }
        let operators = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
        ];
        for (operator, comparison) in operators {
            if let Some((field, value)) = word.split_once(operator)
                && is_level(field)
            {
                return level(column, value, comparison);
            }
        }
        match word.split_once(':') {
            Some((field, value))
                if !field.is_empty() && !value.is_empty() && is_name(field) && !value.starts_with("//") =>
            {
                self.field(column, field, value)
            }
            _ => Ok(word_or_prefix(word)),
        }
    }

    fn field(&self, column: usize, field: &str, value: &str) -> Result<Expression, QueryError> {
        if is_level(field) {
            return level(column, value, Comparison::Equal);
        }
        match field {
            "since" | "until" => {
                let Some(at) = moment(value, self.now) else {
                    let hint = "like 1h, 30m, 2d, 2026-11-21 or 2026-11-21T03:28:16";
                    return Err(error(column, &format!("`{value}` is no time"), Some(hint)));
                };
                Ok(if field == "since" { Expression::Since(at) } else { Expression::Until(at) })
            }
            "id" => match Id::parse(value) {
                Some(id) => Ok(Expression::Id(id)),
                None => Err(error(
                    column,
                    &format!("`{value}` is no id"),
                    Some("a UUID, req-UUID, tap…, instance-… or MAC"),
                )),
            },
            _ => match Field::ALL.iter().find(|(name, _)| *name == field) {
                Some((_, field)) => Ok(Expression::Field { field: *field, value: value.to_owned() }),
                None => Err(unknown_field(column, field)),
            },
        }
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn is_level(field: &str) -> bool {
    matches!(field, "level" | "severity")
}

fn level(column: usize, value: &str, comparison: Comparison) -> Result<Expression, QueryError> {
    match Severity::parse(value) {
        Some(severity) => Ok(Expression::Level { comparison, severity }),
        None => Err(error(
            column,
            &format!("`{value}` is no level"),
            Some("debug, info, warning, error or critical"),
        )),
    }
}

fn word_or_prefix(word: &str) -> Expression {
    match word.strip_suffix('*') {
        Some(start) if !start.is_empty() => Expression::Word { text: start.to_owned(), prefix: true },
        _ => Expression::Word { text: word.to_owned(), prefix: false },
    }
}

fn unknown_field(column: usize, field: &str) -> QueryError {
    let names = || Field::ALL.iter().map(|(name, _)| *name).chain(["level", "since", "until", "id"]);
    let alike = names()
        .find(|name| name.starts_with(field) || field.starts_with(name) || name.get(..2) == field.get(..2));
    let hint = match alike {
        Some(name) => format!("did you mean `{name}:`? Quote the word to search for it as text"),
        None => format!("fields are {}", names().collect::<Vec<_>>().join(", ")),
    };
    error(column, &format!("`{field}` is no field"), Some(&hint))
}

fn error(column: usize, problem: &str, hint: Option<&str>) -> QueryError {
    QueryError { column, problem: problem.to_owned(), hint: hint.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_nanos(1_795_231_696_000_000_000);

    fn check(text: &str, expected: &str) {
        assert_eq!(format!("{:?}", parse(text, NOW)), expected, "{text}");
    }

    #[test]
    fn queries_become_expressions() {
        let word = |text: &str| format!("Word {{ text: {text:?}, prefix: false }}");
        check("timeout", &format!("Ok({})", word("timeout")));
        check("a b OR c", &format!("Ok(Any([All([{}, {}]), {}]))", word("a"), word("b"), word("c")));
        check(
            "a (b OR NOT c)",
            &format!("Ok(All([{}, Any([{}, Not({})])]))", word("a"), word("b"), word("c")),
        );
        check("-dead*", "Ok(Not(Word { text: \"dead\", prefix: true }))");
        check("\"No valid host\"", "Ok(Phrase(\"No valid host\"))");
        check("service:nova", "Ok(Field { field: Service, value: \"nova\" })");
        check("level>=warning", "Ok(Level { comparison: AtLeast, severity: Warning })");
        check("since:1h", "Ok(Since(2026-11-21T02:28:16.000Z))");
        check("http://10.0.0.11:9696", &format!("Ok({})", word("http://10.0.0.11:9696")));
        check("req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8", "Ok(Id(0679010f-c12e-4d7d-a1f6-9c887eb0e4f8))");
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let check = |text: &str, column: usize, hint: &str| {
            let error = parse(text, NOW).expect_err(text);
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.to_string().contains(hint), "{text}: {error}");
        };
        check("", 1, "ends where a word should stand");
        check("a \"b", 3, "never closed");
        check("(a", 1, "add )");
        check("a)", 2, "without an opening one");
        check("serivce:nova", 1, "did you mean `service:`");
        check("a level>=loud", 3, "debug, info");
        check("since:yesterday", 1, "2026-11-21");
        check("a OR", 5, "ends where");
        check(&"(".repeat(200), 33, "too many parentheses");
    }

    proptest::proptest! {
        #[test]
        fn no_query_panics(text in "\\PC{0,200}") {
            drop(parse(&text, NOW));
        }
    }
}
