use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why something could not be read. Each message names the path and what to do; the cause is in `source`.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("`{}` does not exist; check the spelling of the path", path.display())]
    Missing { path: PathBuf },
    #[error("no permission to read `{}`; run as a user who may read it, or add yourself to its group", path.display())]
    Denied { path: PathBuf },
    #[error("failed to open `{}`; check that the disk is mounted and healthy", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error(
        "`{path}` ends too early, after {offset} bytes of text; what came before was read, copy the file again for the rest"
    )]
    Truncated { path: String, offset: u64, source: io::Error },
    #[error(
        "failed to read `{path}` at byte {offset} of its text; what came before was read, check the file and its disk"
    )]
    Read { path: String, offset: u64, source: io::Error },
    #[error("failed to read the archive `{path}`; the members before were read, check it with `tar -t`")]
    Archive { path: String, source: io::Error },
    #[error("archives inside `{path}` are nested more than {limit} deep; unpack it and import the folder")]
    TooDeep { path: String, limit: usize },
    #[error("failed to read the notifications of cluster `{cluster}`")]
    Broker { cluster: String, source: Box<crate::amqp::BrokerError> },
    #[error("`{pattern}` is no pattern for files; write it as in `/var/log/**/*.log`")]
    Pattern { pattern: String, source: globset::Error },
    #[error(
        "`{}` is not followed because {limit} files are already; narrow the patterns or raise the limit of files", path.display()
    )]
    TooMany { path: PathBuf, limit: usize },
    #[error(
        "the system does not tell when files below `{}` change; they are looked at now and then instead, raise fs.inotify.max_user_watches or poll", path.display()
    )]
    Watch { path: PathBuf, source: notify::Error },
    #[error(
        "failed to listen on {address}; check that it is an address of this machine and that nobody else listens there"
    )]
    Listen { address: String, source: io::Error },
    #[error("failed to open the doors at {address}")]
    Door { address: SocketAddr, source: Box<crate::DoorError> },
    #[error("failed to start `{command}`; check that it is installed and may be run")]
    Start { command: String, source: io::Error },
    #[error("reading stopped in the middle of `{path}`; this is a defect, report it")]
    Crashed { path: String },
}

impl ReadError {
    /// What could not be read.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Missing { path }
            | Self::Denied { path }
            | Self::Open { path, .. }
            | Self::TooMany { path, .. }
            | Self::Watch { path, .. } => path.display().to_string(),
            Self::Pattern { pattern: named, .. }
            | Self::Listen { address: named, .. }
            | Self::Start { command: named, .. } => named.clone(),
            Self::Door { address, .. } => address.to_string(),
            Self::Truncated { path, .. }
            | Self::Read { path, .. }
            | Self::Archive { path, .. }
            | Self::Crashed { path }
            | Self::TooDeep { path, .. } => path.clone(),
            Self::Broker { cluster, .. } => format!("amqp/{cluster}"),
        }
    }

    pub(crate) fn open(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            _ => Self::Open { path, source },
        }
    }

    pub(crate) fn read(path: &str, offset: u64, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { path, offset, source },
            _ => Self::Read { path, offset, source },
        }
    }
}
