//! Failures of requests, as HTTP responses and as the socket's `call_error` report them. Statuses, words and
//! sentences come from the table of [`ErrorType`].

use std::time::Duration;

use rocket::http::{Header, Status};
use rocket::request::{Outcome, Request};
use rocket::response::content::RawJson;
use rocket::response::{Responder, Response};

use crate::api_key::Scope;
use crate::auth::MintError;
use crate::call::CallError;
use crate::service;
use crate::wire::fields::ValidationError;
use crate::wire::{ErrorType, response};

use super::RequestContext;

/// `Retry-After` while the server cannot take a request: longer than a full write queue and a restart take.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Failure of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: Status,
    error_type: ErrorType,
    message: String,
    retry_after: Option<Duration>,
    /// The cause, for the log alone.
    cause: Option<String>,
}

impl ApiError {
    /// Returns a failure of `kind` with `message`.
    #[must_use]
    pub fn new(kind: ErrorType, message: impl Into<String>) -> Self {
        Self {
            status: Status::new(kind.status()),
            error_type: kind,
            message: message.into(),
            retry_after: matches!(kind, ErrorType::Unavailable).then_some(RETRY_AFTER),
            cause: None,
        }
    }

    /// Returns the HTTP status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Returns the kind of failure.
    #[must_use]
    pub const fn error_type(&self) -> ErrorType {
        self.error_type
    }

    /// Returns the sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the body of the response: the envelope of a failure.
    #[must_use]
    pub fn body(&self) -> String {
        response::failure(self.error_type, &self.message)
    }

    /// Returns the failure for a body, field or query parameter that is not as specified.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorType::InvalidRequest, message)
    }

    /// Returns the failure for a request that is not a WebSocket handshake (RFC 6455, section 4.2.1).
    #[must_use]
    pub fn no_handshake() -> Self {
        Self::invalid(
            "WebSocket handshake: expected the headers Connection: Upgrade, Upgrade: websocket, \
             Sec-WebSocket-Version: 13 and Sec-WebSocket-Key, 16 bytes in Base64",
        )
    }

    /// Returns the failure for a token request of another user.
    #[must_use]
    pub fn not_ones_own_token() -> Self {
        Self::new(
            ErrorType::Unauthorized,
            "userId: expected your own id, or no field: tokens are issued to their own user",
        )
    }

    /// The client's address may not use the server API.
    #[must_use]
    pub fn backend_not_allowed() -> Self {
        Self::new(
            ErrorType::AddressNotAllowed,
            "Address not allowed to use the server API: add it to the setting `server_api_allow`",
        )
    }

    /// The API key does not have `scope`.
    #[must_use]
    pub fn missing_scope(scope: Scope) -> Self {
        let word = scope.as_str();
        Self::new(
            ErrorType::Unauthorized,
            format!("This API key does not have the scope {word}"),
        )
    }

    /// The server has no secret to sign tokens with.
    #[must_use]
    pub fn cannot_sign_tokens() -> Self {
        Self::new(
            ErrorType::NotConfigured,
            "Tokens cannot be signed: jwt_secret and jwt_secret_file are not set",
        )
    }

    /// Returns the failure for an exceeded rate limit; the next request is allowed after `wait`.
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..ErrorType::RateLimited.into()
        }
    }

    /// Returns the failure for an exceeded connection limit; the next connection is allowed when another has ended.
    #[must_use]
    pub fn too_many_connections(message: &str) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(ErrorType::RateLimited, message)
        }
    }

    /// Returns the failure while the server is stopping or overloaded.
    #[must_use]
    pub fn unavailable(message: &str) -> Self {
        Self::new(ErrorType::Unavailable, message)
    }

    /// The body is longer than the route reads.
    #[must_use]
    pub fn too_large(message: &str) -> Self {
        Self {
            status: Status::PayloadTooLarge,
            ..Self::invalid(message)
        }
    }

    /// Returns the failure that an HTTP status means if no route or guard gave one.
    #[must_use]
    pub fn of_status(status: Status) -> Self {
        match status.code {
            401 => ErrorType::Unauthenticated.into(),
            404 | 405 => ErrorType::NotFound.into(),
            413 => Self {
                status,
                ..Self::invalid("body: expected at most 16 KiB")
            },
            415 => Self {
                status,
                ..Self::invalid("Content-Encoding: expected none; send the body uncompressed")
            },
            422 => ErrorType::InvalidRequest.into(),
            503 => ErrorType::Unavailable.into(),
            400..=499 => Self {
                status,
                ..ErrorType::InvalidRequest.into()
            },
            _ => ErrorType::ServiceError.into(),
        }
    }

    fn with_cause(self, cause: impl ToString) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..self
        }
    }

    /// Logs the cause of the failure in the request `request_id`, if there is one.
    pub fn log_cause(&self, request_id: &str) {
        let Some(cause) = &self.cause else {
            return;
        };
        if self.status == Status::InternalServerError {
            tracing::error!(request_id, cause, "request failed");
        } else {
            tracing::warn!(request_id, cause, "request not carried out");
        }
    }

    /// Rejects `request` from within a guard; the catcher of the status responds with this failure.
    pub fn refuse<S, E: Default>(self, request: &Request<'_>) -> Outcome<S, E> {
        let status = self.status;
        request.local_cache(|| Some(self));
        Outcome::Error((status, E::default()))
    }

    /// Returns the failure with which a guard rejected `request`, or what `status` means.
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

impl From<ErrorType> for ApiError {
    fn from(kind: ErrorType) -> Self {
        Self::new(kind, kind.sentence())
    }
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        Self::from(ErrorType::ServiceError).with_cause(error)
    }
}

impl From<service::Error> for ApiError {
    fn from(error: service::Error) -> Self {
        use service::Error;

        let kind = match &error {
            Error::CallNotFound => ErrorType::CallNotFound,
            Error::EntryNotFound
            | Error::SessionNotFound
            | Error::EndpointNotFound
            | Error::MessageNotFound => ErrorType::NotFound,
            Error::UserNotFound(_) => ErrorType::UserNotFound,
            Error::NoReceiver => ErrorType::NotConfigured,
            Error::EndpointOfSettings(_)
            | Error::Refused(
                CallError::NotTheCallee | CallError::NotAParticipant | CallError::NotOnChannel,
            ) => ErrorType::Unauthorized,
            Error::Refused(CallError::InvalidStatus { .. }) => ErrorType::InvalidStatus,
            Error::Refused(CallError::NotContacts) => ErrorType::NotContacts,
            Error::OwnNumber
            | Error::OwnList
            | Error::PastInstant
            | Error::ListFull(_)
            | Error::KeyReused
            | Error::RequestKeyReused
            | Error::EndpointExists
            | Error::TooManyEndpoints(_) => ErrorType::InvalidRequest,
            Error::CallerBusy { .. } => ErrorType::CallerBusy,
            Error::UserBusy(_) | Error::UserInCall { .. } => ErrorType::UserBusy,
            Error::TooManyCalls { wait } => return Self::rate_limited(*wait),
            Error::Unavailable(cause) => {
                return Self::from(ErrorType::Unavailable).with_cause(cause);
            }
            Error::Internal(cause) => return Self::from(ErrorType::ServiceError).with_cause(cause),
        };
        Self::new(kind, error.to_string())
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
            // Whole seconds (RFC 9110, section 10.2.3), rounded up, since a retry before the time is rejected again.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            response.header(Header::new("Retry-After", seconds.to_string()));
        }
        if self.status == Status::Unauthorized {
            response.header(Header::new("WWW-Authenticate", "Bearer"));
        }
        response.ok()
    }
}
