//! Tests of the complete table of contract section 3, and of invariants for all sequences of actions.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use uuid::Uuid;

use super::Outcome::{Cancelled, Completed, Missed, Rejected};
use super::transition::{self, CalleeAvailability, Limits, Target, Wish};
use super::{
    Actor, Audience, Call, CallError, CallId, CallType, Cause, ChannelId, Entries, Event, Outcome,
    Principal, RejectReason, Source, State, Status, Transition,
};
use crate::clock::Timestamp;
use crate::user::{Profile, SessionId, UserId};

const LIMITS: Limits = Limits {
    ring_timeout: Duration::from_mins(1),
    max_call_duration: Some(Duration::from_hours(4)),
};
const START: Timestamp = Timestamp::from_millis(1_705_314_600_000);

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("a user id")
}

fn principal(id: &str) -> Principal {
    Principal {
        user: user(id),
        session: SessionId::new("phone"),
        via: Source::Socket,
    }
}

fn wish() -> Wish {
    Wish {
        id: CallId::from_uuid(Uuid::from_u128(7)),
        caller: Profile {
            id: user("caller"),
            name: "Caller".to_owned(),
            avatar: None,
        },
        callee: user("callee"),
        call_type: CallType::Video,
        channel: ChannelId::parse("channel").expect("a channel"),
    }
}

fn call_in(status: Status) -> Call {
    let ring_until = START.plus(LIMITS.ring_timeout);
    let started_at = START.plus(Duration::from_secs(5));
    let max_duration_at = LIMITS.max_call_duration.map(|max| started_at.plus(max));
    let ended_at = START.plus(Duration::from_secs(9));
    let state = match status {
        Status::Initiating => State::Initiating { ring_until },
        Status::Ringing => State::Ringing { ring_until },
        Status::Connecting => State::Connecting {
            started_at,
            max_duration_at,
        },
        Status::Active => State::Active {
            started_at,
            max_duration_at,
        },
        Status::Ended => State::Ended {
            started_at: Some(started_at),
            ended_at,
            duration_seconds: 4,
            ended_by: Actor::System,
        },
        Status::Rejected => State::Rejected {
            reason: RejectReason::Declined,
            ended_at,
        },
        Status::Missed => State::Missed { ended_at },
    };
    let call = transition::initiate(
        wish(),
        CalleeAvailability::Absent,
        Source::Rest,
        LIMITS,
        START,
    )
    .call;
    Call {
        state,
        updated_at: START.plus(Duration::from_secs(9)),
        ..call
    }
}

/// Action on a call.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Accept,
    Reject,
    End,
    PatchConnecting,
    PatchActive,
    PatchEnded,
    Ring,
    SayItRings,
    Miss,
    Overrun,
    Lose,
    EndByAdmin,
}

fn apply(
    verb: Verb,
    call: &Call,
    who: &str,
    now: Timestamp,
) -> Result<Option<Transition>, CallError> {
    let principal = principal(who);
    let set = |target| transition::set_status(call, &principal, target, LIMITS, now);
    match verb {
        Verb::Accept => transition::accept(call, &principal, LIMITS, now).map(Some),
        Verb::Reject => transition::reject(call, &principal, RejectReason::Busy, now).map(Some),
        Verb::End => transition::end(call, &principal, None, now).map(Some),
        Verb::PatchConnecting => set(Target::Connecting),
        Verb::PatchActive => set(Target::Active),
        Verb::PatchEnded => set(Target::Ended),
        Verb::Ring => transition::ring(call, now).map(Some),
        Verb::SayItRings => transition::ring_by_callee(call, &principal, now),
        Verb::Miss => transition::ring_timeout(call, now).map(Some),
        Verb::Overrun => transition::duration_exceeded(call, now).map(Some),
        Verb::Lose => transition::participant_lost(call, &user(who), now).map(Some),
        Verb::EndByAdmin => transition::end_by_admin(call, Source::Admin, now).map(Some),
    }
}

/// A status: the call changes to it. `=`: nothing changes. `403c`: not the callee. `403p`: not a participant. `400`:
/// wrong status. The columns are the statuses in their order.
const TABLE: &[(Verb, &str, [&str; 7])] = {
    use Verb::{
        Accept, End, EndByAdmin, Lose, Miss, Overrun, PatchActive, PatchConnecting, PatchEnded,
        Reject, Ring, SayItRings,
    };
    &[
        (
            Accept,
            "caller",
            ["403c", "403c", "403c", "403c", "403c", "403c", "403c"],
        ),
        (
            Accept,
            "callee",
            [
                "CONNECTING",
                "CONNECTING",
                "400",
                "400",
                "400",
                "400",
                "400",
            ],
        ),
        (
            Accept,
            "stranger",
            ["403c", "403c", "403c", "403c", "403c", "403c", "403c"],
        ),
        (
            Reject,
            "caller",
            ["403c", "403c", "403c", "403c", "403c", "403c", "403c"],
        ),
        (
            Reject,
            "callee",
            ["REJECTED", "REJECTED", "400", "400", "400", "400", "400"],
        ),
        (
            Reject,
            "stranger",
            ["403c", "403c", "403c", "403c", "403c", "403c", "403c"],
        ),
        (
            End,
            "caller",
            ["ENDED", "ENDED", "ENDED", "ENDED", "400", "400", "400"],
        ),
        (
            End,
            "callee",
            ["ENDED", "ENDED", "ENDED", "ENDED", "400", "400", "400"],
        ),
        (
            End,
            "stranger",
            ["403p", "403p", "403p", "403p", "403p", "403p", "403p"],
        ),
        (
            PatchConnecting,
            "caller",
            ["403c", "403c", "403c", "403c", "403c", "403c", "403c"],
        ),
        (
            PatchConnecting,
            "callee",
            ["CONNECTING", "CONNECTING", "=", "400", "400", "400", "400"],
        ),
        (
            PatchConnecting,
            "stranger",
            ["403p", "403p", "403p", "403p", "403p", "403p", "403p"],
        ),
        (
            PatchActive,
            "caller",
            ["400", "400", "ACTIVE", "=", "400", "400", "400"],
        ),
        (
            PatchActive,
            "callee",
            ["400", "400", "ACTIVE", "=", "400", "400", "400"],
        ),
        (
            PatchActive,
            "stranger",
            ["403p", "403p", "403p", "403p", "403p", "403p", "403p"],
        ),
        (
            PatchEnded,
            "caller",
            ["ENDED", "ENDED", "ENDED", "ENDED", "400", "400", "400"],
        ),
        (
            PatchEnded,
            "callee",
            ["ENDED", "ENDED", "ENDED", "ENDED", "400", "400", "400"],
        ),
        (
            PatchEnded,
            "stranger",
            ["403p", "403p", "403p", "403p", "403p", "403p", "403p"],
        ),
        (
            Ring,
            "server",
            ["RINGING", "400", "400", "400", "400", "400", "400"],
        ),
        (
            SayItRings,
            "caller",
            ["403c", "403c", "403c", "403c", "403c", "403c", "403c"],
        ),
        (
            SayItRings,
            "callee",
            ["RINGING", "=", "400", "400", "400", "400", "400"],
        ),
        (
            SayItRings,
            "stranger",
            ["403c", "403c", "403c", "403c", "403c", "403c", "403c"],
        ),
        (
            Miss,
            "server",
            ["MISSED", "MISSED", "400", "400", "400", "400", "400"],
        ),
        (
            Overrun,
            "server",
            ["400", "400", "ENDED", "ENDED", "400", "400", "400"],
        ),
        (
            Lose,
            "caller",
            ["400", "400", "ENDED", "ENDED", "400", "400", "400"],
        ),
        (
            Lose,
            "callee",
            ["400", "400", "ENDED", "ENDED", "400", "400", "400"],
        ),
        (
            EndByAdmin,
            "server",
            ["ENDED", "ENDED", "ENDED", "ENDED", "400", "400", "400"],
        ),
    ]
};

#[test]
fn every_action_in_every_status_follows_the_contract() {
    for (verb, who, row) in TABLE {
        for (status, expected) in Status::ALL.into_iter().zip(row) {
            let happened = match apply(
                *verb,
                &call_in(status),
                who,
                START.plus(Duration::from_secs(20)),
            ) {
                Ok(Some(transition)) => transition.call.status().as_str(),
                Ok(None) => "=",
                Err(CallError::NotTheCallee) => "403c",
                Err(CallError::NotAParticipant) => "403p",
                Err(CallError::NotContacts | CallError::NotOnChannel) => "403k",
                Err(CallError::InvalidStatus { .. }) => "400",
            };
            assert_eq!(
                happened, *expected,
                "{verb:?} by the {who} of a call that is {status}"
            );
        }
    }
}

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

#[test]
fn initiate_rings_only_a_connected_callee() {
    let ringing = transition::initiate(
        wish(),
        CalleeAvailability::Connected,
        Source::Rest,
        LIMITS,
        START,
    );
    assert_eq!(ringing.call.status(), Status::Ringing);
    assert_eq!(ringing.notices.len(), 1);
    assert_eq!(
        ringing.notices[0].audience,
        Audience::Participant(user("callee"))
    );
    let waiting = transition::initiate(
        wish(),
        CalleeAvailability::Absent,
        Source::Rest,
        LIMITS,
        START,
    );
    assert_eq!(waiting.call.status(), Status::Initiating);
    assert_eq!(waiting.notices, []);
    for call in [ringing.call, waiting.call] {
        assert_eq!(
            call.state.deadline(),
            Some(START.plus(Duration::from_mins(1)))
        );
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
    let busy = transition::refuse_as_busy(wish(), Source::Rest, START).history;
    assert_eq!(busy.map(outcomes_of), Some((Rejected, Missed)));
}

#[test]
fn end_prefers_the_client_duration() {
    let end = |status, sent| {
        let now = START.plus(Duration::from_millis(17_999));
        let transition = transition::end(&call_in(status), &principal("caller"), sent, now);
        transition.expect("possible").call.state.duration_seconds()
    };
    assert_eq!(end(Status::Active, Some(72)), Some(72));
    for impossible in [73, transition::IMPOSSIBLE_DURATION] {
        assert_eq!(end(Status::Active, Some(impossible)), Some(12));
    }
    assert_eq!(end(Status::Active, None), Some(12));
    assert_eq!(end(Status::Ringing, Some(125)), Some(0));
}

fn suppressed() -> Transition {
    transition::initiate(
        wish(),
        CalleeAvailability::Blocked,
        Source::Rest,
        LIMITS,
        START,
    )
}

#[test]
fn a_call_to_somebody_who_blocked_the_caller_waits_for_nobody() {
    let transition = suppressed();
    let absent = transition::initiate(
        wish(),
        CalleeAvailability::Absent,
        Source::Rest,
        LIMITS,
        START,
    );
    assert_eq!(transition.call.state, absent.call.state);
    assert_eq!(transition.notices, []);
    assert_eq!(transition.entry.cause, Cause::CallerBlocked);
    let participants: Vec<_> = transition.call.participants().collect();
    assert_eq!(participants, [&user("caller")]);
}

#[test]
fn callee_of_a_suppressed_call_is_a_stranger() {
    let call = suppressed().call;
    let now = START.plus(Duration::from_secs(20));
    for verb in [
        Verb::SayItRings,
        Verb::Accept,
        Verb::Reject,
        Verb::End,
        Verb::PatchConnecting,
        Verb::PatchActive,
        Verb::PatchEnded,
    ] {
        let callee = apply(verb, &call, "callee", now);
        assert!(callee.is_err(), "{verb:?}");
        assert_eq!(callee, apply(verb, &call, "stranger", now), "{verb:?}");
    }
}

fn verbs() -> impl Strategy<Value = Verb> {
    prop_oneof![
        Just(Verb::Accept),
        Just(Verb::Reject),
        Just(Verb::End),
        Just(Verb::PatchConnecting),
        Just(Verb::PatchActive),
        Just(Verb::PatchEnded),
        Just(Verb::Ring),
        Just(Verb::Miss),
        Just(Verb::Overrun),
        Just(Verb::Lose),
        Just(Verb::EndByAdmin),
    ]
}

fn people() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("caller"), Just("callee"), Just("stranger")]
}

proptest! {
    #[test]
    fn whatever_happens_a_withheld_call_is_the_callers_alone(
        steps in proptest::collection::vec((verbs(), people(), 0_i64..60_000), 1..12),
    ) {
        let mut call = suppressed().call;
        let mut now = START;
        for (verb, who, ms) in steps {
            now = Timestamp::from_millis(now.as_millis() + ms);
            let Ok(Some(transition)) = apply(verb, &call, who, now) else { continue };
            call = transition.call;
            prop_assert!(call.suppressed);
            prop_assert!(matches!(call.status(), Status::Ended | Status::Missed), "{}", call.status());
            for notice in &transition.notices {
                prop_assert_eq!(notice.audience.user(), &call.caller);
            }
            let owners: Vec<_> = transition.history.iter().flat_map(Entries::iter).map(|one| &one.owner).collect();
            prop_assert_eq!(owners, [&call.caller]);
        }
    }

    #[test]
    fn final_stays_final_and_every_change_tells_its_whole_story(
        connected in any::<bool>(),
        steps in proptest::collection::vec((verbs(), people(), -5_000_i64..60_000), 1..12),
    ) {
        let reach = if connected { CalleeAvailability::Connected } else { CalleeAvailability::Absent };
        let mut call = transition::initiate(wish(), reach, Source::Rest, LIMITS, START).call;
        let mut now = START;
        for (verb, who, ms) in steps {
            // The clock may run backwards.
            now = Timestamp::from_millis(now.as_millis() + ms);
            let Ok(Some(transition)) = apply(verb, &call, who, now) else { continue };
            prop_assert!(call.status().is_live());
            prop_assert!(transition.call.status() as u8 > call.status() as u8);
            prop_assert!(transition.call.updated_at >= call.updated_at);
            prop_assert_eq!(transition.entry.status, transition.call.status());
            prop_assert_eq!(transition.entry.at, transition.call.updated_at);
            prop_assert_eq!(transition.history.is_some(), !transition.call.status().is_live());
            prop_assert_eq!(transition.call.state.ended_at().is_some(), !transition.call.status().is_live());
            prop_assert_eq!(transition.call.state.deadline().is_some(), transition.call.status().is_live());
            for notice in &transition.notices {
                prop_assert!(transition.call.has_participant(notice.audience.user()));
                prop_assert_eq!(notice.at, transition.call.updated_at);
            }
            call = transition.call;
        }
    }
}
