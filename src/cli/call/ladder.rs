//! Ladder diagram of a call's timeline, from top to bottom.
//!
//! ```text
//!                      alice              server               bob
//!                      caller                                 callee
//! 10:30:00.123           │──── initiate ────▶│─── invitation ──▶│  RINGING     rest
//! 10:30:04.323   +4.2s   │◀─── accepted ─────│◀──── accept ─────│  CONNECTING  websocket
//! ```

use chattrix::call::{Cause, Status};
use chattrix::user::UserId;
use chattrix::wire::call_report::{CallRecord, Step};
use chrono::{DateTime, Utc};

use super::super::format;
use super::super::output::{self, Tint};

/// What stands beside the two spaces between the posts: time, its distance, status and way.
const BESIDE: usize = 12 + 9 + 2 + 3 + 2 + 10 + 2 + 9;

/// The narrowest space between two posts: every label fits, without its `call_`.
const NARROW: usize = 16;
/// From here on they fit as they are: `call_invitation`, a dash and a blank on both sides, and a head.
const FULL_LABELS: usize = 20;
/// The widest: more is only longer lines to follow.
const WIDE: usize = 23;

/// What goes between two posts in one step.
enum Span {
    Nothing,
    /// An arrow to the right or to the left.
    Arrow(Way, &'static str),
    /// Words alone.
    Note(&'static str),
}

#[derive(Clone, Copy)]
enum Way {
    Right,
    Left,
}

/// The lines of the ladder, at most `width` columns wide where that is wide enough for it.
pub fn draw(call: &CallRecord, timeline: &[Step], width: usize) -> Vec<String> {
    let space = (width.saturating_sub(BESIDE) / 2).clamp(NARROW, WIDE);
    let mut lines = vec![
        heads(
            [call.caller.as_str(), "server", call.callee.as_str()],
            space,
        ),
        heads(["caller", "", "callee"], space),
    ];
    let is_suppressed = timeline
        .iter()
        .any(|entry| entry.cause == Cause::CallerBlocked);
    let mut before = None;
    for entry in timeline {
        let (left, mut right) = spans(call, entry);
        if is_suppressed && entry.cause != Cause::CallerBlocked {
            right = Span::Nothing;
        }
        let since = before.map(|before| format!("+{}", format::duration(entry.at.since(before))));
        before = Some(entry.at);
        let line = format!(
            "{}{:>9}  │{}│{}│  {}  {}",
            DateTime::<Utc>::from(entry.at).format("%H:%M:%S%.3f"),
            since.unwrap_or_default(),
            span(&left, space),
            span(&right, space),
            output::tinted(&format!("{:10}", entry.status), Tint::of(entry.status)),
            entry.via,
        );
        lines.push(line);
    }
    lines
}

/// What a step sends on both sides of the server: to its left the caller, to its right the callee.
fn spans(call: &CallRecord, entry: &Step) -> (Span, Span) {
    use Span::{Arrow, Note, Nothing};
    use Way::{Left, Right};

    match entry.cause {
        Cause::Initiate => {
            let rings = if entry.status == Status::Ringing {
                Arrow(Right, "call_invitation")
            } else {
                Note("not connected")
            };
            (Arrow(Right, "initiate"), rings)
        }
        Cause::UserBusy => (Arrow(Right, "initiate"), Note("in another call")),
        Cause::CallerBlocked => (Arrow(Right, "initiate"), Note("caller blocked")),
        Cause::DoNotDisturb => (Arrow(Right, "initiate"), Note("do not disturb")),
        Cause::CalleeAvailable => (Nothing, Arrow(Right, "call_invitation")),
        Cause::CalleeConnected => (Nothing, Arrow(Left, "connect")),
        Cause::CalleeRings => (Nothing, Arrow(Left, "ringing")),
        Cause::PushDelivered => (Nothing, Note("push delivered")),
        Cause::Accept => (Arrow(Left, "call_accepted"), Arrow(Left, "accept")),
        Cause::Reject => (Arrow(Left, "call_rejected"), Arrow(Left, "reject")),
        Cause::Activate if is_by(entry, &call.caller) => (Arrow(Right, "active"), Nothing),
        Cause::Activate => (Nothing, Arrow(Left, "active")),
        Cause::End if is_by(entry, &call.caller) => {
            (Arrow(Right, "end"), Arrow(Right, "call_ended"))
        }
        Cause::End if is_by(entry, &call.callee) => (Arrow(Left, "call_ended"), Arrow(Left, "end")),
        Cause::End | Cause::MaxDuration => (Arrow(Left, "call_ended"), Arrow(Right, "call_ended")),
        Cause::RingTimeout => (Arrow(Left, "call_timeout"), Arrow(Right, "call_timeout")),
        Cause::ParticipantGone if is_gone(call, &call.caller) => {
            (Note("disconnected"), Arrow(Right, "call_ended"))
        }
        Cause::ParticipantGone => (Arrow(Left, "call_ended"), Note("disconnected")),
    }
}

fn is_by(entry: &Step, user: &UserId) -> bool {
    entry.actor == user.as_str()
}

/// Whether `user` is the one whose absence ended the call.
fn is_gone(call: &CallRecord, user: &UserId) -> bool {
    call.ended_by.as_deref() == Some(user.as_str())
}

fn span(span: &Span, space: usize) -> String {
    match span {
        Span::Nothing => " ".repeat(space),
        Span::Note(words) => format!("{words:^space$}"),
        Span::Arrow(way, label) => {
            let label = if space < FULL_LABELS {
                label.trim_start_matches("call_")
            } else {
                label
            };
            let shaft = format!("{:─^1$}", format!(" {label} "), space - 1);
            match way {
                Way::Right => shaft + "▶",
                Way::Left => format!("◀{shaft}"),
            }
        }
    }
}

/// Names, each in the middle above its post.
fn heads(names: [&str; 3], space: usize) -> String {
    let indent = BESIDE - (3 + 2 + 10 + 2 + 9) - space / 2;
    let heads = names.map(|name| {
        let cut: String = if name.len() > space - 1 {
            format!("{}…", &name[..space - 2])
        } else {
            name.to_owned()
        };
        format!("{cut:^width$}", width = space + 1)
    });
    let line = format!("{:indent$}{}", "", heads.concat());
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chattrix::call::transition::{self, CallRequest, CalleeAvailability, Limits};
    use chattrix::call::{
        Call, CallId, CallType, ChannelId, Principal, QualitySummary, Source, TimelineEntry,
        Transition,
    };
    use chattrix::clock::Timestamp;
    use chattrix::user::{Profile, SessionId};
    use chattrix::wire::admin::{self, CallRecords};
    use chattrix::wire::call_report::CallReport;

    use super::*;

    const LIMITS: Limits = Limits {
        ring_timeout: Duration::from_mins(1),
        max_call_duration: Some(Duration::from_hours(4)),
    };

    fn principal(user: &str, via: Source) -> Principal {
        Principal {
            user: UserId::parse(user).expect("an id"),
            session: SessionId::new("phone"),
            via,
        }
    }

    /// Draws a call as `call show` gets it.
    fn drawn(call: &Call, timeline: &[TimelineEntry], width: usize) -> Vec<String> {
        let records = CallRecords {
            timeline,
            quality: &[QualitySummary::default(); 2],
            delivery: &[],
        };
        let json = admin::call_with_timeline(call, records);
        let CallReport { call, timeline, .. } = CallReport::read(&json).expect("a call");
        draw(&call, &timeline, width)
    }

    fn rung(callee: &str) -> Transition {
        initiated(callee, CalleeAvailability::Connected)
    }

    fn initiated(callee: &str, reach: CalleeAvailability) -> Transition {
        let request = CallRequest {
            id: CallId::from_uuid(uuid::Uuid::nil()),
            caller: Profile {
                id: UserId::parse("alice").expect("an id"),
                name: "Alice".to_owned(),
                avatar: None,
            },
            callee: UserId::parse(callee).expect("an id"),
            call_type: CallType::Audio,
            channel: ChannelId::parse("c").expect("a channel"),
        };
        let now = Timestamp::parse("2024-01-15T10:30:00.123Z").expect("an instant");
        transition::initiate(request, reach, Source::Rest, LIMITS, now)
    }

    #[test]
    fn a_call_reads_from_top_to_bottom() {
        let rung = rung("bob");
        let at = |seconds| rung.call.created_at.plus(Duration::from_millis(seconds));
        let callee = principal("bob", Source::Socket);
        let taken = transition::accept(&rung.call, &callee, LIMITS, at(4_200)).expect("rings");
        let ended = transition::end(
            &taken.call,
            &principal("alice", Source::Rest),
            None,
            at(129_200),
        )
        .expect("live");
        let timeline = [rung.entry, taken.entry, ended.entry];
        let drawn = drawn(&ended.call, &timeline, 80).join("\n");
        assert_eq!(
            format!("\n{drawn}"),
            "
                     alice           server             bob
                    caller                            callee
10:30:00.123           │── initiate ───▶│─ invitation ──▶│  RINGING     rest
10:30:04.323    +4.2s  │◀── accepted ───│◀─── accept ────│  CONNECTING  websocket
10:32:09.323   +2m 5s  │───── end ─────▶│──── ended ────▶│  ENDED       rest"
        );
    }

    #[test]
    fn what_the_server_does_by_itself_goes_both_ways() {
        let rung = rung("bob");
        let later = rung.call.created_at.plus(Duration::from_mins(1));
        let missed = transition::ring_timeout(&rung.call, later).expect("rings");
        let drawn = drawn(&missed.call, &[missed.entry], 200);
        assert_eq!(
            drawn[2],
            "10:31:00.123           │◀──── call_timeout ────│──── call_timeout ────▶│  MISSED      server"
        );
    }

    #[test]
    fn nothing_reaches_a_callee_who_has_blocked_the_caller() {
        let suppressed = initiated("bob", CalleeAvailability::Blocked);
        let later = suppressed.call.created_at.plus(Duration::from_mins(1));
        let missed = transition::ring_timeout(&suppressed.call, later).expect("waits");
        let drawn = drawn(&missed.call, &[suppressed.entry, missed.entry], 80).join("\n");
        assert_eq!(
            format!("\n{drawn}"),
            "
                     alice           server             bob
                    caller                            callee
10:30:00.123           │── initiate ───▶│ caller blocked │  INITIATING  rest
10:31:00.123      +1m  │◀─── timeout ───│                │  MISSED      server"
        );
    }

    #[test]
    fn a_long_name_is_cut_to_its_place() {
        let rung = rung(&"x".repeat(64));
        let drawn = drawn(&rung.call, &[rung.entry], 80);
        assert!(drawn[0].ends_with(" xxxxxxxxxxxxxx…"), "{}", drawn[0]);
        assert!(drawn.iter().all(|line| line.chars().count() <= 80));
    }
}
