//! `/api/v1/calls/{callId}/quality`.

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::HttpMethod;

use crate::call::{Action, NetworkQuality, QualityReport, QualitySummary, Status};
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::wire::{quality as shape, request, value};

use super::{Description, Example, Route, body, call_id, nothing, success};

const TAG: &str = "Calls";

pub(super) fn routes() -> Vec<Route> {
    vec![report(), show()]
}

fn report() -> Route {
    const MESSAGE: &str = "Call quality reported successfully";
    let wrong = request::quality(br#"{"networkQuality":7}"#).expect_err("Agora has no 7");
    Description {
        tag: TAG,
        id: "reportQuality",
        summary: "Report the quality of a call",
        description: "A participant of a CONNECTING or ACTIVE call says how well its network carries the call, every \
            few seconds. POOR and worse is told to the other participant with `call_quality_warning`, when the level \
            changes or 10 s after the last warning. The socket's `call.quality` does the same.",
        parameters: vec![call_id()],
        body: Some(body::<value::QualityReport>(
            Required::True,
            [
                Example(
                    "measured",
                    "With what was measured.",
                    json!({ "networkQuality": "POOR", "packetLossRate": 0.125, "roundTripTime": 250 }),
                ),
                Example("agora", "Agora's number for POOR.", json!({ "networkQuality": 3 })),
            ],
        )),
        success: nothing("It is noted.", MESSAGE, "reported", "It is noted."),
        refusals: vec![
            Refusal::malformed(),
            Refusal::new("wrong_field", "There is no such quality.", wrong),
            Refusal::invalid_status("Nobody talks in this call.", Action::Report, Status::Ringing),
            Refusal::not_a_participant(),
            Refusal::call_not_found(),
            Refusal::body_too_large(),
        Refusal::content_encoding(),
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/quality")
}

fn show() -> Route {
    const MESSAGE: &str = "Call quality retrieved successfully";
    let mut of_callee = QualitySummary::default();
    of_callee.add(&QualityReport {
        quality: NetworkQuality::Poor,
        packet_loss_rate: Some(0.125),
        round_trip_ms: Some(250.0),
    });
    let both = [QualitySummary::default(), of_callee];
    let shown = shape::quality(MESSAGE, &example::connecting(), &both);
    Description {
        tag: TAG,
        id: "getQuality",
        summary: "Get what was reported of a call's quality",
        description: "What the participants have reported so far, in aggregate, for the participants, also after the \
            call.",
        parameters: vec![call_id()],
        body: None,
        success: success(
                "The reports of both.",
                MESSAGE,
                schemas::of::<shape::QualityShape<'_>>(),
                [Example(
                    "reported",
                    "The callee has reported once, the caller never.",
                    example::value(&shown),
                )],
            ),
        refusals: vec![Refusal::not_a_participant(), Refusal::call_not_found()],
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/{callId}/quality")
}
