//! Failed attempts at webhook endpoints, the last ones in memory: the database has no index that finds them.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::call::CallId;
use crate::clock::Timestamp;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::{Attempt, Delivery};
use crate::webhook_model::{EventType, MessageId};

/// Attempts that are remembered.
const REMEMBERED: usize = 20;

/// Attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// When it began.
    pub at: Timestamp,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The message.
    pub message: MessageId,
    /// Its event type.
    pub event: EventType,
    /// Its call, if it has one.
    pub call: Option<CallId>,
    /// The response, or why there was none.
    pub result: String,
}

impl FailedAttempt {
    pub(super) fn new(delivery: &Delivery, attempt: &Attempt) -> Self {
        Self {
            at: attempt.at,
            endpoint: delivery.receiver,
            message: delivery.id,
            event: delivery.topic,
            call: delivery.call,
            result: attempt.outcome.to_string(),
        }
    }
}

/// The last failed attempts.
#[derive(Default)]
pub(super) struct RecentFailures(Mutex<VecDeque<FailedAttempt>>);

impl RecentFailures {
    pub fn add(&self, attempt: FailedAttempt) {
        let mut attempts = self.0.lock();
        if attempts.len() == REMEMBERED {
            attempts.pop_back();
        }
        attempts.push_front(attempt);
    }

    /// Returns the attempts, newest first.
    pub fn all(&self) -> Vec<FailedAttempt> {
        self.0.lock().iter().cloned().collect()
    }
}
