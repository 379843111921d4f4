//! The text lines of oslo.log, from Diablo to today, and what devstack and vendors make of them.
//!
//! `time pid LEVEL logger [context] message`: every part but level and logger is missing somewhere. The lines of a
//! traceback have a prefix of their own, without a context.

use std::borrow::Cow;

use memchr::memchr;
use model::Severity;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1, u32};
use nom::combinator::{opt, verify};
use nom::error::{Error, ErrorKind};
use nom::sequence::{delimited, preceded, terminated};
use nom::{Err, IResult, Parser};

use crate::format::wall_clock;
use crate::header::{Continuation, Header, RawContext, Stamp};
use crate::text::without_colours;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    if memchr(b'\x1b', text.get(..64).unwrap_or(text).as_bytes()).is_some() {
        return coloured(text);
    }
    match text.as_bytes().first()? {
        b'0'..=b'9' => timed(text).ok().map(|(_, header)| header),
        b'(' => diablo_traceback(text).ok().map(|(_, header)| header),
        b'A'..=b'Z' => alt((untimed, after_file_name)).parse(text).ok().map(|(_, header)| header),
        _ => after_file_name(text).ok().map(|(_, header)| header),
    }
}

/// devstack's colours stand between all parts, so they go first. Its context names the project before the user.
fn coloured(text: &str) -> Option<Header<'static>> {
    let plain = without_colours(text);
    let mut header = alt((timed, untimed)).parse(&plain).ok()?.1.into_owned();
    if text.contains("\u{1b}[00;36m") || text.contains("\u{1b}[01;36m") {
        let tokens = plain
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'))
            .map_or(0, |(context, _)| context.split(' ').filter(|token| !token.is_empty()).count());
        if tokens == 3 {
            std::mem::swap(&mut header.context.user, &mut header.context.project);
        }
    }
    header.process = header.process.or_else(|| pid_of_debug_suffix(&header.body));
    Some(header)
}

/// `{{(pid=1234) function /path/file.py:56}}`, `from (pid=1234) …`: devstack's prefix has no room for it.
fn pid_of_debug_suffix(body: &str) -> Option<u32> {
    let (_, suffix) = body.rsplit_once("(pid=")?;
    suffix.split_once(')')?.0.parse().ok()
}

fn timed(text: &str) -> IResult<&str, Header<'_>> {
    let (rest, stamp) = stamp(text)?;
    let (rest, process) = opt(terminated(u32, char(' '))).parse(rest)?;
    let (rest, (severity, level)) = terminated(level, char(' ')).parse(rest)?;
    let (rest, logger) = logger(rest)?;
    let (context, body) = context_and_body(rest);
    let traceback = !context.bracket && matches!(level, "ERROR" | "TRACE");
    let header = Header {
        stamp,
        severity,
        process,
        logger: Some(Cow::Borrowed(logger)),
        context,
        body: Cow::Borrowed(body),
        continuation: if traceback { Continuation::SameProcessAndLogger } else { Continuation::Head },
        ..Header::default()
    };
    Ok(("", header))
}

/// `LEVEL logger [context] message`: somebody else has written time and process. Any text may begin with a word in
/// capitals, so the rest has to fit well.
fn untimed(text: &str) -> IResult<&str, Header<'_>> {
    let (rest, (severity, level)) = terminated(level, char(' ')).parse(text)?;
    let (rest, logger) = logger(rest)?;
    let (context, body) = context_and_body(rest);
    let traceback =
        matches!(level, "ERROR" | "TRACE") && logger.contains('.') && !logger.ends_with([':', '.']);
    if !context.bracket && !traceback {
        return refuse(text);
    }
    let continuation = if context.bracket { Continuation::Head } else { Continuation::SameProcessAndLogger };
    let (logger, body) = (Some(Cow::Borrowed(logger)), Cow::Borrowed(body));
    Ok(("", Header { severity, logger, context, body, continuation, ..Header::default() }))
}

/// `nova-api.log.1.2016-03-08_09:41:27 2016-03-08 00:00:00.008 1803 INFO …`: `grep` over several files, or a
/// collector, has put the file's name first.
fn after_file_name(text: &str) -> IResult<&str, Header<'_>> {
    let (rest, name) = word(text)?;
    let names_log = name.contains(".log") || name.ends_with(':');
    match rest.strip_prefix(' ') {
        Some(rest) if names_log && rest.starts_with(|first: char| first.is_ascii_digit()) => timed(rest),
        _ => refuse(text),
    }
}

/// `(nova.compute.manager): TRACE: Traceback (most recent call last):`
fn diablo_traceback(text: &str) -> IResult<&str, Header<'_>> {
    let mut in_parentheses = delimited(char('('), |text| until(text, b')'), tag("): TRACE: "));
    let (body, logger) = in_parentheses.parse(text)?;
    let header = Header {
        severity: Severity::Error,
        logger: Some(Cow::Borrowed(logger)),
        body: Cow::Borrowed(body),
        continuation: Continuation::SameProcessAndLogger,
        ..Header::default()
    };
    Ok(("", header))
}

/// `2026-11-21 03:28:16.763 `, with `T`, with a comma, with the milliseconds twice, with a zone.
fn stamp(text: &str) -> IResult<&str, Stamp<'_>> {
    let (rest, nanos) = wall_clock::shape(text)?;
    let (rest, fraction) = opt(wall_clock::fraction).parse(rest)?;
    // `%(asctime)s.%(msecs)03d` with Python's own asctime, which ends in milliseconds already.
    let (rest, _) = opt(preceded(alt((char('.'), char(','))), digit1)).parse(rest)?;
    let (rest, zone) = opt(wall_clock::zone).parse(rest)?;
    let (rest, _) = char(' ').parse(rest)?;
    let stamp = match (nanos.and_then(|nanos| nanos.checked_add(fraction.unwrap_or(0))), zone) {
        (Some(nanos), None) => Stamp::Local(nanos),
        (Some(nanos), Some(offset)) => Stamp::Utc(nanos.saturating_sub(offset)),
        (None, _) => Stamp::Unreadable(text.get(..19).unwrap_or(text)),
    };
    Ok((rest, stamp))
}

/// The word, too: `ERROR` and `TRACE` alone begin the lines of a traceback.
fn level(text: &str) -> IResult<&str, (Severity, &str)> {
    let (rest, word) = word(text)?;
    let severity = match word {
        "DEBUG" => Severity::Debug,
        "INFO" | "AUDIT" => Severity::Info,
        "WARNING" | "WARN" => Severity::Warning,
        // The level that nova had for tracebacks until 2015.
        "ERROR" | "TRACE" => Severity::Error,
        "CRITICAL" => Severity::Critical,
        _ => return refuse(text),
    };
    Ok((rest, (severity, word)))
}

fn logger(text: &str) -> IResult<&str, &str> {
    verify(word, |word: &str| word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
        .parse(text)
}

/// What follows the logger. Messages begin with brackets too: `[instance: …]` is one of theirs.
fn context_and_body(rest: &str) -> (RawContext<'_>, &str) {
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let Some(bracket) = rest.strip_prefix('[') else { return (RawContext::default(), rest) };
    let Ok((after, tokens)) = until(bracket, b']') else { return (RawContext::default(), rest) };
    let Some(context) = context(tokens) else { return (RawContext::default(), rest) };
    let after = after.strip_prefix(']').unwrap_or(after);
    (context, after.strip_prefix(' ').unwrap_or(after))
}

/// The widest bracket has 12 words (SAP's).
const MAX_TOKENS: usize = 12;

/// | tokens | written by |
/// |---|---|
/// | `-` | all, without a context; some vendors print seven |
/// | `req None`, `req ` | Juno's agents |
/// | `req user project` | Diablo to Havana |
/// | `req user project domain user_domain project_domain` | Icehouse to Yoga |
/// | `global req user project domain scope user_domain project_domain` | Zed and later |
/// | `global req project_name user_name` | devstack |
/// | `req gglobal usr user prj project dom … usr-dom … prj-dom …` | SAP |
fn context(text: &str) -> Option<RawContext<'_>> {
    let mut tokens = [""; MAX_TOKENS];
    let mut count = 0;
    for token in text.split(' ').filter(|token| !token.is_empty()) {
        *tokens.get_mut(count)? = token;
        count += 1;
    }
    let tokens = tokens.get(..count)?;
    let first = *tokens.first()?;
    if tokens.iter().all(|token| *token == "-") {
        return Some(RawContext { bracket: true, ..RawContext::default() });
    }
    if tokens.get(2) == Some(&"usr") {
        return is_request(first).then(|| labelled(tokens));
    }
    if (first == "None" && count > 1) || count == 8 || tokens.get(1).is_some_and(|second| is_marked(second)) {
        let looks_right = first == "None" || first == "-" || is_request(first);
        let [global, request, identity @ ..] = tokens else { return None };
        let identity = Identity { names_project_first: identity.len() == 2, tokens: identity };
        return looks_right.then(|| identity.context(named(global), named(request)));
    }
    let [request, identity @ ..] = tokens else { return None };
    let identity = Identity { names_project_first: false, tokens: identity };
    (is_request(first) || first == "-" && count > 2).then(|| identity.context(None, named(request)))
}

struct Identity<'tokens, 'text> {
    tokens: &'tokens [&'text str],
    names_project_first: bool,
}

impl<'text> Identity<'_, 'text> {
    fn context(
        &self,
        global: Option<Cow<'text, str>>,
        request: Option<Cow<'text, str>>,
    ) -> RawContext<'text> {
        let first = self.tokens.first().copied().and_then(named);
        let second = self.tokens.get(1).copied().and_then(named);
        let (user, project) = if self.names_project_first { (second, first) } else { (first, second) };
        let identity = self.tokens.iter().any(|token| named(token).is_some());
        RawContext { global, request, user, project, identity, bracket: true }
    }
}

/// `req-… g… usr … prj … dom … usr-dom … prj-dom …`
fn labelled<'text>(tokens: &[&'text str]) -> RawContext<'text> {
    let value = |label| {
        let at = tokens.iter().position(|token| *token == label)?;
        tokens.get(at + 1).copied().and_then(named)
    };
    let labels = ["usr", "prj", "dom", "usr-dom", "prj-dom"];
    let global = tokens.get(1).and_then(|global| global.strip_prefix('g'));
    RawContext {
        global: global.and_then(named),
        request: tokens.first().copied().and_then(named),
        user: value("usr"),
        project: value("prj"),
        identity: labels.into_iter().any(|label| value(label).is_some()),
        bracket: true,
    }
}

/// Services may adopt ids that callers made up, but all that were seen in a bracket are made by oslo.
fn is_request(token: &str) -> bool {
    is_marked(token) || model::Id::parse(token).is_some()
}

/// A bare id in the second place is a user's.
fn is_marked(token: &str) -> bool {
    token.starts_with("req-") || token.starts_with("greq-")
}

fn named(token: &str) -> Option<Cow<'_, str>> {
    (!matches!(token, "-" | "None" | "")).then_some(Cow::Borrowed(token))
}

fn word(text: &str) -> IResult<&str, &str> {
    let end = memchr(b' ', text.as_bytes()).unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((word, rest)) if !word.is_empty() => Ok((rest, word)),
        _ => refuse(text),
    }
}

/// What stands before `stop`; `stop` has to come.
fn until(text: &str, stop: u8) -> IResult<&str, &str> {
    match memchr(stop, text.as_bytes()).and_then(|end| text.split_at_checked(end)) {
        Some((before, rest)) => Ok((rest, before)),
        None => refuse(text),
    }
}

fn refuse<T>(text: &str) -> IResult<&str, T> {
    Err(Err::Error(Error::new(text, ErrorKind::Fail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `time pid level logger [global request user project identity] continuation | body`, `~` for what is missing.
    fn summary(text: &str) -> String {
        let Some(header) = read(text) else { return "not oslo".to_owned() };
        let time = match header.stamp {
            Stamp::Local(nanos) => model::Timestamp::from_nanos(nanos).to_string().replace('Z', ""),
            Stamp::Utc(nanos) => model::Timestamp::from_nanos(nanos).to_string(),
            other => format!("{other:?}"),
        };
        let or_dash = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or("~").to_owned();
        let context = &header.context;
        let ids = [&context.global, &context.request, &context.user, &context.project].map(or_dash).join(" ");
        format!(
            "{time} {} {} {} [{ids} {}] {:?} | {}",
            header.process.map_or("~".to_owned(), |process| process.to_string()),
            header.severity,
            or_dash(&header.logger),
            if context.identity { "named" } else { "nobody" },
            header.continuation,
            header.body,
        )
    }

    #[test]
    fn every_era_of_oslo_log_is_read() {
        let check = |text: &str, expected: &str| assert_eq!(summary(text), expected, "{text}");
        // Zed and later.
        check(
            "2026-11-21 03:16:09.300 12810 INFO cinder.api.openstack.wsgi [None req-20f5 6cc6 cc31 - - default default] GET x",
            "2026-11-21T03:16:09.300 12810 INFO cinder.api.openstack.wsgi [~ req-20f5 6cc6 cc31 named] Head | GET x",
        );
        check(
            "2026-11-21 03:16:09.300 1 ERROR a.b [req-a req-b u p - - d d] [instance: 7] x",
            "2026-11-21T03:16:09.300 1 ERROR a.b [req-a req-b u p named] Head | [instance: 7] x",
        );
        check(
            "2026-11-21 03:16:09.300 1 INFO a.b [None req-b - - - - - -] x",
            "2026-11-21T03:16:09.300 1 INFO a.b [~ req-b ~ ~ nobody] Head | x",
        );
        // Icehouse to Yoga.
        check(
            "2016-03-08 00:00:00.008 1803 INFO nova.osapi [req-7c75 6cc6 cc31 - - -] 10.0.0.24 \"GET",
            "2016-03-08T00:00:00.008 1803 INFO nova.osapi [~ req-7c75 6cc6 cc31 named] Head | 10.0.0.24 \"GET",
        );
        check(
            "2016-03-08 00:00:00.008 2 WARNING n [-] x",
            "2016-03-08T00:00:00.008 2 WARNING n [~ ~ ~ ~ nobody] Head | x",
        );
        // Juno's agents.
        check(
            "2014-10-01 00:00:00.008 2 DEBUG n [req-7 None] x",
            "2014-10-01T00:00:00.008 2 DEBUG n [~ req-7 ~ ~ nobody] Head | x",
        );
        check(
            "2014-10-01 00:00:00.008 2 DEBUG n [req-7 ] x",
            "2014-10-01T00:00:00.008 2 DEBUG n [~ req-7 ~ ~ nobody] Head | x",
        );
        // Folsom: no process. Diablo: commas.
        check(
            "2012-10-01 00:00:00 AUDIT n.c [req-7 u t] x",
            "2012-10-01T00:00:00.000 ~ INFO n.c [~ req-7 u t named] Head | x",
        );
        check(
            "2011-10-05 12:00:00,123 DEBUG nova.rpc [-] x",
            "2011-10-05T12:00:00.123 ~ DEBUG nova.rpc [~ ~ ~ ~ nobody] Head | x",
        );
        // Venus, SAP, isotime.
        check(
            "2021-10-01 00:00:00.1 2 INFO n [- - - - - - -] x",
            "2021-10-01T00:00:00.100 2 INFO n [~ ~ ~ ~ nobody] Head | x",
        );
        check(
            "2021-10-01 00:00:00,120.120 2 INFO n [req-7 greq-8 usr u prj p dom - usr-dom d prj-dom d] x",
            "2021-10-01T00:00:00.120 2 INFO n [req-8 req-7 u p named] Head | x",
        );
        check(
            "2021-10-01 00:00:00.120 2 INFO n [req-7 gNone usr - prj - dom - usr-dom - prj-dom -] x",
            "2021-10-01T00:00:00.120 2 INFO n [~ req-7 ~ ~ nobody] Head | x",
        );
        check(
            "2021-10-01T02:00:00.120000+02:00 2 INFO n [-] x",
            "2021-10-01T00:00:00.120Z 2 INFO n [~ ~ ~ ~ nobody] Head | x",
        );
        // A file's name before it.
        check(
            "nova-api.log.1.2016-03-08_09:41:27 2016-03-08 00:00:00.008 1803 INFO n [-] x",
            "2016-03-08T00:00:00.008 1803 INFO n [~ ~ ~ ~ nobody] Head | x",
        );
        // A message that is empty, a request id that is a bare UUID.
        check(
            "2016-03-08 00:00:00.008 2 INFO n [-]",
            "2016-03-08T00:00:00.008 2 INFO n [~ ~ ~ ~ nobody] Head | ",
        );
        check(
            "2016-03-08 00:00:00.008 2 INFO n [None 0679010fc12e4d7da1f69c887eb0e4f8 u p - - - -] x",
            "2016-03-08T00:00:00.008 2 INFO n [~ 0679010fc12e4d7da1f69c887eb0e4f8 u p named] Head | x",
        );
    }

    #[test]
    fn devstack_is_read_without_its_colours() {
        let check = |text: &str, expected: &str| assert_eq!(summary(text), expected, "{text}");
        check(
            "\u{1b}[00;32mDEBUG nova.compute.manager [\u{1b}[01;36mNone req-7 \u{1b}[00;36mdemo admin\u{1b}[00;32m] \u{1b}[01;35m\u{1b}[00;32mx \u{1b}[00;33m{{(pid=1234) f /a.py:5}}\u{1b}[00m\u{1b}[00m",
            "Missing 1234 DEBUG nova.compute.manager [~ req-7 admin demo named] Head | x {{(pid=1234) f /a.py:5}}",
        );
        check(
            "\u{1b}[00;36mINFO nova.c [\u{1b}[00;36m-\u{1b}[00;36m] \u{1b}[01;35mx\u{1b}[00m",
            "Missing ~ INFO nova.c [~ ~ ~ ~ nobody] Head | x",
        );
        check(
            "2015-01-01 00:00:00.008 \u{1b}[01;31mERROR nova.c [\u{1b}[01;36mreq-7 \u{1b}[00;36mdemo admin\u{1b}[01;31m] \u{1b}[01;35mx",
            "2015-01-01T00:00:00.008 ~ ERROR nova.c [~ req-7 admin demo named] Head | x",
        );
        check(
            "ERROR nova.c \u{1b}[01;35m\u{1b}[00mTraceback",
            "Missing ~ ERROR nova.c [~ ~ ~ ~ nobody] SameProcessAndLogger | Traceback",
        );
    }

    #[test]
    fn lines_of_a_traceback_have_no_context() {
        let check = |text: &str, expected: &str| assert_eq!(summary(text), expected, "{text}");
        check(
            "2026-11-21 03:29:21.987 18190 ERROR n.c [instance: 5a94]   File \"x\", line 1",
            "2026-11-21T03:29:21.987 18190 ERROR n.c [~ ~ ~ ~ nobody] SameProcessAndLogger | [instance: 5a94]   File \"x\", line 1",
        );
        check(
            "2026-11-21 03:58:41.301 18832 ERROR n.db ['Traceback (most recent call last):\\n']",
            "2026-11-21T03:58:41.301 18832 ERROR n.db [~ ~ ~ ~ nobody] SameProcessAndLogger | ['Traceback (most recent call last):\\n']",
        );
        check(
            "2014-10-01 00:00:00.008 2 TRACE n.c ",
            "2014-10-01T00:00:00.008 2 ERROR n.c [~ ~ ~ ~ nobody] SameProcessAndLogger | ",
        );
        check(
            "(nova.c): TRACE: Traceback",
            "Missing ~ ERROR nova.c [~ ~ ~ ~ nobody] SameProcessAndLogger | Traceback",
        );
        check(
            "2026-11-21 03:29:21.987 1 INFO n.c no bracket",
            "2026-11-21T03:29:21.987 1 INFO n.c [~ ~ ~ ~ nobody] Head | no bracket",
        );
    }

    #[test]
    fn other_lines_are_refused() {
        let check = |text: &str| assert_eq!(summary(text), "not oslo", "{text}");
        check("");
        check("[SQL: SELECT 1]");
        check("ERROR in the text of some body");
        check("2026-11-21  3:00:34 0 [Note] InnoDB: Number of transaction pools: 1");
        check("2026-11-21 03:02:55.865866+00:00 [notice] <0.223.0> Logging");
        check("2017-09-18 18:08:49.163+0000: 4523: error : x:1 : y");
        check("2026-11-21 03:00:00.000");
        check("2026-11-21 03:00:00.000 99999999999999 INFO n [-] x");
    }

    #[test]
    fn impossible_times_are_told() {
        assert!(
            summary("2026-13-41 03:00:00.000 1 INFO n [-] x")
                .starts_with("Unreadable(\"2026-13-41 03:00:00\") 1 INFO")
        );
        assert!(summary("9999-12-31 03:00:00.000 1 INFO n [-] x").starts_with("Unreadable"));
    }
}
