//! A certificate authority that nobody knows, and what it signed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// The files of one authority, in PEM.
#[derive(Clone, Debug)]
pub struct Certificates {
    pub ca: PathBuf,
    pub server: Signed,
    pub client: Signed,
}

#[derive(Clone, Debug)]
pub struct Signed {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    /// Of an authority called so, with one certificate for a server and one for a client, each for the only name that it
    /// holds.
    pub fn write(folder: &Path, authority: &str, server: &str, client: &str) -> Result<Self> {
        let write = |name: &str, text: String| -> Result<PathBuf> {
            let path = folder.join(format!("{authority}-{name}.pem"));
            fs::write(&path, text)?;
            Ok(path)
        };
        let (ca, issuer) = found(authority)?;
        let sign = |role: &str, name: &str| -> Result<Signed> {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(vec![name.to_owned()])?;
            params.distinguished_name = called(name);
            let certificate = params.signed_by(&key, &issuer)?;
            Ok(Signed {
                certificate: write(role, certificate.pem())?,
                key: write(&format!("{role}-key"), key.serialize_pem())?,
            })
        };
        Ok(Self { server: sign("server", server)?, client: sign("client", client)?, ca: write("ca", ca)? })
    }
}

fn found(authority: &str) -> Result<(String, Issuer<'static, KeyPair>)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = called(authority);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), Issuer::new(params, key)))
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}
