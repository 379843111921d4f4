//! Pages of events that fit a query.

use index::{Cursor, Limits};
use model::{TimeRange, Timestamp};

use crate::engine::{Engine, Passage, passage};
use crate::execute::{Candidate, matches, plan};
use crate::language::Expression;

/// What is asked for, and how long an answer may take.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub expression: &'a Expression,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    pub limit: usize,
    /// Asked again and again; whoever says no gets what was found so far.
    pub keep_going: &'a dyn Fn() -> bool,
}

/// A page, the newest first.
#[derive(Clone, Debug)]
pub struct Found {
    pub passages: Vec<Passage>,
    /// Where to go on; none when everything was looked at.
    pub next: Option<Cursor>,
    /// The page is not full and there may be more: time ran out.
    pub partial: bool,
}

impl Engine {
    #[must_use]
    pub fn search(&self, question: Question<'_>) -> Found {
        let Question { expression, after, limit, keep_going } = question;
        let page = self.reader.search(
            &plan(expression, &self.knowledge),
            &Limits { after, events: limit, keep_going },
            &mut |stored| matches(expression, &Candidate::new(stored, &self.knowledge)),
        );
        let partial = page.next.is_some() && page.events.len() < limit;
        let passages = page.events.iter().map(|stored| passage(&self.event(stored), stored, true)).collect();
        Found { passages, next: page.next, partial }
    }
}

impl Expression {
    /// What lies in a stretch of time; lines without a time lie in all of it only.
    #[must_use]
    pub fn within(self, range: TimeRange) -> Self {
        let mut whole = self;
        if range.start > Timestamp::MIN {
            whole = whole.and(Self::Since(range.start));
        }
        if range.end < Timestamp::MAX {
            whole = whole.and(Self::Until(range.end));
        }
        whole
    }
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Question").field("expression", &self.expression).finish_non_exhaustive()
    }
}
