//! Who is heard: so many connections at a time, and nobody who dawdles before the first word.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use crate::DoorError;
use crate::ReadError;
use crate::http::TlsSettings;
use crate::tls;

/// What a connection is read from, with TLS or without.
pub(crate) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// How many may connect, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) handshake: Duration,
    /// For what is still to be answered when it is time to stop.
    pub(crate) last_answers: Duration,
}

/// What became of connections.
#[derive(Debug, Default)]
pub struct ConnectionCounts {
    /// Closed because there were too many.
    pub refused: AtomicU64,
    /// Those that came to no TLS.
    pub handshakes_failed: AtomicU64,
}

pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// `is_guarded` when there is a secret that clients have to know.
    pub(crate) async fn bind(
        address: SocketAddr,
        tls: Option<&TlsSettings>,
        is_guarded: bool,
    ) -> Result<Self, ReadError> {
        let refused = |source| ReadError::Door { address, source: Box::new(source) };
        let knows_clients = tls.is_some_and(|tls| tls.client_ca.is_some());
        if !address.ip().is_loopback() && !is_guarded && !knows_clients {
            return Err(refused(DoorError::Unprotected));
        }
        let tls = tls.map(tls::acceptor).transpose().map_err(refused)?;
        let tcp = TcpListener::bind(address).await;
        let tcp = tcp.map_err(|source| ReadError::Listen { address: address.to_string(), source })?;
        Ok(Self { tcp, tls })
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.tcp.local_addr().ok()
    }

    /// Until `stop`; then those who are heard have some time to come to their ends.
    pub(crate) async fn serve<H>(
        self,
        limits: Limits,
        counts: Arc<impl AsRef<ConnectionCounts> + Send + Sync + 'static>,
        stop: &CancellationToken,
        hear: impl Fn(Stream, SocketAddr) -> H,
    ) where
        H: Future<Output = ()> + Send + 'static,
    {
        let Self { tcp, tls } = self;
        let room = Arc::new(Semaphore::new(limits.connections));
        let mut tasks = JoinSet::new();
        let mut handshakes = JoinSet::new();
        loop {
            while tasks.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = tcp.accept() => accepted,
                Some(shaken) = handshakes.join_next() => {
                    match shaken {
                        Ok(Some((stream, peer, permit))) => hear_in(&mut tasks, hear(stream, peer), permit),
                        _ => drop((*counts).as_ref().handshakes_failed.fetch_add(1, Ordering::Relaxed)),
                    }
                    continue;
                }
                () = stop.cancelled() => break,
            };
            let Ok((stream, peer)) = accepted else {
                // No descriptors are left; some will be.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                (*counts).as_ref().refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            // Answers are small, and somebody waits for each.
            stream.set_nodelay(true).ok();
            let Some(tls) = tls.clone() else {
                hear_in(&mut tasks, hear(Either::Left(stream), peer), permit);
                continue;
            };
            handshakes.spawn(async move {
                let stream = timeout(limits.handshake, tls.accept(stream)).await.ok()?.ok()?;
                Some((Either::Right(Box::new(stream)), peer, permit))
            });
        }
        drop(tcp);
        handshakes.shutdown().await;
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        timeout(limits.last_answers, all_ended).await.ok();
        tasks.shutdown().await;
    }
}

fn hear_in(
    tasks: &mut JoinSet<()>,
    heard: impl Future<Output = ()> + Send + 'static,
    permit: tokio::sync::OwnedSemaphorePermit,
) {
    tasks.spawn(async move {
        heard.await;
        drop(permit);
    });
}
