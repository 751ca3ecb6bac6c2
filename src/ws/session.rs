//! One session: what it tells and hears, on the course between its queue and its socket.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use crate::auth::LEEWAY;
use crate::call::CallId;
use crate::clock::Timestamp;
use crate::guard::{Access, SocketSignIn};
use crate::hub::{EncodedNotice, SessionQueue, Slot};
use crate::metrics::Loss;
use crate::service::Service;
use crate::user::{SessionId, UserId};
use crate::wire::{Close, event, message};

use super::SocketRules;
use super::abuse::Meter;
use super::closing;
use super::course::{self, End, Peer};
use super::flood::{ControlFrames, Unfinished};
use super::framing::{self, Room};
use super::respond::{Respondent, Response, failed, not_understood};

/// A session that is about to begin.
pub(super) struct Session {
    respondent: Respondent,
    expires_at: Timestamp,
    rules: SocketRules,
    slot: Slot,
}

impl Session {
    /// The session of `user`, which takes up `slot`.
    pub fn new(
        user: SocketSignIn,
        request_id: Arc<str>,
        slot: Slot,
        access: Access,
        service: Service,
        rules: SocketRules,
    ) -> Self {
        let SocketSignIn {
            user,
            session,
            expires_at,
            address: _,
        } = user;
        Self {
            respondent: Respondent {
                user,
                session,
                request_id,
                access,
                service,
            },
            expires_at,
            rules,
            slot,
        }
    }

    /// Lives the session's life on `io`. What takes much room and is not always under way, as is what a message
    /// leads to, is boxed for its time: a session is idle most of its life.
    pub async fn serve(self, io: impl AsyncRead + AsyncWrite + Unpin) {
        let Self {
            respondent,
            expires_at,
            rules,
            slot,
        } = self;
        let unfinished = Unfinished::default();
        let room = Room::of_session(rules.max_message_bytes);
        let mut stream = framing::messages(io, unfinished.clone(), room).await;
        let line = Line::begin(&respondent);
        let service = respondent.service.clone();
        let (user, session) = (respondent.user.clone(), respondent.session.clone());
        let (end, about) = match Box::pin(service.sessions().connect(user, session)).await {
            Ok(subscription) => {
                let queue = Arc::clone(subscription.queue());
                let mut life = Life::new(
                    &mut stream,
                    &queue,
                    respondent,
                    expires_at,
                    rules,
                    unfinished,
                );
                let end = AssertUnwindSafe(life.run())
                    .catch_unwind()
                    .await
                    .unwrap_or(End::ByUs(Close::Failed));
                let about = life.about;
                let disconnect =
                    |subscription| Box::pin(service.sessions().disconnect(subscription));
                let missed = course::leave(subscription, disconnect).await;
                service.metrics().events_dropped(Loss::SessionEnded, missed);
                (end, about)
            }
            Err(error) => {
                let request_id = &*line.request_id;
                tracing::warn!(request_id, %error, "a session could not begin");
                (End::ByUs(Close::Unavailable), None)
            }
        };
        service.metrics().close(end.counted_code(), end.by());
        let close = |patience| async move {
            Box::pin(closing::close(stream, end, patience)).await;
            line.write(end, about);
        };
        course::see_off(end, slot, close).await;
    }
}

/// The line that the log gets of a session's life.
struct Line {
    request_id: Arc<str>,
    user: UserId,
    session: SessionId,
    began: Instant,
}

impl Line {
    fn begin(respondent: &Respondent) -> Self {
        Self {
            request_id: Arc::clone(&respondent.request_id),
            user: respondent.user.clone(),
            session: respondent.session.clone(),
            began: Instant::now(),
        }
    }

    /// Writes that the session has ended; the last call it was about was `about`.
    fn write(self, end: End, about: Option<CallId>) {
        tracing::info!(
            code = end.code(),
            outcome = end.outcome(),
            duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = &*self.request_id,
            user = %self.user,
            session = %self.session,
            call = about.map(display),
            "socket"
        );
    }
}

/// A session's state, over any stream and sink of messages.
struct Life<'a, S> {
    stream: &'a mut S,
    queue: &'a SessionQueue,
    respondent: Respondent,
    rules: SocketRules,
    expires_at: Timestamp,
    heard_at: Instant,
    ping_at: Instant,
    meter: Meter,
    control_frames: ControlFrames,
    unfinished: Unfinished,
    /// The last call that was spoken of.
    about: Option<CallId>,
}

impl<'a, S> Life<'a, S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>>
        + Sink<Message, Error = tungstenite::Error>
        + Unpin,
{
    fn new(
        stream: &'a mut S,
        queue: &'a SessionQueue,
        respondent: Respondent,
        expires_at: Timestamp,
        rules: SocketRules,
        unfinished: Unfinished,
    ) -> Self {
        let now = Instant::now();
        let (heard_at, ping_at, meter) = (now, now + rules.ping_interval, Meter::new(now));
        Self {
            stream,
            queue,
            respondent,
            rules,
            expires_at,
            heard_at,
            ping_at,
            meter,
            control_frames: ControlFrames::new(now),
            unfinished,
            about: None,
        }
    }

    async fn run(&mut self) -> End {
        // One timer for all that is timed: it never fires late, and what it fires for is asked then.
        let timer = std::pin::pin!(sleep_until(self.wake_at()));
        let queue = self.queue;
        let mut timed = Timed { life: self, timer };
        course::run(&mut timed, queue).await
    }

    async fn tell(&mut self, notice: &EncodedNotice) -> Result<(), End> {
        let event = &notice.notice().event;
        self.about = Some(event.call());
        self.send(Message::text(notice.text(event::notice))).await?;
        let metrics = self.respondent.service.metrics();
        metrics.event_sent(event.as_str());
        Ok(())
    }

    async fn hear(&mut self, incoming: Result<Message, tungstenite::Error>) -> Result<(), End> {
        self.heard_at = Instant::now();
        let message = incoming?;
        self.unfinished.reset();
        let reply = match message {
            Message::Text(text) => self.answer(message::parse(&text)).await,
            Message::Binary(_) => self.answer(Err(message::binary())).await,
            // Pings are answered by the stream itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                self.control_frames.count(self.heard_at)?;
                None
            }
            Message::Close(frame) => {
                return Err(End::ByPeer(frame.map(|frame| frame.code.into())));
            }
        };
        match reply {
            Some(reply) => self.send(Message::text(reply)).await,
            None => Ok(()),
        }
    }

    /// What is replied to a message. A panic while it is handled is a defect, of which the log tells where, and
    /// this message's failure alone. Nothing is left half done by it: what the session holds changes in single
    /// steps that do not depend on each other, and what is stored by a job of its own.
    async fn answer(
        &mut self,
        parsed: Result<message::Message, message::ParseError>,
    ) -> Option<String> {
        let call_id = match &parsed {
            Ok(message) => message.call_id(),
            Err(error) => error.call_id.as_deref(),
        };
        let call_id = call_id.map(str::to_owned);
        let handled = AssertUnwindSafe(self.handle(parsed)).catch_unwind().await;
        handled.unwrap_or_else(|_| {
            let Respondent {
                user,
                session,
                request_id,
                ..
            } = &self.respondent;
            let request_id = &**request_id;
            tracing::error!(request_id, %user, %session, "a message could not be handled: a panic");
            Some(failed(call_id.as_deref()))
        })
    }

    async fn handle(
        &mut self,
        parsed: Result<message::Message, message::ParseError>,
    ) -> Option<String> {
        let response = match parsed {
            Ok(message) => {
                self.about = message.call_id().and_then(CallId::parse).or(self.about);
                Box::pin(self.respondent.respond(message)).await
            }
            Err(error) => Response::Refusal(not_understood(&error)),
        };
        let is_error = matches!(response, Response::Refusal(_));
        if let Some(report) = self.meter.count(is_error, self.heard_at) {
            tracing::warn!(
                user = %self.respondent.user, session = %self.respondent.session,
                request_id = &*self.respondent.request_id,
                messages = report.messages, errors = report.errors, "a session says too much"
            );
            self.respondent.service.metrics().abuse_warned();
        }
        match response {
            Response::Done => None,
            Response::Reply(reply) | Response::Refusal(reply) => Some(reply),
            Response::Refreshed(reply, expires_at) => {
                self.expires_at = expires_at;
                Some(reply)
            }
        }
    }

    /// Sends `message`, to a peer that reads or is at least heard of.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        let silent_at = self.heard_at + self.rules.idle_timeout;
        let sending = async {
            tokio::select! {
                biased;
                sent = self.stream.send(message) => sent.map_err(End::from),
                () = sleep_until(silent_at) => Err(End::ByUs(Close::Idle)),
            }
        };
        course::unless_closed(self.queue, sending).await
    }

    /// Does what is due by the clock, and sets the timer anew.
    async fn keep_alive(&mut self, timer: Pin<&mut Sleep>) -> Result<(), End> {
        let now = Instant::now();
        if now >= self.heard_at + self.rules.idle_timeout {
            return Err(End::ByUs(Close::Idle));
        }
        if self.until_expiry().is_some_and(|left| left.is_zero()) {
            return Err(End::ByUs(Close::Expired));
        }
        if now >= self.ping_at {
            self.ping_at = now + self.rules.ping_interval;
            self.send(Message::Ping(Bytes::new())).await?;
        }
        timer.reset(self.wake_at());
        Ok(())
    }

    fn wake_at(&self) -> Instant {
        let silent = self.heard_at + self.rules.idle_timeout;
        let wake_at = silent.min(self.ping_at);
        self.until_expiry()
            .map_or(wake_at, |left| wake_at.min(Instant::now() + left))
    }

    /// The time until the session ends with its token, where it does.
    fn until_expiry(&self) -> Option<Duration> {
        let now = self.respondent.service.clock().now();
        self.rules
            .close_expired_sessions
            .then(|| self.expires_at.plus(LEEWAY).since(now))
    }
}

/// A life and the timer that wakes it.
struct Timed<'l, 't, 'a, S> {
    life: &'l mut Life<'a, S>,
    timer: Pin<&'t mut Sleep>,
}

/// What a session waits for.
enum Incoming {
    /// Something is due by the clock.
    Due,
    /// This came, or the end of the connection.
    Message(Option<Result<Message, tungstenite::Error>>),
}

impl<S> Peer for Timed<'_, '_, '_, S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>>
        + Sink<Message, Error = tungstenite::Error>
        + Unpin,
{
    type Incoming = Incoming;

    async fn tell(&mut self, notice: &EncodedNotice) -> Result<(), End> {
        self.life.tell(notice).await
    }

    async fn next(&mut self) -> Incoming {
        tokio::select! {
            biased;
            () = &mut self.timer => Incoming::Due,
            message = self.life.stream.next() => Incoming::Message(message),
        }
    }

    async fn hear(&mut self, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Due => self.life.keep_alive(self.timer.as_mut()).await,
            Incoming::Message(Some(message)) => self.life.hear(message).await,
            Incoming::Message(None) => Err(End::Gone),
        }
    }
}
