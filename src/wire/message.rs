//! Messages from clients over the WebSocket (specification, "Client to Server Messages"; contract section 4).

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::call::{AppMessage, MAX_SIGNAL_BYTES, QualityReport, RejectReason, Signal};

use super::fields::{Fields, ValidationError};
use super::json;
use super::request::{duration_seconds, quality_report, reason};

/// Valid message. Call ids are kept as they were sent.
#[derive(PartialEq)]
pub enum Message {
    /// `call.accept`.
    Accept {
        /// `callId`.
        call_id: String,
    },
    /// `call.reject`.
    Reject {
        /// `callId`.
        call_id: String,
        /// `reason`.
        reason: RejectReason,
    },
    /// `call.end`.
    End {
        /// `callId`.
        call_id: String,
        /// `durationSeconds`.
        duration_seconds: Option<u32>,
    },
    /// `call.quality`.
    Quality {
        /// `callId`.
        call_id: String,
        /// The other fields.
        report: QualityReport,
    },
    /// `call.signal`.
    Signal {
        /// `callId`.
        call_id: String,
        /// `signal`.
        signal: Signal,
    },
    /// `heartbeat`.
    Heartbeat,
    /// `session.refresh`.
    Refresh {
        /// `token`.
        token: String,
    },
    /// A type that begins with `app.`: for the team's backend.
    App(AppMessage),
}

impl Message {
    /// Returns the id of the call that it is about, as it was sent.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        match self {
            Self::Accept { call_id }
            | Self::Reject { call_id, .. }
            | Self::End { call_id, .. }
            | Self::Quality { call_id, .. }
            | Self::Signal { call_id, .. } => Some(call_id),
            Self::Heartbeat | Self::Refresh { .. } | Self::App(_) => None,
        }
    }
}

impl fmt::Debug for Message {
    /// Omits the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept { call_id } => write!(f, "call.accept {call_id:?}"),
            Self::Reject { call_id, reason } => {
                write!(f, "call.reject {call_id:?} {}", reason.as_str())
            }
            Self::End {
                call_id,
                duration_seconds,
            } => write!(f, "call.end {call_id:?} {duration_seconds:?}"),
            Self::Quality { call_id, report } => {
                write!(f, "call.quality {call_id:?} {}", report.quality.as_str())
            }
            Self::Signal { call_id, signal } => write!(f, "call.signal {call_id:?} {signal:?}"),
            Self::Heartbeat => f.write_str("heartbeat"),
            Self::Refresh { .. } => f.write_str("session.refresh"),
            Self::App(message) => message.fmt(f),
        }
    }
}

/// Message that is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The `callId` of the message, if any.
    pub call_id: Option<String>,
    /// The error, and what was expected.
    pub message: String,
}

/// Reads `{type, payload}`; with `app_messages`, also messages for the team's backend.
pub fn parse(text: &str, app_messages: bool) -> Result<Message, ParseError> {
    // A byte order mark may be ignored (RFC 8259, section 8.1), as in a body.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = json::parse(text.as_bytes()).map_err(|error| ParseError {
        call_id: None,
        message: format!("message: expected JSON {{type, payload}}: {error}"),
    })?;
    message(&value, text, app_messages).map_err(|ValidationError(message)| ParseError {
        call_id: sent_call_id(&value),
        message,
    })
}

/// Returns the error for a binary message.
#[must_use]
pub fn binary() -> ParseError {
    let message =
        "message: expected a text message with JSON {type, payload}, got a binary one".to_owned();
    ParseError {
        call_id: None,
        message,
    }
}

fn message(value: &Value, text: &str, app_messages: bool) -> Result<Message, ValidationError> {
    const TYPES: &str = "one of call.accept, call.reject, call.end, call.quality, call.signal, \
                         heartbeat, session.refresh";
    let fields = Fields::of(value, "message")?;
    match fields.text("type", TYPES)? {
        "call.accept" => {
            let payload = fields.object("payload")?;
            Ok(Message::Accept {
                call_id: call_id(payload)?,
            })
        }
        "call.reject" => {
            let payload = fields.object("payload")?;
            Ok(Message::Reject {
                call_id: call_id(payload)?,
                reason: reason(payload)?,
            })
        }
        "call.end" => {
            let payload = fields.object("payload")?;
            Ok(Message::End {
                call_id: call_id(payload)?,
                duration_seconds: duration_seconds(payload),
            })
        }
        "call.quality" => {
            let payload = fields.object("payload")?;
            Ok(Message::Quality {
                call_id: call_id(payload)?,
                report: quality_report(payload)?,
            })
        }
        "call.signal" => {
            let payload = fields.object("payload")?;
            let call_id = call_id(payload)?;
            payload.read("signal", ANY, |_| Some(()))?;
            Ok(Message::Signal {
                call_id,
                signal: signal(text)?,
            })
        }
        "heartbeat" => Ok(Message::Heartbeat),
        "session.refresh" => {
            let token = fields.object("payload")?.text("token", "a token")?;
            Ok(Message::Refresh {
                token: token.to_owned(),
            })
        }
        kind if app_messages && kind.starts_with(AppMessage::PREFIX) => {
            fields.read("payload", ANY, |_| Some(()))?;
            let message = AppMessage::new(kind, payload(text)?.get());
            let expected = AppMessage::EXPECTED_TYPE;
            message
                .map(Message::App)
                .ok_or_else(|| ValidationError(format!("type: expected {expected}")))
        }
        other => {
            let shown: String = other.chars().take(64).collect();
            Err(ValidationError(format!(
                "type: expected {TYPES}, got {shown:?}"
            )))
        }
    }
}

/// Expected form of what the server does not parse, for messages.
const ANY: &str = "any JSON";

fn call_id(payload: Fields<'_>) -> Result<String, ValidationError> {
    payload
        .text("callId", "the id of a call")
        .map(str::to_owned)
}

/// Returns the payload of a message, byte for byte as it was sent: the other end may depend on the order of fields, or
/// on numbers that no other parser preserves.
fn payload(text: &str) -> Result<&RawValue, ValidationError> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    let whole: Whole<'_> = serde_json::from_str(text)
        .map_err(|error| ValidationError(format!("payload: expected {ANY}: {error}")))?;
    Ok(whole.payload)
}

/// Returns the signal of a `call.signal` message, byte for byte as it was sent.
fn signal(text: &str) -> Result<Signal, ValidationError> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        signal: &'a RawValue,
    }
    let payload: Payload<'_> = serde_json::from_str(payload(text)?.get())
        .map_err(|error| ValidationError(format!("signal: expected {ANY}: {error}")))?;
    let json = payload.signal.get();
    Signal::of_json(json).ok_or_else(|| {
        let bytes = json.len();
        ValidationError(format!(
            "signal: expected {ANY} in at most {MAX_SIGNAL_BYTES} bytes, got {bytes} bytes"
        ))
    })
}

fn sent_call_id(value: &Value) -> Option<String> {
    let payload = Fields::of(value, "message").ok()?.object("payload").ok()?;
    payload.any_text("callId").map(str::to_owned)
}
