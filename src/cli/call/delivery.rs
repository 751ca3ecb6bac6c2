//! Delivery of a call's events, as the running server reports it.

use chattrix::clock::Timestamp;
use chattrix::wire::control::{Delivered, DeliveredTo, DeliveryStatus};

use super::super::format;
use super::super::output::printable;

/// Returns a line for each event and session.
pub fn lines(events: &[Delivered]) -> Vec<String> {
    events.iter().flat_map(lines_of).collect()
}

fn lines_of(event: &Delivered) -> Vec<String> {
    let time = event.at.get(11..23).unwrap_or(&event.at);
    let head = format!("{time}  {:16} to {}", event.kind, event.user_id);
    if event.sessions.is_empty() {
        return vec![format!("{head}: no session, {}", status(event.status))];
    }
    let line = |session: &DeliveredTo| {
        let name = printable(&session.session_id);
        format!("{head}, session {name}: {}", progress(event, session))
    };
    event.sessions.iter().map(line).collect()
}

fn progress(event: &Delivered, session: &DeliveredTo) -> String {
    let sent = match session.times_sent {
        0 => "not sent".to_owned(),
        1 => format!("sent{}", after(event, session.sent_at.as_deref())),
        times => format!(
            "sent{}, {times} times",
            after(event, session.sent_at.as_deref())
        ),
    };
    match &session.confirmed_at {
        Some(at) => format!("{sent}, confirmed{}", after(event, Some(at))),
        None => format!("{sent}, {}", status(event.status)),
    }
}

/// Returns how long after the event something happened.
fn after(event: &Delivered, at: Option<&str>) -> String {
    let instants = Timestamp::parse(&event.at).zip(at.and_then(Timestamp::parse));
    instants.map_or_else(String::new, |(from, to)| {
        format!(" +{}", format::duration(to.since(from)))
    })
}

const fn status(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Pending => "not confirmed",
        DeliveryStatus::Confirmed => "confirmed by another session",
        DeliveryStatus::Expired => "expired",
    }
}
