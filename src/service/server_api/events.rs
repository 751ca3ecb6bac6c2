//! Events that the team's backend sends to users, over the connection and in the order of their calls' events.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::timeout;

use crate::call::{AppEvent, Audience, Event, Lacking, Notice};
use crate::hub::{EncodedNotice, KEPT_APP_EVENTS, Receipt, RecipientSessions, StoredNotice};
use crate::store::{self, Post, Read, Write};
use crate::user::UserId;

use super::super::{Core, Delivery, Error};
use super::{Change, Repeat, Reply, Requester, ServerApi};

/// Longest wait for confirmations; `confirm_timeout`, if that is shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Users to whom a backend sends an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// One user, who must exist.
    One(UserId),
    /// Several, each once; some may not exist.
    Several(Vec<UserId>),
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEvent {
    /// The users who exist, in the order of the request.
    pub users: Vec<SentTo>,
    /// Those who do not.
    pub unknown: Vec<UserId>,
}

/// What became of an event for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentTo {
    /// The user.
    pub user: UserId,
    /// Sessions that it was sent to.
    pub reached: usize,
    /// Sessions that have confirmed it.
    pub confirmed: usize,
}

/// Event with all its addressees.
struct Addressed {
    notices: Vec<AddressedNotice>,
    unknown: Vec<UserId>,
}

/// Event for one user.
struct AddressedNotice {
    notice: Arc<EncodedNotice>,
    addressees: RecipientSessions,
    reached: usize,
    /// Sessions of other nodes that it is sent to.
    remote: usize,
}

impl ServerApi {
    /// Sends `event` to all sessions of `recipients`, and waits a moment until they confirm it. `reply` makes the answer.
    ///
    /// # Errors
    /// [`Error::UserNotFound`] for one user who does not exist; [`Error::Unavailable`].
    pub async fn send_event(
        &self,
        requester: Requester,
        recipients: Recipients,
        event: AppEvent,
        reply: fn(&SentEvent) -> Reply,
    ) -> Result<Reply, Error> {
        let (users, unknown) = self.known(recipients)?;
        let (core, receipt) = (Arc::clone(&self.0), Arc::new(Receipt::default()));
        let sent = Arc::new(OnceLock::new());
        let (counter, published) = (Arc::clone(&receipt), Arc::clone(&sent));
        let (key, repeat) = (requester.key, requester.repeat.clone());
        let before = self
            .change_once(requester, move |db| {
                let notices = core.address(db, &users, &event, &counter)?;
                let addressed = Addressed { notices, unknown };
                // To nobody who exists, nothing was sent.
                let is_sent = !addressed.notices.is_empty();
                let change = is_sent.then(|| Change::of("event.send", addressed.subject()));
                let reply = reply(&addressed.report());
                db.on_commit(move || drop(published.set(addressed.published(&core))));
                Ok((reply, change))
            })
            .await?;
        let Some(sent) = sent.get() else {
            // A repeated request.
            return Ok(before);
        };
        let wait = LONGEST_WAIT.min(self.0.hub.capacity().confirm_timeout);
        // Those that have not confirmed it by then are not counted.
        let _ = timeout(wait, receipt.confirmed_by(sent.reached())).await;
        let reply = reply(&sent.report());
        self.correct_reply(key, repeat, &reply).await;
        Ok(reply)
    }

    /// Returns the recipients who exist, and those who do not.
    fn known(&self, recipients: Recipients) -> Result<(Vec<UserId>, Vec<UserId>), Error> {
        let users = match recipients {
            Recipients::One(user) => {
                return match self.0.store.read(|db| db.user(&user))? {
                    Some(_) => Ok((vec![user], Vec::new())),
                    None => Err(Error::UserNotFound(user)),
                };
            }
            Recipients::Several(users) => users,
        };
        let sort = |db: &Read<'_>| -> Result<_, Error> {
            let (mut known, mut unknown) = (Vec::with_capacity(users.len()), Vec::new());
            for user in users {
                match db.user(&user)? {
                    Some(_) => known.push(user),
                    None => unknown.push(user),
                }
            }
            Ok((known, unknown))
        };
        self.0.store.read_at_length(sort)
    }

    /// Stores `reply`, with the confirmations, for a repetition of the request.
    async fn correct_reply(&self, key: i64, repeat: Option<Repeat>, reply: &Reply) {
        if repeat.is_none() {
            return;
        }
        let (core, reply) = (Arc::clone(&self.0), reply.clone());
        let job = move |db: &Write<'_>| core.remember_reply(db, key, repeat, &reply);
        if let Err(error) = self.0.store.write(job).await {
            // The event was sent: a repetition is answered without the confirmations.
            tracing::warn!(%error, "the confirmations of an event were not stored");
        }
    }
}

impl Core {
    /// Chooses the sessions that receive `event`, and stores it for `users` if it is kept. `receipt` counts the
    /// confirmations. Runs inside the writer's job.
    fn address(
        &self,
        db: &Write<'_>,
        users: &[UserId],
        event: &AppEvent,
        receipt: &Arc<Receipt>,
    ) -> Result<Vec<AddressedNotice>, store::Error> {
        let at = self.clock.now();
        let kept_for = event.kept_for.filter(|_| !users.is_empty());
        let expires_at = kept_for.map(|kept_for| at.plus(kept_for));
        let content = match expires_at {
            Some(expires_at) => Some((db.store_app_event(&event.message, expires_at)?, expires_at)),
            None => None,
        };
        let mut notices = Vec::with_capacity(users.len());
        for user in users {
            let notice = Notice {
                audience: Audience::Participant(user.clone()),
                event: Event::App(event.clone()),
                at,
            };
            let row = match content {
                None => None,
                Some((content, expires_at)) => Some(db.store_pending_app_event(
                    user,
                    content,
                    [at, expires_at],
                    KEPT_APP_EVENTS,
                )?),
            };
            let encoded = match row.zip(expires_at) {
                None => EncodedNotice::new(notice),
                Some((row, expires_at)) => EncodedNotice::stored(StoredNotice {
                    row,
                    notice,
                    expires_at,
                    is_recovered: false,
                    lacking: Lacking::All,
                }),
            };
            let addressees = self.hub.addressees(encoded.notice());
            if addressees.has_remote {
                self.post(db, || Post::Event {
                    notice: encoded.notice().clone(),
                    row,
                    only: None,
                });
            }
            let remote = self.hub.remote_sessions(user);
            let remote = remote.iter().filter(|one| one.is_open()).count();
            let notice = Arc::new(encoded.counted_by(receipt));
            if remote > 0 {
                self.other_nodes.await_confirmations(&notice);
            }
            notices.push(AddressedNotice {
                notice,
                reached: addressees.queues.len() + remote,
                remote,
                addressees,
            });
        }
        Ok(notices)
    }
}

impl Addressed {
    /// Sends it; returns it with the sessions that were reached.
    fn published(mut self, core: &Core) -> Self {
        for one in &mut self.notices {
            let addressees = std::mem::take(&mut one.addressees);
            let event = &one.notice.notice().event;
            if addressees.queues.is_empty() && one.remote == 0 && event.is_kept() {
                Delivery::Stored(event.as_str()).publish(&core.hub, &core.metrics);
            }
            let delivery = Delivery::addressed(Arc::clone(&one.notice), addressees);
            one.reached = delivery.publish(&core.hub, &core.metrics) + one.remote;
        }
        self
    }

    /// Returns the number of sessions that it was sent to.
    fn reached(&self) -> usize {
        self.notices.iter().map(|one| one.reached).sum()
    }

    /// Returns what the audit says of it: the user, or how many there are.
    fn subject(&self) -> String {
        match &self.notices[..] {
            [one] => one.notice.notice().audience.user().to_string(),
            several => format!("{} users", several.len()),
        }
    }

    fn report(&self) -> SentEvent {
        let users = self.notices.iter().map(|one| {
            let recipients = one.notice.recipients();
            let confirmed = recipients.iter().filter(|one| one.confirmed_at.is_some());
            SentTo {
                user: one.notice.notice().audience.user().clone(),
                reached: one.reached,
                confirmed: confirmed.count(),
            }
        });
        SentEvent {
            users: users.collect(),
            unknown: self.unknown.clone(),
        }
    }
}
