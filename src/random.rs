//! Random source: the only place that draws random values and new ids for the use cases.
//!
//! The use cases take a source as an argument, so that a test with a seeded one is repeatable.

use std::sync::Arc;

use parking_lot::Mutex;
use rand::distr::{Distribution, StandardUniform};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use uuid::{Builder, Uuid};

use crate::clock::Timestamp;

/// Random source. Cheap to clone; clones of a seeded source share its sequence.
#[derive(Clone, Debug, Default)]
pub enum Random {
    /// The generator of the process, seeded by the operating system.
    #[default]
    System,
    /// A generator whose sequence depends on its seed alone.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Random {
    /// A source whose sequence depends on `seed` alone.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Draws the next value.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the file that owns randomness")]
    pub fn value<T>(&self) -> T
    where
        StandardUniform: Distribution<T>,
    {
        match self {
            Self::System => rand::random(),
            Self::Seeded(generator) => generator.lock().random(),
        }
    }

    /// Makes a UUIDv7 of the instant `at` (RFC 9562, section 5.7). The rest of it is random: ids of one millisecond
    /// need no order among themselves.
    #[must_use]
    pub fn uuid_v7(&self, at: Timestamp) -> Uuid {
        let ms = u64::try_from(at.as_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(ms, &self.value()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_source_repeats_its_ids() {
        let ids = |seed| {
            let random = Random::seeded(seed);
            [1, 1, 2].map(|ms| random.uuid_v7(Timestamp::from_millis(ms)))
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
    }
}
