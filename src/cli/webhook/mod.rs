//! `chattrix webhook`: endpoints, their state and their deliveries.

mod list;

use chattrix::webhook_model::EventType;
use chattrix::wire::control::Tested;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::GlobalArgs;
use super::confirm::confirm_at_terminal;
use super::error::CliError;
use super::output::{self, Cell, Tint};
use super::source::{ServerArg, Source};
use super::table::{self, Column, Wide, text, whole};

const COLUMNS: [Column; 3] = [whole("RECEIVER"), whole("TOOK"), text("RESULT")];

/// The arguments of `chattrix webhook`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix webhook list\n  \
    chattrix webhook test\n  \
    chattrix webhook list --messages --state given_up\n  \
    chattrix webhook retry msg_0192f0c17a4b7c3d8e5f0123456789ab\n  \
    chattrix webhook resume 1\n\n\
    The setting webhook_url names endpoints, and `create` makes some. All subcommands but list need the running server.")]
pub struct Webhook {
    #[command(flatten)]
    at: ServerArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List endpoints, or messages and their attempts
    List(list::List),
    /// Send a test message and print the result
    #[command(after_help = "Examples:\n  chattrix webhook test\n  chattrix webhook test 2")]
    Test {
        /// Select the endpoint by number; default: all
        #[arg(value_name = "RECEIVER")]
        receiver: Option<i64>,
        /// Print JSON: a list of {receiver, delivered, tookMs, result}
        #[arg(long)]
        json: bool,
    },
    /// Send one message again, or all undelivered ones
    #[command(after_help = "Examples:\n  \
        chattrix webhook retry\n  \
        chattrix webhook retry msg_0192f0c17a4b7c3d8e5f0123456789ab")]
    Retry {
        /// Select the message by id; default: all undelivered
        #[arg(value_name = "MESSAGE")]
        message: Option<String>,
    },
    /// Pause deliveries to an endpoint
    #[command(after_help = "Examples:\n  chattrix webhook pause\n  chattrix webhook pause 2")]
    Pause {
        /// Select the endpoint by number; default: all
        #[arg(value_name = "RECEIVER")]
        receiver: Option<i64>,
    },
    /// Resume deliveries to an endpoint
    #[command(after_help = "Examples:\n  chattrix webhook resume\n  chattrix webhook resume 2")]
    Resume {
        /// Select the endpoint by number; default: all
        #[arg(value_name = "RECEIVER")]
        receiver: Option<i64>,
    },
    /// Create an endpoint and print its secret once
    #[command(after_help = "Examples:\n  \
        chattrix webhook create https://app.example.com/chattrix\n  \
        chattrix webhook create https://push.example.com --event call.unreached\n\n\
        The secret goes to standard output. It signs the messages, as Standard Webhooks says.")]
    Create {
        /// Set the URL of the endpoint
        #[arg(value_name = "URL")]
        url: String,
        /// Set an event type to deliver; default: as in the settings
        #[arg(long = "event", value_name = "TYPE", value_parser = event_parser())]
        events: Vec<EventType>,
        /// Print JSON: {receiver, url, events, secret, ...}
        #[arg(long)]
        json: bool,
    },
    /// Create a new secret of an endpoint and print it once
    #[command(after_help = "Examples:\n  chattrix webhook rotate 2\n\n\
        For a day, each message has a signature of the new secret and one of the secret before.")]
    Rotate {
        /// Select the endpoint by number
        #[arg(value_name = "RECEIVER")]
        receiver: i64,
        /// Print JSON: {receiver, url, events, secret, ...}
        #[arg(long)]
        json: bool,
    },
    /// Delete an endpoint and the messages that wait for it
    #[command(after_help = "Examples:\n  chattrix webhook delete 2\n\n\
        Endpoints of the settings are deleted there.")]
    Delete {
        /// Select the endpoint by number
        #[arg(value_name = "RECEIVER")]
        receiver: i64,
        /// Skip the confirmation at a terminal
        #[arg(long)]
        yes: bool,
    },
}

impl Webhook {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let source = &*self.at.source(global)?;
        match self.action {
            Action::List(list) => list.run(source),
            Action::Test { receiver, json } => test(source, receiver, json),
            Action::Retry { message } => retry(source, message),
            Action::Pause { receiver } => {
                let paused = source.pause_webhooks(receiver, true)?;
                output::tell(&format!("{paused} receivers paused"));
                Ok(())
            }
            Action::Resume { receiver } => {
                let resumed = source.pause_webhooks(receiver, false)?;
                output::tell(&format!("{resumed} receivers resumed"));
                Ok(())
            }
            Action::Create { url, events, json } => {
                let mut endpoint = json!({ "url": url });
                if !events.is_empty() {
                    endpoint["events"] = events.into_iter().map(EventType::as_str).collect();
                }
                secret(&source.make_webhook(endpoint)?, "created", json)
            }
            Action::Rotate { receiver, json } => {
                secret(&source.rotate_webhook(receiver)?, "rotated", json)
            }
            Action::Delete { receiver, yes } => {
                let question = format!("Delete endpoint {receiver} and its messages?");
                confirm_at_terminal(yes, &question)?;
                source.delete_webhook(receiver)?;
                output::tell(&format!("deleted endpoint {receiver}"));
                Ok(())
            }
        }
    }
}

/// Prints the secret of an endpoint that was `changed`.
fn secret(endpoint: &Value, changed: &str, json: bool) -> Result<(), CliError> {
    if json {
        return Ok(output::json(endpoint)?);
    }
    output::line(endpoint["secret"].as_str().unwrap_or_default())?;
    let receiver = &endpoint["receiver"];
    output::tell(&format!(
        "{changed} endpoint {receiver}; store the secret now, it is not shown again"
    ));
    Ok(())
}

fn retry(source: &dyn Source, message: Option<String>) -> Result<(), CliError> {
    let Some(id) = message else {
        let retried = source.retry_webhooks()?;
        output::tell(&format!("{retried} deliveries are tried again"));
        return Ok(());
    };
    source.retry_webhook_message(&id)?;
    output::tell(&format!("{id} is sent again"));
    Ok(())
}

fn test(source: &dyn Source, receiver: Option<i64>, json: bool) -> Result<(), CliError> {
    let receivers = source.test_webhooks(receiver)?;
    if json {
        output::json(&json!(receivers))?;
    } else {
        let rows = receivers.iter().map(row);
        table::print(&COLUMNS, rows, Wide::default())?;
    }
    let failed = receivers.iter().filter(|one| !one.delivered).count();
    if failed > 0 {
        let all = receivers.len();
        return Err(CliError::new(format!(
            "{failed} of {all} receivers did not take the message"
        )));
    }
    Ok(())
}

fn row(tested: &Tested) -> Vec<Cell> {
    let tint = if tested.delivered {
        Tint::Good
    } else {
        Tint::Bad
    };
    vec![
        tested.receiver.to_string().into(),
        format!("{} ms", tested.took_ms).into(),
        Cell::tinted(tested.result.as_str(), Some(tint)),
    ]
}

/// The event types by their words.
fn event_parser() -> impl TypedValueParser<Value = EventType> {
    PossibleValuesParser::new(EventType::ALL.map(EventType::as_str)).map(|word| {
        let event = EventType::parse(&word);
        event.expect("clap lets only these words through")
    })
}
