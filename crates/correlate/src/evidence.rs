use std::sync::Arc;

use model::{Event, Id, TimeRange};

/// What can be known. Implemented by [`crate::Memory`] for live events and by the store for all that was ever written.
pub trait Evidence {
    /// Events of which a line names `id`. Bounded by the implementation; complete for ids of requests and resources.
    fn with_id(&self, id: &Id, range: TimeRange) -> Vec<Arc<Event>>;

    /// The same, whenever that was, without what was said at DEBUG, and without notifications, which repeat at length
    /// what logs tell.
    fn told(&self, id: &Id) -> Vec<Arc<Event>>;

    /// Events that may explain a failure without naming it: at ERROR or above, and those known to matter at any level.
    fn troubles(&self, range: TimeRange) -> Vec<Arc<Event>>;
}
