//! Keys that verify tokens.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Keys that verify tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Static keys first.
    pub keys: Vec<Key>,
    /// The identity provider, if the settings name one.
    pub provider: Option<Provider>,
}

/// Key that verifies tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The setting that names it, with its file or URL.
    pub source: String,
    /// Its id at the provider.
    pub kid: Option<String>,
    /// Algorithms of its tokens.
    pub algorithms: Vec<String>,
    /// When it was first seen at the provider.
    pub since: Option<String>,
    /// When the keys of the provider were last refreshed.
    pub refreshed_at: Option<String>,
}

impl Key {
    /// Returns a key; the times are those of its first sight and of the last refresh.
    #[must_use]
    pub fn new(
        source: String,
        kid: Option<String>,
        algorithms: Vec<String>,
        times: [Option<Timestamp>; 2],
    ) -> Self {
        let [since, refreshed_at] = times.map(|at| at.map(|at| at.to_string()));
        Self {
            source,
            kid,
            algorithms,
            since,
            refreshed_at,
        }
    }
}

/// Status of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The setting that names it, with its URL or file.
    pub source: String,
    /// Keys in use.
    pub keys: usize,
    /// Why the last refresh failed, if it did.
    pub failure: Option<String>,
}

impl Provider {
    /// Returns the status.
    #[must_use]
    pub const fn new(source: String, keys: usize, failure: Option<String>) -> Self {
        Self {
            source,
            keys,
            failure,
        }
    }
}
