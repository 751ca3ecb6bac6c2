//! One request: from hyper into Rocket and back.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper_util::rt::TokioIo;
use rocket::http::uri::Origin;
use rocket::http::{Header, Method};
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::api_key;

use super::limited_io::Progress;
use super::shared_body;
use super::upgrade::{self, Handler};

/// Maximum bytes of a body that are read for Rocket: one more than any route accepts, so that the route itself rejects
/// longer ones.
const MAX_BODY_BYTES: usize = 16 * 1024 + 1;

/// Unit of the memory for large bodies of the server API: the longest event with its users.
const LARGE_UNIT: usize = 512 * 1024;

/// Units of the longest batch, 8 MiB.
const BATCH_UNITS: u32 = 16;

/// Routes that take a batch.
const BATCH_ROUTES: [&str; 2] = ["/api/server/v1/users/batch", "/api/server/v1/presence"];

/// Units of large bodies that are in memory at a time, those of 4 batches; other requests wait.
pub(super) const LARGE_UNITS: usize = 64;

/// Bytes of a response that are in memory at a time; a longer response is sent in pieces of this size, each read after
/// the previous one has been written. hyper alone would buffer 400 KiB for a client that does not read.
const PIECE: usize = 8 * 1024;

/// Target that is not a path: Rocket answers it with its catcher for 400.
const BAD_TARGET: &str = "bad";

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Response = hyper::Response<Body>;

/// Request with the data of its connection.
pub(super) struct Exchange {
    pub client: Arc<Client>,
    pub remote: SocketAddr,
    pub body_time: Duration,
    pub progress: Arc<Progress>,
    pub large_units: Arc<Semaphore>,
    pub request: hyper::Request<Incoming>,
}

/// Returns Rocket's response. An error closes the connection: the body of the request was incomplete or late.
pub(super) async fn dispatch(mut exchange: Exchange) -> Result<Response, io::Error> {
    let upgrade = hyper::upgrade::on(&mut exchange.request);
    let progress = Arc::clone(&exchange.progress);
    let (head, answered) = oneshot::channel();
    // In its own task: a client that disconnects must not cancel a request half-way.
    let upgraded = Arc::clone(&progress);
    tokio::spawn(async move {
        if let Some(handler) = respond(exchange, head).await {
            upgraded.upgraded();
            handler(upgrade.await.ok().map(TokioIo::new)).await;
        }
    });
    let response = answered
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
    progress.responded();
    response
}

/// Sends the response to the request of `exchange` into `head`, and its body after it; returns the handler of the
/// connection if the request upgrades it.
async fn respond(
    exchange: Exchange,
    head: oneshot::Sender<Result<Response, io::Error>>,
) -> Option<Handler> {
    let (parts, body) = exchange.request.into_parts();
    let read = read_admitted(&parts, body, &exchange.large_units, exchange.body_time);
    let (bytes, _permit) = match read.await {
        Ok(read) => read,
        Err(error) => {
            let _ = head.send(Err(error));
            return None;
        }
    };
    let request = local_request(&exchange.client, &parts, bytes, exchange.remote);
    // Boxed, so that it is moved as a pointer, and its memory is freed while a slow client reads the response.
    let response = Box::pin(request.dispatch());
    let response = shared_body::collect(upgrade::collect(response));
    let ((response, handler), shared) = response.await;
    let is_head = parts.method == hyper::Method::HEAD;
    send(response, shared, is_head, head).await;
    handler
}

/// Reads the body, a large one in its turn, which lasts as long as the permit.
async fn read_admitted(
    parts: &Parts,
    body: Incoming,
    large_units: &Arc<Semaphore>,
    time: Duration,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), io::Error> {
    let Some(units) = large_units_of(parts) else {
        return Ok((read(body, MAX_BODY_BYTES, time).await?, None));
    };
    let turn = timeout(time, Arc::clone(large_units).acquire_many_owned(units)).await;
    let permit = turn.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
    // One more than the routes take, so that they reject longer bodies themselves.
    let longest = LARGE_UNIT * usize::try_from(units).unwrap_or(1) + 1;
    let bytes = read(body, longest, time).await?;
    Ok((bytes, permit.ok()))
}

/// Returns the units of the longest body that a request may have, if it may have a large one: it is for a route that
/// takes one, and its token has the form of an API key.
fn large_units_of(parts: &Parts) -> Option<u32> {
    let path = parts.uri.path();
    let units = if BATCH_ROUTES.contains(&path) {
        BATCH_UNITS
    } else if path.starts_with("/api/server/v1/") && path.ends_with("/events") {
        1
    } else {
        return None;
    };
    let token = parts.headers.get(AUTHORIZATION);
    let token = token.and_then(|value| value.to_str().ok()?.split_once(' '));
    let (_, token) = token?;
    api_key::parse(token.trim()).map(|_| units)
}

/// Returns the body, or as much of it as a route needs to reject it: `longest` bytes.
async fn read(body: Incoming, longest: usize, time: Duration) -> Result<Vec<u8>, io::Error> {
    let whole = async {
        let mut body = Limited::new(body, longest);
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        bytes.extend_from_slice(&data);
                    }
                }
                Err(error) if error.is::<LengthLimitError>() => {
                    bytes.resize(longest, b' ');
                    return Ok(bytes);
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(bytes)
    };
    timeout(time, whole)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Returns the request in Rocket's form. In a header value that is not UTF-8, each wrong byte becomes U+FFFD, so that whoever
/// reads the header rejects it: Rocket's own server omits it, as if it had not been sent.
fn local_request<'c>(
    client: &'c Client,
    parts: &'c Parts,
    body: Vec<u8>,
    remote: SocketAddr,
) -> LocalRequest<'c> {
    let method: Option<Method> = parts.method.as_str().parse().ok();
    let mut request = match (method, parts.uri.path_and_query()) {
        (Some(method), Some(target)) => {
            client.req(method, Origin::new(target.path(), target.query()))
        }
        (None, _) | (_, None) => client.req(Method::Get, BAD_TARGET),
    };
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        request
            .inner_mut()
            .add_header(Header::new(name.as_str(), value));
    }
    request.set_remote(remote);
    request.body(body)
}

/// Sends the head of `response` and its body: a short or `shared` body with the head, a long one in pieces as the client
/// reads them.
async fn send(
    mut response: LocalResponse<'_>,
    shared: Option<Bytes>,
    is_head: bool,
    head: oneshot::Sender<Result<Response, io::Error>>,
) {
    let mut ready = hyper::Response::new(());
    *ready.status_mut() = hyper::StatusCode::from_u16(response.status().code)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for header in response.headers().iter() {
        let name = hyper::header::HeaderName::from_bytes(header.name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(header.value())) {
            ready.headers_mut().append(name, value);
        }
    }
    if ready.status() == hyper::StatusCode::SWITCHING_PROTOCOLS {
        let headers = ready.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    if is_head {
        if let Some(size) = response.body().preset_size() {
            ready.headers_mut().insert(CONTENT_LENGTH, size.into());
        }
        let _ = head.send(Ok(ready.map(|()| whole(Bytes::new()))));
        return;
    }
    if let Some(bytes) = shared {
        let _ = head.send(Ok(ready.map(|()| whole(bytes))));
        return;
    }
    let first = match piece(&mut response).await {
        Ok(first) => first,
        Err(error) => {
            let _ = head.send(Err(error));
            return;
        }
    };
    if first.len() < PIECE {
        let _ = head.send(Ok(ready.map(|()| whole(first.into()))));
        return;
    }
    if let Some(size) = response.body().preset_size() {
        ready.headers_mut().insert(CONTENT_LENGTH, size.into());
    }
    let (pieces, body) = mpsc::channel::<io::Result<Frame<Bytes>>>(1);
    let stream = futures_util::stream::unfold(body, async |mut body| {
        body.recv().await.map(|piece| (piece, body))
    });
    let body = StreamBody::new(stream).boxed_unsync();
    if head.send(Ok(ready.map(|()| body))).is_err() {
        return;
    }
    let turn = Arc::new(Semaphore::new(1));
    let mut first = Some(first);
    loop {
        let Ok(permit) = Arc::clone(&turn).acquire_owned().await else {
            return;
        };
        let next = match first.take() {
            Some(first) => Ok(first),
            None => piece(&mut response).await,
        };
        let is_last = next.as_ref().map_or(true, |piece| piece.len() < PIECE);
        let frame = next.map(|bytes| {
            Frame::data(Bytes::from_owner(Piece {
                bytes,
                _permit: permit,
            }))
        });
        if pieces.send(frame).await.is_err() || is_last {
            return;
        }
    }
}

/// Piece of a response that is being sent. When it is written it is dropped, and the next one may be sent.
struct Piece {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|error: Infallible| match error {})
        .boxed_unsync()
}

/// Returns the next bytes of the body: [`PIECE`] of them, or fewer at its end.
async fn piece(response: &mut LocalResponse<'_>) -> io::Result<Vec<u8>> {
    // One byte more than a short body has, so that its end is found without more memory.
    let size = response.body().preset_size().map_or(PIECE, |size| size + 1);
    let mut bytes = Vec::with_capacity(size.min(PIECE));
    while bytes.len() < PIECE && response.read_buf(&mut bytes).await? > 0 {}
    Ok(bytes)
}
