//! Network quality reports in REST responses (contract section 5).

use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{Call, CallId, NetworkQuality, QualitySummary};
use crate::user::UserId;

use super::response::success;
use super::{Text, value};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallQuality)]
pub(crate) struct QualityShape<'a> {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    /// The caller, then the callee.
    #[schema(value_type = Vec<Participant<'a>>, min_items = 2, max_items = 2)]
    participants: [Participant<'a>; 2],
}

/// What a participant has reported of its network.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ParticipantQuality)]
pub(super) struct Participant<'a> {
    #[schema(value_type = value::UserId)]
    user_id: Text<&'a UserId>,
    /// How many reports there were.
    report_count: u32,
    /// The worst level of them; null where there was no report.
    #[schema(value_type = Option<value::NetworkQuality>, required)]
    worst_quality: Option<&'static str>,
    /// The share of packets lost, on average, from 0 to 1; null where it was never reported.
    #[schema(required, minimum = 0, maximum = 1)]
    average_packet_loss_rate: Option<f64>,
    /// Milliseconds to the other end and back, on average; null where they were never reported.
    #[schema(required, minimum = 0)]
    average_round_trip_time: Option<f64>,
}

impl<'a> Participant<'a> {
    fn new(user: &'a UserId, summary: &QualitySummary) -> Self {
        Self {
            user_id: Text(user),
            report_count: summary.reports,
            worst_quality: summary.worst.map(NetworkQuality::as_str),
            average_packet_loss_rate: summary.packet_loss_rate.get(),
            average_round_trip_time: summary.round_trip_ms.get(),
        }
    }
}

/// Returns the success `message` with the summaries of the caller and the callee, in this order.
#[must_use]
pub fn quality(message: &str, call: &Call, both: &[QualitySummary; 2]) -> String {
    let shape = QualityShape {
        call_id: Text(call.id),
        participants: participants(call, both),
    };
    success(message, shape)
}

/// Returns the caller and the callee with their summaries.
pub(super) fn participants<'a>(
    call: &'a Call,
    [caller, callee]: &[QualitySummary; 2],
) -> [Participant<'a>; 2] {
    [
        Participant::new(&call.caller, caller),
        Participant::new(&call.callee, callee),
    ]
}
