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

    /// Hands over, and waits until all of it is durable. Who finds no room for some time is not taken.
    pub(crate) async fn deliver(&self, mut deliveries: Vec<Delivery>) -> Result<(), Undelivered> {
        let waits: Vec<_> = deliveries
            .iter_mut()
            .map(|delivery| {
                let (receipt, told) = Receipt::wanted();
                delivery.receipt = receipt;
                told
            })
            .collect();
        timeout(self.handling.room, self.hand_over(deliveries)).await.unwrap_or(Err(Undelivered))?;
        let all_told = async {
            for told in waits {
                told.await.map_err(|_| Undelivered)?;
            }
            Ok(())
        };
        timeout(self.handling.receipt, all_told).await.unwrap_or(Err(Undelivered))
    }

    /// Waits for room, as long as it takes.
    pub(crate) async fn hand_over(&self, deliveries: Vec<Delivery>) -> Result<(), Undelivered> {
        let mut rest = deliveries.into_iter();
        while rest.len() > 0 {
            // All of them or none, as far as that is possible: what was handed over before others found no room comes twice.
            let together = rest.len().min(self.out.max_capacity());
            let permits = self.stop.run_until_cancelled(self.out.reserve_many(together)).await;
            let Some(Ok(permits)) = permits else { return Err(Undelivered) };
            permits.zip(rest.by_ref()).for_each(|(permit, delivery)| permit.send(delivery));
        }
        Ok(())
    }
}
