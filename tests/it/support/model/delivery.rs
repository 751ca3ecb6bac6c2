//! Delivery in the model: which session lacks which event (contract section 4, "Delivery is confirmed").

use std::collections::HashMap;
use std::time::Duration;

use chattrix::call::{CallId, Event};
use chattrix::clock::Timestamp;
use chattrix::user::{SessionId, UserId};

use super::Dated;

/// Time for which an event is redelivered.
const KEPT: Duration = Duration::from_mins(5);

/// Time for which a session may leave an event unconfirmed and count as connected.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// Connection of a session, and the events that it must get next.
struct Connection {
    user: UserId,
    session: SessionId,
    expected: Vec<Dated>,
    heard_at: Timestamp,
    unconfirmed_since: Option<Timestamp>,
    invited_to: Option<CallId>,
}

impl Connection {
    fn expect(&mut self, event: Dated, now: Timestamp) {
        if let Event::Invitation(invitation) = &event.0 {
            self.invited_to = Some(invitation.call);
        }
        self.expected.push(event);
        self.unconfirmed_since.get_or_insert(now);
    }

    fn is_responsive(&self, now: Timestamp) -> bool {
        self.unconfirmed_since
            .is_none_or(|since| since.max(self.heard_at).plus(CONFIRM_TIMEOUT) > now)
    }
}

/// Maximum number of sessions of a user that are remembered after they have left.
const MOST_DEPARTED: usize = 8;

/// Session that has left. If it returns in time, it is owed the events since then.
struct Departed {
    user: UserId,
    session: SessionId,
    at: Timestamp,
}

/// Event of a user, and the sessions that it was sent to or waits for, and confirmed by.
struct Logged {
    event: Dated,
    /// The session that acted, if the user did. What the user did itself, the user knows.
    acted: Option<SessionId>,
    recipients: Vec<SessionId>,
    confirmed_by: Vec<SessionId>,
    /// Whether it is from before a crash, so that nobody knows who has got it.
    is_recovered: bool,
    /// Whether a session had confirmed it before the server stopped in order. A later crash forgets that.
    is_settled: bool,
    /// Sessions for which it is stored, since another one had it when the server stopped in order.
    stored_for: Vec<SessionId>,
}

impl Logged {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.event.1.plus(KEPT) > now
    }

    fn is_owed_to(&self, session: &SessionId) -> bool {
        if self.confirmed_by.contains(session) {
            return false;
        }
        if self.is_settled {
            return self.recipients.contains(session);
        }
        let is_open = self.is_recovered || (self.acted.is_none() && self.confirmed_by.is_empty());
        self.recipients.contains(session) || (is_open && self.acted.as_ref() != Some(session))
    }
}

/// Connections, and the events that their users have got or are owed.
#[derive(Default)]
pub struct Delivery {
    connections: Vec<Connection>,
    /// Those who left last come last.
    departed: Vec<Departed>,
    log: HashMap<UserId, Vec<Logged>>,
}

impl Delivery {
    /// Returns the open sessions of `user`, responsive or not.
    pub fn sessions(&self, user: &UserId) -> Vec<SessionId> {
        let own = self.connections.iter().filter(|one| one.user == *user);
        own.map(|one| one.session.clone()).collect()
    }

    /// Returns how many sessions of `user` count as connected.
    pub fn responsive(&self, user: &UserId, now: Timestamp) -> usize {
        let own = self.connections.iter().filter(|one| one.user == *user);
        own.filter(|one| one.is_responsive(now)).count()
    }

    /// Returns the events that `session` must have got since the last time.
    pub fn take_expected(&mut self, session: &SessionId) -> Vec<Dated> {
        self.connection(session)
            .map_or_else(Vec::new, |one| std::mem::take(&mut one.expected))
    }

    fn connection(&mut self, session: &SessionId) -> Option<&mut Connection> {
        self.connections
            .iter_mut()
            .find(|one| one.session == *session)
    }

    /// `session` connects, in place of its connection before. It gets what it is owed, then `invitation`.
    pub fn connect(
        &mut self,
        user: &UserId,
        session: SessionId,
        invitation: Option<Dated>,
        now: Timestamp,
    ) {
        self.connections.retain(|one| one.session != session);
        self.departed.retain(|one| one.session != session);
        let mut connection = Connection {
            user: user.clone(),
            session: session.clone(),
            expected: Vec::new(),
            heard_at: now,
            unconfirmed_since: None,
            invited_to: None,
        };
        for one in self.log.entry(user.clone()).or_default() {
            if one.is_fresh(now) && one.is_owed_to(&session) {
                connection.expect(one.event.clone(), now);
                if !one.recipients.contains(&session) {
                    one.recipients.push(session.clone());
                }
            }
        }
        if let Some(invitation) = invitation {
            connection.expect(invitation, now);
        }
        self.connections.push(connection);
    }

    /// Ends the connection of `session`. Returns its user.
    pub fn disconnect(&mut self, session: &SessionId, now: Timestamp) -> UserId {
        let place = self
            .connections
            .iter()
            .position(|one| one.session == *session);
        let left = self.connections.remove(place.expect("it is connected"));
        self.departed.push(Departed {
            user: left.user.clone(),
            session: left.session,
            at: now,
        });
        left.user
    }

    /// Returns the sessions of `user` that have left in the last 5 minutes, without `but`.
    fn departed(
        &self,
        user: &UserId,
        but: Option<&SessionId>,
        now: Timestamp,
    ) -> impl Iterator<Item = SessionId> {
        let own = self.departed.iter().rev();
        let own = own.filter(|one| one.user == *user).take(MOST_DEPARTED);
        own.filter(move |one| one.at.plus(KEPT) > now && Some(&one.session) != but)
            .map(|one| one.session.clone())
    }

    /// `session` confirms all that it was sent. Returns its user and the call to which it was invited, if it was
    /// unresponsive until now.
    pub fn confirm(
        &mut self,
        session: &SessionId,
        now: Timestamp,
    ) -> Option<(UserId, Option<CallId>)> {
        let connection = self.connection(session)?;
        let recovered = (!connection.is_responsive(now))
            .then(|| (connection.user.clone(), connection.invited_to));
        connection.unconfirmed_since = None;
        connection.heard_at = now;
        let user = connection.user.clone();
        for one in self.log.get_mut(&user).into_iter().flatten() {
            if one.recipients.contains(session) && !one.confirmed_by.contains(session) {
                one.confirmed_by.push(session.clone());
            }
        }
        recovered
    }

    /// Sends `invitation` to `session` alone.
    pub fn invite_session(&mut self, session: &SessionId, invitation: Dated, now: Timestamp) {
        if let Some(connection) = self.connection(session) {
            connection.expect(invitation, now);
        }
    }

    /// Sends `event` to the sessions of `user` and keeps it until it is confirmed.
    pub fn notify(&mut self, user: &UserId, event: &Dated, now: Timestamp) {
        let mut recipients = self.send(user, None, event, now);
        recipients.extend(self.departed(user, None, now));
        self.record(user, event, None, recipients);
    }

    /// Sends `event` to the sessions of `user` but `acted`, and keeps it for those that lack it.
    pub fn notify_others(
        &mut self,
        user: &UserId,
        acted: &SessionId,
        event: &Dated,
        now: Timestamp,
    ) {
        let mut recipients = self.send(user, Some(acted), event, now);
        recipients.extend(self.departed(user, Some(acted), now));
        if recipients.is_empty() {
            return;
        }
        self.record(user, event, Some(acted.clone()), recipients);
    }

    /// Sends an invitation, which is not kept.
    pub fn invite(&mut self, user: &UserId, invitation: &Dated, now: Timestamp) {
        self.send(user, None, invitation, now);
    }

    fn send(
        &mut self,
        user: &UserId,
        but: Option<&SessionId>,
        event: &Dated,
        now: Timestamp,
    ) -> Vec<SessionId> {
        let own = self.connections.iter_mut().filter(|one| one.user == *user);
        own.filter(|one| Some(&one.session) != but)
            .map(|one| {
                one.expect(event.clone(), now);
                one.session.clone()
            })
            .collect()
    }

    fn record(
        &mut self,
        user: &UserId,
        event: &Dated,
        acted: Option<SessionId>,
        recipients: Vec<SessionId>,
    ) {
        self.log.entry(user.clone()).or_default().push(Logged {
            event: event.clone(),
            acted,
            recipients,
            confirmed_by: Vec::new(),
            is_recovered: false,
            is_settled: false,
            stored_for: Vec::new(),
        });
    }

    /// The server stops and starts again, in order or by a crash. All connections are gone.
    pub fn restart(&mut self, is_crash: bool, now: Timestamp) {
        self.connections.clear();
        self.departed.clear();
        for log in self.log.values_mut() {
            log.retain(|one| one.is_fresh(now));
            for one in log.iter_mut() {
                if is_crash {
                    one.crash();
                } else {
                    one.stop();
                }
            }
        }
    }
}

impl Logged {
    /// The server stops in order: what a session lacks is stored for it.
    fn stop(&mut self) {
        // The row of a recovered event says who acted, until a session has confirmed the event.
        let is_row = self.stored_for.is_empty() && self.confirmed_by.is_empty();
        self.is_recovered &= self.acted.is_some() && is_row;
        if !self.stored_for.is_empty() {
            // The row is kept until all of them have it.
            let lacking = |one: &SessionId| !self.confirmed_by.contains(one);
            if !self.stored_for.iter().any(lacking) {
                self.stored_for.clear();
            }
        } else if !self.is_recovered
            && (self.is_settled || self.acted.is_some() || !self.confirmed_by.is_empty())
        {
            self.is_settled = true;
            let recipients = std::mem::take(&mut self.recipients);
            let lacking = recipients.into_iter();
            let lacking = lacking.filter(|one| !self.confirmed_by.contains(one));
            self.stored_for = lacking.collect();
        }
        self.recipients.clone_from(&self.stored_for);
        self.confirmed_by.clear();
    }

    /// The server crashes. What is stored for some sessions is known to be had by the others.
    fn crash(&mut self) {
        let lacking = |one: &SessionId| !self.confirmed_by.contains(one);
        if !self.stored_for.iter().any(lacking) {
            self.stored_for.clear();
            self.is_settled = false;
            self.is_recovered = true;
        }
        self.recipients.clone_from(&self.stored_for);
        self.confirmed_by.clear();
    }
}
