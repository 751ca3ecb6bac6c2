//! Guard of dev mode (`--dev`): the local developer, who may sign in as any user.

use std::time::Duration;

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use secrecy::SecretString;

use crate::auth::MintError;
use crate::settings::Mode;
use crate::user::{SessionId, UserId};

use super::metrics_reader::is_forwarded;
use super::{Access, ApiError};

/// Proof that a request comes from the machine of the dev mode: from its own loopback interface, not forwarded by a
/// proxy, and not caused by a page of another site in the local browser.
pub struct LocalDeveloper(());

impl Access {
    /// Returns a token for `user` in `session`.
    pub fn token_for(
        &self,
        _: &LocalDeveloper,
        user: &UserId,
        session: &SessionId,
        ttl: Duration,
    ) -> Result<SecretString, MintError> {
        let now = self.0.service.clock().wall();
        self.policy().authenticator.mint_in(user, session, ttl, now)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for LocalDeveloper {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let mode = request
            .rocket()
            .state::<Access>()
            .map(|access| access.policy().mode);
        let is_here = request
            .remote()
            .is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        let headers = request.headers();
        let asks_itself = comes_from_its_own_page(
            headers.get_one("Host"),
            headers.get_one("Origin"),
            headers.get_one("Sec-Fetch-Site"),
        );
        if mode == Some(Mode::Development) && is_here && !is_forwarded(headers) && asks_itself {
            return Outcome::Success(Self(()));
        }
        // As for an unknown route: for all others the route does not exist.
        ApiError::of_status(Status::NotFound).refuse(request)
    }
}

/// Whether the headers of a browser show that one of our own pages sent the request, or there are no such headers, as
/// outside of browsers. In dev mode pages of all origins may use the interface; they must not get a user's token, and
/// neither must a page whose own name resolves to this machine (DNS rebinding).
fn comes_from_its_own_page(host: Option<&str>, origin: Option<&str>, site: Option<&str>) -> bool {
    let Some(host) = host.filter(|host| is_loopback(host)) else {
        return false;
    };
    let is_own = |origin: &str| {
        let (scheme, authority) = origin.split_once("://").unwrap_or_default();
        matches!(scheme, "http" | "https") && authority == host
    };
    origin.is_none_or(is_own) && matches!(site, None | Some("same-origin" | "none"))
}

/// Whether `host`, with or without a port, always names this machine, independent of DNS.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_page_and_programs_may_ask() {
        for (host, origin, site) in [
            ("127.0.0.1:8000", None, None),
            (
                "127.0.0.1:8000",
                Some("http://127.0.0.1:8000"),
                Some("same-origin"),
            ),
            ("localhost", Some("https://localhost"), None),
            ("[::1]:8000", None, Some("none")),
        ] {
            assert!(comes_from_its_own_page(Some(host), origin, site), "{host}");
        }
    }

    #[test]
    fn pages_of_others_may_not_ask_whatever_their_name_resolves_to() {
        let here = Some("127.0.0.1:8000");
        for (host, origin, site) in [
            (None, None, None),
            (Some("evil.example"), None, None),
            (
                Some("evil.example:8000"),
                Some("http://evil.example:8000"),
                None,
            ),
            (Some("127.0.0.1.evil.example"), None, None),
            (here, Some("http://127.0.0.1:9000"), None),
            (here, Some("https://evil.example"), None),
            (here, Some("null"), None),
            (here, None, Some("cross-site")),
            (here, None, Some("same-site")),
        ] {
            assert!(
                !comes_from_its_own_page(host, origin, site),
                "{host:?} {origin:?} {site:?}"
            );
        }
    }
}
