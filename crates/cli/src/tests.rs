//! Tests of what is typed and what is shown, on values made by hand.

mod arguments;
mod configuration;
mod exits;
mod renderings;
mod safety;
mod sample;
