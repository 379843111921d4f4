use index::StoreError;

/// Why an import stopped. What could not be read of its files is in the report instead.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("failed to open the store")]
    Open { source: StoreError },
    #[error("failed to write to the store; what earlier imports committed is still there")]
    Write { source: StoreError },
    #[error("failed to read the store back in order to judge its requests; the lines are stored")]
    ReadBack { source: StoreError },
}
