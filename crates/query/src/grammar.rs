//! Text → [`Expression`]. Words stand for themselves and are joined by AND; `OR`, `NOT` (or `-`) and parentheses do the rest.

use std::net::{IpAddr, Ipv6Addr};

use model::{Id, IdKind, Severity, Timestamp};

use crate::language::{Comparison, Expression, Field, Number, QueryError, Text};
use crate::moment::moment;
use crate::pattern::Pattern;

const MOST_CHARACTERS: usize = 10_000;
const DEEPEST: usize = 32;
const MOST_TERMS: usize = 256;
const MOST_REGEXES: usize = 8;

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
    let mut parser =
        Parser { tokens: &tokens, at: 0, depth: 0, regexes: 0, end: text.chars().count() + 1, now };
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
    /// `/text/`; in it, `\/` stands for a slash.
    Regex(String),
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
            '/' if let Some((pattern, next)) = regex(&characters, at) => {
                at = next - 1;
                Kind::Regex(pattern)
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

/// The text up to the next slash, when a term ends there: `/var/log` is a path. A slash inside is written `\/`.
fn regex(characters: &[char], start: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut at = start + 1;
    loop {
        match characters.get(at)? {
            '/' => break,
            '\\' if characters.get(at + 1) == Some(&'/') => {
                text.push('/');
                at += 2;
            }
            '\\' => {
                text.push('\\');
                text.push(*characters.get(at + 1)?);
                at += 2;
            }
            character => {
                text.push(*character);
                at += 1;
            }
        }
    }
    let ends = characters.get(at + 1).is_none_or(|next| next.is_whitespace() || *next == ')');
    (ends && !text.is_empty()).then_some((text, at + 1))
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    regexes: usize,
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
            return Err(error(token.column, "too many parentheses or NOTs inside each other", None));
        }
        let expression = match &token.kind {
            Kind::Open => self.group(token.column),
            Kind::Close => Err(error(token.column, "a closing parenthesis where a word should stand", None)),
            Kind::Minus => self.one().map(not),
            Kind::Quoted(text) if text.is_empty() => Err(error(token.column, "an empty phrase", None)),
            Kind::Quoted(text) => Ok(Expression::Phrase(text.clone())),
            Kind::QuotedField(field, value) => self.field(
                token.column,
                field,
                Comparison::Equal,
                &Text { text: value.clone(), prefix: false },
            ),
            Kind::Regex(text) => self.regex(token.column, text),
            Kind::Bare(word) if word == "NOT" => self.one().map(not),
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

    fn regex(&mut self, column: usize, text: &str) -> Result<Expression, QueryError> {
        self.regexes += 1;
        if self.regexes > MOST_REGEXES {
            return Err(error(column, "too many regular expressions", None));
        }
        Pattern::new(text).map(Expression::Regex).map_err(|(at, problem)| {
            let hint = "quote the text to search for it as it is";
            error(column + 1 + at, &problem, Some(hint))
        })
    }

    fn bare(&self, column: usize, word: &str) -> Result<Expression, QueryError> {
        if let Some(id) = Id::parse(word) {
            return Ok(Expression::Id(id));
        }
        if is_address(word) {
            return Ok(Expression::Word(text(word)));
        }
        match comparison(word) {
            Some((name, Comparison::Equal, value)) => {
                // `host:*` is any host.
                let value =
                    if value == "*" { Text { text: String::new(), prefix: true } } else { text(value) };
                self.field(column, name, Comparison::Equal, &value)
            }
            Some((name, comparison, value)) if names().any(|known| known == name) => {
                self.field(column, name, comparison, &text(value))
            }
            None if let Some(name) = word.strip_suffix(':')
                && names().any(|known| known == name) =>
            {
                self.field(column, name, Comparison::Equal, &Text { text: String::new(), prefix: false })
            }
            // `->` and `a<b` are words.
            _ => Ok(Expression::Word(text(word))),
        }
    }

    fn field(
        &self,
        column: usize,
        name: &str,
        comparison: Comparison,
        value: &Text,
    ) -> Result<Expression, QueryError> {
        let range =
            value.text.split_once("..").filter(|_| comparison == Comparison::Equal && has_order(name));
        if let Some((from, to)) = range {
            return self.range(column, name, from, to);
        }
        if value.text.is_empty() && (!value.prefix || has_order(name)) && names().any(|known| known == name) {
            return Err(error(
                column,
                &format!("`{name}:` has no value"),
                Some("write it right behind the colon, or quote all to search for it as text"),
            ));
        }
        match name {
            "since" | "until" | "time" => self.time(column, name, comparison, &value.text),
            "level" | "severity" => level(column, &value.text, comparison),
            _ if let Some(field) = named(&Number::ALL, name) => {
                number(column, field, comparison, &value.text)
            }
            _ if comparison != Comparison::Equal => {
                let problem = format!("`{name}` has no order");
                Err(error(column, &problem, Some(&format!("write `{name}:{}`", value.text))))
            }
            "id" => match Id::parse(&value.text) {
                Some(id) => Ok(Expression::Id(id)),
                None => Err(no_id(column, &value.text)),
            },
            _ if let Some(field) = named(&Field::ALL, name) => {
                Ok(Expression::Field { field, value: value.clone() })
            }
            _ if let Some(kind) = IdKind::parse(name).filter(|kind| *kind != IdKind::Other) => {
                let has_names = matches!(kind, IdKind::User | IdKind::Project);
                if !value.prefix && !has_names && Id::parse(&value.text).is_none() {
                    return Err(no_id(column, &value.text));
                }
                let bare = value.text.trim_start_matches("req-").to_owned();
                let value = if kind == IdKind::Request && value.prefix {
                    Text { text: bare, prefix: true }
                } else {
                    value.clone()
                };
                Ok(Expression::Mention { kind, value })
            }
            _ => Err(unknown_field(column, name)),
        }
    }

    /// From one value to another, both included; either may be left out.
    fn range(&self, column: usize, name: &str, from: &str, to: &str) -> Result<Expression, QueryError> {
        let end = |comparison, value: &str| {
            let value = Text { text: value.to_owned(), prefix: false };
            (!value.text.is_empty()).then(|| self.field(column, name, comparison, &value)).transpose()
        };
        match (end(Comparison::AtLeast, from)?, end(Comparison::AtMost, to)?) {
            (Some(from), Some(to)) => Ok(from.and(to)),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Err(error(column, "a range without an end", Some("like 400..599 or 500.."))),
        }
    }

    fn time(
        &self,
        column: usize,
        name: &str,
        comparison: Comparison,
        value: &str,
    ) -> Result<Expression, QueryError> {
        let Some(at) = moment(value, self.now) else {
            let hint = "like 1h, 30m, 2d, 2026-11-21 or 2026-11-21T03:28:16";
            return Err(error(column, &format!("`{value}` is no time"), Some(hint)));
        };
        let nanos = at.nanos();
        match (name, comparison) {
            ("since", Comparison::Equal) | ("time", Comparison::AtLeast) => Ok(Expression::Since(at)),
            ("until", Comparison::Equal) | ("time", Comparison::AtMost) => Ok(Expression::Until(at)),
            ("time", Comparison::Above) => {
                Ok(Expression::Since(Timestamp::from_nanos(nanos.saturating_add(1))))
            }
            ("time", Comparison::Below) => {
                Ok(Expression::Until(Timestamp::from_nanos(nanos.saturating_sub(1))))
            }
            ("time", _) => {
                Err(error(column, "a time without a range", Some("write time:A..B, since:A or until:B")))
            }
            _ => Err(error(
                column,
                &format!("`{name}` needs no comparison"),
                Some(&format!("write `{name}:{value}`")),
            )),
        }
    }
}

/// Twice is not at all, and what is sought so can be looked up.
fn not(expression: Expression) -> Expression {
    match expression {
        Expression::Not(inner) => *inner,
        other => Expression::Not(Box::new(other)),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `level>=warning` in three parts.
fn comparison(word: &str) -> Option<(&str, Comparison, &str)> {
    let at = word.find([':', '<', '>'])?;
    let (name, rest) = word.split_at_checked(at)?;
    let operators = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::Above),
        ("<", Comparison::Below),
        (":", Comparison::Equal),
    ];
    let (operator, comparison) = operators.into_iter().find(|(operator, _)| rest.starts_with(operator))?;
    let value = rest.strip_prefix(operator)?;
    let is_link = operator == ":" && value.starts_with("//");
    (is_name(name) && !value.is_empty() && !is_link).then_some((name, comparison, value))
}

/// An address or a network of IPv6: its colons name no field.
fn is_address(word: &str) -> bool {
    let address = word.split_once('/').map_or(word, |(address, _)| address);
    address.parse::<IpAddr>().is_ok() || address.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok()
}

/// A `*` at the end makes it the beginning of what is sought.
fn text(word: &str) -> Text {
    match word.strip_suffix('*') {
        Some(start) if !start.is_empty() => Text { text: start.to_owned(), prefix: true },
        _ => Text { text: word.to_owned(), prefix: false },
    }
}

fn named<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
}

fn has_order(name: &str) -> bool {
    matches!(name, "level" | "severity" | "time") || named(&Number::ALL, name).is_some()
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

fn number(
    column: usize,
    field: Number,
    comparison: Comparison,
    value: &str,
) -> Result<Expression, QueryError> {
    let read = match field {
        Number::Took => seconds(value),
        Number::Status | Number::Process => value.parse::<u32>().ok().map(f64::from),
    };
    let (what, hint) = match field {
        Number::Took => ("no duration", "like 2s, 150ms, 1.5m"),
        Number::Status => ("no HTTP status", "like 404, >=500 or 400..599"),
        Number::Process => ("no process number", "like 18277"),
    };
    let value = read.ok_or_else(|| error(column, &format!("`{value}` is {what}"), Some(hint)))?;
    Ok(Expression::Number { field, comparison, value })
}

/// `150ms`, `2s`, `1.5m`, `1h`; without a unit, seconds.
fn seconds(value: &str) -> Option<f64> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (number, unit) = units
        .into_iter()
        .find_map(|(name, unit)| Some((value.strip_suffix(name)?, unit)))
        .unwrap_or((value, 1.0));
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    number.parse::<f64>().ok().filter(|_| plain).map(|number| number * unit)
}

fn no_id(column: usize, value: &str) -> QueryError {
    let hint = "a UUID, req-UUID, tap…, instance-… or MAC; `*` at the end for the beginning of one";
    error(column, &format!("`{value}` is no id"), Some(hint))
}

fn names() -> impl Iterator<Item = &'static str> {
    let fields = Field::ALL.iter().map(|(name, _)| *name);
    let numbers = Number::ALL.iter().map(|(name, _)| *name);
    let kinds = IdKind::ALL.iter().filter(|kind| **kind != IdKind::Other).map(|kind| kind.name());
    let others = ["level", "severity", "since", "until", "time", "id"];
    fields.chain(others).chain(numbers).chain(kinds)
}

fn unknown_field(column: usize, field: &str) -> QueryError {
    let alike = names().map(|name| (distance(name, field), name)).min();
    let hint = match alike {
        Some((distance, name)) if distance <= 2 || name.starts_with(field) || field.starts_with(name) => {
            format!("did you mean `{name}:`? Quote the word to search for it as text")
        }
        _ => format!(
            "quote the word to search for it as text; fields are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    error(column, &format!("`{field}` is no field"), Some(&hint))
}

/// How many letters have to be changed, left out, put in or swapped with a neighbour (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (rows[i][j] + usize::from(a != b)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
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
        let word = |text: &str| format!("Word(Text {{ text: {text:?}, prefix: false }})");
        check("timeout", &format!("Ok({})", word("timeout")));
        check("a b OR c", &format!("Ok(Any([All([{}, {}]), {}]))", word("a"), word("b"), word("c")));
        check(
            "a (b OR NOT c)",
            &format!("Ok(All([{}, Any([{}, Not({})])]))", word("a"), word("b"), word("c")),
        );
        check("-dead*", "Ok(Not(Word(Text { text: \"dead\", prefix: true })))");
        check("NOT -a", &format!("Ok({})", word("a")));
        check("host:*", "Ok(Field { field: Host, value: Text { text: \"\", prefix: true } })");
        check("\"No valid host\"", "Ok(Phrase(\"No valid host\"))");
        check("service:nova", "Ok(Field { field: Service, value: Text { text: \"nova\", prefix: false } })");
        check("level>=warning", "Ok(Level { comparison: AtLeast, severity: Warning })");
        check("since:1h", "Ok(Since(2026-11-21T02:28:16.000Z))");
        check("status>=500", "Ok(Number { field: Status, comparison: AtLeast, value: 500.0 })");
        check("took<150ms", "Ok(Number { field: Took, comparison: Below, value: 0.15 })");
        check("time:..2026-11-21", "Ok(Until(2026-11-21T00:00:00.000Z))");
        check("time:1h..0s", "Ok(All([Since(2026-11-21T02:28:16.000Z), Until(2026-11-21T03:28:16.000Z)]))");
        check("/var/log", &format!("Ok({})", word("/var/log")));
        check("fe80::f816:3eff:fe3e:c12e", &format!("Ok({})", word("fe80::f816:3eff:fe3e:c12e")));
        check("a->b", &format!("Ok({})", word("a->b")));
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
        check("a host:\"\"", 3, "`host:` has no value");
        check("level:", 1, "`level:` has no value");
        check("took:*", 1, "`took:` has no value");
        check(&"NOT ".repeat(40), 129, "too many parentheses");
        check("user_name:x", 1, "quote the word");
        check("host>3", 1, "has no order");
        check("b status:many", 3, "400..599");
        check("took>soon", 1, "150ms");
        check("time:2026-11-21", 1, "time:A..B");
        check("port:ssh", 1, "a UUID");
        check("since>1h", 1, "write `since:1h`");
        check("ok /a(b/", 6, "unclosed group");
        check(&"/a/ ".repeat(20), 33, "too many regular");
        check(&"(".repeat(200), 33, "too many parentheses");
    }

    proptest::proptest! {
        #[test]
        fn no_query_panics(text in "\\PC{0,200}") {
            drop(parse(&text, NOW));
        }
    }
}
