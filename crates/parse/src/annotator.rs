use std::borrow::Cow;

use model::{Annotation, Defect, Id, Line, Severity, Timestamp};

use crate::clock::{Clock, Zone};
use crate::format::Format;
use crate::header::{Continuation, Header, Stamp};
use crate::mask::Masker;
use crate::open_heads::{Head, Key, OpenHeads};
use crate::template::template;
use crate::text;

/// Lines without a prefix that one head may gather: libvirt's XML and dumps of options have some hundred.
const MAX_UNPREFIXED: u32 = 10_000;

/// The first look at the lines of one source, in their order. Its state is small and bounded; an annotator that starts
/// in the middle of a file only misses which event the first few lines continue.
#[derive(Debug)]
pub struct Annotator {
    masker: Masker,
    clock: Clock,
    /// Of the last line that had a prefix: tried first.
    format: Option<Format>,
    heads: OpenHeads,
    previous: Option<Previous>,
    message_start: Option<usize>,
    names_request: bool,
    tells_requests: bool,
    request: Option<Id>,
}

/// The line before.
#[derive(Clone, Copy, Debug)]
struct Previous {
    /// Of the event that the line belongs to.
    head: Head,
    /// How many lines without a prefix the event has gathered at a stretch.
    unprefixed: u32,
    /// A container runtime cut the line: the next one goes on with it, whatever it looks like.
    cut: bool,
}

impl Annotator {
    /// `zone` is that of times which do not name theirs.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self {
            masker: Masker::default(),
            clock: Clock::new(zone),
            format: None,
            heads: OpenHeads::default(),
            previous: None,
            message_start: None,
            names_request: false,
            tells_requests: false,
            request: None,
        }
    }

    /// `not_later` tells the year of lines that name none: the time when the file was last written.
    #[must_use]
    pub fn with_year_hint(mut self, not_later: Timestamp) -> Self {
        self.clock.hint_year(not_later);
        self
    }

    /// For whoever asks which [`Self::request`] a line belongs to.
    #[must_use]
    pub const fn telling_requests(mut self) -> Self {
        self.tells_requests = true;
        self
    }

    /// Masks secrets in `line`, and tells what a first look tells. Continuation lines take time and severity from
    /// their head when they have none of their own.
    pub fn annotate(&mut self, line: &mut Line) -> Annotation {
        self.masker.mask(&mut line.text);
        let text = text::of(&line.text);
        let (format, header) = self.recognise(&text);
        self.message_start = may_tell(&header).then(|| message_start(&header, &line.text));
        self.names_request = header.context.names_request();
        let told = self.tells_requests && self.names_request;
        self.request = told.then(|| header.context.root()).flatten();
        let timestamp = self.clock.resolve(header.stamp);
        let mut defect =
            text_defect(matches!(text, Cow::Owned(_))).or_else(|| stamp_defect(header.stamp, timestamp));

        let unprefixed = header.continuation == Continuation::Previous;
        let continued = self.continued(line.number, &header, timestamp);
        if continued.is_none() && header.continuation != Continuation::Head {
            let orphan = if format == Format::Plain { Defect::UnknownFormat } else { Defect::Orphan };
            defect = defect.or(Some(orphan));
        }

        let head = continued.unwrap_or_else(|| self.open(line.number, format, &header, timestamp));
        let gathered = self.previous.filter(|_| unprefixed).map_or(0, |previous| previous.unprefixed);
        self.previous =
            Some(Previous { head, unprefixed: if unprefixed { gathered + 1 } else { 0 }, cut: header.cut });

        let own = header.severity;
        Annotation {
            format: if continued.is_some() && format == Format::Plain { head.format } else { format }.name(),
            timestamp: timestamp.or(head.timestamp),
            severity: if own == Severity::Unspecified { head.severity } else { own },
            continues: continued.map(|head| head.line),
            defect,
            notable: false,
            template: continued.is_none().then(|| template(&header.body, header.logger.as_deref())),
            signature: None,
        }
    }

    /// Where the message of the line that was annotated last begins in it, 0 when that cannot be told; none when it tells
    /// nothing that breaks, begins or ends.
    #[must_use]
    pub const fn message_start(&self) -> Option<usize> {
        self.message_start
    }

    /// Whether the line that was annotated last names the request that it belongs to, and is not a process's own.
    #[must_use]
    pub const fn names_request(&self) -> bool {
        self.names_request
    }

    /// The request that the line that was annotated last names as its own, if that [is told](Self::telling_requests).
    #[must_use]
    pub const fn request(&self) -> Option<&Id> {
        self.request.as_ref()
    }

    /// Files change their format at upgrades, and some are written by two programs: every line may begin another one.
    fn recognise<'text>(&mut self, text: &'text str) -> (Format, Header<'text>) {
        let current = self.format;
        let sticky = current.filter(|format| !format.is_last_resort());
        if let Some(format) = sticky
            && let Some(header) = format.read(text)
        {
            return (format, header);
        }
        if current.is_some() && has_no_prefix(text) {
            return (Format::Plain, Format::Plain.read(text).unwrap_or_default());
        }
        let others = Format::ALL.into_iter().filter(|format| Some(*format) != sticky);
        for format in others {
            let Some(header) = format.read(text) else { continue };
            // A line of a body can look like a line of a format that has no time.
            let bare = header.continuation == Continuation::Previous;
            let doubtful = header.stamp == Stamp::Missing && (current.is_some() || bare);
            if format == Format::Plain || !doubtful {
                self.format = if format == Format::Plain { current } else { Some(format) };
                return (format, header);
            }
        }
        let header = Format::Plain.read(text).unwrap_or_default();
        (Format::Plain, header)
    }

    /// The head that this line goes on with, if there is one.
    fn continued(&self, line: u64, header: &Header<'_>, timestamp: Option<Timestamp>) -> Option<Head> {
        if let Some(previous) = self.previous.filter(|previous| previous.cut) {
            return Some(previous.head);
        }
        match header.continuation {
            Continuation::Head => None,
            Continuation::SameProcessAndLogger => self.heads.find(Key::of(header)?, line, timestamp),
            Continuation::Previous => {
                let previous = self.previous?;
                // Before the first prefix every line stands for itself, unless it is indented.
                let carried = previous.head.format.carries_others() && !previous.head.named;
                let known = self.format.is_some() && previous.head.format.spans_lines() && !carried;
                let indented = header.body.starts_with([' ', '\t']);
                ((known || indented) && previous.unprefixed < MAX_UNPREFIXED).then_some(previous.head)
            }
        }
    }

    fn open(&mut self, line: u64, format: Format, header: &Header<'_>, timestamp: Option<Timestamp>) -> Head {
        let before = self.previous.and_then(|previous| previous.head.timestamp);
        let key = Key::of(header);
        let head = Head {
            line,
            timestamp: timestamp.or(before),
            severity: header.severity,
            format,
            named: key.is_some(),
        };
        if let Some(key) = key {
            self.heads.open(key, head);
        }
        head
    }
}

/// No format begins a line like this, and dumps of options, tracebacks and XML do by the hundred.
fn has_no_prefix(text: &str) -> bool {
    match text.as_bytes() {
        [b' ' | b'\t', ..] => true,
        [b'<', next, ..] => next.is_ascii_alphabetic() || *next == b'/',
        _ => false,
    }
}

/// DEBUG alone tells of no trouble and no change, and is half of all lines where it is on; neither does a read that was
/// answered.
fn may_tell(header: &Header<'_>) -> bool {
    let read = header.exchange.as_ref().is_some_and(|exchange| !exchange.changes() && !exchange.failed());
    header.severity != Severity::Debug && !(read && header.severity < Severity::Warning)
}

/// What a format reads apart (an access line) or rewrites (JSON) has its message nowhere in the line.
fn message_start(header: &Header<'_>, line: &[u8]) -> usize {
    match &header.body {
        Cow::Borrowed(body) if header.exchange.is_none() && line.ends_with(body.as_bytes()) => {
            line.len() - body.len()
        }
        _ => 0,
    }
}

fn text_defect(replaced: bool) -> Option<Defect> {
    replaced.then_some(Defect::BadEncoding)
}

fn stamp_defect(stamp: Stamp<'_>, resolved: Option<Timestamp>) -> Option<Defect> {
    (resolved.is_none() && stamp != Stamp::Missing).then_some(Defect::BadTimestamp)
}
