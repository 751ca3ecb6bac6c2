//! The servers for ICE as REST shows them: what a browser's `RTCPeerConnection` takes as its configuration.

use serde::Serialize;

use crate::clock::Timestamp;

use super::Instant;
use super::answer::success;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration<'a> {
    ice_servers: Vec<Server<'a>>,
    expires_at: Option<Instant>,
}

#[derive(Serialize)]
struct Server<'a> {
    urls: &'a [String],
    #[serde(flatten)]
    way_in: Option<WayIn<'a>>,
}

/// How a user gets into a TURN server.
#[derive(Serialize)]
pub struct WayIn<'a> {
    /// The name to give.
    pub username: &'a str,
    /// The password.
    pub credential: &'a str,
}

/// The success `message` with the STUN servers, the TURN servers with the way in, and until when that is open.
#[must_use]
pub fn servers(
    message: &str,
    stun: &[String],
    turn: Option<(&[String], WayIn<'_>)>,
    expires_at: Option<Timestamp>,
) -> String {
    let mut ice_servers = Vec::new();
    if !stun.is_empty() {
        ice_servers.push(Server {
            urls: stun,
            way_in: None,
        });
    }
    if let Some((urls, way_in)) = turn {
        ice_servers.push(Server {
            urls,
            way_in: Some(way_in),
        });
    }
    let configuration = Configuration {
        ice_servers,
        expires_at: expires_at.map(Instant),
    };
    success(message, configuration)
}
