//! The events that a participant must receive of a call.

use chattrix::call::{Actor, Call, Event, RejectReason, State, Status};
use chattrix::user::UserId;

use super::device::Dated;

/// The events that `user` must receive: what the other participant or the server did.
pub fn events_for(call: &Call, user: &UserId) -> Vec<Event> {
    let is_caller = *user == call.caller;
    let id = call.id;
    let mut events = Vec::new();
    if is_caller && call.state.started_at().is_some() {
        events.push(Event::Accepted {
            call: id,
            accepted_by: call.callee.clone(),
        });
    }
    match (call.status(), &call.state) {
        (Status::Rejected, _) if is_caller => events.push(Event::Rejected {
            call: id,
            rejected_by: call.callee.clone(),
            reason: RejectReason::Busy,
        }),
        (
            Status::Ended,
            State::Ended {
                ended_by,
                duration_seconds,
                ..
            },
        ) if *ended_by != Actor::User(user.clone()) => events.push(Event::Ended {
            call: id,
            ended_by: ended_by.clone(),
            duration_seconds: *duration_seconds,
        }),
        (Status::Missed, _) => events.push(Event::TimedOut { call: id }),
        _ => {}
    }
    events
}

/// The events of `received` that the other participant or the server caused.
pub fn answers(received: &[Dated], call: &Call, user: &UserId) -> Vec<Event> {
    let is_own = |event: &Event| match event {
        Event::Accepted { accepted_by, .. } => accepted_by == user,
        Event::Rejected { rejected_by, .. } => rejected_by == user,
        Event::Ended { ended_by, .. } => *ended_by == Actor::User(user.clone()),
        _ => false,
    };
    let events = received.iter().map(|(event, _)| event);
    let events = events.filter(|event| !matches!(event, Event::Invitation(_)) && !is_own(event));
    events
        .inspect(|event| assert_eq!(event.call(), Some(call.id)))
        .cloned()
        .collect()
}

/// Says that a connection got nothing twice, and everything in the order in which it happened.
pub fn in_order_and_once(connection: &[Dated], call: &Call, place: &str) {
    let instants: Vec<_> = connection.iter().map(|(_, at)| *at).collect();
    // Kept events come first, then the invitation, which carries the instant of the call.
    let events = instants.iter().filter(|at| **at != call.created_at);
    assert!(events.is_sorted(), "{place}\n{connection:#?}");
    for (index, dated) in connection.iter().enumerate() {
        assert!(
            !connection[..index].contains(dated),
            "twice: {place}\n{connection:#?}"
        );
    }
}
