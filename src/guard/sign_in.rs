//! Guards: the user and session behind a request's token.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rocket::http::{RawStr, Status};
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};
use secrecy::SecretString;

use crate::auth::{Claims, TokenError, is_session_id};
use crate::call::{Principal, Source};
use crate::clock::Timestamp;
use crate::service::{self, Offer, SignIn};
use crate::user::{SessionId, UserId};
use crate::wire::ErrorType;

use super::client_ip::{client_address, is_of_unnamed_proxy, rate_limit_key};
use super::{Access, ApiError, Origin, RequestContext};

/// Header that names a session: in the response to an upgrade, and in requests with tokens that name none.
pub const SESSION_HEADER: &str = "X-Session-Id";

/// User with a valid token, within the rate limit of REST requests.
#[derive(Clone)]
pub struct SignedIn {
    user: UserId,
    session: SessionId,
}

impl SignedIn {
    /// The user.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Returns the user's session as principal over REST.
    #[must_use]
    pub fn principal(self) -> Principal {
        Principal {
            user: self.user,
            session: self.session,
            via: Source::Rest,
        }
    }
}

/// User with a valid token who opens a socket.
pub struct SocketSignIn {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The token.
    pub token: SecretString,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// The client's address, or for IPv6 the network that is likely to be its own.
    pub address: IpAddr,
    /// The subprotocol that the client offers and the server speaks.
    pub protocol: Option<&'static str>,
}

/// Subprotocol of the socket (RFC 6455, section 1.9). A page that offers it can send its token as another one, since
/// browsers let pages set no other header.
const PROTOCOL: &str = "chattrix.v1";

/// Prefix of the subprotocol that carries a token.
const BEARER: &str = "bearer.";

/// Signed-in user within the rate limit of calls.
pub struct Caller(
    /// The user.
    pub SignedIn,
);

/// Reason of a failed sign-in.
#[derive(Debug)]
pub enum SignInError {
    /// There is no token.
    Missing,
    /// The token is not valid; the reason is only for the log and the metrics.
    BadToken(TokenError),
    /// The API key is unknown, expired or revoked.
    BadApiKey,
    /// The token's user does not exist.
    UnknownUser,
    /// The token's user was removed after the token was issued.
    RemovedUser,
    /// The token's user is disabled.
    DisabledUser,
    /// The keys of the identity provider are not loaded, so the token cannot be checked.
    KeysUnavailable,
    /// The user could not be looked up.
    Failed(service::Error),
}

impl SignInError {
    /// Returns the reason in one word, if the token was rejected: for the metrics and the log.
    const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("missing"),
            Self::BadToken(error) => Some(error.as_str()),
            Self::BadApiKey => Some("bad_api_key"),
            Self::UnknownUser => Some("unknown_user"),
            Self::RemovedUser => Some("removed_user"),
            Self::DisabledUser => Some("disabled_user"),
            Self::KeysUnavailable | Self::Failed(_) => None,
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Failed(error) => error.into(),
            SignInError::KeysUnavailable => {
                Self::unavailable("The keys of the identity provider are not available yet")
            }
            // One sentence for all of them: clients do not learn why a token was rejected.
            SignInError::Missing
            | SignInError::BadToken(_)
            | SignInError::BadApiKey
            | SignInError::UnknownUser
            | SignInError::RemovedUser
            | SignInError::DisabledUser => ErrorType::Unauthenticated.into(),
        }
    }
}

impl Access {
    /// Authenticates `token`, and counts the rejection if it is not valid.
    ///
    /// # Errors
    /// The reason of the failure.
    pub async fn sign_in(&self, token: &str) -> Result<Claims, SignInError> {
        let signed_in = self.authenticate(token).await;
        if let Err(error) = &signed_in {
            self.count(error);
        }
        signed_in
    }

    /// Whether the current keys and required claims accept `token`, which was valid before. A token that has only
    /// expired is accepted: an expired session has its own rule. So is a token that cannot be checked.
    #[must_use]
    pub fn still_accepts(&self, token: &str) -> bool {
        let now = self.0.service.clock().wall();
        let verified = self.policy().authenticator.verify(token, now);
        matches!(
            verified,
            Ok(_) | Err(TokenError::Expired | TokenError::KeysUnavailable)
        )
    }

    async fn authenticate(&self, token: &str) -> Result<Claims, SignInError> {
        let now = self.0.service.clock().wall();
        let claims = match self.authenticator().authenticate(token, now).await {
            Ok(claims) => claims,
            Err(TokenError::KeysUnavailable) => return Err(SignInError::KeysUnavailable),
            Err(error) => return Err(SignInError::BadToken(error)),
        };
        let offer = Offer {
            name: claims.name.clone(),
            avatar: claims.picture.clone(),
            issued_at: claims.issued_at,
        };
        let signed_in = self.0.service.users().sign_in(&claims.user, offer).await;
        match signed_in.map_err(SignInError::Failed)? {
            SignIn::Welcome => Ok(claims),
            SignIn::Unknown => Err(SignInError::UnknownUser),
            SignIn::Removed => Err(SignInError::RemovedUser),
            SignIn::Disabled => Err(SignInError::DisabledUser),
        }
    }

    /// Signs in the user of `token` for `request`. Rejected tokens are limited per client address; a valid token
    /// passes whatever came from its address before.
    async fn admit(&self, request: &Request<'_>, token: Option<&str>) -> Result<Claims, ApiError> {
        if self.0.service.sessions().is_stopping() {
            return Err(ApiError::unavailable("The server is stopping"));
        }
        let signed_in = match token {
            Some(token) => self.sign_in(token).await,
            None => Err(SignInError::Missing).inspect_err(|error| self.count(error)),
        };
        match signed_in {
            Ok(mut claims) => {
                RequestContext::of(request).comes_from(&claims.user);
                if let Some(session) = named_session(request).filter(|_| !claims.names_session) {
                    claims.session = session;
                }
                Ok(claims)
            }
            Err(error) => Err(self.rejected(request, error)),
        }
    }

    /// Returns the response to a failed sign-in: 429 if its address has sent too many bad tokens.
    pub(super) fn rejected(&self, request: &Request<'_>, error: SignInError) -> ApiError {
        let Some(reason) = error.reason() else {
            return error.into();
        };
        let client = self.address_of(request);
        let key = rate_limit_key(client);
        if !matches!(error, SignInError::Missing) && self.0.rejection_log.allows(key) {
            tracing::warn!(%client, reason, "token rejected");
        }
        // The signature of an expired token is valid, so it is not a guess. Its client gets the 401 that makes it renew
        // the token, whatever other clients behind the same address have sent.
        if matches!(error, SignInError::BadToken(TokenError::Expired)) {
            return error.into();
        }
        match self.policy().auth_failures.check(&key) {
            Ok(()) => error.into(),
            Err(wait) => ApiError::rate_limited(wait),
        }
    }

    /// Counts a socket that `user` opens from `address`. The address of a proxy that forwards for many is not counted: one
    /// on this machine, or one that is not named in `trusted_proxies`.
    fn check_connect(
        &self,
        request: &Request<'_>,
        user: &UserId,
        address: IpAddr,
    ) -> Result<(), Duration> {
        let policy = self.policy();
        policy.connects.check(user)?;
        if address.is_loopback() || is_of_unnamed_proxy(request, &policy.trusted_proxies) {
            return Ok(());
        }
        policy.connects_of_address.check(&address)
    }

    /// Returns the address of the client behind `request`, and notes a proxy that is not trusted.
    pub(super) fn address_of(&self, request: &Request<'_>) -> IpAddr {
        let policy = self.policy();
        let trusted_proxies = &policy.trusted_proxies;
        if is_of_unnamed_proxy(request, trusted_proxies) {
            self.0.unnamed_proxy.store(true, Ordering::Relaxed);
        }
        client_address(request, trusted_proxies)
    }

    pub(super) fn count(&self, error: &SignInError) {
        if let Some(reason) = error.reason() {
            tracing::debug!(?error, "token rejected");
            self.0.service.metrics().auth_failed(reason);
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignedIn {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        try_outcome!(request.guard::<Origin>().await);
        let access = try_outcome!(access(request));
        let claims = match access.admit(request, bearer(request)).await {
            Ok(claims) => claims,
            Err(problem) => return problem.refuse(request),
        };
        match access.policy().requests.check(&claims.user) {
            Ok(()) => Outcome::Success(Self {
                user: claims.user,
                session: claims.session,
            }),
            Err(wait) => ApiError::rate_limited(wait).refuse(request),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SocketSignIn {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        try_outcome!(request.guard::<Origin>().await);
        let access = try_outcome!(access(request));
        let in_query = request.query_value::<String>("token").and_then(Result::ok);
        let token = in_query.as_deref().or_else(|| bearer(request));
        let token = token.or_else(|| protocols(request).find_map(|one| one.strip_prefix(BEARER)));
        let claims = match access.admit(request, token).await {
            Ok(claims) => claims,
            Err(error) => return error.refuse(request),
        };
        let address = rate_limit_key(access.address_of(request));
        match access.check_connect(request, &claims.user, address) {
            Ok(()) => Outcome::Success(Self {
                user: claims.user,
                session: claims.session,
                token: token.unwrap_or_default().into(),
                expires_at: claims.expires_at,
                address,
                protocol: protocols(request)
                    .any(|one| one == PROTOCOL)
                    .then_some(PROTOCOL),
            }),
            Err(wait) => ApiError::rate_limited(wait).refuse(request),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let signed_in = try_outcome!(request.guard::<SignedIn>().await);
        let access = try_outcome!(access(request));
        match access.policy().initiations.check(&signed_in.user) {
            Ok(()) => Outcome::Success(Self(signed_in)),
            Err(wait) => ApiError::rate_limited(wait).refuse(request),
        }
    }
}

pub(super) fn access<'r>(request: &'r Request<'_>) -> Outcome<&'r Access, ()> {
    request.rocket().state::<Access>().map_or(
        Outcome::Error((Status::InternalServerError, ())),
        Outcome::Success,
    )
}

/// Returns the token of an `Authorization: Bearer` header (RFC 6750, section 2.1; the scheme in any case).
pub(super) fn bearer<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let (scheme, token) = request
        .headers()
        .get_one("Authorization")?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// Returns the session that the client names, for tokens that do not: the response to its upgrade named it.
fn named_session(request: &Request<'_>) -> Option<SessionId> {
    let name = request.headers().get_one(SESSION_HEADER)?;
    let decoded = RawStr::new(name).percent_decode().ok();
    // An id of printable ASCII characters is not encoded, and may contain a percent sign.
    let decoded = decoded.filter(|text| !is_header_text(text));
    let name = decoded.unwrap_or(name.into());
    is_session_id(&name).then(|| SessionId::new(&name))
}

/// Returns the value of [`SESSION_HEADER`] for `session`: percent-encoded if it cannot be in a header as it is.
#[must_use]
pub fn session_header(session: &SessionId) -> String {
    let id = session.as_str();
    if is_header_text(id) {
        return id.to_owned();
    }
    let encoded = id.bytes().map(|byte| match byte {
        b'%' => "%25".to_owned(),
        byte if byte.is_ascii_graphic() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns the subprotocols that a WebSocket client offers, from all headers of that name.
fn protocols<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    let headers = request.headers().get("Sec-WebSocket-Protocol");
    headers.flat_map(|header| header.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use rocket::http::Header;
    use rocket::local::blocking::Client;

    use super::*;

    #[test]
    fn every_session_is_named_by_its_header() {
        let client = Client::untracked(rocket::build()).expect("a client");
        for (id, header) in [
            ("phone", "phone"),
            ("50%25", "50%25"),
            ("téléphone 1", "t%C3%A9l%C3%A9phone%201"),
            ("é%", "%C3%A9%25"),
        ] {
            let session = SessionId::new(id);
            assert_eq!(session_header(&session), header);
            let request = client.get("/").header(Header::new(SESSION_HEADER, header));
            assert_eq!(named_session(request.inner()), Some(session));
        }
    }
}
