use std::net::SocketAddr;
use std::path::Path;

use pipeline::{JournalSettings, Start, SyslogSettings, TailSettings};
use tokio_util::sync::CancellationToken;

use crate::args::{Globals, Up};
use crate::console::Console;
use crate::engine::{self, Happening, LiveOptions, Sources};
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(up: Up, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let host = up.host.clone().unwrap_or_else(this_machine);
    let options = LiveOptions {
        store: super::store(globals)?,
        zones: engine::zones(&up.zones)?,
        host: Some(host.clone()),
        sizes: Default::default(),
    };
    for address in [up.syslog_udp, up.syslog_tcp].into_iter().flatten().filter(|address| is_open(*address)) {
        console.warn(&format!("whoever reaches {address} can write into the store"));
    }
    let stop = CancellationToken::new();
    console.cancel_when_interrupted(&stop);
    let mut failure = None;
    let (filters, broker) = (globals.filters.as_deref(), up.notifications.as_ref());
    let report = engine::up(&options, filters, broker, sources(&up, &host)?, &stop, &mut |news| {
        if let Err(error) = tell(&news, console) {
            // Nobody reads any more.
            failure.get_or_insert(error);
            stop.cancel();
        }
    })?;
    console.remark(&render::up::end(&report));
    failure.map_or(Ok(Exit::Answered), Err)
}

fn tell(news: &Happening<'_>, console: &Console) -> Result<(), Failure> {
    match news {
        Happening::Ready { addresses } => console.remark(&render::up::ready(addresses)),
        Happening::Trouble(what) => console.warn(what),
        Happening::Failed(news) if console.json => {
            console.answer(&json::requests(std::slice::from_ref(&news.failed))?)?;
        }
        Happening::Failed(news) => console.answer(&render::up::failed(&news.failed, console.layout))?,
    }
    Ok(())
}

fn sources(up: &Up, host: &str) -> Result<Sources, Failure> {
    let start = if up.from_end { Start::End } else { Start::Beginning };
    let patterns = up.patterns.iter().map(|pattern| absolute(pattern)).collect::<Result<Vec<_>, _>>()?;
    let syslog = (up.syslog_udp.is_some() || up.syslog_tcp.is_some()).then(|| SyslogSettings {
        udp: up.syslog_udp,
        tcp: up.syslog_tcp,
        ..SyslogSettings::default()
    });
    let files = TailSettings { patterns, host: Some(host.to_owned()), start, ..TailSettings::default() };
    let journal = JournalSettings { host: host.to_owned(), start, ..JournalSettings::default() };
    Ok(Sources {
        files: Some(files),
        syslog,
        journal: up.journal.then_some(journal),
        stdin: up.stdin,
        ..Sources::default()
    })
}

fn absolute(pattern: &str) -> Result<String, Failure> {
    let path = std::path::absolute(Path::new(pattern))?;
    Ok(path.to_string_lossy().into_owned())
}

fn is_open(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

fn this_machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
