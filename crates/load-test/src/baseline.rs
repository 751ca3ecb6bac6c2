//! Baseline of the machine without the server: the round trip of a bare WebSocket echo, and a disk sync.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async_with_config, client_async_with_config};

use crate::error::Error;
use crate::pair::micros;
use crate::socket;

/// Interval of round trips: the interval of calls in the case that the echo is compared with, 50 a second. Each is
/// halfway between two calls, so that neither delays the other.
const EVERY: Duration = Duration::from_millis(20);

/// Length of a message of the server.
const TEXT: [u8; 160] = [b'.'; 160];

/// Number of syncs measured back to back, and with a pause before each.
const SYNCS: (usize, usize) = (50, 25);

/// Echo server on a thread of its own.
#[derive(Clone, Copy)]
pub struct Echo(SocketAddr);

impl Echo {
    /// Starts the server; it ends with the process.
    pub fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::EchoStart)?;
        listener.set_nonblocking(true).map_err(Error::EchoStart)?;
        let address = listener.local_addr().map_err(Error::EchoStart)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::EchoStart)?;
        thread::Builder::new()
            .name("echo".to_owned())
            .spawn(move || runtime.block_on(serve(listener)))
            .map_err(Error::EchoStart)?;
        Ok(Self(address))
    }

    /// Measures round trips in microseconds, one every 20 ms, for `duration`.
    pub async fn measure(self, duration: Duration) -> Result<Vec<u32>, Error> {
        let lost = |error: &dyn std::fmt::Display| Error::Echo(error.to_string());
        let stream = TcpStream::connect(self.0)
            .await
            .map_err(|error| lost(&error))?;
        stream.set_nodelay(true).map_err(|error| lost(&error))?;
        let url = format!("ws://{}/", self.0);
        let (mut socket, _) = client_async_with_config(url, stream, Some(socket::config()))
            .await
            .map_err(|error| lost(&error))?;
        let text = String::from_utf8_lossy(&TEXT).into_owned();
        let now = Instant::now();
        let (until, mut ticks) = (now + duration, interval_at((now + EVERY / 2).into(), EVERY));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut times = Vec::new();
        while Instant::now() < until {
            ticks.tick().await;
            let began = Instant::now();
            let sent = socket.send(Message::text(text.clone())).await;
            sent.map_err(|error| lost(&error))?;
            match socket.next().await {
                Some(Ok(_)) => times.push(micros(began)),
                Some(Err(error)) => return Err(lost(&error)),
                None => return Err(lost(&"closed")),
            }
        }
        Ok(times)
    }
}

async fn serve(listener: TcpListener) {
    let listener =
        tokio::net::TcpListener::from_std(listener).expect("it was made for this in `start`");
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(mut socket) = accept_async_with_config(stream, Some(socket::config())).await
            else {
                return;
            };
            while let Some(Ok(message)) = socket.next().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Times to add a page to a file and have it on the disk, in microseconds.
pub struct Syncs {
    /// Back to back, as under full load.
    pub busy: Vec<u32>,
    /// One every 20 ms. Many disks, above all those of virtual machines, are slower after an idle period.
    pub rested: Vec<u32>,
}

impl Syncs {
    /// Measures the disk of `folder`.
    pub fn measure(folder: &Path) -> Result<Self, Error> {
        let measure = || -> io::Result<Self> {
            let mut file: File = tempfile::tempfile_in(folder)?;
            let page = [0; 4096];
            let mut sync = |_| {
                let began = Instant::now();
                file.write_all(&page)?;
                file.sync_data()?;
                Ok(micros(began))
            };
            let busy: io::Result<_> = (0..SYNCS.0).map(&mut sync).collect();
            let rested = (0..SYNCS.1).map(|number| {
                thread::sleep(EVERY);
                sync(number)
            });
            Ok(Self {
                rested: rested.collect::<io::Result<_>>()?,
                busy: busy?,
            })
        };
        measure().map_err(|error| Error::Disk {
            folder: folder.display().to_string(),
            error,
        })
    }
}
