//! Ports for servers that come and go.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

/// Below those that the system gives to whoever connects somewhere: it stays free while nobody listens.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    // Two of us at a time try others.
    let some_port = || FIRST + (std::process::id() * 37 + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
    let ports = std::iter::repeat_with(some_port).take(1000).filter_map(|port| u16::try_from(port).ok());
    let mut free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().context("no port is free")
}
