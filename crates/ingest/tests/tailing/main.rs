//! Files that grow, are rotated, truncated, replaced and compressed while they are read: every line exactly once.

mod matrix;
mod site;
mod writers;
