use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::inlet::Handling;
use crate::shipped::ShippedSettings;

/// Who may connect, and how much of what they send is taken.
#[derive(Clone)]
pub struct DoorSettings {
    pub address: SocketAddr,
    /// Without it, nobody's lines or token are hidden from the network.
    pub tls: Option<TlsSettings>,
    /// As a bearer token, or as the password of any user.
    pub token: Option<String>,
    /// Of a request's body, as it is sent.
    pub max_body: usize,
    /// Of a request's body, unpacked.
    pub max_text: usize,
    /// Of all requests at a time, packed and unpacked.
    pub max_in_flight: usize,
    /// More records in one request are refused.
    pub max_records: usize,
    pub max_connections: usize,
    /// A client that needs longer for a request's headers, or for the TLS handshake, is closed.
    pub header_timeout: Duration,
    /// A client that needs longer for a request's body is refused.
    pub body_timeout: Duration,
    pub handling: Handling,
    pub shipped: ShippedSettings,
}

/// A certificate of our own, and whose clients' are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM, with those between it and its authority.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
    /// PEM: only clients with a certificate that one of these signed may connect.
    pub client_ca: Option<PathBuf>,
}

impl DoorSettings {
    #[must_use]
    pub fn new(address: SocketAddr, shipped: ShippedSettings) -> Self {
        Self {
            address,
            tls: None,
            token: None,
            max_body: 16 << 20,
            max_text: 32 << 20,
            max_in_flight: 128 << 20,
            max_records: 100_000,
            max_connections: 1_024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            handling: Handling::default(),
            shipped,
        }
    }
}

/// Without the token.
impl std::fmt::Debug for DoorSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("DoorSettings")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .field("token", &self.token.as_ref().map(|_| ".."))
            .finish_non_exhaustive()
    }
}
