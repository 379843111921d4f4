//! What is remembered of texts: their names, how many of their lines were taken, and what their sources go on with.

use std::collections::BTreeMap;

/// Tells a text apart from all texts of all machines.
///
/// It is drawn by chance when the text begins: a copy of this machine, or one that lost its spool, then names new texts
/// as nobody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TextName(pub(crate) u128);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextState {
    /// How many lines were taken under this name.
    pub(crate) lines: u64,
    pub(crate) place: TextPlace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextPlace {
    /// The checkpoint of a file.
    File(Vec<u8>),
    Stream {
        name: String,
        state: Vec<u8>,
    },
}

/// What some lines change.
pub(crate) type Changes = BTreeMap<TextName, TextState>;

/// All texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct States(BTreeMap<TextName, (TextState, Changed)>);

/// The number of the frame that changed a text last.
type Changed = u64;

/// Three times as many as files are followed by default.
const MOST_TEXTS: usize = 30_000;

impl TextName {
    pub(crate) fn draw() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system has random numbers once it is up");
        Self(u128::from_le_bytes(bytes))
    }
}

impl States {
    pub(crate) fn get(&self, name: TextName) -> Option<&TextState> {
        self.0.get(&name).map(|(state, _)| state)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TextName, &TextState)> {
        self.0.iter().map(|(name, (state, _))| (*name, state))
    }

    pub(crate) fn apply(&mut self, changes: Changes, frame: u64) {
        self.0.extend(changes.into_iter().map(|(name, state)| (name, (state, frame))));
    }

    /// Those that changed longest ago are forgotten first: if they come again, their lines are sent again.
    pub(crate) fn forget_oldest(&mut self) {
        let Some(excess) = self.0.len().checked_sub(MOST_TEXTS).filter(|excess| *excess > 0) else { return };
        let mut ages: Vec<(Changed, TextName)> =
            self.0.iter().map(|(name, (_, changed))| (*changed, *name)).collect();
        ages.sort_unstable();
        for (_, name) in ages.into_iter().take(excess) {
            self.0.remove(&name);
        }
    }

    /// All texts go on under new names, in which no line was counted yet.
    pub(crate) fn rename(&mut self) {
        let begin_anew = |(state, changed): (TextState, Changed)| {
            (TextName::draw(), (TextState { lines: 0, ..state }, changed))
        };
        self.0 = std::mem::take(&mut self.0).into_values().map(begin_anew).collect();
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, (state, changed)) in &self.0 {
            put(&mut out, *name, state, *changed);
        }
        out
    }

    /// `None` when they are no states.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut states = BTreeMap::new();
        while !bytes.is_empty() {
            let (name, state, changed) = take_state(&mut bytes)?;
            states.insert(name, (state, changed));
        }
        Some(Self(states))
    }

    /// What [`changes_to_bytes`] made.
    pub(crate) fn apply_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend(Self::from_bytes(bytes)?.0);
        Some(())
    }
}

pub(crate) fn changes_to_bytes(changes: &Changes, frame: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, state) in changes {
        put(&mut out, *name, state, frame);
    }
    out
}

const FILE: u8 = 0;
const STREAM: u8 = 1;

fn put(out: &mut Vec<u8>, name: TextName, state: &TextState, changed: Changed) {
    out.extend_from_slice(&name.0.to_le_bytes());
    out.extend_from_slice(&state.lines.to_le_bytes());
    out.extend_from_slice(&changed.to_le_bytes());
    match &state.place {
        TextPlace::File(checkpoint) => {
            out.push(FILE);
            put_bytes(out, checkpoint);
        }
        TextPlace::Stream { name, state } => {
            out.push(STREAM);
            put_bytes(out, name.as_bytes());
            put_bytes(out, state);
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_state(from: &mut &[u8]) -> Option<(TextName, TextState, Changed)> {
    let name = TextName(u128::from_le_bytes(take(from)?));
    let lines = u64::from_le_bytes(take(from)?);
    let changed = u64::from_le_bytes(take(from)?);
    let place = match take(from)? {
        [FILE] => TextPlace::File(take_bytes(from)?),
        [STREAM] => {
            TextPlace::Stream { name: String::from_utf8(take_bytes(from)?).ok()?, state: take_bytes(from)? }
        }
        _ => return None,
    };
    Some((name, TextState { lines, place }, changed))
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*taken)
}

fn take_bytes(from: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u64::from_le_bytes(take(from)?)).ok()?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[(u128, u64)]) -> Changes {
        let state = |lines: u64| TextState {
            lines,
            place: match lines % 2 {
                0 => TextPlace::File(vec![7; 3]),
                _ => TextPlace::Stream { name: format!("syslog/{lines}"), state: b"s=1".to_vec() },
            },
        };
        texts.iter().map(|(name, lines)| (TextName(*name), state(*lines))).collect()
    }

    #[test]
    fn states_read_back_and_changes_apply() {
        let mut states = States::default();
        states.apply(of(&[(1, 2), (u128::MAX, 3)]), 9);
        let bytes = states.to_bytes();
        assert_eq!(States::from_bytes(&bytes), Some(states.clone()));
        for length in 1..bytes.len() {
            let cut = States::from_bytes(&bytes[..length]);
            assert!(cut.is_none_or(|cut| cut.0.len() == 1), "{length}");
        }
        let changes = of(&[(1, 8), (5, 1)]);
        let mut again = states.clone();
        again.apply_bytes(&changes_to_bytes(&changes, 10)).unwrap();
        states.apply(changes, 10);
        assert_eq!(again, states);
        assert_eq!(states.get(TextName(1)).unwrap().lines, 8);
    }

    #[test]
    fn what_changed_longest_ago_is_forgotten_first() {
        let mut states = States::default();
        for number in 0..MOST_TEXTS as u64 + 2 {
            // The first one comes again.
            states.apply(of(&[(u128::from(number), 0)]), number);
            states.apply(of(&[(0, 0)]), number);
        }
        states.forget_oldest();
        let left = |name: u128| states.get(TextName(name)).is_some();
        assert_eq!((left(0), left(1), left(2), left(3)), (true, false, false, true));
    }

    #[test]
    fn texts_begin_anew_under_new_names() {
        let mut states = States::default();
        states.apply(of(&[(1, 2), (2, 4)]), 1);
        states.rename();
        assert!(states.get(TextName(1)).is_none());
        assert_eq!(states.iter().map(|(_, state)| state.lines).collect::<Vec<_>>(), [0, 0]);
    }
}
