//! The words of segments that are put together: the same index as if their blocks had been added one after the other.

use std::fs;
use std::path::{Path, PathBuf};

use tantivy::directory::MmapDirectory;
use tantivy::indexer::merge_indices;
use tantivy::{Index, TantivyError};

/// Block numbers go on from one folder to the next.
pub(crate) fn merge(from: &[PathBuf], to: &Path) -> Result<(), TantivyError> {
    fs::create_dir_all(to)?;
    let indices = from.iter().map(Index::open_in_dir).collect::<Result<Vec<Index>, _>>()?;
    for index in &indices {
        if let Some(file) = index.validate_checksum()?.iter().min() {
            let what = format!("wrong checksum of `{}`", file.display());
            return Err(TantivyError::InternalError(what));
        }
    }
    merge_indices(&indices, MmapDirectory::open(to)?).map(drop)
}
