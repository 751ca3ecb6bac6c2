//! `/api/v1/agora/token`.

use std::time::Duration;

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::HttpMethod;

use crate::agora::{Agora, Grant, Uid};
use crate::call::{CallError, MediaRole};
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::guard::ApiError;
use crate::service::Error;
use crate::wire::{ErrorType, agora as shape, request};

use super::{Description, Example, Route, body, success};

pub(super) fn routes() -> Vec<Route> {
    vec![
        token(
            "generateAgoraToken",
            "Get a token for a channel at Agora",
            "/api/v1/agora/token/generate",
            "Agora token generated successfully",
        ),
        token(
            "refreshAgoraToken",
            "Get the next token for a channel at Agora",
            "/api/v1/agora/token/refresh",
            "Agora token refreshed successfully",
        ),
    ]
}

fn token(
    id: &'static str,
    summary: &'static str,
    path: &'static str,
    message: &'static str,
) -> Route {
    let grant = Grant {
        channel: example::channel(),
        uid: Uid::of(&example::callee()),
        role: MediaRole::Publisher,
        issued_at: example::accepted_at(),
        lasts: Duration::from_hours(1),
    };
    let account = Agora::new("0".repeat(32), "0".repeat(32).into());
    let shown = shape::token(
        message,
        &account.token(&grant, 1),
        &grant.channel,
        grant.uid.get(),
        grant.expires_at(),
    );
    let channel = example::channel();
    let channel = channel.as_str();
    Description {
        tag: "Media",
        id,
        summary,
        description: "A participant of a live call gets a token for the call's channel, and for itself alone. Wants the \
            settings `agora_app_id` and `agora_app_certificate`.",
        parameters: Vec::new(),
        body: Some(body::<request::AgoraToken>(
            Required::True,
            [
                Example("channel", "To speak and show, for an hour.", json!({ "channelId": channel })),
                Example(
                    "subscriber",
                    "To listen and watch, for ten minutes.",
                    json!({ "channelId": channel, "role": "subscriber", "expirationSeconds": 600 }),
                ),
            ],
        )),
        success: success(
                "The token.",
                message,
                schemas::of::<shape::TokenShape<'_>>(),
                [Example("token", "For an hour.", example::value(&shown))],
            ),
        refusals: refusals(),
    }
    .for_users(HttpMethod::Post, path)
}

fn refusals() -> Vec<Refusal> {
    let wrong = request::agora_token(b"{}").expect_err("no channel is named");
    vec![
        Refusal::malformed(),
        Refusal::new("missing_field", "No channel is named.", wrong),
        Refusal::body_too_large(),
        Refusal::content_encoding(),
        Refusal::new(
            "not_configured",
            "The server has no account with Agora.",
            ErrorType::NotConfigured,
        ),
        Refusal::new(
            "not_oneself",
            "`userId` is somebody else.",
            ApiError::not_ones_own_token(),
        ),
        Refusal::new(
            "not_on_channel",
            "The user is in no live call on this channel.",
            Error::Refused(CallError::NotOnChannel),
        ),
    ]
}
