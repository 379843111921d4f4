//! What a message is: a line, and an id to know it by when it comes again.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The body as it is when it is one line.
    pub(super) line: Vec<u8>,
    /// It was longer than the limit.
    pub(super) cut: bool,
    pub(super) id: MessageId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageId {
    /// Of what its publisher calls it.
    Given(u64),
    /// Of its bytes: two messages may say the same, so it tells only of one that the broker says it sends again.
    Content(u64),
}

impl Message {
    pub(super) fn read(body: Vec<u8>, property: Option<&str>, max_line: usize) -> Self {
        let whole = body.len() <= max_line;
        let envelope = if whole { Envelope::read(&body) } else { None };
        let id = envelope.as_ref().and_then(Envelope::id).or_else(|| property.map(str::to_owned));
        let id = match id.filter(|id| !id.is_empty()) {
            Some(id) => MessageId::Given(xxh3_64(id.as_bytes())),
            None => MessageId::Content(xxh3_64(&body)),
        };
        let mut line = one_line(body, whole);
        let cut = line.len() > max_line;
        line.truncate(max_line);
        Self { line, cut, id }
    }
}

/// The message as oslo.messaging writes it (version 1, driver `messaging`), or an envelope around its text (version 2,
/// `messagingv2`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(rename = "oslo.message", borrow)]
    message: Option<Cow<'a, str>>,
    message_id: Value,
    _unique_id: Value,
}

impl<'a> Envelope<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// A message that went to two topics has one message id and two unique ids.
    fn id(&self) -> Option<String> {
        let inner = self.message.as_ref().and_then(|text| serde_json::from_str::<Envelope<'_>>(text).ok());
        let message = inner.as_ref().unwrap_or(self);
        [&message.message_id, &message._unique_id, &self._unique_id].into_iter().find_map(|id| match id {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        })
    }
}

/// Line ends in JSON stand only between its parts, where they mean nothing. In anything else they are written as `\n`.
fn one_line(body: Vec<u8>, whole: bool) -> Vec<u8> {
    if memchr::memchr2(b'\n', b'\r', &body).is_none() {
        return body;
    }
    if whole && serde_json::from_slice::<IgnoredAny>(&body).is_ok() { compact(&body) } else { escaped(&body) }
}

/// Without white space between the parts. Reading and writing would change the order of keys and the digits of numbers.
fn compact(json: &[u8]) -> Vec<u8> {
    let (mut in_text, mut after_backslash) = (false, false);
    let mut line = json.to_vec();
    line.retain(|&byte| {
        let kept = in_text || !byte.is_ascii_whitespace();
        if byte == b'"' && !after_backslash {
            in_text = !in_text;
        }
        after_backslash = in_text && byte == b'\\' && !after_backslash;
        kept
    });
    line
}

fn escaped(body: &[u8]) -> Vec<u8> {
    let body = body.strip_suffix(b"\n").map_or(body, |body| body.strip_suffix(b"\r").unwrap_or(body));
    let mut line = Vec::with_capacity(body.len() + 16);
    for &byte in body {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            _ => line.push(byte),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 400;

    fn check(body: &str, property: Option<&str>, line: &str, id: Option<&str>) {
        let message = Message::read(body.into(), property, LIMIT);
        let expected = match id {
            Some(id) => MessageId::Given(xxh3_64(id.as_bytes())),
            None => MessageId::Content(xxh3_64(body.as_bytes())),
        };
        assert_eq!(
            message,
            Message { line: line.into(), cut: line.len() < body.len() && line.len() == LIMIT, id: expected }
        );
    }

    #[test]
    fn both_envelopes_tell_the_id_and_are_kept_as_they_are() {
        let bare = r#"{"message_id": "3dec265e-b9e2-4deb-a2f6-d3549e7038bc", "event_type": "compute.instance.update", "payload": {"message_id": "x"}, "_unique_id": "b2d0"}"#;
        check(bare, None, bare, Some("3dec265e-b9e2-4deb-a2f6-d3549e7038bc"));
        let enveloped = serde_json::json!({"oslo.version": "2.0", "oslo.message": bare}).to_string();
        check(&enveloped, Some("of the property"), &enveloped, Some("3dec265e-b9e2-4deb-a2f6-d3549e7038bc"));
        let unique = r#"{"oslo.version": "2.0", "oslo.message": "{\"_unique_id\": \"b2d0\"}"}"#;
        check(unique, None, unique, Some("b2d0"));
        let outside = r#"{"oslo.message": "no JSON", "_unique_id": 7}"#;
        check(outside, None, outside, Some("7"));
    }

    #[test]
    fn other_bodies_are_lines_too() {
        check("not JSON", None, "not JSON", None);
        check("not JSON", Some("a1"), "not JSON", Some("a1"));
        check("", None, "", None);
        check("[1, 2]", None, "[1, 2]", None);
        check("two\r\nlines\n", None, "two\\r\\nlines", None);
        check("{\"broken\":\n", None, "{\"broken\":", None);
        check(r#"{"message_id": null}"#, None, r#"{"message_id": null}"#, None);
        check(
            r#"{"message_id": "a", "message_id": "b"}"#,
            None,
            r#"{"message_id": "a", "message_id": "b"}"#,
            None,
        );
        let long = "x".repeat(LIMIT + 1);
        check(&long, None, &"x".repeat(LIMIT), None);
    }

    #[test]
    fn json_of_many_lines_becomes_one_and_means_the_same() {
        check(
            "{\n  \"message_id\": \"a\\\" \\\\\",\r\n\t\"n\": 1.00,\n \"z\": \"b  c\",\"a\": []\n}\n",
            None,
            "{\"message_id\":\"a\\\" \\\\\",\"n\":1.00,\"z\":\"b  c\",\"a\":[]}",
            Some("a\" \\"),
        );
    }
}
