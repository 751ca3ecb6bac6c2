//! Enumerations as small integers in the database. Each value has an explicit code, which never changes: files in
//! the field hold it.

use std::fmt::Write as _;

use crate::call::{
    CallType, Cause, Direction, NetworkQuality, Outcome, RejectReason, Source, Status,
};
use crate::user::List;
use crate::webhook_model::EventType;
use crate::webhook_model::delivery::PauseCause;
use crate::webhook_model::message::State;

use super::engine::Row;
use super::error::Error;

/// Enumeration whose values have database codes.
pub(super) trait Code: Sized {
    /// Returns the code of this value.
    fn code(self) -> i64;

    /// Returns the value of `code`, if there is one.
    fn from_code(code: i64) -> Option<Self>;
}

/// Implements [`Code`] for an enumeration, from a code beside each variant. A variant without a code does not compile.
macro_rules! codes {
    ($name:ty { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl Code for $name {
            fn code(self) -> i64 {
                match self {
                    $(Self::$variant => $code),+
                }
            }

            fn from_code(code: i64) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

// `db check`, the indexes and the order of a timeline depend on the order of these.
codes!(Status { Initiating = 0, Ringing = 1, Connecting = 2, Active = 3, Ended = 4, Rejected = 5, Missed = 6 });
codes!(CallType { Audio = 0, Video = 1 });
codes!(RejectReason { Busy = 0, Declined = 1, Unavailable = 2 });
codes!(Source { Rest = 0, Socket = 1, Server = 2, Admin = 3, Webhook = 4, Backend = 5 });
codes!(Cause {
    Initiate = 0,
    UserBusy = 1,
    CalleeConnected = 2,
    Accept = 3,
    Reject = 4,
    Activate = 5,
    End = 6,
    RingTimeout = 7,
    ParticipantGone = 8,
    MaxDuration = 9,
    CalleeRings = 10,
    PushDelivered = 11,
    CallerBlocked = 12,
    DoNotDisturb = 13,
    CalleeAvailable = 14,
});
codes!(Outcome { Completed = 0, Missed = 1, Rejected = 2, Cancelled = 3 });
codes!(Direction { Incoming = 0, Outgoing = 1 });
codes!(NetworkQuality { Unknown = 0, Excellent = 1, Good = 2, Poor = 3, Bad = 4, VeryBad = 5 });
codes!(List { Blocked = 0, Contacts = 1 });
codes!(EventType {
    CallInitiated = 0,
    CallRinging = 1,
    CallAccepted = 2,
    CallRejected = 3,
    CallActive = 4,
    CallEnded = 5,
    CallMissed = 6,
    CallBusy = 7,
    UserOnline = 8,
    UserOffline = 9,
    CallUnreached = 10,
    AppMessage = 11,
});
codes!(State { Waiting = 0, Delivered = 1, GivenUp = 2 });
codes!(PauseCause { Administrator = 0, Gone = 1, Failing = 2 });

/// Returns `bytes` in hexadecimal digits, as errors show them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the code of `value`.
pub(super) fn encode(value: impl Code) -> i64 {
    value.code()
}

/// Columns of one row. Errors name the table, the column and the row.
pub(super) struct Columns<'r> {
    pub row: &'r Row<'r>,
    pub table: &'static str,
    pub id: &'r dyn std::fmt::Display,
}

impl Columns<'_> {
    /// Returns the value whose code `column` holds.
    pub fn decode<T: Code>(&self, column: &'static str) -> Result<T, Error> {
        let code: i64 = self.get(column)?;
        T::from_code(code).ok_or_else(|| self.impossible(column, &code.to_string()))
    }

    /// Returns the value of `column` as SQLite holds it.
    pub fn get<T: rusqlite::types::FromSql>(&self, column: &'static str) -> Result<T, Error> {
        self.row
            .get(column)
            .map_err(|error| self.impossible(column, &error.to_string()))
    }

    /// Returns the value of `column`, which must not be null.
    pub fn required<T: rusqlite::types::FromSql>(&self, column: &'static str) -> Result<T, Error> {
        self.get::<Option<T>>(column)?
            .ok_or_else(|| self.impossible(column, "nothing"))
    }

    /// Returns the error that `column` holds an impossible value.
    pub fn impossible(&self, column: &'static str, found: &str) -> Error {
        Error::Inconsistent {
            table: self.table,
            column,
            id: self.id.to_string(),
            found: found.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes in files in the field, by the word of each value.
    fn pin<T: Code + Copy>(codes: &[(T, i64)]) {
        for (value, code) in codes {
            assert_eq!(encode(*value), *code);
            assert_eq!(T::from_code(*code).map(Code::code), Some(*code));
        }
        let unknown = i64::try_from(codes.len()).expect("a few values");
        assert!(T::from_code(unknown).is_none() && T::from_code(-1).is_none());
    }

    /// Pins `values` to the codes 0, 1, 2 and so on, as the lists of this test say them.
    fn pin_in_order<T: Code + Copy>(values: &[T]) {
        let codes: Vec<(T, i64)> = values.iter().copied().zip(0..).collect();
        pin(&codes);
    }

    #[test]
    fn every_database_code_is_pinned() {
        use Cause as C;
        use EventType as E;
        use NetworkQuality as Q;
        use Status as S;
        pin_in_order(&[
            S::Initiating,
            S::Ringing,
            S::Connecting,
            S::Active,
            S::Ended,
            S::Rejected,
            S::Missed,
        ]);
        pin_in_order(&[CallType::Audio, CallType::Video]);
        pin_in_order(&[
            RejectReason::Busy,
            RejectReason::Declined,
            RejectReason::Unavailable,
        ]);
        pin_in_order(&[
            Source::Rest,
            Source::Socket,
            Source::Server,
            Source::Admin,
            Source::Webhook,
            Source::Backend,
        ]);
        pin_in_order(&[
            C::Initiate,
            C::UserBusy,
            C::CalleeConnected,
            C::Accept,
            C::Reject,
            C::Activate,
            C::End,
            C::RingTimeout,
            C::ParticipantGone,
            C::MaxDuration,
            C::CalleeRings,
            C::PushDelivered,
            C::CallerBlocked,
            C::DoNotDisturb,
            C::CalleeAvailable,
        ]);
        pin_in_order(&[
            Outcome::Completed,
            Outcome::Missed,
            Outcome::Rejected,
            Outcome::Cancelled,
        ]);
        pin_in_order(&[Direction::Incoming, Direction::Outgoing]);
        pin_in_order(&[
            Q::Unknown,
            Q::Excellent,
            Q::Good,
            Q::Poor,
            Q::Bad,
            Q::VeryBad,
        ]);
        pin_in_order(&[List::Blocked, List::Contacts]);
        pin_in_order(&[
            E::CallInitiated,
            E::CallRinging,
            E::CallAccepted,
            E::CallRejected,
            E::CallActive,
            E::CallEnded,
            E::CallMissed,
            E::CallBusy,
            E::UserOnline,
            E::UserOffline,
            E::CallUnreached,
            E::AppMessage,
        ]);
        pin_in_order(&[State::Waiting, State::Delivered, State::GivenUp]);
        pin_in_order(&[
            PauseCause::Administrator,
            PauseCause::Gone,
            PauseCause::Failing,
        ]);
    }
}
