//! Message handler: runs the use case of a message, the same as over REST, and makes the reply.

use std::sync::Arc;

use secrecy::SecretString;

use crate::auth::Claims;
use crate::call::{CallId, Principal, Source};
use crate::clock::Timestamp;
use crate::guard::{Access, ApiError, SignInError};
use crate::service::{Error, Service};
use crate::user::{SessionId, UserId};
use crate::wire::message::{Message, ParseError};
use crate::wire::{ErrorType, event};

/// Message handler of one session.
pub(super) struct MessageHandler {
    pub user: UserId,
    pub session: SessionId,
    /// The id of the request that opened the connection.
    pub request_id: Arc<str>,
    pub access: Access,
    pub service: Service,
}

/// Result of a message.
pub(super) enum Response {
    /// Done, without a reply.
    Done,
    /// Done, with a reply.
    Reply(String),
    /// Done, with a reply; the session's new token is valid until this timestamp.
    Refreshed(String, SecretString, Timestamp),
    /// Rejected, with a `call_error`.
    Refusal(String),
    /// Rejected because the user sends more than its rate, with a `call_error`.
    RateLimited(String),
}

impl MessageHandler {
    /// Handles a message, or the error it was parsed with.
    pub async fn handle(&self, parsed: Result<Message, ParseError>) -> Response {
        match parsed {
            Ok(Message::Heartbeat) => {
                Response::Reply(event::heartbeat_ack(&self.user, self.service.clock().now()))
            }
            Ok(Message::Refresh { token }) => self.refresh(&token).await,
            Ok(message) if self.is_above_rate(&message) => {
                let kind = ErrorType::RateLimited;
                let error = event::call_error(message.call_id(), kind, kind.sentence());
                Response::RateLimited(error)
            }
            Ok(message) => {
                let call_id = message.call_id().map(str::to_owned);
                match self.act(message).await {
                    Ok(()) => Response::Done,
                    Err(error) => Response::Refusal(self.refusal(call_id.as_deref(), error)),
                }
            }
            Err(ParseError { call_id, message }) => Response::Refusal(event::call_error(
                call_id.as_deref(),
                ErrorType::ParseError,
                &message,
            )),
        }
    }

    /// Whether `message` is relayed and exceeds the rate limit: that of the user for the other participant, whose queue
    /// one could fill otherwise, and that of the session for the team's backend.
    fn is_above_rate(&self, message: &Message) -> bool {
        let checked = match message {
            Message::Signal { .. } | Message::Quality { .. } => {
                self.access.check_message(&self.user)
            }
            Message::App(_) => self.access.check_app_message(&self.user, &self.session),
            Message::Accept { .. }
            | Message::Reject { .. }
            | Message::End { .. }
            | Message::Heartbeat
            | Message::Refresh { .. } => Ok(()),
        };
        checked.is_err()
    }

    /// Runs the use case of a message about a call or for the team's backend.
    async fn act(&self, message: Message) -> Result<(), Error> {
        if let Message::App(message) = message {
            let (webhooks, session) = (self.service.webhooks(), self.session.clone());
            return webhooks.pass_on(self.user.clone(), session, message).await;
        }
        let call = message.call_id().and_then(CallId::parse);
        let call = call.ok_or(Error::CallNotFound)?;
        let (calls, principal) = (self.service.calls(), self.principal());
        match message {
            Message::Accept { .. } => calls.accept(principal, call).await.map(drop),
            Message::Reject { reason, .. } => calls.reject(principal, call, reason).await.map(drop),
            Message::End {
                duration_seconds, ..
            } => {
                let ended = calls.end(principal, call, duration_seconds).await;
                ended.map(drop)
            }
            Message::Quality { report, .. } => {
                self.service.quality().report(&self.user, call, &report)
            }
            Message::Signal { signal, .. } => calls.signal(principal, call, signal).await,
            Message::Heartbeat | Message::Refresh { .. } | Message::App(_) => Ok(()),
        }
    }

    /// Accepts a new token of the same user and session. A token that names no session continues this one.
    async fn refresh(&self, token: &str) -> Response {
        let refused = |message: &str| {
            let kind = ErrorType::Unauthenticated;
            Response::Refusal(event::call_error(None, kind, message))
        };
        match self.access.sign_in(token).await {
            Ok(claims) if self.is_continued_by(&claims) => {
                let reply = event::session_refreshed(claims.expires_at);
                Response::Refreshed(reply, token.into(), claims.expires_at)
            }
            Ok(_) => {
                refused("token: expected one of the same user and session as the connection's")
            }
            Err(SignInError::Failed(error)) => Response::Refusal(self.refusal(None, error)),
            Err(error @ SignInError::KeysUnavailable) => {
                let error = ApiError::from(error);
                let kind = error.error_type().on_socket();
                Response::Refusal(event::call_error(None, kind, error.message()))
            }
            Err(_) => refused("token: expected a valid token"),
        }
    }

    fn is_continued_by(&self, claims: &Claims) -> bool {
        claims.user == self.user && (!claims.names_session || claims.session == self.session)
    }

    /// Returns the `call_error` for a failed use case, and logs its cause.
    fn refusal(&self, call_id: Option<&str>, error: Error) -> String {
        let error = ApiError::from(error);
        error.log_cause(&self.request_id);
        event::call_error(call_id, error.error_type().on_socket(), error.message())
    }

    fn principal(&self) -> Principal {
        Principal {
            user: self.user.clone(),
            session: self.session.clone(),
            via: Source::Socket,
        }
    }
}
