use std::time::Duration;

use super::BrokerUrl;
use crate::{ClientTls, Settings};

/// Brokers that know the same queues, and what to read from them.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Part of the names of its streams: the same after every restart.
    pub name: String,
    /// The nodes of all of them are tried one after the other.
    pub urls: Vec<BrokerUrl>,
    /// Instead of what the URLs say.
    pub virtual_host: Option<String>,
    pub tls: ClientTls,
    pub take: Take,
    /// How many messages of a queue may be on their way to the store: two commits' worth, or the broker has to wait for
    /// each commit. They are held in memory, and twice as many ids are remembered.
    pub prefetch: u16,
    /// A connection that is silent for twice as long is given up.
    pub heartbeat: Duration,
    pub retry: Retry,
    /// How long messages are gathered before they are handed over; a full batch goes at once.
    pub gather: Duration,
    /// How often the broker is asked how the queue is. See `seen` for what else depends on it.
    pub look: Duration,
    pub settings: Settings,
}

impl Cluster {
    /// What suits most clouds.
    #[must_use]
    pub fn new(name: impl Into<String>, urls: Vec<BrokerUrl>, take: Take) -> Self {
        Self {
            name: name.into(),
            urls,
            virtual_host: None,
            tls: ClientTls::default(),
            take,
            prefetch: 1 << 15,
            heartbeat: Duration::from_secs(20),
            retry: Retry::default(),
            gather: Duration::from_millis(50),
            look: Duration::from_secs(30),
            // The state goes with each batch: few large ones cost less.
            settings: Settings { batch_bytes: 1 << 20, ..Settings::default() },
        }
    }
}

#[derive(Clone, Debug)]
pub enum Take {
    /// A queue of our own for each exchange, bound to it beside those of other consumers. Nothing that stands is changed:
    /// exchanges are looked up, never declared.
    Copy {
        exchanges: Vec<String>,
        /// `notifications.info`, `versioned_notifications.*`
        routing_keys: Vec<String>,
        /// The queues are called `PREFIX.EXCHANGE`. Two readers of one broker need two prefixes.
        queue_prefix: String,
        bounds: Bounds,
    },
    /// Queues that stand already and that nobody reads. What is read is gone for others.
    Drain { queues: Vec<String> },
}

/// What keeps our own queues from growing without end while nobody reads them. The oldest messages go first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub messages: u32,
    pub message_lifetime: Duration,
    /// A queue that is unused for so long is removed by the broker.
    pub unused_lifetime: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            messages: 200_000,
            message_lifetime: Duration::from_secs(24 * 3600),
            unused_lifetime: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// The pause before a new attempt doubles from `first` to `longest`, and is up to a quarter shorter by chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub first: Duration,
    pub longest: Duration,
    /// For one attempt to connect to one node.
    pub patience: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            patience: Duration::from_secs(10),
        }
    }
}
