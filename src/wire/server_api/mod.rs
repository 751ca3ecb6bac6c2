//! What the team's backend is shown and what it asks, in `/api/server/v1`.

pub mod calls;
pub mod events;
pub mod query;
pub mod sessions;
pub mod status;
pub mod users;
