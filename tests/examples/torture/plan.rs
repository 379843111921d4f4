//! What happens in a run, all of it drawn from the seed.

use std::time::Duration;

use culprit_tests::random::Random;

/// Who takes part. Service 0 is `culprit up`, the others are agents that send to it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) agents: usize,
    /// Their buffers are soon full, so that they have to wait.
    pub(crate) small_buffers: bool,
    /// Notifications are published, and read by `up`.
    pub(crate) notifies: bool,
    /// On which host each writer is: 0 is that of `up`.
    pub(crate) writers: Vec<usize>,
    pub(crate) steps: usize,
    pub(crate) blows: Vec<Blow>,
    /// At last everything is started once more: nothing may be read again.
    pub(crate) looks_again: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Blow {
    /// Since the writers began.
    pub(crate) after: Duration,
    pub(crate) act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Kill(usize),
    End(usize),
    HangUp(usize),
    Freeze(usize),
    Thaw(usize),
    Leave(usize),
    ComeBack(usize),
    FillDisk(usize),
    MakeRoom(usize),
    KillBroker,
    StopBroker,
}

/// So long writers take, more or less.
const LASTING: u64 = 4_000;

impl Plan {
    pub(crate) fn draw(seed: u64, disks: bool) -> Self {
        let mut random = Random::new(seed);
        let (follows, agents, notifies) = match random.below(8) {
            0 | 1 => (true, 0, false),
            2 | 3 => (false, random.size(1, 3), false),
            4 | 5 => (true, random.size(1, 3), false),
            6 => (false, random.size(0, 2), true),
            _ => (true, random.size(0, 2), true),
        };
        let hosts: Vec<usize> = (usize::from(!follows)..=agents).collect();
        let most = if hosts.is_empty() { 0 } else { random.size(hosts.len().min(4), 5) };
        let writers = hosts.iter().cycle().take(most).copied().collect();
        let steps = random.size(15, 50);
        let mut plan = Self {
            agents,
            small_buffers: random.one_in(4),
            notifies,
            writers,
            steps,
            blows: Vec::new(),
            looks_again: random.one_in(3),
        };
        for _ in 0..random.size(1, 6) {
            let after = Duration::from_millis(random.below(LASTING));
            plan.add_blow(after, &mut random, disks);
            if random.one_in(4) {
                // Two at once.
                let after = after + Duration::from_micros(random.below(30_000));
                plan.add_blow(after, &mut random, disks);
            }
        }
        plan.blows.sort_by_key(|blow| blow.after);
        plan
    }

    /// Services whose disks are filled at some time.
    pub(crate) fn needs_disk(&self, service: usize) -> bool {
        self.blows.iter().any(|blow| blow.act == Act::FillDisk(service))
    }

    fn add_blow(&mut self, after: Duration, random: &mut Random, disks: bool) {
        let service = random.size(0, self.agents + 1);
        let while_it_lasts = Duration::from_millis(200 + random.below(1500));
        let (first, last) = match random.below(20) {
            0..5 => (Act::Kill(service), None),
            5 | 6 => {
                // Again while it starts.
                self.blows.push(Blow { after, act: Act::Kill(service) });
                (Act::Kill(service), Some((Duration::from_millis(random.below(400)), Act::Kill(service))))
            }
            7..10 => (Act::End(service), None),
            10 | 11 => (Act::Freeze(service), Some((while_it_lasts, Act::Thaw(service)))),
            12 | 13 => (Act::HangUp(0), None),
            14 | 15 => {
                let lasting = Duration::from_millis(1000 + random.below(2000));
                let gone = if random.one_in(2) { Act::Kill(0) } else { Act::End(0) };
                self.blows.push(Blow { after, act: gone });
                (Act::Leave(0), Some((lasting, Act::ComeBack(0))))
            }
            16 if self.notifies => (if random.one_in(2) { Act::KillBroker } else { Act::StopBroker }, None),
            _ if disks => (Act::FillDisk(service), Some((while_it_lasts, Act::MakeRoom(service)))),
            _ => (Act::Kill(service), None),
        };
        self.blows.push(Blow { after, act: first });
        self.blows.extend(last.map(|(later, act)| Blow { after: after + later, act }));
    }
}

impl Act {
    /// How it is counted; the end of something is not.
    pub(crate) const fn counted(self) -> Option<&'static str> {
        match self {
            Self::Kill(0) => Some("up killed"),
            Self::Kill(_) => Some("agent killed"),
            Self::End(0) => Some("up restarted"),
            Self::End(_) => Some("agent restarted"),
            Self::HangUp(_) => Some("reloads"),
            Self::Freeze(_) => Some("frozen"),
            Self::Leave(_) => Some("up away"),
            Self::FillDisk(0) => Some("store's disk full"),
            Self::FillDisk(_) => Some("buffer's disk full"),
            Self::KillBroker => Some("broker killed"),
            Self::StopBroker => Some("broker stopped"),
            Self::Thaw(_) | Self::ComeBack(_) | Self::MakeRoom(_) => None,
        }
    }
}
