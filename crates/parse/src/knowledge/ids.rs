//! What the ids in a message name: told by the word before them, the URL around them, or the whole message.

use std::collections::HashMap;

use model::{Id, IdKind, Mention, scan_ids};
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
    keywords: HashMap<Box<[u8]>, IdKind>,
    segments: HashMap<Box<[u8]>, IdKind>,
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
            keywords: HashMap::new(),
            segments: HashMap::new(),
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

    fn look_up(&self, table: &HashMap<Box<[u8]>, IdKind>, word: &[u8]) -> Option<IdKind> {
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
