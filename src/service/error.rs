//! Errors of the use cases.

use std::time::Duration;

use crate::call::{CallError, CallId, Status};
use crate::store;
use crate::user::UserId;
use crate::webhook_model::delivery::EndpointId;

/// Refusal or failure of a use case. Every use case that stores something can fail with [`Error::Unavailable`], and has
/// changed nothing then; `# Errors` of a use case lists what else it can refuse.
///
/// The texts of refusals are for clients; the cause of a failure is only for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call does not exist, or its id is not a UUID.
    #[error("Call not found")]
    CallNotFound,
    /// The user's history has no such entry.
    #[error("History entry not found")]
    EntryNotFound,
    /// The user has no such session.
    #[error("Session not found")]
    SessionNotFound,
    /// The requested user does not exist.
    #[error("User {0} not found")]
    UserNotFound(UserId),
    /// There is no such webhook endpoint.
    #[error("Webhook endpoint not found")]
    EndpointNotFound,
    /// There is no such webhook message any more.
    #[error("Webhook message not found: messages are kept for two days")]
    MessageNotFound,
    /// The settings name the webhook endpoint.
    #[error("Webhook endpoint {0} is in the settings: change it there")]
    EndpointOfSettings(EndpointId),
    /// There is a webhook endpoint of that URL.
    #[error("url: expected the URL of no other webhook endpoint")]
    EndpointExists,
    /// There are as many webhook endpoints as there may be.
    #[error(
        "url: expected at most {0} webhook endpoints beside those of the settings; delete one first"
    )]
    TooManyEndpoints(usize),
    /// No webhook endpoint receives messages of apps.
    #[error("No webhook endpoint receives app.message")]
    NoReceiver,
    /// A call rule refuses the action.
    #[error(transparent)]
    Refused(#[from] CallError),
    /// Callee and caller are the same user.
    #[error("calleeId: expected another user than the caller")]
    OwnNumber,
    /// A user cannot be on the user's own list.
    #[error("userId: expected another user than oneself")]
    OwnList,
    /// The end of do not disturb has passed already.
    #[error("until: expected an instant in the future")]
    PastInstant,
    /// The list is full.
    #[error("userId: expected room on the list, which holds at most {0} users")]
    ListFull(u32),
    /// The caller is in a live call.
    #[error("You are already in call {call}, which is {status}, created {} s ago", age.as_secs())]
    CallerBusy {
        /// That call.
        call: CallId,
        /// The status of that call.
        status: Status,
        /// The age of that call.
        age: Duration,
    },
    /// The callee is in a live call.
    #[error("User {0} is in another call")]
    UserBusy(UserId),
    /// The user makes more calls than `initiate_rate` allows, on all nodes together.
    #[error("Rate limit exceeded")]
    TooManyCalls {
        /// Time until the next is allowed.
        wait: Duration,
    },
    /// The user is in a live call and cannot be removed.
    #[error("User {user} is in call {call} and was not removed")]
    UserInCall {
        /// The user.
        user: UserId,
        /// That call.
        call: CallId,
    },
    /// The key came with another request of a backend before.
    #[error(
        "Idempotency-Key: this key was sent with another request before; expected a new key for a new request"
    )]
    RequestKeyReused,
    /// The idempotency key was used with another body.
    #[error(
        "Idempotency-Key: this key was sent with another body before; expected a new key for a new call"
    )]
    KeyReused,
    /// The request cannot be served now; a retry may succeed. For the log.
    #[error("{0}")]
    Unavailable(String),
    /// Unexpected failure. For the log.
    #[error(transparent)]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) => Self::Unavailable(error.to_string()),
            other => Self::Internal(Box::new(other)),
        }
    }
}
