//! Secrets never reach the store, nor the buffer of an agent: they are masked before anything else looks at a line. What
//! was masked stays as it is when it is masked again.
//!
//! A search for a few stems (`pass`, `token`, …) finds the places worth a look, so that most lines cost one quick scan.
//! What follows a stem is then read by hand: a key, a separator, a value, in every quoting that logs have (Python,
//! JSON inside JSON, headers, options, XML). Ids and hashes of tokens stay, they are needed to follow a request.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

const MASK: &[u8] = b"***";

/// Each at least four letters long, which is what [`Masker`]'s quick search relies on.
const STEMS: [&str; 11] = [
    "pass",
    "pswd",
    "token",
    "secret",
    "hmac",
    "authorization",
    "private",
    "api_key",
    "apikey",
    "auth_key",
    "access_key",
];
/// The stems, and two that need no key: `gAAAA` begins every fernet token, `@` ends the credentials of a URL.
static PLACES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(STEMS.iter().copied().chain(["gaaaa", "@"]))
        .expect("thirteen short patterns fit into an automaton")
});
const FERNET: usize = STEMS.len();
const AT_SIGN: usize = STEMS.len() + 1;

/// The lines of a private key that may follow its first one.
const MAX_KEY_LINES: u32 = 200;

/// The same places but for `@`, in a text that is in lower case: many bytes at once, on processors that can.
static QUICK: LazyLock<Option<Searcher>> =
    LazyLock::new(|| Searcher::new(STEMS.iter().copied().chain(["gaaaa"])));

/// Masks the lines of one source, in their order.
#[derive(Debug, Default)]
pub struct Masker {
    /// How many more lines may belong to the private key that has begun.
    key_lines_left: u32,
    lower: Vec<u8>,
}

impl Masker {
    /// Replaces each secret by `***`.
    pub fn mask(&mut self, line: &mut Vec<u8>) {
        if self.is_inside_key() {
            self.mask_key(line);
        }
        if !self.may_hold_secrets(line) {
            return;
        }
        mask_all(line);
        self.mask_private_keys(line);
    }

    fn mask_private_keys(&mut self, line: &mut Vec<u8>) {
        let mut keys = Vec::new();
        let mut from = 0;
        while let Some(begin) = private_key(line, from) {
            let length = memmem::find(&line[begin..], b"-----END");
            self.key_lines_left = if length.is_some() { 0 } else { MAX_KEY_LINES };
            from = length.map_or(line.len(), |length| begin + length);
            keys.push(begin..from);
        }
        if !keys.is_empty() {
            *line = without(line, &keys);
        }
    }

    /// A private key has begun and not ended: what was seen matters for the next line.
    #[must_use]
    pub const fn is_inside_key(&self) -> bool {
        self.key_lines_left > 0
    }

    /// Most lines hold none of the places that [`secrets`] looks at.
    fn may_hold_secrets(&mut self, line: &[u8]) -> bool {
        self.lower.clear();
        self.lower.extend(line.iter().map(u8::to_ascii_lowercase));
        let stem = QUICK.as_ref().is_none_or(|quick| quick.find(&self.lower).is_some());
        stem || memchr::memchr(b'@', line).is_some()
    }

    /// What belongs to the key is masked; all else of the line is looked at as usual.
    fn mask_key(&mut self, line: &mut Vec<u8>) {
        self.key_lines_left -= 1;
        if let Some(end) = memmem::find(line, b"-----END") {
            self.key_lines_left = 0;
            line.splice(..end, MASK.iter().copied());
            return;
        }
        // A prefix may stand before the digits of the key.
        let digits = line.iter().rev().take_while(|byte| is_base64(**byte)).count();
        if digits >= 16 {
            let start = line.len() - digits;
            line.splice(start.., MASK.iter().copied());
        }
    }
}

/// Until nothing is left: where a secret was, what stands before it may be read otherwise, as a key of its own.
fn mask_all(line: &mut Vec<u8>) {
    // Nothing that a program writes takes more than two; a line that is made to take many is not read for minutes.
    const MOST_TURNS: usize = 8;
    for _ in 0..MOST_TURNS {
        let secrets = secrets(line);
        if secrets.is_empty() {
            return;
        }
        *line = without(line, &secrets);
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r')
}

/// Where the digits of the next private key begin.
fn private_key(line: &[u8], from: usize) -> Option<usize> {
    const MARKER: &[u8] = b"PRIVATE KEY-----";
    let rest = line.get(from..)?;
    let begin = memmem::find(rest, b"-----BEGIN")?;
    let marker = memmem::find(rest.get(begin..)?, MARKER)?;
    Some(from + begin + marker + MARKER.len())
}

fn without(line: &[u8], secrets: &[Range<usize>]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(line.len());
    let mut kept = 0;
    for secret in secrets {
        masked.extend_from_slice(line.get(kept..secret.start).unwrap_or_default());
        masked.extend_from_slice(MASK);
        kept = secret.end;
    }
    masked.extend_from_slice(line.get(kept..).unwrap_or_default());
    masked
}

/// In order, apart from each other.
fn secrets(line: &[u8]) -> Vec<Range<usize>> {
    let mut secrets: Vec<Range<usize>> = Vec::new();
    let mut credentials = None;
    for place in PLACES.find_iter(line) {
        let masked_up_to = secrets.last().map_or(0, |secret| secret.end);
        if place.start() < masked_up_to {
            continue;
        }
        let secret = match place.pattern().as_usize() {
            FERNET => fernet(line, place.start()),
            AT_SIGN => {
                credentials = url_credentials(line, place.start(), credentials);
                credentials.clone().and_then(|credentials| url_password(line, credentials))
            }
            _ => keyed(line, place.start(), place.end()),
        };
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { continue };
        match secrets.last_mut() {
            // A password that holds an at sign.
            Some(last) if secret.start == last.start => last.end = secret.end,
            Some(last) if secret.start < last.end => {}
            _ => secrets.push(secret),
        }
    }
    secrets
}

/// `gAAAAABr…`: a keystone token of any length that could be one.
fn fernet(line: &[u8], start: usize) -> Option<Range<usize>> {
    const SHORTEST: usize = 40;
    let exact = line.get(start..start + 5)? == b"gAAAA";
    let glued = start > 0 && is_url_safe(line[start - 1]);
    if glued || !exact {
        return None;
    }
    let length = line[start..].iter().take_while(|byte| is_url_safe(**byte)).count();
    (length >= SHORTEST).then_some(start..start + length)
}

fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'=' | b'%')
}

/// `user:password` of `rabbit://user:password@host:5672,user:password@host:5672/`. They are short, so the scan back is
/// bounded. `previous` are the credentials before these.
fn url_credentials(line: &[u8], at_sign: usize, previous: Option<Range<usize>>) -> Option<Range<usize>> {
    const LONGEST: usize = 512;
    let from = at_sign.saturating_sub(LONGEST);
    let before = line.get(from..at_sign)?;
    let odd = |byte: &u8| matches!(byte, b' ' | b'"' | b'\'' | b'<' | b'>' | b'?');
    let of_next_host = previous.filter(|previous| previous.end >= from).and_then(|previous| {
        let between = line.get(previous.end + 1..at_sign).filter(|between| !between.contains(&b'/'))?;
        let comma = memchr::memchr(b',', between);
        Some(comma.map_or(previous.start, |comma| previous.end + comma + 2))
    });
    let of_first_host = || Some(from + memmem::rfind(before, b"://")? + b"://".len());
    let start = of_next_host.or_else(of_first_host)?;
    (!line.get(start..at_sign)?.iter().any(odd)).then_some(start..at_sign)
}

fn url_password(line: &[u8], credentials: Range<usize>) -> Option<Range<usize>> {
    let text = line.get(credentials.clone())?;
    let colon = memchr::memchr2(b':', b'/', text).filter(|at| text.get(*at) == Some(&b':'))?;
    let password = text.get(colon + 1..)?;
    // `http://10.0.0.11:5000/v3/users/name@example.org`
    let digits = password.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_port = digits > 0 && password.get(digits) == Some(&b'/');
    (!is_port && is_worth(password)).then_some(credentials.start + colon + 1..credentials.end)
}

/// The value of the key that the stem at `start..end` belongs to.
fn keyed(line: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    const LONGEST: usize = 64;
    let word_start =
        start - line[..start].iter().rev().take(LONGEST).take_while(|byte| is_word(**byte)).count();
    let word_end = end + line[end..].iter().take(LONGEST).take_while(|byte| is_word(**byte)).count();
    let key = Key::read(line.get(word_start..word_end)?)?;
    let value = value(line, word_start, word_end, key)?;
    let text = line.get(value.clone())?;
    let scheme = scheme_length(text);
    let secret = value.start + scheme..value.end;
    is_worth(line.get(secret.clone())?).then_some(secret)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// How much the name of a key promises.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    /// `adminPass`, `shared_secret`, `hmac_keys`, `X-Auth-Token`, `Authorization`.
    Certain,
    /// `token`: prose uses the word too.
    Maybe,
}

impl Key {
    fn read(word: &[u8]) -> Option<Self> {
        let mut plain = [0_u8; 140];
        let mut length = 0;
        for byte in word.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            *plain.get_mut(length)? = byte.to_ascii_lowercase();
            length += 1;
        }
        let plain = plain.get(..length)?;
        let is_header = word.starts_with(b"X-") || word.starts_with(b"x-");
        let is_option = word.starts_with(b"--");
        let ends = |ending: &str| plain.ends_with(ending.as_bytes());
        let certain =
            ["password", "passwd", "passphrase", "pswd", "secret", "secretkey", "sharedsecret", "hmac"];
        let more = [
            "hmackey",
            "hmackeys",
            "privatekey",
            "apikey",
            "authkey",
            "accesskey",
            "authorization",
            "secretaccesskey",
        ];
        let short_pass = ["adminpass", "newpass", "userpass", "oldpass", "rootpass", "originalpass"];
        let is_pass = plain == b"pass" || word.ends_with(b"_pass") || short_pass.into_iter().any(ends);
        if certain.into_iter().chain(more).any(ends) || is_pass {
            return Some(if is_camel_case(word) { Self::Maybe } else { Self::Certain });
        }
        match ends("token") {
            true if is_header || is_option => Some(Self::Certain),
            true if plain.len() > b"token".len() && !is_camel_case(word) => Some(Self::Certain),
            true => Some(Self::Maybe),
            false => None,
        }
    }
}

/// `InvalidToken: …` names an exception, not a key.
fn is_camel_case(word: &[u8]) -> bool {
    let capitals = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let small = word.iter().any(u8::is_ascii_lowercase);
    capitals > 1 && small && word.iter().all(u8::is_ascii_alphabetic) && word[0].is_ascii_uppercase()
}

/// What stands behind a key: `": "…"`, `\": \"…\"`, `=…`, `: …`, ` …` after an option, `>…<`.
fn value(line: &[u8], word_start: usize, word_end: usize, key: Key) -> Option<Range<usize>> {
    let mut at = word_end;
    let key_quoted = skip_quote(line, &mut at);
    let before_separator = at;
    skip_spaces(line, &mut at);
    let separator = line.get(at).copied();
    match separator {
        Some(b'=' | b':') => at += 1,
        Some(b'>') if line.get(..word_start)?.ends_with(b"<") => {
            let length = memchr::memchr(b'<', &line[at + 1..])?;
            return Some(at + 1..at + 1 + length);
        }
        Some(_) if line.get(word_start..)?.starts_with(b"--") && at > before_separator => {
            return Some(at..end_of_bare(line, at));
        }
        _ => return None,
    }
    // Ruby's and PHP's `=>`; two equal signs compare.
    if separator == Some(b'=') && matches!(line.get(at), Some(b'>')) {
        at += 1;
    }
    let after_separator = at;
    skip_spaces(line, &mut at);
    let spaced = at > after_separator;
    if matches!(line.get(at..at + 2), Some(b"u'" | b"u\"" | b"b'" | b"b\"")) {
        at += 1;
    }
    let quote_start = at;
    if skip_quote(line, &mut at) {
        return Some(at..end_of_quoted(line, at, quote_start));
    }
    let end = end_of_bare(line, at);
    let bare = line.get(at..end)?;
    let prose =
        separator == Some(b':') && spaced && !key_quoted && (key == Key::Maybe || is_dotted_name(bare));
    let scheme = scheme_length(line.get(at..)?);
    let end = if scheme > 0 { end_of_bare(line, at + scheme) } else { end };
    // A line of a traceback: `token = provider.validate(`. What is certain to be a password may hold any sign.
    let code = key == Key::Maybe && bare.contains(&b'(');
    let structure = matches!(bare, b"{" | b"[");
    (!prose && !code && !structure).then_some(at..end)
}

/// `Basic `, `Bearer `: how, not what.
fn scheme_length(value: &[u8]) -> usize {
    let schemes: [&[u8]; 4] = [b"basic ", b"bearer ", b"digest ", b"negotiate "];
    let has =
        |scheme: &&[u8]| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    schemes.iter().find(|scheme| has(scheme)).map_or(0, |scheme| scheme.len())
}

/// Any number of backslashes and a quote.
fn skip_quote(line: &[u8], at: &mut usize) -> bool {
    let quote = *at + line.get(*at..).unwrap_or_default().iter().take_while(|byte| **byte == b'\\').count();
    let quoted = matches!(line.get(quote), Some(b'"' | b'\''));
    if quoted {
        *at = quote + 1;
    }
    quoted
}

fn skip_spaces(line: &[u8], at: &mut usize) {
    *at += line.get(*at..).unwrap_or_default().iter().take_while(|byte| **byte == b' ').count();
}

/// The value of a quoted string ends at the same quote behind as many backslashes, or fewer when the line was cut
/// inside; a quote behind more of them belongs to the value.
fn end_of_quoted(line: &[u8], start: usize, quote_start: usize) -> usize {
    let depth = start - 1 - quote_start;
    let quote = line[start - 1];
    let mut backslashes = 0;
    for (at, byte) in line.iter().enumerate().skip(start) {
        match *byte {
            b'\\' => backslashes += 1,
            byte if byte == quote && backslashes <= depth => return at - backslashes,
            _ => backslashes = 0,
        }
    }
    line.len()
}

fn end_of_bare(line: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'\t' | b',' | b';' | b'&' | b'"' | b'\'' | b')' | b']' | b'}' | b'<' | b'\\' | b'\r'
        )
    };
    line.iter().skip(start).position(ends).map_or(line.len(), |length| start + length)
}

/// `keystonemiddleware.auth_token._exceptions.InvalidToken:` after `… failed for token:`.
fn is_dotted_name(text: &[u8]) -> bool {
    let text = text.strip_suffix(b":").unwrap_or(text);
    text.contains(&b'.')
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// Not what stands for nothing, is masked already, or is the hash of a token that clients print to follow it.
fn is_worth(value: &[u8]) -> bool {
    let nothing: [&[u8]; 8] = [b"none", b"null", b"true", b"false", b"<none>", b"nil", b"undefined", b"-"];
    let is_nothing = nothing.iter().any(|word| value.eq_ignore_ascii_case(word));
    let is_mask = value.iter().all(|byte| *byte == b'*');
    let is_hash = value.starts_with(b"{SHA") || value.starts_with(b"{sha");
    !(is_nothing || is_mask || is_hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(lines: &str) -> String {
        let mut masker = Masker::default();
        let mask = |line: &str| {
            let mut line = line.as_bytes().to_vec();
            masker.mask(&mut line);
            String::from_utf8(line).unwrap()
        };
        lines.split('\n').map(mask).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn secrets_are_masked() {
        let check = |text: &str, expected: &str| assert_eq!(masked(text), expected, "{text}");
        check(
            "connection = mysql+pymysql://nova:s3cr:et@10.0.0.11/nova?charset=utf8",
            "connection = mysql+pymysql://nova:***@10.0.0.11/nova?charset=utf8",
        );
        check(
            "transport_url rabbit://a:b@h1:5672,c:d,e@h2:5672,f:g@[::1]:5672//",
            "transport_url rabbit://a:***@h1:5672,c:***@h2:5672,f:***@[::1]:5672//",
        );
        check("rabbit://a:@h1,b:***@h2,c:d@h3/", "rabbit://a:@h1,b:***@h2,c:***@h3/");
        check("rabbit://a:b@c@h1,d:e@h2/", "rabbit://a:***@h1,d:***@h2/");
        check("mysql://a:b,c/d@h/nova", "mysql://a:***@h/nova");
        check("password=ab(c password: d(e) x", "password=*** password: ***) x");
        check("password={ab x", "password=*** x");
        check(
            r#"_url\\\": \\\"rabbit://openstack:rabbit-pw@10.0.0.11:5672/\\\", \\\"database_connection\\\": \\\"mysql+pymysql://nova:nova-db-pw@10.0.0.11/nova?charset=utf8\\\""#,
            r#"_url\\\": \\\"rabbit://openstack:***@10.0.0.11:5672/\\\", \\\"database_connection\\\": \\\"mysql+pymysql://nova:***@10.0.0.11/nova?charset=utf8\\\""#,
        );
        check("{'adminPass': 'p w\\'d', 'name': 'x'}", "{'adminPass': '***', 'name': 'x'}");
        check("{u'admin_password': u'x'}", "{u'admin_password': u'***'}");
        check(r#"{"password": "a\"b", "x": 1}"#, r#"{"password": "***", "x": 1}"#);
        check(r#"{\"password\": \"a\\\"b\", \"x\": 1}"#, r#"{\"password\": \"***\", \"x\": 1}"#);
        check(
            r#"\\\"_context_auth_token\\\": \\\"abc\\\", \\\"b\\\""#,
            r#"\\\"_context_auth_token\\\": \\\"***\\\", \\\"b\\\""#,
        );
        check("curl -H \"X-Auth-Token: abcdef\" -H 'x'", "curl -H \"X-Auth-Token: ***\" -H 'x'");
        check("Authorization: Basic dXNlcjpwdw== x", "Authorization: Basic *** x");
        check("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer ***'}");
        check(
            "metadata_proxy_shared_secret = hunter2 log_opt_values",
            "metadata_proxy_shared_secret = *** log_opt_values",
        );
        check("profiler.hmac_keys = SECRET_KEY x", "profiler.hmac_keys = *** x");
        check("?password=hunter2&user=a", "?password=***&user=a");
        check("cmd --os-password hunter2 --x", "cmd --os-password *** --x");
        check("<adminPass>hunter2</adminPass>", "<adminPass>***</adminPass>");
        check("password: hunter2", "password: ***");
        check("{\"password\": \"cut off", "{\"password\": \"***");
        let token = format!("token gAAAAABrARMTM-_eEgD1Y0P6{} x", "z".repeat(40));
        check(&token, "token *** x");
    }

    #[test]
    fn private_keys_are_masked_over_several_lines() {
        let check = |text: &str, expected: &str| assert_eq!(masked(text), expected);
        let digits = "MIIEpAIBAAKCAQEA1234567890+/";
        check(
            &format!(
                "key:\n-----BEGIN RSA PRIVATE KEY-----\n{digits}\n{digits}==\n-----END RSA PRIVATE KEY-----\nafter"
            ),
            "key:\n-----BEGIN RSA PRIVATE KEY-----***\n***\n***\n***-----END RSA PRIVATE KEY-----\nafter",
        );
        check(
            &format!("'-----BEGIN PRIVATE KEY-----\\n{digits}\\n-----END PRIVATE KEY-----'\nafter"),
            "'-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----'\nafter",
        );
        let key =
            |digits: &str| format!("-----BEGIN EC PRIVATE KEY-----{digits}-----END EC PRIVATE KEY-----");
        check(
            &format!("{} and {} and -----BEGIN PRIVATE KEY-----{digits}\n{digits}", key(digits), key(digits)),
            &format!("{} and {} and -----BEGIN PRIVATE KEY-----***\n***", key("***"), key("***")),
        );
    }

    #[test]
    fn lines_full_of_keys_are_read_once() {
        // Looking at each of these to the end of the line would take minutes.
        for piece in [
            "pass",
            "gAAAA",
            "@",
            "://a:b@",
            "pass={",
            "token: a.",
            "password='",
            "<pass>",
            "pass \\",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            let mut line = [b"x", piece.repeat(1 << 16).as_bytes()].concat();
            Masker::default().mask(&mut line);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_masked_is_masked_already(lines in lines()) {
            let once = masked(&lines);
            assert_eq!(masked(&once), once, "{lines}");
        }
    }

    /// Pieces that mean something to whoever masks, in any order.
    fn lines() -> impl Strategy<Value = String> {
        let pieces = [
            "password",
            "token",
            "X-Auth-Token",
            "--os-password",
            "secret",
            "Authorization",
            "adminPass",
            "InvalidToken",
            "rabbit://",
            "a:b",
            "@",
            "h1:5672",
            "gAAAAA",
            "eE1Y0P6zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "MIIEpAIBAAKCAQEA",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----END RSA PRIVATE KEY-----",
            "PRIVATE KEY-----",
            "Basic ",
            "bearer ",
            "{SHA256}",
            "None",
            "***",
            "*",
            "u'",
            "'",
            "\"",
            "\\",
            "\\\"",
            "=",
            "=>",
            ":",
            ": ",
            " ",
            ",",
            ";",
            "&",
            "?",
            "/",
            "<",
            ">",
            "</",
            "{",
            "}",
            "[",
            "(",
            ")",
            ".",
            "-",
            "_",
            "\n",
            "\r",
            "x",
        ];
        let piece = prop::sample::select(pieces.to_vec());
        prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn what_is_no_secret_stays() {
        let check = |text: &str| assert_eq!(masked(text), text);
        check(
            "Authorization failed for token: keystonemiddleware.auth_token._exceptions.InvalidToken: Token x",
        );
        check("Failed to validate token: keystone.exception.TokenNotFound: Failed to validate token");
        check("curl -H \"X-Auth-Token: {SHA256}0679010f\" x");
        check("auth_type = password log_opt_values");
        check("keystone_authtoken.www_authenticate_uri = http://10.0.0.11:5000/");
        check("\"GET /v3/auth/tokens HTTP/1.1\" 200");
        check(r#"\"_context_auth_token\": null, \"password\": \"***\", "encryption_secret_uuid": null"#);
        check("max_token_size = 255; token_expiration: 3600");
        check("Truncating password to algorithm specific maximum length 72 characters.");
        check("mail to admin@example.org, see http://10.0.0.11:5000/v3 or a@b");
        check("bypass=1 compass: x passthrough: y");
        check("File \"keystone/token/provider.py\", line 5, in validate_token");
        check("    token = PROVIDER_APIS.token_provider_api.validate_token(");
        check("password=None token=None");
        check("GET http://10.0.0.11:5000/v3/users/a@example.org, b@example.org");
        check("secret: {'a': 1}, secrets=[], token = get_token(context)");
    }
}
