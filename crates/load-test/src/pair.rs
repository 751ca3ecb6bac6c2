//! Two users, and their calls.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::User;
use crate::error::CallError;
use crate::http::Http;
use crate::server::Server;
use crate::socket::Socket;

/// Time limit for a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Measured hops of a call, in the order in which they happen; all but `SETUP` and `CALL` one after the other.
pub const HOPS: [&str; 6] = [
    "initiate",
    "invitation",
    "accept",
    "end",
    "set-up",
    "whole call",
];

/// From the request to its answer 201.
const INITIATE: usize = 0;
/// From the request to the invitation at the callee.
const INVITATION: usize = 1;
/// From `call.accept` to `call_accepted` at the caller.
const ACCEPT: usize = 2;
/// From `call.end` to `call_ended` at the callee.
const END: usize = 3;
/// From the request to `call_accepted` at the caller.
pub const SETUP: usize = 4;
/// From the request to `call_ended` at the callee.
const CALL: usize = 5;

/// Duration of each hop of a call, in microseconds.
pub type Times = [u32; HOPS.len()];

/// A caller and a callee.
pub struct Pair {
    server: Server,
    caller: User,
    callee: User,
    connections: Option<Connections>,
}

struct Connections {
    rest: Http,
    at_caller: Socket,
    at_callee: Socket,
    /// Current step, for the error of a timeout.
    step: &'static str,
}

impl Pair {
    /// Makes a pair on `server`, not connected yet.
    pub const fn new(server: Server, caller: User, callee: User) -> Self {
        Self {
            server,
            caller,
            callee,
            connections: None,
        }
    }

    /// Connects the users that are not connected.
    pub async fn connect(&mut self) -> Result<(), CallError> {
        self.connected().await.map(drop)
    }

    async fn connected(&mut self) -> Result<&mut Connections, CallError> {
        if self.connections.is_none() {
            let (server, caller) = (&self.server, &self.caller.token);
            self.connections = Some(Connections {
                rest: Http::connect(server, caller).await?,
                at_caller: Socket::connect(server, caller).await?,
                at_callee: Socket::connect(server, &self.callee.token).await?,
                step: "call",
            });
        }
        Ok(self
            .connections
            .as_mut()
            .expect("they were connected just now"))
    }

    /// Plays one call that began at `began`, to its end. After an error both disconnect, and reconnect for the next
    /// call.
    pub async fn call(&mut self, began: Instant) -> Result<Times, CallError> {
        let callee = self.callee.id.clone();
        let connections = self.connected().await?;
        let called = timeout(CALL_TIMEOUT, connections.call(&callee, began)).await;
        let error = match called {
            Ok(Ok(times)) => return Ok(times),
            Ok(Err(error)) => error,
            Err(_) => CallError::TimedOut(connections.step),
        };
        // The result of this is ignored: the error is already known.
        let _ = timeout(CALL_TIMEOUT, connections.hang_up()).await;
        self.connections = None;
        Err(error)
    }
}

impl Connections {
    async fn call(&mut self, callee: &str, began: Instant) -> Result<Times, CallError> {
        let mut times = Times::default();
        let body =
            format!(r#"{{"calleeId":"{callee}","callType":"AUDIO","channelId":"load-test"}}"#);
        let initiate = async {
            let asked = self
                .rest
                .ask("POST /api/v1/calls/initiate", &body, 201)
                .await?;
            Ok::<_, CallError>((asked.map(str::to_owned), micros(began)))
        };
        let answer = async {
            self.step = "call_invitation";
            let call = self.at_callee.receive("call_invitation", None).await?;
            let invited = micros(began);
            self.at_callee.send("call.accept", &call).await?;
            self.step = "call_accepted";
            let sent = Instant::now();
            self.at_caller.receive("call_accepted", Some(&call)).await?;
            Ok::<_, CallError>((call, invited, micros(sent), micros(began)))
        };
        let (initiated, answered) = tokio::try_join!(initiate, answer)?;
        let call = answered.0;
        if initiated.0.as_ref() != Some(&call) {
            return Err(CallError::Lost(
                "the invitation was to another call".to_owned(),
            ));
        }
        (
            times[INITIATE],
            times[INVITATION],
            times[ACCEPT],
            times[SETUP],
        ) = (initiated.1, answered.1, answered.2, answered.3);
        let sent = Instant::now();
        self.at_caller.send("call.end", &call).await?;
        self.step = "call_ended";
        self.at_callee.receive("call_ended", Some(&call)).await?;
        (times[END], times[CALL]) = (micros(sent), micros(began));
        Ok(times)
    }

    /// Ends a call that is still live, if any, so that the next one is not rejected.
    async fn hang_up(&mut self) -> Result<(), CallError> {
        let active = self.rest.ask("GET /api/v1/calls/active", "", 200).await?;
        if let Some(call) = active.map(str::to_owned) {
            let end = format!("POST /api/v1/calls/{call}/end");
            self.rest.ask(&end, "{}", 200).await?;
        }
        Ok(())
    }
}

/// Returns the microseconds since `began`.
pub fn micros(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX)
}
