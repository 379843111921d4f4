use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use memchr::memmem;
use model::{Annotation, Id, Severity, Source, TemplateId, TimeRange};

use crate::block::{Block, NOTABLE, level_bit};
use crate::directory::Entry;
use crate::reader::Reader;
use crate::segment::{Segment, Wanted};
use crate::view::View;
use crate::words::{LONGEST, Piece, Words, tokens};

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
    /// These characters in one line, without regard to the case of ASCII letters. Chooses lines, not blocks: to look
    /// through a block's text costs a fraction of looking at its events.
    Text(String),
    /// Events of this statement, likewise.
    Template(TemplateId),
    Id(Id),
    Field(Field, String),
    /// This level or a higher one.
    Level(Severity),
    Time(TimeRange),
}

/// What the place of a source tells. A source whose place does not tell may hold lines that do; of hosts they do so in
/// words, which are to be asked for beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Host,
    Service,
    Daemon,
    /// The path, or the end of it; every source has one.
    File,
}

/// A query, as far as a segment can tell: which of its blocks may hold a match.
pub(crate) enum Filter {
    All,
    And(Vec<Self>),
    Or(Vec<Self>),
    /// One bit for each block.
    Blocks(Vec<u64>),
    /// By the number of the source.
    Sources(Arc<[bool]>),
    Levels(u8),
    Time(TimeRange),
    /// In lower case.
    Text(String),
    Template(TemplateId),
}

/// A block that is open, and how many of its rows count.
pub(crate) struct Opened<'a> {
    pub(crate) block: &'a Block,
    pub(crate) number: u32,
    pub(crate) entry: &'a Entry,
    pub(crate) rows: usize,
    /// The text in lower case, when somebody asked for it.
    pub(crate) lower: OnceCell<Vec<u8>>,
}

/// The events of a block that may fit, by their first lines; none when all may.
type Heads = Option<BTreeSet<u64>>;

impl Filter {
    pub(crate) fn new(reader: &Reader, view: &View, segment: &Segment, query: &Query) -> Self {
        let parts =
            |parts: &[Query]| parts.iter().map(|part| Self::new(reader, view, segment, part)).collect();
        match query {
            Query::All | Query::Not(_) => Self::All,
            Query::And(all) => Self::And(parts(all)),
            Query::Or(any) => Self::Or(parts(any)),
            Query::Word(text) => with_tokens(reader, segment, text, true),
            Query::Phrase(text) => with_tokens(reader, segment, text, false),
            Query::Prefix(text) => with_prefix(reader, segment, text),
            Query::Id(id) => with_id(reader, segment, id),
            Query::Field(field, value) => Self::Sources(with_field(view, *field, value)),
            Query::Level(severity) => Self::Levels(!(level_bit(*severity) - 1) & !NOTABLE),
            Query::Time(range) => Self::Time(*range),
            Query::Text(text) => Self::Text(text.to_ascii_lowercase()),
            Query::Template(template) => Self::Template(*template),
        }
    }

    pub(crate) fn fits(&self, block: u32, entry: &Entry) -> bool {
        match self {
            Self::All | Self::Text(_) | Self::Template(_) => true,
            Self::And(all) => all.iter().all(|part| part.fits(block, entry)),
            Self::Or(any) => any.iter().any(|part| part.fits(block, entry)),
            Self::Blocks(bits) => {
                let word = bits.get(block as usize / 64).copied().unwrap_or_default();
                word >> (block % 64) & 1 == 1
            }
            Self::Sources(fitting) => fitting.get(entry.source.0 as usize).copied().unwrap_or_default(),
            Self::Levels(levels) => entry.levels & levels != 0,
            Self::Time(range) => entry.may_be_in(*range),
        }
    }

    /// The events of a block that may fit; those whose other lines stand in other blocks are met there too.
    pub(crate) fn heads(&self, opened: &Opened<'_>) -> Heads {
        match self {
            Self::All => None,
            Self::And(all) => {
                let narrowed = |heads: Heads, part: &Self| match (heads, part.heads(opened)) {
                    (Some(one), Some(other)) => Some(one.intersection(&other).copied().collect()),
                    (one, other) => one.or(other),
                };
                all.iter().fold(None, narrowed)
            }
            Self::Or(any) => any.iter().try_fold(BTreeSet::new(), |mut heads, part| {
                heads.append(&mut part.heads(opened)?);
                Some(heads)
            }),
            Self::Blocks(_) | Self::Sources(_) => {
                (!self.fits(opened.number, opened.entry)).then(BTreeSet::new)
            }
            Self::Levels(levels) => opened.told_by(|line| level_bit(line.severity) & levels != 0),
            Self::Time(range) => {
                opened.told_by(|line| line.timestamp.is_none_or(|time| range.contains(time)))
            }
            Self::Template(wanted) => {
                opened.told_by(|line| line.template.is_none_or(|template| template == *wanted))
            }
            Self::Text(text) => Some(opened.holding(text)),
        }
    }

    /// Whether [`Self::heads`] looks at the block's text.
    pub(crate) fn needs_text(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::needs_text),
            Self::Text(_) => true,
            _ => false,
        }
    }

    /// What every block that fits has in common, so that whole pages of the directory can be passed over.
    pub(crate) fn wanted(&self) -> Wanted {
        match self {
            Self::And(all) => all.iter().map(Self::wanted).fold(Wanted::ALL, Wanted::and),
            Self::Levels(levels) => Wanted { levels: *levels, ..Wanted::ALL },
            Self::Time(range) => Wanted { range: *range, ..Wanted::ALL },
            _ => Wanted::ALL,
        }
    }

    /// Nothing fits, whatever the blocks are.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Blocks(bits) => bits.iter().all(|word| *word == 0),
            Self::And(all) => all.iter().any(Self::is_empty),
            Self::Or(any) => any.iter().all(Self::is_empty),
            _ => false,
        }
    }

    fn blocks(segment: &Segment, found: &[u32]) -> Self {
        let mut bits = vec![0_u64; segment.block_count().div_ceil(64)];
        for &block in found {
            if let Some(word) = bits.get_mut(block as usize / 64) {
                *word |= 1 << (block % 64);
            }
        }
        Self::Blocks(bits)
    }
}

impl Opened<'_> {
    fn told_by(&self, fits: impl Fn(&Annotation) -> bool) -> Heads {
        let rows = (0..self.rows).filter(|row| fits(&self.block.rows.annotations[*row]));
        Some(rows.map(|row| self.block.rows.head(row)).collect())
    }

    fn holding(&self, text: &str) -> BTreeSet<u64> {
        let lower = self
            .lower
            .get_or_init(|| self.block.text.get().map(|text| text.to_ascii_lowercase()).unwrap_or_default());
        let rows = memmem::find_iter(lower, text.as_bytes()).map(|at| self.block.rows.row_at(at));
        rows.filter(|row| *row < self.rows).map(|row| self.block.rows.head(row)).collect()
    }
}

/// Whether the words of segments have to be asked.
pub(crate) fn needs_words(query: &Query) -> bool {
    match query {
        Query::And(parts) | Query::Or(parts) => parts.iter().any(needs_words),
        Query::Word(_) | Query::Phrase(_) | Query::Prefix(_) => true,
        _ => false,
    }
}

fn with_field(view: &View, field: Field, value: &str) -> Arc<[bool]> {
    let in_folder = format!("/{value}");
    let is = |told: &String| told.eq_ignore_ascii_case(value);
    let fits = |source: &Arc<Source>| {
        let told = match field {
            Field::Host => return source.host.as_ref().is_some_and(is),
            Field::Service => &source.service,
            Field::Daemon => &source.daemon,
            Field::File => return source.path == value || source.path.ends_with(&in_folder),
        };
        told.as_ref().is_none_or(is)
    };
    view.manifest.sources.iter().map(fits).collect()
}

fn with_id(reader: &Reader, segment: &Segment, id: &Id) -> Filter {
    match segment.blocks_with_id(id.stable_hash()) {
        Ok(found) => Filter::blocks(segment, &found),
        Err(damage) => {
            reader.note(damage);
            Filter::Blocks(Vec::new())
        }
    }
}

fn with_tokens(reader: &Reader, segment: &Segment, text: &str, compounds: bool) -> Filter {
    let mut all = Vec::new();
    let lower = text.to_ascii_lowercase();
    tokens(lower.as_bytes(), |piece| match piece {
        Piece::Id(id) => all.push(with_id(reader, segment, &id)),
        piece if !piece.is_indexed() => {}
        Piece::Word(word) if may_be_in_uuid(word) => {}
        Piece::Word(word) => all.push(in_words(reader, segment, |words| words.blocks_with(word))),
        Piece::Compound(word) if compounds => {
            all.push(in_words(reader, segment, |words| words.blocks_with(word)));
        }
        Piece::Compound(_) => {}
    });
    Filter::And(all)
}

/// The parts of a UUID are no words of the index.
fn may_be_in_uuid(word: &[u8]) -> bool {
    matches!(word.len(), 4 | 8 | 12) && word.iter().all(u8::is_ascii_hexdigit)
}

/// The last word of the text is the beginning of one, those before it are whole.
fn with_prefix(reader: &Reader, segment: &Segment, text: &str) -> Filter {
    let lower = text.to_ascii_lowercase();
    let start = lower.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let (whole, prefix) = (lower.get(..start).unwrap_or_default(), lower.get(start..).unwrap_or(&lower));
    let mut all = vec![with_tokens(reader, segment, whole, false)];
    // Of longer words the beginning is indexed.
    let prefix = prefix.get(..prefix.floor_char_boundary(LONGEST)).unwrap_or(prefix);
    // What may begin a long number or a UUID cannot be looked up.
    if !prefix.is_empty() && !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        all.push(in_words(reader, segment, |words| words.blocks_with_prefix(prefix.as_bytes())));
    }
    Filter::And(all)
}

fn in_words(
    reader: &Reader,
    segment: &Segment,
    ask: impl FnOnce(&Words) -> Result<Vec<u32>, tantivy::TantivyError>,
) -> Filter {
    let found = segment.words().and_then(|words| {
        let found = words.map(ask).transpose();
        found.map_err(|error| segment.words_damage(&error))
    });
    match found {
        Ok(Some(found)) => Filter::blocks(segment, &found),
        Ok(None) => Filter::All,
        Err(damage) => {
            reader.note(damage);
            Filter::All
        }
    }
}
