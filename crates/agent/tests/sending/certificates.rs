//! A certificate authority that nobody knows, and what it signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

pub(crate) struct Certificates {
    pub(crate) ca: PathBuf,
    /// Another one.
    pub(crate) stranger: PathBuf,
    server: (PathBuf, PathBuf),
    pub(crate) client: (PathBuf, PathBuf),
}

/// The only name in central's certificate.
pub(crate) const SERVER_NAME: &str = "central.example";

impl Certificates {
    pub(crate) fn write(folder: &Path) -> Self {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (ca, issuer) = authority("ours");
        let (stranger, _) = authority("another");
        let pair = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (
                write(&format!("{name}.pem"), certificate.pem()),
                write(&format!("{name}.key"), key.serialize_pem()),
            )
        };
        Self {
            server: pair("server"),
            client: pair("client"),
            ca: write("ca.pem", ca),
            stranger: write("stranger.pem", stranger),
        }
    }

    /// Only whom the authority signed may come in.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let certificates = |path: &Path| {
            CertificateDer::pem_file_iter(path).unwrap().map(Result::unwrap).collect::<Vec<_>>()
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&self.ca));
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_client_cert_verifier(clients.build().unwrap());
        let key = PrivateKeyDer::from_pem_file(&self.server.1).unwrap();
        let config = config.with_single_cert(certificates(&self.server.0), key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
}
