//! What a full-text index does with the same lines when nobody thinks about logs: a document a line, its text stored.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::Result;
use tantivy::schema::{STORED, Schema, TEXT};
use tantivy::{Index, IndexWriter, TantivyDocument};

use crate::corpus::Corpus;

/// So much says how fast it is.
pub(crate) const ENOUGH_BYTES: u64 = 300_000_000;
const MEMORY: usize = 100 << 20;
const COMMIT_BYTES: u64 = 100_000_000;

/// Indexes a part of the corpus.
pub(crate) fn index(corpus: &Corpus, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut schema = Schema::builder();
    let text = schema.add_text_field("text", TEXT | STORED);
    let index = Index::create_in_dir(folder, schema.build())?;
    let mut writer: IndexWriter = index.writer_with_num_threads(1, MEMORY)?;
    let (mut bytes, mut committed) = (0, 0);
    for (path, length) in corpus.sample(ENOUGH_BYTES) {
        for line in BufReader::new(File::open(path)?.take(length)).split(b'\n') {
            let line = line?;
            bytes += line.len() as u64 + 1;
            let mut document = TantivyDocument::new();
            document.add_text(text, String::from_utf8_lossy(&line));
            writer.add_document(document)?;
        }
        if bytes - committed > COMMIT_BYTES {
            writer.commit()?;
            committed = bytes;
        }
    }
    writer.commit()?;
    writer.wait_merging_threads()?;
    Ok(())
}
