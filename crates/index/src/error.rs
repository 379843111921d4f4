use std::io;
use std::path::{Path, PathBuf};

/// Why a store cannot be opened or written. Each message says what to do; the cause is in `source`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no store in `{}`; import some logs first", path.display())]
    Missing { path: PathBuf },
    #[error("`{}` holds other files and no store; name an empty or new folder", path.display())]
    NotAStore { path: PathBuf },
    #[error(
        "the store `{}` has format {found}, this program reads format {supported}; \
         use the version that wrote it, or remove the folder and import again",
        path.display()
    )]
    Version { path: PathBuf, found: String, supported: u32 },
    #[error("the store `{}` is being written by {holder}; wait for it to finish, or stop it", path.display())]
    Locked { path: PathBuf, holder: String },
    #[error("`{}` is damaged; restore it from a backup, or remove the store and import again", path.display())]
    Damaged { path: PathBuf },
    #[error("failed to {doing} `{}`", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("the store could not be written before, so nothing more is written; open it again")]
    Failed,
    #[error("failed to index the words of `{}`", path.display())]
    Words { path: PathBuf, source: Box<tantivy::TantivyError> },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// A part of the store that cannot be read. Everything else still answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Damage {
    pub path: PathBuf,
    /// What is wrong, and what is missing from the answers therefore.
    pub what: String,
}
