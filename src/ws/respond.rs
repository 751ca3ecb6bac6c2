//! What a message leads to: the same use cases as over REST, and the reply where there is one.

use std::sync::Arc;

use crate::call::{CallError, CallId, Principal, Source};
use crate::guard::{Access, ApiError};
use crate::service::{Error, Service};
use crate::store;
use crate::user::{SessionId, UserId};
use crate::wire::message::{Message, ParseError};
use crate::wire::{ErrorType, event};

use crate::clock::Timestamp;

/// Who speaks, and to whom.
pub(super) struct Respondent {
    pub user: UserId,
    pub session: SessionId,
    /// The name of the request that opened the connection.
    pub request_id: Arc<str>,
    pub access: Access,
    pub service: Service,
}

/// What becomes of a message.
pub(super) enum Response {
    /// It was done; others hear of it.
    Done,
    /// It is answered.
    Reply(String),
    /// It is answered; the session's token is now valid until then.
    Refreshed(String, Timestamp),
    /// It was refused.
    Refusal(String),
}

impl Respondent {
    /// Does what `message` asks for.
    pub async fn respond(&self, message: Message) -> Response {
        match message {
            Message::Accept { call_id } => {
                let done = match parsed(&call_id) {
                    Ok(call) => self.service.accept(self.principal(), call).await,
                    Err(error) => Err(error),
                };
                outcome(&call_id, done)
            }
            Message::Reject { call_id, reason } => {
                let done = match parsed(&call_id) {
                    Ok(call) => self.service.reject(self.principal(), call, reason).await,
                    Err(error) => Err(error),
                };
                outcome(&call_id, done)
            }
            Message::End {
                call_id,
                duration_seconds,
            } => {
                let done = match parsed(&call_id) {
                    Ok(call) => {
                        self.service
                            .end(self.principal(), call, duration_seconds)
                            .await
                    }
                    Err(error) => Err(error),
                };
                outcome(&call_id, done)
            }
            Message::Quality { call_id, report } => {
                let done = parsed(&call_id)
                    .and_then(|call| self.service.report_quality(&self.user, call, &report));
                outcome(&call_id, done)
            }
            Message::Signal { call_id, signal } => {
                let done = match parsed(&call_id) {
                    Ok(call) => self.service.signal(self.principal(), call, signal).await,
                    Err(error) => Err(error),
                };
                outcome(&call_id, done)
            }
            Message::Heartbeat => {
                Response::Reply(event::heartbeat_ack(&self.user, self.service.clock().now()))
            }
            Message::Refresh { token } => self.refresh(&token).await,
        }
    }

    /// A new token for the same user and session.
    async fn refresh(&self, token: &str) -> Response {
        let refused = |error_type, message: &str| {
            Response::Refusal(event::call_error(None, error_type, message))
        };
        match self.access.sign_in(token).await {
            Ok(claims) if claims.user == self.user && claims.session == self.session => {
                Response::Refreshed(
                    event::session_refreshed(claims.expires_at),
                    claims.expires_at,
                )
            }
            Ok(_) => refused(
                ErrorType::Unauthenticated,
                "token: expected one of the same user and session as the connection's",
            ),
            Err(problem) if problem == ApiError::unauthenticated() => {
                refused(ErrorType::Unauthenticated, "token: expected a valid token")
            }
            Err(problem) => {
                problem.log_cause(&self.request_id);
                Response::Refusal(failed(None))
            }
        }
    }

    fn principal(&self) -> Principal {
        Principal {
            user: self.user.clone(),
            session: self.session.clone(),
            via: Source::Socket,
        }
    }
}

const UNEXPECTED: &str = "Unexpected server error";

/// The refusal of a message that was not understood.
pub(super) fn not_understood(error: &ParseError) -> String {
    event::call_error(
        error.call_id.as_deref(),
        ErrorType::ParseError,
        &error.message,
    )
}

/// The refusal of a message that the server has failed to handle.
pub(super) fn failed(call_id: Option<&str>) -> String {
    event::call_error(call_id, ErrorType::ServiceError, UNEXPECTED)
}

fn parsed(call_id: &str) -> Result<CallId, Error> {
    CallId::parse(call_id).ok_or(Error::CallNotFound)
}

fn outcome<T>(call_id: &str, done: Result<T, Error>) -> Response {
    match done {
        Ok(_) => Response::Done,
        Err(error) => {
            let (error_type, message) = explained(&error);
            Response::Refusal(event::call_error(Some(call_id), error_type, &message))
        }
    }
}

/// The table of contract section 2, as the socket tells it.
fn explained(error: &Error) -> (ErrorType, String) {
    let error_type = match error {
        Error::CallNotFound => ErrorType::CallNotFound,
        Error::EntryNotFound => ErrorType::NotFound,
        Error::UserNotFound(_) => ErrorType::UserNotFound,
        Error::Refused(
            CallError::NotTheCallee | CallError::NotAParticipant | CallError::NotOnChannel,
        ) => ErrorType::Unauthorized,
        Error::Refused(CallError::InvalidStatus { .. }) => ErrorType::InvalidStatus,
        Error::Refused(CallError::NotContacts) => ErrorType::NotContacts,
        Error::OwnNumber | Error::OwnList | Error::ListFull(_) | Error::KeyReused => {
            ErrorType::ParseError
        }
        Error::CallerBusy { .. } => ErrorType::CallerBusy,
        Error::UserBusy(_) => ErrorType::UserBusy,
        Error::Store(store::Error::Unavailable(cause)) => {
            tracing::warn!(%cause, "message not carried out");
            return (
                ErrorType::Unavailable,
                "The server cannot do this just now".to_owned(),
            );
        }
        Error::Store(cause) => {
            tracing::error!(%cause, "message failed");
            return (ErrorType::ServiceError, UNEXPECTED.to_owned());
        }
    };
    (error_type, error.to_string())
}
