//! The stable words for failures (contract section 2).

/// What kind of failure it was, for programs. REST and socket use the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// No token, or one that will not do.
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
    /// The settings that it needs are not there.
    NotConfigured,
    /// Not this user's to do.
    Unauthorized,
    /// The two are not in each other's contacts.
    NotContacts,
    /// A page from this origin may not ask.
    OriginNotAllowed,
    /// This is not for the client's address.
    AddressNotAllowed,
    /// Wrong status for the action.
    InvalidStatus,
    /// The caller is in a live call.
    CallerBusy,
    /// The callee is in a live call.
    UserBusy,
    /// Anything unexpected.
    ServiceError,
    /// Not just now.
    Unavailable,
}

impl ErrorType {
    /// All of them, in the order of the contract's table.
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

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::RateLimited => "rate_limited",
            Self::InvalidRequest => "invalid_request",
            Self::ParseError => "parse_error",
            Self::CallNotFound => "call_not_found",
            Self::UserNotFound => "user_not_found",
            Self::NotFound => "not_found",
            Self::NotConfigured => "not_configured",
            Self::Unauthorized => "unauthorized",
            Self::NotContacts => "not_contacts",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::AddressNotAllowed => "address_not_allowed",
            Self::InvalidStatus => "invalid_status",
            Self::CallerBusy => "caller_busy",
            Self::UserBusy => "user_busy",
            Self::ServiceError => "service_error",
            Self::Unavailable => "unavailable",
        }
    }
}
