//! Format and knowledge together: the event as everybody else sees it.

use std::sync::Arc;

use model::{Annotation, Event, Line, Signature, SignatureId, Source};
use xxhash_rust::xxh3::xxh3_64;

use crate::event::event;
use crate::knowledge::Knowledge;

/// Lines of a traceback whose ids are looked at, from its beginning and its end.
const TYPED_LINES: usize = 100;

/// The known cause or symptom that an event tells before all others.
#[must_use]
pub fn told_failure(event: &Event) -> Option<&Signature> {
    let signatures = event.signatures.iter().map(|found| &*found.signature);
    { signatures }.find(|signature| signature.tells_failure())
}

/// The same in every run, on every machine and in every release.
#[must_use]
pub fn signature_id(slug: &str) -> SignatureId {
    SignatureId(xxh3_64(slug.as_bytes()))
}

impl Knowledge {
    /// The event that `lines` tell: its head first, then the lines that continue it. `annotation` is the head's.
    #[must_use]
    pub fn event(&self, source: &Arc<Source>, lines: &[Line], annotation: &Annotation) -> Event {
        let mut event = event(source, lines, annotation, self.vocabulary());
        self.add_program(&mut event);
        self.add_ids(&mut event);
        self.add_action(&mut event);
        self.mark_hollow(&mut event);
        event.signatures = self.signatures_of(&event);
        event
    }

    /// A logger names its program better than a file name does, which may be any.
    fn add_program(&self, event: &mut Event) {
        let of_logger = event.logger.as_deref().and_then(|logger| self.daemon_of_logger(logger));
        let named = event.daemon.as_deref().and_then(|name| self.daemon(name));
        if let Some(daemon) = named.or(of_logger) {
            event.daemon = Some(daemon.name.clone());
            event.service = Some(daemon.service.clone());
        } else if event.service.is_none() {
            let service = event.logger.as_deref().and_then(|logger| self.service_of_logger(logger));
            event.service = service.map(str::to_owned);
        }
        let name = event.daemon.as_deref().or(event.service.as_deref());
        event.tier = name.and_then(|name| self.tier(name)).unwrap_or(0);
    }

    fn add_ids(&self, event: &mut Event) {
        let mut mentions = std::mem::take(&mut event.mentions);
        self.type_mentions(&event.body, &mut mentions);
        let tail = event.detail.len().saturating_sub(TYPED_LINES).max(TYPED_LINES);
        for line in event.detail.iter().take(TYPED_LINES).chain(event.detail.iter().skip(tail)) {
            self.type_mentions(line, &mut mentions);
        }
        // qemu's logs name their instance in the file's name only.
        self.type_mentions(&event.source.path, &mut mentions);
        event.mentions = mentions;
    }

    fn mark_hollow(&self, event: &mut Event) {
        let mut exceptions = std::mem::take(&mut event.exceptions);
        for exception in &mut exceptions {
            exception.hollow = self.is_hollow(&exception.message, event);
        }
        event.exceptions = exceptions;
    }

    /// What the user asked for, when the call came in at a front door.
    fn add_action(&self, event: &mut Event) {
        let at_the_door = event.daemon.as_deref().is_none_or(|daemon| self.front_end(daemon));
        if let Some(exchange) = event.exchange.as_mut().filter(|_| at_the_door) {
            exchange.action = self
                .action(exchange)
                .filter(|action| !action.read && !action.internal)
                .map(|action| action.name);
        }
    }
}
