//! What the end-to-end tests share with `cargo xtask`: the recorded cloud, the built program, and how its answers are marked.
//!
//! Read [`score::Score`] first. The recorded cloud's `cases.jsonl` holds the answers and is never imported.

pub mod binary;
pub mod certificates;
pub mod corpus;
pub mod growing;
pub mod marking;
pub mod ports;
pub mod rabbitmq;
pub mod random;
pub mod running;
pub mod score;
pub mod session;
pub mod small_disk;
