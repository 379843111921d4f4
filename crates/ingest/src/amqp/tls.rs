//! Whom we trust, and who we are.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use super::{BrokerError, Tls};
use crate::pem::{PemError, certificates, private_key};

/// Reads the files. To be done for each connection: certificates are renewed while we run.
pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, BrokerError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
    let builder = builder.with_root_certificates(roots(tls.ca_file.as_deref())?);
    match (&tls.certificate_file, &tls.key_file) {
        (Some(certificate), Some(key)) => {
            builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?).map_err(refused)
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        _ => Err(BrokerError::HalfIdentity),
    }
}

/// What to change when a handshake ended with this error; `None` when it was no matter of TLS.
pub(super) fn advice(error: &io::Error) -> Option<&'static str> {
    use CertificateError as C;
    Some(match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(C::UnknownIssuer) => {
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
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS on this port: use `amqp://`, or the port for TLS (5671)"
        }
        _ => "see below why",
    })
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, BrokerError> {
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

impl From<PemError> for BrokerError {
    fn from(PemError { path, advice, source }: PemError) -> Self {
        Self::TlsFile { path, advice, source }
    }
}

fn refused(source: rustls::Error) -> BrokerError {
    BrokerError::TlsSettings { source }
}
