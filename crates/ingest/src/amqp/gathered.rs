//! Messages on their way into one batch.

use lapin::message::Delivery as Incoming;
use model::Line;
use tokio::time::Instant;

use super::message::Message;
use super::seen::{Admission, Seen};
use crate::{Batch, Settings};

#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) batch: Batch,
    /// The ids that were kept.
    pub(super) ids: Vec<u64>,
    /// Of the newest message, also when it was known.
    pub(super) last_tag: Option<u64>,
    /// How many were known.
    pub(super) repeated: u64,
    /// When the first came.
    pub(super) since: Option<Instant>,
    bytes: usize,
}

impl Gathered {
    pub(super) fn add(&mut self, incoming: Incoming, seen: &mut Seen, settings: &Settings) {
        self.last_tag = Some(incoming.delivery_tag);
        self.since.get_or_insert_with(Instant::now);
        let property = incoming.properties.message_id().as_ref().map(|id| id.as_str().to_owned());
        let message = Message::read(incoming.data, property.as_deref(), settings.max_line);
        match seen.admit(message.id, incoming.redelivered) {
            Admission::Kept(id) => self.ids.push(id),
            Admission::Taken => {}
            Admission::Known => {
                self.repeated += 1;
                return;
            }
        }
        self.bytes += message.line.len() + 1;
        let number = self.batch.lines.len() as u64 + 1;
        if message.cut {
            self.batch.cut.push(number);
        }
        self.batch.lines.push(Line { number, text: message.line });
        self.batch.offset = self.bytes as u64;
    }

    pub(super) fn is_full(&self, settings: &Settings) -> bool {
        self.batch.lines.len() >= settings.batch_lines || self.bytes >= settings.batch_bytes
    }
}
