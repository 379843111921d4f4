//! Lines of our own agent: each says which line of which text it is.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::record::Sender;
use crate::shipped::ShippedSettings;
use crate::{Batch, Delivery, Place, Receipt, SentPlace};
use model::Line;

/// What tells a record apart from all others.
const UID: &str = "log.record.uid";
const LINE_NUMBER: &str = "culprit.line.number";
const CUT: &str = "culprit.line.cut";

/// Each run of consecutive lines is one delivery.
pub(super) struct Lines {
    settings: ShippedSettings,
    deliveries: Vec<Delivery>,
    /// Of the last delivery.
    bytes: usize,
}

impl Lines {
    pub(super) const fn new(settings: ShippedSettings) -> Self {
        Self { settings, deliveries: Vec::new(), bytes: 0 }
    }

    /// Gives back what is no line of an agent.
    pub(super) fn push(&mut self, sender: &Sender, record: LogRecord) -> Option<LogRecord> {
        let Some((place, number)) = place(&record.attributes).filter(|_| !sender.source.path.is_empty())
        else {
            return Some(record);
        };
        let cut = attribute(&record.attributes, CUT) == Some(&Any::BoolValue(true));
        let mut text = match record.body.and_then(|body| body.value) {
            Some(Any::StringValue(text)) => text.into_bytes(),
            Some(Any::BytesValue(text)) => text,
            _ => Vec::new(),
        };
        let cut = cut || text.len() > self.settings.max_line;
        text.truncate(self.settings.max_line);
        self.bytes += text.len() + 1;
        let batch = match self.deliveries.last_mut() {
            Some(last) if goes_on(last, place, self.bytes, &self.settings) => &mut last.batch,
            _ => {
                self.bytes = text.len() + 1;
                self.begin(sender, place)
            }
        };
        batch.offset += text.len() as u64 + 1;
        batch.cut.extend(cut.then_some(number));
        batch.lines.push(Line { number, text });
        None
    }

    pub(super) fn into_deliveries(self) -> Vec<Delivery> {
        self.deliveries
    }

    fn begin(&mut self, sender: &Sender, place: SentPlace) -> &mut Batch {
        let delivery = Delivery {
            source: sender.source.clone(),
            batch: Batch::default(),
            place: Place::Sent(place),
            receipt: Receipt::unwanted(),
        };
        &mut self.deliveries.push_mut(delivery).batch
    }
}

fn goes_on(last: &Delivery, place: SentPlace, bytes: usize, settings: &ShippedSettings) -> bool {
    let Place::Sent(SentPlace { text, before }) = last.place else { return false };
    let next = before.checked_add(last.batch.lines.len() as u64);
    let has_room = last.batch.lines.len() < settings.batch_lines && bytes <= settings.batch_bytes;
    has_room && (text, next) == (place.text, Some(place.before))
}

/// The place of a record's line, and its number in its file.
fn place(attributes: &[KeyValue]) -> Option<(SentPlace, u64)> {
    let Any::StringValue(uid) = attribute(attributes, UID)? else { return None };
    let (text, sequence) = uid.split_once('-').filter(|(text, _)| text.len() == 32)?;
    let text = u128::from_str_radix(text, 16).ok()?;
    let before = u64::from_str_radix(sequence, 16).ok()?;
    let Any::IntValue(number) = attribute(attributes, LINE_NUMBER)? else { return None };
    Some((SentPlace { text, before }, u64::try_from(*number).ok()?))
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let pair = attributes.iter().find(|pair| pair.key == key)?;
    pair.value.as_ref().and_then(|AnyValue { value }| value.as_ref())
}
