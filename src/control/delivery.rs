//! Delivery report of a call's events.

use crate::call::{CallId, KEPT_FOR};
use crate::clock::Timestamp;
use crate::hub::EncodedNotice;
use crate::service::Service;
use crate::wire::control::{Answer, Delivered, DeliveredTo, DeliveryStatus};

/// Returns the delivery of the events of `call`.
pub(super) fn answer(service: &Service, call: &str) -> Answer {
    let Some(call) = CallId::parse(call) else {
        let message = "call: expected a call id".to_owned();
        return Answer::Failed { message };
    };
    let now = service.clock().now();
    let deliveries = service.sessions().deliveries(call);
    let events = deliveries.iter().map(|one| delivered(one, now)).collect();
    Answer::Delivered { events }
}

/// Returns how `event` was delivered, as of `now`.
pub(crate) fn delivered(event: &EncodedNotice, now: Timestamp) -> Delivered {
    let notice = event.notice();
    let is_expired = now >= notice.at.plus(KEPT_FOR);
    let sessions = event.recipients().into_iter().map(|one| DeliveredTo {
        session_id: one.session.to_string(),
        sent_at: one.sent_at.map(|at| at.to_string()),
        times_sent: one.times_sent,
        confirmed_at: one.confirmed_at.map(|at| at.to_string()),
    });
    Delivered {
        kind: notice.event.as_str().to_owned(),
        user_id: notice.audience.user().to_string(),
        at: notice.at.to_string(),
        status: match (event.is_confirmed(), is_expired) {
            (true, _) => DeliveryStatus::Confirmed,
            (false, true) => DeliveryStatus::Expired,
            (false, false) => DeliveryStatus::Pending,
        },
        sessions: sessions.collect(),
    }
}
