//! A [`Post`] as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::notice_json::NoticeItem;
use super::{NodeKey, Post};
use crate::call::{CallId, ChannelId, Notice};
use crate::clock::Timestamp;
use crate::store::enum_codes::{Code, encode};
use crate::store::live_calls::Answered;
use crate::user::{SessionId, UserId};
use crate::webhook_model::EventType;

/// Why a post cannot be read: another version of the program has written it.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum PostError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("impossible {0}")]
    Value(&'static str),
}

impl Post {
    /// Returns `posts` as JSON.
    pub(in crate::store) fn text_of(posts: &[Self]) -> String {
        let items: Vec<Item> = posts.iter().map(Item::from).collect();
        serde_json::to_string(&items).expect("texts and numbers are JSON")
    }

    /// Reads posts from JSON. One of a kind that this version of the program does not know is an error of its own.
    pub(in crate::store) fn all_of(text: &str) -> Result<Vec<Result<Self, PostError>>, PostError> {
        if let Ok(items) = serde_json::from_str::<Vec<Item>>(text) {
            return Ok(items.into_iter().map(Self::try_from).collect());
        }
        let items: Vec<Value> = serde_json::from_str(text)?;
        let read = |item| Self::try_from(serde_json::from_value::<Item>(item)?);
        Ok(items.into_iter().map(read).collect())
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
    Owed(String, String, Vec<NoticeItem>, Vec<NodeKey>),
    Confirmed(Option<NodeKey>, String, String, i64),
    CallChanged(Option<i64>, i64, Option<(String, i64, String)>),
    AccountsChanged(Vec<String>),
    Barred(String),
    EndpointsChanged(Vec<String>),
    WebhooksWaiting,
}

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
                awaited,
            } => {
                let notices = notices.iter().map(NoticeItem::from).collect();
                Self::Owed(text(user), text(session), notices, awaited.clone())
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
            Post::EndpointsChanged(wanted) => {
                Self::EndpointsChanged(wanted.iter().map(|one| one.as_str().to_owned()).collect())
            }
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
            Item::Owed(id, session, notices, awaited) => Self::Owed {
                user: user(&id)?,
                session: SessionId::new(&session),
                notices: notices
                    .into_iter()
                    .map(Notice::try_from)
                    .collect::<Result<_, _>>()?,
                awaited,
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
            Item::EndpointsChanged(wanted) => {
                // Skips the types of later versions: this one has no events of them.
                let wanted = wanted.iter().filter_map(|word| EventType::parse(word));
                Self::EndpointsChanged(wanted.collect())
            }
            Item::WebhooksWaiting => Self::WebhooksWaiting,
        })
    }
}

pub(super) fn text(id: &impl ToString) -> String {
    id.to_string()
}

pub(super) fn user(id: &str) -> Result<UserId, PostError> {
    UserId::parse(id).ok_or(PostError::Value("user id"))
}

pub(super) fn call(id: &str) -> Result<CallId, PostError> {
    let id = Uuid::parse_str(id).map_err(|_| PostError::Value("call id"))?;
    Ok(CallId::from_uuid(id))
}

pub(super) fn decode<T: Code>(code: i64, what: &'static str) -> Result<T, PostError> {
    T::from_code(code).ok_or(PostError::Value(what))
}
