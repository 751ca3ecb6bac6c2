//! The OpenAPI document.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{PathItem, PathsBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
    Paths, ServerBuilder,
};

use crate::wire::admin::{CallWithTimeline, ListedCall};
use crate::wire::readiness::Readiness;
use crate::wire::response::{CallView, Failure};
use crate::wire::{
    agora, availability, control, history, ice, lists, presence, quality, request, server_api,
    value, webhook,
};

use super::refusal;
use super::rest;
use super::schemas::Schemas;
use super::webhooks;

/// Name of the security scheme.
const BEARER: &str = "bearer";

/// Returns the OpenAPI 3.1 document, as formatted JSON.
///
/// # Panics
/// Never: it is the same at every call, and tests build it.
#[must_use]
pub fn openapi() -> String {
    document()
        .to_pretty_json()
        .expect("the document is made of texts and numbers")
}

fn document() -> OpenApi {
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("This server."))
            .build()]))
        .paths(paths())
        .webhooks(Some(webhooks::webhooks()))
        .components(Some(components()))
        .security(Some([SecurityRequirement::new(BEARER, [""; 0])]))
        .tags(Some(tags().map(|(name, description)| {
            TagBuilder::new()
                .name(name)
                .description(Some(description))
                .build()
        })))
        .build()
}

fn info() -> Info {
    InfoBuilder::new()
        .title("Chattrix Calls")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .description(Some(
            "Call signalling between two users: who calls whom, who answers, how it ends. Media flows elsewhere. \
             The socket's messages stand in `/api/asyncapi.json`.\n\n\
             Every answer is an envelope: `{success: true, message, data}`, or `{success: false, message, data: \
             null, errorType}`, where `errorType` is a stable word for programs and `message` a sentence for people, \
             which names the field where one is wrong.\n\n\
             Checks come in this order: 401, then 429, then 400 for the body, then 404, 403, and 400 or 409 for the \
             state. Bodies are JSON of at most 16 KiB; unknown fields are ignored. A client may send an \
             `X-Request-Id` of up to 64 letters, digits and `._:-`; it comes back with the answer and stands in the \
             server's log.\n\n\
             A user may send the setting `request_rate` of requests (300 a minute, all of them at once); one too \
             many is answered with 429 and `Retry-After`.",
        ))
        .build()
}

fn tags() -> [(&'static str, &'static str); 11] {
    [
        ("Calls", "Who calls whom, and what becomes of it."),
        ("History", "What is remembered of calls that are over."),
        ("Presence", "Who is online, and do not disturb."),
        ("Blocks", "Whose calls do not ring."),
        ("Contacts", "Whom one knows."),
        ("Media", "The way from one participant to the other."),
        ("Socket", "The way to the socket."),
        (
            rest::server_api::TAG,
            "What your own backend does, with an API key of `chattrix apikey create` as `Authorization: Bearer cxk_...`. \
             Tokens of users are rejected here.",
        ),
        webhooks::TAG,
        ("Documents", "What you are reading."),
        ("Supervision", "What supervisors and load balancers ask."),
    ]
}

fn paths() -> Paths {
    let mut paths = PathsBuilder::new();
    for route in rest::routes() {
        paths = paths.path(route.path, PathItem::new(route.method, route.operation));
    }
    paths.build()
}

fn components() -> Components {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "A JWT of your login service, with `exp` and `sub` (the user's id). `sid` names the session, one login \
             on one device; without it `jti` does, or the token itself.",
        ))
        .build();
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("cxk_")
        .description(Some(
            "An API key of `chattrix apikey create`, for your own backend alone: never put one into an app.",
        ))
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme(BEARER, SecurityScheme::Http(token))
        .security_scheme(rest::API_KEY, SecurityScheme::Http(key))
        .responses_from_iter(refusal::shared());
    let components = headers()
        .into_iter()
        .fold(components, |components, (name, header)| {
            components.header(name, header)
        });
    let mut components = components.build();
    components.schemas = schemas().into_map();
    components
}

fn headers() -> [(&'static str, Header); 3] {
    let header = |r#type: Type, description: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(r#type)))
            .description(Some(description))
            .build()
    };
    [
        (
            "XRequestId",
            header(
                Type::String,
                "The request's name in the server's log: the client's own, or a new one.",
            ),
        ),
        (
            "RetryAfter",
            header(Type::Integer, "After how many seconds to ask again."),
        ),
        ("WwwAuthenticate", header(Type::String, "Always `Bearer`.")),
    ]
}

fn schemas() -> Schemas {
    let calls = [
        CallView::Asked,
        CallView::Started,
        CallView::Ended,
        CallView::Whole,
    ];
    let schemas = Schemas::of_values()
        .with::<value::CallStatus>()
        .with::<request::Initiate>()
        .with::<request::Nothing>()
        .with::<request::Reject>()
        .with::<request::End>()
        .with::<request::SetStatus>()
        .with::<Failure<'_>>()
        .with::<value::HistoryEntryId>()
        .with::<value::HistoryStatus>()
        .with::<value::Direction>()
        .with::<value::Period>()
        .with::<history::PageShape<'_>>()
        .with::<history::Deleted>()
        .with::<history::Unseen>()
        .with::<history::StatisticsShape>()
        .with::<value::QualityReport>()
        .with::<value::NetworkQuality>()
        .with::<quality::QualityShape<'_>>()
        .with::<presence::UserStatus<'_>>()
        .with::<value::Availability>()
        .with::<availability::AvailabilityShape>()
        .with::<availability::SetAvailability>()
        .with::<request::Listed>()
        .with::<lists::Entry<'_>>()
        .with::<ice::Configuration<'_>>()
        .with::<request::AgoraToken>()
        .with::<value::MediaRole>()
        .with::<agora::TokenShape<'_>>()
        .with::<Readiness>()
        .with::<value::Actor>()
        .with::<value::Standing>()
        .with::<server_api::users::UserShape<'_>>()
        .with::<server_api::users::PageShape<'_>>()
        .with::<server_api::users::BatchShape>()
        .with::<server_api::users::PutShape>()
        .with::<server_api::users::PatchShape>()
        .with::<server_api::users::BatchBody>()
        .with::<server_api::sessions::SessionShape<'_>>()
        .with::<server_api::sessions::PageShape<'_>>()
        .with::<server_api::sessions::ClosedShape>()
        .with::<server_api::sessions::TokenShape<'_>>()
        .with::<server_api::sessions::TokenBody>()
        .with::<server_api::sessions::PresenceBody>()
        .with::<server_api::status::Status>()
        .with::<value::AppType>()
        .with::<value::AppData>()
        .with::<server_api::events::SendBody>()
        .with::<server_api::events::SendToSeveralBody>()
        .with::<server_api::events::SentShape>()
        .with::<server_api::events::SentToSeveralShape<'_>>()
        .with::<value::WebhookSource>()
        .with::<value::WebhookState>()
        .with::<value::WebhookPauseCause>()
        .with::<value::WebhookEventType>()
        .with::<webhook::EndpointShape<'_>>()
        .with::<server_api::webhooks::EndpointsShape<'_>>()
        .with::<server_api::webhooks::SecretShape<'_>>()
        .with::<server_api::webhooks::CreateBody>()
        .with::<server_api::webhooks::UpdateBody>()
        .with::<server_api::webhooks::MessagesShape>()
        .with::<server_api::webhooks::RetriedShape>()
        .with::<value::WebhookMessageState>()
        .with::<webhook::SentShape>()
        .with::<webhook::AttemptShape>()
        .with::<control::Tested>()
        .with::<server_api::calls::Place>()
        .with::<server_api::calls::StatisticsShape>()
        .with::<server_api::calls::PageShape>()
        .with::<ListedCall>()
        .with::<CallWithTimeline>();
    calls.into_iter().fold(schemas, |schemas, shown| {
        let (name, schema) = shown.schema();
        schemas.and(name, schema)
    })
}
