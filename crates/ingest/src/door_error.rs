use std::path::PathBuf;

use tokio_rustls::rustls;

/// Why doors stay shut.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error(
        "anybody in the network could write into the store; set a token or a CA for clients' certificates, or listen on 127.0.0.1"
    )]
    Unprotected,
    #[error("the token is empty; set one that cannot be guessed, or none")]
    EmptyToken,
    #[error("`{}` cannot be used: {advice}", path.display())]
    TlsFile { path: PathBuf, advice: &'static str, source: std::io::Error },
    #[error(
        "the certificate, its key and the CA for clients do not go together; check that each is of the others"
    )]
    TlsSettings { source: rustls::Error },
    #[error(
        "the CA for clients' certificates cannot be used; check that it holds the certificate of an authority"
    )]
    ClientAuthority { source: rustls::server::VerifierBuilderError },
}
