//! Idle users: connected, without calls.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Target;
use crate::error::Error;
use crate::socket::Socket;

/// Sockets that are opened concurrently.
const AT_A_TIME: usize = 32;

/// Time for a server to release the memory of the upgrades before it is measured.
const REST: Duration = Duration::from_secs(1);

/// Open sockets; closed when dropped.
pub struct Idle {
    _listeners: JoinSet<()>,
    opened: Option<Opened>,
}

/// Statistics of opening the sockets.
#[derive(Clone, Copy)]
pub struct Opened {
    pub sockets: u32,
    pub took: Duration,
}

impl Idle {
    /// Opens the sockets of `count` users of `target`, some at a time.
    pub async fn open(target: &mut Target, count: u16) -> Result<Self, Error> {
        let mut users = target.take(count.into());
        let (began, mut opening) = (Instant::now(), JoinSet::new());
        let mut listeners = JoinSet::new();
        loop {
            while opening.len() < AT_A_TIME
                && let Some(user) = users.next()
            {
                let server = target.server.clone();
                opening.spawn(async move { Socket::connect(&server, &user.token).await });
            }
            let Some(opened) = opening.join_next().await else {
                break;
            };
            let socket = opened.expect("opening a socket does not panic");
            let socket = socket.map_err(|error| target.rejected(error))?;
            listeners.spawn(socket.idle());
        }
        let opened = Opened {
            sockets: count.into(),
            took: began.elapsed(),
        };
        if count > 0 {
            tokio::time::sleep(REST).await;
        }
        Ok(Self {
            _listeners: listeners,
            opened: (count > 0).then_some(opened),
        })
    }

    /// Returns the statistics, if sockets were opened.
    pub const fn opened(&self) -> Option<Opened> {
        self.opened
    }
}
