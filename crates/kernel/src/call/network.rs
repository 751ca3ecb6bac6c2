//! The levels of a participant's network (contract section 5).

/// How well a participant's network carries the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkQuality {
    /// Nothing is known of it.
    Unknown,
    /// As good as it gets.
    Excellent,
    /// Hardly worse.
    Good,
    /// It can be noticed.
    Poor,
    /// Talking is hard.
    Bad,
    /// Talking is hardly possible, or not at all.
    VeryBad,
}

impl NetworkQuality {
    /// All of them, from the best to the worst after the unknown.
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::Excellent,
        Self::Good,
        Self::Poor,
        Self::Bad,
        Self::VeryBad,
    ];

    /// The word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Excellent => "EXCELLENT",
            Self::Good => "GOOD",
            Self::Poor => "POOR",
            Self::Bad => "BAD",
            Self::VeryBad => "VERY_BAD",
        }
    }

    /// What Agora's number stands for: 0 unknown, 1 to 5, 6 down, 8 detecting.
    #[must_use]
    pub const fn of_agora(number: u64) -> Option<Self> {
        Some(match number {
            0 | 8 => Self::Unknown,
            1 => Self::Excellent,
            2 => Self::Good,
            3 => Self::Poor,
            4 => Self::Bad,
            5 | 6 => Self::VeryBad,
            _ => return None,
        })
    }

    /// Whether the other participant is warned of it.
    #[must_use]
    pub fn is_bad(self) -> bool {
        self >= Self::Poor
    }
}
