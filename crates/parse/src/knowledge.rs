//! What is known of OpenStack's programs: loaded from `filters/`, which is part of the binary, and from a site's own folder.
//!
//! Nothing about any program, file or message stands in the code beside this file: it reads the sorts of entries that
//! the filter files have, one sort (or a few that belong together) per file.

mod files;
mod literals;
mod matcher;
mod pattern;

mod access;
mod check;
mod daemons;
mod glance;
mod ids;
mod shipped;
mod signatures;

use std::path::Path;
use std::sync::Arc;

use model::{Event, Exchange, FieldNames, Mention, Signature, SignatureMatch, Source};

use access::Access;
use daemons::Daemons;
use files::Entries;
use glance::Glances;
use ids::IdRules;
use signatures::Signatures;

use crate::format::payload::Vocabulary;

pub use access::Action;
pub use check::Finding;
pub use daemons::Daemon;
pub use files::FilterError;
pub use glance::Glance;
pub use ids::{MessageLink, NamedIds};

/// The filters, ready for use. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Knowledge {
    signatures: Signatures,
    daemons: Arc<Daemons>,
    ids: Arc<IdRules>,
    access: Arc<Access>,
    vocabulary: Arc<Vocabulary>,
    field_names: Arc<FieldNames>,
    glances: Arc<Glances>,
    repeated: Arc<Vec<Finding>>,
}

/// What stands in files of a shape of their own.
struct Words {
    vocabulary: Vocabulary,
    field_names: FieldNames,
}

impl Words {
    fn load(overlay: Option<&Path>) -> Result<Self, FilterError> {
        Ok(Self { vocabulary: files::vocabulary(overlay)?, field_names: files::field_names(overlay)? })
    }
}

impl Knowledge {
    /// The filters in the binary.
    #[must_use]
    pub fn embedded() -> Self {
        Self::load(None).expect("the embedded filters are tested to load")
    }

    /// The filters in the binary, and over them those of a site's folder: an entry with the same name replaces,
    /// `disabled = true` removes.
    pub fn load(overlay: Option<&Path>) -> Result<Self, FilterError> {
        Self::new(Entries::read(overlay)?, Words::load(overlay)?)
    }

    /// The same, to be checked: with the samples of all entries.
    pub fn load_whole(overlay: Option<&Path>) -> Result<Self, FilterError> {
        Self::new(Entries::read_whole(overlay)?, Words::load(overlay)?)
    }

    /// What one filter file says, without the embedded ones: for tests and fuzzing.
    pub fn of_text(text: &str) -> Result<Self, FilterError> {
        Self::new(Entries::of_text("text", text)?, Words::load(None)?)
    }

    fn new(entries: Entries, words: Words) -> Result<Self, FilterError> {
        let repeated = entries
            .repeated
            .iter()
            .map(|(place, what)| Finding::new(place, format!("{what} stands here twice")));
        let repeated = Arc::new(repeated.collect());
        let daemons = Daemons::new(entries.services, entries.daemons, entries.layouts, entries.folders)?;
        let signatures = Signatures::new(entries.signatures, |service| daemons.tier(service))?;
        let ids = IdRules::new(entries.keywords, entries.urls, entries.messages)?;
        let access = Access::new(entries.actions, entries.front_ends)?;
        Ok(Self {
            signatures,
            daemons: Arc::new(daemons),
            ids: Arc::new(ids),
            access: Arc::new(access),
            vocabulary: Arc::new(words.vocabulary),
            field_names: Arc::new(words.field_names),
            glances: Arc::default(),
            repeated,
        })
    }

    /// A copy that does not know the signatures for which `left_out` holds.
    #[must_use]
    pub fn without(&self, left_out: impl Fn(&Signature) -> bool) -> Self {
        Self { signatures: self.signatures.without(left_out), glances: Arc::default(), ..self.clone() }
    }

    pub fn signatures(&self) -> impl Iterator<Item = &Arc<Signature>> {
        self.signatures.all()
    }

    /// Every signature that fits the event: causes first, then the deepest, then the earliest in the event.
    #[must_use]
    pub fn signatures_of(&self, event: &Event) -> Vec<SignatureMatch> {
        self.signatures.find(event)
    }

    /// The exchanges on which services publish notifications.
    #[must_use]
    pub fn exchanges(&self) -> &[String] {
        &self.vocabulary.exchanges
    }

    /// The routing keys of notifications.
    #[must_use]
    pub fn routing_keys(&self) -> &[String] {
        &self.vocabulary.routing_keys
    }

    /// What the fields mean that other people's shippers send.
    #[must_use]
    pub fn field_names(&self) -> &FieldNames {
        &self.field_names
    }

    /// What the words in notifications mean.
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Whether a text says no more than that something inside failed.
    pub(crate) fn is_hollow(&self, text: &str, event: &Event) -> bool {
        self.signatures.is_hollow(text, event)
    }

    /// What a line may be, from one quick pass over its bytes.
    #[must_use]
    pub fn glance(&self, line: &[u8]) -> Glance {
        self.glances.at(line, || {
            let calls = self
                .access
                .telling_literals()
                .map(|literal| (literal, Glance { opens: true, ..Glance::default() }));
            self.signatures.telling_literals().chain(calls).collect()
        })
    }

    /// What a path tells of the host and the program that wrote the file.
    #[must_use]
    pub fn locate(&self, path: &str) -> Source {
        self.daemons.locate(path)
    }

    /// By its name or any alias: syslog tag, unit, binary, publisher.
    #[must_use]
    pub fn daemon(&self, name: &str) -> Option<&Daemon> {
        self.daemons.named(name).map(Arc::as_ref)
    }

    /// By the name of its logger, when only one daemon logs under it.
    #[must_use]
    pub fn daemon_of_logger(&self, logger: &str) -> Option<&Daemon> {
        self.daemons.of_logger(logger).map(Arc::as_ref)
    }

    #[must_use]
    pub fn service_of_logger(&self, logger: &str) -> Option<&str> {
        self.daemons.service_of_logger(logger)
    }

    pub fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        self.daemons.all().map(Arc::as_ref)
    }

    /// How deep a service or daemon stands in the call chain, 0 to 100.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<u8> {
        self.daemons.tier(name)
    }

    /// Adds the ids in a text to the mentions of its event, typed by what stands around them; an id that one text
    /// leaves untyped takes the kind that another gives it.
    pub fn type_mentions(&self, text: &str, mentions: &mut Vec<Mention>) {
        self.ids.type_mentions(text, mentions);
    }

    /// The ids in the messages that tie services together: callees' request ids, bridges.
    #[must_use]
    pub fn named_ids(&self, text: &str) -> Vec<NamedIds> {
        self.ids.named(text)
    }

    /// What a call to an API asks for.
    #[must_use]
    pub fn action(&self, exchange: &Exchange) -> Option<Action> {
        self.access.action(exchange)
    }

    /// Whether users talk to this daemon.
    #[must_use]
    pub fn front_end(&self, daemon: &str) -> bool {
        self.access.front_end(daemon)
    }
}
