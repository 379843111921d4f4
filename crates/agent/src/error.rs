use std::error::Error;
use std::io;
use std::path::PathBuf;

use ingest::ClientTlsError;

use crate::spool::Holder;

/// Why an agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("the URL of central is not understood: {why}; write it as `https://central:7310`")]
    Url { why: &'static str },
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(
        "the agent stopped in the middle of its work; what it had taken is in the spool, this is a defect, report it"
    )]
    Crashed,
}

/// What is wrong with the buffer on the disk. What cannot be written is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("failed to open `{}`; check the path of the spool and who may write there", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("the spool `{}` is used by {holder}; stop that one, or give each agent a folder of its own", folder.display())]
    Locked { folder: PathBuf, holder: Holder },
    #[error("failed to write `{}`; it is tried again and sources wait, make room on its disk and check it", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("failed to read `{}`; check its disk", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to remove `{}`, which is not needed any more; check who may write to its folder", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error(
        "`{}` is damaged at byte {offset}; the lines there are lost or come twice, all others are kept, check its disk", path.display()
    )]
    Damaged { path: PathBuf, offset: u64 },
    #[error(
        "part of the spool `{}` is gone; its lines are lost or come twice, check its disk and who may write there", folder.display()
    )]
    FramesLost { folder: PathBuf },
    #[error(
        "what the spool `{}` remembered of texts is gone; what is in files now is sent again, check its disk", folder.display()
    )]
    StatesLost { folder: PathBuf },
    #[error("{lines} lines at once are more than a frame can hold; let sources hand over smaller batches")]
    TooLong { lines: u32 },
}

/// Why lines did not reach central. All but [`Self::Rejected`] are tried again for ever.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("failed to reach {url}; check that it runs and that nothing between blocks the port")]
    Unreachable { url: String, source: io::Error },
    #[error("failed to agree on TLS with {url}; {advice}")]
    Tls { url: String, advice: &'static str, source: Box<dyn Error + Send + Sync> },
    #[error(transparent)]
    TlsSettings(#[from] ClientTlsError),
    #[error("`{name}` is no name that a certificate can have; set the server name")]
    TlsName { name: String },
    #[error("failed to read the token in `{}`; it must hold one line that this user may read", path.display())]
    TokenFile { path: PathBuf, source: io::Error },
    #[error("lost {url} before it had answered; the lines are sent again{hint}")]
    Lost { url: String, hint: &'static str, source: hyper::Error },
    #[error("{url} did not answer within {seconds} seconds; the lines are sent again")]
    Silent { url: String, seconds: u64 },
    #[error("{url} answered {status}; {advice}{answer}")]
    Refused { url: String, status: u16, advice: &'static str, answer: Answer },
    #[error("{url} took a request but rejected {lines} of its lines, which are lost{answer}")]
    Rejected { url: String, lines: u64, answer: Answer },
}

/// What a server said, as far as it can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer(String);

impl Answer {
    /// Nothing in it moves a cursor.
    pub(crate) fn new(text: &[u8]) -> Self {
        const LONGEST: usize = 200;
        let text = String::from_utf8_lossy(text);
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST);
        Self(shown.collect::<String>().trim().to_owned())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(out, ": {}", self.0) }
    }
}
