//! The way in for those who wait until what they sent is durable.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{Delivery, Receipt};

/// How long a sender waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handling {
    /// For room; then it is to come again later.
    pub room: Duration,
    /// For the commit; then it is to send everything again.
    pub receipt: Duration,
}

impl Default for Handling {
    fn default() -> Self {
        Self { room: Duration::from_secs(3), receipt: Duration::from_secs(30) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Inlet {
    out: mpsc::Sender<Delivery>,
    handling: Handling,
    stop: CancellationToken,
}

/// It is not known to be durable: it has to come again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undelivered;

impl Inlet {
    pub(crate) const fn new(
        out: mpsc::Sender<Delivery>,
        handling: Handling,
        stop: CancellationToken,
    ) -> Self {
        Self { out, handling, stop }
    }

    /// Hands over, and waits until all of it is durable.
    pub(crate) async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<(), Undelivered> {
        let mut waits = Vec::with_capacity(deliveries.len());
        let mut rest = deliveries.into_iter();
        while rest.len() > 0 {
            // All of them or none, as far as that is possible: what was handed over before others found no room comes twice.
            let together = rest.len().min(self.out.max_capacity());
            let permits = timeout(self.handling.room, self.out.reserve_many(together));
            let permits = self.stop.run_until_cancelled(permits).await;
            let Some(Ok(Ok(permits))) = permits else { return Err(Undelivered) };
            for permit in permits {
                let Some(mut delivery) = rest.next() else { break };
                let (receipt, told) = Receipt::wanted();
                delivery.receipt = receipt;
                waits.push(told);
                permit.send(delivery);
            }
        }
        let all_told = async {
            for told in waits {
                told.await.map_err(|_| Undelivered)?;
            }
            Ok(())
        };
        timeout(self.handling.receipt, all_told).await.unwrap_or(Err(Undelivered))
    }
}
