//! `/api/v1/ice-servers`: the ICE servers (STUN and TURN) for media between clients.

use rocket::response::content::RawJson;
use rocket::{Route, State, get, routes};
use secrecy::ExposeSecret as _;

use crate::guard::SignedIn;
use crate::ice::IceServers;
use crate::reloadable::Reloadable;
use crate::service::Service;
use crate::wire::ice::{self, WayIn};

pub(super) fn routes() -> Vec<Route> {
    routes![ice_servers]
}

/// Returns the ICE servers.
#[get("/ice-servers")]
fn ice_servers(
    user: SignedIn,
    servers: &State<Reloadable<IceServers>>,
    service: &State<Service>,
) -> RawJson<String> {
    let servers = servers.get();
    let turn = servers.turn(user.user(), service.clock().wall());
    let expires_at = turn.as_ref().map(|(_, credentials)| credentials.expires_at);
    let turn = turn.as_ref().map(|(urls, credentials)| {
        let way_in = WayIn {
            username: &credentials.username,
            credential: credentials.credential.expose_secret(),
        };
        (*urls, way_in)
    });
    RawJson(ice::servers(
        "ICE servers retrieved successfully",
        servers.stun(),
        turn,
        expires_at,
    ))
}
