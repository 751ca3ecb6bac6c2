//! What receivers of webhooks are sent, one operation a topic.

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths,
    PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required};

use crate::call::{AppMessage, Call};
use crate::user::{Availability, Profile, SessionId};
use crate::webhook_model::{CallEvent, CalleeSession, EventType, Subject, WebhookEvent};
use crate::wire::response::CallView;
use crate::wire::{value, webhook};

use super::{example, schemas};

/// Tag of all webhooks, and its description.
pub(super) const TAG: (&str, &str) = (
    "Webhooks",
    "What the receivers that the setting `webhook_url` names are sent, signed as Standard Webhooks says: at least \
     once, and in order for each call.",
);

/// Returns all webhooks, by their event types.
pub(super) fn webhooks() -> Paths {
    let mut paths = PathsBuilder::new();
    for topic in EventType::ALL {
        paths = paths.path(
            topic.as_str(),
            PathItem::new(HttpMethod::Post, operation(topic)),
        );
    }
    paths.build()
}

/// Example of an event type, and its summary.
struct EventExample {
    summary: &'static str,
    subject: Subject,
}

fn operation(topic: EventType) -> OperationBuilder {
    let EventExample { summary, subject } = event_example(topic);
    let at = match &subject {
        Subject::Call(call_event) => call_event.call.updated_at,
        Subject::User(_) | Subject::App { .. } => example::asked_at(),
    };
    let data = match &subject {
        Subject::Call(_) => call_data(topic),
        Subject::User(_) => ObjectBuilder::new()
            .property("user", user())
            .required("user"),
        Subject::App { .. } => ObjectBuilder::new()
            .property("user", user())
            .property(
                "sessionId",
                described(
                    Type::String,
                    "The session that sent it, as the token names it.",
                ),
            )
            .property("type", schemas::of::<value::AppType>())
            .property("data", schemas::of::<value::AppData>())
            .required("user")
            .required("sessionId")
            .required("type")
            .required("data"),
    };
    let announcement = WebhookEvent { topic, at, subject };
    let message = ObjectBuilder::new()
        .property("type", schemas::constant(topic.as_str()))
        .property("timestamp", schemas::of::<value::Timestamp>())
        .property("data", data)
        .required("type")
        .required("timestamp")
        .required("data");
    let body = ContentBuilder::new()
        .schema(Some(message))
        .examples_from_iter([(
            "message",
            ExampleBuilder::new()
                .summary(summary)
                .value(Some(example::value(&webhook::body(&announcement)))),
        )])
        .build();
    OperationBuilder::new()
        .tag(TAG.0)
        .operation_id(Some(format!("on{}", in_one_word(topic))))
        .summary(Some(summary))
        .description(Some(
            "Anything but 200 to 299 within the setting `webhook_timeout` is a failure, and the same message is sent \
             again, for a day.",
        ))
        .parameters(Some(headers()))
        .request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", body)
                .required(Some(Required::True))
                .build(),
        ))
        .response("200", taken(topic))
        .response(
            "410",
            ResponseBuilder::new().description(
                "Nobody is there any more: the receiver is paused until an administrator resumes it.",
            ),
        )
        .securities(Some([]))
}

fn event_example(topic: EventType) -> EventExample {
    let call = |call: Call, callee_connected| {
        Subject::Call(Box::new(CallEvent {
            call,
            caller: example::caller(),
            callee: callee(),
            callee_connected,
            callee_sessions: callee_connected.then(phone).into_iter().collect(),
            callee_availability: Availability::Available,
        }))
    };
    let (summary, subject) = match topic {
        EventType::CallInitiated => (
            "Somebody calls: push to the callee where `calleeConnected` is false",
            call(example::initiating(), false),
        ),
        EventType::CallRinging => ("A call that waited rings", call(example::ringing(), true)),
        EventType::CallAccepted => ("The callee accepted", call(example::connecting(), true)),
        EventType::CallRejected => ("The callee rejected", call(example::rejected(), true)),
        EventType::CallActive => ("Media flows", call(example::active(), true)),
        EventType::CallEnded => ("The call was ended", call(example::ended(), true)),
        EventType::CallMissed => ("Nobody answered in time", call(example::missed(), false)),
        EventType::CallBusy => (
            "The callee was in another call",
            call(example::rejected(), true),
        ),
        EventType::CallUnreached => (
            "No device of the callee confirmed the invitation within `confirm_timeout`: push to the callee",
            Subject::Call(Box::new(CallEvent {
                call: example::ringing(),
                caller: example::caller(),
                callee: callee(),
                callee_connected: false,
                callee_sessions: vec![CalleeSession {
                    responsive: false,
                    ..phone()
                }],
                callee_availability: Availability::Available,
            })),
        ),
        EventType::UserOnline => (
            "A user's first device has connected",
            Subject::User(callee()),
        ),
        EventType::UserOffline => ("A user's last device is gone", Subject::User(callee())),
        EventType::AppMessage => (
            "An app sent a message of a type that begins with `app.`",
            Subject::App {
                user: callee(),
                session: phone().id,
                message: AppMessage::new("app.chat", r#"{"to":"user-789","text":"Hello"}"#)
                    .expect("a type of the app"),
            },
        ),
    };
    EventExample { summary, subject }
}

/// A session of the callee.
fn phone() -> CalleeSession {
    CalleeSession {
        id: SessionId::new("jane-phone"),
        connected_at: example::asked_at(),
        responsive: true,
    }
}

fn callee() -> Profile {
    Profile {
        id: example::callee(),
        name: "Jane Smith".to_owned(),
        avatar: None,
    }
}

/// `call.initiated` as `CallInitiated`.
fn in_one_word(topic: EventType) -> String {
    let words = topic.as_str().split('.');
    words
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect()
}

fn call_data(topic: EventType) -> ObjectBuilder {
    let data = ObjectBuilder::new()
        .property("call", schemas::named(CallView::Whole.schema().0))
        .property("caller", user())
        .property("callee", user())
        .property(
            "calleeConnected",
            described(
                Type::Boolean,
                "Whether a device of the callee has a connection and confirms what it is sent.",
            ),
        )
        .property(
            "calleeSessions",
            ArrayBuilder::new().items(session()).description(Some(
                "The callee's devices that have an open connection, the oldest first.",
            )),
        )
        .required("call")
        .required("caller")
        .required("callee")
        .required("calleeConnected")
        .required("calleeSessions")
        .property("calleeAvailability", schemas::of::<value::Availability>())
        .required("calleeAvailability");
    match topic {
        EventType::CallInitiated | EventType::CallRinging => data
            .property("ringEndsAt", schemas::of::<value::Timestamp>())
            .required("ringEndsAt"),
        EventType::CallUnreached => data
            .property("ringEndsAt", schemas::of::<value::Timestamp>())
            .required("ringEndsAt")
            .property(
                "ringSecondsLeft",
                described(
                    Type::Integer,
                    "Whole seconds from `timestamp` to `ringEndsAt`.",
                ),
            )
            .required("ringSecondsLeft"),
        EventType::CallRejected | EventType::CallBusy => data
            .property("reason", schemas::of::<value::RejectReason>())
            .required("reason"),
        EventType::CallEnded => data
            .property(
                "endedBy",
                described(Type::String, "The user who ended it, or `system`."),
            )
            .required("endedBy"),
        EventType::CallAccepted
        | EventType::CallActive
        | EventType::CallMissed
        | EventType::UserOnline
        | EventType::UserOffline
        | EventType::AppMessage => data,
    }
}

fn session() -> ObjectBuilder {
    ObjectBuilder::new()
        .property(
            "sessionId",
            described(Type::String, "The session, as the token names it."),
        )
        .property("connectedAt", schemas::of::<value::Timestamp>())
        .property(
            "responsive",
            described(
                Type::Boolean,
                "False: it has left an event unconfirmed for `confirm_timeout`, as a phone without network does.",
            ),
        )
        .required("sessionId")
        .required("connectedAt")
        .required("responsive")
}

fn user() -> ObjectBuilder {
    let avatar =
        ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    ObjectBuilder::new()
        .property("id", schemas::of::<value::UserId>())
        .property("name", described(Type::String, "The name to show."))
        .property("avatar", avatar)
        .required("id")
        .required("name")
        .required("avatar")
}

fn headers() -> Vec<Parameter> {
    let header = |name: &str, schema: RefOr<Schema>, description: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .schema(Some(schema))
            .description(Some(description))
            .build()
    };
    vec![
        header(
            "webhook-id",
            text().into(),
            "The message's id, the same each time it is sent: remember it, and handle it once.",
        ),
        header(
            "webhook-timestamp",
            text().into(),
            "When it is sent, in seconds since the Unix epoch.",
        ),
        header(
            "webhook-signature",
            text().into(),
            "`v1,` and, in base64, the HMAC-SHA256 of id, timestamp and body with dots between; two of them with a \
             space between while one secret replaces another.",
        ),
    ]
}

fn taken(topic: EventType) -> ResponseBuilder {
    let response =
        ResponseBuilder::new().description("It is taken. So is it by any status up to 299.");
    match topic {
        EventType::CallInitiated => {
            let delivered = described(
                Type::Boolean,
                "True: a device of the callee was woken, and a call that waits is RINGING from now.",
            );
            let body = ObjectBuilder::new().property("delivered", delivered);
            let content = ContentBuilder::new().schema(Some(body)).build();
            response.content("application/json", content)
        }
        EventType::CallRinging
        | EventType::CallAccepted
        | EventType::CallRejected
        | EventType::CallActive
        | EventType::CallEnded
        | EventType::CallMissed
        | EventType::CallBusy
        | EventType::CallUnreached
        | EventType::UserOnline
        | EventType::UserOffline
        | EventType::AppMessage => response,
    }
}

fn described(r#type: Type, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(r#type)
        .description(Some(description))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
