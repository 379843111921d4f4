//! Notifications from the brokers of a cloud.
//!
//! [`Notifications`] is the source: it holds one connection to a [`Cluster`] and reads one queue for each exchange
//! (`feed`), on a channel of its own, so that a refusal on one of them does not disturb the others.
//!
//! A message comes again when its acknowledgement did not reach the broker, and a publisher that lost its connection
//! sends once more. Both are recognised by the id of the message (`seen`), also after a restart: the newest ids are the
//! state of each [`Place::Stream`](crate::Place), so they are durable together with the lines.
//!
//! Invariant: the broker is told to forget a message only after everything up to it is durable (`unsettled`).

mod cluster;
mod url;

mod notifications;
mod retry;

mod connection;
mod tls;
mod wire;

mod feed;
mod subscription;

mod gathered;
mod message;
mod seen;
mod unsettled;

mod error;

pub use cluster::{Bounds, Cluster, Retry, Take};
pub use error::BrokerError;
pub use notifications::{Notifications, Report};
pub use url::BrokerUrl;
