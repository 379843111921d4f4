use std::borrow::Cow;

use model::{Exchange, Id, Mention, Notification, Severity};

/// What a format reads out of one line. Borrowed where the text stands in the line as it is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Header<'a> {
    pub(crate) stamp: Stamp<'a>,
    pub(crate) severity: Severity,
    pub(crate) process: Option<u32>,
    pub(crate) logger: Option<Cow<'a, str>>,
    /// Only when the line itself names it.
    pub(crate) host: Option<Cow<'a, str>>,
    /// The program's name in a syslog tag, a journal field, an AMQP publisher, ….
    pub(crate) program: Option<Cow<'a, str>>,
    pub(crate) context: RawContext<'a>,
    pub(crate) body: Cow<'a, str>,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) notification: Option<Notification>,
    pub(crate) continuation: Continuation,
    /// The container runtime cut this line: the next line of the source goes on in the middle of a word.
    pub(crate) cut: bool,
    /// Lines that a structured format carries inside one line: a JSON traceback.
    pub(crate) detail: Vec<String>,
    /// Ids that a structured format types by the key they stand under.
    pub(crate) mentions: Vec<Mention>,
}

/// A time as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Stamp<'a> {
    #[default]
    Missing,
    /// Says its zone, or its format is always UTC. Nanoseconds since 1970.
    Utc(i64),
    /// Nanoseconds since 1970 as if the wall clock were UTC: the source's zone is still to be applied.
    Local(i64),
    /// Wall clock without a year (RFC 3164): month, day, nanoseconds of the day.
    Yearless { month: u32, day: u32, nanos: i64 },
    /// Something stands where the time should be.
    Unreadable(&'a str),
}

/// The bracket of oslo.log, tokens as written (`None` and `-` already left out).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RawContext<'a> {
    pub(crate) global: Option<Cow<'a, str>>,
    pub(crate) request: Option<Cow<'a, str>>,
    pub(crate) user: Option<Cow<'a, str>>,
    pub(crate) project: Option<Cow<'a, str>>,
    /// Some identity is named: user, project, domain or scope.
    pub(crate) identity: bool,
    /// There is a bracket, be it `[-]`: this line is a head, not a line of a traceback.
    pub(crate) bracket: bool,
}

/// Whether a line goes on with an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Continuation {
    #[default]
    Head,
    /// It has a prefix without a context: a line of the last traceback of the same process and logger, if one is open.
    SameProcessAndLogger,
    /// It has no prefix of its own: it goes on with the line before it.
    Previous,
}

impl RawContext<'_> {
    /// A process has a request id too, without identity: it stands on all its lines.
    pub(crate) const fn names_request(&self) -> bool {
        match self.request {
            Some(_) => self.identity,
            None => self.global.is_some(),
        }
    }

    /// The request that a user made: services hand its id on as the global one.
    pub(crate) fn root(&self) -> Option<Id> {
        self.global.as_deref().or(self.request.as_deref()).and_then(Id::parse)
    }
}

impl Header<'_> {
    /// For formats that have to rewrite the line (colours, JSON escapes) before they read it.
    pub(crate) fn into_owned(self) -> Header<'static> {
        Header {
            stamp: self.stamp.into_owned(),
            severity: self.severity,
            process: self.process,
            logger: owned(self.logger),
            host: owned(self.host),
            program: owned(self.program),
            context: RawContext {
                global: owned(self.context.global),
                request: owned(self.context.request),
                user: owned(self.context.user),
                project: owned(self.context.project),
                identity: self.context.identity,
                bracket: self.context.bracket,
            },
            body: Cow::Owned(self.body.into_owned()),
            exchange: self.exchange,
            notification: self.notification,
            continuation: self.continuation,
            cut: self.cut,
            detail: self.detail,
            mentions: self.mentions,
        }
    }
}

fn owned(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}

impl Stamp<'_> {
    /// The text of an unreadable time stays in the stored line.
    pub(crate) fn into_owned(self) -> Stamp<'static> {
        match self {
            Self::Missing => Stamp::Missing,
            Self::Utc(nanos) => Stamp::Utc(nanos),
            Self::Local(nanos) => Stamp::Local(nanos),
            Self::Yearless { month, day, nanos } => Stamp::Yearless { month, day, nanos },
            Self::Unreadable(_) => Stamp::Unreadable(""),
        }
    }
}
