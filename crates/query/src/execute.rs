//! An expression, twice: which blocks of the store are worth a look, and which of their events match.

use std::cell::OnceCell;
use std::net::Ipv4Addr;

use index::{Query, StoredEvent};
use model::{Event, Id, IdKind, Mention, Severity, TemplateId, TimeRange, Timestamp};
use parse::Knowledge;

use crate::language::{Comparison, Expression, Field, Number, Text};

/// The blocks that may hold a match.
pub(crate) fn plan(expression: &Expression, knowledge: &Knowledge) -> Query {
    let plan = |part: &Expression| plan(part, knowledge);
    match expression {
        Expression::All(parts) => Query::And(parts.iter().map(plan).collect()),
        Expression::Any(parts) => Query::Or(parts.iter().map(plan).collect()),
        // A block without the word may still hold lines that match.
        Expression::Not(_) => Query::All,
        Expression::Word(word) => with_text(with_words(word), &word.text),
        Expression::Phrase(text) => with_text(part_of_words(text), text),
        Expression::Regex(pattern) => pattern.plan(),
        Expression::Id(id) => Query::Id(id.clone()),
        Expression::Field { field, value } => with_field(*field, value, knowledge),
        Expression::Mention { value, .. } => with_mention(value),
        Expression::Level { comparison, severity } => match comparison {
            Comparison::AtLeast | Comparison::Equal | Comparison::Above => Query::Level(*severity),
            Comparison::AtMost | Comparison::Below => Query::All,
        },
        Expression::Number { .. } => Query::All,
        Expression::Since(start) => Query::Time(TimeRange { start: *start, end: Timestamp::MAX }),
        Expression::Until(end) => Query::Time(TimeRange { start: Timestamp::MIN, end: *end }),
    }
}

/// Besides, lines without these characters need no closer look.
pub(crate) fn with_text(query: Query, text: &str) -> Query {
    // Case is known of ASCII only, and a line holds no line feed.
    let pieces = text.split(|letter: char| !letter.is_ascii() || letter == '\n');
    match pieces.max_by_key(|piece| piece.len()) {
        Some(piece) if !piece.is_empty() => {
            let text = Query::Text(piece.to_owned());
            if query == Query::All { text } else { Query::And(vec![query, text]) }
        }
        _ => query,
    }
}

fn with_words(Text { text, prefix }: &Text) -> Query {
    match prefix {
        // The index does not fold the case of other letters.
        _ if !text.is_ascii() => Query::All,
        true => Query::Prefix(text.clone()),
        // Addresses stand in the index as a whole.
        false if is_address(text) => Query::Word(text.clone()),
        false => Query::Phrase(text.clone()),
    }
}

/// The first and the last word may be a part of one only: `o valid ho` stands in the line too.
pub(crate) fn part_of_words(text: &str) -> Query {
    let after_first = text.trim_start_matches(is_inside);
    let has_words = after_first.contains(is_inside);
    match after_first.chars().next_back() {
        _ if !text.is_ascii() || !has_words => Query::All,
        Some(last) if is_inside(last) => Query::Prefix(after_first.to_owned()),
        _ => Query::Phrase(after_first.to_owned()),
    }
}

fn with_field(field: Field, value: &Text, knowledge: &Knowledge) -> Query {
    let in_words = || with_text(with_words(value), &value.text);
    let told = |field| match value.prefix {
        true => Query::All,
        false => Query::Field(field, value.text.clone()),
    };
    match field {
        // What a line says of itself may differ from what its file's place tells; then it says so in words.
        Field::Host => Query::Or(vec![told(index::Field::Host), in_words()]),
        Field::Service => {
            let mut choices = vec![told(index::Field::Service), told(index::Field::Daemon), in_words()];
            // In syslog, a program goes by any of its names.
            let carriers = knowledge.daemons().filter(|daemon| daemon.carries_others);
            choices.extend(carriers.map(|daemon| Query::Field(index::Field::Daemon, daemon.name.clone())));
            Query::Or(choices)
        }
        Field::File => told(index::Field::File),
        Field::Logger | Field::Method => in_words(),
        Field::Template => template(value).map_or(Query::All, Query::Template),
        Field::Format | Field::Signature => Query::All,
    }
}

fn template(value: &Text) -> Option<TemplateId> {
    let whole = value.text.len() == 16 && !value.prefix;
    u64::from_str_radix(&value.text, 16).ok().filter(|_| whole).map(TemplateId)
}

fn with_mention(value: &Text) -> Query {
    match Id::parse(&value.text) {
        Some(id) if !value.prefix => Query::Id(id),
        _ => Query::All,
    }
}

/// A stored event, read as far as a query asks: parsing it is most of the work, and seldom needed to refuse it.
pub(crate) struct Candidate<'a> {
    stored: &'a StoredEvent,
    knowledge: &'a Knowledge,
    text: OnceCell<String>,
    lower: OnceCell<String>,
    event: OnceCell<Event>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(stored: &'a StoredEvent, knowledge: &'a Knowledge) -> Self {
        let (text, lower, event) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { stored, knowledge, text, lower, event }
    }

    pub(crate) fn event(&self) -> &Event {
        let StoredEvent { source, lines, annotation, .. } = self.stored;
        self.event.get_or_init(|| self.knowledge.event(source, lines, annotation))
    }

    /// Only entries of several lines tell their level in a line of their own.
    pub(crate) fn severity(&self) -> Severity {
        match self.stored.annotation.severity {
            Severity::Unspecified => self.event().severity,
            told => told,
        }
    }

    /// What the lines say, without the times that they begin with: those are asked for by `since` and `until`.
    fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let mut bytes = Vec::new();
            for line in &self.stored.lines {
                bytes.extend_from_slice(line.text.get(index::stamp_length(&line.text)..).unwrap_or_default());
                bytes.push(b'\n');
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    fn lower(&self) -> &str {
        self.lower.get_or_init(|| self.text().to_lowercase())
    }

    fn names(&self, id: &Id) -> bool {
        let mut named = false;
        model::scan_ids(self.text().as_bytes(), |found| named |= found.id == *id);
        named
    }
}

/// What has to be read before it can be told whether an expression holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    Nothing,
    Text,
    Event,
}

fn cost(expression: &Expression) -> Cost {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => {
            parts.iter().map(cost).max().unwrap_or(Cost::Nothing)
        }
        Expression::Not(part) => cost(part),
        Expression::Since(_) | Expression::Until(_) => Cost::Nothing,
        Expression::Field { field: Field::File, .. } => Cost::Nothing,
        // Seldom more.
        Expression::Level { .. } => Cost::Nothing,
        Expression::Word(_) | Expression::Phrase(_) | Expression::Regex(_) | Expression::Id(_) => Cost::Text,
        Expression::Field { .. } | Expression::Mention { .. } | Expression::Number { .. } => Cost::Event,
    }
}

pub(crate) fn matches(expression: &Expression, candidate: &Candidate<'_>) -> bool {
    let time = candidate.stored.annotation.timestamp;
    match expression {
        Expression::All(parts) => [Cost::Nothing, Cost::Text, Cost::Event]
            .into_iter()
            .all(|step| parts.iter().filter(|part| cost(part) == step).all(|part| matches(part, candidate))),
        Expression::Any(parts) => parts.iter().any(|part| matches(part, candidate)),
        Expression::Not(part) => !matches(part, candidate),
        Expression::Word(Text { text, prefix }) => has_word(candidate.lower(), &text.to_lowercase(), *prefix),
        Expression::Phrase(phrase) => candidate.lower().contains(&phrase.to_lowercase()),
        Expression::Regex(pattern) => pattern.is_match(candidate.text()),
        Expression::Id(id) => candidate.names(id),
        Expression::Field { field: Field::File, value } => is_file(&candidate.stored.source.path, value),
        Expression::Field { field: Field::Template, value } => {
            let template = candidate.stored.annotation.template;
            value.is(&template.unwrap_or_else(|| candidate.event().template).to_string())
        }
        Expression::Field { field, value } => has_value(*field, value, candidate.event()),
        Expression::Mention { kind, value } => has_mention(*kind, value, candidate),
        Expression::Level { comparison, severity } => {
            let found = candidate.severity();
            found != Severity::Unspecified && comparison.holds(found, *severity)
        }
        Expression::Number { field, comparison, value } => {
            number(*field, candidate.event()).is_some_and(|found| comparison.holds(found, *value))
        }
        Expression::Since(start) => time.is_some_and(|at| at >= *start),
        Expression::Until(end) => time.is_some_and(|at| at <= *end),
    }
}

/// A word ends where letters, digits and underscores end.
const fn is_inside(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn has_word(text: &str, word: &str, prefix: bool) -> bool {
    let inside = |letter: char| letter.is_alphanumeric() || letter == '_';
    let address = !prefix && is_address(word);
    let (opens, closes) = (word.starts_with(inside), word.ends_with(inside));
    text.match_indices(word).any(|(at, found)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + found.len()..).unwrap_or_default();
        let begun = before.ends_with(inside);
        let goes_on = after.starts_with(inside);
        // `10.0.0.5` is no part of `10.0.0.5.6`.
        let joined = address
            && (before.strip_suffix('.').is_some_and(|before| before.ends_with(inside))
                || after.strip_prefix('.').is_some_and(|after| after.starts_with(inside)));
        (!opens || !begun) && (prefix || !closes || !goes_on) && !joined
    })
}

fn is_address(word: &str) -> bool {
    word.parse::<Ipv4Addr>().is_ok()
}

impl Text {
    /// In any case.
    fn is(&self, text: &str) -> bool {
        let head = if self.prefix { text.get(..self.text.len()) } else { Some(text) };
        head.is_some_and(|head| head.eq_ignore_ascii_case(&self.text))
    }

    /// The text, or one of the names that `.` joins to it.
    fn is_above(&self, text: &str) -> bool {
        self.is(text)
            || text.get(..self.text.len()).is_some_and(|head| head.eq_ignore_ascii_case(&self.text))
                && text.get(self.text.len()..).is_some_and(|rest| rest.starts_with('.'))
    }
}

fn has_value(field: Field, value: &Text, event: &Event) -> bool {
    let is = |name: &Option<String>| name.as_ref().is_some_and(|name| value.is(name));
    match field {
        Field::Service => is(&event.service) || is(&event.daemon),
        Field::Host => is(&event.host),
        Field::File => is_file(&event.source.path, value),
        Field::Logger => event.logger.as_ref().is_some_and(|logger| value.is_above(logger)),
        Field::Format => value.is(event.format),
        Field::Signature => event.signatures.iter().any(|found| value.is_above(&found.signature.slug)),
        Field::Template => value.is(&event.template.to_string()),
        Field::Method => event.exchange.as_ref().is_some_and(|exchange| value.is(&exchange.method)),
    }
}

/// The path, or the end of it after a `/`.
fn is_file(path: &str, Text { text, prefix }: &Text) -> bool {
    if *prefix {
        return path.starts_with(text) || path.contains(&format!("/{text}"));
    }
    path == text || path.strip_suffix(text.as_str()).is_some_and(|folder| folder.ends_with('/'))
}

/// An id whose kind nothing tells may be of any kind.
fn has_mention(kind: IdKind, value: &Text, candidate: &Candidate<'_>) -> bool {
    let id = Id::parse(&value.text).filter(|_| !value.prefix);
    // The name of a file may tell an id too; what is asked for is a line that does.
    if id.as_ref().is_some_and(|id| !candidate.names(id)) {
        return false;
    }
    let event = candidate.event();
    let is = |found: &Id| match &id {
        Some(id) => found == id,
        None => value.is(&found.to_string()),
    };
    let named = match kind {
        IdKind::Request => [&event.context.request, &event.context.global].into_iter().flatten().any(is),
        IdKind::User => event.context.user.as_ref().is_some_and(|user| value.is(user)),
        IdKind::Project => event.context.project.as_ref().is_some_and(|project| value.is(project)),
        _ => false,
    };
    let of_kind = |mention: &&Mention| mention.kind == kind || mention.kind == IdKind::Other;
    named || event.mentions.iter().filter(of_kind).any(|mention| is(&mention.id))
}

fn number(field: Number, event: &Event) -> Option<f64> {
    let exchange = event.exchange.as_ref();
    match field {
        Number::Status => exchange.and_then(|exchange| exchange.status).map(f64::from),
        Number::Took => exchange.and_then(|exchange| exchange.seconds),
        Number::Process => event.process.map(f64::from),
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
        check("nova.compute.manager", "nova.compute", false, true);
        check("nova_compute", "compute", false, false);
        check("errno 111] refused", "111]", false, true);
        check("via 10.0.0.5/24", "10.0.0.5", false, true);
        check("via 10.0.0.5.", "10.0.0.5", false, true);
        check("via 10.0.0.50", "10.0.0.5", false, false);
        check("oid 1.10.0.0.5", "10.0.0.5", false, false);
    }

    #[test]
    fn phrases_may_begin_and_end_inside_of_words() {
        let check = |text: &str, expected| assert_eq!(part_of_words(text), expected, "{text}");
        check("No valid host", Query::Prefix(" valid host".to_owned()));
        check("o valid ho", Query::Prefix(" valid ho".to_owned()));
        check("[valid]", Query::Phrase("[valid]".to_owned()));
        check("exhaus", Query::All);
        check("größe ist", Query::All);
    }
}
