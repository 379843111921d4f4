//! oslo.log's `JSONFormatter`.
use model::{Id, IdKind, Mention, Severity, scan_ids};
use serde_json_borrow::Value;

use super::json::{self, Object};
use super::written_time::{self, whole_iso};
use crate::header::{Header, RawContext, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    let object = json::object(text)?;
    let level = json::text(&object, "levelname")?;
    if !object.contains_key("message") || !object.contains_key("name") {
        return None;
    }
    Some(Header {
        stamp: stamp(&object),
        process: json::process(&object, "process"),
        ..record(&object, level)
    })
}

/// What both of oslo.log's structured formatters write under the same names.
pub(super) fn record(object: &Object<'_>, level: &str) -> Header<'static> {
    Header {
        severity: Severity::parse(level).unwrap_or_default(),
        logger: json::owned(json::text(object, "name")),
        host: json::owned(json::text(object, "hostname")),
        context: context(object),
        body: body(object).into(),
        detail: object.get("traceback").map(json::lines).unwrap_or_default(),
        mentions: mentions(object),
        ..Header::default()
    }
}

/// `created` knows its zone, `asctime` does not.
fn stamp(object: &Object<'_>) -> Stamp<'static> {
    if let Some(nanos) = json::number(object, "created").and_then(written_time::from_epoch_seconds) {
        return Stamp::Utc(nanos);
    }
    json::first_text(object, &["asctime", "time"]).map_or(Stamp::Missing, owned_stamp)
}

/// The object that holds the text goes away.
pub(super) fn owned_stamp(text: &str) -> Stamp<'static> {
    whole_iso(text).unwrap_or(Stamp::Unreadable(text)).into_owned()
}

/// As the text formatter writes it: the message, then the active exception in short.
fn body(object: &Object<'_>) -> String {
    let message = object.get("message").map(json::shown).unwrap_or_default();
    match json::text(object, "error_summary") {
        Some(summary) if !message.contains(summary) => format!("{message}: {summary}"),
        _ => message.into_owned(),
    }
}

fn context(object: &Object<'_>) -> RawContext<'static> {
    let Some(Value::Object(context)) = object.get("context") else { return RawContext::default() };
    context_of(context)
}

/// A context whose fields have the names that oslo.context gives them.
pub(super) fn context_of(context: &Object<'_>) -> RawContext<'static> {
    let first = |keys: &[&str]| json::owned(json::first_text(context, keys));
    let request = first(&["request_id"]);
    let (user, project) = (first(&["user_id", "user"]), first(&["project_id", "project", "tenant"]));
    RawContext {
        global: first(&["global_request_id"]),
        bracket: request.is_some(),
        identity: user.is_some() || project.is_some(),
        request,
        user,
        project,
    }
}

/// `extra.instance` and `extra.resource`, which the text formatter prints in front of the message or not at all, and
/// the resource that the context is about.
fn mentions(object: &Object<'_>) -> Vec<Mention> {
    let part =
        |part: &str, key: &str| object.get(part).and_then(|part| part.as_object()?.get(key)).map(json::shown);
    let instance = ["instance", "instance_uuid"].into_iter().filter_map(|key| part("extra", key));
    let instance = instance.map(|text| (IdKind::Instance, text));
    let resource = part("extra", "resource").map(|text| (kind_of_resource(&text), text));
    let about = part("context", "resource_uuid").map(|text| (IdKind::Other, text));
    let mut mentions = Vec::new();
    for (kind, text) in instance.chain(resource).chain(about) {
        push_ids(&mut mentions, kind, &text);
    }
    mentions
}

pub(super) fn push_ids(mentions: &mut Vec<Mention>, kind: IdKind, text: &str) {
    scan_ids(text.as_bytes(), |found| {
        let kind = kind_by_shape(&found.id).unwrap_or(kind);
        if !mentions.iter().any(|known| known.id == found.id) {
            mentions.push(Mention { kind, id: found.id });
        }
    });
}

/// Names say what they are; only UUIDs need the words around them.
pub(super) fn kind_by_shape(id: &Id) -> Option<IdKind> {
    match id {
        Id::Uuid(_) => None,
        Id::Name(name) if name.starts_with("instance-") => Some(IdKind::Domain),
        Id::Name(name) if name.contains(':') => Some(IdKind::MacAddress),
        Id::Name(_) => Some(IdKind::Device),
    }
}

/// `[volume-4f3a…] `, `{"type": "volume", "id": "4f3a…"}`.
fn kind_of_resource(text: &str) -> IdKind {
    let mut words =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.find_map(IdKind::parse).unwrap_or(IdKind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::written_time::tests::shown;

    #[test]
    fn a_record_keeps_its_context_resources_and_traceback() {
        let line = r#"{"message": "Instance failed to spawn", "asctime": "2026-11-21 03:28:16,763", "created": 1795231696.763, "name": "nova.compute.manager", "levelname": "ERROR", "process": 9574, "hostname": "compute-01", "error_summary": "nova.exception.VirtualInterfaceCreateException: Virtual Interface creation failed", "traceback": ["Traceback (most recent call last):", "  File \"x.py\", line 1, in f\n    g()"], "context": {"request_id": "req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb", "global_request_id": null, "user": "6cc66215585b43cc9b0c9c7599912eed", "project_id": "cc3102d9305f43e98985e851b2015ee2", "auth_token": "***"}, "extra": {"instance": "9c736a56-2ead-486a-972e-375404bd9802", "resource": {"type": "volume", "id": "af931de6-d0e9-40ed-97f2-564959a9a22a"}}}"#;
        let header = read(line).expect("a record");
        assert_eq!(shown(header.stamp), "2026-11-21T03:28:16.763Z");
        assert_eq!((header.severity, header.process), (Severity::Error, Some(9574)));
        assert_eq!(header.logger.as_deref(), Some("nova.compute.manager"));
        assert_eq!(
            header.body,
            "Instance failed to spawn: nova.exception.VirtualInterfaceCreateException: Virtual Interface creation failed"
        );
        assert_eq!(
            header.detail,
            ["Traceback (most recent call last):", "  File \"x.py\", line 1, in f", "    g()"]
        );
        assert_eq!(header.context.request.as_deref(), Some("req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb"));
        assert_eq!(header.context.global, None);
        assert_eq!(header.context.user.as_deref(), Some("6cc66215585b43cc9b0c9c7599912eed"));
        let kinds: Vec<_> = header.mentions.iter().map(|mention| mention.kind).collect();
        assert_eq!(kinds, [IdKind::Instance, IdKind::Volume]);
    }

    #[test]
    fn a_record_without_a_context_has_no_bracket() {
        let header = read(
            r#"{"message":"hi","asctime":"2026-11-21 03:28:16,763","name":"nova","levelname":"INFO","context":{}}"#,
        );
        let header = header.expect("a record");
        assert_eq!(
            (shown(header.stamp).as_str(), header.context.bracket),
            ("2026-11-21T03:28:16.763 local", false)
        );
        for text in
            ["{}", r#"{"levelname":"INFO"}"#, "[1]", "{", r#"{"message":"a","name":"b","levelname":3}"#]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"{\"a\":".repeat(100_000)), None);
    }
}
