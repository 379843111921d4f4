//! Open doors: other shippers' protocols over HTTP, at one address with whatever else is served there.
//!
//! [`Doors`] listens; [`connections`] bounds who is heard, [`guard`] asks for the token, [`body`] takes what was sent
//! within its bounds. Each protocol has a file of its own: what it sends becomes [`crate::shipped`] records, and its
//! answer is given when these are durable ([`crate::inlet`]).
//!
//! Invariant: what a door refuses it refuses in its protocol's own words, and nothing of it is kept.

mod connections;
mod guard;
mod tls;

mod body;
mod budget;
mod refusal;

mod otlp;

mod counts;
mod error;
mod settings;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::inlet::Inlet;
use crate::shipped::Streams;
use crate::{Delivery, LiveSource, ReadError};

use self::budget::Budget;
use self::connections::Connections;
use self::guard::Guard;
use self::refusal::Refusal;

pub use crate::inlet::Handling;
pub use counts::{DoorCount, DoorCounts};
pub use error::DoorError;
pub use settings::{DoorSettings, TlsSettings};

/// So many bodies are unpacked and decoded at a time; a machine has other things to do.
const AT_WORK: usize = 2;

/// A server that is open to shippers.
pub struct Doors {
    settings: DoorSettings,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    counts: Arc<DoorCounts>,
    open: Router,
    guarded: Router,
}

impl Doors {
    /// `open` is served to everybody who can connect, `guarded` to those who know the token. Neither may have a
    /// fallback, nor routes of the doors (`/v1/logs`, `/_bulk`, `/loki/api/v1/push`).
    pub async fn bind(settings: DoorSettings, open: Router, guarded: Router) -> Result<Self, ReadError> {
        let address = settings.address;
        let refused = |source| ReadError::Door { address, source: Box::new(source) };
        settings.check().map_err(refused)?;
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose().map_err(refused)?;
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.map_err(|source| ReadError::Listen { address: address.to_string(), source })?;
        Ok(Self { settings, listener, tls, counts: Arc::default(), open, guarded })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    #[must_use]
    pub fn counts(&self) -> Arc<DoorCounts> {
        Arc::clone(&self.counts)
    }
}

impl LiveSource for Doors {
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let Self { settings, listener, tls, counts, open, guarded } = self;
        let door = Door {
            inlet: Inlet::new(out, settings.handling, stop.clone()),
            streams: Arc::new(Streams::new(settings.shipped.clone())),
            budget: Budget::new(settings.max_in_flight, Arc::clone(&counts)),
            counts: Arc::clone(&counts),
            working: Arc::new(Semaphore::new(AT_WORK)),
            settings: Arc::new(settings),
        };
        let connections = Connections::new(&door.settings, tls, counts);
        let guard = Guard::new(door.settings.token.as_deref());
        let ask = middleware::from_fn_with_state((guard, Arc::clone(&door.counts)), guard::ask);
        let router = open.merge(door.routes().merge(guarded).layer(ask));
        connections.serve(listener, router, &stop).await;
        Ok(())
    }
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Doors").field("settings", &self.settings).finish_non_exhaustive()
    }
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
        Router::new().route("/v1/logs", post(otlp::logs)).with_state(self.clone())
    }
}
