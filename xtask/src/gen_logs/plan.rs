//! Which parts of the recording are repeated where and when, and what fails in them.

use super::random::{Random, mix};
use super::recording::{END, LIVE, Line, Recording};

/// When something was broken for everybody, in seconds of the recording's day: these parts are repeated as a whole
/// or not at all. Between them only single requests failed.
const OUTAGES: [(i32, i32); 11] = [
    // Disks, qemu and network devices of several hosts at once.
    (at(46, 45), at(47, 55)),
    // Agents that hang.
    (at(47, 55), at(49, 0)),
    // A policy that forbids ports.
    (at(49, 0), at(49, 22)),
    // No inodes, a qemu that does not start, no network devices.
    (at(50, 22), at(50, 50)),
    (at(50, 50), at(51, 41)),
    (at(51, 41), at(51, 55)),
    // No libvirt; then no agents.
    (at(51, 55), at(52, 15)),
    (at(52, 15), at(54, 41)),
    // Neither placement nor glance.
    (at(54, 41), at(55, 30)),
    // No broker, then no conductor, then no database: each drags the next one's lines along.
    (at(55, 30), at(59, 18)),
    // No scheduler.
    (at(59, 18), at(60, 21)),
];

const fn at(minute: i32, second: i32) -> i32 {
    3 * 3_600 + minute * 60 + second
}

/// Compute hosts of the recording, and of each cell.
pub(super) const COMPUTES: u32 = 6;

#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    pub(super) bytes: u64,
    /// Of all bytes, those that are notifications.
    pub(super) notifications: f64,
    pub(super) hours: f64,
    /// Of all boots.
    pub(super) failures: f64,
    pub(super) seed: u64,
}

/// Everything that is decided before the first byte is written.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) cells: u32,
    pub(super) seconds: i64,
    /// Cell by cell, in the order of time.
    pub(super) tiles: Vec<Tile>,
    /// The share of recorded requests that keep their notifications.
    pub(super) notified: f64,
}

/// One repetition of the recording in one cell.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    pub(super) cell: u32,
    pub(super) number: u32,
    /// Of everything random in it.
    pub(super) key: u64,
    /// For each part of the recording how many seconds it is moved, if it is repeated at all.
    shifts: Vec<Option<i64>>,
    /// For each case whether it happens.
    cases: Vec<bool>,
    /// Nothing is written from this second on.
    end: i64,
}

/// The recording's parts, in order: `(from, to, outage)`.
fn parts() -> Vec<(i32, i32, bool)> {
    let mut parts = vec![(i32::MIN, LIVE, false)];
    let mut end = LIVE;
    for (from, to) in OUTAGES {
        if from > end {
            parts.push((end, from, false));
        }
        parts.push((from, to, true));
        end = to;
    }
    parts.push((end, i32::MAX, false));
    parts
}

fn in_outage(second: i32) -> bool {
    OUTAGES.iter().any(|(from, to)| (*from..*to).contains(&second))
}

/// How the bytes of the recording lie in its seconds.
#[derive(Debug)]
struct Density {
    /// `sums[second]`: what stands before that second.
    logs: Vec<u64>,
    notifications: Vec<u64>,
}

impl Tile {
    /// How many seconds a line moves; nothing when it is left out.
    pub(super) fn shift(&self, parts: &PartOf, line: &Line) -> Option<i64> {
        let shift = self.shifts[parts.of(line.second)]?;
        let happens = line.owner.case.is_none_or(|case| self.cases[usize::from(case)]);
        (happens && i64::from(line.second) + shift < self.end).then_some(shift)
    }

    /// Whether a case happens, and is over before the end.
    pub(super) fn has_case(&self, parts: &PartOf, recording: &Recording, index: usize) -> bool {
        let case = &recording.cases[index];
        let ended = |shift| i64::from(case.ended) + 5 + shift < self.end;
        self.cases[index] && self.shifts[parts.of(case.line.second)].is_some_and(ended)
    }
}

/// Finds the part of a second.
#[derive(Debug)]
pub(super) struct PartOf {
    by_second: Vec<u8>,
}

impl PartOf {
    pub(super) fn new() -> Self {
        let parts = parts();
        let part = |second: i32| parts.iter().position(|(from, to, _)| (*from..*to).contains(&second));
        let index = |second| part(second).and_then(|part| u8::try_from(part).ok()).unwrap_or_default();
        Self { by_second: (0..=END).map(index).collect() }
    }

    fn of(&self, second: i32) -> usize {
        let second = usize::try_from(second).unwrap_or_default().min(self.by_second.len() - 1);
        usize::from(self.by_second[second])
    }
}

impl Plan {
    pub(super) fn new(recording: &Recording, wishes: &Wishes) -> Self {
        let failing = share_of_failing_cases(recording, wishes.failures);
        let density = Density::new(recording, failing);
        #[expect(clippy::cast_possible_truncation, reason = "a number of seconds")]
        let longest = (wishes.hours * 3_600.0) as i64;
        let wanted = portion(wishes.bytes, 1.0 - wishes.notifications);
        let mut cells = 1;
        let tiles = |cells: u32, seconds: i64| -> Vec<Tile> {
            let of_cell = |cell| tiles_of(recording, cell, seconds, failing, wishes.seed);
            (0..cells).flat_map(of_cell).collect()
        };
        let logs =
            |tiles: &[Tile]| -> u64 { tiles.iter().map(|tile| density.bytes(&density.logs, tile)).sum() };
        while logs(&tiles(cells, longest)) < wanted {
            cells += (cells / 8).max(1);
        }
        // The shortest time in which that many cells write as much.
        let (mut too_short, mut seconds) = (0, longest);
        while seconds - too_short > 1 {
            let middle = i64::midpoint(too_short, seconds);
            if logs(&tiles(cells, middle)) < wanted { too_short = middle } else { seconds = middle }
        }
        let tiles = tiles(cells, seconds);
        let available: u64 = tiles.iter().map(|tile| density.bytes(&density.notifications, tile)).sum();
        let notified = ratio(portion(wishes.bytes, wishes.notifications), available).min(1.0);
        Self { cells, seconds, tiles, notified }
    }

    /// When the first cell starts: so that the last lines are as old as the recording's.
    pub(super) fn first_second(seconds: i64) -> i64 {
        i64::from(END) - seconds
    }
}

/// The tiles of one cell during `seconds`.
fn tiles_of(recording: &Recording, cell: u32, seconds: i64, failing: f64, seed: u64) -> Vec<Tile> {
    let parts = parts();
    let mut tiles = Vec::new();
    let cell_key = mix(seed, u64::from(cell));
    let end = i64::from(END);
    // Cells that started together would restart together for ever.
    let phase =
        if cell == 0 { 0 } else { Random::new(cell_key).below(3_600.min(seconds.unsigned_abs() / 4 + 1)) };
    let mut now = Plan::first_second(seconds) + i64::try_from(phase).unwrap_or_default();
    while now < end {
        let number = u32::try_from(tiles.len()).expect("far fewer tiles");
        let key = mix(cell_key, u64::from(number) + 1);
        let mut random = Random::new(key);
        let mut shifts = Vec::new();
        for (from, to, outage) in &parts {
            let happens = if *outage { random.chance(failing) } else { *from >= LIVE || number == 0 };
            let from = if *from < LIVE { first_second_of(recording) } else { *from };
            shifts.push(happens.then(|| now - i64::from(from)));
            now += if happens { i64::from((*to).min(END) - from) } else { 0 };
        }
        let cases = recording.cases.iter().map(|case| {
            let chosen = random.chance(failing);
            !case.failed || in_outage(case.line.second) || chosen
        });
        let cases = cases.collect();
        tiles.push(Tile { cell, number, key, shifts, cases, end });
    }
    tiles
}

fn first_second_of(recording: &Recording) -> i32 {
    let first = |lines: &[Line]| lines.iter().map(|line| line.second).min();
    recording.files.iter().filter_map(|file| first(&file.lines)).min().unwrap_or(LIVE)
}

/// The share of failed cases that happen, so that they are `failures` of all boots.
fn share_of_failing_cases(recording: &Recording, failures: f64) -> f64 {
    const BOOTED: &[u8] = b"seconds to build instance.";
    let booted = |line: &&Line| recording.text_of(line).windows(BOOTED.len()).any(|text| text == BOOTED);
    let computes =
        recording.files.iter().filter(|file| recording.text_of(&file.path).ends_with(b"nova-compute.log"));
    let lines = computes.flat_map(|file| &file.lines).filter(|line| !in_outage(line.second));
    let boots = lines.filter(booted).count();
    let failed = recording.cases.iter().filter(|case| case.failed && !in_outage(case.line.second)).count();
    let wanted = failures / (1.0 - failures).max(f64::EPSILON);
    (wanted * ratio(boots as u64, failed as u64)).min(1.0)
}

impl Density {
    fn new(recording: &Recording, failing: f64) -> Self {
        let weight = |line: &Line| match line.owner.case {
            Some(case) if !in_outage(recording.cases[usize::from(case)].line.second) => failing,
            _ => 1.0,
        };
        let logs = recording.files.iter().flat_map(|file| &file.lines);
        Self { logs: sums(logs, weight), notifications: sums(recording.notifications.iter(), weight) }
    }

    fn bytes(&self, sums: &[u64], tile: &Tile) -> u64 {
        let before = |second: i64| {
            let index = usize::try_from(second).unwrap_or_default().min(sums.len() - 1);
            sums[index]
        };
        let parts = parts();
        let bytes = parts.iter().zip(&tile.shifts).map(|((from, to, _), shift)| {
            let last = shift.map_or(i64::MIN, |shift| i64::from(*to).min(tile.end - shift));
            before(last).saturating_sub(before(i64::from(*from)))
        });
        bytes.zip(&tile.shifts).filter(|(_, shift)| shift.is_some()).map(|(bytes, _)| bytes).sum()
    }
}

/// Lines count as often as they are repeated.
fn sums<'a>(lines: impl Iterator<Item = &'a Line>, weight: impl Fn(&Line) -> f64) -> Vec<u64> {
    let mut sums = vec![0; usize::try_from(END).unwrap_or_default() + 2];
    for line in lines {
        let second = usize::try_from(line.second).unwrap_or_default().min(sums.len() - 2);
        sums[second + 1] += portion(u64::from(line.text.1 - line.text.0), weight(line));
    }
    for index in 1..sums.len() {
        sums[index] += sums[index - 1];
    }
    sums
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size to within a byte or two"
)]
fn portion(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share) as u64
}
