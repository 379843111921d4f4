//! What was handed over and is not acknowledged yet.

use std::collections::VecDeque;
use std::future::pending;

use tokio::sync::oneshot;

/// In the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Unsettled(VecDeque<HandedOver>);

#[derive(Debug)]
pub(super) struct HandedOver {
    /// The newest message of it has this tag.
    pub(super) last_tag: u64,
    /// The ids that were kept of it.
    pub(super) ids: Vec<u64>,
    /// None when all of it was known before.
    pub(super) receipt: Option<oneshot::Receiver<()>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Everything up to this tag, `ids` more than before.
    Durable { tag: u64, ids: usize },
    /// The ids of what will never be.
    Dropped(Vec<u64>),
}

impl Unsettled {
    pub(super) fn push(&mut self, handed_over: HandedOver) {
        self.0.push_back(handed_over);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What became of the oldest, with all after it that are durable by now. Never when there is nothing. Nothing is lost
    /// when this is given up.
    pub(super) async fn next(&mut self) -> Settled {
        let Some(oldest) = self.0.front_mut() else { return pending().await };
        let told = match &mut oldest.receipt {
            Some(receipt) => receipt.await.is_ok(),
            None => true,
        };
        let oldest = self.0.pop_front().expect("it was looked at");
        if !told {
            return Settled::Dropped(oldest.ids);
        }
        let (mut tag, mut ids) = (oldest.last_tag, oldest.ids.len());
        while let Some(next) = self.0.pop_front_if(|next| next.is_durable()) {
            tag = next.last_tag;
            ids += next.ids.len();
        }
        Settled::Durable { tag, ids }
    }
}

impl HandedOver {
    /// Leaves the receipt as it is: one that was dropped shall be found as such.
    fn is_durable(&self) -> bool {
        self.receipt.as_ref().is_none_or(|receipt| !receipt.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Receipt;

    /// `t`: told, `d`: dropped, `w`: still waited for, `-`: nothing to wait for. One tag each, as many ids.
    async fn check(fates: &str, expected: &[Settled]) {
        let mut unsettled = Unsettled::default();
        let mut kept = Vec::new();
        for (fate, tag) in fates.chars().zip(1..) {
            let (receipt, waits) = Receipt::wanted();
            match fate {
                't' => receipt.tell(),
                'd' => drop(receipt),
                _ => kept.push(receipt),
            }
            let receipt = (fate != '-').then_some(waits);
            unsettled.push(HandedOver { last_tag: tag, ids: vec![tag], receipt });
        }
        for settled in expected {
            assert_eq!(&unsettled.next().await, settled, "{fates}");
        }
        let rest = tokio::time::timeout(std::time::Duration::ZERO, unsettled.next()).await;
        assert!(rest.is_err(), "{fates}: {rest:?}");
    }

    #[tokio::test]
    async fn only_what_has_nothing_open_before_it_is_settled() {
        let durable = |tag, ids| Settled::Durable { tag, ids };
        check("", &[]).await;
        check("ttt", &[durable(3, 3)]).await;
        check("twt", &[durable(1, 1)]).await;
        check("wtt", &[]).await;
        check("t--w-", &[durable(3, 3)]).await;
        check("tdt", &[durable(1, 1), Settled::Dropped(vec![2]), durable(3, 1)]).await;
    }
}
