//! Sessions, presence and tokens.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::response::content::RawJson;
use rocket::{Route, State, delete, get, post, routes};
use secrecy::ExposeSecret as _;

use crate::api_key::Scope;
use crate::auth::is_session_id;
use crate::guard::{Access, ApiError, Backend};
use crate::http::Answer;
use crate::http::body::{Body, LargeBody};
use crate::http::history::parameters;
use crate::hub::ConnectedSession;
use crate::service::{self, IssuedToken, Service, SessionPage};
use crate::user::SessionId;
use crate::wire::presence;
use crate::wire::server_api::query::Users;
use crate::wire::server_api::sessions::{self as shape, AskedToken, Session};

use super::{StatusAnswer, user_id};

pub(super) fn routes() -> Vec<Route> {
    routes![issue_token, page, list, close_all, close_one, online]
}

/// A token for a user.
#[post("/users/<id>/token", data = "<body>")]
async fn issue_token(
    backend: Backend,
    id: &str,
    body: Body,
    service: &State<Service>,
    access: &State<Access>,
) -> StatusAnswer {
    let requester = backend.may_once(Scope::Tokens, &body)?;
    let AskedToken { ttl, session } = shape::read_token(&body, is_session_id)?;
    if !access.authenticator().can_mint() {
        return Err(ApiError::cannot_sign_tokens());
    }
    let user = user_id(id)?;
    let issued = service
        .server_api()
        .issue_token(requester.clone(), user.clone(), session);
    let IssuedToken { at, session } = issued.await?;
    let token = access.token_by(&requester, &user, &session, ttl, at)?;
    let answer = shape::token(
        "Token issued successfully",
        &user,
        &session,
        token.expose_secret(),
        at.plus(ttl),
    );
    Ok((Status::Created, RawJson(answer)))
}

/// A page of all connected sessions.
#[get("/sessions")]
fn page(backend: Backend, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    backend.may(Scope::Sessions)?;
    let Users { after, text, limit } = parameters(uri).users()?;
    let SessionPage { items, next } =
        service
            .server_api()
            .connected_sessions(after.as_ref(), &text, limit);
    let items = items.iter().map(|(user, one)| (user, shown(one)));
    Ok(RawJson(shape::page(
        "Sessions retrieved successfully",
        items,
        next.as_ref(),
    )))
}

fn shown(session: &ConnectedSession) -> Session<'_> {
    Session {
        id: &session.id,
        connected_at: session.connected_at,
        responsive: session.is_responsive,
    }
}

/// The connected sessions of a user.
#[get("/users/<id>/sessions")]
fn list(backend: Backend, id: &str, service: &State<Service>) -> Answer {
    backend.may(Scope::Sessions)?;
    let sessions = service.server_api().sessions_of(user_id(id)?)?;
    let sessions = sessions.iter().map(shown);
    Ok(RawJson(shape::sessions(
        "Sessions retrieved successfully",
        sessions,
    )))
}

/// Closes all sessions of a user.
#[delete("/users/<id>/sessions")]
async fn close_all(
    backend: Backend,
    id: &str,
    uri: &Origin<'_>,
    service: &State<Service>,
) -> Answer {
    if uri.path().ends_with('/') {
        // The id of a session is missing: an empty variable in a script must not close all of them.
        backend.may(Scope::Sessions)?;
        return Err(service::Error::SessionNotFound.into());
    }
    close(&backend, id, None, uri, service).await
}

/// Closes a session of a user.
#[delete("/users/<id>/sessions/<session>")]
async fn close_one(
    backend: Backend,
    id: &str,
    session: &str,
    uri: &Origin<'_>,
    service: &State<Service>,
) -> Answer {
    close(&backend, id, Some(SessionId::new(session)), uri, service).await
}

async fn close(
    backend: &Backend,
    id: &str,
    session: Option<SessionId>,
    uri: &Origin<'_>,
    service: &Service,
) -> Answer {
    let requester = backend.may(Scope::Sessions)?;
    let reconnects = parameters(uri).reconnects()?;
    let closed = service
        .server_api()
        .close_sessions(requester, user_id(id)?, session, reconnects)
        .await?;
    Ok(RawJson(shape::closed(
        "Sessions closed successfully",
        closed,
    )))
}

/// Which users are connected.
#[post("/presence", data = "<body>")]
fn online(backend: Backend, body: LargeBody, service: &State<Service>) -> Answer {
    backend.may_once(Scope::Sessions, &body)?;
    let asked = shape::read_presence(&body)?;
    let found = service.server_api().presence_of(asked)?;
    let users = found.iter().map(|one| (&one.user, one.sessions));
    Ok(RawJson(presence::users(
        "Presence retrieved successfully",
        users,
    )))
}
