//! Central's side of TLS.

use std::path::Path;
use std::sync::Arc;

use culprit_tests::certificates::Certificates;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Only whom the authority signed may come in.
pub(crate) fn acceptor(ours: &Certificates) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let certificates =
        |path: &Path| CertificateDer::pem_file_iter(path).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&ours.ca));
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_client_cert_verifier(clients.build().unwrap());
    let key = PrivateKeyDer::from_pem_file(&ours.server.key).unwrap();
    let config = config.with_single_cert(certificates(&ours.server.certificate), key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}
