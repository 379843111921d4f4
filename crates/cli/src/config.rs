//! The configuration file of `culprit up` and `culprit agent`. What it leaves out is as without a file, and the command
//! line wins over it. `packaging/culprit.toml` explains every key.

use std::fmt::Display;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use pipeline::BrokerUrl;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::args::{Bytes, Pause, Zone};
use crate::exit::{Exit, Failure};

/// Read when no other file is named, if it is there.
pub(crate) const USUAL_PLACE: &str = "/etc/culprit/culprit.toml";

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) store: Option<PathBuf>,
    pub(crate) filters: Option<PathBuf>,
    /// The name of this machine.
    pub(crate) host: Option<String>,
    pub(crate) zones: Vec<Text<Zone>>,
    pub(crate) files: Files,
    pub(crate) journal: Journal,
    pub(crate) syslog: Syslog,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) listen: Listen,
    pub(crate) keep: Keep,
    pub(crate) failures: Failures,
    pub(crate) agent: Agent,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Files {
    pub(crate) patterns: Option<Vec<String>>,
    pub(crate) from_end: bool,
    pub(crate) hosts_from_paths: bool,
    /// Of network file systems, which do not tell of changes.
    pub(crate) poll: Option<Text<Pause>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Journal {
    pub(crate) follow: bool,
    /// For `journalctl`.
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Syslog {
    pub(crate) udp: Option<SocketAddr>,
    pub(crate) tcp: Option<SocketAddr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broker {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) urls: Vec<Text<BrokerUrl>>,
    /// Holds one URL a row, so that the password need not stand in the configuration.
    pub(crate) url_file: Option<PathBuf>,
    pub(crate) virtual_host: Option<String>,
    pub(crate) exchanges: Option<Vec<String>>,
    pub(crate) routing_keys: Option<Vec<String>>,
    pub(crate) queue_prefix: Option<String>,
    /// Queues that nobody else reads.
    #[serde(default)]
    pub(crate) drain: Vec<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) certificate_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) server_name: Option<String>,
}

/// Where others may send to and ask.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) http: Option<SocketAddr>,
    pub(crate) forward: Option<SocketAddr>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) certificate_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) client_ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keep {
    pub(crate) days: Option<u32>,
    pub(crate) max_bytes: Option<Text<Bytes>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Failures {
    pub(crate) stuck_after: Option<Text<Pause>>,
    pub(crate) stuck_actions: Option<Vec<String>>,
    pub(crate) incident_failures: Option<u64>,
    pub(crate) incident_quiet: Option<Text<Pause>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) to: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) certificate_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) buffer: Option<PathBuf>,
    pub(crate) buffer_bytes: Option<Text<Bytes>>,
}

/// Written as on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(Error::custom)
    }
}

impl Text<Pause> {
    pub(crate) const fn time(&self) -> Duration {
        self.0.0
    }
}

impl Config {
    /// The file that is named; else the usual one, if it is there.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        match named {
            Some(file) => Self::read(file),
            None if Path::new(USUAL_PLACE).exists() => Self::read(Path::new(USUAL_PLACE)),
            None => Ok(Self::default()),
        }
    }

    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(file).map_err(|error| unreadable(file, "configuration", error))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            // Says the line and the column, and shows the row.
            let cause = anyhow::anyhow!("{}", error.to_string().trim_end());
            let advice = format!("change it, then run `culprit check-config {}`", file.display());
            let what = format!("failed to read the configuration `{}`", file.display());
            Failure::new(Exit::Data, cause.context(what)).advise(advice)
        })
    }
}

/// What a file that the configuration names holds, without the white space around it.
pub(crate) fn secret(file: &Path, what: &str) -> Result<String, Failure> {
    let text = fs::read_to_string(file).map_err(|error| unreadable(file, what, error))?;
    match text.trim() {
        "" => Err(Failure::because(Exit::Data, format!("the {what} `{}` is empty", file.display()))
            .advise("write it into the file, in one row")),
        text => Ok(text.to_owned()),
    }
}

/// Fails now rather than when the file is needed.
pub(crate) fn readable(file: &Path, what: &str) -> Result<(), Failure> {
    fs::File::open(file).map(drop).map_err(|error| unreadable(file, what, error))
}

fn unreadable(file: &Path, what: &str, error: io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user who runs this read it, or name another file",
        _ => "name a file that is there",
    };
    let message = format!("failed to read the {what} `{}`", file.display());
    Failure::new(Exit::NoInput, anyhow::Error::new(error).context(message)).advise(advice)
}
