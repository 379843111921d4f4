//! What a live source hands over, and how it learns that it may forget.

use model::{Line, Source};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::line_splitter::Piece;
use crate::{Batch, Checkpoint};

/// Consecutive lines of one text.
#[derive(Debug)]
pub struct Delivery {
    /// What the source knows of where the lines come from; their path tells the rest.
    pub source: Source,
    pub batch: Batch,
    pub place: Place,
    pub receipt: Receipt,
}

/// How far the lines go in what they were taken from. Stored in the commit that holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file that can be read again. Lines have the numbers that they have there.
    File {
        /// Tells texts of this process apart.
        text: u64,
        /// The text of an earlier process that goes on here: its place in the list of known checkpoints.
        continues: Option<usize>,
        checkpoint: Checkpoint,
    },
    /// Lines that come by once. The store numbers them on.
    Stream {
        /// The same after a restart: `syslog/compute-02/nova-compute`, `amqp/east/nova`.
        name: String,
        /// For the source to go on from at its next start (a cursor, the ids of the newest messages); may be empty.
        state: Vec<u8>,
    },
    /// Lines that another machine read and numbered, and may send again.
    Sent(SentPlace),
}

/// The place of lines in a text on another machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPlace {
    /// Tells all texts of all machines apart: a source and its generation.
    pub text: u128,
    /// How many lines of this text the sender had sent before these. Those that come again are dropped.
    pub before: u64,
}

impl SentPlace {
    /// No other source's state begins so.
    const TAG: &[u8] = b"\0culprit sent\0";

    /// For a store that keeps it without looking inside.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        [Self::TAG, &self.text.to_le_bytes(), &self.before.to_le_bytes()].concat()
    }

    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (text, before) = bytes.strip_prefix(Self::TAG)?.split_at_checked(16)?;
        let text = u128::from_le_bytes(text.try_into().ok()?);
        Some(Self { text, before: u64::from_le_bytes(before.try_into().ok()?) })
    }
}

/// Told when the lines are durable. When it is dropped untold they are not: they will have to come again.
#[derive(Debug, Default)]
pub struct Receipt(Option<oneshot::Sender<()>>);

impl Receipt {
    /// A receipt, and what resolves once it was told; with an error when it was dropped.
    #[must_use]
    pub fn wanted() -> (Self, oneshot::Receiver<()>) {
        let (told, waits) = oneshot::channel();
        (Self(Some(told)), waits)
    }

    /// For lines that their source can give again by itself.
    #[must_use]
    pub const fn unwanted() -> Self {
        Self(None)
    }

    pub fn tell(self) {
        // Whoever waited may have gone; that is its own affair.
        self.0.map(|told| told.send(()).ok());
    }
}

/// Where live lines come from: files that grow, sockets, a broker.
///
/// `out` is bounded: a source that cannot hand over waits, and lets its own peers wait. It ends soon after `stop`, and
/// an error ends only this source.
pub trait LiveSource: Send {
    fn run(
        self,
        out: mpsc::Sender<Delivery>,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), crate::ReadError>> + Send;
}

/// Waits for room. When it is time to stop, nobody may make any: `false` then, and when nobody takes any more.
pub(crate) async fn hand_over(
    out: &mpsc::Sender<Delivery>,
    delivery: Delivery,
    stop: &CancellationToken,
) -> bool {
    let permit = tokio::select! {
        biased;
        permit = out.reserve() => permit.ok(),
        () = stop.cancelled() => None,
    };
    permit.map(|permit| permit.send(delivery)).is_some()
}

/// Lines that come by once.
pub(crate) fn stream_delivery(
    name: String,
    host: Option<String>,
    state: Vec<u8>,
    pieces: Vec<Piece>,
) -> Delivery {
    let mut batch = Batch::default();
    for (number, piece) in (1..).zip(pieces) {
        batch.offset += piece.text.len() as u64 + 1;
        batch.cut.extend(piece.cut.then_some(number));
        batch.lines.push(Line { number, text: piece.text });
    }
    let source = Source { path: name.clone(), host, ..Source::default() };
    Delivery { source, batch, place: Place::Stream { name, state }, receipt: Receipt::unwanted() }
}
