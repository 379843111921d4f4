//! One run, from the first line to the account.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use culprit_tests::ports::free_port;
use culprit_tests::rabbitmq::Broker;

use crate::books::Account;
use crate::disk::Disk;
use crate::plan::{Act, Blow, Plan};
use crate::publisher::Publisher;
use crate::service::{Kind, Service};
use crate::world::World;
use crate::writer::Writer;

/// What a run finds there.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) seed: u64,
    pub(crate) broker: &'a Mutex<Broker>,
    pub(crate) virtual_host: String,
}

#[derive(Debug)]
pub(crate) struct Run<'a> {
    around: &'a Surroundings<'a>,
    plan: &'a Plan,
    world: &'a World,
    services: Vec<Service>,
    /// Of services that will suffer from a full one.
    disks: Vec<Option<Disk>>,
    /// Some disk is full.
    full: Vec<usize>,
}

type Task<'scope> = ScopedJoinHandle<'scope, Result<()>>;

const TICK: Duration = Duration::from_millis(10);
const LONGEST_START: Duration = Duration::from_secs(40);
/// Until everything is stored at last: a broker that was restarted is found again after a while.
const LONGEST_END: Duration = Duration::from_secs(60);
const LONGEST_END_WITH_BROKER: Duration = Duration::from_secs(120);
/// A compressed file is read when it has been left alone for two seconds: what is wrongly read again comes by then.
const LINGER: Duration = Duration::from_millis(2800);

impl<'a> Run<'a> {
    pub(crate) fn new(around: &'a Surroundings<'a>, plan: &'a Plan, world: &'a World) -> Result<Self> {
        let mut run = Self { around, plan, world, services: Vec::new(), disks: Vec::new(), full: Vec::new() };
        let port = free_port()?;
        for number in 0..=plan.agents {
            let disk = if plan.needs_disk(number) { Some(Disk::mount(&run.disk(number))?) } else { None };
            run.disks.push(disk);
            fs::create_dir_all(run.disk(number))?;
            fs::create_dir_all(run.logs(number))?;
            let service = if number == 0 { run.up(port) } else { run.agent(number, port) };
            run.services.push(service);
        }
        Ok(run)
    }

    /// Where lines are stored at last.
    pub(crate) fn store(folder: &Path) -> PathBuf {
        folder.join("disk-0/store")
    }

    pub(crate) fn go(&mut self) -> Result<Account> {
        let seed = self.around.seed;
        let publishers = if self.plan.notifies { Some(self.publisher()?) } else { None };
        self.start()?;
        let mut writers = Vec::new();
        for (at, host) in self.plan.writers.iter().enumerate() {
            let id = at as u64 + 1;
            writers.push(Writer::new(self.world, id, &self.logs(*host).join(format!("w{id}")), seed ^ id)?);
        }
        // A file that is put aside before anything at all is known is of no interest to anybody.
        self.until("the first lines are stored", LONGEST_START, |run| {
            run.world.books.all_stored(&run.world.store, None)
        })?;
        let went = std::thread::scope(|scope| {
            let steps = self.plan.steps;
            let mut tasks: Vec<Task<'_>> = Vec::new();
            for writer in writers {
                tasks.push(scope.spawn(move || writer.run(steps)));
            }
            tasks.extend(publishers.map(|publisher| scope.spawn(move || publisher.run(steps / 3))));
            let suffered = self.suffer(scope, &mut tasks);
            if suffered.is_err() {
                self.world.end();
            }
            let tasks = tasks.into_iter().map(|task| task.join().expect("it does not panic"));
            let did: Result<Vec<()>> = tasks.collect();
            suffered.and(did.map(|_| ()))
        });
        went?;
        self.settle()?;
        self.world.books.account(&self.world.store)
    }

    /// What is on the small disks goes with them.
    pub(crate) fn keep(&self) {
        for (number, _) in self.disks.iter().enumerate().filter(|(_, disk)| disk.is_some()) {
            let kept = self.around.folder.join(format!("kept-{number}"));
            // The failure itself is what matters.
            Command::new("cp").arg("-a").arg(self.disk(number)).arg(kept).status().ok();
        }
    }

    fn up(&self, port: u16) -> Service {
        let mut arguments: Vec<OsString> =
            vec!["up".into(), "--store".into(), self.world.store.clone().into()];
        arguments.extend(["--host".into(), "central".into(), self.pattern(0)]);
        if self.plan.agents > 0 {
            arguments.extend(["--listen".into(), format!("127.0.0.1:{port}").into()]);
        }
        if self.plan.notifies {
            let broker = self.around.broker.lock().expect("nobody panics holding it");
            arguments.extend(["--notifications".into(), broker.url(&self.around.virtual_host).into()]);
        }
        Service::new("up", Kind::Up, self.around.binary, arguments, self.around.folder)
    }

    fn agent(&self, number: usize, port: u16) -> Service {
        let mut arguments: Vec<OsString> = vec!["agent".into(), "--to".into()];
        arguments.extend([format!("http://127.0.0.1:{port}").into(), "--buffer".into()]);
        arguments.extend([self.disk(number).join("buffer").into(), "--host".into()]);
        arguments.extend([format!("compute-{number}").into(), self.pattern(number)]);
        if self.plan.small_buffers {
            arguments.extend(["--buffer-bytes".into(), "50K".into()]);
        }
        let name = format!("agent-{number}");
        Service::new(&name, Kind::Agent, self.around.binary, arguments, self.around.folder)
    }

    fn publisher(&self) -> Result<Publisher<'a>> {
        let url = self.around.broker.lock().expect("nobody panics holding it").url(&self.around.virtual_host);
        Publisher::new(self.world, 99, &url, self.around.seed)
    }

    fn disk(&self, number: usize) -> PathBuf {
        self.around.folder.join(format!("disk-{number}"))
    }

    fn logs(&self, number: usize) -> PathBuf {
        self.around.folder.join(format!("logs/{number}"))
    }

    fn pattern(&self, number: usize) -> OsString {
        self.logs(number).join("**/*.log").into()
    }

    fn start(&mut self) -> Result<()> {
        self.until("everything is started", LONGEST_START, |run| {
            Ok(run.services.iter().all(Service::is_ready))
        })
    }

    /// While writers write, what is planned comes over the services.
    fn suffer<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        tasks: &mut Vec<Task<'scope>>,
    ) -> Result<()>
    where
        'a: 'scope,
    {
        let began = Instant::now();
        let mut blows = self.plan.blows.iter().peekable();
        let mut last: Option<Duration> = None;
        while blows.peek().is_some() || !tasks.iter().all(ScopedJoinHandle::is_finished) {
            while let Some(Blow { after, act }) = blows.next_if(|blow| blow.after <= began.elapsed()) {
                self.world.note(format!("{act:?}"));
                if let Some(name) = act.counted() {
                    self.world.count(name);
                    if last.is_some_and(|last| *after - last < Duration::from_millis(40)) {
                        self.world.count("two at once");
                    }
                    last = Some(*after);
                }
                match act {
                    Act::KillBroker | Act::StopBroker => tasks.push(self.disturb_broker(scope, *act)),
                    _ => self.act(*act)?,
                }
            }
            self.tend()?;
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Kill(at) => self.services[at].kill(),
            Act::End(at) => self.services[at].end()?,
            Act::HangUp(at) => self.services[at].hang_up()?,
            Act::Freeze(at) => self.services[at].freeze()?,
            Act::Thaw(at) => self.services[at].thaw()?,
            Act::Leave(at) => self.services[at].stay_away(true),
            Act::ComeBack(at) => self.services[at].stay_away(false),
            Act::FillDisk(at) => {
                self.services[at].disk_is_full = true;
                self.full.push(at);
            }
            Act::MakeRoom(at) => {
                self.full.retain(|full| *full != at);
                self.services[at].disk_is_full = false;
                if let Some(disk) = &self.disks[at] {
                    disk.make_room()?;
                }
            }
            Act::KillBroker | Act::StopBroker => {}
        }
        Ok(())
    }

    /// It takes a while.
    fn disturb_broker<'scope>(&self, scope: &'scope Scope<'scope, '_>, act: Act) -> Task<'scope>
    where
        'a: 'scope,
    {
        let broker = self.around.broker;
        scope.spawn(move || {
            let mut broker = broker.lock().expect("nobody panics holding it");
            if act == Act::KillBroker {
                broker.kill();
                return broker.rise();
            }
            broker.control(&["stop_app"])?;
            broker.control(&["start_app"])?;
            Ok(())
        })
    }

    fn tend(&mut self) -> Result<()> {
        for at in &self.full {
            if let Some(disk) = &self.disks[*at] {
                disk.fill()?;
            }
        }
        self.services.iter_mut().try_for_each(|service| service.tend(self.world))
    }

    fn until(
        &mut self,
        what: &str,
        longest: Duration,
        mut holds: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        const LOOK_EVERY: u32 = 10;
        let began = Instant::now();
        while !holds(self)? {
            if began.elapsed() > longest {
                let account = self.world.books.account(&self.world.store).context("no account")?;
                let seconds = longest.as_secs();
                ensure!(began.elapsed() < longest, "after {seconds} s not: {what}{}", account.shown());
            }
            for _ in 0..LOOK_EVERY {
                self.tend()?;
                std::thread::sleep(TICK);
            }
        }
        Ok(())
    }

    /// Nobody disturbs anything any more.
    fn settle(&mut self) -> Result<()> {
        for at in 0..self.services.len() {
            for act in [Act::MakeRoom(at), Act::Thaw(at), Act::ComeBack(at)] {
                self.act(act)?;
            }
        }
        let longest = if self.plan.notifies { LONGEST_END_WITH_BROKER } else { LONGEST_END };
        self.until("everything is stored", longest, |run| {
            run.world.books.all_stored(&run.world.store, None)
        })?;
        self.world.note("everything is stored");
        let again = self.plan.looks_again;
        if again {
            for service in &mut self.services {
                service.close(self.world)?;
                service.stay_away(false);
            }
        }
        if again || self.world.counted("compressed") || self.world.counted("copied and truncated") {
            let began = Instant::now();
            self.until("time passes", LONGEST_END, |_| Ok(began.elapsed() > LINGER))?;
        }
        // Agents first: what they still have is sent.
        self.services.iter_mut().rev().try_for_each(|service| service.close(self.world))
    }
}
