use model::{Id, Severity, TimeRange};

use crate::block::{NOTABLE, level_bit};
use crate::reader::Reader;
use crate::segment::Segment;
use crate::words::{Piece, tokens};

/// Which blocks are worth a look. It may let through what does not match, never the other way round, with one
/// exception: an `And` whose words lie in different blocks of one long event. Whoever asks verifies the events.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    All,
    And(Vec<Self>),
    Or(Vec<Self>),
    /// Excludes nothing here: a block holds other lines too.
    Not(Box<Self>),
    /// A whole word, or words joined by `.`, `/` or `-` that stand as they are between other signs.
    Word(String),
    /// Whole words in this order.
    Phrase(String),
    /// The beginning of a word.
    Prefix(String),
    Id(Id),
    Field(Field, String),
    /// This level or a higher one.
    Level(Severity),
    Time(TimeRange),
}

/// What the place of a source tells. A source whose place does not tell may hold lines that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Host,
    Service,
    Daemon,
}

/// For each block of a segment whether it may hold a match.
pub(crate) fn candidates(reader: &Reader, segment: &Segment, query: &Query) -> Vec<bool> {
    let blocks = segment.entries.len();
    match query {
        Query::All | Query::Not(_) => vec![true; blocks],
        Query::And(parts) => parts
            .iter()
            .map(|part| candidates(reader, segment, part))
            .fold(vec![true; blocks], |all, part| {
                all.iter().zip(part).map(|(one, other)| *one && other).collect()
            }),
        Query::Or(parts) => parts
            .iter()
            .map(|part| candidates(reader, segment, part))
            .fold(vec![false; blocks], |all, part| {
                all.iter().zip(part).map(|(one, other)| *one || other).collect()
            }),
        Query::Word(text) => with_tokens(reader, segment, text, true),
        Query::Phrase(text) => with_tokens(reader, segment, text, false),
        Query::Prefix(text) => with_prefix(reader, segment, text),
        Query::Id(id) => marked(blocks, &reader.noted(segment.blocks_with_id(id.stable_hash()))),
        Query::Field(field, value) => segment
            .entries
            .iter()
            .map(|entry| {
                let source = reader.source(entry.source);
                let told = match field {
                    Field::Host => &source.host,
                    Field::Service => &source.service,
                    Field::Daemon => &source.daemon,
                };
                told.as_ref().is_none_or(|told| told.eq_ignore_ascii_case(value))
            })
            .collect(),
        Query::Level(severity) => {
            let below = level_bit(*severity) - 1;
            segment.entries.iter().map(|entry| entry.levels & !below & !NOTABLE != 0).collect()
        }
        Query::Time(range) => segment.entries.iter().map(|entry| entry.may_be_in(*range)).collect(),
    }
}

fn with_tokens(reader: &Reader, segment: &Segment, text: &str, compounds: bool) -> Vec<bool> {
    let blocks = segment.entries.len();
    let mut all = vec![true; blocks];
    let lower = text.to_ascii_lowercase();
    tokens(lower.as_bytes(), |piece| {
        let found = match piece {
            Piece::Id(id) => marked(blocks, &reader.noted(segment.blocks_with_id(id.stable_hash()))),
            piece if !piece.is_indexed() => return,
            Piece::Word(word) if may_be_in_uuid(word) => return,
            Piece::Word(word) => with_word(reader, segment, word),
            Piece::Compound(word) if compounds => with_word(reader, segment, word),
            Piece::Compound(_) => return,
        };
        all.iter_mut().zip(found).for_each(|(one, other)| *one &= other);
    });
    all
}

/// The parts of a UUID are no words of the index.
fn may_be_in_uuid(word: &[u8]) -> bool {
    matches!(word.len(), 4 | 8 | 12) && word.iter().all(u8::is_ascii_hexdigit)
}

fn with_word(reader: &Reader, segment: &Segment, word: &[u8]) -> Vec<bool> {
    in_words(reader, segment, |words| words.blocks_with(word))
}

/// The last word of the text is the beginning of one, those before it are whole.
fn with_prefix(reader: &Reader, segment: &Segment, text: &str) -> Vec<bool> {
    let lower = text.to_ascii_lowercase();
    let start = lower.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let (whole, prefix) = (lower.get(..start).unwrap_or_default(), lower.get(start..).unwrap_or(&lower));
    let mut all = with_tokens(reader, segment, whole, false);
    // What may begin a long number or a UUID cannot be looked up.
    if !prefix.is_empty() && !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let found = in_words(reader, segment, |words| words.blocks_with_prefix(prefix.as_bytes()));
        all.iter_mut().zip(found).for_each(|(one, other)| *one &= other);
    }
    all
}

fn in_words(
    reader: &Reader,
    segment: &Segment,
    ask: impl FnOnce(&crate::words::Words) -> Result<Vec<u32>, tantivy::TantivyError>,
) -> Vec<bool> {
    let blocks = segment.entries.len();
    let found = segment.words().and_then(|words| ask(words).map_err(|error| segment.words_damage(&error)));
    match found {
        Ok(found) => marked(blocks, &found),
        Err(damage) => {
            reader.note(damage);
            vec![true; blocks]
        }
    }
}

fn marked(blocks: usize, found: &[u32]) -> Vec<bool> {
    let mut marks = vec![false; blocks];
    for &block in found {
        if let Some(mark) = marks.get_mut(block as usize) {
            *mark = true;
        }
    }
    marks
}
