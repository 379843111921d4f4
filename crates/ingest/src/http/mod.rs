//! Open doors: other shippers' protocols over HTTP, at one address with whatever else is served there.
//!
//! [`Doors`] listens; `guard` asks for the token, `body` takes what was sent
//! within its bounds. Each protocol has a file of its own: what it sends becomes `shipped` records, and its
//! answer is given when these are durable (`inlet`).
//!
//! Invariant: what a door refuses it refuses in its protocol's own words, and nothing of it is kept.

mod guard;

mod body;
mod refusal;
mod wire;

mod preflight;

mod bulk;
mod loki;
mod otlp;

mod counts;
mod settings;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::routing::post;
use axum::{Extension, Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use self::body::Text;
use self::guard::Guard;
use self::refusal::Refusal;
use crate::budget::Budget;
use crate::inlet::Inlet;
use crate::listener::{Limits, Listener, Stream};
use crate::shipped::{Sorted, Streams};
use crate::unpack::Encoding;
use crate::{Delivery, DoorError, LiveSource, ReadError};

pub use crate::inlet::Handling;
pub use crate::listener::ConnectionCounts;
pub use counts::{DoorCount, DoorCounts};
pub use settings::{DoorSettings, TlsSettings};

/// So many bodies are unpacked and decoded at a time; a machine has other things to do.
const AT_WORK: usize = 2;

/// A server that is open to shippers.
pub struct Doors {
    settings: DoorSettings,
    listener: Listener,
    counts: Arc<DoorCounts>,
    open: Router,
    guarded: Router,
}

impl Doors {
    /// `open` is served to everybody who can connect, `guarded` to those who know the token. Neither may have a
    /// fallback, nor routes of the doors (`/v1/logs`, `/_bulk`, `/loki/api/v1/push`).
    pub async fn bind(settings: DoorSettings, open: Router, guarded: Router) -> Result<Self, ReadError> {
        if settings.token.as_deref() == Some("") {
            let (address, source) = (settings.address, Box::new(DoorError::EmptyToken));
            return Err(ReadError::Door { address, source });
        }
        let listener = Listener::bind(settings.address, settings.tls.as_ref(), settings.token.is_some());
        let listener = listener.await?;
        Ok(Self { settings, listener, counts: Arc::default(), open, guarded })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    #[must_use]
    pub fn counts(&self) -> Arc<DoorCounts> {
        Arc::clone(&self.counts)
    }
}

impl LiveSource for Doors {
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let Self { settings, listener, counts, open, guarded } = self;
        let door = Door {
            inlet: Inlet::new(out, settings.handling, stop.clone()),
            streams: Arc::new(Streams::new(settings.shipped.clone())),
            budget: Budget::new(settings.max_in_flight, Arc::clone(&counts.bytes_in_flight)),
            counts: Arc::clone(&counts),
            working: Arc::new(Semaphore::new(AT_WORK)),
            settings: Arc::new(settings),
        };
        let limits = Limits {
            connections: door.settings.max_connections,
            handshake: door.settings.header_timeout,
            last_answers: door.settings.handling.receipt,
        };
        let guard = Guard::new(door.settings.token.as_deref());
        let ask = middleware::from_fn_with_state((guard, Arc::clone(&door.counts)), guard::ask);
        let router = open.merge(door.routes().merge(guarded).layer(ask));
        let header_timeout = door.settings.header_timeout;
        let hear = |stream, peer: SocketAddr| {
            let router = router.clone().layer(Extension(Peer(peer.ip())));
            answer(stream, router, header_timeout, stop.clone())
        };
        listener.serve(limits, counts, &stop, hear).await;
        Ok(())
    }
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Doors").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Headers of shippers are a hundredth of it.
const MOST_HEADER_BYTES: usize = 64 << 10;

/// The requests of a connection.
async fn answer(stream: Stream, router: Router, header_timeout: Duration, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
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

/// What all doors share.
#[derive(Clone)]
struct Door {
    settings: Arc<DoorSettings>,
    inlet: Inlet,
    streams: Arc<Streams>,
    budget: Budget,
    counts: Arc<DoorCounts>,
    /// Those who unpack and decode at a time.
    working: Arc<Semaphore>,
}

/// Who sent a request.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

impl Door {
    /// Work that would hold others up.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _turn = self.working.acquire().await;
        let worked = tokio::task::spawn_blocking(work).await;
        worked.unwrap_or_else(|error| Err(Refusal::Defect(error.to_string())))
    }

    fn routes(&self) -> Router {
        Router::new()
            .route("/v1/logs", post(otlp::logs))
            .route("/_bulk", post(bulk::all).put(bulk::all))
            .route("/{index}/_bulk", post(bulk::of_index).put(bulk::of_index))
            .route("/loki/api/v1/push", post(loki::push))
            .fallback(preflight::answer)
            .with_state(self.clone())
    }

    /// Takes what `decode` finds in a request's text, and waits until it is durable.
    async fn take<T: Send + 'static>(
        &self,
        door: &'static str,
        peer: Peer,
        (request, encoding): (Request, Encoding),
        decode: impl FnOnce(&[u8], &mut Sorted<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let text = body::text(self, request, encoding).await?;
        let streams = Arc::clone(&self.streams);
        let most_bytes = self.settings.max_text;
        let decoded = self.aside(move || {
            let Text { bytes, mut share } = text;
            // Its lines are about as long.
            share.grow(bytes.len())?;
            let peer = peer.0.to_string();
            let mut sorted = streams.sorted(door, &peer, most_bytes);
            let found = decode(&bytes, &mut sorted)?;
            Ok((found, sorted.into_deliveries(), share))
        });
        let (found, deliveries, share) = decoded.await?;
        self.inlet.deliver(deliveries).await?;
        drop(share);
        Ok(found)
    }
}
