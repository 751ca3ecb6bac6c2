//! Errors of the use cases.

use std::time::Duration;

use crate::call::{CallError, CallId, Status};
use crate::store;
use crate::user::UserId;

/// Refusal or failure of a use case. The texts of refusals are for clients; the cause of a failure is for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call does not exist, or its id is no UUID.
    #[error("Call not found")]
    CallNotFound,
    /// The user has no such entry in its history.
    #[error("History entry not found")]
    EntryNotFound,
    /// The user who is called or asked for does not exist.
    #[error("User {0} not found")]
    UserNotFound(UserId),
    /// The rules of a call refuse it.
    #[error(transparent)]
    Refused(#[from] CallError),
    /// Calling oneself.
    #[error("calleeId: expected another user than the caller")]
    OwnNumber,
    /// Putting oneself on a list.
    #[error("userId: expected another user than oneself")]
    OwnList,
    /// Do not disturb until an instant that has passed.
    #[error("until: expected an instant in the future")]
    PastInstant,
    /// A list holds as many as it can.
    #[error("userId: expected room on the list, which holds at most {0} users")]
    ListFull(u32),
    /// The caller is in a live call.
    #[error("You are already in call {call}, which is {status}, created {} s ago", age.as_secs())]
    CallerBusy {
        /// That call.
        call: CallId,
        /// Where it stands.
        status: Status,
        /// How long ago it was created.
        age: Duration,
    },
    /// The callee is in a live call.
    #[error("User {0} is in another call")]
    UserBusy(UserId),
    /// The key came with another body before.
    #[error(
        "Idempotency-Key: this key was sent with another body before; expected a new key for a new call"
    )]
    KeyReused,
    /// The request cannot be served now; the same one may succeed in a moment. For the log.
    #[error("{0}")]
    Unavailable(String),
    /// An unexpected failure. For the log.
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
