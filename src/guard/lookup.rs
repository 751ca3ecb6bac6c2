//! Guard of routes whose response reveals whether a user exists.

use std::time::Instant;

use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};

use crate::service::Error;

use super::sign_in::access;
use super::{Access, ApiError, SignedIn};

/// A signed-in user who looks up another one. Lookups of unknown users are limited to `initiate_rate`, as calls are:
/// otherwise user ids could be guessed.
pub struct Lookup {
    /// The user who sends the request.
    pub user: SignedIn,
    access: Access,
}

impl Lookup {
    /// Returns `result`, or the rejection if the user does not exist and the rate limit is exceeded.
    ///
    /// # Errors
    /// The error of `result`, or the rejection.
    pub fn rated<T>(&self, result: Result<T, Error>) -> Result<T, ApiError> {
        if matches!(result, Err(Error::UserNotFound(_))) {
            let lookups = &self.access.policy().lookups;
            let counted = lookups.count_miss(self.user.user(), Instant::now());
            counted.map_err(ApiError::rate_limited)?;
        }
        Ok(result?)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Lookup {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let user = try_outcome!(request.guard::<SignedIn>().await);
        let access = try_outcome!(access(request)).clone();
        match access.policy().lookups.check(user.user(), Instant::now()) {
            Ok(()) => Outcome::Success(Self { user, access }),
            Err(wait) => ApiError::rate_limited(wait).refuse(request),
        }
    }
}
