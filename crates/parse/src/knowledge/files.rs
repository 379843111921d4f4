//! Filter files: where they come from, what may stand in them, and which entry wins.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::FieldNames;
use rustc_hash::FxHashMap;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use toml::Spanned;

use super::{access, daemons, ids, shipped, signatures};
use crate::format::payload::Vocabulary;

/// The program's own files, by their names: `build.rs` read them.
static BUILT_IN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/filters.msgpack"));
/// The same with the samples of their entries.
static WHOLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/whole.msgpack"));

/// The words of notifications.
const NOTIFICATIONS: &str = "notifications.toml";
/// The fields of shippers' records.
const DOORS: &str = "doors.toml";

/// Why the knowledge in `filters/` or in a site's own folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    #[error("failed to read the filters in `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{file}:{line}: {what}")]
    Broken { file: String, line: usize, what: String },
}

/// A filter file as it is written. Every file may hold every kind of entry; the folders only keep order.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FilterFile {
    signature: Vec<Placed<signatures::Entry>>,
    service: Vec<Placed<daemons::ServiceEntry>>,
    daemon: Vec<Placed<daemons::DaemonEntry>>,
    layout: Vec<Placed<daemons::LayoutEntry>>,
    folder: Vec<Placed<daemons::FolderEntry>>,
    keyword: Vec<Placed<ids::KeywordEntry>>,
    url: Vec<Placed<ids::UrlEntry>>,
    message: Vec<Placed<ids::MessageEntry>>,
    action: Vec<Placed<access::ActionEntry>>,
    front_end: Vec<Placed<access::FrontEndEntry>>,
}

/// Everything that all files say, each entry once.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) signatures: Entered<signatures::Entry>,
    pub(super) services: Entered<daemons::ServiceEntry>,
    pub(super) daemons: Entered<daemons::DaemonEntry>,
    pub(super) layouts: Entered<daemons::LayoutEntry>,
    pub(super) folders: Entered<daemons::FolderEntry>,
    pub(super) keywords: Entered<ids::KeywordEntry>,
    pub(super) urls: Entered<ids::UrlEntry>,
    pub(super) messages: Entered<ids::MessageEntry>,
    pub(super) actions: Entered<access::ActionEntry>,
    pub(super) front_ends: Entered<access::FrontEndEntry>,
    /// Entries that stand twice in one folder, with what they are called.
    pub(super) repeated: Vec<(Place, String)>,
}

/// What tells an entry from others of its sort. A site's entry replaces the embedded one of the same key.
pub(super) trait Keyed {
    /// What the file calls this sort of entry.
    const SORT: &'static str;
    fn key(&self) -> String;
    fn disabled(&self) -> bool;
}

/// Where an entry stands.
#[derive(Clone)]
pub(super) struct Place {
    file: Arc<str>,
    line: usize,
}

/// An entry as it was read.
#[derive(Debug)]
struct Placed<T> {
    at: At,
    entry: T,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// In the text of a file.
    Offset(usize),
    /// In one that was built in.
    Line(usize),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            let entry = Spanned::<T>::deserialize(from)?;
            return Ok(Self { at: At::Offset(entry.span().start), entry: entry.into_inner() });
        }
        let (line, entry) = Deserialize::deserialize(from)?;
        Ok(Self { at: At::Line(line), entry })
    }
}

impl Place {
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) const fn line(&self) -> usize {
        self.line
    }

    pub(super) fn broken(&self, what: impl Into<String>) -> FilterError {
        FilterError::Broken { file: self.file().to_owned(), line: self.line(), what: what.into() }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file(), self.line())
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Entries in the order of the files; a replaced one keeps its place.
#[derive(Debug)]
pub(super) struct Entered<T> {
    entries: Vec<Option<(Place, T)>>,
    /// Index and layer by key.
    by_key: FxHashMap<String, (usize, usize)>,
}

impl<T> Default for Entered<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), by_key: FxHashMap::default() }
    }
}

impl<T> IntoIterator for Entered<T> {
    type Item = (Place, T);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Option<(Place, T)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter().flatten()
    }
}

impl<T: Keyed> Entered<T> {
    fn add(&mut self, layer: usize, place: Place, entry: T, repeated: &mut Vec<(Place, String)>) {
        let key = entry.key();
        let next = self.entries.len();
        let (index, earlier) = *self.by_key.get(&key).unwrap_or(&(next, usize::MAX));
        if earlier == layer {
            repeated.push((place.clone(), format!("{} `{key}`", T::SORT)));
        }
        let entry = (!entry.disabled()).then_some((place, entry));
        match self.entries.get_mut(index) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
        self.by_key.insert(key, (index, layer));
    }
}

impl Entries {
    /// The embedded files, without their samples, then those of `overlay`.
    pub(super) fn read(overlay: Option<&Path>) -> Result<Self, FilterError> {
        Self::over(BUILT_IN, overlay)
    }

    pub(super) fn read_whole(overlay: Option<&Path>) -> Result<Self, FilterError> {
        Self::over(WHOLE, overlay)
    }

    fn over(built_in: &[u8], overlay: Option<&Path>) -> Result<Self, FilterError> {
        let mut entries = Self::default();
        for (name, file) in files_of(built_in) {
            entries.add_all(0, &name, file, "");
        }
        if let Some(folder) = overlay {
            for path in toml_files(folder)? {
                let text = fs::read_to_string(&path)
                    .map_err(|source| FilterError::Read { path: path.clone(), source })?;
                entries.add_text(1, &path.display().to_string(), &text)?;
            }
        }
        Ok(entries)
    }

    /// One file and nothing else.
    pub(super) fn of_text(name: &str, text: &str) -> Result<Self, FilterError> {
        let mut entries = Self::default();
        entries.add_text(0, name, text)?;
        Ok(entries)
    }

    fn add_text(&mut self, layer: usize, name: &str, text: &str) -> Result<(), FilterError> {
        self.add_all(layer, name, parse(name, text)?, text);
        Ok(())
    }

    fn add_all(&mut self, layer: usize, name: &str, file: FilterFile, text: &str) {
        let at = |at: At| match at {
            At::Offset(offset) => line_at(text, offset),
            At::Line(line) => line,
        };
        let at = (Arc::from(name), &at as &dyn Fn(At) -> usize);
        let repeated = &mut self.repeated;
        add_all(&mut self.signatures, layer, &at, file.signature, repeated);
        add_all(&mut self.services, layer, &at, file.service, repeated);
        add_all(&mut self.daemons, layer, &at, file.daemon, repeated);
        add_all(&mut self.layouts, layer, &at, file.layout, repeated);
        add_all(&mut self.folders, layer, &at, file.folder, repeated);
        add_all(&mut self.keywords, layer, &at, file.keyword, repeated);
        add_all(&mut self.urls, layer, &at, file.url, repeated);
        add_all(&mut self.messages, layer, &at, file.message, repeated);
        add_all(&mut self.actions, layer, &at, file.action, repeated);
        add_all(&mut self.front_ends, layer, &at, file.front_end, repeated);
    }
}

/// What the words in notifications mean. They stand in a file of another shape than the rest.
pub(super) fn vocabulary(overlay: Option<&Path>) -> Result<Vocabulary, FilterError> {
    let built_in = Vocabulary::built_in().clone();
    let own = read_own(overlay, NOTIFICATIONS)?;
    Ok(own.into_iter().fold(built_in, Vocabulary::overlaid))
}

/// What the fields mean that shippers send; in a file of its own as well.
pub(super) fn field_names(overlay: Option<&Path>) -> Result<FieldNames, FilterError> {
    let built_in = shipped::built_in().clone();
    let own = read_own(overlay, DOORS)?;
    Ok(own.into_iter().fold(built_in, shipped::overlaid))
}

/// A file that a site may have.
fn read_own<T: DeserializeOwned>(overlay: Option<&Path>, name: &str) -> Result<Option<T>, FilterError> {
    let Some(path) = overlay.map(|folder| folder.join(name)) else { return Ok(None) };
    match fs::read_to_string(&path) {
        Ok(text) => parse(&path.display().to_string(), &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FilterError::Read { path, source }),
    }
}

fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, FilterError> {
    toml::from_str(text).map_err(|error| {
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        FilterError::Broken { file: name.to_owned(), line, what: error.message().trim().replace('\n', "; ") }
    })
}

fn add_all<T: Keyed>(
    entered: &mut Entered<T>,
    layer: usize,
    (file, line): &(Arc<str>, &dyn Fn(At) -> usize),
    entries: Vec<Placed<T>>,
    repeated: &mut Vec<(Place, String)>,
) {
    for Placed { at, entry } in entries {
        entered.add(layer, Place { file: Arc::clone(file), line: line(at) }, entry, repeated);
    }
}

/// In the order of their paths.
fn files_of(built_in: &[u8]) -> BTreeMap<String, FilterFile> {
    rmp_serde::from_slice(built_in).expect("a test reads the built-in files")
}

/// All `.toml` files below a folder, in the order of their paths.
fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, FilterError> {
    let failed = |source| FilterError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            files.extend(toml_files(&path)?);
        } else if holds_entries(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn holds_entries(path: &Path) -> bool {
    let of_another_shape = path.ends_with(NOTIFICATIONS) || path.ends_with(DOORS);
    path.extension().is_some_and(|extension| extension == "toml") && !of_another_shape
}

#[cfg(test)]
mod tests {
    use super::super::Knowledge;
    use super::*;

    /// The message, of which `text:` is the file.
    #[track_caller]
    fn check_broken(text: &str, expected: &str) {
        let error = Knowledge::of_text(text).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn broken_filters_say_where_and_what() {
        check_broken("\n[[signature]]\nslug = \"a\"\npaterns = []", "text:4: unknown field `paterns`");
        check_broken("[[signatur]]\nslug = \"a\"", "text:1: unknown field `signatur`");
        check_broken("[[signature]]\nslug = 7", "text:2: invalid type: integer `7`");
        check_broken("[[signature]]\nslug = \"a", "text:2: invalid basic string");
        check_broken("\n\n[[signature]]\npatterns = [\"x\"]", "text:3: the signature has no slug");
        check_broken("[[signature]]\nslug = \"a\"", "text:1: signature `a` has neither patterns nor regex");
        let of_pattern =
            |key: &str, pattern: &str| format!("[[signature]]\nslug = \"a\"\n{key} = ['{pattern}']");
        check_broken(
            &of_pattern("patterns", "{\"a\": 1}"),
            "text:1: signature `a`: `{\"a\": 1}` is no placeholder",
        );
        check_broken(
            &of_pattern("patterns", "a {b:wrod}"),
            "text:1: signature `a`: `{b:wrod}`: there is no type `wrod`",
        );
        check_broken(&of_pattern("patterns", "a }"), "text:1: signature `a`: a brace stands alone");
        check_broken(&of_pattern("patterns", "^$"), "text:1: signature `a`: the pattern is empty");
        check_broken(&of_pattern("regex", "a("), "text:1: signature `a`: unclosed group");
        check_broken(
            "[[signature]]\nslug = \"a\"\npatterns = ['x']\nlevel = 'LOUD'",
            "text:1: signature `a`: `LOUD` is no level",
        );
        check_broken(
            "[[signature]]\nslug = \"a\"\npatterns = ['x']\nrole = 'csuse'",
            "text:4: unknown variant `csuse`",
        );
        check_broken(
            "[[daemon]]\nname = 'a'\nservice = 'b'",
            "text:1: daemon `a`: there is no [[service]] named `b`",
        );
        check_broken("[[keyword]]\nwords = ['a']\nkind = 'b'", "text:1: there is no kind `b`");
        check_broken("[[action]]\ncalls = ['POST']", "text:1: `POST` is no call");
        check_broken("[[layout]]\npath = '{hots}'", "text:1: layout: `{hots}`");
    }

    #[test]
    fn a_sites_folder_replaces_adds_and_removes() {
        let folder = std::env::temp_dir().join(format!("filters-overlay-{}", std::process::id()));
        fs::create_dir_all(folder.join("signatures")).unwrap();
        let own = "[[signature]]\nslug = 'site.one'\ntitle = 'one'\npatterns = ['the site broke']\n\
                   [[keyword]]\nwords = ['gizmo']\nkind = 'volume'\n[[front_end]]\ndaemon = 'nova-api'\ndisabled = true";
        fs::write(folder.join("signatures/own.toml"), own).unwrap();
        let knowledge = Knowledge::load(Some(&folder)).unwrap();
        assert!(knowledge.signatures().any(|signature| signature.slug == "site.one"));
        assert!(!knowledge.front_end("nova-api"));
        assert!(knowledge.front_end("cinder-api"));
        let mut mentions = Vec::new();
        knowledge.type_mentions("gizmo 0679010f-c12e-4d7d-a1f6-9c887eb0e4f8", &mut mentions);
        assert_eq!(mentions.first().map(|mention| mention.kind), Some(model::IdKind::Volume));

        let own = "states = ['mood']\n[publishers]\ntape = 'tape-robot'\n[keys]\ntape_id = 'backup'";
        fs::write(folder.join(NOTIFICATIONS), own).unwrap();
        let knowledge = Knowledge::load(Some(&folder)).unwrap();
        let told = r#"{"publisher_id": "tape.h1", "event_type": "tape.end", "payload": {"mood": "fine", "tape_id": "0679010f-c12e-4d7d-a1f6-9c887eb0e4f8", "image_id": "0679010f-c12e-4d7d-a1f6-9c887eb0e4f9"}}"#;
        let mut line = model::Line { number: 1, text: told.as_bytes().to_vec() };
        let annotation = crate::Annotator::new(crate::Zone::UTC).annotate(&mut line);
        let event = knowledge.event(&Arc::default(), &[line], &annotation);
        let kinds: Vec<_> = event.mentions.iter().map(|mention| mention.kind).collect();
        assert_eq!((event.daemon.as_deref(), event.body.as_str()), (Some("tape-robot"), "tape.end: fine"));
        assert_eq!(kinds, [model::IdKind::Backup, model::IdKind::Image]);
        fs::write(folder.join(NOTIFICATIONS), "\n[keys]\nx = 'gizmo'").unwrap();
        let error = Knowledge::load(Some(&folder)).unwrap_err().to_string();
        assert!(error.contains("notifications.toml:2: no kind of id is called `gizmo`"), "{error}");
        fs::remove_file(folder.join(NOTIFICATIONS)).unwrap();

        fs::write(folder.join(DOORS), "hosts = ['machine']").unwrap();
        let fields = Knowledge::load(Some(&folder)).unwrap().field_names().clone();
        assert_eq!((fields.hosts, fields.paths.is_empty()), (vec!["machine".to_owned()], false));
        fs::write(folder.join(DOORS), "\nhots = ['machine']").unwrap();
        let error = Knowledge::load(Some(&folder)).unwrap_err().to_string();
        assert!(error.contains("doors.toml:2: unknown field `hots`"), "{error}");
        fs::remove_file(folder.join(DOORS)).unwrap();

        fs::write(folder.join("signatures/own.toml"), "[[signature]]\n\nslug = 1").unwrap();
        let error = Knowledge::load(Some(&folder)).unwrap_err().to_string();
        assert!(error.contains("own.toml:3: invalid type"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(Knowledge::load(Some(&folder)), Err(FilterError::Read { .. })));
    }

    #[test]
    fn the_later_entry_of_a_key_wins_and_keeps_its_place() {
        let mut entered = Entered::<ids::UrlEntry>::default();
        let mut repeated = Vec::new();
        let mut add = |layer, text: &str| {
            let place = Place { file: "f".into(), line: 1 };
            entered.add(layer, place, toml::from_str(text).unwrap(), &mut repeated);
        };
        add(0, "segments = ['a']\nkind = 'port'");
        add(0, "segments = ['b']\nkind = 'port'");
        add(0, "segments = ['c']\nkind = 'port'");
        add(1, "segments = ['a']\nkind = 'volume'");
        add(1, "segments = ['b']\ndisabled = true");
        add(1, "segments = ['b']\ndisabled = true");
        let keys: Vec<_> = entered.into_iter().map(|(_, entry)| entry.key()).collect();
        assert_eq!(keys, ["a", "c"]);
        assert_eq!(repeated.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>(), ["url `b`"]);
    }

    #[test]
    fn all_files_of_the_folder_are_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../filters");
        let on_disk = toml_files(&folder).unwrap().len();
        assert_eq!([BUILT_IN, WHOLE].map(|files| files_of(files).len()), [on_disk; 2]);
    }
}
