//! `/api/v1/agora/token`: tokens with which clients join an Agora channel.

use rocket::response::content::RawJson;
use rocket::{Route, State, post, routes};

use crate::agora::{Agora, Grant, Uid};
use crate::guard::{ApiError, SignedIn};
use crate::reloadable::Reloadable;
use crate::service::Service;
use crate::wire::{ErrorType, agora as shape, request};

use super::Answer;
use super::body::Body;

pub(super) fn routes() -> Vec<Route> {
    routes![generate, refresh]
}

/// Returns a token for the channel to a participant of a live call.
#[post("/token/generate", data = "<body>")]
fn generate(
    user: SignedIn,
    body: Body,
    agora: &State<Reloadable<Option<Agora>>>,
    service: &State<Service>,
) -> Answer {
    token(
        &user,
        &body,
        agora.get().as_ref().as_ref(),
        service,
        "Agora token generated successfully",
    )
}

/// Returns the next token while the call is live.
#[post("/token/refresh", data = "<body>")]
fn refresh(
    user: SignedIn,
    body: Body,
    agora: &State<Reloadable<Option<Agora>>>,
    service: &State<Service>,
) -> Answer {
    token(
        &user,
        &body,
        agora.get().as_ref().as_ref(),
        service,
        "Agora token refreshed successfully",
    )
}

fn token(
    user: &SignedIn,
    body: &Body,
    agora: Option<&Agora>,
    service: &Service,
    message: &str,
) -> Answer {
    let asked = request::agora_token(body)?;
    let agora = agora.ok_or(ErrorType::NotConfigured)?;
    if asked.user.is_some_and(|other| other != *user.user()) {
        return Err(ApiError::not_ones_own_token());
    }
    service
        .calls()
        .can_join_channel(user.user(), &asked.channel)?;
    let grant = Grant {
        channel: asked.channel,
        uid: Uid::of(user.user()),
        role: asked.role,
        issued_at: service.clock().wall(),
        lasts: asked.lasts,
    };
    let token = agora.token(&grant, service.random().value());
    Ok(RawJson(shape::token(
        message,
        &token,
        &grant.channel,
        grant.uid.get(),
        grant.expires_at(),
    )))
}
