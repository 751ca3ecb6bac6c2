//! Notices to clients: an event of a call or of the team's backend, and its recipients.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::user::{Profile, SessionDigest, SessionId, UserId};

use super::actor::Actor;
use super::app::AppEvent;
use super::network::NetworkQuality;
use super::signal::SignalEvent;
use super::state::{CallId, CallType, ChannelId, RejectReason};

/// Time for which an event of a call that was not confirmed is stored and delivered (contract section 4).
pub const KEPT_FOR: Duration = Duration::from_mins(5);

/// Notice to clients, before it is encoded as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The recipients.
    pub audience: Audience,
    /// The event.
    pub event: Event,
    /// Time of the event.
    pub at: Timestamp,
}

impl Notice {
    /// Returns when it is no longer delivered to sessions that connect.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.at.plus(self.event.kept_for().unwrap_or_default())
    }
}

/// Recipients of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All sessions of a user. If none is connected, the notice is stored for the next one.
    Participant(UserId),
    /// All sessions of the participant who acted except the one that acted: other devices stop ringing. The notice is
    /// not stored for them.
    OtherSessions {
        /// The participant who acted.
        user: UserId,
        /// The session that acted.
        acted: SessionId,
    },
}

impl Audience {
    /// Returns the user whose sessions receive it.
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
    /// All sessions: none has it.
    #[default]
    All,
    /// These sessions; another session has it.
    Sessions(Vec<SessionId>),
    /// All sessions except the one that acted.
    AllBut(SessionDigest),
}

impl Lacking {
    /// Whether `session` is one of them.
    #[must_use]
    pub fn includes(&self, session: &SessionId) -> bool {
        match self {
            Self::All => true,
            Self::Sessions(sessions) => sessions.contains(session),
            Self::AllBut(acted) => *acted != session.digest(),
        }
    }
}

/// Event of a call (specification, "Server to Client Messages"), or of the team's backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `call_invitation`: a user calls.
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
        /// Reason of the rejection.
        reason: RejectReason,
    },
    /// `call_ended`.
    Ended {
        /// The call.
        call: CallId,
        /// Who ended the call.
        ended_by: Actor,
        /// Duration in seconds.
        duration_seconds: u32,
    },
    /// `call_timeout`: not answered in time.
    TimedOut {
        /// The call.
        call: CallId,
    },
    /// `call_missed`: a user called while the callee was in another call.
    Missed(MissedCall),
    /// `call_quality_warning`: the other participant's network quality is bad.
    QualityWarning {
        /// The call.
        call: CallId,
        /// The level: POOR or worse.
        quality: NetworkQuality,
    },
    /// `call_signal`: the other participant sent a signal to set up media.
    Signal(SignalEvent),
    /// `app.…`: the team's backend sent an event of its own.
    App(AppEvent),
}

/// Invitation to a ringing call, as the callee sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The call.
    pub call: CallId,
    /// The media channel.
    pub channel: ChannelId,
    /// The caller.
    pub caller: Profile,
    /// Voice or video.
    pub call_type: CallType,
}

/// Call that was refused because the callee was in another one, as the callee sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedCall {
    /// The call.
    pub call: CallId,
    /// The caller.
    pub caller: Profile,
    /// Voice or video.
    pub call_type: CallType,
}

impl Event {
    /// Returns the word of the specification; `app` for all events of the team's backend, whose types are its own.
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
            Self::App(_) => "app",
        }
    }

    /// Returns the call of the event, if it is of one.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::Invitation(Invitation { call, .. })
            | Self::Accepted { call, .. }
            | Self::Rejected { call, .. }
            | Self::Ended { call, .. }
            | Self::TimedOut { call }
            | Self::Missed(MissedCall { call, .. })
            | Self::QualityWarning { call, .. }
            | Self::Signal(SignalEvent { call, .. }) => Some(*call),
            Self::App(_) => None,
        }
    }

    /// Returns the size in bytes of the content that the sender chooses, 0 for events of calls.
    #[must_use]
    pub fn carried_bytes(&self) -> usize {
        match self {
            Self::Signal(SignalEvent { signal, .. }) => signal.as_json().len(),
            Self::App(AppEvent { message, .. }) => message.data().len(),
            Self::Invitation(_)
            | Self::Accepted { .. }
            | Self::Rejected { .. }
            | Self::Ended { .. }
            | Self::TimedOut { .. }
            | Self::Missed(_)
            | Self::QualityWarning { .. } => 0,
        }
    }

    /// Whether the server tracks which sessions have confirmed the event. It does not for signals: the sender waits for
    /// the answer of the other participant.
    #[must_use]
    pub const fn is_tracked(&self) -> bool {
        !matches!(self, Self::Signal(_))
    }

    /// Whether the event is dropped for a session that has no room for it: a participant or a backend sends it as often
    /// as it wants, and it is not stored.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::QualityWarning { .. } | Self::Signal(_) => true,
            Self::App(event) => event.kept_for.is_none(),
            Self::Invitation(_)
            | Self::Accepted { .. }
            | Self::Rejected { .. }
            | Self::Ended { .. }
            | Self::TimedOut { .. }
            | Self::Missed(_) => false,
        }
    }

    /// Whether the event is stored for a user who is not connected.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.kept_for().is_some()
    }

    /// Returns the time for which the event is stored for a user who is not connected, if it is. An invitation is not: a
    /// session that connects is invited to what rings at that time. A warning is not, because it reports the current
    /// state. A signal is not, because the sender waits for its answer.
    #[must_use]
    pub const fn kept_for(&self) -> Option<Duration> {
        match self {
            Self::Invitation(_) | Self::QualityWarning { .. } | Self::Signal(_) => None,
            Self::App(event) => event.kept_for,
            Self::Accepted { .. }
            | Self::Rejected { .. }
            | Self::Ended { .. }
            | Self::TimedOut { .. }
            | Self::Missed(_) => Some(KEPT_FOR),
        }
    }
}
