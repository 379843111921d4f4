use std::io;
use std::sync::Arc;

use super::tls::advice;
use super::url::Node;
use crate::ClientTlsError;

/// What is wrong with a broker or with what is wanted from it. Each message says what to change; none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("a broker's URL is not understood: {why}; write it as `amqp://user:password@host:5672/vhost`")]
    Url { why: &'static str },
    #[error("no broker is named for cluster `{cluster}`; give it at least one URL")]
    NoNodes { cluster: String },
    #[error("failed to reach broker {node}; check that it runs and that nothing between blocks the port")]
    Unreachable { node: String, source: io::Error },
    #[error(
        "broker {node} refused the password of user `{user}`; check both in its URL with `rabbitmqctl authenticate_user {user} PASSWORD`"
    )]
    Login { node: String, user: String, source: Box<lapin::Error> },
    #[error(
        "broker {node} has no virtual host `{virtual_host}`; `rabbitmqctl list_vhosts` lists those it has, the URL names one after the `/`"
    )]
    NoVirtualHost { node: String, virtual_host: String, source: Box<lapin::Error> },
    #[error(
        "broker {node} does not let user `{user}` into virtual host `{virtual_host}`; allow it with `rabbitmqctl set_permissions -p {virtual_host} {user} '^culprit\\.' '^culprit\\.' '.*'`"
    )]
    VirtualHostRefused { node: String, user: String, virtual_host: String, source: Box<lapin::Error> },
    #[error(transparent)]
    TlsSettings(#[from] ClientTlsError),
    #[error("`{name}` is no name that a certificate can have; set the server name")]
    TlsName { name: String },
    #[error("failed to agree on TLS with broker {node}; {advice}")]
    Tls { node: String, advice: &'static str, source: Arc<io::Error> },
    #[error("broker {node} closed the connection at once; it may want a client certificate that it knows")]
    TlsClosed { node: String, source: Box<lapin::Error> },
    #[error("lost broker {node}; what it was not told to forget comes again")]
    Lost { node: String, source: Box<lapin::Error> },

    #[error(
        "exchange `{exchange}` does not exist yet; it will be looked for again, until then remove it from the list or let its service publish a notification"
    )]
    NoExchange { exchange: String, source: Box<lapin::Error> },
    #[error(
        "queue `{queue}` does not exist; it will be looked for again, check its name with `rabbitmqctl list_queues`"
    )]
    NoQueue { queue: String, source: Box<lapin::Error> },
    #[error(
        "queue `{queue}` has {consumers} consumers, who would lose what is taken from it; read a copy of its exchange instead of draining it, or stop them"
    )]
    Consumed { queue: String, consumers: u32 },
    #[error("queue `{queue}` is read by another process; give each its own queue prefix")]
    InUse { queue: String, source: Box<lapin::Error> },
    #[error(
        "queue `{queue}` stands with other bounds than the settings have, it is read as it is; `rabbitmqctl delete_queue {queue}` lets it be made anew, without what it holds"
    )]
    OtherBounds { queue: String, source: Box<lapin::Error> },
    #[error(
        "broker refused to {what}; allow user `{user}` to configure, write and read it with `rabbitmqctl set_permissions`"
    )]
    Forbidden { what: String, user: String, source: Box<lapin::Error> },
    #[error("failed to {what}")]
    Failed { what: String, source: Box<lapin::Error> },
    #[error("the broker took queue `{queue}` away from its reader; it will be looked for again")]
    Cancelled { queue: String },
    #[error("lines of `{stream}` could not be stored; they come again")]
    NotStored { stream: String },
}

/// Codes that a broker closes a channel or a connection with.
pub(super) mod code {
    pub(in super::super) const ACCESS_REFUSED: u16 = 403;
    pub(in super::super) const NOT_FOUND: u16 = 404;
    pub(in super::super) const RESOURCE_LOCKED: u16 = 405;
    pub(in super::super) const PRECONDITION_FAILED: u16 = 406;
    pub(in super::super) const NOT_ALLOWED: u16 = 530;
}

impl BrokerError {
    /// Whether another attempt fails in the same way until somebody changes the settings.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::Url { .. }
                | Self::NoNodes { .. }
                | Self::Login { .. }
                | Self::NoVirtualHost { .. }
                | Self::VirtualHostRefused { .. }
                | Self::TlsSettings(_)
                | Self::TlsName { .. }
                | Self::Tls { .. }
        )
    }

    pub(super) fn of_opening(node: &Node, virtual_host: &str, source: lapin::Error) -> Self {
        let source = Box::new(source);
        let (place, user) = (node.to_string(), node.user().to_owned());
        let (virtual_host, text) = (virtual_host.to_owned(), source.to_string());
        // A broker that wants a certificate says so after the handshake, in answer to our first words.
        if let lapin::ErrorKind::IOError(cause) = source.kind() {
            match advice(cause) {
                Some(advice) => return Self::Tls { node: place, advice, source: Arc::clone(cause) },
                // It closes the connection too; who comes too late hears that only.
                None if node.tls => return Self::TlsClosed { node: place, source },
                None => {}
            }
        }
        match code_of(&source) {
            Some(code::ACCESS_REFUSED) => Self::Login { node: place, user, source },
            Some(code::NOT_ALLOWED) if text.contains("not found") => {
                Self::NoVirtualHost { node: place, virtual_host, source }
            }
            Some(code::NOT_ALLOWED) if text.contains("refused for user") => {
                Self::VirtualHostRefused { node: place, user, virtual_host, source }
            }
            _ => Self::Lost { node: place, source },
        }
    }

    /// Whatever failed, failed because the connection is gone.
    pub(super) fn into_lost(self, node: &str) -> Self {
        match self {
            Self::Failed { source, .. } => Self::Lost { node: node.to_owned(), source },
            other => other,
        }
    }

    /// When nothing more is known of it.
    pub(super) fn of_asking(what: String, user: &str, source: Box<lapin::Error>) -> Self {
        match code_of(&source) {
            Some(code::ACCESS_REFUSED) => Self::Forbidden { what, user: user.to_owned(), source },
            _ => Self::Failed { what, source },
        }
    }
}

pub(super) fn code_of(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
