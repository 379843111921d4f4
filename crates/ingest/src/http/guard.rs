//! Only who knows the token comes in: `Authorization: Bearer TOKEN`, or as the password of basic authentication, which
//! is all that many shippers can send.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::{DoorCount, DoorCounts};

#[derive(Clone)]
pub(super) struct Guard(Option<Arc<str>>);

impl Guard {
    pub(super) fn new(token: Option<&str>) -> Self {
        Self(token.map(Arc::from))
    }

    pub(super) fn admits(&self, authorization: Option<&[u8]>) -> bool {
        let Some(token) = &self.0 else { return true };
        let told = authorization.and_then(told_token).unwrap_or_default();
        told.ct_eq(token.as_bytes()).into()
    }
}

fn told_token(authorization: &[u8]) -> Option<Vec<u8>> {
    let space = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = authorization.split_at_checked(space)?;
    let credentials = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"Bearer") {
        return Some(credentials.to_vec());
    }
    let named = STANDARD.decode(credentials).ok().filter(|_| scheme.eq_ignore_ascii_case(b"Basic"))?;
    let colon = named.iter().position(|byte| *byte == b':')?;
    named.get(colon + 1..).map(<[u8]>::to_vec)
}

/// For a router whose every route is behind the guard.
pub(super) async fn ask(
    State((guard, counts)): State<(Guard, Arc<DoorCounts>)>,
    request: Request,
    next: Next,
) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION);
    if guard.admits(authorization.map(|value| value.as_bytes())) {
        return next.run(request).await;
    }
    DoorCount::note(&counts.strangers, 1);
    let asks = [(header::WWW_AUTHENTICATE, "Bearer, Basic realm=\"culprit\"")];
    (StatusCode::UNAUTHORIZED, asks, "the token is missing or wrong\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_known_as_bearer_and_as_password() {
        let check = |token: Option<&str>, told: Option<&str>, admitted: bool| {
            assert_eq!(Guard::new(token).admits(told.map(str::as_bytes)), admitted, "{told:?}");
        };
        check(None, None, true);
        check(None, Some("Bearer any"), true);
        check(Some("s3:cret"), Some("Bearer s3:cret"), true);
        check(Some("s3:cret"), Some("bearer  s3:cret "), true);
        check(Some("s3:cret"), Some("Basic dXNlcjpzMzpjcmV0"), true); // user:s3:cret
        check(Some("s3:cret"), Some("Bearer s3:cre"), false);
        check(Some("s3:cret"), Some("Bearer s3:crett"), false);
        check(Some("s3:cret"), Some("Bearer "), false);
        check(Some("s3:cret"), Some("s3:cret"), false);
        check(Some("s3:cret"), Some("Basic s3:cret"), false);
        check(Some("s3:cret"), Some("Basic czM6Y3JldA=="), false); // The user.
        check(Some("s3:cret"), None, false);
    }
}
