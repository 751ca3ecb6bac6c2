//! `/api/v1/ice-servers`.

use secrecy::ExposeSecret as _;
use utoipa::openapi::path::HttpMethod;

use crate::docs::{example, schemas};
use crate::ice::IceServers;
use crate::settings::Settings;
use crate::wire::ice::{self as shape, WayIn};

use super::{Description, Example, Route, success};

const MESSAGE: &str = "ICE servers retrieved successfully";

pub(super) fn routes() -> Vec<Route> {
    vec![servers()]
}

fn servers() -> Route {
    let none = shape::servers(MESSAGE, &[], None, None);
    Description {
        tag: "Media",
        id: "getIceServers",
        summary: "Get the servers for ICE",
        description: "What a browser's `RTCPeerConnection` takes as its configuration: the servers of the setting \
            `ice_servers`, and for TURN a name and a password of this user's, made for an hour.",
        parameters: Vec::new(),
        body: None,
        success: success(
                "The servers.",
                MESSAGE,
                schemas::of::<shape::Configuration<'_>>(),
                [
                    Example("stun_and_turn", "One of each kind.", example::value(&both())),
                    Example("none", "The setting names none.", example::value(&none)),
                ],
            ),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Get, "/api/v1/ice-servers")
}

fn both() -> String {
    let servers = IceServers::new(&Settings {
        ice_servers: vec![
            "stun:stun.example.com:3478".to_owned(),
            "turn:turn.example.com".to_owned(),
        ],
        turn_secret: Some("north".into()),
        ..Settings::default()
    });
    let (turn, credentials) = servers
        .turn(&example::callee(), example::accepted_at())
        .expect("there is a TURN server and a secret");
    let way_in = WayIn {
        username: &credentials.username,
        credential: credentials.credential.expose_secret(),
    };
    let expires_at = Some(credentials.expires_at);
    shape::servers(MESSAGE, servers.stun(), Some((turn, way_in)), expires_at)
}
