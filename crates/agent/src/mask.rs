use std::fmt::Debug;

use model::Line;

/// Hides secrets in lines before they are written to the spool. Which words are secrets is not for the agent to know.
pub trait Mask: Debug + Send {
    /// The lines of a text come in their order. What was masked already, when the line was half, stays so.
    fn mask(&mut self, text: u128, lines: &mut [Line]);
}
