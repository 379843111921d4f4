//! Access lines: which call is which action.

use std::collections::{BTreeSet, HashSet};

use model::{Exchange, Id, IdKind, Mention};
use serde::Deserialize;

use super::files::{Entered, FilterError, Keyed, Place};

/// A call to an API.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ActionEntry {
    /// `POST /v2.1/servers`: the tail of the path; `{}` is any part, `{instance}` an id of that kind, `*` any letters.
    calls: Vec<String>,
    disabled: bool,
    name: String,
    service: String,
    /// It only looks.
    read: bool,
    internal: bool,
}

/// A daemon that users talk to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FrontEndEntry {
    daemon: String,
    disabled: bool,
}

impl Keyed for ActionEntry {
    const SORT: &'static str = "action";

    fn key(&self) -> String {
        self.calls.join(", ")
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

impl Keyed for FrontEndEntry {
    const SORT: &'static str = "front_end";

    fn key(&self) -> String {
        self.daemon.clone()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

/// What somebody asked an API for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// `boot`, `delete server`, `create port`
    pub name: String,
    /// Whose API it is.
    pub service: String,
    /// It changes nothing.
    pub read: bool,
    /// Services call it among themselves; no user asks for it.
    pub internal: bool,
    /// The ids in the path.
    pub mentions: Vec<Mention>,
}

#[derive(Debug)]
pub(super) struct Access {
    calls: Vec<Call>,
    /// How the calls begin that change something: the method and the start of a path or a URL.
    openings: BTreeSet<String>,
    front_ends: HashSet<String>,
}

#[derive(Debug)]
struct Call {
    method: String,
    segments: Vec<Segment>,
    name: String,
    service: String,
    read: bool,
    internal: bool,
}

#[derive(Debug)]
enum Segment {
    Text(String),
    /// `v2*`
    Glob(String, String),
    Id(IdKind),
    Any,
}

/// A proxy may put this many parts before the path that a service knows: `/compute`.
const EXTRA_SEGMENTS: usize = 3;

impl Access {
    pub(super) fn new(
        actions: Entered<ActionEntry>,
        front_ends: Entered<FrontEndEntry>,
    ) -> Result<Self, FilterError> {
        let mut calls = Vec::new();
        for (place, action) in actions {
            for call in &action.calls {
                calls.push(Call::new(&place, call, &action)?);
            }
        }
        let changes = calls.iter().filter(|call| !call.read && !call.internal);
        let openings =
            changes.flat_map(|call| ["/", "http"].map(|target| format!("{} {target}", call.method)));
        Ok(Self {
            openings: openings.collect(),
            calls,
            front_ends: front_ends.into_iter().map(|(_, entry)| entry.daemon).collect(),
        })
    }

    /// By the first call whose template the path ends with.
    pub(super) fn action(&self, exchange: &Exchange) -> Option<Action> {
        let segments = segments_of(&exchange.target);
        let of_method = self.calls.iter().filter(|call| call.method.eq_ignore_ascii_case(&exchange.method));
        of_method.into_iter().find_map(|call| call.fits(&segments))
    }

    /// How the requests begin with which a user asks for a change: `POST /`.
    pub(super) fn telling_literals(&self) -> impl Iterator<Item = &str> {
        self.openings.iter().map(String::as_str)
    }

    pub(super) fn front_end(&self, daemon: &str) -> bool {
        self.front_ends.contains(daemon)
    }
}

impl Call {
    fn new(place: &Place, call: &str, action: &ActionEntry) -> Result<Self, FilterError> {
        let Some((method, path)) = call.split_once(" /") else {
            return Err(place.broken(format!("`{call}` is no call: write `POST /path`")));
        };
        let segments = path.split('/').map(Segment::parse).collect::<Result<_, _>>();
        Ok(Self {
            method: method.to_owned(),
            segments: segments.map_err(|what| place.broken(format!("`{call}`: {what}")))?,
            name: action.name.clone(),
            service: action.service.clone(),
            read: action.read,
            internal: action.internal,
        })
    }

    fn fits(&self, segments: &[&str]) -> Option<Action> {
        let extra =
            segments.len().checked_sub(self.segments.len()).filter(|extra| *extra <= EXTRA_SEGMENTS)?;
        let pairs = || self.segments.iter().zip(segments.iter().skip(extra));
        if !pairs().all(|(segment, text)| segment.fits(text)) {
            return None;
        }
        let mentions = pairs().filter_map(|(segment, text)| match segment {
            Segment::Id(kind) => Id::parse(text).map(|id| Mention { kind: *kind, id }),
            _ => None,
        });
        let mentions = mentions.collect();
        Some(Action {
            name: self.name.clone(),
            service: self.service.clone(),
            read: self.read,
            internal: self.internal,
            mentions,
        })
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(inside) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return Ok(match text.split_once('*') {
                Some((before, after)) => Self::Glob(before.to_owned(), after.to_owned()),
                None => Self::Text(text.to_owned()),
            });
        };
        match IdKind::parse(inside) {
            Some(kind) => Ok(Self::Id(kind)),
            None if inside.is_empty() => Ok(Self::Any),
            None => Err(format!("there is no kind of id `{inside}`")),
        }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == text,
            Self::Glob(before, after) => {
                text.strip_prefix(before.as_str()).is_some_and(|rest| rest.ends_with(after.as_str()))
            }
            // Users may name a flavor, an image, a server by its name.
            Self::Id(_) | Self::Any => !text.is_empty(),
        }
    }
}

/// The parts of the path of a URL, without scheme, host, query and `.json`.
fn segments_of(target: &str) -> Vec<&str> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let path =
        path.split_once("://").map_or(path, |(_, after)| after.split_once('/').map_or("", |(_, path)| path));
    let path = path.trim_matches('/');
    path.strip_suffix(".json").unwrap_or(path).split('/').collect()
}

#[cfg(test)]
mod tests {
    use super::super::Knowledge;
    use super::*;

    #[track_caller]
    fn check(request: &str, expected: Option<(&str, &str, &[&str])>) {
        let (method, target) = request.split_once(' ').unwrap();
        let (method, target) = (method.to_owned(), target.to_owned());
        let action = Knowledge::embedded().action(&Exchange { method, target, ..Exchange::default() });
        let found = action.map(|action| {
            let ids: Vec<_> = action.mentions.iter().map(|mention| mention.kind.name()).collect();
            (action.name, action.service, ids)
        });
        let found =
            found.as_ref().map(|(name, service, ids)| (name.as_str(), service.as_str(), ids.as_slice()));
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn calls_become_actions() {
        const ID: &str = "4f3ab2c1-6a6c-4c1d-9f9f-b5c2d8f3b7a1";
        const PROJECT: &str = "5d5c8d9d3c4b4b0f9a5f6a0b9c8d7e6f";
        check("POST /v2.1/servers", Some(("boot", "nova", &[])));
        check(&format!("POST /v2.1/{PROJECT}/servers"), Some(("boot", "nova", &[])));
        check(
            &format!("POST /compute/v2.1/servers/{ID}/action"),
            Some(("server action", "nova", &["instance"])),
        );
        check(
            &format!("DELETE http://controller:8774/v2.1/servers/{ID}"),
            Some(("delete server", "nova", &["instance"])),
        );
        check(&format!("GET /v2.0/ports?device_id={ID}"), Some(("show port", "neutron", &[])));
        check("POST /v2.0/ports.json", Some(("create port", "neutron", &[])));
        check(&format!("POST /v3/{PROJECT}/volumes"), Some(("create volume", "cinder", &[])));
        check(
            &format!("POST /v3/{PROJECT}/attachments/{ID}/action"),
            Some(("complete attachment", "cinder", &["attachment"])),
        );
        check(
            &format!("PUT /placement/allocations/{ID}"),
            Some(("claim allocations", "placement", &["instance"])),
        );
        check("POST /identity/v3/auth/tokens", Some(("issue token", "keystone", &[])));
        check(&format!("GET /v2/images/{ID}/file"), Some(("download image", "glance", &["image"])));
        check(&format!("POST /v1/{PROJECT}/stacks"), Some(("create stack", "heat", &[])));
        check("GET /healthcheck", None);
        check("OPTIONS *", None);
        check("GET ", None);
    }

    #[test]
    fn users_talk_to_front_ends_only() {
        let knowledge = Knowledge::embedded();
        assert!(knowledge.front_end("nova-api"));
        assert!(!knowledge.front_end("nova-compute"));
    }
}
