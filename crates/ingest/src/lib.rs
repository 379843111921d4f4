//! The world becomes batches of lines.
//!
//! [`discover`] walks what the user named and lists every [`Input`]. An input holds one text, or many when it is an
//! archive: [`Input::read`] visits each as a [`Reader`], which first says what is new in it ([`Reader::resume`]) and
//! then yields bounded batches of lines.
//!
//! A [`LiveSource`] hands over lines as they come. [`LiveTail`] follows files that grow;
//! [`Journal`], [`Syslog`] and [`Stdin`] hear lines that come by once. Each batch is a [`Delivery`]
//! with the place to go on from and a receipt for what is durable. [`amqp`] reads the notifications of brokers,
//! [`http`] and [`forward`] are open to other shippers.
//!
//! Invariant: a text is known by its content, never by its name alone. The same lines are read once, whatever has
//! since been renamed, compressed or appended.

mod discover;
mod input;

mod decode;

mod identity;
mod reader;
mod text_hash;

mod delivery;
mod tail;

mod journald;
mod line_splitter;
mod stdin;
mod syslog;

pub mod amqp;

mod budget;
mod client_tls;
mod door_error;
mod inlet;
mod listener;
mod pem;
mod shipped;
mod tls;
mod unpack;

pub mod forward;
pub mod http;

mod error;

pub use client_tls::{ClientTls, ClientTlsError, tls_advice};
pub use delivery::{Delivery, LiveSource, Place, Receipt, SentPlace};
pub use discover::{Discovery, discover};
pub use door_error::DoorError;
pub use error::ReadError;
pub use identity::{Checkpoint, Resume};
pub use input::{Content, Input, Settings, Skipped};
pub use journald::{Journal, JournalSettings};
pub use reader::{Batch, Reader};
pub use shipped::ShippedSettings;
pub use stdin::Stdin;
pub use syslog::{Syslog, SyslogCounts, SyslogSettings};
pub use tail::{LiveTail, Start, Tail, TailSettings, TailStatus};
