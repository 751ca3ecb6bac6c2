//! Device of a user on a service without sockets. Its network can go silent: what the server sends is swallowed.

use chattrix::call::{Event, Notice, Principal, Source};
use chattrix::clock::Timestamp;
use chattrix::hub::{Outgoing, Subscription};
use chattrix::service::Service;
use chattrix::user::{SessionId, UserId};
use futures_util::FutureExt as _;

/// Event and its instant, by which clients drop doubles.
pub type Dated = (Event, Timestamp);

/// Device of a user, and what each of its connections has received.
pub struct Device {
    pub user: UserId,
    pub session: SessionId,
    pub is_silent: bool,
    subscription: Option<Subscription>,
    /// Connections that it has given up, and that the server still believes in.
    abandoned: Vec<Subscription>,
    received: Vec<Vec<Dated>>,
}

impl Device {
    /// Makes a device that is not connected.
    pub fn new(user: &UserId, session: &str) -> Self {
        Self {
            user: user.clone(),
            session: SessionId::new(session),
            is_silent: false,
            subscription: None,
            abandoned: Vec::new(),
            received: Vec::new(),
        }
    }

    pub fn principal(&self) -> Principal {
        Principal {
            user: self.user.clone(),
            session: self.session.clone(),
            via: Source::Socket,
        }
    }

    /// Opens a connection, over a network that works. The server does not know that the one before is gone.
    pub async fn connect(&mut self, service: &Service) {
        let sessions = service.sessions();
        let connected = sessions.connect(self.user.clone(), self.session.clone());
        let connected = connected.await.expect("connected");
        self.is_silent = false;
        self.received.push(Vec::new());
        self.abandoned.extend(self.subscription.replace(connected));
    }

    /// The server closes the connection, which was silent for too long.
    pub async fn time_out(&mut self, service: &Service) {
        if let Some(subscription) = self.subscription.take() {
            service.sessions().disconnect(subscription).await;
        }
    }

    /// The server is gone, and the connection with it.
    pub fn lose_the_server(&mut self) {
        self.subscription = None;
        self.abandoned.clear();
    }

    /// Reads what the server has sent, and confirms it. Nothing arrives while the network is silent.
    pub async fn read(&mut self, service: &Service) {
        let last = self.receive();
        if let (Some(last), Some(subscription)) = (last, &self.subscription) {
            let (sessions, queue) = (service.sessions(), subscription.queue());
            sessions.record_received(&self.user, queue).await;
            sessions.confirm(queue, last).await;
        }
    }

    /// Reads what the server has sent. The confirmation is swallowed.
    pub fn read_without_confirming(&mut self) {
        self.receive();
    }

    /// Returns the number of the last event that the server has sent, if it arrived.
    fn receive(&mut self) -> Option<u64> {
        for one in &self.abandoned {
            while let Some(Outgoing::Notice(_)) = one.queue().next().now_or_never() {}
        }
        let queue = self.subscription.as_ref()?.queue();
        while let Some(outgoing) = queue.next().now_or_never() {
            let Outgoing::Notice(notice) = outgoing else {
                break;
            };
            if !self.is_silent {
                let Notice { event, at, .. } = notice.notice().clone();
                self.received
                    .last_mut()
                    .expect("a connection")
                    .push((event, at));
            }
        }
        (!self.is_silent).then(|| queue.last_taken())
    }

    /// What its connections have received, each for itself.
    pub fn connections(&self) -> &[Vec<Dated>] {
        &self.received
    }

    /// What it has received, each event once.
    pub fn received(&self) -> Vec<Dated> {
        let mut received = Vec::new();
        for dated in self.received.concat() {
            if !received.contains(&dated) {
                received.push(dated);
            }
        }
        received
    }
}
