//! Guard of the server API: the API key of the team's backend.

use std::sync::Arc;
use std::time::Duration;

use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};
use secrecy::SecretString;

use crate::api_key::{self, ApiKey, Scope, digest_of};
use crate::auth::MintError;
use crate::clock::Timestamp;
use crate::service::{Repeat, Requester};
use crate::user::{SessionId, UserId};

use super::client_ip::{is_listed, is_of_unnamed_proxy};
use super::sign_in::{access, bearer};
use super::{Access, ApiError, RequestContext, SignInError};

/// The team's backend: a request with a valid API key, from an allowed address and within its rate.
pub struct Backend {
    key: ApiKey,
    request_id: Arc<str>,
    /// Method and path.
    target: String,
    idempotency_keys: Vec<String>,
}

impl Backend {
    /// Returns who asks for something that needs `scope`.
    ///
    /// # Errors
    /// The key does not have the scope.
    pub fn may(&self, scope: Scope) -> Result<Requester, ApiError> {
        if !self.key.scopes.has(scope) {
            return Err(ApiError::missing_scope(scope));
        }
        Ok(Requester {
            key: self.key.id,
            key_name: self.key.name.clone(),
            request_id: self.request_id.to_string(),
            repeat: None,
        })
    }

    /// The same for a request with `body` that an `Idempotency-Key` may repeat.
    ///
    /// # Errors
    /// The key does not have the scope, or the header is not as specified.
    pub fn may_once(&self, scope: Scope, body: &[u8]) -> Result<Requester, ApiError> {
        let requester = self.may(scope)?;
        let name = idempotency_key(self.idempotency_keys.clone())?;
        let repeat = name.map(|name| Repeat {
            name,
            request: digest_of(&format!(
                "{}\n{}",
                self.target,
                String::from_utf8_lossy(body)
            )),
        });
        Ok(Requester {
            repeat,
            ..requester
        })
    }
}

/// Returns the key of a request's `Idempotency-Key` headers, if one was sent: 1 to 64 visible ASCII characters
/// (contract section 2).
///
/// # Errors
/// There are several, or it cannot be a key.
pub fn idempotency_key(sent: Vec<String>) -> Result<Option<String>, ApiError> {
    let mut keys = sent.into_iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let is_key = (1..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key && keys.next().is_none() {
        return Ok(Some(key));
    }
    Err(ApiError::invalid(
        "Idempotency-Key: expected one header of 1-64 visible ASCII characters",
    ))
}

impl Access {
    /// Signs a token for `user` in `session`, for a backend that has the scope.
    ///
    /// # Errors
    /// There are only public keys.
    pub fn token_by(
        &self,
        _: &Requester,
        user: &UserId,
        session: &SessionId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<SecretString, MintError> {
        self.policy().authenticator.mint_in(user, session, ttl, now)
    }

    /// Returns the key behind `request`. Rejected keys are limited per client address, as tokens are.
    async fn admit_backend(&self, request: &Request<'_>) -> Result<ApiKey, ApiError> {
        let service = self.service();
        if service.sessions().is_stopping() {
            return Err(ApiError::unavailable("The server is stopping"));
        }
        let policy = self.policy();
        let client = self.address_of(request);
        let hides_clients = is_of_unnamed_proxy(request, &policy.trusted_proxies);
        if !policy.allows_backend_everywhere
            && (hides_clients || !is_listed(client, &policy.server_api_allow))
        {
            return Err(ApiError::backend_not_allowed());
        }
        let sent = bearer(request);
        let found = match sent.and_then(api_key::parse) {
            Some(digest) => service.server_api().authenticate(&digest).await?,
            None => None,
        };
        let Some(key) = found else {
            let error = sent.map_or(SignInError::Missing, |_| SignInError::BadApiKey);
            self.count(&error);
            return Err(self.rejected(request, error));
        };
        match policy.backends.check(&key.id) {
            Ok(()) => Ok(key),
            Err(wait) => Err(ApiError::rate_limited(wait)),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Backend {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let access = try_outcome!(access(request));
        let context = RequestContext::of(request);
        match access.admit_backend(request).await {
            Ok(key) => {
                context.comes_from_key(&key.name);
                let keys = request.headers().get("Idempotency-Key");
                Outcome::Success(Self {
                    key,
                    request_id: Arc::clone(&context.request_id),
                    target: format!("{} {}", request.method(), request.uri()),
                    idempotency_keys: keys.map(str::to_owned).collect(),
                })
            }
            Err(error) => error.refuse(request),
        }
    }
}
