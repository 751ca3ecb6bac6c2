//! ICE servers in REST responses, in the form of the configuration of a browser's `RTCPeerConnection`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;

use super::response::success;
use super::{Instant, value};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IceServers)]
pub(crate) struct Configuration<'a> {
    /// What `RTCPeerConnection` takes under this name.
    ice_servers: Vec<Server<'a>>,
    /// Until when the passwords are good; null where there are none.
    #[schema(value_type = Option<value::Timestamp>, required)]
    expires_at: Option<Instant>,
}

/// Servers of one kind.
#[derive(Serialize, ToSchema)]
#[schema(as = IceServer)]
struct Server<'a> {
    /// Their addresses.
    urls: &'a [String],
    /// The name to give; only TURN servers want one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    username: Option<&'a str>,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    credential: Option<&'a str>,
}

/// Credentials of a user for TURN servers.
#[derive(Clone, Copy, Debug)]
pub struct WayIn<'a> {
    /// The user name.
    pub username: &'a str,
    /// The password.
    pub credential: &'a str,
}

/// Returns the success `message` with the STUN servers, the TURN servers with the credentials, and when these expire.
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
            username: None,
            credential: None,
        });
    }
    if let Some((urls, way_in)) = turn {
        ice_servers.push(Server {
            urls,
            username: Some(way_in.username),
            credential: Some(way_in.credential),
        });
    }
    let configuration = Configuration {
        ice_servers,
        expires_at: expires_at.map(Instant),
    };
    success(message, configuration)
}
