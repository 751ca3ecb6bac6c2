//! Posts: what a transaction of a node has changed that the other nodes must know. On PostgreSQL alone.

mod json;
mod notice_json;

use crate::call::{Notice, Status};
use crate::clock::Timestamp;
use crate::user::{SessionId, UserId};
use crate::webhook_model::EventType;

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
        /// Nodes that still owe it some, because it has moved on before they answered.
        awaited: Vec<NodeKey>,
    },
    /// A session has confirmed an event: no other one that connects from now on needs it.
    Confirmed {
        /// The node that waits for confirmations, if the event is one of the team's backend that it has sent.
        origin: Option<NodeKey>,
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
    /// Webhook endpoints were made, changed or deleted: some receive these event types now.
    EndpointsChanged(Vec<EventType>),
    /// There is something new for webhook endpoints.
    WebhooksWaiting,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::call::notice::{Invitation, MissedCall};
    use crate::call::{
        Actor, AppEvent, AppMessage, Audience, CallId, CallType, ChannelId, Event, NetworkQuality,
        RejectReason, Signal, SignalEvent,
    };
    use crate::user::Profile;

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
                origin: Some(4),
                user: user.clone(),
                session: id.clone(),
                at,
            },
            Post::Owed {
                user,
                session: id,
                notices: notices.to_vec(),
                awaited: vec![5],
            },
            Post::CallChanged {
                from: Some(Status::Ringing),
                to: Status::Connecting,
                answered: Some(Answered { channel, at, call }),
            },
            Post::Barred(alice.clone()),
            Post::AccountsChanged(vec![alice, bob]),
            Post::EndpointsChanged(EventType::ALL.to_vec()),
            Post::WebhooksWaiting,
        ];
        let read = |text: &str| -> Vec<Option<Post>> {
            let posts = Post::all_of(text).expect("a list");
            posts.into_iter().map(Result::ok).collect()
        };
        let known: Vec<_> = posts.iter().cloned().map(Some).collect();
        assert_eq!(read(&Post::text_of(&posts)), known);
        assert_eq!(
            read("[\"NodeJoined\",{\"Unheard\":1},\"NodeLeft\"]"),
            [Some(Post::NodeJoined), None, Some(Post::NodeLeft)],
            "of a later version"
        );
        assert!(Post::all_of("{}").is_err());
    }
}
