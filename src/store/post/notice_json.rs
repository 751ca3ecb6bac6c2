//! An event as part of a post as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::json::{PostError, call, decode, text, user};
use crate::call::notice::{Invitation, MissedCall};
use crate::call::{
    Actor, AppEvent, AppMessage, Audience, ChannelId, Event, Notice, Signal, SignalEvent,
};
use crate::clock::Timestamp;
use crate::store::enum_codes::encode;
use crate::user::{Profile, SessionId};

#[derive(Serialize, Deserialize)]
pub(super) struct NoticeItem {
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acted: Option<String>,
    at: i64,
    event: EventItem,
}

#[derive(Serialize, Deserialize)]
enum EventItem {
    Invitation(String, String, ProfileItem, i64),
    Accepted(String, String),
    Rejected(String, String, i64),
    Ended(String, Option<String>, u32),
    TimedOut(String),
    Missed(String, ProfileItem, i64),
    QualityWarning(String, i64),
    Signal(String, String, String),
    App(String, String, Option<u64>),
}

#[derive(Serialize, Deserialize)]
struct ProfileItem(String, String, Option<String>);

impl From<&Notice> for NoticeItem {
    fn from(notice: &Notice) -> Self {
        let acted = match &notice.audience {
            Audience::Participant(_) => None,
            Audience::OtherSessions { acted, .. } => Some(text(acted)),
        };
        Self {
            user: text(notice.audience.user()),
            acted,
            at: notice.at.as_millis(),
            event: EventItem::from(&notice.event),
        }
    }
}

impl TryFrom<NoticeItem> for Notice {
    type Error = PostError;

    fn try_from(item: NoticeItem) -> Result<Self, PostError> {
        let user = user(&item.user)?;
        Ok(Self {
            audience: match item.acted {
                None => Audience::Participant(user),
                Some(acted) => Audience::OtherSessions {
                    user,
                    acted: SessionId::new(&acted),
                },
            },
            event: item.event.try_into()?,
            at: Timestamp::from_millis(item.at),
        })
    }
}

impl From<&Event> for EventItem {
    fn from(event: &Event) -> Self {
        match event {
            Event::Invitation(Invitation {
                call,
                channel,
                caller,
                call_type,
            }) => Self::Invitation(
                text(call),
                channel.as_str().to_owned(),
                caller.into(),
                encode(*call_type),
            ),
            Event::Accepted { call, accepted_by } => Self::Accepted(text(call), text(accepted_by)),
            Event::Rejected {
                call,
                rejected_by,
                reason,
            } => Self::Rejected(text(call), text(rejected_by), encode(*reason)),
            Event::Ended {
                call,
                ended_by,
                duration_seconds,
            } => {
                let user = match ended_by {
                    Actor::User(user) => Some(text(user)),
                    Actor::System => None,
                };
                Self::Ended(text(call), user, *duration_seconds)
            }
            Event::TimedOut { call } => Self::TimedOut(text(call)),
            Event::Missed(MissedCall {
                call,
                caller,
                call_type,
            }) => Self::Missed(text(call), caller.into(), encode(*call_type)),
            Event::QualityWarning { call, quality } => {
                Self::QualityWarning(text(call), encode(*quality))
            }
            Event::Signal(SignalEvent { call, from, signal }) => {
                Self::Signal(text(call), text(from), signal.as_json().to_owned())
            }
            Event::App(AppEvent { message, kept_for }) => Self::App(
                message.kind().to_owned(),
                message.data().to_owned(),
                kept_for.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            ),
        }
    }
}

impl TryFrom<EventItem> for Event {
    type Error = PostError;

    fn try_from(item: EventItem) -> Result<Self, PostError> {
        Ok(match item {
            EventItem::Invitation(id, channel, caller, call_type) => Self::Invitation(Invitation {
                call: call(&id)?,
                channel: ChannelId::parse(&channel).ok_or(PostError::Value("channel"))?,
                caller: caller.try_into()?,
                call_type: decode(call_type, "call type")?,
            }),
            EventItem::Accepted(id, by) => Self::Accepted {
                call: call(&id)?,
                accepted_by: user(&by)?,
            },
            EventItem::Rejected(id, by, reason) => Self::Rejected {
                call: call(&id)?,
                rejected_by: user(&by)?,
                reason: decode(reason, "reason")?,
            },
            EventItem::Ended(id, by, duration_seconds) => Self::Ended {
                call: call(&id)?,
                ended_by: match by {
                    Some(by) => Actor::User(user(&by)?),
                    None => Actor::System,
                },
                duration_seconds,
            },
            EventItem::TimedOut(id) => Self::TimedOut { call: call(&id)? },
            EventItem::Missed(id, caller, call_type) => Self::Missed(MissedCall {
                call: call(&id)?,
                caller: caller.try_into()?,
                call_type: decode(call_type, "call type")?,
            }),
            EventItem::QualityWarning(id, quality) => Self::QualityWarning {
                call: call(&id)?,
                quality: decode(quality, "quality")?,
            },
            EventItem::Signal(id, from, signal) => Self::Signal(SignalEvent {
                call: call(&id)?,
                from: user(&from)?,
                signal: Signal::of_json(&signal).ok_or(PostError::Value("signal"))?,
            }),
            EventItem::App(kind, data, kept_for) => Self::App(AppEvent {
                message: AppMessage::new(&kind, &data).ok_or(PostError::Value("type"))?,
                kept_for: kept_for.map(Duration::from_millis),
            }),
        })
    }
}

impl From<&Profile> for ProfileItem {
    fn from(profile: &Profile) -> Self {
        Self(
            text(&profile.id),
            profile.name.clone(),
            profile.avatar.clone(),
        )
    }
}

impl TryFrom<ProfileItem> for Profile {
    type Error = PostError;

    fn try_from(ProfileItem(id, name, avatar): ProfileItem) -> Result<Self, PostError> {
        let id = user(&id)?;
        Ok(Self { id, name, avatar })
    }
}
