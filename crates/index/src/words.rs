//! Which blocks hold a word. A line's words are its runs of letters, digits and `_`, in lower case, and its compounds:
//! words joined by `.`, `/` or `-`, as in `nova.compute.manager`. Ids are no words (`ids` finds them), nor are long
//! numbers: a dictionary of a million terms that stand once each is slow to write and finds nothing that a look at
//! the block would not find.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Id, scan_ids};
use tantivy::directory::MmapDirectory;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{
    DocSet, Index, InvertedIndexReader, SegmentReader, TERMINATED, TantivyDocument, TantivyError, Term,
};
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

/// Longer words and numbers than these are not indexed; whoever looks for them has to look into the blocks.
const LONGEST: usize = 64;
const LONGEST_NUMBER: usize = 5;
const LONGEST_HEX: usize = 15;

/// What makes a text findable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Id(Id),
    Word(&'a [u8]),
    Compound(&'a [u8]),
}

/// Visits ids, words and compounds of a text that is in lower case already.
pub(crate) fn tokens<'a>(lower: &'a [u8], mut visit: impl FnMut(Piece<'a>)) {
    let mut start = 0;
    scan_ids(lower, |found| {
        words(lower.get(start..found.range.start).unwrap_or_default(), &mut visit);
        start = found.range.end;
        // Names are read by people, who look for a part of them; UUIDs are not.
        if found.id.uuid().is_none() {
            words(lower.get(found.range).unwrap_or_default(), &mut visit);
        }
        visit(Piece::Id(found.id));
    });
    words(lower.get(start..).unwrap_or_default(), &mut visit);
}

fn words<'a>(text: &'a [u8], visit: &mut impl FnMut(Piece<'a>)) {
    for compound in text.split(|byte| !is_word(*byte) && !is_joiner(*byte)) {
        let mut parts = 0;
        for word in compound.split(|byte| is_joiner(*byte)).filter(|word| !word.is_empty()) {
            parts += 1;
            if is_indexed(word) {
                visit(Piece::Word(word));
            }
        }
        let compound = trim(compound);
        if parts > 1 && compound.len() <= LONGEST && is_telling(compound) {
            visit(Piece::Compound(compound));
        }
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

const fn is_joiner(byte: u8) -> bool {
    matches!(byte, b'.' | b'/' | b'-')
}

fn trim(compound: &[u8]) -> &[u8] {
    let start = compound.iter().position(|byte| is_word(*byte)).unwrap_or(0);
    let end = compound.iter().rposition(|byte| is_word(*byte)).map_or(0, |last| last + 1);
    compound.get(start..end).unwrap_or_default()
}

fn is_indexed(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hex = || word.iter().all(u8::is_ascii_hexdigit);
    let number = digits == word.len() && digits > LONGEST_NUMBER;
    word.len() <= LONGEST && !number && !(digits > 0 && word.len() > LONGEST_HEX && hex())
}

/// Names and IPv4 addresses, but no dates and no measured seconds.
fn is_telling(compound: &[u8]) -> bool {
    let parts = || compound.split(|byte| is_joiner(*byte));
    let address =
        || parts().count() == 4 && compound.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let name = || {
        parts().all(|part| is_indexed(part) && part.iter().filter(|byte| byte.is_ascii_digit()).count() < 5)
            && compound.iter().any(u8::is_ascii_alphabetic)
    };
    name() || address()
}

/// Collects the distinct words of one block after the other.
pub(crate) struct WordsWriter {
    path: PathBuf,
    index: SingleSegmentIndexWriter,
    field: Field,
    seen: HashSet<u128, Xxh3DefaultBuilder>,
    lower: Vec<u8>,
    /// The words of this block, a line feed after each.
    block: String,
}

impl WordsWriter {
    pub(crate) fn create(path: &Path) -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("lines")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let field = schema.add_text_field("words", TextOptions::default().set_indexing_options(indexing));
        let tokenizers = TokenizerManager::new();
        tokenizers.register("lines", TextAnalyzer::from(Lines::default()));
        let index = Index::builder()
            .schema(schema.build())
            .tokenizers(tokenizers)
            .single_segment_index_writer(MmapDirectory::open(path)?, 16 << 20)?;
        Ok(Self {
            path: path.to_owned(),
            index,
            field,
            seen: HashSet::default(),
            lower: Vec::new(),
            block: String::new(),
        })
    }

    /// Indexes the text of the next block; gives the hashes of its ids, sorted.
    pub(crate) fn add(&mut self, text: &[u8]) -> Result<Vec<u64>, TantivyError> {
        let Self { seen, lower, block, .. } = self;
        lower.clear();
        lower.extend_from_slice(text);
        lower.make_ascii_lowercase();
        seen.clear();
        block.clear();
        let mut ids = Vec::new();
        tokens(lower, |token| match token {
            Piece::Id(id) => ids.push(id.stable_hash()),
            Piece::Word(word) | Piece::Compound(word) => {
                if seen.insert(xxhash_rust::xxh3::xxh3_128(word))
                    && let Ok(word) = std::str::from_utf8(word)
                {
                    block.push_str(word);
                    block.push('\n');
                }
            }
        });
        ids.sort_unstable();
        ids.dedup();
        let mut document = TantivyDocument::default();
        document.add_text(self.field, &*block);
        self.index.add_document(document)?;
        Ok(ids)
    }

    pub(crate) fn finish(self) -> Result<(), TantivyError> {
        self.index.finalize().map(drop)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Cuts a text at its line feeds: the work of finding words is done before tantivy sees them.
#[derive(Clone, Default)]
struct Lines {
    token: Token,
}

struct LineStream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for Lines {
    type TokenStream<'a> = LineStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> LineStream<'a> {
        self.token.reset();
        LineStream { rest: text, token: &mut self.token }
    }
}

impl TokenStream for LineStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((word, rest)) = self.rest.split_once('\n') else { return false };
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(word);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// The words of one segment.
pub(crate) struct Words {
    index: Arc<InvertedIndexReader>,
    field: Field,
}

impl Words {
    /// Checks the checksums: tantivy trusts what it maps.
    pub(crate) fn open(path: &Path) -> Result<Self, TantivyError> {
        let index = Index::open_in_dir(path)?;
        let damaged = index.validate_checksum()?;
        if let Some(file) = damaged.iter().min() {
            return Err(TantivyError::InternalError(format!("wrong checksum of `{}`", file.display())));
        }
        let segments = index.searchable_segments()?;
        let segment = segments.first().ok_or_else(|| TantivyError::InternalError("no segment".to_owned()))?;
        let field = index.schema().get_field("words")?;
        Ok(Self { index: SegmentReader::open(segment)?.inverted_index(field)?, field })
    }

    pub(crate) fn blocks_with(&self, word: &[u8]) -> Result<Vec<u32>, TantivyError> {
        let term = Term::from_field_text(self.field, &String::from_utf8_lossy(word));
        let Some(mut postings) = self.index.read_postings(&term, IndexRecordOption::Basic)? else {
            return Ok(Vec::new());
        };
        Ok(drain(&mut postings))
    }

    /// Blocks with a word that begins like this.
    pub(crate) fn blocks_with_prefix(&self, prefix: &[u8]) -> Result<Vec<u32>, TantivyError> {
        let mut blocks = Vec::new();
        let mut terms = self.index.terms().range().ge(prefix).into_stream()?;
        while terms.advance() && terms.key().starts_with(prefix) {
            let mut postings =
                self.index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            blocks.append(&mut drain(&mut postings));
        }
        Ok(blocks)
    }
}

fn drain(postings: &mut impl DocSet) -> Vec<u32> {
    let mut blocks = Vec::new();
    while postings.doc() != TERMINATED {
        blocks.push(postings.doc());
        postings.advance();
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_ids_words_and_compounds() {
        let check = |text: &str, expected: &[&str]| {
            let mut found = Vec::new();
            tokens(text.as_bytes(), |token| {
                found.push(match token {
                    Piece::Id(id) => format!("id {id}"),
                    Piece::Word(word) => String::from_utf8(word.to_vec()).unwrap(),
                    Piece::Compound(word) => format!("[{}]", String::from_utf8_lossy(word)),
                });
            });
            assert_eq!(found, expected, "{text}");
        };
        check(
            "2026-11-21 03:28:16.763 6620 info nova.compute.claims [",
            &[
                "2026",
                "11",
                "21",
                "03",
                "28",
                "16",
                "763",
                "6620",
                "info",
                "nova",
                "compute",
                "claims",
                "[nova.compute.claims]",
            ],
        );
        check(
            "req-0679010f-c12e-4d7d-a1f6-9c887eb0e4f8] on 10.0.0.5 took 0.1234567",
            &[
                "req",
                "id 0679010f-c12e-4d7d-a1f6-9c887eb0e4f8",
                "on",
                "10",
                "0",
                "0",
                "5",
                "[10.0.0.5]",
                "took",
                "0",
            ],
        );
        check("instance-0000009f", &["instance", "0000009f", "id instance-0000009f"]);
        check("/var/log/no_such.log:", &["var", "log", "no_such", "log", "[var/log/no_such.log]"]);
        check("340882cbe4f1a9b7039785867dc13fdf43a478f3 größe", &["größe"]);
    }
}
