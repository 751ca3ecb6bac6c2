//! Session loop: sends events, handles messages, pings and closes on timeouts, over any stream and sink of messages.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::auth::LEEWAY;
use crate::call::CallId;
use crate::clock::Timestamp;
use crate::hub::{CloseReason, EncodedNotice, SessionQueue};
use crate::wire::{ErrorType, event, message};

use super::SocketRules;
use super::abuse::{AbuseMonitor, RejectedMessages};
use super::confirmation::Confirmation;
use super::event_loop::{self, End, Transport};
use super::flood::{ControlFrames, Unfinished};
use super::handler::{MessageHandler, Response};
use super::pause::PAUSE;

/// Time to read what the kernel has received before a connection is closed as idle.
const LAST_READ: Duration = Duration::from_millis(50);

/// Session loop: the state of a session while its connection is open.
pub(super) struct SessionLoop<'a, S> {
    stream: &'a mut S,
    queue: &'a SessionQueue,
    handler: MessageHandler,
    rules: SocketRules,
    token: SecretString,
    expires_at: Timestamp,
    received_at: Instant,
    ping_at: Instant,
    /// The one timer for all deadlines of the session. It may fire early, never late.
    timer: Pin<Box<Sleep>>,
    abuse: AbuseMonitor,
    rejected: RejectedMessages,
    control_frames: ControlFrames,
    unfinished: Unfinished,
    confirmation: Confirmation,
    last_call: Option<CallId>,
}

/// Input of a session.
pub(super) enum Incoming {
    /// The timer has fired.
    Due,
    /// A message, an error, or the end of the connection.
    Message(Option<Result<Message, tungstenite::Error>>),
}

impl<'a, S> SessionLoop<'a, S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>>
        + Sink<Message, Error = tungstenite::Error>
        + Unpin,
{
    /// Creates the loop of a session with `token` and its expiry.
    pub fn new(
        stream: &'a mut S,
        queue: &'a SessionQueue,
        handler: MessageHandler,
        (token, expires_at): (SecretString, Timestamp),
        rules: SocketRules,
        unfinished: Unfinished,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream,
            queue,
            handler,
            rules,
            token,
            expires_at,
            received_at: now,
            ping_at: now + rules.ping_interval,
            // Due at once: the first wake-up sets the timer.
            timer: Box::pin(sleep_until(now)),
            abuse: AbuseMonitor::new(now),
            rejected: RejectedMessages::new(now),
            control_frames: ControlFrames::new(now),
            unfinished,
            confirmation: Confirmation::new(queue.capacity()),
            last_call: None,
        }
    }

    /// Returns the last call that a message or event was about.
    pub const fn last_call(&self) -> Option<CallId> {
        self.last_call
    }

    async fn receive_message(
        &mut self,
        incoming: Result<Message, tungstenite::Error>,
    ) -> Result<(), End> {
        self.received_at = Instant::now();
        let message = incoming?;
        let sessions = self.handler.service.sessions();
        sessions
            .record_received(&self.handler.user, self.queue)
            .await;
        self.unfinished.reset();
        match message {
            Message::Text(text) => {
                self.answer(message::parse(&text, self.rules.app_messages))
                    .await
            }
            Message::Binary(_) => self.answer(Err(message::binary())).await,
            Message::Pong(payload) if self.take_confirmation(&payload).await? => Ok(()),
            // The stream itself answers pings.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                Ok(self.control_frames.count(self.received_at)?)
            }
            Message::Close(frame) => Err(End::ByPeer(frame.map(|frame| frame.code.into()))),
        }
    }

    /// Returns the ping that goes with the event sent now, if one does. If it is due later, the timer is set to it.
    fn confirmation_request(&mut self) -> Option<Message> {
        let last = self.queue.last_taken();
        let ping = self.confirmation.with_event(last, Instant::now());
        self.wake_for_confirmation(last);
        ping
    }

    /// Sends a ping for the events that no ping has followed, if it is due.
    async fn ask_for_confirmation(&mut self) -> Result<(), End> {
        let last = self.queue.last_taken();
        let ping = self.confirmation.if_due(last, Instant::now());
        self.wake_for_confirmation(last);
        match ping {
            Some(ping) => self.write([ping]).await,
            None => Ok(()),
        }
    }

    /// Sets the timer to the next ping if that is due earlier.
    fn wake_for_confirmation(&mut self, last: u64) {
        let due_at = self.confirmation.due_at(last);
        if let Some(due_at) = due_at.filter(|due_at| *due_at < self.timer.deadline()) {
            self.timer.as_mut().reset(due_at);
        }
    }

    /// Handles the awaited pong; returns false for any other.
    async fn take_confirmation(&mut self, payload: &[u8]) -> Result<bool, End> {
        let Some(last) = self.confirmation.take(payload) else {
            return Ok(false);
        };
        Box::pin(self.handler.service.sessions().confirm(self.queue, last)).await;
        self.ask_for_confirmation().await?;
        Ok(true)
    }

    /// Handles a message and sends the reply. A panic is a defect that fails this message alone: the state of a session
    /// changes in single steps that do not depend on each other, and the store writes in jobs of its own.
    async fn answer(
        &mut self,
        parsed: Result<message::Message, message::ParseError>,
    ) -> Result<(), End> {
        let call_id = match &parsed {
            Ok(message) => message.call_id(),
            Err(error) => error.call_id.as_deref(),
        };
        let call_id = call_id.map(str::to_owned);
        let handling = AssertUnwindSafe(self.reply_to(parsed)).catch_unwind();
        let reply = handling.await.unwrap_or_else(|_| {
            tracing::error!(
                user = %self.handler.user, session = %self.handler.session,
                request_id = &*self.handler.request_id, "message handler panicked"
            );
            let kind = ErrorType::ServiceError;
            Some(event::call_error(call_id.as_deref(), kind, kind.sentence()))
        });
        if let Some(reply) = reply {
            self.write([Message::text(reply)]).await?;
        }
        self.rejected.check()
    }

    async fn reply_to(
        &mut self,
        parsed: Result<message::Message, message::ParseError>,
    ) -> Option<String> {
        let call_id = parsed.as_ref().ok().and_then(message::Message::call_id);
        self.last_call = call_id.and_then(CallId::parse).or(self.last_call);
        let response = Box::pin(self.handler.handle(parsed)).await;
        self.count(matches!(
            response,
            Response::Refusal(_) | Response::RateLimited(_)
        ));
        match response {
            Response::Done => None,
            Response::Reply(reply) | Response::Refusal(reply) => Some(reply),
            Response::RateLimited(reply) => {
                self.rejected.count(self.received_at);
                Some(reply)
            }
            Response::Refreshed(reply, token, expires_at) => {
                self.token = token;
                self.expires_at = expires_at;
                Some(reply)
            }
        }
    }

    fn count(&mut self, is_error: bool) {
        if let Some(report) = self.abuse.count(is_error, self.received_at) {
            tracing::warn!(
                user = %self.handler.user, session = %self.handler.session,
                request_id = &*self.handler.request_id,
                messages = report.messages, errors = report.errors, "message or error rate exceeded"
            );
            self.handler.service.metrics().abuse_warned();
        }
    }

    /// Sends `messages` together, to a peer that reads or at least sends data.
    async fn write(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), End> {
        let silent_at = self.received_at + self.rules.idle_timeout;
        let stream = &mut *self.stream;
        let send = async {
            for message in messages {
                stream.feed(message).await?;
            }
            stream.flush().await
        };
        let sending = async {
            tokio::select! {
                biased;
                sent = send => sent.map_err(End::from),
                () = sleep_until(silent_at) => Err(End::ByUs(CloseReason::Idle)),
            }
        };
        event_loop::unless_closed(self.queue, sending).await
    }

    /// Performs what is due, and sets the timer again.
    async fn keep_alive(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if now >= self.timer.deadline() + PAUSE {
            // The process did not run: the data that the peer sent in that time is still unread.
            self.received_at = now;
        }
        if now >= self.received_at + self.rules.idle_timeout {
            self.read_before_closing().await?;
        }
        if self.until_expiry().is_some_and(|left| left.is_zero()) {
            return Err(End::ByUs(CloseReason::Expired));
        }
        if now >= self.ping_at {
            self.ping_at = now + self.rules.ping_interval;
            let ping = self.confirmation.keep_alive(self.queue.last_taken(), now);
            self.write([ping]).await?;
        }
        let wake_at = self.wake_at();
        self.timer.as_mut().reset(wake_at);
        self.ask_for_confirmation().await
    }

    /// Reads what has arrived from a peer that seems silent; the connection closes as idle only if nothing has.
    async fn read_before_closing(&mut self) -> Result<(), End> {
        match timeout(LAST_READ, self.stream.next()).await {
            Ok(Some(message)) => Box::pin(self.receive_message(message)).await,
            Ok(None) => Err(End::Gone),
            Err(_) => Err(End::ByUs(CloseReason::Idle)),
        }
    }

    fn wake_at(&self) -> Instant {
        let silent_at = self.received_at + self.rules.idle_timeout;
        let wake_at = silent_at.min(self.ping_at);
        self.until_expiry()
            .map_or(wake_at, |left| wake_at.min(Instant::now() + left))
    }

    /// Returns the time until the session ends with its token, if it does.
    fn until_expiry(&self) -> Option<Duration> {
        let now = self.handler.service.clock().wall();
        self.rules
            .close_expired_sessions
            .then(|| self.expires_at.plus(LEEWAY).since(now))
    }
}

impl<S> Transport for SessionLoop<'_, S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>>
        + Sink<Message, Error = tungstenite::Error>
        + Unpin,
{
    type Incoming = Incoming;

    fn recheck(&self) -> Result<(), End> {
        let token = self.token.expose_secret();
        if self.handler.access.still_accepts(token) {
            return Ok(());
        }
        Err(End::ByUs(CloseReason::TokenRejected))
    }

    async fn send(&mut self, notice: &EncodedNotice) -> Result<(), End> {
        let event = &notice.notice().event;
        self.last_call = event.call().or(self.last_call);
        let text = Message::text(notice.text(event::notice).into_owned());
        let ping = self.confirmation_request();
        self.write([text].into_iter().chain(ping)).await?;
        let metrics = self.handler.service.metrics();
        metrics.event_sent(event.as_str());
        Ok(())
    }

    async fn next(&mut self) -> Incoming {
        tokio::select! {
            biased;
            () = &mut self.timer => Incoming::Due,
            message = self.stream.next() => Incoming::Message(message),
        }
    }

    async fn receive(&mut self, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Due => self.keep_alive().await,
            Incoming::Message(Some(message)) => self.receive_message(message).await,
            Incoming::Message(None) => Err(End::Gone),
        }
    }
}
