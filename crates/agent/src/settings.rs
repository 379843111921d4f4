use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use ingest::ClientTls;

use crate::AgentError;

/// What an agent keeps where, and to whom it sends.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// This machine (`host.name`), for lines whose source does not name one.
    pub host: String,
    pub central: Central,
    pub spool: SpoolSettings,
    pub cut: Cut,
    /// When all is stopped, what is left is sent for so long; the rest is sent after the next start.
    pub last_chance: Duration,
}

impl AgentSettings {
    #[must_use]
    pub fn new(host: impl Into<String>, central: CentralUrl, spool: impl Into<PathBuf>) -> Self {
        Self {
            host: host.into(),
            central: Central::new(central),
            spool: SpoolSettings::new(spool),
            cut: Cut::default(),
            last_chance: Duration::from_secs(5),
        }
    }
}

/// Whom lines are sent to.
#[derive(Clone, Debug)]
pub struct Central {
    pub url: CentralUrl,
    pub token: Token,
    pub tls: ClientTls,
    pub retry: Retry,
    /// So long an answer may take: it comes when the lines are durable there.
    pub patience: Duration,
    /// About so much is sent at once, as it is before compression.
    pub request_bytes: u64,
}

impl Central {
    #[must_use]
    pub fn new(url: CentralUrl) -> Self {
        Self {
            url,
            token: Token::None,
            tls: ClientTls::default(),
            retry: Retry::default(),
            patience: Duration::from_secs(60),
            request_bytes: 4 << 20,
        }
    }
}

/// `https://central:7310`, with a path in front of `/v1/logs` where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CentralUrl {
    pub(crate) encrypted: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// With its port where the URL names one.
    pub(crate) authority: String,
    /// `/v1/logs`
    pub(crate) path: String,
}

impl CentralUrl {
    pub fn parse(text: &str) -> Result<Self, AgentError> {
        let wrong = |why| AgentError::Url { why };
        let uri: Uri = text.trim().parse().map_err(|_| wrong("it is no URL"))?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("it must begin with `https://` or `http://`")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a password; give a token instead"));
        }
        if uri.query().is_some() {
            return Err(wrong("nothing may follow its path"));
        }
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        if bare.is_empty() {
            return Err(wrong("it names no host"));
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none() {
            return Err(wrong("its port is no number up to 65535"));
        }
        let base = uri.path().trim_end_matches('/').trim_end_matches("/v1/logs");
        Ok(Self {
            encrypted,
            host: bare.to_owned(),
            port: authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: format!("{base}/v1/logs"),
        })
    }
}

impl std::fmt::Display for CentralUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        write!(out, "{scheme}://{}{}", self.authority, self.path)
    }
}

/// What tells central that we may send.
#[derive(Clone, PartialEq, Eq)]
pub enum Token {
    None,
    Given(String),
    /// Read for each attempt: tokens are renewed while we run.
    File(PathBuf),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => write!(out, "None"),
            Self::Given(_) => write!(out, "Given(…)"),
            Self::File(path) => write!(out, "File({})", path.display()),
        }
    }
}

/// The pause before a new attempt doubles from `first` to `longest`, and is up to a quarter shorter by chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub first: Duration,
    pub longest: Duration,
    /// For one attempt to connect.
    pub connect: Duration,
    /// Before a new attempt where somebody has to change something first.
    pub refused: Duration,
    /// No server makes us wait longer than this.
    pub most_told: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            refused: Duration::from_secs(30),
            most_told: Duration::from_secs(300),
        }
    }
}

/// The buffer on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    pub folder: PathBuf,
    /// When so much is kept, nothing more is taken, and sources wait.
    pub max_bytes: u64,
    /// What is acknowledged is deleted in pieces of this size.
    pub segment_bytes: u64,
}

impl SpoolSettings {
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), max_bytes: 1 << 30, segment_bytes: 16 << 20 }
    }

    /// A small spool has several segments too.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.min(self.max_bytes / 8)
    }
}

/// When what was gathered is written, and then sent: whatever comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub after: Duration,
    pub lines: usize,
    /// Of text. The delivery that reaches it is still taken.
    pub bytes: usize,
}

impl Default for Cut {
    fn default() -> Self {
        Self { after: Duration::from_millis(150), lines: 4096, bytes: 512 << 10 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let check = |text: &str, expected: &str, address: (&str, u16)| {
            let url = CentralUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), expected);
            assert_eq!((url.host.as_str(), url.port), address);
        };
        check("https://central:7310", "https://central:7310/v1/logs", ("central", 7310));
        check("http://central", "http://central/v1/logs", ("central", 80));
        check("https://[fd00::1]:7310/", "https://[fd00::1]:7310/v1/logs", ("fd00::1", 7310));
        check("https://c/otlp/", "https://c/otlp/v1/logs", ("c", 443));
        check("https://c/otlp/v1/logs", "https://c/otlp/v1/logs", ("c", 443));
    }

    #[test]
    fn what_is_no_url_is_an_error_that_tells_why() {
        let check = |text: &str, why: &str| {
            let error = CentralUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        };
        check("central:7310", "begin with `https://`");
        check("ftp://central", "begin with `https://`");
        check("https://user:secret@central", "give a token");
        check("https://central/?a=b", "nothing may follow");
        check("https://central:99999", "its port is no number");
        check("https://", "is no");
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", Token::Given("secret".into())).contains("secret"));
    }
}
