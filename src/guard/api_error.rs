//! A request that is refused or failed, as HTTP tells it: the table of contract section 2.

use std::time::Duration;

use rocket::http::{Header, Status};
use rocket::request::{Outcome, Request};
use rocket::response::content::RawJson;
use rocket::response::{Responder, Response};

use crate::auth::MintError;
use crate::call::CallError;
use crate::service;
use crate::store;
use crate::wire::fields::ValidationError;
use crate::wire::{ErrorType, response};

use super::RequestContext;

/// How long a client is asked to wait when the server cannot take a request: longer than a full queue of
/// writes takes, and than a restart.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The answer to a request that is refused or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: Status,
    error_type: ErrorType,
    message: String,
    retry_after: Option<Duration>,
    /// What went wrong, for the log.
    cause: Option<String>,
}

impl ApiError {
    /// The problem `message` of the kind `error_type`.
    #[must_use]
    pub fn new(status: Status, error_type: ErrorType, message: impl Into<String>) -> Self {
        Self {
            status,
            error_type,
            message: message.into(),
            retry_after: None,
            cause: None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// What kind of problem it is.
    #[must_use]
    pub const fn error_type(&self) -> ErrorType {
        self.error_type
    }

    /// The body of the answer: the envelope of a failure.
    #[must_use]
    pub fn body(&self) -> String {
        response::failure(self.error_type, &self.message)
    }

    /// A body, field or query parameter is not as specified.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Status::BadRequest, ErrorType::InvalidRequest, message)
    }

    /// No token, or one that will not do. One sentence for all of them: why is nobody's business.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(
            Status::Unauthorized,
            ErrorType::Unauthenticated,
            "Missing or invalid token",
        )
    }

    /// A page of this origin may not ask.
    #[must_use]
    pub fn origin_not_allowed() -> Self {
        Self::new(
            Status::Forbidden,
            ErrorType::OriginNotAllowed,
            "Pages of this origin may not use this server: add the origin to the setting `allowed_origins`",
        )
    }

    /// There is no account to make Agora's tokens with.
    #[must_use]
    pub fn no_agora_account() -> Self {
        Self::new(
            Status::NotFound,
            ErrorType::NotConfigured,
            "This server gives no Agora tokens: agora_app_id and agora_app_certificate are not set",
        )
    }

    /// Somebody asks for somebody else's token.
    #[must_use]
    pub fn not_ones_own_token() -> Self {
        Self::new(
            Status::Forbidden,
            ErrorType::Unauthorized,
            "A token is for oneself alone: leave out userId, or send your own",
        )
    }

    /// The metrics are not for this address.
    #[must_use]
    pub fn address_not_allowed() -> Self {
        Self::new(
            Status::Forbidden,
            ErrorType::AddressNotAllowed,
            "The metrics are not for this address: add it to the setting `metrics_allow`",
        )
    }

    /// One request too many; there is room for the next after `wait`.
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        let problem = Self::new(
            Status::TooManyRequests,
            ErrorType::RateLimited,
            "Rate limit exceeded",
        );
        Self {
            retry_after: Some(wait),
            ..problem
        }
    }

    /// One connection too many; there is room for the next when another has ended.
    #[must_use]
    pub fn too_many_connections(message: &str) -> Self {
        let problem = Self::new(Status::TooManyRequests, ErrorType::RateLimited, message);
        Self {
            retry_after: Some(RETRY_AFTER),
            ..problem
        }
    }

    /// The server stops, or has too much to do.
    #[must_use]
    pub fn unavailable(message: &str) -> Self {
        let problem = Self::new(Status::ServiceUnavailable, ErrorType::Unavailable, message);
        Self {
            retry_after: Some(RETRY_AFTER),
            ..problem
        }
    }

    /// What an answer of `status` means where nobody said more.
    #[must_use]
    pub fn of_status(status: Status) -> Self {
        let (status, error_type, message) = match status.code {
            401 => return Self::unauthenticated(),
            404 | 405 => (Status::NotFound, ErrorType::NotFound, "No such route"),
            413 => (
                status,
                ErrorType::InvalidRequest,
                "body: expected at most 16 KiB",
            ),
            422 => (
                Status::BadRequest,
                ErrorType::InvalidRequest,
                "Invalid request",
            ),
            503 => return Self::unavailable("The server cannot take this request just now"),
            400..=499 => (status, ErrorType::InvalidRequest, "Invalid request"),
            _ => (
                Status::InternalServerError,
                ErrorType::ServiceError,
                "Unexpected server error",
            ),
        };
        Self::new(status, error_type, message)
    }

    fn with_cause(self, cause: impl ToString) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..self
        }
    }

    /// Logs what went wrong in the request `request_id`, where something did.
    pub fn log_cause(&self, request_id: &str) {
        let Some(cause) = &self.cause else {
            return;
        };
        if self.status == Status::InternalServerError {
            tracing::error!(request_id, cause, "failed");
        } else {
            tracing::warn!(request_id, cause, "not carried out");
        }
    }

    /// Refuses `request` from within a guard; the catcher of the status answers with this problem.
    pub fn refuse<S, E: Default>(self, request: &Request<'_>) -> Outcome<S, E> {
        let status = self.status;
        request.local_cache(|| Some(self));
        Outcome::Error((status, E::default()))
    }

    /// The problem with which a guard refused `request`, or what `status` means.
    #[must_use]
    pub fn behind(request: &Request<'_>, status: Status) -> Self {
        let refused: &Option<Self> = request.local_cache(|| None);
        refused.clone().unwrap_or_else(|| Self::of_status(status))
    }
}

impl From<ValidationError> for ApiError {
    fn from(invalid: ValidationError) -> Self {
        Self::invalid(invalid.0)
    }
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        Self::of_status(Status::InternalServerError).with_cause(error)
    }
}

impl From<service::Error> for ApiError {
    fn from(error: service::Error) -> Self {
        use service::Error;

        let (status, error_type) = match &error {
            Error::CallNotFound => (Status::NotFound, ErrorType::CallNotFound),
            Error::EntryNotFound => (Status::NotFound, ErrorType::NotFound),
            Error::UserNotFound(_) => (Status::NotFound, ErrorType::UserNotFound),
            Error::Refused(
                CallError::NotTheCallee | CallError::NotAParticipant | CallError::NotOnChannel,
            ) => (Status::Forbidden, ErrorType::Unauthorized),
            Error::Refused(CallError::InvalidStatus { .. }) => {
                (Status::BadRequest, ErrorType::InvalidStatus)
            }
            Error::Refused(CallError::NotContacts) => (Status::Forbidden, ErrorType::NotContacts),
            Error::OwnNumber | Error::OwnList | Error::ListFull(_) | Error::KeyReused => {
                (Status::BadRequest, ErrorType::InvalidRequest)
            }
            Error::CallerBusy { .. } => (Status::Conflict, ErrorType::CallerBusy),
            Error::UserBusy(_) => (Status::Conflict, ErrorType::UserBusy),
            Error::Store(store::Error::Unavailable(cause)) => {
                return Self::unavailable("The server cannot take this request just now")
                    .with_cause(cause);
            }
            Error::Store(cause) => {
                return Self::of_status(Status::InternalServerError).with_cause(cause);
            }
        };
        Self::new(status, error_type, error.to_string())
    }
}

impl<'r> Responder<'r, 'static> for ApiError {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let request_context = RequestContext::of(request);
        request_context.is_refused(self.error_type);
        self.log_cause(&request_context.request_id);
        let body = RawJson(self.body()).respond_to(request)?;
        let mut response = Response::build_from(body);
        response.status(self.status);
        if let Some(wait) = self.retry_after {
            // Whole seconds (RFC 9110, section 10.2.3), rounded up: earlier would be too early.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            response.header(Header::new("Retry-After", seconds.to_string()));
        }
        if self.status == Status::Unauthorized {
            response.header(Header::new("WWW-Authenticate", "Bearer"));
        }
        response.ok()
    }
}
