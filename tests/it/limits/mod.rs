//! Limits of a socket: contract section 4, from the size of a message to the end of its token.

mod abuse;
mod connections;
mod expiry;
mod idle;
mod messages;
mod slow_readers;

use crate::support::Api;

const FLOOD: u16 = 1008;
const TOO_BIG: u16 = 1009;
const STOPPING: u16 = 1012;
const TOO_SLOW: u16 = 1013;
const EXPIRED: u16 = 4001;

/// How many of `user`'s sessions are connected, as `viewer` sees it.
async fn sessions_of(user: &str, viewer: &Api) -> u64 {
    let path = format!("/api/v1/users/status/{user}");
    let status = viewer.get(&path).await.success(200);
    status["activeSessionCount"].as_u64().expect("a number")
}
