//! `chattrix db nodes`.

use clap::Args;
use serde_json::json;

use super::super::error::CliError;
use super::super::{GlobalArgs, format, output};

/// The arguments of `chattrix db nodes`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db nodes\n  \
    chattrix db nodes --json\n\n\
    Each node of a PostgreSQL database takes calls. A node that was killed stays in the list until the \
    others remove it, 10 to 20 s later.")]
pub struct Nodes {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Nodes {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let database = &context.settings.database;
        if !chattrix::store::is_url(database) {
            let file = database.display();
            return Err(CliError::new(format!(
                "{file} is a file, which has one server: expected a PostgreSQL database"
            )));
        }
        let nodes = context.database_to_read()?.nodes()?;
        if self.json {
            let node = |node: &chattrix::store::NodeInfo| {
                json!({
                    "name": node.name,
                    "version": node.version,
                    "active": node.is_active,
                    "duties": node.has_duties,
                    "sessions": node.sessions,
                    "startedSecondsAgo": node.running_for,
                    "seenSecondsAgo": node.silent_for,
                })
            };
            let nodes: Vec<_> = nodes.iter().map(node).collect();
            return Ok(output::json(&json!(nodes))?);
        }
        let seconds = |seconds: i64| {
            format::duration(std::time::Duration::from_secs(
                u64::try_from(seconds).unwrap_or(0),
            ))
        };
        for node in nodes {
            output::line(&format!(
                "{}  {}{}  {} sessions, version {}, started {} ago, seen {} ago",
                output::printable(&node.name),
                if node.is_active { "active" } else { "dead" },
                if node.has_duties {
                    ", has the duties"
                } else {
                    ""
                },
                node.sessions,
                output::printable(&node.version),
                seconds(node.running_for),
                seconds(node.silent_for)
            ))?;
        }
        Ok(())
    }
}
