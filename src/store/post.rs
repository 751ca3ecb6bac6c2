//! Posts: what a transaction of a node has changed that the other nodes must know. On PostgreSQL alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::call::notice::{Invitation, MissedCall};
use crate::call::{
    Actor, AppEvent, AppMessage, Audience, CallId, ChannelId, Event, Notice, Signal, SignalEvent,
    Status,
};
use crate::clock::Timestamp;
use crate::user::{Profile, SessionId, UserId};

use super::enum_codes::{Code, encode};
use super::live_calls::Answered;

/// Key of a node in the table `nodes`.
pub type NodeKey = i64;

/// Part of a post: one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// The node has joined.
    NodeJoined,
    /// The node has left in order: its sessions are gone.
    NodeLeft,
    /// This node is dead: its sessions are gone.
    NodeRemoved(NodeKey),
    /// A session has connected to the node.
    Entered {
        /// Its user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
    /// A session of the node has disconnected, and may return.
    Left {
        /// Its user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
    /// A session of the node counts as connected from now, or no longer: whether it confirms what it is sent.
    Responsive {
        /// Its user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// Whether it does.
        is_responsive: bool,
    },
    /// The user has too many sessions: this one, of another node, gives way.
    Surplus {
        /// Its user.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// Sessions of a user are closed by request: this one, or all.
    Close {
        /// The user.
        user: UserId,
        /// The session.
        session: Option<SessionId>,
        /// Whether the client is to connect again.
        reconnects: bool,
    },
    /// An event for the sessions of a user.
    Event {
        /// The event.
        notice: Notice,
        /// Its row in `kept_notices`, if it is stored.
        row: Option<i64>,
        /// The only session that receives it, if not all do.
        only: Option<SessionId>,
    },
    /// Events that a session, which has moved to another node, has not confirmed.
    Owed {
        /// Its user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// The events, in their order.
        notices: Vec<Notice>,
    },
    /// A session has confirmed an event of the team's backend that another node has sent.
    Confirmed {
        /// That node.
        origin: NodeKey,
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// The time of the event.
        at: Timestamp,
    },
    /// A call has changed its status.
    CallChanged {
        /// The status before; none of a new call.
        from: Option<Status>,
        /// The status now.
        to: Status,
        /// Its channel, if it was answered.
        answered: Option<Answered>,
    },
    /// Accounts have changed: what is known of them is to be read again.
    AccountsChanged(Vec<UserId>),
    /// This user may no longer sign in.
    Barred(UserId),
    /// Webhook endpoints were made, changed or deleted.
    EndpointsChanged,
    /// There is something new for webhook endpoints.
    WebhooksWaiting,
}

/// Why a post cannot be read: another version of the program has written it.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("impossible {0}")]
    Value(&'static str),
}

impl Post {
    /// Returns `posts` as JSON.
    pub(super) fn text_of(posts: &[Self]) -> String {
        let items: Vec<Item> = posts.iter().map(Item::from).collect();
        serde_json::to_string(&items).expect("texts and numbers are JSON")
    }

    /// Reads posts from JSON.
    pub(super) fn all_of(text: &str) -> Result<Vec<Self>, PostError> {
        let items: Vec<Item> = serde_json::from_str(text)?;
        items.into_iter().map(Self::try_from).collect()
    }
}

/// A [`Post`] as JSON: ids and words as texts, instants in milliseconds, enumerations as their codes.
#[derive(Serialize, Deserialize)]
enum Item {
    NodeJoined,
    NodeLeft,
    NodeRemoved(NodeKey),
    Entered(String, String, i64),
    Left(String, String, i64),
    Responsive(String, String, bool),
    Surplus(String, String),
    Close(String, Option<String>, bool),
    Event(NoticeItem, Option<i64>, Option<String>),
    Owed(String, String, Vec<NoticeItem>),
    Confirmed(NodeKey, String, String, i64),
    CallChanged(Option<i64>, i64, Option<(String, i64, String)>),
    AccountsChanged(Vec<String>),
    Barred(String),
    EndpointsChanged,
    WebhooksWaiting,
}

#[derive(Serialize, Deserialize)]
struct NoticeItem {
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

impl From<&Post> for Item {
    fn from(post: &Post) -> Self {
        match post {
            Post::NodeJoined => Self::NodeJoined,
            Post::NodeLeft => Self::NodeLeft,
            Post::NodeRemoved(node) => Self::NodeRemoved(*node),
            Post::Entered { user, session, at } => {
                Self::Entered(text(user), text(session), at.as_millis())
            }
            Post::Left { user, session, at } => {
                Self::Left(text(user), text(session), at.as_millis())
            }
            Post::Responsive {
                user,
                session,
                is_responsive,
            } => Self::Responsive(text(user), text(session), *is_responsive),
            Post::Surplus { user, session } => Self::Surplus(text(user), text(session)),
            Post::Close {
                user,
                session,
                reconnects,
            } => Self::Close(text(user), session.as_ref().map(text), *reconnects),
            Post::Event { notice, row, only } => {
                Self::Event(notice.into(), *row, only.as_ref().map(text))
            }
            Post::Owed {
                user,
                session,
                notices,
            } => {
                let notices = notices.iter().map(NoticeItem::from);
                Self::Owed(text(user), text(session), notices.collect())
            }
            Post::Confirmed {
                origin,
                user,
                session,
                at,
            } => Self::Confirmed(*origin, text(user), text(session), at.as_millis()),
            Post::CallChanged { from, to, answered } => Self::CallChanged(
                from.map(encode),
                encode(*to),
                answered.as_ref().map(|one| {
                    let Answered { channel, at, call } = one;
                    (channel.as_str().to_owned(), at.as_millis(), text(call))
                }),
            ),
            Post::AccountsChanged(users) => Self::AccountsChanged(users.iter().map(text).collect()),
            Post::Barred(user) => Self::Barred(text(user)),
            Post::EndpointsChanged => Self::EndpointsChanged,
            Post::WebhooksWaiting => Self::WebhooksWaiting,
        }
    }
}

impl TryFrom<Item> for Post {
    type Error = PostError;

    fn try_from(item: Item) -> Result<Self, PostError> {
        let at = Timestamp::from_millis;
        Ok(match item {
            Item::NodeJoined => Self::NodeJoined,
            Item::NodeLeft => Self::NodeLeft,
            Item::NodeRemoved(node) => Self::NodeRemoved(node),
            Item::Entered(id, session, millis) => Self::Entered {
                user: user(&id)?,
                session: SessionId::new(&session),
                at: at(millis),
            },
            Item::Left(id, session, millis) => Self::Left {
                user: user(&id)?,
                session: SessionId::new(&session),
                at: at(millis),
            },
            Item::Responsive(id, session, is_responsive) => Self::Responsive {
                user: user(&id)?,
                session: SessionId::new(&session),
                is_responsive,
            },
            Item::Surplus(id, session) => Self::Surplus {
                user: user(&id)?,
                session: SessionId::new(&session),
            },
            Item::Close(id, session, reconnects) => Self::Close {
                user: user(&id)?,
                session: session.as_deref().map(SessionId::new),
                reconnects,
            },
            Item::Event(notice, row, only) => Self::Event {
                notice: notice.try_into()?,
                row,
                only: only.as_deref().map(SessionId::new),
            },
            Item::Owed(id, session, notices) => Self::Owed {
                user: user(&id)?,
                session: SessionId::new(&session),
                notices: notices
                    .into_iter()
                    .map(Notice::try_from)
                    .collect::<Result<_, _>>()?,
            },
            Item::Confirmed(origin, id, session, millis) => Self::Confirmed {
                origin,
                user: user(&id)?,
                session: SessionId::new(&session),
                at: at(millis),
            },
            Item::CallChanged(from, to, answered) => Self::CallChanged {
                from: from.map(|code| decode(code, "status")).transpose()?,
                to: decode(to, "status")?,
                answered: answered
                    .map(|(channel, millis, id)| {
                        Ok::<_, PostError>(Answered {
                            channel: ChannelId::parse(&channel)
                                .ok_or(PostError::Value("channel"))?,
                            at: at(millis),
                            call: call(&id)?,
                        })
                    })
                    .transpose()?,
            },
            Item::AccountsChanged(ids) => {
                let users = ids.iter().map(|id| user(id));
                Self::AccountsChanged(users.collect::<Result<_, _>>()?)
            }
            Item::Barred(id) => Self::Barred(user(&id)?),
            Item::EndpointsChanged => Self::EndpointsChanged,
            Item::WebhooksWaiting => Self::WebhooksWaiting,
        })
    }
}

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

fn text(id: &impl ToString) -> String {
    id.to_string()
}

fn user(id: &str) -> Result<UserId, PostError> {
    UserId::parse(id).ok_or(PostError::Value("user id"))
}

fn call(id: &str) -> Result<CallId, PostError> {
    let id = Uuid::parse_str(id).map_err(|_| PostError::Value("call id"))?;
    Ok(CallId::from_uuid(id))
}

fn decode<T: Code>(code: i64, what: &'static str) -> Result<T, PostError> {
    T::from_code(code).ok_or(PostError::Value(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallType, NetworkQuality, RejectReason};

    #[test]
    #[expect(clippy::too_many_lines, reason = "one value of each kind of post")]
    fn posts_are_read_as_they_were_written() {
        let [alice, bob] = ["alice", "bob"].map(|id| UserId::parse(id).expect("an id"));
        let call = CallId::from_uuid(Uuid::from_u128(7));
        let at = Timestamp::from_millis(1_705_314_600_123);
        let session = SessionId::new("a \"phone\"\n");
        let channel = ChannelId::parse("media").expect("a channel");
        let caller = Profile {
            id: alice.clone(),
            name: "Ａlice".to_owned(),
            avatar: Some("https://example.com/a.png".to_owned()),
        };
        let events = [
            Event::Invitation(Invitation {
                call,
                channel: channel.clone(),
                caller: caller.clone(),
                call_type: CallType::Video,
            }),
            Event::Accepted {
                call,
                accepted_by: bob.clone(),
            },
            Event::Rejected {
                call,
                rejected_by: bob.clone(),
                reason: RejectReason::Declined,
            },
            Event::Ended {
                call,
                ended_by: Actor::System,
                duration_seconds: 3,
            },
            Event::Ended {
                call,
                ended_by: Actor::User(alice.clone()),
                duration_seconds: 0,
            },
            Event::TimedOut { call },
            Event::Missed(MissedCall {
                call,
                caller,
                call_type: CallType::Audio,
            }),
            Event::QualityWarning {
                call,
                quality: NetworkQuality::Bad,
            },
            Event::Signal(SignalEvent {
                call,
                from: alice.clone(),
                signal: Signal::of_json("{\"type\": \"offer\"}").expect("short"),
            }),
            Event::App(AppEvent {
                message: AppMessage::new("app.chat", "[1, \"ä\"]").expect("a type"),
                kept_for: Some(Duration::from_mins(1)),
            }),
        ];
        let notices = events.map(|event| Notice {
            audience: Audience::Participant(bob.clone()),
            event,
            at,
        });
        let own = Notice {
            audience: Audience::OtherSessions {
                user: bob.clone(),
                acted: session.clone(),
            },
            ..notices[1].clone()
        };
        let (user, id) = (bob.clone(), session.clone());
        let posts = vec![
            Post::NodeJoined,
            Post::NodeLeft,
            Post::NodeRemoved(3),
            Post::Entered {
                user: user.clone(),
                session: id.clone(),
                at,
            },
            Post::Left {
                user: user.clone(),
                session: id.clone(),
                at,
            },
            Post::Responsive {
                user: user.clone(),
                session: id.clone(),
                is_responsive: false,
            },
            Post::Surplus {
                user: user.clone(),
                session: id.clone(),
            },
            Post::Close {
                user: user.clone(),
                session: None,
                reconnects: true,
            },
            Post::Event {
                notice: own,
                row: Some(9),
                only: Some(id.clone()),
            },
            Post::Confirmed {
                origin: 4,
                user: user.clone(),
                session: id.clone(),
                at,
            },
            Post::Owed {
                user,
                session: id,
                notices: notices.to_vec(),
            },
            Post::CallChanged {
                from: Some(Status::Ringing),
                to: Status::Connecting,
                answered: Some(Answered { channel, at, call }),
            },
            Post::Barred(alice.clone()),
            Post::AccountsChanged(vec![alice, bob]),
            Post::EndpointsChanged,
            Post::WebhooksWaiting,
        ];
        let read = Post::all_of(&Post::text_of(&posts)).expect("readable");
        assert_eq!(read, posts);
        assert!(Post::all_of("[{\"Unheard\": 1}]").is_err());
    }
}
