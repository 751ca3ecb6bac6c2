//! The steps of a call's timeline as one value: 16 bytes each, in their order.
//!
//! A step is the codes of its status, actor, source and cause, a byte each, its instant in milliseconds, 8 bytes with the
//! most significant first, and the digest of the session that acted, 4 bytes, or 0. One value in the row of the call, where a table of steps would take a row and a
//! statement for each.

use crate::call::{Actor, Call, CallId, TimelineEntry};
use crate::clock::Timestamp;
use crate::user::{SessionDigest, UserId};

use super::enum_codes::{Code, encode, hex};
use super::error::Error;

/// Bytes of a step.
pub(super) const LENGTH: usize = 16;

/// Codes of the actor of a step, also of who ended a call.
pub(super) const SYSTEM: u8 = 0;
pub(super) const CALLER: u8 = 1;
pub(super) const CALLEE: u8 = 2;

/// The participants of a call, who are the actors of its steps.
pub(super) struct Participants {
    pub caller: UserId,
    pub callee: UserId,
}

/// Returns the code of `actor` in `call`.
pub(super) fn actor_code(actor: &Actor, call: &Call) -> u8 {
    match actor {
        Actor::System => SYSTEM,
        Actor::User(user) if *user == call.caller => CALLER,
        Actor::User(_) => CALLEE,
    }
}

/// Returns the bytes of a step of `call`.
pub(super) fn to_bytes(entry: &TimelineEntry, call: &Call) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0] = small(entry.status);
    bytes[1] = actor_code(&entry.actor, call);
    bytes[2] = small(entry.via);
    bytes[3] = small(entry.cause);
    bytes[4..12].copy_from_slice(&entry.at.as_millis().to_be_bytes());
    let session = entry.session.map_or(0, |SessionDigest(digest)| digest);
    bytes[12..].copy_from_slice(&session.to_be_bytes());
    bytes
}

/// Returns the steps of the call `id` that `bytes` hold.
pub(super) fn from_bytes(
    bytes: &[u8],
    id: CallId,
    participants: &Participants,
) -> Result<Vec<TimelineEntry>, Error> {
    let (steps, rest) = bytes.as_chunks::<LENGTH>();
    let entries = steps.iter().map(|step| entry(step, participants));
    let entries: Option<Vec<TimelineEntry>> = entries.collect();
    entries
        .filter(|_| rest.is_empty())
        .ok_or_else(|| Error::Inconsistent {
            table: "calls",
            column: "steps",
            id: id.to_string(),
            found: hex(bytes),
        })
}

fn entry(step: &[u8; LENGTH], participants: &Participants) -> Option<TimelineEntry> {
    let ([status, actor, via, cause], rest) = step.split_first_chunk()?;
    let (at, session) = rest.split_first_chunk()?;
    let session = u32::from_be_bytes(session.try_into().ok()?);
    let actor = match *actor {
        SYSTEM => Actor::System,
        CALLER => Actor::User(participants.caller.clone()),
        CALLEE => Actor::User(participants.callee.clone()),
        _ => return None,
    };
    Some(TimelineEntry {
        at: Timestamp::from_millis(i64::from_be_bytes(*at)),
        status: Code::from_code((*status).into())?,
        actor,
        via: Code::from_code((*via).into())?,
        cause: Code::from_code((*cause).into())?,
        session: (session != 0).then_some(SessionDigest(session)),
    })
}

fn small(value: impl Code) -> u8 {
    u8::try_from(encode(value)).expect("every code is below 256")
}

#[cfg(test)]
mod tests {
    use crate::call::{CallType, Cause, ChannelId, Source, State, Status};

    use super::*;

    fn user(id: &str) -> UserId {
        UserId::parse(id).expect("an id")
    }

    #[test]
    fn steps_are_read_as_they_were_written() {
        let call = Call {
            id: CallId::from_uuid(uuid::Uuid::from_u128(7)),
            caller: user("alice"),
            callee: user("bob"),
            call_type: CallType::Audio,
            channel: ChannelId::parse("room").expect("a channel"),
            suppressed: false,
            created_at: Timestamp::from_millis(1),
            updated_at: Timestamp::from_millis(1),
            state: State::Missed {
                ended_at: Timestamp::from_millis(1),
            },
        };
        let entry = |status, actor, cause, at| TimelineEntry {
            at: Timestamp::from_millis(at),
            status,
            actor,
            via: Source::Socket,
            cause,
            session: matches!(cause, Cause::Accept).then_some(SessionDigest(0x0708_090a)),
        };
        let written = [
            entry(
                Status::Initiating,
                Actor::User(user("alice")),
                Cause::Initiate,
                0x0102_0304_0506,
            ),
            entry(
                Status::Connecting,
                Actor::User(user("bob")),
                Cause::Accept,
                0x0102_0304_0507,
            ),
            entry(Status::Missed, Actor::System, Cause::RingTimeout, -1),
        ];
        let bytes: Vec<u8> = written
            .iter()
            .flat_map(|one| to_bytes(one, &call))
            .collect();
        // Files in the field hold them.
        assert_eq!(
            bytes[..LENGTH],
            [0, 1, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0]
        );
        assert_eq!(bytes[LENGTH..][12..LENGTH], [7, 8, 9, 10]);
        let participants = Participants {
            caller: user("alice"),
            callee: user("bob"),
        };
        let read = from_bytes(&bytes, call.id, &participants).expect("read");
        assert_eq!(read, written);
        for damaged in [&bytes[1..], &[9; LENGTH][..]] {
            let error = from_bytes(damaged, call.id, &participants).expect_err("refused");
            assert!(error.to_string().contains("column steps"), "{error}");
        }
    }
}
