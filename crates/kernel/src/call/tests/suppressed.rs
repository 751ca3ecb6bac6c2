//! Suppressed calls: the callee has blocked the caller.

use std::time::Duration;

use super::super::transition::{self, CalleeAvailability};
use super::super::{Cause, Source, Transition};
use super::{LIMITS, START, Verb, apply, request, user};

pub(super) fn suppressed() -> Transition {
    transition::initiate(
        request(),
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
        request(),
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
