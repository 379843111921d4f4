//! Who we are, and whose clients we believe.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::DoorError;
use crate::http::TlsSettings;
use crate::pem::{PemError, certificates, private_key};

/// Reads the files.
pub(crate) fn acceptor(tls: &TlsSettings) -> Result<TlsAcceptor, DoorError> {
    let refused = |source| DoorError::TlsSettings { source };
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
    let builder = match &tls.client_ca {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(refused)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder
                .with_client_cert_verifier(verifier.map_err(|source| DoorError::ClientAuthority { source })?)
        }
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(certificates(&tls.certificate)?, private_key(&tls.key)?);
    Ok(TlsAcceptor::from(Arc::new(config.map_err(refused)?)))
}

impl From<PemError> for DoorError {
    fn from(PemError { path, advice, source }: PemError) -> Self {
        Self::TlsFile { path, advice, source }
    }
}
