//! What went wrong between us and a broker that speaks TLS.

use std::io;

use tokio_rustls::rustls;

use crate::client_tls::tls_advice;

/// What to change when a handshake ended with this error; `None` when it was no matter of TLS.
pub(super) fn advice(error: &io::Error) -> Option<&'static str> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(tls_advice(error, "it does not speak TLS on this port: use `amqp://`, or the port for TLS (5671)"))
}
