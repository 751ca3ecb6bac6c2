//! How the server closes a socket (RFC 6455, section 7.4; contract section 4).

/// Why the server closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// The peer was silent for too long.
    Idle,
    /// The peer broke the protocol.
    ProtocolError,
    /// A text message is not UTF-8.
    NotUtf8,
    /// The user was disabled.
    UserDisabled,
    /// The peer floods the connection with frames that carry no message.
    Flood,
    /// A message is too long.
    TooLong,
    /// A defect of the server.
    Failed,
    /// The server is stopping.
    Stopping,
    /// The peer reads too slowly.
    TooSlow,
    /// The server cannot take the session just now.
    Unavailable,
    /// Another connection took the session's slot.
    Replaced,
    /// The token is no longer valid.
    Expired,
}

impl Close {
    /// All of them, by code.
    pub const ALL: [Self; 12] = [
        Self::Idle,
        Self::ProtocolError,
        Self::NotUtf8,
        Self::UserDisabled,
        Self::Flood,
        Self::TooLong,
        Self::Failed,
        Self::Stopping,
        Self::TooSlow,
        Self::Unavailable,
        Self::Replaced,
        Self::Expired,
    ];

    /// The close code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Idle => 1001,
            Self::ProtocolError => 1002,
            Self::NotUtf8 => 1007,
            Self::UserDisabled | Self::Flood => 1008,
            Self::TooLong => 1009,
            Self::Failed => 1011,
            Self::Stopping => 1012,
            Self::TooSlow | Self::Unavailable => 1013,
            Self::Replaced => 4000,
            Self::Expired => 4001,
        }
    }

    /// The reason that goes with the code.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Idle => "silent for too long",
            Self::ProtocolError => "protocol error",
            Self::NotUtf8 => "text is not UTF-8",
            Self::UserDisabled => "user disabled",
            Self::Flood => "flood of frames without messages",
            Self::TooLong => "message too long",
            Self::Failed => "unexpected server error",
            Self::Stopping => "server stopping",
            Self::TooSlow => "too many events wait; reconnect",
            Self::Unavailable => "try again later",
            Self::Replaced => "replaced by another connection",
            Self::Expired => "token expired",
        }
    }
}
