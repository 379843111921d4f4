//! The recorded cloud, cut into lines with holes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::clock;
use super::ownership::{self, Owner};
use super::scan::{Hole, IdIndex, Ids, Kind, find_holes};

/// Before 03:18 the daemons start and the cloud is set up: what stands only there happens once.
pub(super) const LIVE: i32 = 3 * 3_600 + 18 * 60;

/// When the recording was cut.
pub(super) const END: i32 = 4 * 3_600 + 35;

#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) text: Vec<u8>,
    pub(super) holes: Vec<Hole>,
    pub(super) ids: Ids,
    pub(super) files: Vec<LogFile>,
    pub(super) notifications: Vec<Line>,
    pub(super) cases: Vec<Case>,
}

#[derive(Debug)]
pub(super) struct LogFile {
    /// Below the output folder, with holes for the host and the instance.
    pub(super) path: Line,
    pub(super) lines: Vec<Line>,
}

/// Ranges of the recording's text and holes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) text: (u32, u32),
    pub(super) holes: (u32, u32),
    /// Of the event's head, for continuation lines too.
    pub(super) second: i32,
    pub(super) milliseconds: u16,
    pub(super) owner: Owner,
    /// A case's truth names it.
    pub(super) explains: bool,
}

/// A request whose truth is known.
#[derive(Debug)]
pub(super) struct Case {
    /// As it stands in `cases.jsonl`.
    pub(super) line: Line,
    pub(super) ended: i32,
    pub(super) failed: bool,
    /// What the call was about, first its own id.
    pub(super) ids: Vec<IdIndex>,
    /// The line that explains it.
    pub(super) root_cause: Option<Place>,
    /// Lines that are as good.
    pub(super) also: Vec<Place>,
}

/// A recorded line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) file: usize,
    /// 0-based.
    pub(super) line: usize,
}

#[derive(Debug, Deserialize)]
struct RecordedCase {
    request_id: String,
    instance_uuid: Option<String>,
    resource: Option<HashMap<String, String>>,
    started_at: String,
    ended_at: String,
    root_cause: Option<RecordedCause>,
    root_cause_class: String,
}

#[derive(Debug, Deserialize)]
struct RecordedCause {
    file: String,
    line: usize,
    #[serde(default)]
    also: Vec<String>,
}

impl Recording {
    /// Reads an unpacked recording.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut recording = Self::default();
        let mut paths = Vec::new();
        collect_logs(&folder.join("logs"), &mut paths)?;
        paths.sort();
        let mut places = HashMap::new();
        for path in &paths {
            let name = path.strip_prefix(folder)?.to_str().context("a path that is no text")?.to_owned();
            places.insert(name.clone(), recording.files.len());
            let lines = recording.add_lines(&read(path)?);
            let path = recording.add_line(name.as_bytes());
            recording.files.push(LogFile { path, lines });
        }
        recording.notifications = recording.add_lines(&read(&folder.join("notifications.jsonl"))?);
        for line in String::from_utf8(read(&folder.join("cases.jsonl"))?)?.lines() {
            let case = recording.add_case(line, &places).with_context(|| format!("in the case `{line}`"))?;
            for place in case.root_cause.iter().chain(&case.also) {
                let line = recording.files[place.file].lines.get_mut(place.line);
                line.context("a case names a line behind the end of its file")?.explains = true;
            }
            recording.cases.push(case);
        }
        let Self { ids, holes, .. } = &mut recording;
        ids.resolve_prefixes(holes);
        recording.mark_lasting_ids();
        ownership::assign(&mut recording);
        Ok(recording)
    }

    pub(super) fn text_of(&self, line: &Line) -> &[u8] {
        &self.text[line.text.0 as usize..line.text.1 as usize]
    }

    pub(super) fn holes_of(&self, line: &Line) -> &[Hole] {
        &self.holes[line.holes.0 as usize..line.holes.1 as usize]
    }

    /// The time with which an event begins, or that its format puts behind a bracket.
    pub(super) fn time_of(&self, line: &Line) -> Option<(i32, u16)> {
        let text = self.text_of(line);
        let (hole, second) = self.holes_of(line).iter().find_map(|hole| match hole.kind {
            Kind::Time(_, second) => Some((hole, second)),
            _ => None,
        })?;
        let at_start = hole.at == line.text.0 || matches!(text.first(), Some(b'[' | b'*' | b'#' | b'{'));
        let fraction = &self.text[hole.at as usize + usize::from(hole.length)..line.text.1 as usize];
        let milliseconds = match fraction {
            [b'.' | b',', a, b, c, ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => {
                [a, b, c].iter().fold(0, |value, digit| value * 10 + u16::from(**digit - b'0'))
            }
            // What is told to the second is usually told when it is done.
            _ => 999,
        };
        at_start.then_some((second, milliseconds))
    }

    /// Whether the id in this hole is that of a request.
    pub(super) fn is_request(&self, hole: &Hole) -> bool {
        matches!(hole.kind, Kind::Uuid(_)) && self.text[..hole.at as usize].ends_with(b"req-")
    }

    fn add_lines(&mut self, content: &[u8]) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for text in content.split_inclusive(|byte| *byte == b'\n') {
            let mut line = self.add_line(text);
            if let Some((second, milliseconds)) = self.time_of(&line) {
                (line.second, line.milliseconds) = (second, milliseconds);
            } else if let Some(head) = lines.last() {
                (line.second, line.milliseconds) = (head.second, head.milliseconds);
            }
            lines.push(line);
        }
        // Files that begin with lines without a time.
        let first = lines.iter().find(|line| line.second > i32::MIN).map_or(0, |line| line.second);
        lines.iter_mut().filter(|line| line.second == i32::MIN).for_each(|line| line.second = first);
        lines
    }

    fn add_line(&mut self, text: &[u8]) -> Line {
        let before = (self.text.len(), self.holes.len());
        self.text.extend_from_slice(text);
        find_holes(text, before.0, &mut self.ids, &mut self.holes);
        let position = |value: usize| u32::try_from(value).expect("the recording is below 4 GB");
        Line {
            text: (position(before.0), position(self.text.len())),
            holes: (position(before.1), position(self.holes.len())),
            second: i32::MIN,
            milliseconds: 0,
            owner: Owner::default(),
            explains: false,
        }
    }

    fn add_case(&mut self, text: &str, places: &HashMap<String, usize>) -> Result<Case> {
        let recorded: RecordedCase = serde_json::from_str(text)?;
        let place = |file: &str, line: usize| {
            let file = *places.get(file).with_context(|| format!("there is no `{file}`"))?;
            anyhow::Ok(Place { file, line: line.checked_sub(1).context("lines count from 1")? })
        };
        let also = recorded.root_cause.iter().flat_map(|cause| &cause.also).map(|text| {
            let (file, line) = text.rsplit_once(':').context("a place without a line")?;
            place(file, line.parse()?)
        });
        let also: Vec<Place> = also.collect::<Result<_>>()?;
        let root_cause =
            recorded.root_cause.as_ref().map(|cause| place(&cause.file, cause.line)).transpose()?;
        let mut line = self.add_line(text.as_bytes());
        line.second = second_of(&recorded.started_at)?;
        let names = [Some(&recorded.request_id), recorded.instance_uuid.as_ref()];
        let names = names.into_iter().flatten().chain(recorded.resource.iter().flat_map(HashMap::values));
        Ok(Case {
            line,
            ended: second_of(&recorded.ended_at)?,
            failed: recorded.root_cause_class != "none",
            ids: names.filter_map(|name| self.id_named(name)).collect(),
            root_cause,
            also,
        })
    }

    fn id_named(&mut self, name: &str) -> Option<IdIndex> {
        let mut holes = Vec::new();
        find_holes(name.as_bytes(), 0, &mut self.ids, &mut holes);
        holes.iter().find_map(|hole| hole.kind.id())
    }

    fn mark_lasting_ids(&mut self) {
        let mut lasting = Vec::new();
        for line in self.files.iter().flat_map(|file| &file.lines).chain(&self.notifications) {
            let holes = self.holes_of(line);
            if line.second < LIVE {
                lasting.extend(holes.iter().filter_map(|hole| hole.kind.id()));
            }
            for (index, hole) in holes.iter().enumerate().filter(|(_, hole)| self.is_request(hole)) {
                lasting.extend(self.users_after(hole, &holes[index + 1..]));
            }
        }
        for id in lasting {
            self.ids.all[id as usize].lasting = true;
        }
    }

    /// The user and the project that follow a request's id in a line's context.
    fn users_after(&self, request: &Hole, following: &[Hole]) -> impl Iterator<Item = IdIndex> {
        let mut end = request.at + u32::from(request.length);
        following.iter().take(2).map_while(move |hole| {
            let Kind::Hex(id) = hole.kind else { return None };
            let follows = self.text[end as usize..hole.at as usize] == *b" ";
            end = hole.at + u32::from(hole.length);
            follows.then_some(id)
        })
    }
}

impl Kind {
    /// The id that stands here, whole.
    pub(super) fn id(self) -> Option<IdIndex> {
        match self {
            Self::Uuid(id) | Self::Hex(id) | Self::Prefix(id) => Some(id),
            _ => None,
        }
    }
}

fn second_of(text: &str) -> Result<i32> {
    clock::read(text.as_bytes()).map(|(_, second, _)| second).with_context(|| format!("no time: `{text}`"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut content = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    Ok(content)
}

fn collect_logs(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("failed to list `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect_logs(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
