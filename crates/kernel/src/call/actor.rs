//! Who does something to a call, by which way, and for what cause.

use std::fmt;

use crate::user::{SessionId, UserId};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user.
    User(UserId),
    /// The server, or its administrator.
    System,
}

impl Actor {
    /// The user's id, or `system`.
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

/// A participant's session doing something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The session, which hears nothing of what it did itself.
    pub session: SessionId,
    /// The way it spoke to us.
    pub via: Source,
}

/// The way by which a transition came.
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
    /// A webhook's receiver, by its answer.
    Webhook,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Rest,
        Self::Socket,
        Self::Server,
        Self::Admin,
        Self::Webhook,
    ];

    /// The word shown in a timeline.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Socket => "websocket",
            Self::Server => "server",
            Self::Admin => "admin",
            Self::Webhook => "webhook",
        }
    }
}

/// What brought a transition about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The caller called.
    Initiate,
    /// The caller called somebody who was in another call.
    UserBusy,
    /// A device of the callee connected.
    CalleeConnected,
    /// The callee accepted.
    Accept,
    /// The callee rejected.
    Reject,
    /// A participant said that media flows.
    Activate,
    /// A participant, or the administrator, ended it.
    End,
    /// Nobody answered in time.
    RingTimeout,
    /// A participant was gone for too long.
    ParticipantGone,
    /// The call reached the longest duration.
    MaxDuration,
    /// The callee's device, which a push has woken, said that it rings.
    CalleeRings,
    /// A webhook's receiver said that it has delivered a push.
    PushDelivered,
    /// The caller called somebody who has blocked the caller.
    CallerBlocked,
    /// The caller called somebody who does not want to be disturbed.
    DoNotDisturb,
    /// The callee is available again, with a device connected.
    CalleeAvailable,
}

impl Cause {
    /// All of them.
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

    /// The word shown in a timeline.
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
