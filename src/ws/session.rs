//! Lifecycle of a socket's session: from the upgraded connection to its close, with its log line.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::call::CallId;
use crate::clock::Timestamp;
use crate::guard::{Access, SocketSignIn};
use crate::hub::{CloseReason, Slot, Subscription};
use crate::metrics::Loss;
use crate::service::Service;
use crate::user::{SessionId, UserId};

use super::SocketRules;
use super::closing;
use super::event_loop::{self, End};
use super::flood::Unfinished;
use super::framing::{self, FrameLimits};
use super::handler::MessageHandler;
use super::session_loop::SessionLoop;

/// Session before its connection is open.
pub(super) struct NewSession {
    handler: MessageHandler,
    /// The token, and when it expires.
    token: (SecretString, Timestamp),
    rules: SocketRules,
    slot: Slot,
    subscription: Subscription,
}

impl NewSession {
    /// Creates the session of `user`, which holds `slot`.
    pub fn new(
        user: SocketSignIn,
        request_id: Arc<str>,
        slot: Slot,
        subscription: Subscription,
        access: Access,
        service: Service,
        rules: SocketRules,
    ) -> Self {
        let SocketSignIn {
            user,
            session,
            token,
            expires_at,
            address: _,
            protocol: _,
        } = user;
        Self {
            handler: MessageHandler {
                user,
                session,
                request_id,
                access,
                service,
            },
            token: (token, expires_at),
            rules,
            slot,
            subscription,
        }
    }

    /// Returns the id of the session.
    pub const fn id(&self) -> &SessionId {
        &self.handler.session
    }

    /// Runs the session on `io` until it is closed. Futures that are large and rarely run are boxed while they run: a
    /// session is idle most of the time.
    ///
    /// Without `io`, the connection broke before its upgrade was complete.
    pub async fn serve(self, io: Option<impl AsyncRead + AsyncWrite + Unpin>) {
        let Self {
            handler,
            token,
            rules,
            slot,
            subscription,
        } = self;
        let Some(io) = io else {
            Box::pin(handler.service.sessions().disconnect(subscription)).await;
            return;
        };
        let unfinished = Unfinished::default();
        let limits = FrameLimits::of_session(rules.max_message_bytes);
        let mut stream = Box::pin(framing::messages(io, unfinished.clone(), limits)).await;
        let log = SessionLog::begin(&handler);
        let service = handler.service.clone();
        let queue = Arc::clone(subscription.queue());
        let mut session = SessionLoop::new(&mut stream, &queue, handler, token, rules, unfinished);
        // A panic outside of message handling closes only this connection.
        let run = AssertUnwindSafe(event_loop::run(&mut session, &queue)).catch_unwind();
        let end = run.await.unwrap_or(End::ByUs(CloseReason::Failed));
        let call = session.last_call();
        let disconnect = |subscription| Box::pin(service.sessions().disconnect(subscription));
        let missed = Box::pin(event_loop::unregister(subscription, disconnect)).await;
        service.metrics().events_dropped(Loss::SessionEnded, missed);
        service.metrics().close(end.counted_code(), end.by());
        let close = |patience| async move {
            Box::pin(closing::close(stream, end, patience)).await;
            log.write(end, call);
        };
        Box::pin(event_loop::close(end, slot, close)).await;
    }
}

/// Log line of a session.
struct SessionLog {
    request_id: Arc<str>,
    user: UserId,
    session: SessionId,
    began: Instant,
}

impl SessionLog {
    fn begin(handler: &MessageHandler) -> Self {
        Self {
            request_id: Arc::clone(&handler.request_id),
            user: handler.user.clone(),
            session: handler.session.clone(),
            began: Instant::now(),
        }
    }

    /// Writes the log line of the ended session; `call` is the last call of its messages and events.
    fn write(self, end: End, call: Option<CallId>) {
        tracing::info!(
            code = end.code(),
            outcome = end.outcome(),
            duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = &*self.request_id,
            user = %self.user,
            session = %self.session,
            call = call.map(tracing::field::display),
            "socket"
        );
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    fn size_of_output<A, F>(_: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }

    /// The allocator rounds a task up to the next size: 1,792 bytes for this one and its header, then 2,048.
    #[test]
    fn task_of_an_idle_session_is_small() {
        let size = size_of_output(|session: NewSession| session.serve(None::<DuplexStream>));
        assert!(size <= 1_600, "{size} bytes");
    }
}
