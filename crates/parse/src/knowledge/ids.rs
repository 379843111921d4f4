//! What the ids in a message name: told by the word before them, the URL around them, or the whole message.

use model::{Id, IdKind, Mention, scan_ids};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::files::{Entered, FilterError, Keyed, Place};
use super::matcher::PatternSet;
use super::pattern::Pattern;

/// A word that stands before ids of a kind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KeywordEntry {
    /// Words are compared in lower case, with `_` for blanks and dashes.
    words: Vec<String>,
    disabled: bool,
    kind: String,
}

/// A part of a URL or path that stands before ids of a kind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UrlEntry {
    segments: Vec<String>,
    disabled: bool,
    kind: String,
}

/// A message whose ids no word before them tells.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MessageEntry {
    pattern: String,
    disabled: bool,
    link: LinkName,
    samples: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LinkName {
    Callee,
    Bridge,
    #[default]
    None,
}

impl Keyed for KeywordEntry {
    const SORT: &'static str = "keyword";

    fn key(&self) -> String {
        self.words.join(", ")
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

impl Keyed for UrlEntry {
    const SORT: &'static str = "url";

    fn key(&self) -> String {
        self.segments.join(", ")
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

impl Keyed for MessageEntry {
    const SORT: &'static str = "message";

    fn key(&self) -> String {
        self.pattern.clone()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

/// What a message tells of the ids that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageLink {
    /// A request id in it belongs to a call that the writer made.
    Callee,
    /// It names the ids under which two services speak of one thing.
    Bridge,
    /// Only the kinds of its ids.
    None,
}

/// The ids that a known message names, and what it tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedIds {
    pub link: MessageLink,
    /// With the names of their placeholders.
    pub ids: Vec<(String, Mention)>,
}

#[derive(Debug)]
pub(super) struct IdRules {
    keywords: FxHashMap<Box<[u8]>, IdKind>,
    segments: FxHashMap<Box<[u8]>, IdKind>,
    messages: PatternSet,
    links: Vec<MessageLink>,
    /// Samples of each message, and where it stands.
    samples: Vec<(Place, Vec<String>)>,
}

impl IdRules {
    pub(super) fn new(
        keywords: Entered<KeywordEntry>,
        urls: Entered<UrlEntry>,
        messages: Entered<MessageEntry>,
    ) -> Result<Self, FilterError> {
        let mut known = Self {
            keywords: FxHashMap::default(),
            segments: FxHashMap::default(),
            messages: PatternSet::default(),
            links: Vec::new(),
            samples: Vec::new(),
        };
        for (place, keyword) in keywords {
            let kind = kind(&place, &keyword.kind)?;
            known.keywords.extend(keyword.words.iter().map(|word| (normal(word), kind)));
        }
        for (place, url) in urls {
            let kind = kind(&place, &url.kind)?;
            known.segments.extend(url.segments.iter().map(|segment| (normal(segment), kind)));
        }
        let mut patterns = Vec::new();
        for (place, message) in messages {
            let pattern = Pattern::template(&message.pattern);
            patterns.push(
                pattern.map_err(|what| place.broken(format!("message `{}`: {what}", message.pattern)))?,
            );
            known.links.push(message.link.into());
            known.samples.push((place, message.samples));
        }
        known.messages = PatternSet::new(patterns);
        Ok(known)
    }

    /// Adds the ids of a text to those of its event. An id has one kind; any kind is better than `Other`.
    pub(super) fn type_mentions(&self, text: &str, mentions: &mut Vec<Mention>) {
        let bytes = text.as_bytes();
        let before = mentions.len();
        let mut found_any = false;
        let mut last = (0, IdKind::Other);
        scan_ids(bytes, |found| {
            found_any = true;
            let gap = bytes.get(last.0..found.range.start).unwrap_or_default();
            let kind = self.kind_of(&found.id, bytes.get(..found.range.start).unwrap_or_default(), gap, last);
            last = (found.range.end, kind);
            merge(mentions, Mention { kind, id: found.id }, false);
        });
        if found_any {
            // What a whole message tells is surer than a word, but not surer than another line of the event.
            let new = mentions.get(before..).unwrap_or_default().to_vec();
            for (_, mention) in self.named(text).into_iter().flat_map(|named| named.ids) {
                let is_new = new.iter().any(|known| known.id == mention.id);
                merge(mentions, mention, is_new);
            }
        }
    }

    /// The known messages in a text.
    pub(super) fn named(&self, text: &str) -> Vec<NamedIds> {
        let mut seen = Vec::new();
        let mut named = Vec::new();
        self.messages.candidates(text, |index, pattern| {
            if seen.contains(&index) {
                return;
            }
            seen.push(index);
            let link = self.links.get(index).copied().unwrap_or(MessageLink::None);
            if let Some(found) = pattern.find(text).filter(|found| !found.ids.is_empty()) {
                named.push(NamedIds { link, ids: found.ids });
            }
        });
        named
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = (&Pattern, &(Place, Vec<String>))> {
        self.messages.iter().zip(&self.samples)
    }

    /// `gap` is what stands between the id before (`last`: its end and kind) and this one.
    fn kind_of(&self, id: &Id, before: &[u8], gap: &[u8], last: (usize, IdKind)) -> IdKind {
        if let Id::Name(name) = id {
            return kind_of_name(name);
        }
        if before.ends_with(b"req-") {
            return IdKind::Request;
        }
        if let Some(path) = before.strip_suffix(b"/") {
            let segment = last_word(path);
            return self.look_up(&self.segments, segment).unwrap_or(IdKind::Other);
        }
        let in_list =
            last.0 > 0 && gap.contains(&b',') && gap.iter().all(|byte| is_between(*byte) || *byte == b',');
        if in_list {
            return last.1;
        }
        // Python 2 writes `u'port_id': u'4f3a…'`.
        let before =
            [b"u'", b"u\""].iter().find_map(|unicode| before.strip_suffix(*unicode)).unwrap_or(before);
        let phrase = trim_end(before, |byte| is_between(byte) || byte == b'-');
        self.kind_after(phrase).unwrap_or(IdKind::Other)
    }

    /// By the two words, or the one, that a text ends with.
    fn kind_after(&self, phrase: &[u8]) -> Option<IdKind> {
        let word = last_word(phrase);
        let rest = phrase.get(..phrase.len() - word.len())?;
        let earlier = last_word(rest.strip_suffix(b" ").unwrap_or_default());
        let two =
            phrase.get(phrase.len() - word.len() - usize::from(!earlier.is_empty()) - earlier.len()..)?;
        let two_words = || self.look_up(&self.keywords, two).filter(|_| !earlier.is_empty());
        let tail_of_word = || {
            // `os-extended-volumes.volume_id`, `context.instance`
            let dot = word.iter().rposition(|byte| *byte == b'.')?;
            self.look_up(&self.keywords, word.get(dot + 1..)?)
        };
        two_words().or_else(|| self.look_up(&self.keywords, word)).or_else(tail_of_word)
    }

    fn look_up(&self, table: &FxHashMap<Box<[u8]>, IdKind>, word: &[u8]) -> Option<IdKind> {
        let mut lower = [0_u8; LONGEST];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word);
        lower.iter_mut().for_each(|byte| *byte = normal_byte(*byte));
        table.get(&*lower).copied()
    }
}

fn kind(place: &Place, name: &str) -> Result<IdKind, FilterError> {
    IdKind::parse(name).ok_or_else(|| {
        let known: Vec<_> = IdKind::ALL.into_iter().map(IdKind::name).collect();
        place.broken(format!("there is no kind `{name}`; use one of {}", known.join(", ")))
    })
}

/// Keeps one mention per id.
fn merge(mentions: &mut Vec<Mention>, new: Mention, surely: bool) {
    match mentions.iter_mut().find(|known| known.id == new.id) {
        Some(known) if known.kind == IdKind::Other || surely => known.kind = new.kind,
        Some(_) => {}
        None => mentions.push(new),
    }
}

/// The scanned shapes: `fa:16:3e:…`, `tap…`, `instance-…`.
fn kind_of_name(name: &str) -> IdKind {
    if name.contains(':') {
        IdKind::MacAddress
    } else if name.starts_with("tap") {
        IdKind::Device
    } else {
        IdKind::Domain
    }
}

/// Longer words are no keywords.
const LONGEST: usize = 48;

fn last_word(text: &[u8]) -> &[u8] {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let start = text.len().saturating_sub(LONGEST);
    let length =
        text.get(start..).unwrap_or_default().iter().rev().take_while(|byte| is_word(**byte)).count();
    text.get(text.len() - length..).unwrap_or_default()
}

/// What may stand between a word and its id.
const fn is_between(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t'
            | b'\''
            | b'"'
            | b'`'
            | b'['
            | b'('
            | b'{'
            | b'<'
            | b'='
            | b':'
            | b'#'
            | b']'
            | b')'
            | b'>'
    )
}

fn trim_end(text: &[u8], is_trimmed: impl Fn(u8) -> bool) -> &[u8] {
    let kept = text.iter().rposition(|byte| !is_trimmed(*byte)).map_or(0, |last| last + 1);
    text.get(..kept).unwrap_or_default()
}

const fn normal_byte(byte: u8) -> u8 {
    match byte {
        b' ' | b'-' => b'_',
        other => other.to_ascii_lowercase(),
    }
}

fn normal(word: &str) -> Box<[u8]> {
    word.bytes().map(normal_byte).collect()
}

impl From<LinkName> for MessageLink {
    fn from(name: LinkName) -> Self {
        match name {
            LinkName::Callee => Self::Callee,
            LinkName::Bridge => Self::Bridge,
            LinkName::None => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Knowledge;
    use super::*;

    const A: &str = "0679010f-c12e-4d7d-a1f6-9c887eb0e4f8";
    const B: &str = "c1ea1b2c-6a6c-4c1d-9f9f-b5c2d8f3b7a1";

    /// `A` and `B` in the text stand for two UUIDs.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let text = text.replace("$A", A).replace("$B", B);
        let mut mentions = Vec::new();
        Knowledge::embedded().type_mentions(&text, &mut mentions);
        let short = |id: &Id| id.to_string().replace(A, "$A").replace(B, "$B");
        let found: Vec<_> =
            mentions.iter().map(|mention| (mention.kind.name(), short(&mention.id))).collect();
        let expected: Vec<_> = expected.iter().map(|(kind, id)| (*kind, (*id).to_owned())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_word_before_an_id_tells_its_kind() {
        check("[instance: $A] Attempting claim", &[("instance", "$A")]);
        check("Failed to bind port $A on host compute-04", &[("port", "$A")]);
        check("Network $A: subnet_id=$B", &[("network", "$A"), ("subnet", "$B")]);
        check("'port_id': u'$A', \"volume-id\": \"$B\"", &[("port", "$A"), ("volume", "$B")]);
        check(
            "resource provider $A inventory of compute node $B",
            &[("resource_provider", "$A"), ("resource_provider", "$B")],
        );
        check("volume-$A failed; snapshot-$B", &[("volume", "$A"), ("snapshot", "$B")]);
        check("iqn.2010-10.org.openstack:volume-$A", &[("volume", "$A")]);
        check("qdhcp-$A", &[("network", "$A")]);
        check("external event network-vif-plugged-$A", &[("port", "$A")]);
        check("ports ['$A', '$B'] are gone", &[("port", "$A"), ("port", "$B")]);
        check("request id req-$A", &[("request", "$A")]);
        check("security group $A; instance action $B", &[("security_group", "$A"), ("other", "$B")]);
        check("$A", &[("other", "$A")]);
        check("a thing called $A", &[("other", "$A")]);
    }

    #[test]
    fn urls_tell_kinds() {
        check("GET /v2.0/ports?device_id=$A", &[("instance", "$A")]);
        check(
            "/v2.1/5d5c8d9d3c4b4b0f9a5f6a0b9c8d7e6f/servers/$A",
            &[("project", "5d5c8d9d-3c4b-4b0f-9a5f-6a0b9c8d7e6f"), ("instance", "$A")],
        );
        check("PUT /allocations/$A", &[("instance", "$A")]);
        check("/servers/$A/os-volume_attachments/$B", &[("instance", "$A"), ("volume", "$B")]);
        check("http://controller:9292/v2/images/$A/file", &[("image", "$A")]);
        check("/var/lib/nova/instances/$A/disk.config", &[("instance", "$A")]);
    }

    #[test]
    fn names_are_typed_by_their_shape() {
        check(
            "tap0679010f-c1 fa:16:3e:c1:2b:a3 instance-0000009f",
            &[
                ("device", "tap0679010f-c1"),
                ("mac_address", "fa:16:3e:c1:2b:a3"),
                ("domain", "instance-0000009f"),
            ],
        );
    }

    #[test]
    fn whole_messages_tell_what_words_do_not() {
        check("Nova event matching ['req-$A'] response: {'name': 'network-changed'}", &[("request", "$A")]);
        check(
            "Creating event network-vif-plugged:$A for instance $B on compute-01",
            &[("port", "$A"), ("instance", "$B")],
        );
        check("error: rbd: $A_disk: no such file", &[("instance", "$A")]);
        check("<uuid>$A</uuid>", &[("instance", "$A")]);
    }

    #[test]
    fn a_kind_known_elsewhere_wins_over_none() {
        let mut mentions = Vec::new();
        let knowledge = Knowledge::embedded();
        knowledge.type_mentions(&format!("gone: {A}"), &mut mentions);
        knowledge.type_mentions(&format!("volume {A}"), &mut mentions);
        knowledge.type_mentions(&format!("what is {A}"), &mut mentions);
        let kinds: Vec<_> = mentions.iter().map(|mention| mention.kind).collect();
        assert_eq!(kinds, [IdKind::Volume]);
    }

    #[test]
    fn messages_name_the_requests_of_callees() {
        let check = |text: &str, link, names: &[&str]| {
            let named = Knowledge::embedded().named_ids(&text.replace("$A", A).replace("$B", B));
            let names_of =
                |named: &NamedIds| named.ids.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert!(
                named.iter().any(|named| named.link == link && names_of(named) == names),
                "{text}: {named:?}"
            );
        };
        check("(HTTP 409) (Request-ID: req-$A)", MessageLink::Callee, &["callee"]);
        check("Neutron server returns request_ids: ['req-$A']", MessageLink::Callee, &["callee"]);
        check(
            "GET call to neutron for http://c:9696/v2.0/ports used request id req-$A",
            MessageLink::Callee,
            &["callee"],
        );
        check(
            "Creating event network-vif-plugged:$A for instance $B on c",
            MessageLink::Bridge,
            &["port", "instance"],
        );
    }
}
