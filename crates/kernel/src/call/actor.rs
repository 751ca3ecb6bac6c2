//! Actors of call transitions: who acts, through which interface and for what cause.

use std::fmt;

use crate::user::{SessionId, UserId};

/// Actor of a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user.
    User(UserId),
    /// The server, or its administrator.
    System,
}

impl Actor {
    /// Returns the user's id, or `system`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::User(user) => user.as_str(),
            Self::System => "system",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Session of a participant that acts on a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The session. It is not notified of its own action.
    pub session: SessionId,
    /// The interface that it uses.
    pub via: Source,
}

/// Interface through which a transition is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A REST request.
    Rest,
    /// A WebSocket message, or a session that connected.
    Socket,
    /// The server itself: a deadline passed.
    Server,
    /// The administrator's command line.
    Admin,
    /// A webhook endpoint, by its response.
    Webhook,
    /// The team's backend, through the server API.
    Backend,
}

impl Source {
    /// All variants.
    pub const ALL: [Self; 6] = [
        Self::Rest,
        Self::Socket,
        Self::Server,
        Self::Admin,
        Self::Webhook,
        Self::Backend,
    ];

    /// Returns the word that a timeline shows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Socket => "websocket",
            Self::Server => "server",
            Self::Admin => "admin",
            Self::Webhook => "webhook",
            Self::Backend => "backend",
        }
    }
}

/// Cause of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The caller called.
    Initiate,
    /// The caller called a user who was in another call.
    UserBusy,
    /// A device of the callee connected.
    CalleeConnected,
    /// The callee accepted.
    Accept,
    /// The callee rejected.
    Reject,
    /// A participant reported that media flows.
    Activate,
    /// A participant or the administrator ended the call.
    End,
    /// The call was not answered in time.
    RingTimeout,
    /// A participant was disconnected for too long.
    ParticipantGone,
    /// The call reached the maximum duration.
    MaxDuration,
    /// The callee's device, woken by a push, reported that it rings.
    CalleeRings,
    /// A webhook endpoint reported that it has delivered a push.
    PushDelivered,
    /// The caller called a user who has blocked the caller.
    CallerBlocked,
    /// The caller called a user who has set do not disturb.
    DoNotDisturb,
    /// The callee is available again, with a device connected.
    CalleeAvailable,
}

impl Cause {
    /// All variants.
    pub const ALL: [Self; 15] = [
        Self::Initiate,
        Self::UserBusy,
        Self::CalleeConnected,
        Self::Accept,
        Self::Reject,
        Self::Activate,
        Self::End,
        Self::RingTimeout,
        Self::ParticipantGone,
        Self::MaxDuration,
        Self::CalleeRings,
        Self::PushDelivered,
        Self::CallerBlocked,
        Self::DoNotDisturb,
        Self::CalleeAvailable,
    ];

    /// Returns the word that a timeline shows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiate => "initiate",
            Self::UserBusy => "user_busy",
            Self::CalleeConnected => "callee_connected",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Activate => "activate",
            Self::End => "end",
            Self::RingTimeout => "ring_timeout",
            Self::ParticipantGone => "participant_gone",
            Self::MaxDuration => "max_call_duration",
            Self::CalleeRings => "callee_rings",
            Self::PushDelivered => "push_delivered",
            Self::CallerBlocked => "caller_blocked",
            Self::DoNotDisturb => "do_not_disturb",
            Self::CalleeAvailable => "callee_available",
        }
    }
}
