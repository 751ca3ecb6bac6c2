//! Guards: the user and session behind a request's token.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use rocket::http::Status;
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};

use crate::auth::Claims;
use crate::call::{Principal, Source};
use crate::clock::Timestamp;
use crate::service::SignIn;
use crate::user::{Profile, SessionId, UserId};

use super::client_ip::{client_address, is_of_unnamed_proxy, rate_limit_key};
use super::{Access, ApiError, Origin, RequestContext};

/// A user with a valid token, asking over REST within the rate of requests.
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

    /// The user's session, principal over REST.
    #[must_use]
    pub fn principal(self) -> Principal {
        Principal {
            user: self.user,
            session: self.session,
            via: Source::Rest,
        }
    }
}

/// A user with a valid token, opening a socket.
pub struct SocketSignIn {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// The client's address, or for IPv6 the network that is likely to be its own.
    pub address: IpAddr,
}

/// A signed-in user within the rate of calls.
pub struct Caller(
    /// The user.
    pub SignedIn,
);

impl Access {
    /// Whom `token` lets in.
    ///
    /// # Errors
    /// [`ApiError`]: 401, or a failure of the database.
    pub async fn sign_in(&self, token: &str) -> Result<Claims, ApiError> {
        let now = self.0.service.clock().now();
        let claims = self
            .0
            .authenticator
            .verify(token, now)
            .map_err(|error| self.refused(error.as_str(), &error))?;
        let offered = || Profile {
            id: claims.user.clone(),
            name: claims
                .name
                .clone()
                .unwrap_or_else(|| claims.user.to_string()),
            avatar: claims.picture.clone(),
        };
        match self.0.service.sign_in(&claims.user, offered).await? {
            SignIn::Welcome(_) => Ok(claims),
            SignIn::Unknown => Err(self.refused("unknown_user", &"its user is unknown")),
            SignIn::Disabled => Err(self.refused("disabled_user", &"its user is disabled")),
        }
    }

    /// Signs in whoever sent `request` with `token`; who fails too often from one address is told so.
    async fn admit(&self, request: &Request<'_>, token: Option<&str>) -> Result<Claims, ApiError> {
        if self.0.service.is_stopping() {
            return Err(ApiError::unavailable("The server is stopping"));
        }
        let signed_in = match token {
            Some(token) => self.sign_in(token).await,
            None => Err(self.refused("missing", &"there is none")),
        };
        match signed_in {
            Ok(claims) => {
                RequestContext::of(request).comes_from(&claims.user);
                Ok(claims)
            }
            Err(problem) if problem == ApiError::unauthenticated() => Err(self
                .0
                .auth_failures
                .check(&self.client_of(request))
                .map_or_else(ApiError::rate_limited, |()| problem)),
            Err(problem) => Err(problem),
        }
    }

    /// Whom `request` counts for where clients are told apart by address.
    fn client_of(&self, request: &Request<'_>) -> IpAddr {
        let trusted_proxies = &self.0.trusted_proxies;
        if is_of_unnamed_proxy(request, trusted_proxies) {
            self.0.unnamed_proxy.store(true, Ordering::Relaxed);
        }
        rate_limit_key(client_address(request, trusted_proxies))
    }

    /// A token that will not do, and why: in a word for the metrics and in words for the log, where it stays.
    fn refused(&self, word: &'static str, reason: &dyn std::fmt::Display) -> ApiError {
        tracing::debug!(%reason, "token refused");
        self.0.service.metrics().auth_failed(word);
        ApiError::unauthenticated()
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
        match access.0.requests.check(&claims.user) {
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
        match access
            .admit(request, in_query.as_deref().or_else(|| bearer(request)))
            .await
        {
            Ok(Claims {
                user,
                session,
                expires_at,
                ..
            }) => Outcome::Success(Self {
                user,
                session,
                expires_at,
                address: access.client_of(request),
            }),
            Err(problem) => problem.refuse(request),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let signed_in = try_outcome!(request.guard::<SignedIn>().await);
        let access = try_outcome!(access(request));
        match access.0.initiations.check(&signed_in.user) {
            Ok(()) => Outcome::Success(Self(signed_in)),
            Err(wait) => ApiError::rate_limited(wait).refuse(request),
        }
    }
}

fn access<'r>(request: &'r Request<'_>) -> Outcome<&'r Access, ()> {
    request.rocket().state::<Access>().map_or(
        Outcome::Error((Status::InternalServerError, ())),
        Outcome::Success,
    )
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1; the scheme in any case).
fn bearer<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let (scheme, token) = request
        .headers()
        .get_one("Authorization")?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}
