//! WebSocket close reasons: close code, reason text and advice to the client (RFC 6455, section 7.4; contract section
//! 4).

/// Close reason: why the server closes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Idle timeout: nothing was received from the peer for too long.
    Idle,
    /// The peer violated the protocol.
    ProtocolError,
    /// A text message is not UTF-8.
    NotUtf8,
    /// The user was disabled or removed.
    UserDisabled,
    /// The peer sends too many frames that carry no message.
    Flood,
    /// The peer keeps sending signals or quality reports above its rate limit.
    RateExceeded,
    /// A message is too long.
    TooLong,
    /// A defect of the server.
    Failed,
    /// Internal error of the server.
    Stopping,
    /// Too many events are queued for the session: the peer reads too slowly (backpressure).
    TooSlow,
    /// The slot was given to a newer connection of the same session, or the user has one session too many.
    Replaced,
    /// The token has expired.
    Expired,
    /// The keys have changed, and no key accepts the token.
    TokenRejected,
    /// The team's backend closed the session for good.
    SignedOut,
    /// The team's backend closed the session so that it connects again.
    Reconnect,
}

/// Row of the table of close reasons.
struct Row {
    code: u16,
    reason: &'static str,
    when: &'static str,
    client_action: &'static str,
}

impl CloseReason {
    /// All close reasons, by code.
    pub const ALL: [Self; 15] = [
        Self::Idle,
        Self::ProtocolError,
        Self::NotUtf8,
        Self::UserDisabled,
        Self::Flood,
        Self::RateExceeded,
        Self::TooLong,
        Self::Failed,
        Self::Stopping,
        Self::TooSlow,
        Self::Replaced,
        Self::Expired,
        Self::TokenRejected,
        Self::SignedOut,
        Self::Reconnect,
    ];

    /// Returns the reason for sessions that a backend or an administrator closes.
    #[must_use]
    pub const fn by_request(reconnects: bool) -> Self {
        if reconnects {
            Self::Reconnect
        } else {
            Self::SignedOut
        }
    }

    /// Returns the close code.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.row().code
    }

    /// Returns the reason text of the close frame.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.row().reason
    }

    /// Returns when the server closes a connection for this reason, for the documents.
    #[must_use]
    pub const fn when(self) -> &'static str {
        self.row().when
    }

    /// Returns what the client should do, for the documents.
    #[must_use]
    pub const fn client_action(self) -> &'static str {
        self.row().client_action
    }

    const fn row(self) -> Row {
        match self {
            Self::Idle => Row {
                code: 1001,
                reason: "silent for too long",
                when: "The client sent nothing for `idle_timeout` (75 s), not even a pong.",
                client_action: "Reconnect.",
            },
            Self::ProtocolError => Row {
                code: 1002,
                reason: "protocol error",
                when: "The client broke RFC 6455.",
                client_action: "Fix the client.",
            },
            Self::NotUtf8 => Row {
                code: 1007,
                reason: "text is not UTF-8",
                when: "A text message was not UTF-8.",
                client_action: "Fix the client.",
            },
            Self::UserDisabled => Row {
                code: 1008,
                reason: "user disabled",
                when: "The user was disabled or removed.",
                client_action: "Sign out.",
            },
            Self::Flood => Row {
                code: 1008,
                reason: "flood of frames without messages",
                when: "The client sent too many control frames, or fragments of almost no content.",
                client_action: "Fix the client.",
            },
            Self::RateExceeded => Row {
                code: 1008,
                reason: "message rate exceeded",
                when: "The client went on sending signals or quality reports above `message_rate` (200 in 10 s), or \
                       messages for the backend above `app_message_rate` (20 in 10 s), after 100 of them within a \
                       minute were rejected with `rate_limited`.",
                client_action: "Fix the client.",
            },
            Self::TooLong => Row {
                code: 1009,
                reason: "message too long",
                when: "A message was longer than `max_message_bytes` (64 KiB).",
                client_action: "Fix the client.",
            },
            Self::Failed => Row {
                code: 1011,
                reason: "unexpected server error",
                when: "The server failed unexpectedly and logged the cause.",
                client_action: "Reconnect after a delay.",
            },
            Self::Stopping => Row {
                code: 1012,
                reason: "server stopping",
                when: "The server is stopping, perhaps to restart.",
                client_action: "Reconnect after a random delay of a few seconds, so that not all clients come at once.",
            },
            Self::TooSlow => Row {
                code: 1013,
                reason: "too many events wait; reconnect",
                when: "`event_queue` events (256) waited because the client did not read.",
                client_action: "Reconnect, and request `GET /api/v1/calls/active` for what was missed.",
            },
            Self::Replaced => Row {
                code: 4000,
                reason: "replaced by another connection",
                when: "Another connection of the same session came, or the user opened more than \
                       `max_sessions_per_user` sessions (8) and this was the oldest.",
                client_action: "Do not reconnect: the two connections would replace each other forever.",
            },
            Self::Expired => Row {
                code: 4001,
                reason: "token expired",
                when: "The token expired 30 s ago (`close_expired_sessions`).",
                client_action: "Reconnect with a new token; next time, send `session.refresh` before it expires.",
            },
            Self::TokenRejected => Row {
                code: 4001,
                reason: "token no longer accepted",
                when: "The keys or required claims were reloaded, and the token does not pass them.",
                client_action: "Reconnect with a new token.",
            },
            Self::SignedOut => Row {
                code: 4003,
                reason: "signed out",
                when: "Your backend closed the session (`DELETE /api/server/v1/users/{userId}/sessions`).",
                client_action: "Do not reconnect: sign the user in again.",
            },
            Self::Reconnect => Row {
                code: 4003,
                reason: "reconnect",
                when: "Your backend closed the session with `reconnect=true`.",
                client_action: "Reconnect with a new token.",
            },
        }
    }
}
