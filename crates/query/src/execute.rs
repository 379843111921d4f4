//! An expression, twice: which blocks of the store are worth a look, and which of their events match.

use index::Query;
use model::{Event, Severity, TimeRange, Timestamp};

use crate::language::{Comparison, Expression, Field};

/// The blocks that may hold a match.
pub(crate) fn plan(expression: &Expression) -> Query {
    match expression {
        Expression::All(parts) => Query::And(parts.iter().map(plan).collect()),
        Expression::Any(parts) => Query::Or(parts.iter().map(plan).collect()),
        // A block without the word may still hold lines that match.
        Expression::Not(_) => Query::All,
        Expression::Word { text, prefix: true } => Query::Prefix(text.clone()),
        Expression::Word { text, prefix: false } => Query::Word(text.clone()),
        // Its first and last word may be cut in the middle: `o valid ho` stands in the line too.
        Expression::Phrase(text) => inner_words(text),
        Expression::Id(id) => Query::Id(id.clone()),
        Expression::Field { field: Field::Host, value } => Query::Field(index::Field::Host, value.clone()),
        // What a line says of itself may differ from what its file's place tells.
        Expression::Field { .. } => Query::All,
        Expression::Level { comparison, severity } => match comparison {
            Comparison::AtLeast | Comparison::Equal | Comparison::Above => Query::Level(*severity),
            Comparison::AtMost | Comparison::Below => Query::All,
        },
        Expression::Since(start) => Query::Time(TimeRange { start: *start, end: Timestamp::MAX }),
        Expression::Until(end) => Query::Time(TimeRange { start: Timestamp::MIN, end: *end }),
    }
}

fn inner_words(phrase: &str) -> Query {
    let words: Vec<&str> = phrase.split_whitespace().collect();
    let inner = words.get(1..words.len().saturating_sub(1)).unwrap_or_default();
    if inner.is_empty() { Query::All } else { Query::Phrase(inner.join(" ")) }
}

/// `text` is what the lines say, in lower case.
pub(crate) fn matches(expression: &Expression, event: &Event, text: &str) -> bool {
    match expression {
        Expression::All(parts) => parts.iter().all(|part| matches(part, event, text)),
        Expression::Any(parts) => parts.iter().any(|part| matches(part, event, text)),
        Expression::Not(part) => !matches(part, event, text),
        Expression::Word { text: word, prefix } => has_word(text, &word.to_lowercase(), *prefix),
        Expression::Phrase(phrase) => text.contains(&phrase.to_lowercase()),
        Expression::Id(id) => {
            let context = [&event.context.request, &event.context.global];
            context
                .into_iter()
                .flatten()
                .chain(event.mentions.iter().map(|mention| &mention.id))
                .any(|found| found == id)
        }
        Expression::Field { field, value } => has_value(*field, value, event),
        Expression::Level { comparison, severity } => {
            event.severity != Severity::Unspecified && comparison.holds(event.severity, *severity)
        }
        Expression::Since(start) => event.timestamp.is_some_and(|at| at >= *start),
        Expression::Until(end) => event.timestamp.is_some_and(|at| at <= *end),
    }
}

/// A word ends where letters, digits and underscores end.
fn has_word(text: &str, word: &str, prefix: bool) -> bool {
    let inside = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (opens, closes) = (word.starts_with(inside), word.ends_with(inside));
    text.match_indices(word).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
        (!opens || !before.is_some_and(inside)) && (prefix || !closes || !after.is_some_and(inside))
    })
}

fn has_value(field: Field, value: &str, event: &Event) -> bool {
    let is = |name: &Option<String>| name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(value));
    match field {
        Field::Service => is(&event.service) || is(&event.daemon),
        Field::Host => is(&event.host),
        Field::File => event.source.path == value || event.source.path.ends_with(&format!("/{value}")),
        Field::Logger => event.logger.as_ref().is_some_and(|logger| {
            logger == value || logger.strip_prefix(value).is_some_and(|rest| rest.starts_with('.'))
        }),
        Field::Format => event.format == value,
        Field::Signature => event.signatures.iter().any(|found| {
            let slug = &found.signature.slug;
            slug == value || slug.strip_prefix(value).is_some_and(|rest| rest.starts_with('.'))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_words_end() {
        let check = |text, word, prefix, expected| {
            assert_eq!(has_word(text, word, prefix), expected, "{text} {word}");
        };
        check("no valid host was found.", "host", false, true);
        check("no valid hosts", "host", false, false);
        check("no valid hosts", "host", true, true);
        check("nova.compute.manager", "compute", false, true);
        check("nova_compute", "compute", false, false);
        check("errno 111] refused", "111]", false, true);
    }
}
