//! The error table (contract section 2): for each kind of failure its word, its HTTP status and its sentence. Both
//! edges, the API documents and the tests read it from here.

/// Kind of failure, for programs. REST and the socket use the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// The token is missing or not valid, or its user is unknown or disabled.
    Unauthenticated,
    /// Too many requests.
    RateLimited,
    /// A body, field or query parameter is not as specified.
    InvalidRequest,
    /// A socket message is not as specified.
    ParseError,
    /// The call does not exist.
    CallNotFound,
    /// The callee does not exist.
    UserNotFound,
    /// The route does not exist.
    NotFound,
    /// The settings that the route needs are not set.
    NotConfigured,
    /// The user may not do this.
    Unauthorized,
    /// The two users are not in each other's contacts.
    NotContacts,
    /// The web page's origin is not allowed.
    OriginNotAllowed,
    /// The client's address is not allowed.
    AddressNotAllowed,
    /// Wrong status for the action.
    InvalidStatus,
    /// The caller is in a live call.
    CallerBusy,
    /// The callee is in a live call.
    UserBusy,
    /// Anything unexpected.
    ServiceError,
    /// The server is stopping or overloaded.
    Unavailable,
}

impl ErrorType {
    /// All kinds, in the order of the contract's table.
    pub const ALL: [Self; 17] = [
        Self::Unauthenticated,
        Self::RateLimited,
        Self::InvalidRequest,
        Self::ParseError,
        Self::CallNotFound,
        Self::UserNotFound,
        Self::NotFound,
        Self::NotConfigured,
        Self::Unauthorized,
        Self::NotContacts,
        Self::OriginNotAllowed,
        Self::AddressNotAllowed,
        Self::InvalidStatus,
        Self::CallerBusy,
        Self::UserBusy,
        Self::ServiceError,
        Self::Unavailable,
    ];

    /// Returns the row of the table: the word, the HTTP status, and the sentence of a failure that has none of its own.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Unauthenticated => ("unauthenticated", 401, "Missing or invalid token"),
            Self::RateLimited => ("rate_limited", 429, "Rate limit exceeded"),
            Self::InvalidRequest => ("invalid_request", 400, "Invalid request"),
            Self::ParseError => ("parse_error", 400, "Invalid message"),
            Self::CallNotFound => ("call_not_found", 404, "Call not found"),
            Self::UserNotFound => ("user_not_found", 404, "User not found"),
            Self::NotFound => ("not_found", 404, "No such route"),
            Self::NotConfigured => (
                "not_configured",
                404,
                "Agora tokens are not configured: agora_app_id and agora_app_certificate are not set",
            ),
            Self::Unauthorized => (
                "unauthorized",
                403,
                "User is not a participant of this call",
            ),
            Self::NotContacts => (
                "not_contacts",
                403,
                "The two users are not in each other's contacts",
            ),
            Self::OriginNotAllowed => (
                "origin_not_allowed",
                403,
                "Origin not allowed: add it to the setting `allowed_origins`",
            ),
            Self::AddressNotAllowed => (
                "address_not_allowed",
                403,
                "Address not allowed to read metrics: add it to the setting `metrics_allow`",
            ),
            Self::InvalidStatus => ("invalid_status", 400, "Wrong status for this action"),
            Self::CallerBusy => ("caller_busy", 409, "You are already in a call"),
            Self::UserBusy => ("user_busy", 409, "The user is in another call"),
            Self::ServiceError => ("service_error", 500, "Unexpected server error"),
            Self::Unavailable => (
                "unavailable",
                503,
                "The server cannot take this request now",
            ),
        }
    }

    /// Returns the word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Returns the HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// Returns the sentence of a failure that has none of its own.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        self.row().2
    }

    /// Returns the kind that the socket reports: what REST calls an invalid request is a message that is not as
    /// specified.
    #[must_use]
    pub const fn on_socket(self) -> Self {
        match self {
            Self::InvalidRequest => Self::ParseError,
            other => other,
        }
    }
}
