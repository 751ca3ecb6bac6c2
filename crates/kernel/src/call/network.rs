//! Network quality levels of a participant (contract section 5).

/// Network quality of a participant in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkQuality {
    /// Not known.
    Unknown,
    /// No impairment.
    Excellent,
    /// Slight impairment.
    Good,
    /// Noticeable impairment.
    Poor,
    /// Talking is difficult.
    Bad,
    /// Talking is hardly possible, or impossible.
    VeryBad,
}

impl NetworkQuality {
    /// All levels, from the best to the worst after the unknown one.
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::Excellent,
        Self::Good,
        Self::Poor,
        Self::Bad,
        Self::VeryBad,
    ];

    /// Returns the word of the contract.
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

    /// Returns the level of Agora's number: 0 unknown, 1 to 5, 6 down, 8 detecting.
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

    /// Whether the other participant gets a warning.
    #[must_use]
    pub fn is_bad(self) -> bool {
        self >= Self::Poor
    }
}
