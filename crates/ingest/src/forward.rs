//! Fluentd's forward protocol, which Fluentd, Fluent Bit, the Docker driver and the libraries of many languages speak.
//!
//! [`Forward`] listens. A message (`message`) is taken when it is whole, and acknowledged, when its sender asks for
//! that, after the commit that holds it. The protocol knows no refusal: a connection that sends what cannot be taken is
//! closed, and sends what was not acknowledged again.

mod handshake;
mod message;
mod msgpack;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::message::{BadMessage, Bounds, Found};
use self::msgpack::{Stuck, Token, Walk};
use crate::budget::{Budget, Share};
use crate::http::{ConnectionCounts, Handling, TlsSettings};
use crate::inlet::Inlet;
use crate::listener::{Limits, Listener, Stream};
use crate::shipped::{ShippedSettings, Streams};
use crate::{Delivery, DoorError, LiveSource, ReadError};

/// Who may connect, and how much of what they send is taken.
#[derive(Clone)]
pub struct ForwardSettings {
    pub address: SocketAddr,
    pub tls: Option<TlsSettings>,
    /// Senders have to show that they know it.
    pub shared_key: Option<String>,
    /// Of a message, as it is sent.
    pub max_message: usize,
    /// Of a message's events, unpacked.
    pub max_text: usize,
    /// Of all messages at a time, packed and unpacked.
    pub max_in_flight: usize,
    pub max_records: usize,
    pub max_connections: usize,
    /// A connection that is silent for so long is closed.
    pub idle: Duration,
    /// A connection that needs longer for a message, or for its handshake, is closed.
    pub message_timeout: Duration,
    pub handling: Handling,
    pub shipped: ShippedSettings,
}

impl ForwardSettings {
    #[must_use]
    pub fn new(address: SocketAddr, shipped: ShippedSettings) -> Self {
        Self {
            address,
            tls: None,
            shared_key: None,
            max_message: 16 << 20,
            max_text: 32 << 20,
            max_in_flight: 128 << 20,
            max_records: 100_000,
            max_connections: 512,
            idle: Duration::from_secs(600),
            message_timeout: Duration::from_secs(30),
            handling: Handling::default(),
            shipped,
        }
    }
}

/// Without the key.
impl std::fmt::Debug for ForwardSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ForwardSettings")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .field("shared_key", &self.shared_key.as_ref().map(|_| ".."))
            .finish_non_exhaustive()
    }
}

/// What went by.
#[derive(Debug, Default)]
pub struct ForwardCounts {
    pub messages: AtomicU64,
    /// Events that were handed over.
    pub records: AtomicU64,
    /// Events that were too long or no maps.
    pub records_refused: AtomicU64,
    /// Connections that sent something that is no message, or too much, and were closed.
    pub bad_messages: AtomicU64,
    /// Connections that were closed because they were silent or slow.
    pub idle: AtomicU64,
    /// Connections that did not know the shared key.
    pub strangers: AtomicU64,
    /// Messages that were not known to be durable in time; their connections were closed.
    pub undelivered: AtomicU64,
    /// What messages hold at this time.
    pub bytes_in_flight: Arc<AtomicU64>,
    pub connections: ConnectionCounts,
}

impl AsRef<ConnectionCounts> for ForwardCounts {
    fn as_ref(&self) -> &ConnectionCounts {
        &self.connections
    }
}

/// A server for the forward protocol.
pub struct Forward {
    settings: ForwardSettings,
    listener: Listener,
    counts: Arc<ForwardCounts>,
}

impl Forward {
    pub async fn bind(settings: ForwardSettings) -> Result<Self, ReadError> {
        let ForwardSettings { address, .. } = settings;
        if settings.shared_key.as_deref() == Some("") {
            return Err(ReadError::Door { address, source: Box::new(DoorError::EmptyToken) });
        }
        let listener = Listener::bind(address, settings.tls.as_ref(), settings.shared_key.is_some()).await?;
        Ok(Self { settings, listener, counts: Arc::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    #[must_use]
    pub fn counts(&self) -> Arc<ForwardCounts> {
        Arc::clone(&self.counts)
    }
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Forward").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// So many messages are decoded at a time; a machine has other things to do.
const AT_WORK: usize = 2;

impl LiveSource for Forward {
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let Self { settings, listener, counts } = self;
        let limits = Limits {
            connections: settings.max_connections,
            handshake: settings.message_timeout,
            last_answers: settings.handling.receipt,
        };
        let hearing = Hearing {
            inlet: Inlet::new(out, settings.handling, stop.clone()),
            streams: Arc::new(Streams::new(settings.shipped.clone())),
            budget: Budget::new(settings.max_in_flight, Arc::clone(&counts.bytes_in_flight)),
            working: Arc::new(Semaphore::new(AT_WORK)),
            settings: Arc::new(settings),
            counts: Arc::clone(&counts),
            stop: stop.clone(),
        };
        let hear = |stream, peer| {
            let hearing = hearing.clone();
            async move { hearing.hear(stream, peer).await }
        };
        listener.serve(limits, counts, &stop, hear).await;
        Ok(())
    }
}

/// What all connections share.
#[derive(Clone)]
struct Hearing {
    settings: Arc<ForwardSettings>,
    inlet: Inlet,
    streams: Arc<Streams>,
    budget: Budget,
    working: Arc<Semaphore>,
    counts: Arc<ForwardCounts>,
    stop: CancellationToken,
}

/// Why a connection is at its end.
enum Ended {
    /// By its peer, or because it is time to.
    Plainly,
    Idle,
    BadMessage,
    Stranger,
    Undelivered,
}

impl Hearing {
    async fn hear(self, mut stream: Stream, peer: SocketAddr) {
        let Err(ended) = self.all_messages(&mut stream, peer).await else { return };
        let counter = match ended {
            Ended::Plainly => return,
            Ended::Idle => &self.counts.idle,
            Ended::BadMessage => &self.counts.bad_messages,
            Ended::Stranger => &self.counts.strangers,
            Ended::Undelivered => &self.counts.undelivered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    async fn all_messages(&self, stream: &mut Stream, peer: SocketAddr) -> Result<(), Ended> {
        let mut incoming = Incoming { bytes: Vec::new(), share: self.budget.share() };
        if let Some(key) = &self.settings.shared_key {
            self.greet(key, stream, &mut incoming).await?;
        }
        loop {
            let message = self.next(stream, &mut incoming).await?;
            // Between messages some send that they are still there.
            if msgpack::token(&message).is_ok_and(|(token, _)| token == Token::Nil) {
                continue;
            }
            let chunk = self.take(message, peer).await?;
            if let Some(chunk) = chunk {
                stream.write_all(&acknowledgement(&chunk)).await.map_err(|_| Ended::Plainly)?;
                stream.flush().await.map_err(|_| Ended::Plainly)?;
            }
        }
    }

    async fn greet(&self, key: &str, stream: &mut Stream, incoming: &mut Incoming) -> Result<(), Ended> {
        let nonce = handshake::nonce().ok_or(Ended::Plainly)?;
        stream.write_all(&handshake::helo(&nonce)).await.map_err(|_| Ended::Plainly)?;
        let ping = timeout(self.settings.message_timeout, self.next(stream, incoming));
        let ping = ping.await.map_err(|_| Ended::Idle)??;
        let (pong, admitted) = handshake::pong(&ping, &nonce, key);
        stream.write_all(&pong).await.map_err(|_| Ended::Plainly)?;
        admitted.then_some(()).ok_or(Ended::Stranger)
    }

    /// The next message that is whole.
    async fn next(&self, stream: &mut Stream, incoming: &mut Incoming) -> Result<Vec<u8>, Ended> {
        let mut walk = Walk::new();
        let mut deadline = None;
        loop {
            match walk.end(&incoming.bytes) {
                Ok(end) => return Ok(incoming.take(end, &self.budget)),
                Err(Stuck::Short(more)) if incoming.bytes.len() + more <= self.settings.max_message => {}
                Err(_) => return Err(Ended::BadMessage),
            }
            let begun = !incoming.bytes.is_empty();
            let wait = if begun { self.settings.message_timeout } else { self.settings.idle };
            let until = match (deadline, begun) {
                (Some(until), true) => until,
                _ => tokio::time::Instant::now() + wait,
            };
            deadline = begun.then_some(until);
            let read = tokio::time::timeout_at(until, stream.read_buf(&mut incoming.bytes));
            match self.stop.run_until_cancelled(read).await {
                Some(Ok(Ok(length @ 1..))) => incoming.share.grow(length).map_err(|_| Ended::BadMessage)?,
                Some(Err(_)) => return Err(Ended::Idle),
                _ => return Err(Ended::Plainly),
            }
        }
    }

    /// Hands over what a message holds. Gives what is to be acknowledged, when it is durable.
    async fn take(&self, message: Vec<u8>, peer: SocketAddr) -> Result<Option<Vec<u8>>, Ended> {
        let _turn = self.working.acquire().await;
        let mut share = self.budget.share();
        let bounds = Bounds { text: self.settings.max_text, events: self.settings.max_records };
        let streams = Arc::clone(&self.streams);
        let decoded = tokio::task::spawn_blocking(move || {
            let peer = peer.ip().to_string();
            // The message, and its lines, which are about as long.
            share.grow(2 * message.len())?;
            let mut sorted = streams.sorted("fluent", &peer, bounds.text);
            let found = message::read(&message, bounds, &mut share, &mut sorted)?;
            Ok::<_, BadMessage>((found, sorted.into_deliveries(), share))
        });
        let Ok(Ok((found, deliveries, share))) = decoded.await else { return Err(Ended::BadMessage) };
        drop(_turn);
        let Found { chunk, events, refused } = found;
        let delivered = match chunk {
            Some(_) => self.inlet.deliver(deliveries).await,
            None => self.inlet.hand_over(deliveries).await,
        };
        delivered.map_err(|_| Ended::Undelivered)?;
        drop(share);
        let counts = &self.counts;
        counts.messages.fetch_add(1, Ordering::Relaxed);
        counts.records.fetch_add((events - refused) as u64, Ordering::Relaxed);
        counts.records_refused.fetch_add(refused as u64, Ordering::Relaxed);
        Ok(chunk)
    }
}

/// What came and was not yet taken.
struct Incoming {
    bytes: Vec<u8>,
    share: Share,
}

impl Incoming {
    fn take(&mut self, end: usize, budget: &Budget) -> Vec<u8> {
        let rest = self.bytes.split_off(end);
        self.share = budget.share();
        // A part of what was held before: there is room for it.
        self.share.grow(rest.len()).ok();
        std::mem::replace(&mut self.bytes, rest)
    }
}

/// `{"ack": chunk}`
fn acknowledgement(chunk: &[u8]) -> Vec<u8> {
    let mut answer = vec![0x81];
    msgpack::write_text(b"ack", &mut answer);
    msgpack::write_text(chunk, &mut answer);
    answer
}
