//! Invariants for all sequences of actions.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::super::transition::{self, CalleeAvailability};
use super::super::{Entries, Source, Status};
use super::suppressed::suppressed;
use super::{LIMITS, START, Verb, apply, request};
use crate::clock::Timestamp;

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
        let mut call = transition::initiate(request(), reach, Source::Rest, LIMITS, START).call;
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
