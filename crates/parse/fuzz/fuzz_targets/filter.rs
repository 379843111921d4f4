//! Any text may be given as the name of a time zone, as configuration gives it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    let _zone = parse::Zone::parse(name);
});
