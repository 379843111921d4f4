//! The world becomes batches of lines.
//!
//! [`discover`] walks what the user named and lists every [`Input`]. An input holds one text, or many when it is an
//! archive: [`Input::read`] visits each as a [`Reader`], which first says what is new in it ([`Reader::resume`]) and
//! then yields bounded batches of lines.
//!
//! What never ends is a [`LiveSource`]: it hands over each batch as a [`Delivery`], with the place to go on from and a
//! receipt for what is durable. [`amqp`] reads the notifications of brokers.
//!
//! Invariant: a text is known by its content, never by its name alone. The same lines are read once, whatever has
//! since been renamed, compressed or appended.

mod discover;
mod input;

mod decode;

mod identity;
mod reader;

mod delivery;

pub mod amqp;

mod error;

pub use delivery::{Delivery, LiveSource, Place, Receipt};
pub use discover::{Discovery, discover};
pub use error::ReadError;
pub use identity::{Checkpoint, Resume};
pub use input::{Content, Input, Settings, Skipped};
pub use reader::{Batch, Reader};
