//! Event loop over the server, standard input and Ctrl-C.

use std::io::{self, BufRead, IsTerminal};
use std::thread;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::super::error::CliError;
use super::super::output::{self, printable};
use super::server::Socket;
use super::session::{Session, Step};

/// Time limit for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs until the user quits or the server closes the connection.
///
/// # Errors
/// The connection was lost or closed by the server.
pub async fn run(mut socket: Socket, mut session: Session) -> Result<(), CliError> {
    let ends_with_input = io::stdin().is_terminal() && !session.answers_by_itself();
    let mut lines = lines();
    let mut typing = true;
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            received = socket.next() => {
                if let Some(reply) = on_frame(received, &mut session)? {
                    send(&mut socket, reply).await?;
                }
            }
            line = lines.recv(), if typing => match line.as_deref().map(|line| session.on_line(line)) {
                Some(Step::Send(message)) => send(&mut socket, message).await?,
                Some(Step::Say(text)) => output::tell(&text),
                Some(Step::Nothing) => {}
                Some(Step::Quit) => break,
                None if ends_with_input => break,
                None => typing = false,
            },
            _ = &mut interrupt => break,
        }
    }
    close(socket).await;
    Ok(())
}

/// Prints a message and returns the reply to it, if there is one.
fn on_frame(
    received: Option<Result<Message, Error>>,
    session: &mut Session,
) -> Result<Option<String>, CliError> {
    match received {
        Some(Ok(Message::Text(text))) => {
            let Ok(message) = serde_json::from_str::<Value>(&text) else {
                output::tell(&format!(
                    "the server sent a message that is not JSON: {}",
                    printable(&text)
                ));
                return Ok(None);
            };
            // Unchanged, unless it has line breaks: the output is one line per message.
            if text.contains(['\n', '\r']) {
                output::line(&message.to_string())?;
            } else {
                output::line(&text)?;
            }
            Ok(session.on_message(&message))
        }
        Some(Ok(Message::Close(frame))) => Err(closed(frame.as_ref())),
        Some(Ok(Message::Binary(bytes))) => {
            output::tell(&format!(
                "the server sent a binary message of {} bytes",
                bytes.len()
            ));
            Ok(None)
        }
        // The library answers pings itself.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Err(error)) => Err(CliError::new(format!("the connection was lost: {error}"))),
        None => Err(closed(None)),
    }
}

/// Returns the error for a close frame, with the meaning of its code (contract section 4).
fn closed(frame: Option<&CloseFrame>) -> CliError {
    let Some(CloseFrame { code, reason }) = frame else {
        return CliError::new("the server closed the connection without a close frame");
    };
    let code = u16::from(*code);
    let meaning = match code {
        1009 => "the message was too large",
        1012 => "the server is stopping",
        1013 => "this client reads too slowly",
        4000 => "another connection replaced this one",
        4001 => "the token has expired",
        4003 => "the backend closed the session",
        _ => "no reason given",
    };
    let reason = if reason.is_empty() {
        meaning.to_owned()
    } else {
        printable(reason)
    };
    CliError::new(format!(
        "the server closed the connection: {reason} (code {code})"
    ))
}

async fn send(socket: &mut Socket, message: String) -> Result<(), CliError> {
    match socket.send(Message::text(message)).await {
        // The close frame with the server's reason is still to be read.
        Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => Ok(()),
        Err(error) => Err(CliError::new(format!("the connection was lost: {error}"))),
    }
}

async fn close(mut socket: Socket) {
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    let closing = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // The program ends; whether the server received the close makes no difference.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}

/// Reads the lines of standard input on a detached thread: a blocking read would otherwise delay the end of the
/// program until the next line.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_error_has_the_reason_and_the_code() {
        let sentence = |code, reason: &'static str| {
            closed(Some(&CloseFrame {
                code: CloseCode::from(code),
                reason: reason.into(),
            }))
            .to_string()
        };
        for (code, reason, told) in [
            (4000, "replaced", "replaced (code 4000)"),
            (1012, "", "the server is stopping (code 1012)"),
            (3000, "", "no reason given (code 3000)"),
        ] {
            assert!(
                sentence(code, reason).ends_with(told),
                "{}",
                sentence(code, reason)
            );
        }
    }
}
