//! Which blocks hold a word. A line's words are its runs of letters, digits and `_`, in lower case, and its compounds:
//! words joined by `.`, `/` or `-`, as in `nova.compute.manager`. Ids are no words (`ids` finds them), nor are long
//! numbers, nor the time that a line begins with: a dictionary of a million terms that stand once each is slow to write
//! and finds nothing that a look at the block would not find.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Id, ScannedId};
use tantivy::directory::MmapDirectory;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{
    DocSet, Index, InvertedIndexReader, SegmentReader, TERMINATED, TantivyDocument, TantivyError, Term,
};

/// Of longer words the beginning is indexed.
pub(crate) const LONGEST: usize = 64;
/// Longer numbers than these are not indexed; whoever looks for them has to look into the blocks.
const LONGEST_NUMBER: usize = 5;
const LONGEST_HEX: usize = 15;

/// What makes a text findable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Id(Id),
    Word(&'a [u8]),
    Compound(&'a [u8]),
}

/// Visits ids, words and compounds of a text, in one pass. Names among the ids are read by people, who look for a part
/// of them, so their words are visited too; those of UUIDs are not.
pub(crate) fn tokens<'a>(text: &'a [u8], mut visit: impl FnMut(Piece<'a>)) {
    let mut compound = Compound::default();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match CLASSES[usize::from(byte)] {
            Class::Gap => {
                compound.end(text, &mut visit);
                at += 1;
            }
            Class::Joiner => at += 1,
            Class::Word => {
                let start = at;
                at += text[at..].iter().take_while(|byte| is_word(**byte)).count();
                let Some(found) = id_in(text, start, at) else {
                    compound.add(start, at);
                    visit_word(&text[start..at], &mut visit);
                    continue;
                };
                compound.end_before(found.range.start, text, &mut visit);
                at = found.range.end;
                let read = if found.id.uuid().is_some() { start..found.range.start } else { start..at };
                let words = text.get(read).unwrap_or_default().split(|byte| !is_word(*byte));
                words.for_each(|word| visit_word(word, &mut visit));
                visit(Piece::Id(found.id));
            }
        }
    }
    compound.end(text, &mut visit);
}

/// Words that joiners hold together.
#[derive(Default)]
struct Compound {
    start: usize,
    end: usize,
    words: usize,
}

impl Compound {
    fn add(&mut self, start: usize, end: usize) {
        if self.words == 0 {
            self.start = start;
        }
        self.end = end;
        self.words += 1;
    }

    fn end<'a>(&mut self, text: &'a [u8], visit: &mut impl FnMut(Piece<'a>)) {
        let length = self.end - self.start;
        if self.words > 1 {
            let whole = &text[self.start..self.end];
            if length <= LONGEST {
                visit(Piece::Compound(whole));
            }
            // An address stands in `10.0.0.5/24` and in `node-10.0.0.5` too.
            let parts = whole.split(|byte| matches!(byte, b'/' | b'-'));
            let shorter = parts.filter(|part| part.len() < length || length > LONGEST);
            shorter.filter(|part| is_address(part)).for_each(|part| visit(Piece::Compound(part)));
        }
        *self = Self::default();
    }

    /// An id stands here, the last words may be a part of it.
    fn end_before<'a>(&mut self, id: usize, text: &'a [u8], visit: &mut impl FnMut(Piece<'a>)) {
        if self.end > id {
            *self = Self::default();
        }
        self.end(text, visit);
    }
}

/// The first id that begins in this word, or whose first part stands before it and a joiner.
fn id_in(text: &[u8], start: usize, end: usize) -> Option<ScannedId> {
    let joined = |at: Option<usize>| at.and_then(|at| text.get(at)) == Some(&b'-');
    let may_be = match end - start {
        2 => text.get(end) == Some(&b':'),
        8..32 => joined(Some(end)) || joined(start.checked_sub(1)),
        32.. => true,
        _ => false,
    };
    if !may_be {
        return None;
    }
    let mut at = start;
    text[start..end].split(|byte| !byte.is_ascii_alphanumeric()).find_map(|run| {
        let run_start = at;
        at += run.len() + 1;
        model::id_at(text, run_start, run_start + run.len())
    })
}

fn visit_word<'a>(word: &'a [u8], visit: &mut impl FnMut(Piece<'a>)) {
    if word.is_empty() {
        return;
    }
    visit(Piece::Word(word.get(..LONGEST).unwrap_or(word)));
    if !word.is_ascii() {
        // Of `‘kvm’` people look for what stands between the quotes.
        let parts = word.split(|byte| !byte.is_ascii()).filter(|part| !part.is_empty());
        parts.for_each(|part| visit(Piece::Word(part.get(..LONGEST).unwrap_or(part))));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Gap,
    Joiner,
    Word,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Gap; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = match byte {
            b'.' | b'/' | b'-' => Class::Joiner,
            b'_' | 0x80.. => Class::Word,
            _ if byte.is_ascii_alphanumeric() => Class::Word,
            _ => Class::Gap,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

fn is_word(byte: u8) -> bool {
    CLASSES[usize::from(byte)] == Class::Word
}

const fn is_joiner(byte: u8) -> bool {
    matches!(byte, b'.' | b'/' | b'-')
}

impl Piece<'_> {
    /// Whether the index knows such pieces: not long numbers, not digests, not dates nor measured seconds.
    pub(crate) fn is_indexed(&self) -> bool {
        match self {
            Self::Id(_) => true,
            Self::Word(word) => is_indexed(word),
            Self::Compound(compound) => is_telling(compound),
        }
    }
}

fn is_indexed(word: &[u8]) -> bool {
    if word.len() <= LONGEST_NUMBER {
        return true;
    }
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hex = || word.iter().all(u8::is_ascii_hexdigit);
    let number = digits == word.len();
    word.len() <= LONGEST && !number && !(digits > 0 && word.len() > LONGEST_HEX && hex())
}

/// Names and IPv4 addresses, but no dates and no measured seconds.
fn is_telling(compound: &[u8]) -> bool {
    let parts = || compound.split(|byte| is_joiner(*byte));
    let name = || {
        parts().all(|part| is_indexed(part) && part.iter().filter(|byte| byte.is_ascii_digit()).count() < 5)
    };
    if compound.iter().any(u8::is_ascii_alphabetic) { name() } else { is_address(compound) }
}

fn is_address(compound: &[u8]) -> bool {
    compound.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && compound.split(|byte| *byte == b'.').count() == 4
}

/// Collects the distinct words of one block after the other.
pub(crate) struct WordsWriter {
    path: PathBuf,
    index: SingleSegmentIndexWriter,
    field: Field,
    /// The hash of each word, and the block that it was last seen in.
    seen: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    block: u32,
    /// What stood between two spaces in the last lines: hashes, by a part of them.
    recent: Vec<u64>,
    /// The words of this block, a line feed after each.
    words: String,
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
            seen: HashMap::default(),
            block: 0,
            recent: vec![0; RECENT],
            words: String::new(),
        })
    }

    /// Indexes the text of the next block; gives the hashes of its ids, sorted.
    pub(crate) fn add(&mut self, text: &[u8]) -> Result<Vec<u64>, TantivyError> {
        self.block += 1;
        self.words.clear();
        let mut ids = Vec::new();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text).chain([text.len()]) {
            let line = &text[start..end];
            start = end + 1;
            self.add_line(&line[stamp_length(line)..], &mut ids);
        }
        ids.sort_unstable();
        ids.dedup();
        let mut document = TantivyDocument::default();
        document.add_text(self.field, &*self.words);
        self.index.add_document(document)?;
        Ok(ids)
    }

    /// No word, id or compound goes over a space, so what stands between two spaces can be looked at by itself, once
    /// for a block: lines of a block resemble each other.
    fn add_line(&mut self, line: &[u8], ids: &mut Vec<u64>) {
        let mut start = 0;
        while start < line.len() {
            let (end, hash) = piece_at(line, start, self.block.into());
            let [low, high, ..] = hash.to_le_bytes();
            let slot = &mut self.recent[usize::from(u16::from_le_bytes([low, high])) % RECENT];
            if std::mem::replace(slot, hash) != hash {
                self.add_piece(&line[start..end], ids);
            }
            start = end + 1;
        }
    }

    fn add_piece(&mut self, piece: &[u8], ids: &mut Vec<u64>) {
        let Self { seen, words, block, .. } = self;
        tokens(piece, |piece| {
            let word = match &piece {
                Piece::Id(id) => return ids.push(id.stable_hash()),
                Piece::Word(word) | Piece::Compound(word) => *word,
            };
            let hash = hash_in_lower_case(word);
            if let Some(last) = seen.get_mut(&hash) {
                if std::mem::replace(last, *block) != *block {
                    push_word(word, words);
                }
            } else if piece.is_indexed() {
                seen.insert(hash, *block);
                push_word(word, words);
            }
        });
    }

    pub(crate) fn finish(self) -> Result<(), TantivyError> {
        self.index.finalize().map(drop)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The length of a time like `2026-11-21 03:28:16.763` or `2026-11-21T03:28:16` that a line begins with; else 0. Its
/// numbers would be half of all words, and nobody looks for a time among words.
#[must_use]
pub fn stamp_length(line: &[u8]) -> usize {
    const SHAPE: &[u8; 19] = b"0000-00-00 00:00:00";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T'),
        _ => byte == shape,
    };
    if line.len() < SHAPE.len() || !line.iter().zip(SHAPE).all(fits) {
        return 0;
    }
    let fraction = line[SHAPE.len()..].iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b','));
    SHAPE.len() + fraction.count()
}

/// As many as twelve bits have values: they stay in the processor's first cache.
const RECENT: usize = 1 << 12;

fn push_word(word: &[u8], words: &mut String) {
    if let Ok(word) = std::str::from_utf8(word) {
        let start = words.len();
        words.push_str(word);
        words.get_mut(start..).map(str::make_ascii_lowercase);
        words.push('\n');
    }
}

/// 64 bits: of the hundred thousand words of a segment no two fall together.
fn hash_in_lower_case(word: &[u8]) -> u64 {
    fold(word, word.len() as u64, lower_case)
}

/// Where what begins at `start` ends, before a space or at the end of the line, and its hash. The topmost bits of the
/// last chunk, which has at most seven bytes, tell its length.
fn piece_at(line: &[u8], start: usize, seed: u64) -> (usize, u64) {
    let (mut at, mut hash) = (start, seed << 32);
    while let Some(chunk) = line.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let bytes = u64::from_le_bytes(*chunk);
        let without_spaces = bytes ^ (u64::from(b' ') * EACH);
        // The lowest of the bits that are set tells the first byte that is zero.
        let zeros = without_spaces.wrapping_sub(EACH) & !without_spaces & (0x80 * EACH);
        if zeros != 0 {
            let bits = zeros.trailing_zeros() & !7;
            let length = bits as usize / 8;
            return (at + length, mix(hash ^ bytes & !(u64::MAX << bits) ^ u64::from(bits) << 56));
        }
        hash = mix(hash ^ bytes);
        at += 8;
    }
    let rest = line.get(at..).unwrap_or_default();
    let length = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    let last = rest.iter().take(length).rev().fold(0, |last, byte| last << 8 | u64::from(*byte));
    (at + length, mix(hash ^ last ^ (length as u64) << 59))
}

fn fold(text: &[u8], seed: u64, each: impl Fn(u64) -> u64) -> u64 {
    let (chunks, rest) = text.as_chunks::<8>();
    let hash = chunks.iter().fold(seed, |hash, chunk| mix(hash ^ each(u64::from_le_bytes(*chunk))));
    let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u64::from(*byte));
    mix(hash ^ each(last))
}

/// Both halves of a product: wyhash's mixing, <https://github.com/wangyi-fudan/wyhash>.
fn mix(value: u64) -> u64 {
    let product = u128::from(value ^ 0x2d35_8dcc_aa6c_78a5) * 0x8bb8_4b93_962e_acc9;
    let [low, high] = [product & u128::from(u64::MAX), product >> 64];
    u64::try_from(low ^ high).expect("both halves have 64 bits")
}

/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

/// ASCII letters of eight bytes at once. A byte plus 0x3f passes 0x80 from `A` on, plus 0x25 after `Z`.
fn lower_case(bytes: u64) -> u64 {
    let low = bytes & (0x7f * EACH);
    let capital = (low + 0x3f * EACH) & !(low + 0x25 * EACH) & !bytes & (0x80 * EACH);
    bytes | capital >> 2
}

/// The keys are hashes already.
#[derive(Clone, Copy, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| mix(hash ^ u64::from(*byte)));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
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
    fn a_line_is_cut_at_its_spaces_and_equal_pieces_have_equal_hashes() {
        let lines: [&[u8]; 6] = [
            b"a bb ccc 8letters 8letters bb ninenine9 and-much-longer-than-that a",
            b" two  spaces ",
            b"",
            b" ",
            b"8letters",
            "\0 \0\0 é\u{a0} a\0 \u{1f} !".as_bytes(),
        ];
        let (mut of_piece, mut of_hash) = (HashMap::new(), HashMap::new());
        for line in lines {
            let mut start = 0;
            for piece in line.split(|byte| *byte == b' ') {
                let (end, hash) = piece_at(line, start, 7);
                assert_eq!(line[start..end], *piece);
                assert_eq!(*of_piece.entry(piece).or_insert(hash), hash, "{piece:?}");
                assert_eq!(*of_hash.entry(hash).or_insert(piece), piece);
                start = end + 1;
            }
        }
    }

    #[test]
    fn a_line_is_cut_into_ids_words_and_compounds() {
        let check = |text: &str, expected: &[&str]| {
            let mut found = Vec::new();
            tokens(text.as_bytes(), |token| {
                if !token.is_indexed() {
                    return;
                }
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
        check("340882cbe4f1a9b7039785867dc13fdf43a478f3 größe", &["größe", "gr", "e"]);
        check("via 10.0.0.0/24", &["via", "10", "0", "0", "0", "24", "[10.0.0.0]"]);
        check(&"word".repeat(20), &["word".repeat(16).as_str()]);
    }

    #[test]
    fn words_are_the_same_in_any_case() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        for word in all.chunks(8).chain([b"Nova.Compute".as_slice(), b"", "GRÖSSE_1".as_bytes()]) {
            let lower = word.to_ascii_lowercase();
            assert_eq!(hash_in_lower_case(word), hash_in_lower_case(&lower), "{word:?}");
        }
        assert_ne!(hash_in_lower_case(b"nova"), hash_in_lower_case(b"nova_"));
        assert_ne!(hash_in_lower_case("größe".as_bytes()), hash_in_lower_case("gröÿe".as_bytes()));
    }

    proptest::proptest! {
        #[test]
        fn the_ids_are_those_that_a_scan_finds(text in "([-_./: a-f0-9]|tap|instance-|[0-9a-f]{8}|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|xyz){0,40}") {
            let mut scanned = Vec::new();
            model::scan_ids(text.as_bytes(), |found| scanned.push(found.id));
            let mut visited = Vec::new();
            tokens(text.as_bytes(), |piece| if let Piece::Id(id) = piece { visited.push(id) });
            proptest::prop_assert_eq!(visited, scanned);
        }
    }
}
