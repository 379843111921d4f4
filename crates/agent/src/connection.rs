//! One connection to central, for one request after the other.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::{Central, CentralUrl, SendError, tls};

#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Ends with us.
    _driving: JoinSet<()>,
}

/// What was answered, with as much of its body as anybody wants to read.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Bytes,
}

/// Longer bodies are no answers.
const MOST_ANSWERED: usize = 64 << 10;

impl Connection {
    pub(crate) async fn open(central: &Central) -> Result<Self, SendError> {
        let url = &central.url;
        let opening = async {
            let tcp = TcpStream::connect((url.host.as_str(), url.port)).await;
            let tcp = tcp.map_err(|source| unreachable(url, source))?;
            // Nothing is gained by waiting for more than a request.
            tcp.set_nodelay(true).map_err(|source| unreachable(url, source))?;
            if !url.encrypted {
                return Self::over(TokioIo::new(tcp), central).await;
            }
            let config = Arc::new(central.tls.config()?);
            let name = central.tls.server_name.as_ref().unwrap_or(&url.host).clone();
            let name = ServerName::try_from(name.clone()).map_err(|_| SendError::TlsName { name })?;
            let encrypted = TlsConnector::from(config).connect(name, tcp).await;
            let encrypted = encrypted.map_err(|source| match tls::advice(&source) {
                Some(advice) => SendError::Tls { url: url.to_string(), advice, source: source.into() },
                None => unreachable(url, source),
            })?;
            Self::over(TokioIo::new(encrypted), central).await
        };
        let opened = tokio::time::timeout(central.retry.connect, opening).await;
        opened.unwrap_or_else(|elapsed| Err(unreachable(url, elapsed.into())))
    }

    async fn over<W>(wire: W, central: &Central) -> Result<Self, SendError>
    where
        W: Read + Write + Unpin + Send + 'static,
    {
        let shaken = handshake(wire).await;
        let (sender, connection) = shaken.map_err(|source| lost(central, source))?;
        let mut driving = JoinSet::new();
        driving.spawn(async {
            // Whoever waits for an answer is told the error.
            connection.await.ok();
        });
        Ok(Self { sender, _driving: driving })
    }

    /// Whether another request may be sent.
    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub(crate) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
        central: &Central,
    ) -> Result<Answered, SendError> {
        self.sender.ready().await.map_err(|source| lost(central, source))?;
        let answer = self.sender.send_request(request).await.map_err(|source| lost(central, source))?;
        let status = answer.status();
        let retry_after = retry_after(&answer);
        let body = match Limited::new(answer.into_body(), MOST_ANSWERED).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => match error.downcast::<hyper::Error>() {
                Ok(source) => return Err(lost(central, *source)),
                Err(_too_long) => Bytes::new(),
            },
        };
        Ok(Answered { status, retry_after, body })
    }
}

/// In seconds; a date is as good as nothing.
fn retry_after(answer: &Response<Incoming>) -> Option<u64> {
    answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn unreachable(url: &CentralUrl, source: io::Error) -> SendError {
    SendError::Unreachable { url: url.to_string(), source }
}

fn lost(central: &Central, source: hyper::Error) -> SendError {
    let url = central.url.to_string();
    if let Some(advice) = tls::advice(&source) {
        return SendError::Tls { url, advice, source: source.into() };
    }
    // Its refusal may not reach us: it closes the connection while we are sending.
    let is_unknown = central.url.encrypted && central.tls.certificate_file.is_none();
    let hint = if is_unknown { ", and it may want a client certificate that it knows" } else { "" };
    SendError::Lost { url, hint, source }
}
