//! Effects of transitions: recipients of events, and outcomes in both histories.

use std::time::Duration;

use super::super::Outcome::{Cancelled, Completed, Missed, Rejected};
use super::super::transition;
use super::super::{Audience, Entries, Event, Outcome, Source, Status};
use super::{START, Verb, apply, call_in, request};

#[test]
fn who_is_told_what_is_as_the_contract_says() {
    let recipients = |verb, who, status| {
        let transition = apply(
            verb,
            &call_in(status),
            who,
            START.plus(Duration::from_secs(20)),
        );
        let transition = transition.expect("possible").expect("a change");
        let to = |audience: &Audience| match audience {
            Audience::Participant(user) => user.to_string(),
            Audience::OtherSessions { user, acted } => format!("{user} but {acted}"),
        };
        let notices = transition.notices.iter();
        notices
            .map(|notice| (to(&notice.audience), name(&notice.event)))
            .collect::<Vec<_>>()
    };
    let one = |to: &str, event| (to.to_owned(), event);
    assert_eq!(
        recipients(Verb::Accept, "callee", Status::Ringing),
        [
            one("caller", "accepted"),
            one("callee but phone", "accepted")
        ]
    );
    assert_eq!(
        recipients(Verb::Reject, "callee", Status::Initiating),
        [
            one("caller", "rejected"),
            one("callee but phone", "rejected")
        ]
    );
    assert_eq!(
        recipients(Verb::End, "caller", Status::Ringing),
        [one("callee", "ended"), one("caller but phone", "ended")]
    );
    assert_eq!(
        recipients(Verb::End, "callee", Status::Active),
        [one("caller", "ended"), one("callee but phone", "ended")]
    );
    assert_eq!(
        recipients(Verb::PatchActive, "caller", Status::Connecting),
        []
    );
    assert_eq!(recipients(Verb::Ring, "server", Status::Initiating), []);
    assert_eq!(
        recipients(Verb::SayItRings, "callee", Status::Initiating),
        []
    );
    for (verb, status, event) in [
        (Verb::Miss, Status::Ringing, "timed out"),
        (Verb::Overrun, Status::Active, "ended"),
        (Verb::EndByAdmin, Status::Ringing, "ended"),
    ] {
        assert_eq!(
            recipients(verb, "server", status),
            [one("caller", event), one("callee", event)]
        );
    }
    assert_eq!(
        recipients(Verb::Lose, "callee", Status::Active),
        [one("caller", "ended")]
    );
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Invitation(_) => "invited",
        Event::Accepted { .. } => "accepted",
        Event::Rejected { .. } => "rejected",
        Event::Ended { .. } => "ended",
        Event::TimedOut { .. } => "timed out",
        Event::Missed(_) => "missed",
        Event::QualityWarning { .. } => "warned",
        Event::Signal(_) => "signalled",
        Event::App(_) => "sent by the backend",
    }
}

fn outcomes_of(entries: Entries) -> (Outcome, Outcome) {
    let callee = entries.callee.expect("the callee knows of the call");
    (entries.caller.outcome, callee.outcome)
}

#[test]
fn both_histories_get_the_outcome_that_the_contract_gives_them() {
    let outcomes = |verb, who, status| {
        let transition = apply(
            verb,
            &call_in(status),
            who,
            START.plus(Duration::from_secs(20)),
        );
        let history = transition.expect("possible").expect("a change").history;
        history.map(outcomes_of)
    };
    assert_eq!(
        outcomes(Verb::End, "caller", Status::Active),
        Some((Completed, Completed))
    );
    assert_eq!(
        outcomes(Verb::Lose, "callee", Status::Connecting),
        Some((Completed, Completed))
    );
    assert_eq!(
        outcomes(Verb::End, "caller", Status::Ringing),
        Some((Cancelled, Missed))
    );
    assert_eq!(
        outcomes(Verb::End, "callee", Status::Ringing),
        Some((Rejected, Rejected))
    );
    assert_eq!(
        outcomes(Verb::Miss, "server", Status::Ringing),
        Some((Missed, Missed))
    );
    assert_eq!(
        outcomes(Verb::Reject, "callee", Status::Ringing),
        Some((Rejected, Rejected))
    );
    assert_eq!(outcomes(Verb::Accept, "callee", Status::Ringing), None);
    let busy = transition::refuse_as_busy(request(), Source::Rest, START).history;
    assert_eq!(busy.map(outcomes_of), Some((Rejected, Missed)));
}
