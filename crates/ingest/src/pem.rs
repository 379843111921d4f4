//! Certificates and keys from files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A file that cannot be used, and what to do about it.
#[derive(Debug)]
pub(crate) struct PemError {
    pub(crate) path: PathBuf,
    pub(crate) advice: &'static str,
    pub(crate) source: io::Error,
}

/// At least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = certificates.map_err(io::Error::other).and_then(|found| match found.is_empty() {
        true => Err(io::Error::other("no `BEGIN CERTIFICATE` in it")),
        false => Ok(found),
    });
    found.map_err(|source| no_pem(path, "it must hold certificates in PEM", source))
}

pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let key = PrivateKeyDer::from_pem_slice(&read(path)?).map_err(io::Error::other);
    key.map_err(|source| no_pem(path, "it must hold a private key in PEM, without a passphrase", source))
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    fs::read(path).map_err(|source| no_pem(path, "check the path and who may read it", source))
}

fn no_pem(path: &Path, advice: &'static str, source: io::Error) -> PemError {
    PemError { path: path.to_owned(), advice, source }
}
