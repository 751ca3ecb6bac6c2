//! Connection of the control socket: a request and its answers.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::auth::{Authenticator, KeyInfo};
use crate::call::CallId;
use crate::clock::Timestamp;
use crate::service::{Error, FeedItem, Forgotten, Service};
use crate::user::UserId;
use crate::wire::control::{Answer, Change, Key, Keys, Provider, Request, Status};

use super::filter::Filter;
use super::{Shared, delivery, machine, sessions, webhooks};

/// Maximum request size in bytes: several times the size of our requests.
const MAX_REQUEST: u64 = 4096;

/// Time limit for a command to send its request.
const REQUEST_WAIT: Duration = Duration::from_secs(5);

/// Time limit for a command to read an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Interval of progress answers. They also detect that the command has disconnected, which ends the work.
const PROGRESS: Duration = Duration::from_millis(500);

/// Serves the command at the other end until all answers are sent.
pub(super) async fn serve(stream: UnixStream, shared: Arc<Shared>) {
    let (read, write) = stream.into_split();
    let mut command = Command { read, write };
    let served = async {
        match command.request().await? {
            Ok(request) => command.answer(request, &shared).await,
            Err(message) => command.send(&Answer::Failed { message }).await,
        }
    };
    // A command that has disconnected misses nothing.
    if let Err(error) = served.await {
        tracing::debug!(%error, "a command disconnected before its response");
    }
}

/// Command at the other end.
struct Command {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Command {
    /// Reads the request; returns the reason if it is not valid.
    async fn request(&mut self) -> io::Result<Result<Request, String>> {
        let mut line = Vec::new();
        let mut reader = BufReader::new((&mut self.read).take(MAX_REQUEST));
        timeout(REQUEST_WAIT, reader.read_until(b'\n', &mut line)).await??;
        if !line.ends_with(b"\n") {
            return Ok(Err(format!(
                "expected a line of at most {MAX_REQUEST} bytes"
            )));
        }
        Ok(Request::read(&line))
    }

    async fn answer(&mut self, request: Request, shared: &Shared) -> io::Result<()> {
        match request {
            Request::Status => {
                let status = status(shared).await;
                self.send(&Answer::Status(status)).await
            }
            Request::EndCall { call } => {
                let answer = end_call(&shared.service, &call).await;
                self.send(&answer).await
            }
            Request::Sessions { user } => {
                let answer = sessions::list(&shared.service, user.as_deref());
                self.send(&answer).await
            }
            Request::CloseSessions {
                user,
                session,
                reconnects,
            } => {
                let closing =
                    sessions::close(&shared.service, &user, session.as_deref(), reconnects);
                let answer = closing.await;
                self.send(&answer).await
            }
            Request::Delivery { call } => {
                let answer = delivery::answer(&shared.service, &call);
                self.send(&answer).await
            }
            Request::Prune { before } => {
                let Some(before) = Timestamp::parse(&before) else {
                    let message = format!("before: {before} is no instant");
                    return self.send(&Answer::Failed { message }).await;
                };
                self.prune(&shared.service, before).await
            }
            Request::AddContacts { users } => {
                let answer = set_contacts(&shared.service, &users, true).await;
                self.send(&answer).await
            }
            Request::RemoveContacts { users } => {
                let answer = set_contacts(&shared.service, &users, false).await;
                self.send(&answer).await
            }
            Request::Keys => {
                let keys = keys(&shared.access.authenticator());
                self.send(&Answer::Keys(keys)).await
            }
            Request::ReloadUsers => {
                let reloaded = shared.service.users().reload().await;
                let answer = reloaded.map_or_else(|error| failed(&error), |()| Answer::Done);
                self.send(&answer).await
            }
            Request::Reload => {
                let answer = match (shared.reload)().await {
                    Ok(reloaded) => Answer::Reloaded(reloaded),
                    Err(message) => Answer::Failed { message },
                };
                self.send(&answer).await
            }
            Request::Webhooks(asked) => {
                let answer = webhooks::answer(asked, shared).await;
                self.send(&answer).await
            }
            Request::Endpoints(asked) => {
                let answer = webhooks::change(asked, shared).await;
                self.send(&answer).await
            }
            Request::Watch(watched) => match Filter::read(&watched) {
                Ok(filter) => self.watch(&shared.service, &filter).await,
                Err(message) => self.send(&Answer::Failed { message }).await,
            },
        }
    }

    /// Deletes the calls that ended before `before`, and reports progress.
    async fn prune(&mut self, service: &Service, before: Timestamp) -> io::Result<()> {
        tracing::info!(%before, "an administrator prunes old calls");
        let mut forgotten = Forgotten::default();
        let mut told = Instant::now();
        loop {
            let (batch, finished) = match service.history().forget_some_calls_over(before).await {
                Ok(step) => step,
                Err(error) => return self.send(&failed(&error)).await,
            };
            forgotten += batch;
            let Forgotten { calls, entries } = forgotten;
            if finished {
                tracing::info!(calls, entries, "pruned old calls");
                return self.send(&Answer::Forgotten { calls, entries }).await;
            }
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.send(&Answer::Forgetting { calls }).await?;
            }
        }
    }

    /// Sends the changes that match `filter` until the command disconnects.
    async fn watch(&mut self, service: &Service, filter: &Filter) -> io::Result<()> {
        let mut watcher = service.calls().watch();
        let node = service.nodes().name().map(str::to_owned);
        self.send(&Answer::Watching { node }).await?;
        let mut rest = [0; 64];
        loop {
            let heard = tokio::select! {
                heard = watcher.next() => heard,
                // The command sends nothing after its request, so this is the end of the connection.
                _ = self.read.read(&mut rest) => return Ok(()),
            };
            match heard {
                FeedItem::Change(change) => {
                    if filter.lets_through(&change) {
                        let change = Change::new(&change.call, &change.entry);
                        self.send(&Answer::Change(change)).await?;
                    }
                }
                FeedItem::Missed(changes) => self.send(&Answer::Missed { changes }).await?,
                FeedItem::End => return Ok(()),
            }
        }
    }

    async fn send(&mut self, answer: &Answer) -> io::Result<()> {
        let line = answer.to_line();
        timeout(ANSWER_WAIT, self.write.write_all(line.as_bytes())).await?
    }
}

fn keys(authenticator: &Authenticator) -> Keys {
    let listed = authenticator.keys().into_iter();
    let key = |key: KeyInfo| {
        Key::new(
            key.source,
            key.kid,
            key.algorithms,
            [key.since, key.refreshed_at],
        )
    };
    let provider = authenticator.provider();
    Keys {
        keys: listed.map(key).collect(),
        provider: provider.map(|status| Provider::new(status.source, status.keys, status.failure)),
    }
}

async fn status(shared: &Shared) -> Status {
    let sample = shared.service.sample();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        node: shared.service.nodes().name().map(str::to_owned),
        uptime_seconds: shared.started.elapsed().as_secs(),
        up_since: Some(shared.service.started_at().to_string()),
        ready: shared.service.health().await.is_ready(),
        connections: sample.connections,
        sessions: sample.sessions,
        users: sample.connected_users,
        unreadable_rows: sample.unreadable_rows,
        open_files: machine::open_files(),
        open_files_limit: machine::open_files_limit(),
        unnamed_proxy: shared.access.has_unnamed_proxy(),
    }
}

async fn end_call(service: &Service, call: &str) -> Answer {
    let outcome = match CallId::parse(call) {
        Some(id) => service.calls().end_as_admin(id).await,
        None => Err(Error::CallNotFound),
    };
    match outcome {
        Ok(ended) => {
            tracing::info!(call = %ended.id, "an administrator ended a call");
            Answer::Done
        }
        Err(error) => failed(&error),
    }
}

async fn set_contacts(service: &Service, users: &[String; 2], wanted: bool) -> Answer {
    let [Some(one), Some(other)] = users.each_ref().map(|user| UserId::parse(user)) else {
        return Answer::Failed {
            message: format!("users: expected {}", UserId::EXPECTED),
        };
    };
    match service.lists().set_contacts([one, other], wanted).await {
        Ok(()) => Answer::Done,
        Err(error) => failed(&error),
    }
}

/// Returns the answer for a refusal or failure. The administrator may read the cause, which clients may not.
pub(super) fn failed(error: &Error) -> Answer {
    if let Error::Unavailable(_) | Error::Internal(_) = error {
        tracing::warn!(cause = %error, "a command failed");
    }
    Answer::Failed {
        message: error.to_string(),
    }
}
