//! Request context: the data of a request for its log line.

use std::sync::{Arc, OnceLock};

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use tokio::time::Instant;

use crate::call::CallId;
use crate::user::UserId;
use crate::wire::ErrorType;

/// Context of a request, stored with it. As a guard it never fails.
pub struct RequestContext {
    /// When the request arrived.
    pub at: Instant,
    /// Request id, in the log and in the response's `X-Request-Id`: the client's own, or a new one.
    pub request_id: Arc<str>,
    user: OnceLock<UserId>,
    api_key: OnceLock<String>,
    call: OnceLock<CallId>,
    refusal: OnceLock<ErrorType>,
}

impl RequestContext {
    /// Returns the context of `request`; the first use creates it.
    pub fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| Self::now(request.headers().get_one("X-Request-Id")))
    }

    fn now(sent_id: Option<&str>) -> Self {
        let request_id = match sent_id.filter(|id| is_request_id(id)) {
            Some(id) => id.into(),
            None => uuid::Uuid::new_v4().simple().to_string().into(),
        };
        Self {
            at: Instant::now(),
            request_id,
            user: OnceLock::new(),
            api_key: OnceLock::new(),
            call: OnceLock::new(),
            refusal: OnceLock::new(),
        }
    }

    /// Records that the request comes from `user`.
    pub fn comes_from(&self, user: &UserId) {
        self.user.get_or_init(|| user.clone());
    }

    /// It comes with the API key of this name.
    pub(super) fn comes_from_key(&self, name: &str) {
        self.api_key.get_or_init(|| name.to_owned());
    }

    /// Returns the name of the API key that it comes with, if it does.
    #[must_use]
    pub fn api_key(&self) -> Option<&str> {
        self.api_key.get().map(String::as_str)
    }

    /// Records that the request is about `call`.
    pub fn is_about(&self, call: CallId) {
        self.call.get_or_init(|| call);
    }

    /// Records that the request is rejected.
    pub(super) fn is_refused(&self, why: ErrorType) {
        self.refusal.get_or_init(|| why);
    }

    /// Returns the user, if known.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        self.user.get()
    }

    /// Returns the call that the request is about, if there is one.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        self.call.get().copied()
    }

    /// Returns the outcome in one word: the `errorType` of the rejection, or `ok`, or else `failed`.
    #[must_use]
    pub fn outcome(&self, status: Status) -> &'static str {
        match self.refusal.get() {
            Some(refusal) => refusal.as_str(),
            None if status.code < 400 => "ok",
            None => "failed",
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for &'r RequestContext {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(RequestContext::of(request))
    }
}

/// Whether `text` is a valid request id: short, and safe in logs and headers.
fn is_request_id(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_id_is_kept_if_unambiguous() {
        let good = "trace-7.a:b_C";
        assert_eq!(&*RequestContext::now(Some(good)).request_id, good);
        for bad in ["", "two words", "a\"b", "a/b?token=c", &"x".repeat(65)] {
            let made = RequestContext::now(Some(bad)).request_id;
            assert!(is_request_id(&made) && *made != *bad, "{bad:?}");
        }
    }

    #[test]
    fn the_first_refusal_is_the_outcome() {
        let request_context = RequestContext::now(None);
        assert_eq!(request_context.outcome(Status::Created), "ok");
        assert_eq!(
            request_context.outcome(Status::ServiceUnavailable),
            "failed"
        );
        request_context.is_refused(ErrorType::CallerBusy);
        request_context.is_refused(ErrorType::ServiceError);
        assert_eq!(request_context.outcome(Status::Conflict), "caller_busy");
    }
}
