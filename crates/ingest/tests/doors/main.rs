//! Doors for other people's shippers. Nothing here sleeps: what takes time is waited for, and a guard ends a test that
//! would wait for ever.

mod bulk;
mod client;
mod clients;
mod forward;
mod loki;
mod mutations;
mod mutual_tls;
mod otlp;
mod serving;
mod site;
