//! How the program is linked.

#![expect(clippy::disallowed_methods, reason = "cargo tells build scripts through the environment")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|libc| libc == "gnu") {
        // For a place in memory that is chosen when it starts, 54,000 addresses are written before `main`, and 350 pages are
        // copied for that: 0.7 ms, when a short command has ten. Stack, heap and libraries lie at places of chance all the same.
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
