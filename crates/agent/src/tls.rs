//! Whom we trust, and who we are.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::{SendError, Tls};

/// Reads the files. To be done for each connection: certificates are renewed while we run.
pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, SendError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
    let builder = builder.with_root_certificates(roots(tls.ca_file.as_deref())?);
    match (&tls.certificate_file, &tls.key_file) {
        (Some(certificate), Some(key)) => {
            builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?).map_err(refused)
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        _ => Err(SendError::HalfIdentity),
    }
}

/// What to change when TLS failed with this error; `None` when it was no matter of TLS.
pub(crate) fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use CertificateError as C;
    let mut causes = std::iter::successors(Some(error), |cause| (*cause).source());
    // An answer to our certificate comes after the handshake, inside other errors.
    let of_io = |cause: &&(dyn Error + 'static)| cause.downcast_ref::<io::Error>().is_some_and(is_tls);
    let found = causes.find(of_io)?.downcast_ref::<io::Error>()?;
    Some(match found.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => {
            "its certificate was signed by nobody whom we trust: set the CA file"
        }
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "its certificate is for another name: set the server name, or use that name in the URL"
        }
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => "its certificate is not valid at this time: renew it, and check both clocks",
        rustls::Error::AlertReceived(_) => "it refused us: it may want a client certificate that it knows",
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS on this port: use `http://`, or its port for TLS"
        }
        _ => "see below why",
    })
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, SendError> {
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

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SendError> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = certificates.map_err(io::Error::other).and_then(|found| match found.is_empty() {
        true => Err(io::Error::other("no `BEGIN CERTIFICATE` in it")),
        false => Ok(found),
    });
    found.map_err(|source| no_pem(path, "it must hold certificates in PEM", source))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SendError> {
    let key = PrivateKeyDer::from_pem_slice(&read(path)?).map_err(io::Error::other);
    key.map_err(|source| no_pem(path, "it must hold a private key in PEM, without a passphrase", source))
}

fn read(path: &Path) -> Result<Vec<u8>, SendError> {
    fs::read(path).map_err(|source| no_pem(path, "check the path and who may read it", source))
}

fn no_pem(path: &Path, advice: &'static str, source: io::Error) -> SendError {
    SendError::TlsFile { path: path.to_owned(), advice, source }
}

fn refused(source: rustls::Error) -> SendError {
    SendError::TlsSettings { source }
}
