//! Who is heard: so many at a time, and nobody who dawdles.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{DoorCount, DoorCounts, DoorSettings, Peer};

/// Headers of shippers are a hundredth of it.
const MOST_HEADER_BYTES: usize = 64 << 10;

pub(super) struct Connections {
    room: Arc<Semaphore>,
    tls: Option<TlsAcceptor>,
    header_timeout: Duration,
    /// For requests that are being answered when it is time to stop.
    last_answers: Duration,
    counts: Arc<DoorCounts>,
}

impl Connections {
    pub(super) fn new(settings: &DoorSettings, tls: Option<TlsAcceptor>, counts: Arc<DoorCounts>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(settings.max_connections)),
            tls,
            header_timeout: settings.header_timeout,
            last_answers: settings.handling.receipt,
            counts,
        }
    }

    /// Until `stop`: requests that came before are answered.
    pub(super) async fn serve(self, listener: TcpListener, router: Router, stop: &CancellationToken) {
        let last_answers = self.last_answers;
        let serve = Arc::new(self);
        let mut tasks = JoinSet::new();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            while tasks.try_join_next().is_some() {}
            let Ok((stream, peer)) = accepted else {
                // No descriptors are left; some will be.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&serve.room).try_acquire_owned() else {
                DoorCount::note(&serve.counts.connections_refused, 1);
                continue;
            };
            let (serve, stop) = (Arc::clone(&serve), stop.clone());
            let router = router.clone().layer(Extension(Peer(peer.ip())));
            tasks.spawn(async move {
                serve.hear(stream, router, stop).await;
                drop(permit);
            });
        }
        drop(listener);
        let all_answered = async { while tasks.join_next().await.is_some() {} };
        timeout(last_answers, all_answered).await.ok();
        tasks.shutdown().await;
    }

    async fn hear(&self, stream: TcpStream, router: Router, stop: CancellationToken) {
        // Answers are small, and somebody waits for each.
        stream.set_nodelay(true).ok();
        let Some(tls) = &self.tls else { return self.answer(stream, router, stop).await };
        let handshake = timeout(self.header_timeout, tls.accept(stream));
        match stop.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => self.answer(stream, router, stop).await,
            _ => DoorCount::note(&self.counts.handshakes_failed, 1),
        }
    }

    async fn answer<S>(&self, stream: S, router: Router, stop: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(MOST_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut connection = std::pin::pin!(connection);
        // What a peer does wrong ends its connection, and is its own affair.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await.ok();
    }
}
