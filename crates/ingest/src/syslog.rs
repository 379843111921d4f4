//! Lines that programs and other syslog daemons send: RFC 3164 and RFC 5424, by UDP (RFC 5426) and TCP (RFC 6587).
//!
//! A message is stored as it was sent, with its priority: that is what `parse` reads. Only what tells streams apart
//! is looked at here ([`header`]).

mod framing;
mod header;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::framing::Frames;
use self::header::{Sender, sender};
use crate::delivery::{hand_over, stream_delivery};
use crate::line_splitter::Piece;
use crate::{Delivery, LiveSource, ReadError};

#[derive(Clone, Debug)]
pub struct SyslogSettings {
    pub udp: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
    /// Longer messages are cut here.
    pub max_line: usize,
    pub batch_lines: usize,
    pub batch_bytes: usize,
    /// More are closed at once.
    pub max_connections: usize,
    /// A connection that is silent for so long is closed.
    pub idle: Duration,
    /// Hosts and programs with a stream of their own. Those of others share one a host, so that nobody can make up
    /// names without end.
    pub max_streams: usize,
}

impl Default for SyslogSettings {
    fn default() -> Self {
        Self {
            udp: None,
            tcp: None,
            max_line: 64 << 10,
            batch_lines: 512,
            batch_bytes: 128 << 10,
            max_connections: 512,
            idle: Duration::from_secs(600),
            max_streams: 10_000,
        }
    }
}

/// A syslog server.
#[derive(Debug)]
pub struct Syslog {
    settings: SyslogSettings,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
    counts: Arc<SyslogCounts>,
}

/// What went by.
#[derive(Debug, Default)]
pub struct SyslogCounts {
    pub messages: AtomicU64,
    pub cut: AtomicU64,
    /// Connections that sent something that is no syslog framing, and were closed.
    pub bad_frames: AtomicU64,
    /// Connections that were closed because there were too many.
    pub refused: AtomicU64,
    pub idle: AtomicU64,
}

impl Syslog {
    pub async fn bind(settings: SyslogSettings) -> Result<Self, ReadError> {
        let failed =
            |address: SocketAddr| move |source| ReadError::Listen { address: address.to_string(), source };
        let udp = match settings.udp {
            Some(address) => Some(UdpSocket::bind(address).await.map_err(failed(address))?),
            None => None,
        };
        let tcp = match settings.tcp {
            Some(address) => Some(TcpListener::bind(address).await.map_err(failed(address))?),
            None => None,
        };
        Ok(Self { settings, udp, tcp, counts: Arc::default() })
    }

    /// Where it listens: UDP, TCP.
    #[must_use]
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let udp = self.udp.as_ref().and_then(|socket| socket.local_addr().ok());
        (udp, self.tcp.as_ref().and_then(|listener| listener.local_addr().ok()))
    }

    #[must_use]
    pub fn counts(&self) -> Arc<SyslogCounts> {
        Arc::clone(&self.counts)
    }
}

impl LiveSource for Syslog {
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let Self { settings, udp, tcp, counts } = self;
        let settings = Arc::new(settings);
        // Few, so that senders wait when nobody takes what they send.
        let (heard, mut all_heard) = mpsc::channel(16);
        let mut tasks = JoinSet::new();
        if let Some(socket) = udp {
            tasks.spawn(hear_datagrams(socket, heard.clone(), Arc::clone(&settings), stop.clone()));
        }
        if let Some(listener) = tcp {
            let serve = Serve {
                heard: heard.clone(),
                settings: Arc::clone(&settings),
                counts: Arc::clone(&counts),
                stop: stop.clone(),
            };
            tasks.spawn(serve.accept(listener));
        }
        drop(heard);
        let mut streams = Streams { known: HashSet::new(), limit: settings.max_streams };
        // It ends when all who listen have ended; what they heard before is handed over if there is room.
        while let Some(heard) = all_heard.recv().await {
            counts.count(&heard.messages);
            for delivery in streams.sort(heard) {
                if !hand_over(&out, delivery, &stop).await {
                    tasks.shutdown().await;
                    return Ok(());
                }
            }
        }
        tasks.shutdown().await;
        Ok(())
    }
}

/// Consecutive messages of one peer.
struct Heard {
    peer: SocketAddr,
    messages: Vec<Piece>,
}

async fn hear_datagrams(
    socket: UdpSocket,
    heard: mpsc::Sender<Heard>,
    settings: Arc<SyslogSettings>,
    stop: CancellationToken,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Some(received) = stop.run_until_cancelled(socket.recv_from(&mut buffer)).await else { return };
        // An error is about an earlier answer, and we send none.
        let Ok((length, peer)) = received else { continue };
        let mut messages = Vec::new();
        let mut bytes = length;
        framing::datagram(buffer.get(..length).unwrap_or_default(), settings.max_line, &mut messages);
        while messages.len() < settings.batch_lines && bytes < settings.batch_bytes {
            // Only of the same peer: the next one's comes with the next call.
            if socket.try_peek_sender().ok() != Some(peer) {
                break;
            }
            let Ok((length, _)) = socket.try_recv_from(&mut buffer) else { break };
            bytes += length;
            framing::datagram(buffer.get(..length).unwrap_or_default(), settings.max_line, &mut messages);
        }
        if heard.send(Heard { peer, messages }).await.is_err() {
            return;
        }
    }
}

/// What all connections share.
#[derive(Clone)]
struct Serve {
    heard: mpsc::Sender<Heard>,
    settings: Arc<SyslogSettings>,
    counts: Arc<SyslogCounts>,
    stop: CancellationToken,
}

impl Serve {
    async fn accept(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(self.settings.max_connections));
        let mut connections = JoinSet::new();
        while let Some(accepted) = self.stop.run_until_cancelled(listener.accept()).await {
            while connections.try_join_next().is_some() {}
            let Ok((stream, peer)) = accepted else {
                // No descriptors are left; some will be.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let serve = self.clone();
            connections.spawn(async move {
                let ended = serve.hear(stream, peer).await;
                serve.counts.note_end(&ended);
                drop(permit);
            });
        }
        while connections.join_next().await.is_some() {}
    }

    async fn hear(&self, mut stream: TcpStream, peer: SocketAddr) -> Ended {
        let mut frames = Frames::new(self.settings.max_line);
        let mut buffer = vec![0; 16 << 10];
        loop {
            let next = self.next(&mut stream, &mut buffer).await;
            let mut messages = Vec::new();
            let ended = match next {
                Ok(length) => frames
                    .push(buffer.get(..length).unwrap_or_default(), &mut messages)
                    .is_err()
                    .then_some(Ended::BadFrame),
                Err(ended) => {
                    messages = frames.finish();
                    Some(ended)
                }
            };
            let is_heard = send_all(&self.heard, peer, messages, &self.settings).await;
            if let Some(ended) = ended.or((!is_heard).then_some(Ended::Plainly)) {
                return ended;
            }
        }
    }

    /// The next bytes, or why there are none.
    async fn next(&self, stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize, Ended> {
        let read = tokio::time::timeout(self.settings.idle, stream.read(buffer));
        match self.stop.run_until_cancelled(read).await {
            Some(Ok(Ok(length @ 1..))) => Ok(length),
            Some(Err(_)) => Err(Ended::Idle),
            _ => Err(Ended::Plainly),
        }
    }
}

/// Why a connection is at its end.
enum Ended {
    /// By its peer, or because it is time to.
    Plainly,
    Idle,
    BadFrame,
}

/// `false` when nobody hears any more.
async fn send_all(
    heard: &mpsc::Sender<Heard>,
    peer: SocketAddr,
    mut messages: Vec<Piece>,
    settings: &SyslogSettings,
) -> bool {
    while !messages.is_empty() {
        let rest = messages.split_off(messages.len().min(settings.batch_lines.max(1)));
        if heard.send(Heard { peer, messages }).await.is_err() {
            return false;
        }
        messages = rest;
    }
    true
}

/// The streams that there are.
struct Streams {
    known: HashSet<Sender>,
    limit: usize,
}

/// Shared by the programs that came when there were enough.
const OTHERS: &str = "others";

impl Streams {
    /// One delivery for each stream, with its messages in order.
    fn sort(&mut self, heard: Heard) -> Vec<Delivery> {
        let mut sorted: Vec<(Sender, Vec<Piece>)> = Vec::new();
        let mut last = Sender::default();
        for message in heard.messages {
            // What has no header goes on with the message before it.
            let told = sender(&message.text, heard.peer);
            if message.begins || last.host.is_empty() {
                last = self.bounded(told);
            }
            match sorted.iter_mut().find(|(sender, _)| *sender == last) {
                Some((_, messages)) => messages.push(message),
                None => sorted.push((last.clone(), vec![message])),
            }
        }
        sorted.into_iter().map(|(sender, messages)| delivery(sender, messages)).collect()
    }

    fn bounded(&mut self, sender: Sender) -> Sender {
        if self.known.contains(&sender) {
            return sender;
        }
        if self.known.len() < self.limit {
            self.known.insert(sender.clone());
            return sender;
        }
        Sender { host: OTHERS.to_owned(), program: OTHERS.to_owned() }
    }
}

fn delivery(sender: Sender, messages: Vec<Piece>) -> Delivery {
    let name = format!("syslog/{}/{}", sender.host, sender.program);
    let host = (sender.host != OTHERS).then_some(sender.host);
    stream_delivery(name, host, Vec::new(), messages)
}

impl SyslogCounts {
    fn count(&self, messages: &[Piece]) {
        let cut = messages.iter().filter(|message| message.cut).count();
        self.messages.fetch_add(messages.len() as u64, Ordering::Relaxed);
        self.cut.fetch_add(cut as u64, Ordering::Relaxed);
    }

    fn note_end(&self, ended: &Ended) {
        match ended {
            Ended::Plainly => {}
            Ended::Idle => drop(self.idle.fetch_add(1, Ordering::Relaxed)),
            Ended::BadFrame => drop(self.bad_frames.fetch_add(1, Ordering::Relaxed)),
        }
    }
}
