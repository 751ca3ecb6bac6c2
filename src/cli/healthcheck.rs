//! `chattrix healthcheck`: checks whether the server takes requests, for containers and scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use chattrix::settings::Overrides;
use clap::Args;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::context::Context;
use super::control_client::{ControlClient, runtime};
use super::error::CliError;
use super::{GlobalArgs, output};

/// Time limit for the server: less than the usual limit of containers, 5 s.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Bytes read of a response at most: many times what `/readyz` returns.
const MAX_ANSWER: u64 = 64 * 1024;

/// The arguments of `chattrix healthcheck`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix healthcheck\n  \
    chattrix healthcheck --port 8080 --json\n\n\
    It requests /readyz of the server of these settings. The exit code is 0 if the server takes \
    requests, else 1. If the server uses its own TLS, the request goes through its control socket.")]
pub struct Healthcheck {
    /// Use the address that the server was started with
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// Use the port that the server was started with
    #[arg(long)]
    port: Option<u16>,
    /// Print JSON: the response of /readyz
    #[arg(long)]
    json: bool,
}

impl Healthcheck {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = Context::load(&Overrides {
            address: self.address,
            port: self.port,
            ..global.overrides()
        })?;
        let config = rocket::Config::try_from(&context.figment)
            .map_err(|error| CliError::new(error.to_string()))?;
        let server = SocketAddr::new(from_here(config.address), config.port);
        let asked = async {
            if config.tls_enabled() {
                // An aborted TLS handshake would appear in the server's log each time.
                return ask_control_socket(&context).await;
            }
            ask(server).await
        };
        let health = runtime()?
            .block_on(async { tokio::time::timeout(TIMEOUT, asked).await })
            .unwrap_or_else(|_| {
                let waited = TIMEOUT.as_secs();
                Err(CliError::new(format!(
                    "{server} did not respond within {waited} s"
                )))
            })?;
        if self.json {
            output::json(&health)?;
        }
        match health["status"].as_str() {
            Some("ready" | "degraded") => {
                output::tell("ready");
                Ok(())
            }
            Some(status) => Err(CliError::new(format!(
                "{server} is {}: {}",
                status.replace('_', " "),
                what_fails(&health)
            ))),
            None => Err(CliError::new(format!("{server} is not a Chattrix server"))),
        }
    }
}

/// Returns the address to reach a server on the same machine that listens on `address`.
fn from_here(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

async fn connect(server: SocketAddr) -> Result<TcpStream, CliError> {
    TcpStream::connect(server)
        .await
        .map_err(|error| CliError::new(format!("no server responds at {server}: {error}")))
}

/// Returns the JSON of `/readyz`, or null if the response is not JSON.
async fn ask(server: SocketAddr) -> Result<Value, CliError> {
    let mut stream = connect(server).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let exchanged = async {
        stream.write_all(request.as_bytes()).await?;
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await
    };
    exchanged
        .await
        .map_err(|error| CliError::new(format!("{server} closed the connection: {error}")))?;
    let answer = String::from_utf8_lossy(&answer);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok(body
        .and_then(|body| serde_json::from_str(body).ok())
        .unwrap_or_default())
}

async fn ask_control_socket(context: &Context) -> Result<Value, CliError> {
    let database = &context.settings.database;
    let mut server = ControlClient::required(database, "check the server").await?;
    Ok(server.status().await?.map_or(Value::Null, |status| {
        json!({
            "status": if status.ready { "ready" } else { "not_ready" },
            "version": status.version,
            "uptimeSeconds": status.uptime_seconds,
        })
    }))
}

/// Returns which parts of the server fail.
fn what_fails(health: &Value) -> String {
    let is_false = |pointer: &str| health.pointer(pointer) == Some(&json!(false));
    let failing: Vec<_> = [
        ("/database/readable", "the database cannot be read"),
        ("/database/writable", "the database cannot be written"),
        ("/sweeper/alive", "the sweeper does not run"),
    ]
    .into_iter()
    .filter(|(pointer, _)| is_false(pointer))
    .map(|(_, sentence)| sentence)
    .collect();
    if failing.is_empty() {
        return "see its log".to_owned();
    }
    failing.join(", ")
}
