//! Call transitions: the table of contract section 3, one function per row.
//!
//! A transition takes the call, the actor and the time, and returns the complete effect as data: the changed call, the
//! timeline entry, the notices and the history entries. It has no side effects.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

use super::actor::{Actor, Cause, Principal, Source};
use super::effect::{Entry, Recipients, Transition, advance, effect, entry, entry_by, finish};
use super::error::{Action, CallError};
use super::notice::{Audience, Event, Invitation, MissedCall, Notice};
use super::state::{Call, CallId, CallType, ChannelId, RejectReason, State, Status};

/// Call as the caller requests it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRequest {
    /// Id of the call.
    pub id: CallId,
    /// The caller, as the callee will see it.
    pub caller: Profile,
    /// The callee.
    pub callee: UserId,
    /// Voice or video.
    pub call_type: CallType,
    /// The media channel.
    pub channel: ChannelId,
}

/// Availability of the callee's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalleeAvailability {
    /// At least one session is connected.
    Connected,
    /// No session is connected.
    Absent,
    /// No session may ring: the callee has blocked the caller.
    Blocked,
    /// No session may ring: the callee has set do not disturb.
    DoNotDisturb,
}

/// Time limits of calls (contract section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Ring timeout.
    pub ring_timeout: Duration,
    /// Maximum duration after the answer, if limited.
    pub max_call_duration: Option<Duration>,
}

/// Status that a participant may set (specification, "Update Call Status").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Accept it.
    Connecting,
    /// Report that media flows.
    Active,
    /// End it.
    Ended,
}

/// Creates a call. It rings if the callee can be reached. If the callee has blocked the caller or has set do not
/// disturb, the caller sees the same as for an offline callee, until the call is missed.
#[must_use]
pub fn initiate(
    request: CallRequest,
    reach: CalleeAvailability,
    via: Source,
    limits: Limits,
    now: Timestamp,
) -> Transition {
    let ring_until = now.plus(limits.ring_timeout);
    let waiting = State::Initiating { ring_until };
    let (state, audience, cause) = match reach {
        CalleeAvailability::Connected => (
            State::Ringing { ring_until },
            Some(Audience::Participant(request.callee.clone())),
            Cause::Initiate,
        ),
        CalleeAvailability::Absent => (waiting, None, Cause::Initiate),
        CalleeAvailability::Blocked => (waiting, None, Cause::CallerBlocked),
        CalleeAvailability::DoNotDisturb => (waiting, None, Cause::DoNotDisturb),
    };
    let actor = Actor::User(request.caller.id.clone());
    let notices = audience
        .map(|audience| Notice {
            audience,
            event: Event::Invitation(Invitation {
                call: request.id,
                channel: request.channel.clone(),
                caller: request.caller.clone(),
                call_type: request.call_type,
            }),
            at: now,
        })
        .into_iter()
        .collect();
    let mut begun = begin(request, state, entry_by(actor, via, cause), notices, now);
    begun.call.suppressed = reach == CalleeAvailability::Blocked;
    begun
}

/// Creates a call that is refused because the callee is in another one: it is final at once. The callee is notified of
/// a missed call.
#[must_use]
pub fn refuse_as_busy(request: CallRequest, via: Source, now: Timestamp) -> Transition {
    let state = State::Rejected {
        reason: RejectReason::Busy,
        ended_at: now,
    };
    let actor = Actor::User(request.caller.id.clone());
    let missed = Notice {
        audience: Audience::Participant(request.callee.clone()),
        event: Event::Missed(MissedCall {
            call: request.id,
            caller: request.caller.clone(),
            call_type: request.call_type,
        }),
        at: now,
    };
    let entry = entry_by(actor, via, Cause::UserBusy);
    begin(request, state, entry, vec![missed], now)
}

/// Starts ringing when a device of the callee connects while the call waits for one. The code that connects the session
/// also invites it.
///
/// # Errors
/// [`CallError::InvalidStatus`] unless the call is INITIATING, and not suppressed.
pub fn ring(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    let entry = entry_by(Actor::System, Source::Socket, Cause::CalleeConnected);
    begin_ringing(call, entry, now)
}

/// Starts ringing when the callee is available again and a session is connected. The code that knows the caller adds
/// the invitation.
///
/// # Errors
/// As [`ring()`].
pub fn ring_on_availability(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    let actor = Actor::User(call.callee.clone());
    let entry = entry_by(actor, Source::Rest, Cause::CalleeAvailable);
    begin_ringing(call, entry, now)
}

/// Starts ringing when the callee's device, woken by a push and not connected yet, reports that it rings; returns none
/// if the call rings already.
///
/// # Errors
/// [`CallError::NotTheCallee`], or [`CallError::InvalidStatus`] unless the call is INITIATING or RINGING.
pub fn ring_by_callee(
    call: &Call,
    principal: &Principal,
    now: Timestamp,
) -> Result<Option<Transition>, CallError> {
    only_the_callee(call, principal)?;
    if call.status() == Status::Ringing {
        return Ok(None);
    }
    begin_ringing(call, entry(principal, Cause::CalleeRings), now).map(Some)
}

/// Starts ringing when a webhook endpoint has woken the callee's device by a push.
///
/// # Errors
/// As [`ring()`].
pub fn ring_by_push(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    let entry = entry_by(Actor::System, Source::Webhook, Cause::PushDelivered);
    begin_ringing(call, entry, now)
}

/// Accepts the call for the callee.
///
/// # Errors
/// [`CallError::NotTheCallee`], or [`CallError::InvalidStatus`] unless the call is INITIATING or RINGING.
pub fn accept(
    call: &Call,
    principal: &Principal,
    limits: Limits,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_the_callee(call, principal)?;
    only_unanswered(call, Action::Accept)?;
    let started_at = now.max(call.updated_at);
    let state = State::Connecting {
        started_at,
        max_duration_at: limits
            .max_call_duration
            .map(|longest| started_at.plus(longest)),
    };
    let event = Event::Accepted {
        call: call.id,
        accepted_by: principal.user.clone(),
    };
    let answer = advance(
        call,
        state,
        entry(principal, Cause::Accept),
        Some((Recipients::Others(principal), event)),
        now,
    );
    Ok(Transition {
        answered_with: Some(principal.session.clone()),
        ..answer
    })
}

/// Rejects the call for the callee.
///
/// # Errors
/// As [`accept`].
pub fn reject(
    call: &Call,
    principal: &Principal,
    reason: RejectReason,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_the_callee(call, principal)?;
    only_unanswered(call, Action::Reject)?;
    let state = State::Rejected {
        reason,
        ended_at: now.max(call.updated_at),
    };
    let event = Event::Rejected {
        call: call.id,
        rejected_by: principal.user.clone(),
        reason,
    };
    Ok(advance(
        call,
        state,
        entry(principal, Cause::Reject),
        Some((Recipients::Others(principal), event)),
        now,
    ))
}

/// Value of `duration_seconds` that no call can have: it represents every value of a client that is not a duration.
pub const IMPOSSIBLE_DURATION: u32 = u32::MAX;

/// Ends the call for a participant, or cancels it before an answer. `duration_seconds` is what the client measured. If
/// it is absent or impossible, the server counts from the answer.
///
/// # Errors
/// [`CallError::NotAParticipant`], or [`CallError::InvalidStatus`] if the call is final.
pub fn end(
    call: &Call,
    principal: &Principal,
    duration_seconds: Option<u32>,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_a_participant(call, principal)?;
    let ended_by = Actor::User(principal.user.clone());
    finish(
        call,
        ended_by,
        duration_seconds,
        entry(principal, Cause::End),
        Recipients::Others(principal),
        now,
    )
}

/// Sets the status for a participant; returns none if the call has it already.
///
/// # Errors
/// [`CallError::NotAParticipant`]; then as [`accept`] for CONNECTING and [`end`] for ENDED; for ACTIVE
/// [`CallError::InvalidStatus`] unless the call is CONNECTING or ACTIVE.
pub fn set_status(
    call: &Call,
    principal: &Principal,
    target: Target,
    limits: Limits,
    now: Timestamp,
) -> Result<Option<Transition>, CallError> {
    match target {
        Target::Connecting => {
            only_a_participant(call, principal)?;
            only_the_callee(call, principal)?;
            match call.state {
                State::Connecting { .. } => Ok(None),
                State::Initiating { .. }
                | State::Ringing { .. }
                | State::Active { .. }
                | State::Ended { .. }
                | State::Rejected { .. }
                | State::Missed { .. } => accept(call, principal, limits, now).map(Some),
            }
        }
        Target::Active => {
            only_a_participant(call, principal)?;
            match call.state {
                State::Active { .. } => Ok(None),
                State::Connecting {
                    started_at,
                    max_duration_at,
                } => {
                    let state = State::Active {
                        started_at,
                        max_duration_at,
                    };
                    Ok(Some(advance(
                        call,
                        state,
                        entry(principal, Cause::Activate),
                        None,
                        now,
                    )))
                }
                State::Initiating { .. }
                | State::Ringing { .. }
                | State::Ended { .. }
                | State::Rejected { .. }
                | State::Missed { .. } => {
                    Err(CallError::invalid_status(Action::Activate, call.status()))
                }
            }
        }
        Target::Ended => end(call, principal, None, now).map(Some),
    }
}

/// Marks an unanswered call as missed at its ring timeout.
///
/// # Errors
/// [`CallError::InvalidStatus`] if the call was answered or is final.
pub fn ring_timeout(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    only_unanswered(call, Action::Miss)?;
    let state = State::Missed {
        ended_at: now.max(call.updated_at),
    };
    let event = Event::TimedOut { call: call.id };
    let entry = entry_by(Actor::System, Source::Server, Cause::RingTimeout);
    Ok(advance(
        call,
        state,
        entry,
        Some((Recipients::Both, event)),
        now,
    ))
}

/// Ends the call at its maximum duration.
///
/// # Errors
/// [`CallError::InvalidStatus`] unless the call was answered and is live.
pub fn duration_exceeded(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    only_answered(call)?;
    let entry = entry_by(Actor::System, Source::Server, Cause::MaxDuration);
    finish(call, Actor::System, None, entry, Recipients::Both, now)
}

/// Ends the call because a participant's last session has been disconnected for too long.
///
/// # Errors
/// [`CallError::InvalidStatus`] unless the call was answered and is live.
pub fn participant_lost(
    call: &Call,
    gone: &UserId,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_answered(call)?;
    let entry = entry_by(Actor::System, Source::Server, Cause::ParticipantGone);
    finish(
        call,
        Actor::User(gone.clone()),
        None,
        entry,
        Recipients::Only(call.other(gone)),
        now,
    )
}

/// Ends the call for the administrator.
///
/// # Errors
/// [`CallError::InvalidStatus`] if the call is final.
pub fn end_by_admin(call: &Call, via: Source, now: Timestamp) -> Result<Transition, CallError> {
    let entry = entry_by(Actor::System, via, Cause::End);
    finish(call, Actor::System, None, entry, Recipients::Both, now)
}

fn begin(
    request: CallRequest,
    state: State,
    entry: Entry,
    notices: Vec<Notice>,
    now: Timestamp,
) -> Transition {
    let call = Call {
        id: request.id,
        caller: request.caller.id,
        callee: request.callee,
        call_type: request.call_type,
        channel: request.channel,
        suppressed: false,
        created_at: now,
        updated_at: now,
        state,
    };
    effect(None, call, entry, notices)
}

/// Starts ringing for a call that waited for a device of the callee. No notice is sent: the callee was not connected.
fn begin_ringing(call: &Call, entry: Entry, now: Timestamp) -> Result<Transition, CallError> {
    let State::Initiating { ring_until } = call.state else {
        return Err(CallError::invalid_status(Action::Ring, call.status()));
    };
    if call.suppressed {
        return Err(CallError::invalid_status(Action::Ring, call.status()));
    }
    Ok(advance(
        call,
        State::Ringing { ring_until },
        entry,
        None,
        now,
    ))
}

fn only_a_participant(call: &Call, principal: &Principal) -> Result<(), CallError> {
    if call.has_participant(&principal.user) {
        Ok(())
    } else {
        Err(CallError::NotAParticipant)
    }
}

/// Returns the refusal that a stranger and the caller both get (specification, Example 4).
fn only_the_callee(call: &Call, principal: &Principal) -> Result<(), CallError> {
    if call.is_for(&principal.user) {
        Ok(())
    } else {
        Err(CallError::NotTheCallee)
    }
}

fn only_unanswered(call: &Call, action: Action) -> Result<(), CallError> {
    match call.status() {
        Status::Initiating | Status::Ringing => Ok(()),
        Status::Connecting | Status::Active | Status::Ended | Status::Rejected | Status::Missed => {
            Err(CallError::invalid_status(action, call.status()))
        }
    }
}

fn only_answered(call: &Call) -> Result<(), CallError> {
    match call.status() {
        Status::Connecting | Status::Active => Ok(()),
        Status::Initiating
        | Status::Ringing
        | Status::Ended
        | Status::Rejected
        | Status::Missed => Err(CallError::invalid_status(Action::End, call.status())),
    }
}
