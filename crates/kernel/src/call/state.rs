//! What a call is, and the states it can be in.
//!
//! ```text
//!              callee connects, or is woken by a push
//!  INITIATING ────────────────▶ RINGING            a live call: INITIATING, RINGING,
//!      │                          │                CONNECTING or ACTIVE
//!      └──────────┬───────────────┘
//!                 │ accept            reject ▶ REJECTED
//!                 │                   end ▶ ENDED, 0 seconds, never started
//!                 │                   ring timeout ▶ MISSED
//!                 ▼
//!            CONNECTING ───────▶ ACTIVE            media flows
//!                 │                 │
//!                 └───────┬─────────┘
//!                         │ end, participant gone, longest duration
//!                         ▼
//!                       ENDED
//! ```

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::user::UserId;

use super::actor::Actor;

/// A call's id: a `UUIDv7`, lower case (contract section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Uuid);

impl CallId {
    /// The id of these bytes.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id that `text` spells in the hyphenated form of RFC 9562, or none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const HYPHENATED: usize = 36;
        (text.len() == HYPHENATED)
            .then(|| Uuid::try_parse(text).ok())?
            .map(Self)
    }

    /// The id's 16 bytes; their order is the order of creation.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The instant in the id's first 48 bits, which is when its call was created (RFC 9562, section 5.7).
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&self.as_bytes()[..6]);
        Timestamp::from_millis(i64::from_be_bytes(ms))
    }

    /// The smallest id that a call created at `at` can have: earlier calls come before it, others do not.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        let ms = u128::try_from(at.as_millis()).unwrap_or(0);
        Self(Uuid::from_u128(ms << 80))
    }

    /// The id after those of all calls.
    pub const LAST: Self = Self(Uuid::max());
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// The name of the media channel that both join, as Agora allows it (contract section 1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelId(Arc<str>);

impl ChannelId {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// What a channel name has to look like, for messages.
    pub const EXPECTED: &str =
        "1-64 bytes of letters, digits, space and !#$%&()+-:;<=.>?@[]^_{}|~,";

    /// The channel that `text` names, or none where it is no channel name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = |byte: u8| {
            byte.is_ascii_alphanumeric() || b" !#$%&()+-:;<=.>?@[]^_{}|~,".contains(&byte)
        };
        ((1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(valid))
            .then(|| Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the participants send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallType {
    /// Voice.
    Audio,
    /// Voice and picture.
    Video,
}

impl CallType {
    /// Both, in the order of their documentation.
    pub const ALL: [Self; 2] = [Self::Audio, Self::Video];

    /// The word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "AUDIO",
            Self::Video => "VIDEO",
        }
    }
}

/// Why a call was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// In another call.
    Busy,
    /// Not wanted.
    Declined,
    /// Not now.
    Unavailable,
}

impl RejectReason {
    /// All of them, in the order of the specification.
    pub const ALL: [Self; 3] = [Self::Busy, Self::Declined, Self::Unavailable];

    /// The word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Who called.
    pub caller: UserId,
    /// Who was called.
    pub callee: UserId,
    /// Voice or video.
    pub call_type: CallType,
    /// Where the media flows.
    pub channel: ChannelId,
    /// Whether it is kept from its callee, who has blocked the caller: it rings nobody, occupies the caller
    /// alone, and the callee has no more part in it than a stranger.
    pub suppressed: bool,
    /// When the caller asked.
    pub created_at: Timestamp,
    /// When the state last changed.
    pub updated_at: Timestamp,
    /// Where it stands.
    pub state: State,
}

/// Where a call stands, with exactly what is known there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Asked for; no device of the callee is connected.
    Initiating {
        /// When it is missed.
        ring_until: Timestamp,
    },
    /// A device of the callee has the invitation.
    Ringing {
        /// When it is missed.
        ring_until: Timestamp,
    },
    /// Accepted; media is being set up.
    Connecting {
        /// When it was accepted.
        started_at: Timestamp,
        /// When it is ended for its length, if ever.
        max_duration_at: Option<Timestamp>,
    },
    /// Media flows.
    Active {
        /// When it was accepted.
        started_at: Timestamp,
        /// When it is ended for its length, if ever.
        max_duration_at: Option<Timestamp>,
    },
    /// Over, after an answer or given up before one.
    Ended {
        /// When it was accepted, if it was.
        started_at: Option<Timestamp>,
        /// When it was over.
        ended_at: Timestamp,
        /// How long it lasted, in seconds; 0 where it was never accepted.
        duration_seconds: u32,
        /// Who ended it.
        ended_by: Actor,
    },
    /// Refused by the callee, or because the callee was in another call.
    Rejected {
        /// Why.
        reason: RejectReason,
        /// When.
        ended_at: Timestamp,
    },
    /// Not answered in time.
    Missed {
        /// When the time was over.
        ended_at: Timestamp,
    },
}

/// The word for a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// See [`State::Initiating`].
    Initiating,
    /// See [`State::Ringing`].
    Ringing,
    /// See [`State::Connecting`].
    Connecting,
    /// See [`State::Active`].
    Active,
    /// See [`State::Ended`].
    Ended,
    /// See [`State::Rejected`].
    Rejected,
    /// See [`State::Missed`].
    Missed,
}

impl Status {
    /// All of them, in the order of a call's life.
    pub const ALL: [Self; 7] = [
        Self::Initiating,
        Self::Ringing,
        Self::Connecting,
        Self::Active,
        Self::Ended,
        Self::Rejected,
        Self::Missed,
    ];

    /// The word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiating => "INITIATING",
            Self::Ringing => "RINGING",
            Self::Connecting => "CONNECTING",
            Self::Active => "ACTIVE",
            Self::Ended => "ENDED",
            Self::Rejected => "REJECTED",
            Self::Missed => "MISSED",
        }
    }

    /// Whether a call in this status occupies its participants.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Initiating | Self::Ringing | Self::Connecting | Self::Active => true,
            Self::Ended | Self::Rejected | Self::Missed => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl State {
    /// The word for this state.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Initiating { .. } => Status::Initiating,
            Self::Ringing { .. } => Status::Ringing,
            Self::Connecting { .. } => Status::Connecting,
            Self::Active { .. } => Status::Active,
            Self::Ended { .. } => Status::Ended,
            Self::Rejected { .. } => Status::Rejected,
            Self::Missed { .. } => Status::Missed,
        }
    }

    /// When the server has to act on this call by itself, if ever.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Initiating { ring_until } | Self::Ringing { ring_until } => Some(*ring_until),
            Self::Connecting {
                max_duration_at, ..
            }
            | Self::Active {
                max_duration_at, ..
            } => *max_duration_at,
            Self::Ended { .. } | Self::Rejected { .. } | Self::Missed { .. } => None,
        }
    }

    /// When the call was accepted, if it was.
    #[must_use]
    pub const fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Connecting { started_at, .. } | Self::Active { started_at, .. } => {
                Some(*started_at)
            }
            Self::Ended { started_at, .. } => *started_at,
            Self::Initiating { .. }
            | Self::Ringing { .. }
            | Self::Rejected { .. }
            | Self::Missed { .. } => None,
        }
    }

    /// When the call was over, if it is.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Ended { ended_at, .. }
            | Self::Rejected { ended_at, .. }
            | Self::Missed { ended_at } => Some(*ended_at),
            Self::Initiating { .. }
            | Self::Ringing { .. }
            | Self::Connecting { .. }
            | Self::Active { .. } => None,
        }
    }

    /// How long the call lasted, in seconds, if it was ended; a missed or rejected call has no duration.
    #[must_use]
    pub const fn duration_seconds(&self) -> Option<u32> {
        match self {
            Self::Ended {
                duration_seconds, ..
            } => Some(*duration_seconds),
            Self::Initiating { .. }
            | Self::Ringing { .. }
            | Self::Connecting { .. }
            | Self::Active { .. }
            | Self::Rejected { .. }
            | Self::Missed { .. } => None,
        }
    }
}

impl Call {
    /// The word for where it stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.state.status()
    }

    /// Whether `user` is one of those who take part: the two, or the caller alone where it is suppressed.
    #[must_use]
    pub fn has_participant(&self, user: &UserId) -> bool {
        *user == self.caller || self.is_for(user)
    }

    /// Whether `user` is called, and may know it.
    #[must_use]
    pub fn is_for(&self, user: &UserId) -> bool {
        *user == self.callee && !self.suppressed
    }

    /// Those who take part, the caller first.
    pub fn participants(&self) -> impl Iterator<Item = &UserId> {
        [&self.caller, &self.callee]
            .into_iter()
            .filter(|user| self.has_participant(user))
    }

    /// The participant who is not `user`.
    #[must_use]
    pub fn other(&self, user: &UserId) -> &UserId {
        if *user == self.caller {
            &self.callee
        } else {
            &self.caller
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_names_are_what_agora_allows() {
        for good in [
            "a",
            "agora-channel-456",
            "a b!#$%&()+-:;<=.>?@[]^_{}|~,",
            &"x".repeat(64),
        ] {
            assert_eq!(ChannelId::parse(good).expect(good).as_str(), good);
        }
        for bad in [
            "",
            &"x".repeat(65),
            "a/b",
            "a\"b",
            "a'b",
            "é",
            "a\tb",
            "a*b",
            "a\\b",
            "`",
        ] {
            assert_eq!(ChannelId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_call_id_tells_when_its_call_was_created() {
        let at = Timestamp::from_millis(1_705_314_600_123);
        let id = uuid::Builder::from_unix_timestamp_millis(1_705_314_600_123, &[0xFF; 10]);
        let id = CallId::from_uuid(id.into_uuid());
        assert_eq!(id.created_at(), at);
        assert!(CallId::first_at(at) < id && id < CallId::LAST);
        assert!(id < CallId::first_at(Timestamp::from_millis(at.as_millis() + 1)));
        assert!(CallId::first_at(Timestamp::from_millis(-1)) < id);
    }

    #[test]
    fn call_ids_are_hyphenated_uuids() {
        let text = "0192f0c1-7a4b-7c3d-8e5f-0123456789ab";
        assert_eq!(CallId::parse(text).expect("a UUID").to_string(), text);
        for bad in [
            "",
            "call-uuid-123",
            "0192f0c17a4b7c3d8e5f0123456789ab",
            "{0192f0c1-7a4b-7c3d-8e5f-0123456789ab}",
        ] {
            assert_eq!(CallId::parse(bad), None, "{bad:?}");
        }
    }
}
