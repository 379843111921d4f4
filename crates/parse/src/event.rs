//! The second look: everything that the lines of one event tell.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use model::{Annotation, Context, Defect, Event, Exception, Id, IdKind, Line, Mention, Source, scan_ids};

use crate::format::payload::Vocabulary;
use crate::format::{Format, access, notification};
use crate::header::{Continuation, Header, RawContext};
use crate::template::template;
use crate::{exception, text};

/// The event that `lines` tell: its head first, then the lines that continue it. `annotation` is the head's.
///
/// Ids are typed as far as the format alone tells: the request ids and the identity of the bracket, and
/// `[instance: …]`; all else is [`IdKind::Other`] until knowledge types it by the words around it.
#[must_use]
pub(crate) fn event(
    source: &Arc<Source>,
    lines: &[Line],
    annotation: &Annotation,
    vocabulary: &Vocabulary,
) -> Event {
    let format = Format::from_name(annotation.format).unwrap_or(Format::Plain);
    let Some((head, rest)) = lines.split_first() else {
        return Event { source: Arc::clone(source), format: format.name(), ..Event::default() };
    };
    let text = text::of(&head.text);
    let block = block(format, lines);
    let whole = block.is_some();
    let header = block.unwrap_or_else(|| read_head(format, &text, vocabulary));
    let mut message = Message::of(&header);
    for line in rest.iter().filter(|_| !whole) {
        message.push(format, &text::of(&line.text));
    }
    let Message { body, detail, .. } = message;
    Event {
        line: head.number,
        end_line: rest.last().map_or(head.number, |line| line.number),
        format: format.name(),
        timestamp: annotation.timestamp,
        severity: if whole { header.severity } else { annotation.severity },
        host: header.host.map(Cow::into_owned).or_else(|| source.host.clone()),
        service: source.service.clone(),
        daemon: header.program.map(Cow::into_owned).or_else(|| source.daemon.clone()),
        tier: 0,
        process: header.process,
        template: annotation.template.unwrap_or_else(|| template(&body, header.logger.as_deref())),
        logger: header.logger.map(Cow::into_owned),
        mentions: mentions(&header.context, header.mentions, &body, &detail),
        context: context(header.context),
        exceptions: exceptions(&body, &detail),
        exchange: header.exchange.or_else(|| access::read(&body)),
        notification: header.notification,
        signatures: Vec::new(),
        defects: defects(lines, annotation),
        body,
        detail,
        source: Arc::clone(source),
    }
}

/// The first look at a notification does not ask what its words mean.
fn read_head<'text>(format: Format, text: &'text str, vocabulary: &Vocabulary) -> Header<'text> {
    let notification = (format == Format::Notification).then(|| notification::read_with(text, vocabulary));
    notification.flatten().unwrap_or_else(|| read(format, text))
}

/// A line that its format cannot read any more (the grammar has changed since) is a plain one.
fn read(format: Format, text: &str) -> Header<'_> {
    format.read(text).or_else(|| Format::Plain.read(text)).unwrap_or_default()
}

/// The lines of a format that only make sense together.
fn block(format: Format, lines: &[Line]) -> Option<Header<'static>> {
    if !format.has_blocks() || lines.len() < 2 {
        return None;
    }
    let texts: Vec<_> = lines.iter().map(|line| text::of(&line.text)).collect();
    let texts: Vec<_> = texts.iter().map(|text| &**text).collect();
    format.read_block(&texts)
}

/// Body and detail, as they grow line by line.
struct Message {
    body: String,
    detail: Vec<String>,
    /// The last line was cut by its container runtime.
    cut: bool,
}

impl Message {
    fn of(head: &Header<'_>) -> Self {
        let body = match head.continuation {
            Continuation::SameProcessAndLogger => without_instance(&head.body),
            _ => &head.body,
        };
        Self { body: body.to_owned(), detail: head.detail.clone(), cut: head.cut }
    }

    fn push(&mut self, format: Format, line: &str) {
        let header = read(format, line);
        if self.cut {
            let piece = format.piece(line).unwrap_or(Cow::Borrowed(line));
            self.detail.last_mut().unwrap_or(&mut self.body).push_str(&piece);
        } else {
            let text = match header.continuation {
                Continuation::SameProcessAndLogger => without_instance(&header.body),
                _ => &header.body,
            };
            self.detail.push(text.to_owned());
        }
        self.cut = header.cut;
        self.detail.extend(header.detail);
    }
}

/// The prefix of a traceback's lines repeats `[instance: …] `.
fn without_instance(body: &str) -> &str {
    let Some(rest) = body.strip_prefix("[instance: ") else { return body };
    let Some((_, rest)) = rest.split_once(']') else { return body };
    rest.strip_prefix(' ').unwrap_or(rest)
}

fn context(raw: RawContext<'_>) -> Context {
    let id = |text: Option<Cow<'_, str>>| text.as_deref().and_then(Id::parse);
    Context {
        anonymous: raw.request.is_some() && !raw.identity,
        request: id(raw.request),
        global: id(raw.global),
        user: raw.user.map(Cow::into_owned),
        project: raw.project.map(Cow::into_owned),
    }
}

/// In order, without repeats; the kind is that of the first place that tells one.
fn mentions(context: &RawContext<'_>, typed: Vec<Mention>, body: &str, detail: &[String]) -> Vec<Mention> {
    let mut mentions = Mentions::default();
    for (kind, text) in [
        (IdKind::Request, &context.request),
        (IdKind::Request, &context.global),
        (IdKind::User, &context.user),
        (IdKind::Project, &context.project),
    ] {
        if let Some(id) = text.as_deref().and_then(Id::parse) {
            mentions.add(kind, id);
        }
    }
    for Mention { kind, id } in typed {
        mentions.add(kind, id);
    }
    for text in std::iter::once(body).chain(detail.iter().map(String::as_str)) {
        let text = text.as_bytes();
        scan_ids(text, |found| {
            let before = text.get(..found.range.start).unwrap_or_default();
            mentions.add(kind_after(before), found.id);
        });
    }
    mentions.list
}

#[derive(Default)]
struct Mentions {
    list: Vec<Mention>,
    /// Filled when the list has grown too long to look through.
    seen: HashSet<Id>,
}

/// Most events name a handful of ids: comparing those is quicker than hashing.
const FEW: usize = 16;

impl Mentions {
    fn add(&mut self, kind: IdKind, id: Id) {
        if self.is_new(&id) {
            self.list.push(Mention { kind, id });
        } else if kind != IdKind::Other
            && let Some(known) =
                self.list.iter_mut().find(|known| known.id == id && known.kind == IdKind::Other)
        {
            known.kind = kind;
        }
    }

    fn is_new(&mut self, id: &Id) -> bool {
        if self.list.len() < FEW {
            return self.list.iter().all(|known| known.id != *id);
        }
        if self.seen.is_empty() {
            self.seen.extend(self.list.iter().map(|known| known.id.clone()));
        }
        self.seen.insert(id.clone())
    }
}

/// What oslo's own prefixes tell.
fn kind_after(before: &[u8]) -> IdKind {
    if before.ends_with(b"req-") {
        IdKind::Request
    } else if before.ends_with(b"[instance: ") {
        IdKind::Instance
    } else {
        IdKind::Other
    }
}

/// Outermost first: what the head appends to its message, unless it is the traceback's own; then the traceback's.
fn exceptions(body: &str, detail: &[String]) -> Vec<Exception> {
    let mut chain = exception::chain(body, detail);
    if let Some(summary) = exception::summary(body) {
        let repeated = chain.iter().any(|exception| exception::same_class(&exception.class, &summary.class));
        if !repeated {
            chain.insert(0, summary);
        }
    }
    chain
}

fn defects(lines: &[Line], annotation: &Annotation) -> Vec<Defect> {
    let mut defects: Vec<Defect> = annotation.defect.iter().cloned().collect();
    let bad_encoding = lines.iter().any(|line| std::str::from_utf8(&line.text).is_err());
    if bad_encoding && !defects.contains(&Defect::BadEncoding) {
        defects.push(Defect::BadEncoding);
    }
    defects
}
