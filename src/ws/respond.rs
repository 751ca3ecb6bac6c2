//! What a message leads to: the same use cases as over REST, and the reply where there is one.

use std::sync::Arc;

use crate::call::{CallId, Principal, Source};
use crate::guard::{Access, ApiError, SignInError};
use crate::service::{Error, Service};
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
                    Ok(call) => self.service.calls().accept(self.principal(), call).await,
                    Err(error) => Err(error),
                };
                self.outcome(&call_id, done)
            }
            Message::Reject { call_id, reason } => {
                let done = match parsed(&call_id) {
                    Ok(call) => {
                        self.service
                            .calls()
                            .reject(self.principal(), call, reason)
                            .await
                    }
                    Err(error) => Err(error),
                };
                self.outcome(&call_id, done)
            }
            Message::End {
                call_id,
                duration_seconds,
            } => {
                let done = match parsed(&call_id) {
                    Ok(call) => {
                        self.service
                            .calls()
                            .end(self.principal(), call, duration_seconds)
                            .await
                    }
                    Err(error) => Err(error),
                };
                self.outcome(&call_id, done)
            }
            Message::Quality { call_id, report } => {
                let done = parsed(&call_id)
                    .and_then(|call| self.service.quality().report(&self.user, call, &report));
                self.outcome(&call_id, done)
            }
            Message::Signal { call_id, signal } => {
                let done = match parsed(&call_id) {
                    Ok(call) => {
                        self.service
                            .calls()
                            .signal(self.principal(), call, signal)
                            .await
                    }
                    Err(error) => Err(error),
                };
                self.outcome(&call_id, done)
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
            Err(SignInError::Failed(error)) => {
                Response::Refusal(refusal(None, error, &self.request_id))
            }
            Err(_) => refused(ErrorType::Unauthenticated, "token: expected a valid token"),
        }
    }

    fn outcome<T>(&self, call_id: &str, done: Result<T, Error>) -> Response {
        match done {
            Ok(_) => Response::Done,
            Err(error) => Response::Refusal(refusal(Some(call_id), error, &self.request_id)),
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
    let kind = ErrorType::ServiceError;
    event::call_error(call_id, kind, kind.sentence())
}

fn parsed(call_id: &str) -> Result<CallId, Error> {
    CallId::parse(call_id).ok_or(Error::CallNotFound)
}

/// Returns the `call_error` for a failed use case, and logs its cause.
fn refusal(call_id: Option<&str>, error: Error, request_id: &str) -> String {
    let error = ApiError::from(error);
    error.log_cause(request_id);
    event::call_error(call_id, error.error_type().on_socket(), error.message())
}
