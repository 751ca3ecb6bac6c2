//! Context of a request: what is known of it, for its line in the log.

use std::sync::{Arc, OnceLock};

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use tokio::time::Instant;

use crate::call::CallId;
use crate::user::UserId;
use crate::wire::ErrorType;

/// A request that has come. Kept with it; as a guard it never refuses.
pub struct RequestContext {
    /// When it came.
    pub at: Instant,
    /// Its name in the log, and in the answer's `X-Request-Id`: the client's own, or a new one.
    pub request_id: Arc<str>,
    user: OnceLock<UserId>,
    call: OnceLock<CallId>,
    refusal: OnceLock<ErrorType>,
}

impl RequestContext {
    /// That of `request`, which has come now unless it was asked for before.
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
            call: OnceLock::new(),
            refusal: OnceLock::new(),
        }
    }

    /// It comes from `user`.
    pub fn comes_from(&self, user: &UserId) {
        self.user.get_or_init(|| user.clone());
    }

    /// It is about `call`.
    pub fn is_about(&self, call: CallId) {
        self.call.get_or_init(|| call);
    }

    /// It is refused.
    pub(super) fn is_refused(&self, why: ErrorType) {
        self.refusal.get_or_init(|| why);
    }

    /// Who sent it, where that is known.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        self.user.get()
    }

    /// The call it is about, where there is one.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        self.call.get().copied()
    }

    /// What came of it, in a word: the `errorType` of the refusal, or `ok`, or else `failed`.
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

/// Short, and of characters that no log or header takes for anything else.
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
