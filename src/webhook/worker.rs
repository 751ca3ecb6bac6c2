//! Worker of one endpoint: delivers the messages of each call in order, those of several calls concurrently, within
//! limits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use crate::clock::Timestamp;
use crate::service::{Error, Service};
use crate::webhook_model::EventType;
use crate::webhook_model::delivery::{EndpointId, EndpointReply, Outcome, PauseCause};
use crate::webhook_model::message::{Attempt, Delivery};
use crate::wire::webhook::says_delivered;

use super::sender::{Sender, SignedMessage, SignedTarget};

/// Concurrent attempts: enough for hundreds a second at an endpoint that takes 0.1 s for each.
const WIDTH: usize = 32;

/// Failures in a row after which an endpoint counts as down: then it gets one message at a time, and after the first
/// success all pending ones.
const DOWN_AFTER: u32 = 4;

/// Pause between attempts at an endpoint that is down, each of which costs a write.
const DOWN_PAUSE: Duration = Duration::from_millis(100);

/// Longest sleep: the clock may jump, and the system does not report it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Worker that delivers to one endpoint.
pub(super) struct Worker {
    to: Arc<EndpointContext>,
    wake: watch::Receiver<()>,
    /// Each returns whether the endpoint has the message.
    attempts: JoinSet<bool>,
    in_flight: HashMap<Id, i64>,
    failures: u32,
    /// When the endpoint failed last.
    failed_at: Option<Instant>,
    /// The endpoint was down and is back: pending retries are due at once.
    catching_up: bool,
}

/// Endpoint with all that an attempt needs.
struct EndpointContext {
    service: Service,
    sender: Arc<Sender>,
    id: EndpointId,
    target: SignedTarget,
    /// End of the delay that the endpoint requested. It is kept in memory only: after a restart the rejected messages
    /// are due then, and the next rejection holds back the others.
    hold_until: Mutex<Option<Timestamp>>,
}

impl Worker {
    pub fn new(
        service: Service,
        sender: Arc<Sender>,
        id: EndpointId,
        target: SignedTarget,
        wake: watch::Receiver<()>,
    ) -> Self {
        let to = EndpointContext {
            service,
            sender,
            id,
            target,
            hold_until: Mutex::default(),
        };
        Self {
            to: Arc::new(to),
            wake,
            attempts: JoinSet::new(),
            in_flight: HashMap::new(),
            failures: 0,
            failed_at: None,
            catching_up: false,
        }
    }

    /// Delivers messages until `stop`. Attempts in progress are then cancelled, and repeated by the next worker.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            self.wake.borrow_and_update();
            let rest = self.start_due().unwrap_or_else(|error| {
                tracing::warn!(%error, receiver = %self.to.id, "cannot read the webhook outbox");
                LONGEST_SLEEP
            });
            tokio::select! {
                rung = self.wake.changed() => if rung.is_err() { break },
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = self.attempts.join_next_with_id() => self.note(ended),
                () = sleep(rest) => (),
            }
        }
        self.attempts.shutdown().await;
    }

    /// Starts the attempts that are due, and returns when to look again at the latest.
    fn start_due(&mut self) -> Result<Duration, Error> {
        if self.to.service.sessions().is_stopping() {
            return Ok(LONGEST_SLEEP);
        }
        let width = if self.is_down() { 1 } else { WIDTH };
        let free = width.saturating_sub(self.in_flight.len());
        if free == 0 {
            return Ok(LONGEST_SLEEP);
        }
        let pause = self.failed_at.filter(|_| self.is_down());
        let pause = pause.map_or(Duration::ZERO, |at| DOWN_PAUSE.saturating_sub(at.elapsed()));
        if !pause.is_zero() {
            return Ok(pause);
        }
        let now = self.to.service.clock().now();
        if let Some(hold) = self.to.hold_until.lock().filter(|hold| *hold > now) {
            return Ok(hold.since(now).min(LONGEST_SLEEP));
        }
        let until = if self.catching_up {
            Timestamp::MAX
        } else {
            now
        };
        let limit = self.in_flight.len() + free;
        let Some(due) = self
            .to
            .service
            .webhooks()
            .due_deliveries(self.to.id, until, limit)?
        else {
            return Ok(LONGEST_SLEEP);
        };
        let mut begun = 0;
        for delivery in due.deliveries {
            let under_way = self.in_flight.values().any(|seq| *seq == delivery.seq);
            if !under_way && begun < free {
                self.begin(delivery);
                begun += 1;
            }
        }
        self.catching_up &= begun > 0;
        Ok(due
            .next
            .map_or(LONGEST_SLEEP, |next| next.since(now).min(LONGEST_SLEEP)))
    }

    fn begin(&mut self, delivery: Delivery) {
        let (to, seq) = (Arc::clone(&self.to), delivery.seq);
        let task = self.attempts.spawn(to.deliver(delivery));
        self.in_flight.insert(task.id(), seq);
    }

    /// Applies the result of an attempt.
    fn note(&mut self, ended: Result<(Id, bool), JoinError>) {
        let (id, delivered) = ended.unwrap_or_else(|error| {
            tracing::error!(receiver = %self.to.id, "a webhook delivery panicked");
            (error.id(), false)
        });
        self.in_flight.remove(&id);
        if delivered {
            if self.is_down() {
                tracing::info!(receiver = %self.to.id, "a webhook endpoint accepts messages again");
                self.catching_up = true;
            }
            self.failures = 0;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(Instant::now());
        self.catching_up = false;
        if self.failures == DOWN_AFTER {
            tracing::warn!(
                receiver = %self.to.id, host = self.to.target.host(),
                "a webhook endpoint accepts no messages; `chattrix webhook list` shows the reason"
            );
        }
    }

    const fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER
    }
}

impl EndpointContext {
    /// Makes one attempt and records it; returns whether the endpoint has the message.
    async fn deliver(self: Arc<Self>, delivery: Delivery) -> bool {
        let id = delivery.id.to_string();
        let (at, began) = (self.service.clock().now(), Instant::now());
        if delivery.failures == 0 {
            let waited = at.since(delivery.due);
            self.service.metrics().webhook_begun(waited);
        }
        let message = SignedMessage {
            id: &id,
            body: &delivery.body,
            at,
        };
        let reply = self.sender.send(&message, &self.target).await;
        let (took, outcome) = (began.elapsed(), reply.outcome);
        self.service.metrics().webhook_tried(&outcome, took);
        tracing::debug!(receiver = %self.id, message = id, %outcome, "sent a webhook message");
        let delivered = outcome.is_delivered();
        let device_woken = delivery.topic == EventType::CallInitiated
            && outcome == Outcome::Delivered { status: 200 }
            && says_delivered(&reply.body);
        let retry_after = reply.retry_after;
        if let Some(wait) = retry_after {
            // Before the attempt is stored: whoever sees it there must not find the endpoint free meanwhile.
            let until = Some(self.service.clock().now().plus(wait));
            let mut hold = self.hold_until.lock();
            *hold = (*hold).max(until);
        }
        let reply = EndpointReply {
            device_woken,
            retry_after,
        };
        self.record(delivery, Attempt { at, took, outcome }, reply)
            .await;
        delivered
    }

    /// Stores the attempt; until it is stored, no other message with the same ordering key is sent.
    async fn record(&self, delivery: Delivery, attempt: Attempt, reply: EndpointReply) {
        loop {
            let recorded = self
                .service
                .webhooks()
                .attempted(delivery.clone(), attempt.clone(), reply)
                .await;
            match recorded {
                Ok(None) => return,
                Ok(Some(cause)) => return self.say_paused(cause),
                Err(error) => {
                    tracing::warn!(%error, receiver = %self.id, "cannot store the result of a webhook attempt yet");
                    sleep(LONGEST_SLEEP).await;
                }
            }
        }
    }

    fn say_paused(&self, cause: PauseCause) {
        tracing::warn!(
            receiver = %self.id, host = self.target.host(), cause = cause.as_str(),
            "the server paused a webhook endpoint; `chattrix webhook resume` resumes it"
        );
    }
}
