//! A record of OpenTelemetry's log data model, as our doors write down what SDKs and shippers send:
//! `{"timestamp":…,"severity_text":…,"body":…,"scope":…,"attributes":{…},"resource":{…}}`.
use std::borrow::Cow;

use model::{IdKind, Mention, Severity};
use serde_json_borrow::Value;

use super::json::{self, Object};
use super::oslo_json::{context_of, owned_stamp, push_ids};
use super::wrapped::Wrapped;
use crate::header::{Header, RawContext, Stamp};

/// Beside its body, a record has one of these.
const TELLING: [&str; 6] =
    ["timestamp", "observed_timestamp", "severity_text", "severity_number", "attributes", "resource"];

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    let object = json::object(text).filter(is_record)?;
    let empty = Object::default();
    let attributes = part(&object, "attributes").unwrap_or(&empty);
    let resource = part(&object, "resource").unwrap_or(&empty);
    let body = body(&object, attributes);
    let (first, rest) = body.split_once('\n').unwrap_or((&body, ""));
    let outer = Header {
        stamp: stamp(&object),
        severity: severity(&object),
        process: json::process(attributes, "process.pid").or_else(|| json::process(resource, "process.pid")),
        logger: json::owned(json::text(&object, "scope")),
        host: json::owned(json::text(resource, "host.name")),
        program: json::owned(json::text(resource, "service.name")),
        ..Header::default()
    };
    let inner = Cow::Owned(first.trim_end_matches('\r').to_owned());
    let mut header = Wrapped { outer: outer.into_owned(), inner, cut: false }.into_header();
    header.logger = header.logger.or_else(|| json::owned(json::text(&object, "scope")));
    if header.context == RawContext::default() {
        header.context = context_of(attributes);
    }
    header.detail.extend(rest.lines().map(str::to_owned));
    header.detail.extend(attributes.get("exception.stacktrace").map(json::lines).unwrap_or_default());
    header.mentions.extend(mentions(attributes));
    Some(header)
}

fn is_record(object: &Object<'_>) -> bool {
    object.contains_key("body") && TELLING.iter().any(|key| object.contains_key(key))
}

fn part<'a, 'text>(object: &'a Object<'text>, key: &str) -> Option<&'a Object<'text>> {
    match object.get(key)? {
        Value::Object(part) => Some(part),
        _ => None,
    }
}

/// When nobody told the time of the event, that at which it was seen.
fn stamp(object: &Object<'_>) -> Stamp<'static> {
    json::first_text(object, &["timestamp", "observed_timestamp"]).map_or(Stamp::Missing, owned_stamp)
}

fn severity(object: &Object<'_>) -> Severity {
    let number = || object.get("severity_number")?.as_u64()?.try_into().ok().map(Severity::from_number);
    json::text(object, "severity_text").and_then(Severity::parse).or_else(number).unwrap_or_default()
}

/// The message, then the exception in short where the message does not hold it.
fn body(object: &Object<'_>, attributes: &Object<'_>) -> String {
    let body = object.get("body").map(json::shown).unwrap_or_default();
    let Some(class) = json::text(attributes, "exception.type") else { return body.into_owned() };
    let message = json::text(attributes, "exception.message").unwrap_or_default();
    if body.contains(class) || (!message.is_empty() && body.contains(message)) {
        return body.into_owned();
    }
    let (first, rest) = body.split_once('\n').unwrap_or((&body, ""));
    let rest = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
    let summary = format!("{class}: {message}");
    format!("{first}: {}{rest}", summary.trim_end_matches(": "))
}

/// Ids in attributes, which say what they are: `instance_uuid`, `volume.id`.
fn mentions(attributes: &Object<'_>) -> Vec<Mention> {
    let mut mentions = Vec::new();
    for (key, value) in attributes.iter() {
        let mut words = key.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let kind = words.find_map(IdKind::parse);
        if let (Some(kind), Some(text)) = (kind, value.as_str()) {
            push_ids(&mut mentions, kind, text);
        }
    }
    mentions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::written_time::tests::shown;

    fn check(text: &str, expected: &str) {
        let seen = read(text).map(|header| {
            let request = header.context.request.as_deref().unwrap_or("-");
            let logger = header.logger.as_deref().unwrap_or("-");
            let (stamp, body, detail) = (shown(header.stamp), &header.body, &header.detail);
            format!("{stamp} {} {logger} {request} | {body} | {detail:?}", header.severity)
        });
        assert_eq!(seen.unwrap_or_default(), expected, "{text}");
    }

    #[test]
    fn a_record_has_a_time_a_severity_a_body_and_a_context() {
        check(
            r#"{"timestamp":"2026-11-21T03:28:16.763Z","severity_text":"WARN","severity_number":13,"body":"No IP left\nreally","scope":"neutron.db","attributes":{"request_id":"req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb"}}"#,
            r#"2026-11-21T03:28:16.763Z WARNING neutron.db req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb | No IP left | ["really"]"#,
        );
        check(
            r#"{"observed_timestamp":"2026-11-21T03:28:16.763Z","severity_number":17,"body":{"a":1}}"#,
            r#"2026-11-21T03:28:16.763Z ERROR - - | {"a":1} | []"#,
        );
        check(
            r#"{"timestamp":"18446744073709551615","severity_text":"loud","body":"x"}"#,
            "? UNSPECIFIED - - | x | []",
        );
    }

    #[test]
    fn a_carried_line_knows_best() {
        check(
            r#"{"timestamp":"2026-11-21T03:28:17Z","severity_text":"INFO","body":"2026-11-21 03:28:16.763 7 ERROR nova.compute [req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb a b] boom","scope":"x"}"#,
            "2026-11-21T03:28:16.763 local ERROR nova.compute req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb | boom | []",
        );
    }

    #[test]
    fn an_exception_and_ids_stand_in_attributes() {
        check(
            r#"{"severity_text":"ERROR","body":"Spawn failed","attributes":{"exception.type":"nova.exception.NoValidHost","exception.message":"none","exception.stacktrace":"Traceback\n  File"}}"#,
            r#"- ERROR - - | Spawn failed: nova.exception.NoValidHost: none | ["Traceback", "  File"]"#,
        );
        let text = r#"{"body":"x","attributes":{"instance_uuid":"9c736a56-2ead-486a-972e-375404bd9802","volume.id":"af931de6-d0e9-40ed-97f2-564959a9a22a","color":"a"}}"#;
        let kinds: Vec<_> = read(text).unwrap().mentions.iter().map(|mention| mention.kind).collect();
        assert_eq!(kinds, [IdKind::Instance, IdKind::Volume]);
    }

    #[test]
    fn other_json_is_no_record() {
        for text in [r#"{"body":"x"}"#, r#"{"timestamp":"2026"}"#, "{}", "[]", r#"{"body":"x","attributes":"#]
        {
            check(text, "");
        }
        check(&"{\"body\":".repeat(100_000), "");
        check(r#"{"body":null,"attributes":7,"resource":[]}"#, "- UNSPECIFIED - - |  | []");
    }
}
