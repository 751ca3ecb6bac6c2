//! What was reported of a call's network, as REST shows it (contract section 5).

use serde::Serialize;

use crate::call::{Call, CallId, NetworkQuality, QualitySummary};
use crate::user::UserId;

use super::Text;
use super::answer::success;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QualityShape<'a> {
    call_id: Text<CallId>,
    participants: [Participant<'a>; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Participant<'a> {
    user_id: Text<&'a UserId>,
    report_count: u32,
    worst_quality: Option<&'static str>,
    average_packet_loss_rate: Option<f64>,
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

/// The success `message` with what the caller and the callee have reported, in this order.
#[must_use]
pub fn quality(message: &str, call: &Call, [caller, callee]: &[QualitySummary; 2]) -> String {
    let shape = QualityShape {
        call_id: Text(call.id),
        participants: [
            Participant::new(&call.caller, caller),
            Participant::new(&call.callee, callee),
        ],
    };
    success(message, shape)
}
