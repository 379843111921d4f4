//! What is heard here is sent to another machine.

use std::time::Instant;

use agent::{Agent, AgentSettings, AgentStatus, Report};
use tokio::sync::mpsc;

use crate::error::ShipError;
use crate::masks::Masks;
use crate::sources::{Known, Running, Sources};
use crate::status::Status;
use crate::up::{Control, Happening, TICK, WAITING};

/// Takes lines until it is stopped or every source has ended, and all is sent. What could not be sent by then is sent after
/// the next start.
pub fn ship(
    settings: AgentSettings,
    sources: Sources,
    control: &Control,
    tell: &mut dyn FnMut(Happening<'_>),
) -> Result<AgentStatus, ShipError> {
    let agent =
        Agent::open(settings, Box::<Masks>::default()).map_err(|source| ShipError::Agent { source })?;
    // One thread is enough, and takes less memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| ShipError::Start { source })?;
    let (out, deliveries) = mpsc::channel(WAITING);
    let known = Known { files: agent.known_files(), states: agent.states() };
    runtime.block_on(async {
        let mut running = Running::start(sources, known, &out, &control.stop)
            .await
            .map_err(|source| ShipError::Source { source })?;
        drop(out);
        tell(Happening::Ready { addresses: running.addresses.clone() });
        let (status, began) = (agent.status(), Instant::now());
        let (report, mut reports) = mpsc::channel(WAITING);
        let mut sending = std::pin::pin!(agent.run(deliveries, control.stop.clone(), report));
        let mut ticks = tokio::time::interval(TICK);
        let outcome = loop {
            tokio::select! {
                ended = &mut sending => break ended.map_err(|source| ShipError::Agent { source }),
                Some(report) = reports.recv() => tell_report(&report, tell),
                _ = ticks.tick() => {
                    running.tell_troubles(tell);
                    control.tell_status(|| {
                        let agent = Some(status.borrow().clone());
                        let ready = Status { ready: true, agent, ..Status::default() };
                        running.status(ready, began.elapsed())
                    });
                }
            }
        };
        control.stop.cancel();
        running.end().await;
        outcome
    })
}

fn tell_report(report: &Report, tell: &mut dyn FnMut(Happening<'_>)) {
    match report {
        Report::Spool(error) => tell(Happening::Trouble(chain(error))),
        Report::Send(error) => tell(Happening::Trouble(chain(error))),
        Report::Sending => tell(Happening::Resumed),
    }
}

/// With what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
