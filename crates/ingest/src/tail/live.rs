//! Drives a [`Tail`]: looks when the system tells that something changed, and now and then anyway.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::find::FileId;
use super::{Tail, TailSettings, TailStatus};
use crate::{Checkpoint, Delivery, LiveSource, ReadError};

/// Files that grow, as a live source.
#[derive(Debug)]
pub struct LiveTail {
    settings: TailSettings,
    known: Vec<Checkpoint>,
    status: watch::Sender<TailStatus>,
}

/// Many writes within such a time are one.
const TOGETHER: Duration = Duration::from_millis(50);

/// So often files are looked at where the system does not tell.
const POLL: Duration = Duration::from_secs(1);

impl LiveTail {
    /// `known` is what was stored of earlier readings, by whomever.
    pub fn new(settings: TailSettings, known: Vec<Checkpoint>) -> Result<Self, ReadError> {
        Tail::new(settings.clone(), Vec::new())?;
        Ok(Self { settings, known, status: watch::Sender::new(TailStatus::default()) })
    }

    #[must_use]
    pub fn status(&self) -> watch::Receiver<TailStatus> {
        self.status.subscribe()
    }
}

impl LiveSource for LiveTail {
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let runtime = Handle::current();
        // Reading files waits for disks.
        let reading = tokio::task::spawn_blocking(move || {
            let tail = Tail::new(self.settings, self.known)?;
            let mut drive = Drive { watch: Watch::new(tail.settings().poll), tail, out, stop, runtime };
            while drive.round(&self.status) {}
            Ok(())
        });
        reading.await.unwrap_or_else(|_| Err(ReadError::Crashed { path: "files".to_owned() }))
    }
}

struct Drive {
    tail: Tail,
    watch: Watch,
    out: mpsc::Sender<Delivery>,
    stop: CancellationToken,
    runtime: Handle,
}

impl Drive {
    /// Looks, hands over everything new, and waits for more. `false` when it is time to end.
    fn round(&mut self, status: &watch::Sender<TailStatus>) -> bool {
        let now = now();
        if self.watch.wants_scan(now, self.tail.settings().rescan) || self.tail.wants_scan() {
            self.watch.scanned(now);
            self.tail.scan(now);
            if let Some(error) = self.watch.follow(self.tail.folders()) {
                self.tail.trouble(error);
            }
        } else {
            self.tail.look(now);
        }
        status.send_replace(self.tail.status());
        while let Some(permit) = self.permit() {
            match self.tail.read() {
                Some(delivery) => drop(permit.send(delivery)),
                None if self.tail.wants_scan() => return true,
                None => {
                    drop(permit);
                    return self.pause();
                }
            }
        }
        false
    }

    /// Room for one delivery; `None` when it is time to end. Taken before anything is read, so that nothing is read
    /// in vain.
    fn permit(&self) -> Option<mpsc::OwnedPermit<Delivery>> {
        let (out, stop) = (self.out.clone(), &self.stop);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.cancelled() => None,
                permit = out.reserve_owned() => permit.ok(),
            }
        })
    }

    fn pause(&self) -> bool {
        let (stop, changed, longest) = (&self.stop, &self.watch.changed.wake, self.watch.longest_pause());
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = self.out.closed() => return false,
                () = tokio::time::sleep(longest) => {}
                () = changed.notified() => tokio::time::sleep(TOGETHER).await,
            }
            true
        })
    }
}

/// What the system tells of changes.
struct Watch {
    changed: Arc<Changed>,
    system: Option<RecommendedWatcher>,
    watched: HashMap<PathBuf, FileId>,
    poll: Option<Duration>,
    /// Some folder's changes are not told.
    blind: bool,
    last_scan: Option<Instant>,
}

#[derive(Debug, Default)]
struct Changed {
    wake: Notify,
    /// Not only did a file grow.
    files: AtomicBool,
}

impl Watch {
    fn new(poll: Option<Duration>) -> Self {
        let changed = Arc::new(Changed::default());
        let told = Arc::clone(&changed);
        let watcher = || {
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| told.hear(&event)).ok()
        };
        let system = if poll.is_none() { watcher() } else { None };
        let blind = system.is_none();
        Self { changed, system, watched: HashMap::new(), poll, blind, last_scan: None }
    }

    /// Watches these folders from now on. What came into a new one before that is not told, so it is looked at again.
    fn follow(&mut self, folders: &[PathBuf]) -> Option<ReadError> {
        let system = self.system.as_mut()?;
        // What lies at a path may be another folder than the one that is watched.
        let there: HashMap<&PathBuf, FileId> =
            folders.iter().filter_map(|folder| Some((folder, file_id(folder)?))).collect();
        self.watched.retain(|folder, id| {
            let stays = there.get(folder) == Some(id);
            if !stays {
                // The watch of a folder that was removed is gone already.
                system.unwatch(folder).ok();
            }
            stays
        });
        let mut failure = None;
        for (folder, id) in there {
            if self.watched.contains_key(folder) {
                continue;
            }
            if is_remote(folder) {
                self.blind = true;
            }
            match system.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone(), id);
                    self.changed.files.store(true, Ordering::Relaxed);
                    self.changed.wake.notify_one();
                }
                Err(source) => {
                    self.blind = true;
                    failure = Some(ReadError::Watch { path: folder.clone(), source });
                }
            }
        }
        failure
    }

    fn wants_scan(&self, now: Instant, rescan: Duration) -> bool {
        let is_due = self.last_scan.is_none_or(|last| now.saturating_duration_since(last) >= rescan);
        is_due || self.blind || self.changed.files.load(Ordering::Relaxed)
    }

    fn scanned(&mut self, now: Instant) {
        self.last_scan = Some(now);
        self.changed.files.store(false, Ordering::Relaxed);
    }

    fn longest_pause(&self) -> Duration {
        // Also without any change half lines get old and deleted files are let go.
        self.poll.unwrap_or(POLL)
    }
}

impl Changed {
    fn hear(&self, event: &notify::Result<notify::Event>) {
        match told(event) {
            Told::Nothing => return,
            Told::Grown => {}
            Told::Files => self.files.store(true, Ordering::Relaxed),
        }
        self.wake.notify_one();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Grown,
    Files,
}

/// Which look an event asks for. After an overflow of the system's queue, and after any error, everything has to be
/// looked at.
fn told(event: &notify::Result<notify::Event>) -> Told {
    match event {
        Err(_) => Told::Files,
        Ok(event) if event.need_rescan() => Told::Files,
        Ok(event) => match event.kind {
            EventKind::Access(AccessKind::Close(_) | AccessKind::Open(_) | AccessKind::Read) => Told::Nothing,
            EventKind::Modify(ModifyKind::Data(_)) => Told::Grown,
            _ => Told::Files,
        },
    }
}

fn file_id(folder: &Path) -> Option<FileId> {
    std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Whether others may write there without this machine being told.
fn is_remote(folder: &Path) -> bool {
    /// NFS, CIFS, SMB2, FUSE (GlusterFS, sshfs), Ceph, Lustre, 9P, AFS: from `linux/magic.h`.
    const REMOTE: [u64; 8] =
        [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x00c3_6400, 0x0bd0_0bd0, 0x0102_1997, 0x5346_414f];
    rustix::fs::statfs(folder)
        .is_ok_and(|system| u64::try_from(system.f_type).is_ok_and(|kind| REMOTE.contains(&kind)))
}

fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use notify::Event;
    use notify::event::{CreateKind, DataChange, Flag};

    use super::*;

    #[test]
    fn an_overflow_of_the_systems_queue_makes_everything_be_looked_at() {
        let check = |event: notify::Result<Event>, expected| assert_eq!(told(&event), expected, "{event:?}");
        check(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), Told::Files);
        check(Err(notify::Error::generic("broken")), Told::Files);
        check(Ok(Event::new(EventKind::Create(CreateKind::File))), Told::Files);
        check(Ok(Event::new(EventKind::Modify(ModifyKind::Data(DataChange::Any)))), Told::Grown);
        check(Ok(Event::new(EventKind::Access(AccessKind::Read))), Told::Nothing);
    }
}
