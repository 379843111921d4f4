//! TLS of clients: whom we trust, and who we are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::pem::{PemError, certificates, private_key};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM; without it, what the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// PEM, with its chain; needs the key.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// The name in the server's certificate, when the URL has another one or an address.
    pub server_name: Option<String>,
}

/// Why a connection cannot be made secure as the settings are.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsError {
    #[error("failed to read `{}` for TLS; {advice}", path.display())]
    File { path: PathBuf, advice: &'static str, source: std::io::Error },
    #[error("a client certificate needs its key, and a key its certificate; name both files or none")]
    HalfIdentity,
    #[error("the TLS settings are refused; check that the key belongs to the certificate")]
    Settings { source: rustls::Error },
}

impl ClientTls {
    /// Reads the files. To be done for each connection: certificates are renewed while we run.
    pub fn config(&self) -> Result<ClientConfig, ClientTlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
        let builder = builder.with_root_certificates(roots(self.ca_file.as_deref())?);
        match (&self.certificate_file, &self.key_file) {
            (Some(certificate), Some(key)) => {
                builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?).map_err(refused)
            }
            (None, None) => Ok(builder.with_no_client_auth()),
            _ => Err(ClientTlsError::HalfIdentity),
        }
    }
}

/// What to change when a handshake ended with this error. `plain` is the advice for a server that speaks no TLS.
#[must_use]
pub const fn tls_advice(error: &rustls::Error, plain: &'static str) -> &'static str {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => {
            "its certificate was signed by nobody whom we trust: set the CA file"
        }
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "its certificate is for another name: set the server name, or use that name in the URL"
        }
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => "its certificate is not valid at this time: renew it, and check both clocks",
        rustls::Error::InvalidCertificate(_) => "its certificate is not valid: see below why",
        rustls::Error::AlertReceived(_) => "it refused us: it may want a client certificate that it knows",
        rustls::Error::InvalidMessage(_) => plain,
        _ => "see below why",
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, ClientTlsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(refused)?;
            }
        }
        // A machine's store may hold certificates that nobody can read; the others serve.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

impl From<PemError> for ClientTlsError {
    fn from(PemError { path, advice, source }: PemError) -> Self {
        Self::File { path, advice, source }
    }
}

fn refused(source: rustls::Error) -> ClientTlsError {
    ClientTlsError::Settings { source }
}
