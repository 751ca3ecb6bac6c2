//! Calls and statistics.

use std::time::Duration;

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::ObjectBuilder;

use crate::api_key::Scope;
use crate::call::{Action, Actor, CallError, Cause, QualitySummary, Source, Status, TimelineEntry};
use crate::clock::Timestamp;
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::admin::{CallRecords, CallWithTimeline, ListedCall};
use crate::wire::query::Parameters;
use crate::wire::server_api::calls::{self as shape, Count, Place};
use crate::wire::value;

use super::super::{
    Description, Example, Route, body, call_id, created, empty_body, query_parameter, success,
};
use super::{
    TAG, idempotency_key, instant, key_reused, no_user, of_body, of_empty_body, page_parameters,
    switch, wrong_parameter,
};

const CALLS: &str = "/api/server/v1/calls";

pub(super) fn routes() -> Vec<Route> {
    vec![list(), place(), show(), end(), statistics()]
}

fn list() -> Route {
    const MESSAGE: &str = "Calls retrieved successfully";
    let page = shape::page(MESSAGE, &[example::ringing()], None);
    let wrong: Parameters<'_> = [("status", "OVER")].into_iter().collect();
    let filters = vec![
        switch("live", "Only live calls."),
        query_parameter(
            "user",
            schemas::of::<value::UserId>(),
            "Only calls of this user, in either role.",
        ),
        query_parameter(
            "status",
            schemas::of::<value::CallStatus>(),
            "Only calls in this status.",
        ),
        query_parameter(
            "type",
            schemas::of::<value::CallType>(),
            "Only calls of this type.",
        ),
        instant("since", "Only calls that were created then or later."),
        instant("until", "Only calls that were created before."),
    ];
    Description {
        tag: TAG,
        id: "listCalls",
        summary: "List calls",
        description: "Newest first. The items are those of `chattrix call list --json`.",
        parameters: [page_parameters().to_vec(), filters].concat(),
        body: None,
        success: success(
            "A page.",
            MESSAGE,
            schemas::of::<shape::PageShape>(),
            [Example("page", "One call.", example::value(&page))],
        ),
        refusals: vec![wrong_parameter(wrong.calls().expect_err("no status"))],
    }
    .for_backends(Scope::Calls, HttpMethod::Get, CALLS)
}

fn show() -> Route {
    const MESSAGE: &str = "Call retrieved successfully";
    let timeline = [TimelineEntry {
        at: example::asked_at(),
        status: Status::Initiating,
        actor: Actor::User(example::caller().id),
        via: Source::Rest,
        cause: Cause::Initiate,
        session: None,
    }];
    let quality = [QualitySummary::default(), QualitySummary::default()];
    let records = CallRecords {
        timeline: &timeline,
        quality: &quality,
        delivery: &[],
    };
    let shown = shape::details(MESSAGE, &example::initiating(), records);
    Description {
        tag: TAG,
        id: "getCallWithTimeline",
        summary: "Get a call with its timeline",
        description: "What `chattrix call show --json` prints: the call, its timeline, the network quality that the \
            participants reported, and how the events of a recent call were delivered.",
        parameters: vec![call_id()],
        body: None,
        success: success(
                "The call.",
                MESSAGE,
                schemas::of::<CallWithTimeline>(),
                [Example(
                    "initiating",
                    "No device of the callee is connected.",
                    example::value(&shown),
                )],
            ),
        refusals: vec![Refusal::call_not_found()],
    }
    .for_backends(
        Scope::Calls,
        HttpMethod::Get,
        "/api/server/v1/calls/{callId}",
    )
}

fn end() -> Route {
    const MESSAGE: &str = "Call ended successfully";
    let ended = shape::call(MESSAGE, &example::ended_by_the_system());
    Description {
        tag: TAG,
        id: "endCallOfUsers",
        summary: "End a live call",
        description: "Both participants get `call_ended` with `endedBy` `system`. The timeline shows `backend`.",
        parameters: vec![call_id(), idempotency_key()],
        body: Some(empty_body()),
        success: success(
                "The call.",
                MESSAGE,
                schemas::of::<ListedCall>(),
                [Example("ended", "It was ringing.", example::value(&ended))],
            ),
        refusals: [
            of_empty_body(),
            vec![
                key_reused(),
                Refusal::call_not_found(),
                Refusal::invalid_status("The call is over.", Action::End, Status::Ended),
            ],
        ]
        .concat(),
    }
    .for_backends(
        Scope::Calls,
        HttpMethod::Post,
        "/api/server/v1/calls/{callId}/end",
    )
}

fn place() -> Route {
    const MESSAGE: &str = "Call placed successfully";
    let asked = json!({
        "callerId": "user-789", "calleeId": "user-456", "callType": "VIDEO",
        "channelId": "agora-channel-789",
    });
    Description {
        tag: TAG,
        id: "placeCall",
        summary: "Place a call in a user's name",
        description: "Like `POST /api/v1/calls/initiate` by `callerId`, for click-to-call. The caller's devices find the call \
            through `GET /api/v1/calls/active` and get its events.",
        parameters: vec![idempotency_key()],
        body: Some(body::<Place>(
            Required::True,
            [Example("video", "A video call.", asked)],
        )),
        success: created(
                "The call.",
                MESSAGE,
                schemas::of::<ListedCall>(),
                [Example(
                    "placed",
                    "No device of the callee is connected.",
                    example::value(&shape::call(MESSAGE, &example::initiating())),
                )],
            ),
        refusals: [
            of_body(shape::read_place(b"{}").expect_err("no caller")),
            of_placing(),
        ]
        .concat(),
    }
    .for_backends(Scope::Calls, HttpMethod::Post, CALLS)
}

fn of_placing() -> Vec<Refusal> {
    let caller_busy = Error::CallerBusy {
        call: example::call_id(),
        status: Status::Initiating,
        age: Duration::ZERO,
    };
    vec![
        key_reused(),
        Refusal::new(
            "own_number",
            "Caller and callee are the same user.",
            Error::OwnNumber,
        ),
        no_user(),
        Refusal::new(
            "not_contacts",
            "With `call_policy = \"contacts\"`: the two are not in each other's contacts.",
            Error::Refused(CallError::NotContacts),
        ),
        Refusal::new("caller_busy", "The caller is in a live call.", caller_busy),
        Refusal::new(
            "user_busy",
            "The callee is in a live call.",
            Error::UserBusy(example::callee()),
        ),
    ]
}

fn statistics() -> Route {
    const MESSAGE: &str = "Statistics retrieved successfully";
    let day = |text: &str| Timestamp::parse(text).expect("an instant");
    let period = [day("2024-01-15T00:00:00Z"), day("2024-01-16T00:00:00Z")];
    let count = Count {
        day: period[0],
        call_type: example::ended().call_type,
        status: Status::Ended,
        calls: 1,
        answered: 1,
        seconds: example::DURATION_SECONDS.into(),
    };
    let wrong: Parameters<'_> = [("from", "2200-01-01T00:00:00Z")].into_iter().collect();
    let by = ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .enum_values(Some(["day"]));
    Description {
        tag: TAG,
        id: "getServerStatistics",
        summary: "Count calls of a period",
        description: "Calls by when they were created: the last 30 days, or at most 366 days from `from` until before `to`.",
        parameters: vec![
            instant("from", "Start of the period."),
            instant("to", "End of the period; now if absent."),
            query_parameter("by", by, "Adds the counts of each day in UTC."),
        ],
        body: None,
        success: success(
                "The counts.",
                MESSAGE,
                schemas::of::<shape::StatisticsShape>(),
                [Example(
                    "by_day",
                    "One call on one day.",
                    example::value(&shape::statistics(MESSAGE, period, true, &[count])),
                )],
            ),
        refusals: vec![wrong_parameter(
            wrong
                .statistics(example::asked_at())
                .expect_err("an empty period"),
        )],
    }
    .for_backends(Scope::Calls, HttpMethod::Get, "/api/server/v1/statistics")
}
