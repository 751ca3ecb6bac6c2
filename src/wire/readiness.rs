//! What `/readyz` answers.

use serde::Serialize;
use utoipa::ToSchema;

use super::to_json;

/// Whether the server can do its work, and what of it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// `ready`, `not_ready` or `stopping`.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// Whole seconds since the start.
    pub uptime_seconds: u64,
    /// The database.
    pub database: Database,
    /// The sweeper, which ends calls by their deadlines.
    pub sweeper: Sweeper,
    /// Writes that wait.
    pub queue_depth: usize,
}

/// What the database can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DatabaseHealth)]
pub struct Database {
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
}

/// How the sweeper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SweeperHealth)]
pub struct Sweeper {
    /// It has shown itself in the last 10 s.
    pub alive: bool,
    /// For how many milliseconds it has been due.
    pub late_ms: u64,
}

impl Readiness {
    /// The JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}
