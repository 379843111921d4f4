//! oslo notifications, one per line: the AMQP or Kafka body as it is (with and without the version 2.0 envelope), or
//! the line of a collector that keeps the body as a text.
use model::{Exception, IdKind, Mention, Notification, Severity};
use serde_json_borrow::Value;

use super::json::{self, Object};
use super::oslo_json::owned_stamp;
use super::payload::Vocabulary;
use super::python_repr;
use super::written_time::as_utc;
use crate::header::{Header, RawContext, Stamp};

/// A collector's line around an envelope around a message is three deep.
const ENVELOPE_LIMIT: usize = 4;
/// How deep a failure may hide: `payload` → `nova_object.data` → `reason` → `nova_object.data`.
const FAULT_DEPTH: usize = 4;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    read_with(text, Vocabulary::built_in())
}

pub(crate) fn read_with<'a>(text: &str, vocabulary: &Vocabulary) -> Option<Header<'a>> {
    opened(text, Stamp::Missing, ENVELOPE_LIMIT, |message, received| header(message, received, vocabulary))
}

fn header(
    message: &Object<'_>,
    received: Stamp<'static>,
    vocabulary: &Vocabulary,
) -> Option<Header<'static>> {
    let event_type = json::text(message, "event_type")?;
    let payload = message.get("payload")?;
    let (program, host) = publisher(json::text(message, "publisher_id").unwrap_or_default());
    let program = vocabulary.publishers.get(program).map_or(program, String::as_str);
    let story = Story::of(payload, vocabulary);
    let context = context(message, payload);
    Some(Header {
        stamp: stamp(message, received),
        severity: json::text(message, "priority").map(severity).unwrap_or_default(),
        host: json::owned(host),
        program: json::owned((!program.is_empty()).then_some(program)),
        body: story.summary(event_type).into(),
        notification: Some(envelope(message, event_type, story.state)),
        detail: story.detail,
        mentions: mentions(message, event_type, payload, vocabulary),
        context,
        ..Header::default()
    })
}

/// What `read` makes of the message inside its envelopes, and of when a collector received it.
fn opened<T>(
    text: &str,
    received: Stamp<'static>,
    envelopes: usize,
    read: impl FnOnce(&Object<'_>, Stamp<'static>) -> Option<T>,
) -> Option<T> {
    let outer = json::object(text)?;
    let received = json::text(&outer, "received_at").map_or(received, owned_stamp);
    let mut object = &outer;
    for left in (0..envelopes).rev() {
        if object.contains_key("event_type") && object.contains_key("payload") {
            return read(object, received);
        }
        object = match ["oslo.message", "body"].iter().find_map(|key| object.get(key))? {
            Value::Object(inner) => inner,
            Value::Str(text) => return opened(text, received, left, read),
            _ => return None,
        };
    }
    None
}

/// The message says UTC without a zone.
fn stamp(message: &Object<'_>, received: Stamp<'static>) -> Stamp<'static> {
    match json::text(message, "timestamp").map(owned_stamp) {
        Some(Stamp::Missing | Stamp::Unreadable(_)) | None => received,
        Some(stamp) => as_utc(stamp),
    }
}

/// `SAMPLE` is a priority too.
fn severity(priority: &str) -> Severity {
    Severity::parse(priority).unwrap_or(Severity::Info)
}

/// `nova-compute:host1`, `compute.host1`, `volume.host1@backend`.
fn publisher(id: &str) -> (&str, Option<&str>) {
    let (service, host) = id.split_once(':').or_else(|| id.split_once('.')).unwrap_or((id, ""));
    // Glance's default publisher is `image.localhost`, on every host.
    let host = host.split(['@', '#']).next().filter(|host| !matches!(*host, "" | "localhost"));
    (service, host)
}

fn envelope(message: &Object<'_>, event_type: &str, state: Option<String>) -> Notification {
    let text = |key| json::text(message, key).unwrap_or_default().to_owned();
    Notification {
        message_id: text("message_id"),
        event_type: event_type.to_owned(),
        publisher: text("publisher_id"),
        state,
    }
}

/// Flat keys over RabbitMQ, an object over Kafka; keystone and glance keep their context in the payload, or nowhere.
fn context(message: &Object<'_>, payload: &Value<'_>) -> RawContext<'static> {
    let nested = message.get("_context").and_then(Value::as_object);
    let payload = payload.as_object();
    let initiator = payload.and_then(|payload| payload.get("initiator")?.as_object());
    let first = |keys: &[&str]| {
        let flat = || keys.iter().find_map(|key| json::text(message, &format!("_context_{key}")));
        let inside = |object: Option<&Object<'_>>| {
            object.and_then(|object| json::first_text(object, keys).map(str::to_owned))
        };
        let found = flat().map(str::to_owned).or_else(|| inside(nested)).or_else(|| inside(initiator));
        found.map(std::borrow::Cow::Owned)
    };
    let of_payload = |key| json::owned(payload.and_then(|payload| json::text(payload, key)));
    let of_initiator = || json::owned(initiator.and_then(|initiator| json::text(initiator, "id")));
    let request = first(&["request_id"]).or_else(|| of_payload("request_id"));
    let user = first(&["user_id", "user"]).or_else(of_initiator);
    let project = first(&["project_id", "tenant_id", "project", "tenant"]);
    RawContext {
        global: first(&["global_request_id"]).or_else(|| of_payload("global_request_id")),
        bracket: request.is_some(),
        identity: user.is_some() || project.is_some(),
        request,
        user,
        project,
    }
}

fn mentions(
    message: &Object<'_>,
    event_type: &str,
    payload: &Value<'_>,
    vocabulary: &Vocabulary,
) -> Vec<Mention> {
    let mut mentions = vocabulary.mentions(event_type, payload);
    if let Some(id) = json::text(message, "message_id").and_then(model::Id::parse) {
        mentions.push(Mention { kind: IdKind::Message, id });
    }
    mentions
}

/// What a payload tells.
#[derive(Debug, Default)]
struct Story {
    state: Option<String>,
    task: Option<String>,
    fault: Option<Exception>,
    detail: Vec<String>,
}

impl Story {
    fn of(payload: &Value<'_>, vocabulary: &Vocabulary) -> Self {
        let Some(object) = payload.as_object() else {
            // Glance puts the bare text of an error there.
            let text = payload.as_str().unwrap_or_default();
            let (message, detail) = first_line(text);
            return Self { fault: plain_fault(message), detail, ..Self::default() };
        };
        let object = data(object);
        let states: Vec<_> = vocabulary.states.iter().map(String::as_str).collect();
        let subject = subject(object);
        let state = json::first_text(object, &states).or_else(|| json::first_text(subject, &states));
        let task = json::first_text(object, &["task_state", "new_task_state", "state_description"]);
        let (fault, detail) = fault(object, vocabulary, FAULT_DEPTH).unwrap_or_default();
        Self { state: state.map(str::to_owned), task: task.map(str::to_owned), fault, detail }
    }

    /// `instance.create.error: InvalidInput: Fixed IP …`, `compute.instance.update: building, spawning`.
    fn summary(&self, event_type: &str) -> String {
        let fault = self.fault.as_ref();
        let class = fault.map(|fault| fault.class.as_str());
        let message = fault.map(|fault| fault.message.as_str());
        let told = [class, message].into_iter().flatten().filter(|text| !text.is_empty());
        let told: Vec<_> = told.collect();
        if !told.is_empty() {
            return format!("{event_type}: {}", told.join(": "));
        }
        let states: Vec<_> = [&self.state, &self.task].into_iter().flatten().map(String::as_str).collect();
        if states.is_empty() { event_type.to_owned() } else { format!("{event_type}: {}", states.join(", ")) }
    }
}

/// The fields of a versioned object are one level deeper: `nova_object.data`, `ironic_object.data`.
fn data<'a, 'text>(object: &'a Object<'text>) -> &'a Object<'text> {
    let data = object.iter().find(|(key, _)| key.ends_with("_object.data"));
    data.and_then(|(_, data)| data.as_object()).unwrap_or(object)
}

/// Neutron wraps the resource: `{"port": {…}, "port_id": …}`.
fn subject<'a, 'text>(object: &'a Object<'text>) -> &'a Object<'text> {
    object.values().find_map(Value::as_object).filter(|_| object.len() <= 2).map_or(object, data)
}

type Fault = (Option<Exception>, Vec<String>);

/// The failure that an object tells of, and the lines that go with it.
fn fault(object: &Object<'_>, vocabulary: &Vocabulary, depth: usize) -> Option<Fault> {
    if depth == 0 {
        return None;
    }
    let object = data(object);
    if object.contains_key("exception_message") {
        return Some(exception_payload(object));
    }
    let nested = ["fault", "exception", "reason"].iter().filter_map(|key| object.get(key));
    let told = nested.filter_map(|value| match value {
        Value::Object(object) if object.contains_key("class") => Some(legacy_exception(object)),
        Value::Object(object) => fault(object, vocabulary, depth - 1),
        Value::Str(text) => python_repr::exception(text).map(split),
        _ => None,
    });
    let told = { told }.next();
    told.or_else(|| reason(object, vocabulary))
}

/// Nova's `ExceptionPayload`.
fn exception_payload(object: &Object<'_>) -> Fault {
    let text = |key| json::text(object, key).unwrap_or_default().to_owned();
    let (fault, mut detail) =
        split(Exception { class: text("exception"), message: text("exception_message"), hollow: false });
    detail.extend(traceback(&text("traceback")));
    (fault, detail)
}

fn legacy_exception(object: &Object<'_>) -> Fault {
    let text = |key| json::text(object, key).unwrap_or_default().to_owned();
    split(Exception { class: text("class"), message: text("message"), hollow: false })
}

/// Text without a class: cinder's and heat's reasons.
fn reason(object: &Object<'_>, vocabulary: &Vocabulary) -> Option<Fault> {
    let mut texts = ["exception"].into_iter().chain(vocabulary.reasons.iter().map(String::as_str));
    let text = texts.find_map(|key| match object.get(key)? {
        Value::Object(reason) => json::first_text(reason, &["reasonType", "reasonCode"]),
        _ => json::text(object, key),
    })?;
    let (message, detail) = first_line(text);
    Some((plain_fault(message), detail))
}

fn plain_fault(message: &str) -> Option<Exception> {
    (!message.is_empty()).then(|| Exception {
        class: String::new(),
        message: message.to_owned(),
        hollow: false,
    })
}

/// Errors that came over RPC carry the remote traceback in their message.
fn split(exception: Exception) -> Fault {
    let (message, detail) = first_line(&exception.message);
    (Some(Exception { message: message.to_owned(), class: exception.class, hollow: false }), detail)
}

fn first_line(text: &str) -> (&str, Vec<String>) {
    let (first, rest) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
    (first.trim_end(), rest.lines().map(str::to_owned).collect())
}

/// Nova joins the entries of a traceback with commas.
fn traceback(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.strip_prefix(',').unwrap_or(line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::written_time::tests::shown;

    fn check(text: &str, expected: &str) {
        let seen = read(text).map_or_else(String::new, |header| {
            let notification = header.notification.expect("a notification");
            format!(
                "{} {} {}@{} {} {} | {} | {}",
                shown(header.stamp),
                header.severity,
                header.program.as_deref().unwrap_or("-"),
                header.host.as_deref().unwrap_or("-"),
                header.context.request.as_deref().unwrap_or("-"),
                notification.state.as_deref().unwrap_or("-"),
                header.body,
                header.detail.join("/"),
            )
        });
        assert_eq!(seen, expected, "{text}");
    }

    const LEGACY: &str = r#"{"message_id": "3dec265e-b9e2-4deb-a2f6-d3549e7038bc", "publisher_id": "compute.compute-04", "event_type": "compute.instance.create.error", "priority": "ERROR", "payload": {"instance_id": "5a8326a8-3c24-4241-891d-25187119e8c8", "state": "building", "exception": "{'kwargs': {'reason': 'Fixed IP', 'code': 400}, 'message': 'Invalid input received: Fixed IP 10.99.1.7 is not valid', 'class': 'InvalidInput'}", "message": "Invalid input received: Fixed IP 10.99.1.7 is not valid", "code": 400}, "timestamp": "2026-11-21 03:28:43.459807", "_context_request_id": "req-0828ff79-a028-4a47-bb35-7a5a177b7002"}"#;

    #[test]
    fn every_envelope_opens() {
        let expected = "2026-11-21T03:28:43.459Z ERROR nova-compute@compute-04 req-0828ff79-a028-4a47-bb35-7a5a177b7002 building | compute.instance.create.error: InvalidInput: Invalid input received: Fixed IP 10.99.1.7 is not valid | ";
        let enveloped = serde_json::json!({"oslo.version": "2.0", "oslo.message": LEGACY}).to_string();
        let collected = serde_json::json!({"received_at": "2026-11-21T03:28:44Z", "exchange": "nova", "routing_key": "notifications.error", "body": enveloped}).to_string();
        for text in [LEGACY, &enveloped, &collected] {
            check(text, expected);
        }
    }

    #[test]
    fn failures_show_their_class_and_text() {
        check(
            r#"{"publisher_id": "nova-api:controller", "event_type": "compute.exception", "priority": "ERROR", "payload": {"nova_object.name": "ExceptionPayload", "nova_object.data": {"exception": "AggregateNameExists", "exception_message": "Aggregate kvm already exists.", "traceback": "Traceback (most recent call last):\n,  File \"x\", line 6\n    f()\n,nova.exception.AggregateNameExists: Aggregate kvm already exists.\n"}}, "timestamp": "2026-11-21 03:16:36.055676", "_context": {"request_id": "req-285dbab2-b661-4eee-a5b2-2b3f82c582dd"}}"#,
            "2026-11-21T03:16:36.055Z ERROR nova-api@controller req-285dbab2-b661-4eee-a5b2-2b3f82c582dd - | compute.exception: AggregateNameExists: Aggregate kvm already exists. | Traceback (most recent call last):/  File \"x\", line 6/    f()/nova.exception.AggregateNameExists: Aggregate kvm already exists.",
        );
        check(
            r#"{"publisher_id": "nova-conductor:c1", "event_type": "compute_task.build_instances.error", "priority": "ERROR", "payload": {"nova_object.name": "ComputeTaskPayload", "nova_object.data": {"state": "error", "reason": {"nova_object.name": "ExceptionPayload", "nova_object.data": {"exception": "NoValidHost_Remote", "exception_message": "No valid host was found. \nTraceback:\n  x"}}}}}"#,
            "- ERROR nova-conductor@c1 - error | compute_task.build_instances.error: NoValidHost_Remote: No valid host was found. | Traceback:/  x",
        );
        check(
            r#"{"publisher_id": "orchestration.c1", "event_type": "orchestration.stack.create.error", "priority": "ERROR", "payload": {"state": "CREATE_FAILED", "state_reason": "Resource CREATE failed: Forbidden"}}"#,
            "- ERROR heat-engine@c1 - CREATE_FAILED | orchestration.stack.create.error: Resource CREATE failed: Forbidden | ",
        );
        check(
            r#"{"publisher_id": "image.c1", "event_type": "image.upload", "priority": "ERROR", "payload": "Failed to upload"}"#,
            "- ERROR glance-api@c1 - - | image.upload: Failed to upload | ",
        );
        check(
            r#"{"publisher_id": "compute.c4", "event_type": "compute.libvirt.error", "priority": "ERROR", "payload": {"ip": "10.0.0.24", "reason": "libvirtError(\"Failed to connect socket\")"}}"#,
            "- ERROR nova-compute@c4 - - | compute.libvirt.error: libvirtError: Failed to connect socket | ",
        );
        check(
            r#"{"publisher_id": "ironic-conductor.i1", "event_type": "baremetal.node.provision_set.error", "priority": "ERROR", "payload": {"ironic_object.name": "NodeSetProvisionStatePayload", "ironic_object.data": {"provision_state": "deploy failed", "last_error": "Timeout", "uuid": "9c736a56-2ead-486a-972e-375404bd9802"}}}"#,
            "- ERROR ironic-conductor@i1 - deploy failed | baremetal.node.provision_set.error: Timeout | ",
        );
    }

    #[test]
    fn states_stand_in_for_failures() {
        check(
            r#"{"publisher_id": "network.c1", "event_type": "port.create.end", "priority": "INFO", "payload": {"port": {"id": "e60d2fb5-64d0-410c-9948-262a74b647f1", "status": "DOWN"}}}"#,
            "- INFO neutron-server@c1 - DOWN | port.create.end: DOWN | ",
        );
        check(
            r#"{"publisher_id": "volume.c1@nfs-1", "event_type": "volume.create.end", "priority": "SAMPLE", "payload": {"status": "available"}}"#,
            "- INFO cinder-volume@c1 - available | volume.create.end: available | ",
        );
        check(
            r#"{"publisher_id": "identity.vm", "event_type": "identity.authenticate", "priority": "INFO", "payload": {"outcome": "failure", "reason": {"reasonCode": "401", "reasonType": "Invalid password"}, "initiator": {"id": "f098ee2a31a2497a9d2bb3756b3c38d0", "request_id": "req-44937393-f066-40b5-90f8-8b35ecfeac65"}}}"#,
            "- INFO keystone@vm req-44937393-f066-40b5-90f8-8b35ecfeac65 failure | identity.authenticate: Invalid password | ",
        );
    }

    #[test]
    fn other_json_is_no_notification() {
        for text in [
            "{}",
            r#"{"event_type": "x"}"#,
            r#"{"body": "not JSON"}"#,
            r#"{"body": 3}"#,
            r#"{"oslo.message": "{}"}"#,
            "[]",
            "{\"event_type\"",
            "",
        ] {
            check(text, "");
        }
        let mut nested = "{}".to_owned();
        for _ in 0..6 {
            nested = serde_json::json!({"body": nested}).to_string();
        }
        check(&nested, "");
    }
}
