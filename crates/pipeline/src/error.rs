use agent::AgentError;
use index::StoreError;
use ingest::ReadError;

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

/// Why a store cannot go on taking what comes in.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("failed to open the store")]
    Open { source: StoreError },
    #[error("failed to write to the store; what was committed is still there, and what was not comes again")]
    Write { source: StoreError },
    #[error("failed to start")]
    Start { source: std::io::Error },
    #[error("nothing can be read")]
    Source { source: ReadError },
}

/// Why an agent cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    #[error("failed to send lines")]
    Agent { source: AgentError },
    #[error("failed to start")]
    Start { source: std::io::Error },
    #[error("nothing can be read")]
    Source { source: ReadError },
}
