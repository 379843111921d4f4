//! A filter file of a site, and a line read with it (the last line of the input): neither may panic, whatever they hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parse::Knowledge;

fuzz_target!(|input: &str| {
    let Some((filter, line)) = input.rsplit_once('\n') else { return };
    let Ok(knowledge) = Knowledge::of_text(filter) else { return };
    let findings = knowledge.check();
    assert!(findings.iter().all(|finding| finding.line > 0));
    let event = model::Event { body: line.to_owned(), ..model::Event::default() };
    let matches = knowledge.signatures_of(&event);
    assert!(matches.iter().all(|found| event.body.is_char_boundary(found.at)));
    let mut mentions = Vec::new();
    knowledge.type_mentions(&event.body, &mut mentions);
});
