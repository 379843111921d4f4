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
    /// The longest text that stands in whatever this pattern matches; empty when there is none.
    pub(crate) literal: String,
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
            Piece::Literal(literal) => Some(literal.as_str()),
            _ => None,
        });
        let literal = longest(literals);
        Ok(Self {
            text: text.to_owned(),
            literal,
            source: Source::Template(pieces),
            compiled: OnceLock::new(),
        })
    }

    pub(crate) fn regex(text: &str) -> Result<Self, String> {
        let parsed = regex_syntax::Parser::new().parse(text).map_err(|error| one_line(&error.to_string()))?;
        let mut literals = Vec::new();
        required_literals(&parsed, &mut literals);
        let literal = longest(literals.iter().map(String::as_str));
        Ok(Self { text: text.to_owned(), literal, source: Source::Regex, compiled: OnceLock::new() })
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
        text.contains(&self.literal) && self.compiled().is_some_and(|compiled| compiled.regex.is_match(text))
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

fn longest<'a>(literals: impl Iterator<Item = &'a str>) -> String {
    literals.max_by_key(|literal| literal.len()).unwrap_or_default().to_owned()
}

fn one_line(text: &str) -> String {
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(text);
    last.trim().trim_start_matches("error: ").to_owned()
}

/// Texts that stand in every match of the expression.
fn required_literals(hir: &Hir, literals: &mut Vec<String>) {
    match hir.kind() {
        HirKind::Literal(literal) => literals.extend(String::from_utf8(literal.0.to_vec())),
        HirKind::Capture(capture) => required_literals(&capture.sub, literals),
        HirKind::Concat(parts) => parts.iter().for_each(|part| required_literals(part, literals)),
        HirKind::Repetition(repeated) if repeated.min > 0 => required_literals(&repeated.sub, literals),
        _ => {}
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
    while let Some(found) = rest.find(['{', '}']) {
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
