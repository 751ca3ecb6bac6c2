//! The complete table of contract section 3: every action in every status, and initiate.

use std::time::Duration;

use super::super::transition::{self, CalleeAvailability};
use super::super::{Audience, CallError, Source, Status};
use super::{LIMITS, START, Verb, apply, call_in, principal, request, user};

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
fn initiate_rings_only_a_connected_callee() {
    let ringing = transition::initiate(
        request(),
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
        request(),
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
