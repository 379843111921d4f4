//! What went wrong between us and a server that speaks TLS.

use std::error::Error;
use std::io;

use ingest::tls_advice;
use tokio_rustls::rustls;

/// What to change when TLS failed with this error; `None` when it was no matter of TLS.
pub(crate) fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut causes = std::iter::successors(Some(error), |cause| (*cause).source());
    // An answer to our certificate comes after the handshake, inside other errors.
    let found = causes
        .find_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>())?;
    Some(tls_advice(found, "it does not speak TLS on this port: use `http://`, or its port for TLS"))
}
