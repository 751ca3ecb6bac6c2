//! `chattrix webhook`: endpoints, their state and their deliveries.

mod list;

use chattrix::wire::control::{Answer, Request, Tested, Webhooks};
use clap::{Args, Subcommand};

use super::GlobalArgs;
use super::control_client::{ControlClient, runtime};
use super::error::CliError;
use super::output::{self, Cell, Tint};
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
    The setting webhook_url names the endpoints. All subcommands but list need the running server.")]
pub struct Webhook {
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
}

impl Webhook {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        match self.action {
            Action::List(list) => list.run(global),
            Action::Test { receiver, json } => test(global, receiver, json),
            Action::Retry { message } => retry(global, message),
            Action::Pause { receiver } => {
                count(global, Webhooks::Pause { receiver }, "receivers paused")
            }
            Action::Resume { receiver } => {
                count(global, Webhooks::Resume { receiver }, "receivers resumed")
            }
        }
    }
}

/// Asks the running server, and says how many there were of what.
fn count(global: &GlobalArgs, asked: Webhooks, what: &str) -> Result<(), CliError> {
    if let Answer::Counted { count } = ask(global, asked)? {
        output::tell(&format!("{count} {what}"));
    }
    Ok(())
}

fn retry(global: &GlobalArgs, message: Option<String>) -> Result<(), CliError> {
    match message {
        None => count(
            global,
            Webhooks::Retry { message },
            "deliveries are tried again",
        ),
        Some(id) => {
            let message = Some(id.clone());
            ask(global, Webhooks::Retry { message })?;
            output::tell(&format!("{id} is sent again"));
            Ok(())
        }
    }
}

fn test(global: &GlobalArgs, receiver: Option<i64>, json: bool) -> Result<(), CliError> {
    let Answer::Tested { receivers } = ask(global, Webhooks::Test { receiver })? else {
        return Err(CliError::new("the server answered something else"));
    };
    if json {
        output::json(&receivers.iter().map(Tested::to_json).collect())?;
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

fn ask(global: &GlobalArgs, asked: Webhooks) -> Result<Answer, CliError> {
    let context = global.context()?;
    let database = &context.settings.database;
    // A receiver that does not answer takes as long as the setting lets it, and connecting before that.
    let patience = context.settings.webhook_timeout;
    runtime()?.block_on(async {
        let mut server = ControlClient::required(database, "send webhooks").await?;
        server
            .ask_with_timeout(&Request::Webhooks(asked), patience)
            .await
    })
}
