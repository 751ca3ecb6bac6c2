//! Notices to clients about a call: one event and its recipients.

use crate::clock::Timestamp;
use crate::user::{Profile, SessionDigest, SessionId, UserId};

use super::actor::Actor;
use super::network::NetworkQuality;
use super::signal::SignalEvent;
use super::state::{CallId, CallType, ChannelId, RejectReason};

/// A message to clients, before anybody has put it into JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who hears it.
    pub audience: Audience,
    /// What happened.
    pub event: Event,
    /// When it happened.
    pub at: Timestamp,
}

/// Who hears a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All sessions of a participant; where none is connected, the notice is kept for the next.
    Participant(UserId),
    /// The sessions of the participant who acted, but the one that acted: other devices stop ringing.
    /// Nothing is kept for them.
    OtherSessions {
        /// The participant who acted.
        user: UserId,
        /// The session that acted.
        acted: SessionId,
    },
}

impl Audience {
    /// The user whose sessions hear it.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        match self {
            Self::Participant(user) | Self::OtherSessions { user, .. } => user,
        }
    }
}

/// Sessions of a user that lack a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lacking {
    /// All: no session has it.
    #[default]
    All,
    /// These, although another session has it.
    Sessions(Vec<SessionId>),
    /// All but the one that acted.
    AllBut(SessionDigest),
}

/// What happened to a call (specification, "Server to Client Messages").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `call_invitation`: somebody calls.
    Invitation(Invitation),
    /// `call_accepted`.
    Accepted {
        /// The call.
        call: CallId,
        /// The callee.
        accepted_by: UserId,
    },
    /// `call_rejected`.
    Rejected {
        /// The call.
        call: CallId,
        /// The callee.
        rejected_by: UserId,
        /// Why.
        reason: RejectReason,
    },
    /// `call_ended`.
    Ended {
        /// The call.
        call: CallId,
        /// Who ended it.
        ended_by: Actor,
        /// How long it lasted, in seconds.
        duration_seconds: u32,
    },
    /// `call_timeout`: not answered in time.
    TimedOut {
        /// The call.
        call: CallId,
    },
    /// `call_missed`: somebody called while the callee was in another call.
    Missed(MissedCall),
    /// `call_quality_warning`: the other participant's network carries the call badly.
    QualityWarning {
        /// The call.
        call: CallId,
        /// How badly: POOR or worse.
        quality: NetworkQuality,
    },
    /// `call_signal`: the other participant says something about the media between the two.
    Signal(SignalEvent),
}

/// What the callee is shown of a call that rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The call.
    pub call: CallId,
    /// Where its media will flow.
    pub channel: ChannelId,
    /// Who calls.
    pub caller: Profile,
    /// Voice or video.
    pub call_type: CallType,
}

/// Call that was refused because the callee was in another one, as the callee sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedCall {
    /// The call.
    pub call: CallId,
    /// Who called.
    pub caller: Profile,
    /// Voice or video.
    pub call_type: CallType,
}

impl Event {
    /// The word of the specification.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Invitation(_) => "call_invitation",
            Self::Accepted { .. } => "call_accepted",
            Self::Rejected { .. } => "call_rejected",
            Self::Ended { .. } => "call_ended",
            Self::TimedOut { .. } => "call_timeout",
            Self::Missed(_) => "call_missed",
            Self::QualityWarning { .. } => "call_quality_warning",
            Self::Signal(_) => "call_signal",
        }
    }

    /// The call it happened to.
    #[must_use]
    pub const fn call(&self) -> CallId {
        match self {
            Self::Invitation(Invitation { call, .. })
            | Self::Accepted { call, .. }
            | Self::Rejected { call, .. }
            | Self::Ended { call, .. }
            | Self::TimedOut { call }
            | Self::Missed(MissedCall { call, .. })
            | Self::QualityWarning { call, .. }
            | Self::Signal(SignalEvent { call, .. }) => *call,
        }
    }

    /// Bytes that it carries and no other event does: a signal's, which are a client's to choose.
    #[must_use]
    pub fn carried_bytes(&self) -> usize {
        match self {
            Self::Signal(SignalEvent { signal, .. }) => signal.as_json().len(),
            Self::Invitation(_)
            | Self::Accepted { .. }
            | Self::Rejected { .. }
            | Self::Ended { .. }
            | Self::TimedOut { .. }
            | Self::Missed(_)
            | Self::QualityWarning { .. } => 0,
        }
    }

    /// Whether a participant causes the event at will, as often as it sends messages.
    #[must_use]
    pub const fn is_sent_by_a_client(&self) -> bool {
        matches!(self, Self::QualityWarning { .. } | Self::Signal(_))
    }

    /// Whether the event waits for a participant who is not connected. An invitation does not: a session
    /// that connects is invited to what rings just then. Nor does a warning, which says how things are now, nor
    /// a signal, whose answer somebody waits for.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        match self {
            Self::Invitation(_) | Self::QualityWarning { .. } | Self::Signal(_) => false,
            Self::Accepted { .. }
            | Self::Rejected { .. }
            | Self::Ended { .. }
            | Self::TimedOut { .. }
            | Self::Missed(_) => true,
        }
    }
}
