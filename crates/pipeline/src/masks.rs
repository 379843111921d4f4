//! What an agent keeps is masked as what is stored.

use std::collections::HashMap;

use agent::Mask;
use model::Line;
use parse::Masker;

#[derive(Debug, Default)]
pub(crate) struct Masks {
    /// Of the texts in which a private key has begun: all that matters of what came before.
    inside_keys: HashMap<u128, Masker>,
    usual: Masker,
}

/// More begin only where somebody wants to fill the memory.
const MOST_KEYS: usize = 1000;

impl Mask for Masks {
    fn mask(&mut self, text: u128, lines: &mut [Line]) {
        let known = self.inside_keys.remove(&text);
        let mut masker = known.unwrap_or_else(|| std::mem::take(&mut self.usual));
        lines.iter_mut().for_each(|line| masker.mask(&mut line.text));
        if masker.is_inside_key() && self.inside_keys.len() < MOST_KEYS {
            self.inside_keys.insert(text, masker);
        } else if !masker.is_inside_key() {
            // Its memory serves the next text.
            self.usual = masker;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_on_in_their_own_text() {
        let mut masks = Masks::default();
        let mut check = |text, line: &str, expected: &str| {
            let mut lines = [Line { number: 1, text: line.as_bytes().to_vec() }];
            masks.mask(text, &mut lines);
            assert_eq!(String::from_utf8_lossy(&lines[0].text), expected, "{text}");
        };
        let digits = "MIIEpAIBAAKCAQEA1234567890";
        check(1, "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----***");
        check(2, digits, digits);
        check(1, digits, "***");
        check(2, "password=x", "password=***");
        check(1, "-----END PRIVATE KEY-----", "***-----END PRIVATE KEY-----");
        check(1, digits, digits);
    }
}
