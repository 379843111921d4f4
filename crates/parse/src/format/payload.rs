//! What the keys of a notification's payload mean: data of `filters/notifications.toml`.
use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::{IdKind, Mention, scan_ids};
use serde::Deserialize;
use serde_json_borrow::Value;

use super::json::Object;
use super::oslo_json::kind_by_shape;

/// Deeper values are left unread. Real payloads nest about ten deep.
const DEPTH_LIMIT: usize = 32;
/// A payload of thousands of ids is a list of everything there is, and ties nothing together.
const MENTION_LIMIT: usize = 256;

/// The tables of `filters/notifications.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Vocabulary {
    /// Where notifications are published.
    pub(crate) exchanges: Vec<String>,
    pub(crate) routing_keys: Vec<String>,
    /// The service part of a publisher id, as old notifications write it, to the program.
    pub(super) publishers: BTreeMap<String, String>,
    /// Keys that hold a state, the most telling first.
    pub(super) states: Vec<String>,
    /// Keys that hold the text of a failure, the most telling first.
    pub(super) reasons: Vec<String>,
    /// Keys whose values are id-shaped but no ids.
    ignored: Vec<String>,
    keys: Kinds,
    objects: Kinds,
    device_owners: Kinds,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
struct Kinds(BTreeMap<String, IdKind>);

impl TryFrom<BTreeMap<String, String>> for Kinds {
    type Error = String;

    fn try_from(names: BTreeMap<String, String>) -> Result<Self, String> {
        let kind =
            |name: &str| IdKind::parse(name).ok_or_else(|| format!("no kind of id is called `{name}`"));
        names.into_iter().map(|(key, name)| Ok((key, kind(&name)?))).collect::<Result<_, _>>().map(Self)
    }
}

impl Kinds {
    /// The entry of the longest key that `text` begins with.
    fn by_prefix(&self, text: &str) -> Option<IdKind> {
        let fits = self.0.iter().filter(|(key, _)| text.starts_with(key.as_str()));
        fits.max_by_key(|(key, _)| key.len()).map(|(_, kind)| *kind)
    }
}

impl Vocabulary {
    /// The one that the program was built with.
    pub(crate) fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Vocabulary> = LazyLock::new(|| {
            rmp_serde::from_slice(include_bytes!(concat!(env!("OUT_DIR"), "/notifications.msgpack")))
                .expect("a test reads the built-in file")
        });
        &BUILT_IN
    }

    /// With what a site's own file says: its words are added to the tables or take the place of the same word, its lists
    /// take the place of lists.
    pub(crate) fn overlaid(mut self, site: Self) -> Self {
        self.publishers.extend(site.publishers);
        self.keys.0.extend(site.keys.0);
        self.objects.0.extend(site.objects.0);
        self.device_owners.0.extend(site.device_owners.0);
        let lists = [
            (&mut self.exchanges, site.exchanges),
            (&mut self.routing_keys, site.routing_keys),
            (&mut self.states, site.states),
            (&mut self.reasons, site.reasons),
            (&mut self.ignored, site.ignored),
        ];
        for (list, own) in lists {
            if !own.is_empty() {
                *list = own;
            }
        }
        self
    }

    /// Every id of the payload, typed by its key; `event_type` tells what the payload itself is.
    pub(super) fn mentions(&self, event_type: &str, payload: &Value<'_>) -> Vec<Mention> {
        let mut walk = Walk { vocabulary: self, mentions: Vec::new() };
        walk.value(Place { key: "", object: self.kind_of_event(event_type), depth: 0 }, payload);
        walk.mentions
    }

    /// `volume.create.end` and `scheduler.select_destinations`: the first word that names a kind of thing.
    fn kind_of_event(&self, event_type: &str) -> Option<IdKind> {
        event_type.split(['.', ':']).find_map(|word| self.objects.0.get(word).copied())
    }

    /// What `id` and `uuid` name in the object under `key`.
    fn kind_of_object(&self, key: &str, object: &Object<'_>) -> Option<IdKind> {
        let class =
            object.iter().find(|(key, _)| key.ends_with("_object.name")).and_then(|(_, name)| name.as_str());
        let by_class = class.map(|class| self.objects.by_prefix(class).unwrap_or(IdKind::Other));
        by_class.or_else(|| self.objects.0.get(key).copied())
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: &'a str,
    /// What the object is that holds the value.
    object: Option<IdKind>,
    depth: usize,
}

struct Walk<'v> {
    vocabulary: &'v Vocabulary,
    mentions: Vec<Mention>,
}

impl Walk<'_> {
    fn value(&mut self, place: Place<'_>, value: &Value<'_>) {
        if place.depth > DEPTH_LIMIT || self.mentions.len() >= MENTION_LIMIT {
            return;
        }
        match value {
            Value::Str(text) => self.text(place, text),
            Value::Array(items) => {
                items.iter().for_each(|item| self.value(Place { depth: place.depth + 1, ..place }, item));
            }
            Value::Object(object) => self.object(place, object),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&mut self, place: Place<'_>, object: &Object<'_>) {
        let outermost = place.key.is_empty();
        let named = self.vocabulary.kind_of_object(place.key, object);
        // The data of a versioned object is the object itself; only the payload itself is what the event is about.
        let kind =
            if outermost || place.key.ends_with("_object.data") { named.or(place.object) } else { named };
        let owner = object.get("device_owner").and_then(Value::as_str).unwrap_or_default();
        for (key, value) in object.iter() {
            let key = key.strip_prefix("_obj_").unwrap_or(key);
            let object = match key {
                "device_id" => self.vocabulary.device_owners.by_prefix(owner),
                _ => kind,
            };
            self.value(Place { key, object, depth: place.depth + 1 }, value);
        }
    }

    fn text(&mut self, place: Place<'_>, text: &str) {
        if self.vocabulary.ignored.iter().any(|ignored| ignored == place.key) {
            return;
        }
        let known = match place.key {
            "id" | "uuid" | "device_id" => place.object,
            key => self.vocabulary.keys.0.get(key).copied(),
        };
        scan_ids(text.as_bytes(), |found| {
            let kind = kind_by_shape(&found.id).or(known).unwrap_or(IdKind::Other);
            self.add(Mention { kind, id: found.id });
        });
    }

    /// A key that tells the kind wins over a place that does not.
    fn add(&mut self, mention: Mention) {
        match self.mentions.iter_mut().find(|known| known.id == mention.id) {
            Some(known) if known.kind == IdKind::Other => known.kind = mention.kind,
            Some(_) => {}
            None => self.mentions.push(mention),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event_type: &str, payload: &str, expected: &[&str]) {
        let payload = serde_json::from_str(payload).expect("JSON");
        let mentions = Vocabulary::built_in().mentions(event_type, &payload);
        let seen: Vec<_> = mentions
            .iter()
            .map(|mention| format!("{} {:.8}", mention.kind.name(), mention.id.to_string()))
            .collect();
        assert_eq!(seen, expected, "{payload}");
    }

    #[test]
    fn keys_and_places_tell_what_an_id_names() {
        check(
            "port.create.end",
            r#"{"port": {"id": "e60d2fb5-64d0-410c-9948-262a74b647f1", "network_id": "27147d91-1136-4629-9237-1c933ecbdd80",
                "mac_address": "fa:16:3e:42:a1:73", "device_id": "9c736a56-2ead-486a-972e-375404bd9802", "device_owner": "compute:nova",
                "fixed_ips": [{"subnet_id": "77b14967-53fd-4dc6-8a64-a3c3ded1841a", "ip_address": "10.20.0.192"}]}}"#,
            &[
                "port e60d2fb5",
                "network 27147d91",
                "mac_address fa:16:3e",
                "instance 9c736a56",
                "subnet 77b14967",
            ],
        );
        check(
            "port.delete.end",
            r#"{"port": {"device_id": "9c736a56-2ead-486a-972e-375404bd9802", "device_owner": "network:router_interface"}}"#,
            &["router 9c736a56"],
        );
        check(
            "instance.create.end",
            r#"{"nova_object.name": "InstanceCreatePayload", "nova_object.data": {"uuid": "9c736a56-2ead-486a-972e-375404bd9802",
                "image_uuid": "d34f8a57-e401-4d76-9832-7ac230d5929c",
                "flavor": {"nova_object.name": "FlavorPayload", "nova_object.data": {"id": "ee6f0a77-f9b4-4c28-a214-791e972c038f"}}}}"#,
            &["instance 9c736a56", "image d34f8a57", "other ee6f0a77"],
        );
        check(
            "image.create",
            r#"{"id": "82120ffa-f160-43fd-a83e-e141a52188fb", "checksum": "a2eb6c7b5ca93410e5a4430e5dd1e81c"}"#,
            &["image 82120ffa"],
        );
        check(
            "x.y",
            r#"{"args": {"instance": {"uuid": "9d08b491-ad26-437a-96a9-5a5187db0820", "services": [{"uuid": "dacbc437-89e6-4e70-849a-c96cfa827eda"}]}}}"#,
            &["instance 9d08b491", "other dacbc437"],
        );
    }

    #[test]
    fn odd_payloads_are_bounded() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        check("x", &deep, &[]);
        let wide: Vec<_> = (0..1000).map(|n| format!("\"{n:032x}\"")).collect();
        let wide = format!("[{}]", wide.join(","));
        let payload = serde_json::from_str(&wide).expect("JSON");
        assert_eq!(Vocabulary::built_in().mentions("x", &payload).len(), MENTION_LIMIT);
        assert!(toml::from_str::<Vocabulary>("publishers = 3").is_err());
    }
}
