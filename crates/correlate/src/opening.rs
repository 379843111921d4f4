use model::{Event, Id, Mark};

/// The request that an event shows to be worth judging: it changes something, was refused, or failed.
#[must_use]
pub fn opens(event: &Event) -> Option<Id> {
    let context = &event.context;
    if context.anonymous {
        return None;
    }
    let root = context.global.as_ref().or(context.request.as_ref());
    let at_the_door = event
        .exchange
        .as_ref()
        .is_some_and(|exchange| exchange.action.is_some() && (exchange.changes() || exchange.failed()));
    let marked = event.signatures.iter().any(|found| found.signature.mark.is_some_and(Mark::opens));
    match () {
        () if at_the_door => {
            context.request.clone().filter(|_| context.global.is_none()).or_else(|| root.cloned())
        }
        () if marked => root.cloned(),
        () => None,
    }
}
