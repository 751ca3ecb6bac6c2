//! Response of the health check `/readyz`.

use serde::Serialize;
use utoipa::ToSchema;

use super::to_json;

/// Whether the server can do its work, and what of it cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// `ready`, `degraded`, `not_ready` or `stopping`. A degraded server takes requests, but skips rows of its database
    /// that cannot be read.
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
    /// The identity provider, if the settings name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub identity_provider: Option<IdentityProvider>,
    /// The receivers of webhooks, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub webhooks: Vec<Webhook>,
}

/// What the database can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DatabaseHealth)]
pub struct Database {
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// Rows that cannot be read and are skipped, if there are any.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub unreadable_rows: usize,
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

/// How a receiver of webhooks is. Where it is, is nobody's business here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiverHealth)]
pub struct Webhook {
    /// Its number.
    pub receiver: i64,
    /// `working`, `failing` or `paused`; only an administrator resumes a paused one.
    pub state: &'static str,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Status of the identity provider. Calls go on while it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IdentityProviderHealth)]
pub struct IdentityProvider {
    /// `working`; `failing` if the last refresh of its keys failed; `unavailable` if there are no keys, so that its tokens
    /// get 503.
    pub state: &'static str,
    /// Keys in use.
    pub keys: usize,
    /// Whole seconds since the last refresh that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub refreshed_seconds_ago: Option<u64>,
}

impl Readiness {
    /// Returns the JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}
