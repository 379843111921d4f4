//! Bytes to and from a broker.
//!
//! The AMQP library would bring its own TLS, with fifty crates for key stores that nobody here uses and no way to expect
//! another name in the certificate. So it gets a stream that is connected already.

use std::future::ready;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

use super::BrokerError;
use super::tls::advice;
use super::url::Node;
use crate::ClientTls;

pub(super) type Wire = Compat<Box<dyn Duplex>>;

pub(super) trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Duplex for T {}

pub(super) async fn connect(node: &Node, tls: &ClientTls) -> Result<Wire, BrokerError> {
    let unreachable = |source| BrokerError::Unreachable { node: node.to_string(), source };
    let stream = TcpStream::connect((node.host.as_str(), node.port)).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let stream: Box<dyn Duplex> = if node.tls { secured(node, tls, stream).await? } else { Box::new(stream) };
    Ok(stream.compat())
}

async fn secured(node: &Node, tls: &ClientTls, stream: TcpStream) -> Result<Box<dyn Duplex>, BrokerError> {
    let name = tls.server_name.clone().unwrap_or_else(|| node.host.clone());
    let name = ServerName::try_from(name.clone()).map_err(|_| BrokerError::TlsName { name })?;
    let settings = tls.clone();
    let config = tokio::task::spawn_blocking(move || settings.config()).await;
    let config = config.expect("reading certificates does not panic")?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = handshake.map_err(|source| match advice(&source) {
        Some(advice) => BrokerError::Tls { node: node.to_string(), advice, source: Arc::new(source) },
        None => BrokerError::Unreachable { node: node.to_string(), source },
    })?;
    Ok(Box::new(stream))
}

/// The runtime for the library: tokio, with streams of our own.
pub(super) type Engine = RuntimeParts<Tokio, Streams>;

pub(super) fn engine() -> Runtime<Engine> {
    Runtime::new(RuntimeParts::new(Tokio::current(), Streams(Tokio::current())))
}

#[derive(Clone, Debug)]
pub(super) struct Streams(Tokio);

impl Reactor for Streams {
    type TcpStream = Wire;
    type Sleep = tokio::time::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    /// A stream comes from [`connect`].
    fn tcp_connect_addr(
        &self,
        _: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
