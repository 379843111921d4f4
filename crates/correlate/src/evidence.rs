use std::sync::Arc;

use model::{Event, Id, TimeRange};

/// What can be known. Implemented by [`crate::Memory`] for live events and by the store for all that was ever written.
pub trait Evidence {
    /// Events of which a line names `id`. Bounded by the implementation; complete for ids of requests and resources.
    fn with_id(&self, id: &Id, range: TimeRange) -> Vec<Arc<Event>>;

    /// The same, whenever that was, without what was said at DEBUG, and without notifications, which repeat at length
    /// what logs tell.
    fn told(&self, id: &Id) -> Vec<Arc<Event>>;

    /// Events that may explain a failure without naming it: those known to matter beyond the request that logged them, at
    /// any level; and what was said at ERROR or above on one of these hosts, or on a host that its source does not tell.
    /// Bounded by the implementation.
    fn troubles(&self, range: TimeRange, hosts: &[String]) -> Vec<Arc<Event>>;
}
