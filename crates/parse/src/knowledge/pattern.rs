//! The one pattern language of `filters/`: a template that looks like the message it matches.
//!
//! `No more IP addresses available on network {network:network}.` is literal text with placeholders. `{name:type}` has a
//! type, `{name}` and `{}` match anything (the shortest that fits; all the rest at the end of the template), `{{` and `}}` are braces.
//! `^` at the start and `$` at the end tie the template to the ends of the text. What templates cannot say is written as a
//! regular expression.

use std::sync::OnceLock;

use model::{Id, IdKind, Mention, scan_ids};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

/// A template or regular expression, turned into an automaton the first time it is asked.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As written in the filter file.
    pub(crate) text: String,
    /// One of these texts stands in whatever this pattern matches; none when nothing is known to.
    pub(crate) literals: Vec<String>,
    source: Source,
    compiled: OnceLock<Option<Compiled>>,
}

#[derive(Debug)]
enum Source {
    Template(Vec<Piece>),
    Regex,
}

#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Start,
    Literal(String),
    Placeholder { name: String, shape: Shape },
    End,
}

/// What a placeholder matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    Rest,
    Uuid,
    Hex,
    AnyId,
    Int,
    Number,
    Word,
    Host,
    Path,
    Url,
    Ip,
    Mac,
    Quoted,
    Class,
    Kind(IdKind),
}

#[derive(Debug)]
struct Compiled {
    regex: Regex,
    slots: Vec<Slot>,
}

/// A group of the regex that somebody wants to know.
#[derive(Debug)]
struct Slot {
    group: usize,
    name: String,
    kind: Option<IdKind>,
}

/// What a pattern found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// The byte where the match begins.
    pub(crate) at: usize,
    pub(crate) captures: Vec<(String, String)>,
    /// The ids in placeholders whose type is a kind of id, with the placeholder's name.
    pub(crate) ids: Vec<(String, Mention)>,
}

/// A regex above this size (bytes of its automaton) does not pay.
const SIZE_LIMIT: usize = 1 << 20;

impl Pattern {
    pub(crate) fn template(text: &str) -> Result<Self, String> {
        let pieces = pieces(text)?;
        let literals = pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(literal) => Some(literal),
            _ => None,
        });
        let literals = literals.max_by_key(|literal| literal.len()).cloned().into_iter().collect();
        Ok(Self {
            text: text.to_owned(),
            literals,
            source: Source::Template(pieces),
            compiled: OnceLock::new(),
        })
    }

    pub(crate) fn regex(text: &str) -> Result<Self, String> {
        let parsed = regex_syntax::Parser::new().parse(text).map_err(|error| one_line(&error.to_string()))?;
        let literals = best(required_literals(&parsed));
        Ok(Self { text: text.to_owned(), literals, source: Source::Regex, compiled: OnceLock::new() })
    }

    pub(crate) fn find(&self, text: &str) -> Option<Found> {
        let compiled = self.compiled()?;
        if compiled.slots.is_empty() {
            return Some(Found { at: compiled.regex.find(text)?.start(), ..Found::default() });
        }
        let groups = compiled.regex.captures(text)?;
        let mut found = Found { at: groups.get(0)?.start(), ..Found::default() };
        for slot in &compiled.slots {
            let Some(group) = groups.get(slot.group) else { continue };
            if let Some(mention) = slot.kind.and_then(|kind| mention(kind, group.as_str())) {
                found.ids.push((slot.name.clone(), mention));
            }
            let new = !slot.name.is_empty() && found.captures.iter().all(|(name, _)| *name != slot.name);
            if new {
                found.captures.push((slot.name.clone(), group.as_str().to_owned()));
            }
        }
        Some(found)
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.may_match(text) && self.compiled().is_some_and(|compiled| compiled.regex.is_match(text))
    }

    /// The length of the shortest of the literals.
    pub(crate) fn selectivity(&self) -> usize {
        shortest(&self.literals)
    }

    fn may_match(&self, text: &str) -> bool {
        self.literals.is_empty() || self.literals.iter().any(|literal| text.contains(literal))
    }

    /// Why this pattern can never match, if so: its automaton is too big.
    pub(crate) fn defect(&self) -> Option<String> {
        self.compile().err()
    }

    fn compiled(&self) -> Option<&Compiled> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }

    fn compile(&self) -> Result<Compiled, String> {
        let build = |source: &str| {
            let built = RegexBuilder::new(source).size_limit(SIZE_LIMIT).build();
            built.map_err(|error| one_line(&error.to_string()))
        };
        match &self.source {
            Source::Template(pieces) => {
                let (source, slots) = regex_of(pieces);
                Ok(Compiled { regex: build(&source)?, slots })
            }
            Source::Regex => {
                let regex = build(&self.text)?;
                let named = regex.capture_names().enumerate();
                let slots = named
                    .filter_map(|(group, name)| {
                        Some(Slot { group, name: name?.to_owned(), kind: IdKind::parse(name?) })
                    })
                    .collect();
                Ok(Compiled { regex, slots })
            }
        }
    }
}

/// The id in what a placeholder matched: `volume-4f3a…` names a volume too.
fn mention(kind: IdKind, text: &str) -> Option<Mention> {
    let mut first = None;
    scan_ids(text.as_bytes(), |found| {
        first.get_or_insert(found.id);
    });
    let id: Id = first?;
    Some(Mention { kind, id })
}

/// Of several sets of literals the one that fewest texts hold.
fn best(sets: Vec<Vec<String>>) -> Vec<String> {
    sets.into_iter().max_by_key(|set| shortest(set)).unwrap_or_default()
}

fn shortest(literals: &[String]) -> usize {
    literals.iter().map(String::len).min().unwrap_or(0)
}

fn one_line(text: &str) -> String {
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(text);
    last.trim().trim_start_matches("error: ").to_owned()
}

/// Sets of texts: of each set one stands in every match of the expression.
fn required_literals(hir: &Hir) -> Vec<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            String::from_utf8(literal.0.to_vec()).map(|text| vec![text]).into_iter().collect()
        }
        HirKind::Capture(capture) => required_literals(&capture.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(required_literals).collect(),
        HirKind::Repetition(repeated) if repeated.min > 0 => required_literals(&repeated.sub),
        HirKind::Alternation(branches) => {
            let each: Vec<_> = branches.iter().map(|branch| best(required_literals(branch))).collect();
            if each.iter().any(Vec::is_empty) { Vec::new() } else { vec![each.concat()] }
        }
        _ => Vec::new(),
    }
}

pub(super) fn pieces(template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = template;
    if let Some(after) = rest.strip_prefix('^') {
        pieces.push(Piece::Start);
        rest = after;
    }
    let anchored = rest.strip_suffix('$');
    rest = anchored.unwrap_or(rest);
    while let Some(found) = memchr::memchr2(b'{', b'}', rest.as_bytes()) {
        let (before, brace) = rest.split_at(found);
        literal.push_str(before);
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            literal.extend(brace.chars().next());
            rest = after;
            continue;
        }
        let Some((inside, after)) = brace.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
            return Err("a brace stands alone: write `{{` or `}}` for a literal brace".to_owned());
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(placeholder(inside)?);
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    match pieces.last_mut() {
        Some(Piece::Placeholder { shape: shape @ Shape::Any, .. }) => *shape = Shape::Rest,
        Some(Piece::Literal(_) | Piece::Placeholder { .. }) => {}
        _ => return Err("the pattern is empty and would match everything".to_owned()),
    }
    pieces.extend(anchored.map(|_| Piece::End));
    Ok(pieces)
}

fn placeholder(inside: &str) -> Result<Piece, String> {
    let (name, shape) = inside.split_once(':').unwrap_or((inside, "any"));
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !named || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(format!(
            "`{{{inside}}}` is no placeholder: its name may hold letters, digits and `_`; write `{{{{` for a literal brace"
        ));
    }
    let shape = Shape::parse(shape).ok_or_else(|| {
        let known: Vec<_> =
            Shape::NAMES.iter().map(|(name, _)| *name).chain(IdKind::ALL.map(IdKind::name)).collect();
        format!("`{{{inside}}}`: there is no type `{shape}`; use one of {}", known.join(", "))
    })?;
    Ok(Piece::Placeholder { name: name.to_owned(), shape })
}

macro_rules! uuid {
    ($dash:literal) => {
        concat!(
            "[0-9a-fA-F]{8}",
            $dash,
            "[0-9a-fA-F]{4}",
            $dash,
            "[0-9a-fA-F]{4}",
            $dash,
            "[0-9a-fA-F]{4}",
            $dash,
            "[0-9a-fA-F]{12}"
        )
    };
}

impl Shape {
    pub(super) const NAMES: [(&'static str, Self); 15] = [
        ("any", Self::Any),
        ("rest", Self::Rest),
        ("uuid", Self::Uuid),
        ("hex", Self::Hex),
        ("id", Self::AnyId),
        ("int", Self::Int),
        ("num", Self::Number),
        ("word", Self::Word),
        ("host", Self::Host),
        ("path", Self::Path),
        ("url", Self::Url),
        ("ip", Self::Ip),
        ("mac", Self::Mac),
        ("quoted", Self::Quoted),
        ("class", Self::Class),
    ];

    fn parse(name: &str) -> Option<Self> {
        let plain = Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape);
        plain.or_else(|| IdKind::parse(name).map(Self::Kind))
    }

    /// The expression, each captured text in a group.
    ///
    /// Only ASCII classes and their complements: Unicode's `\w` and `\s` make automata a hundred times as big. Names end
    /// with a letter or digit, so that the full stop of a sentence is no part of them.
    const fn regex(self) -> &'static str {
        match self {
            Self::Any => "(.*?)",
            Self::Rest => "(.*)",
            Self::Uuid => concat!("(?:g?req-)?(", uuid!("-"), ")"),
            Self::Hex => "([0-9a-fA-F]{32})",
            Self::AnyId => concat!("(?:g?req-)?(", uuid!("-?"), ")"),
            Self::Int => "([-+]?[0-9]+)",
            Self::Number => r"([-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)",
            Self::Word => r"([^ \t\r\n]+)",
            Self::Host => "([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)",
            Self::Path => r#"([^ \t\r\n'"`,;()\[\]<>]+)"#,
            Self::Url => r#"([A-Za-z][A-Za-z0-9+.-]*://[^ \t\r\n'"<>]+)"#,
            Self::Ip => r"([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[0-9A-Fa-f:])",
            Self::Mac => "((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})",
            Self::Quoted => r#"(?:'([^']*)'|"([^"]*)")"#,
            Self::Class => r"([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)",
            Self::Kind(_) => concat!(
                "(?:g?req-)?(",
                uuid!("-?"),
                r#"|[A-Za-z0-9_](?:[^ \t\r\n'"()\[\],;]*[A-Za-z0-9_])?)"#
            ),
        }
    }

    const fn groups(self) -> usize {
        if matches!(self, Self::Quoted) { 2 } else { 1 }
    }
}

fn regex_of(pieces: &[Piece]) -> (String, Vec<Slot>) {
    let mut source = String::new();
    let mut slots = Vec::new();
    let mut groups = 0;
    for piece in pieces {
        match piece {
            Piece::Start => source.push('^'),
            Piece::End => source.push('$'),
            Piece::Literal(literal) => source.push_str(&regex_syntax::escape(literal)),
            Piece::Placeholder { name, shape } => {
                let kind = if let Shape::Kind(kind) = shape { Some(*kind) } else { None };
                source.push_str(shape.regex());
                for _ in 0..shape.groups() {
                    groups += 1;
                    if kind.is_some() || !name.is_empty() {
                        slots.push(Slot { group: groups, name: name.clone(), kind });
                    }
                }
            }
        }
    }
    (source, slots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "0679010f-c12e-4d7d-a1f6-9c887eb0e4f8";

    /// What the pattern captures in the text; `$A` stands for a UUID.
    #[track_caller]
    fn check(template: &str, text: &str, expected: Option<&[(&str, &str)]>) {
        let found = Pattern::template(template).unwrap().find(&text.replace("$A", A));
        let found = found.map(|found| found.captures);
        let short = |(name, text): &(String, String)| (name.clone(), text.replace(A, "$A"));
        let found: Option<Vec<_>> = found.map(|captures| captures.iter().map(short).collect());
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        assert_eq!(
            found,
            expected.map(|captures| captures.iter().map(owned).collect()),
            "{template} in {text}"
        );
    }

    #[test]
    fn templates_match_as_they_look() {
        check(
            "on network {net:network}.",
            "No more IP addresses available on network $A.",
            Some(&[("net", "$A")]),
        );
        check("on network {net:network}.", "on network public-1.", Some(&[("net", "public-1")]));
        check("on network {net:network}", "on network public-1.", Some(&[("net", "public-1")]));
        check("request id {id:request}", "used request id req-$A", Some(&[("id", "$A")]));
        check("volume {v:volume}", "volume volume-$A", Some(&[("v", "volume-$A")]));
        check("{n:int} of {total:num} MB", "at -3 of 2.5e3 MB", Some(&[("n", "-3"), ("total", "2.5e3")]));
        check("a {{b}} {c}", "a {b} all the rest", Some(&[("c", "all the rest")]));
        check("from {a} to {b:word} on", "from x to y to z on", Some(&[("a", "x to y"), ("b", "z")]));
        check("{q:quoted} is down", "host \"c 1\" is down", Some(&[("q", "c 1")]));
        check("{q:quoted} is down", "host 'c 1' is down", Some(&[("q", "c 1")]));
        check("{c:class}: boom", "nova.exception.Boom: boom", Some(&[("c", "nova.exception.Boom")]));
        check(
            "{h:host}:{p:int}",
            "to ctl-1.example.org:5672",
            Some(&[("h", "ctl-1.example.org"), ("p", "5672")]),
        );
        check("at {u:url} gave", "at http://[::1]:80/v2?a=b gave", Some(&[("u", "http://[::1]:80/v2?a=b")]));
        check("{i:ip} and {j:ip}!", "10.0.0.1 and fe80::1!", Some(&[("i", "10.0.0.1"), ("j", "fe80::1")]));
        check("mac {m:mac}", "mac FA:16:3e:c1:2b:a3", Some(&[("m", "FA:16:3e:c1:2b:a3")]));
        check("^only {x:word}$", "only this", Some(&[("x", "this")]));
        check("^only {x:word}$", "not only this", None);
        check("^only {x:word}$", "only this one", None);
        check("{:word} twice {}", "no names twice here", Some(&[]));
        check("a.b*c", "axbbc", None);
    }

    #[test]
    fn placeholders_of_kinds_name_ids() {
        let ids = |pattern: &Pattern, text: &str| {
            let found = pattern.find(&text.replace("$A", A)).unwrap();
            found
                .ids
                .into_iter()
                .map(|(name, mention)| format!("{name}={:?}:{}", mention.kind, mention.id))
                .collect::<Vec<_>>()
        };
        let template = Pattern::template("port {port:port} of {instance:instance} by {x:user}").unwrap();
        assert_eq!(
            ids(&template, "port $A of instance-0000009f by admin"),
            [format!("port=Port:{A}"), "instance=Instance:instance-0000009f".to_owned()]
        );
        let regex = Pattern::regex("(?P<volume>volume-[0-9a-f-]+) (is|was) gone").unwrap();
        assert_eq!(ids(&regex, "volume-$A was gone"), [format!("volume=Volume:{A}")]);
        assert_eq!(regex.literals, ["volume-"]);
    }

    #[test]
    fn the_literal_of_a_regex_is_required_text() {
        let check = |regex: &str, literals: &[&str]| {
            assert_eq!(Pattern::regex(regex).unwrap().literals, literals, "{regex}");
        };
        check("disk (?:full|gone) on device", &[" on device"]);
        check("(?i)any case", &[" "]);
        check("(optional)? yes", &[" yes"]);
        check("(several)+ times", &["several"]);
        check("^(creating|updating) x", &["creating", "updating"]);
        check("(creating|[0-9]+) x", &[" x"]);
        check("creating|[0-9]+", &[]);
    }

    /// A template, and a text that it was rendered to.
    fn rendered() -> impl Strategy<Value = (String, String)> {
        let sample = |shape: &str| match shape {
            "uuid" | "id" | "instance" => A,
            "hex" => "5d5c8d9d3c4b4b0f9a5f6a0b9c8d7e6f",
            "int" => "42",
            "num" => "4.2",
            "ip" => "10.0.0.1",
            "mac" => "fa:16:3e:c1:2b:a3",
            "url" => "http://controller:9696/v2.0",
            "quoted" => "'some text'",
            _ => "word",
        };
        let piece = prop_oneof![
            "[ -~é]{1,8}".prop_map(|literal| {
                let template = literal.replace('{', "{{").replace('}', "}}");
                (template, literal)
            }),
            prop::sample::select(
                Shape::NAMES
                    .map(|(name, _)| name)
                    .into_iter()
                    .chain(["instance", "port"])
                    .collect::<Vec<_>>()
            )
            .prop_map(move |shape| (format!("{{x:{shape}}}"), sample(shape).to_owned()))
        ];
        prop::collection::vec(piece, 1..6)
            .prop_map(|pieces| pieces.into_iter().unzip::<_, _, Vec<_>, Vec<_>>())
            .prop_map(
                // A separator keeps two placeholders apart, and `^` and `$` from the ends.
                |(templates, texts)| {
                    (format!("| {} |", templates.join(" | ")), format!("| {} |", texts.join(" | ")))
                },
            )
    }

    proptest! {
        #[test]
        fn a_rendered_template_matches_itself((template, text) in rendered()) {
            let pattern = Pattern::template(&template).unwrap();
            prop_assert!(pattern.may_match(&text));
            prop_assert!(pattern.find(&text).is_some_and(|found| found.at == 0), "{} in {}", template, text);
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,60}", line in ".{0,60}") {
            for pattern in [Pattern::template(&text), Pattern::regex(&text)].into_iter().flatten() {
                let found = pattern.find(&line);
                prop_assert!(found.is_none() || pattern.may_match(&line));
            }
        }

        #[test]
        fn no_template_of_odd_pieces_panics(text in "[{}:^$a-c \\\\\\[(é|]{0,24}", line in "[{}:a-c \\\\é|]{0,24}") {
            if let Ok(pattern) = Pattern::template(&text) {
                prop_assert!(pattern.defect().is_none());
                prop_assert!(pattern.find(&line).is_none_or(|found| line.is_char_boundary(found.at)));
            }
        }
    }
}
